"""Figures of runs: true to what was learnt, drawn from a folder alone, and bad folders are one line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from sympy import Rational

from tableau2net.analysis import effective_step
from tableau2net.codegen.learnable import learning
from tableau2net.errors import InputError
from tableau2net.plot.runs import curves
from tableau2net.plot.runs import effective_step as lengths_of
from tableau2net.plot.runs import learnt_coefficients as coefficients
from tableau2net.plot.runs import overlay as runs
from tableau2net.plot.runs.effective_step import lengths, step_length
from tableau2net.plot.runs.levels import levels
from tableau2net.runs.labels import labelled
from tableau2net.runs.logged import read_logged
from tableau2net.scheme import load
from tableau2net.scheme.saved import dumps
from tableau2net.training import Recipe, Result, train

K = {"blocks.0.k": [-0.25, 0.5], "blocks.1.k": [0.0]}


def row(epoch: int, **changes: Any) -> dict[str, Any]:
    return {
        "epoch": epoch, "lr": 0.1, "train_loss": 2.0 / epoch, "train_error": 90.0 / epoch, "validation_error": None,
        "test_error": 91.0 / epoch, "images_per_second": 300.0, "seconds": 2.0, "coefficients": K,
    } | changes  # fmt: skip


ABOUT: dict[str, Any] = {
    "model": "lm_resnet14", "scheme": "lm", "order": 0, "depth": 14, "options": {"coefficients": "learnable"},
    "seed": 0, "recipe": {"epochs": 3, "lr": 0.1}, "data": {"source": "glyphs:60:20", "train": 60, "digest": "d"},
}  # fmt: skip


def folder(path: Path, rows: list[dict[str, Any]], *, finished: bool = True, **changes: Any) -> Path:
    """The folder of a run as `train` leaves it, its weights aside."""
    about = {**ABOUT, **changes}
    path.mkdir(parents=True, exist_ok=True)
    (path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scheme = load(about["scheme"])
    before = rows[0]["coefficients"] if rows and rows[0].get("coefficients") else {"b1": {"exact": "1", "value": 1.0}}
    if finished:
        result = Result(
            **about, parameters=1000, epochs=len(rows), train_loss=1.0, train_error=2.0, validation_error=None,
            test_error=3.0, images_per_second=300.0, seconds=6.0, versions={}, device={}, commit=None, date="today",
            coefficients={"file": dumps(scheme), "scheme": {}, "before": before, "after": before},
        )  # fmt: skip
        (path / "result.json").write_text(result.to_json())
    else:
        progress = json.dumps({"run": about, "before": before, "rows": []})
        save_file({"x": np.zeros(1)}, path / "checkpoint.safetensors", {"progress": progress})
    return path


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, as matplotlib has them."""
    seen = []
    for module in (curves, coefficients, lengths_of, runs):
        monkeypatch.setattr(module, "image", lambda figure, format="png": seen.append(figure) or b"a figure")
    return seen


# --------------------------------------------------------------------------------------------------- effective step


def far(scheme, h: float = 0.25, steps: int = 400) -> float:
    """How far a two-step method goes on a step, in units of h, for f = 1: from its recursion, in doubles."""
    a, b = ([float(x) for x in row] for row in (scheme.alpha, scheme.beta))
    y = [0.0, h]
    for _ in range(steps):
        y.append((h * sum(b) - a[0] * y[-2] - a[1] * y[-1]) / a[2])
    return (y[-1] - y[-2]) / h


def test_the_length_of_a_step_is_how_far_it_goes():
    values = np.linspace(-0.6, 0.8, 8)
    lm = load("lm")
    (found,) = lengths(levels([row(1, coefficients={"a.k": values.tolist()})], {}), lm, step_length(lm))
    expected = [far(lm.with_values(k=Rational(str(round(k, 6))))) for k in values]
    assert found.values["a"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "at"),
    [
        ("heun-3", {"coefficients": "free"}, None),
        ("heun-3", {"coefficients": "free", "keep_order": 1}, 1.0),
        ("adamnet-3", {"coefficients": "learnable"}, 1.0),
        ("adamnet-2", {"coefficients": "free", "keep_order": 1}, 1.0),
        ("lm", {"coefficients": "fixed"}, 1.0),
        ("rk4", {"coefficients": "fixed"}, 1.0),
        ("revnet", {"coefficients": "fixed"}, 1.0),
        ("lm", {"coefficients": "free", "keep_stable": True}, None),
    ],
)
def test_the_length_is_that_of_the_scheme_at_the_learnt_values(name, options, at):
    """Of a Runge–Kutta scheme by a step with f = 1, of a multistep one by its exact coefficients."""
    scheme = learning(load(name), **options).scheme
    values = {p.name: p.value + Rational(i + 1, 7) for i, p in enumerate(scheme.parameters)}
    learnt = {f"blocks.0.{n}": [float(v)] for n, v in values.items()}
    length = step_length(scheme)
    if not learnt:
        assert float(length) == at
        return
    (found,) = lengths(levels([row(1, coefficients=learnt)], {}), scheme, length)
    bare = replace(scheme, parameters=tuple(replace(p, range=None) for p in scheme.parameters)).with_values(**values)
    expected = at or (float(sum(bare.b)) if hasattr(bare, "b") else float(effective_step(bare)))
    assert found.values["blocks.0"][0] == pytest.approx([expected])


def test_no_length_where_not_even_a_constant_is_kept(run, tmp_path):
    learnt = {"blocks.0.alpha1": [-0.9], "blocks.0.beta0": [-0.5], "blocks.0.beta1": [1.5]}
    path = folder(tmp_path / "run", [row(1, coefficients=learnt)], scheme="adamnet-2", options={"coefficients": "free"})
    code, _, err = run("plot", "effective-step", path, "-o", tmp_path / "a.png")
    assert code == 2
    assert "not even a constant solution" in err


def test_a_pole_and_channels(figures, run, tmp_path):
    """k = −1 is a pole; a coefficient for each channel is a median in a band."""
    learnt = {"blocks.0.k": [[-1.0, 0.0, 1.0], [0.25, 0.25, 0.25]], "blocks.1.k": []}
    (found,) = lengths(levels([row(1, coefficients=learnt)], {}), load("lm"), step_length(load("lm")))
    assert np.isnan(found.values["blocks.0"][0, 0, 0])
    assert found.values["blocks.0"][0, 1] == pytest.approx([0.8, 0.8, 0.8])
    path = folder(tmp_path / "run", [row(1, coefficients=learnt)])
    assert run("plot", "effective-step", path, "-o", tmp_path / "a.png") == (0, "", "")


def test_over_the_epochs_and_along_the_depth(figures, run, tmp_path):
    rows = [row(e, coefficients={"blocks.0.k": [e / 10], "blocks.1.k": [-e / 10]}) for e in (1, 2)]
    half = {"blocks.0.k": [0.25, 0.5, 0.0], "blocks.1.k": [0.0, 1.0]}
    rows.append(row(3, coefficients=half, refinement={"steps_before": 4, "steps": 8}))
    path = folder(tmp_path / "run", rows)
    assert run("plot", "effective-step", path, "-o", tmp_path / "a.png") == (0, "", "")
    over, along = figures[0].axes
    first = next(line for line in over.get_lines() if len(line.get_xdata()) == 3)
    assert list(first.get_ydata()) == pytest.approx([1 / 1.1, 1 / 1.1, 1 / 1.2])  # before, and two epochs
    stairs = [patch.get_data() for patch in along.patches]
    assert [list(s.values) for s in stairs] == [
        pytest.approx(v) for v in ([1 / 1.1], [1 / 0.9], [0.8, 2 / 3, 1.0], [1.0, 0.5])
    ]
    assert [(s.edges[0], s.edges[-1]) for s in stairs] == [(0, 1), (1, 2), (0, 1), (1, 2)]


# ---------------------------------------------------------------------------------------------------- several runs


def test_seeds_are_a_mean_in_a_band(figures, run, tmp_path):
    errors = np.array([[80.0, 60.0, 30.0], [82.0, 50.0, 40.0], [84.0, 70.0, 50.0]])
    paths = [
        folder(tmp_path / str(s), [row(e + 1, test_error=errors[s, e]) for e in range(3)], seed=s) for s in range(3)
    ]
    other = folder(tmp_path / "other", [row(1), row(2)], recipe={"epochs": 3, "lr": 0.2}, finished=False)
    assert run("plot", "training", *paths, other, "-o", tmp_path / "a.svg") == (0, "", "")
    axis = figures[0].axes[-1]
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert texts == ["lm_resnet14 (lm), lr 0.1, 3 seeds", "lm_resnet14 (lm), lr 0.2, seed 0"]
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
    assert lines[texts[0]] == pytest.approx([82, 60, 40])
    assert lines[texts[1]] == [91.0, 45.5]
    ends = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (ends.min(), ends.max()) == pytest.approx((30, 84))
    assert [panel.get_title("left") for panel in figures[0].axes] == [
        "training loss", "training error, %", "test error, %"
    ]  # fmt: skip


def test_labels_tell_runs_apart(tmp_path):
    def labels(*changes: dict[str, Any]) -> list[str]:
        paths = [folder(tmp_path / str(i), [row(1)], **change) for i, change in enumerate(changes)]
        return list(labelled([read_logged(path) for path in paths]))

    assert labels({}, {"scheme": "adamnet-2", "model": "adamnet2_14"}) == [
        "lm_resnet14 (lm), seed 0", "adamnet2_14 (adamnet-2), seed 0"
    ]  # fmt: skip
    assert labels({}, {"data": {**ABOUT["data"], "source": "/elsewhere/glyphs:60:20"}, "seed": 5}) == [
        "lm_resnet14 (lm), 2 seeds"
    ]
    assert labels({}, {"data": {"source": "/a/b.npz", "train": 60, "digest": "e"}}) == [
        "lm_resnet14 (lm), glyphs:60:20, seed 0", "lm_resnet14 (lm), b.npz, seed 0"
    ]  # fmt: skip
    options = {"coefficients": "learnable", "survival": 0.8}
    assert labels({}, {"options": options}) == [
        "lm_resnet14 (lm), seed 0", "lm_resnet14 (lm), survival 0.8, seed 0"
    ]  # fmt: skip
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "log.jsonl").write_text(json.dumps(row(1)) + "\n")
    assert next(iter(labelled([read_logged(bare)]))).startswith(str(bare))


# ------------------------------------------------------------------------------------------------------- the folder


@pytest.mark.parametrize("figure", ["training", "coefficients", "effective-step"])
def test_an_unfinished_run_is_drawn(figure, run, tmp_path):
    path = folder(tmp_path / "run", [row(1), row(2)], finished=False)
    assert run("plot", figure, path, "-o", tmp_path / "a.png") == (0, "", "")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("finished", [True, False])
def test_what_a_folder_tells(finished, tmp_path):
    logged = read_logged(folder(tmp_path / "run", [row(1), row(2)], finished=finished))
    assert logged.before == K
    assert logged.title == "lm_resnet14 (lm), glyphs:60:20, seed 0, 2 of 3 epochs"
    assert logged.family().coefficients == ("k",)


@pytest.mark.parametrize("figure", ["coefficients", "effective-step"])
def test_where_nothing_is_learnt_a_line_says_so(figure, run, tmp_path, figures):
    path = folder(tmp_path / "run", [row(1, coefficients=None)], scheme="euler", options={})
    code, out, err = run("plot", figure, path, "-o", tmp_path / "a.png")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert f"{path}: nothing is learnt" in line
    assert ("each step is 1 h" in line) == (figure == "effective-step")
    assert run("plot", "training", path, "-o", tmp_path / "a.png") == (0, "", "")


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no epoch is finished"),
        ("{}", "line 1 is damaged"),
        (json.dumps(row(1)) + '\n{"epoch": 2, "lr"', "line 2 is damaged"),
        (json.dumps(row(1)) + "\n\n", "line 2 is damaged"),
        (json.dumps(row(1)) + "\n" + json.dumps(row(1)), "line 2 is damaged (epoch 1 comes after epoch 1)"),
        (json.dumps(row(1, train_loss=None)), "train_loss is missing"),
        (json.dumps(row(1, test_error="low")), "test_error is no number"),
        (json.dumps(row(1, train_loss=float("nan"))), "NaN is no number"),
        (json.dumps(row(1)).replace("0.1", "1e999"), "lr is no number"),
        (json.dumps(row(1, coefficients={"a.k": [[1], [1, 2]]})), "coefficients are numbers"),
        (json.dumps(row(1, coefficients={"a.k": ["1"]})), "coefficients are numbers"),
        (json.dumps(row(1, coefficients={"a.k": 10**400})), "coefficients are numbers"),
        (DEEP, "line 1 is damaged"),
        ("[1]", "it is not an object"),
        ("\udcff", "line 1 is damaged"),
    ],
)
def test_a_damaged_log_is_named_with_its_line(text, says, run, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(text.encode(errors="surrogateescape"))
    code, out, err = run("plot", "training", tmp_path, "-o", tmp_path / "a.png")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert says in line
    assert str(tmp_path / "log.jsonl") in line
    assert not (tmp_path / "a.png").exists()


def test_folders_of_something_else(run, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for source in (empty, tmp_path / "missing", "lm"):
        code, _, err = run("plot", "training", source, "-o", tmp_path / "a.png")
        assert code == 2
        (line,) = err.splitlines()
        assert f"{Path(source) / 'log.jsonl'}: there is no such log" in line
    two = [folder(tmp_path / name, [row(1)]) for name in "ab"]
    code, _, err = run("plot", "coefficients", *two, "-o", tmp_path / "a.png")
    assert code == 2
    assert "draws one run, not 2" in err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"options": {"coefficients": ["x"]}}, "run: "),
        ({"options": {"coefficients": "learnable", "keep_order": "x"}}, "keep_order"),
        ({"scheme": "adamnet-2"}, "learns other coefficients than beta_1"),
    ],
)
def test_options_that_are_none(changes, says, run, tmp_path):
    path = folder(tmp_path / "run", [row(1)], **changes)
    code, _, err = run("plot", "effective-step", path, "-o", tmp_path / "a.png")
    assert code == 2
    (line,) = err.splitlines()
    assert says in line


def test_a_checkpoint_of_something_else_is_no_harm(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps(row(1)) + "\n")
    for content in (b"", b"\x00" * 50, b'{"a": 1}'):
        (tmp_path / "checkpoint.safetensors").write_bytes(content)
        logged = read_logged(tmp_path)
        assert (logged.about, logged.before, logged.title) == ({}, {}, tmp_path.name)
        with pytest.raises(InputError, match="says nothing of its scheme"):
            logged.family()


def test_a_real_run(run, tmp_path, figures):
    """What is drawn is what the network has, after its steps were halved as well."""
    recipe = Recipe(epochs=2, batch_size=20, refine=(0.5,))
    result = train(
        model_name="lm_resnet14",
        widths=(4, 8, 16),
        data="glyphs:40:10",
        recipe=recipe,
        out=tmp_path / "run",
        quiet=True,
    )
    for figure in ("training", "coefficients", "effective-step"):
        assert run("plot", figure, tmp_path / "run", "-o", tmp_path / "a.png") == (0, "", "")
    learnt = result.coefficients["after"]
    expected = [1 / (1 + k) for values in learnt.values() for k in values]
    along = figures[-1].axes[1]
    assert [v for patch in along.patches[-3:] for v in patch.get_data().values] == pytest.approx(expected)
