"""What a trained network's schemes have become: read from a folder, written as files, and run again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.cli import app
from tableau2net.errors import InputError
from tableau2net.nn import coefficient_values, create_model, named_coefficients, parameter_groups
from tableau2net.nn.learnt.schemes import learnt_schemes, shortest
from tableau2net.runs.result import Result
from tableau2net.scheme import load
from tableau2net.scheme.saved import dumps

RESULT = Result(
    model="", scheme="", order=1, depth=8, parameters=1, options={}, seed=3, recipe={}, data={"source": "glyphs"},
    epochs=2, train_loss=1.0, train_error=1.0, validation_error=None, test_error=1.0, images_per_second=1.0,
    seconds=1.0, coefficients={"scheme": {}, "before": {}, "after": {}}, versions={}, device={}, commit=None,
    date="2026-11-21T00:00:00+00:00",
)  # fmt: skip


def moved(name, depth=14, spread=0.05, **options):
    """A network whose coefficients have left their start."""
    torch.manual_seed(1)
    model = create_model(f"resnet{depth}", scheme=name, **options)
    with torch.no_grad():
        for _, p in named_coefficients(model):
            p.add_(spread * torch.randn_like(p))
    return model.eval()


def folder_of(path, model, depth=14, text=None, **options):
    """The folder that a training run of this network leaves."""
    path.mkdir(parents=True, exist_ok=True)
    result = replace(RESULT, model=f"resnet{depth}", scheme=model.scheme.name, depth=depth, options=options)
    if text is not None:
        result = replace(result, coefficients={**result.coefficients, "file": text})
    (path / "result.json").write_text(result.to_json())
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, path / "model.safetensors")
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


# -------------------------------------------------------------------------------------------------- coefficients


def test_values_are_those_after_the_map_and_groups_hold_the_raw_ones():
    model = moved("lm", keep_stable=True)
    values, raw = coefficient_values(model), dict(named_coefficients(model))
    assert set(raw) == {f"blocks.{i}.k_raw" for i in range(3)}
    assert set(values) == {f"blocks.{i}.k" for i in range(3)}
    for i in range(3):
        u = raw[f"blocks.{i}.k_raw"].detach().double().numpy()
        np.testing.assert_allclose(values[f"blocks.{i}.k"], 1 / 512 + 511 / 512 * np.tanh(u), rtol=1e-6, atol=1e-7)
    _, apart = parameter_groups(model, 1e-4)
    assert {id(p) for p in apart["params"]} == {id(p) for p in raw.values()}
    assert apart["weight_decay"] == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_shortest_decimals_are_the_same_number(dtype):
    torch.manual_seed(0)
    numbers = torch.randn(300, dtype=dtype) * 10.0 ** torch.randint(-6, 6, (300,))
    for x in [
        *numbers,
        torch.tensor(0.0, dtype=dtype),
        torch.tensor(0.1, dtype=dtype),
        torch.tensor(2**-30, dtype=dtype),
    ]:
        exact = shortest(x)
        assert torch.tensor(float(exact), dtype=dtype) == x
    assert shortest(torch.tensor(0.1)) == sympy.Rational(1, 10)
    assert shortest(torch.tensor(1 / 3)) == sympy.Rational("0.33333334")


# ------------------------------------------------------------------------------------------------------ schemes

CASES = [
    ("rk2", {"coefficients": "free", "keep_order": 1}, 1),
    ("rk4", {"coefficients": "free", "keep_order": 2, "sharing": "shared"}, 2),
    ("rk4-38", {"coefficients": "free", "keep_order": 4, "spread": 0.01}, 4),
    ("lm", {"keep_stable": True}, 0),
    ("adams-bashforth-3", {"coefficients": "free", "keep_order": 1}, 1),
    ("adamnet-2", {}, 1),
]


@pytest.mark.parametrize(("name", "options", "order"), CASES)
def test_files_compile_to_what_the_network_computes(tmp_path, name, options, order):
    model = moved(name, depth=26, **options)
    folder = folder_of(tmp_path / "run", model, 26, **model.options)
    result = run(folder, "--write", tmp_path / "schemes")
    assert result.exit_code == 0, result.output
    assert run(tmp_path / "schemes").exit_code == 0  # the claims that were written are true
    written = sorted((tmp_path / "schemes").glob("*.toml"))
    for learnt in learnt_schemes(model):
        end = f"{learnt.block.replace('.', '-')}" + ("" if learnt.step is None else f"-step{learnt.step}")
        (path,) = [p for p in written if p.stem == f"{name}-{end}"]
        scheme = load(path)
        assert scheme.coefficients == learnt.scheme.coefficients
        assert t2n.order(scheme) >= order
        block = model.get_submodule(learnt.block)
        again = t2n.compile(path)
        torch.manual_seed(0)
        y = [torch.randn(2, block.fields[0].conv1.in_channels, 4, 4) for _ in range(4)]
        fields = [*block.fields]
        if not block.history:
            first = 0 if learnt.step is None else learnt.step - 1
            own = fields if learnt.step is None else fields[first : first + 1]
            expected = one_step(block, own, first, y[0]) if learnt.step else block(y[0])
            torch.testing.assert_close(again(own)(y[0]), expected)
        else:
            i = learnt.step - 1
            past = dict(zip(block.history, y[1:], strict=False))
            given = max(1, sum(n.startswith("y") for n in block.history), sum(n.startswith("f") for n in block.history))
            expected = one_step(block, fields[i : i + 1], i - block.startup, y[0], **past)
            got = again(fields[i : i + 1], given=given)(y[0], **{n: past[n] for n in again.history})
            torch.testing.assert_close(got, expected)


def one_step(block, fields, place, y, **past):
    """One step of a block with the coefficients of that place, by its own `step`."""
    factors = [c if c.dim() == 0 else c[place] for c in block.hoisted()]
    found = block.step(fields[0], block.h, *factors, y, *past.values())
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize(("name", "options", "order"), CASES)
def test_the_report_against_formulas(tmp_path, name, options, order):
    model = moved(name, depth=26, **options)
    folder = folder_of(tmp_path / "run", model, 26, **model.options)
    result = run(folder, "--json")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.output)
    assert record["ok"] is True
    assert record["source"] == str(folder)
    for entry in record["learnt"]:
        c = {n: x["value"] for n, x in entry["coefficients"].items()}
        assert entry["order"] >= order
        if "b1" in c:
            assert abs(sum(v for n, v in c.items() if n[0] == "b") - 1) < 1e-6
        else:
            k = max(int(n[-1]) for n in c if n.startswith("alpha"))
            alpha = [c.get(f"alpha{j}", 0.0) for j in range(k + 1)]
            slope, sigma = sum(j * a for j, a in enumerate(alpha)), sum(v for n, v in c.items() if n.startswith("beta"))
            assert entry["effective_step"]["value"] == pytest.approx(sigma / slope)
            roots = np.roots(alpha[::-1])
            assert entry["zero_stable"] == (max(abs(roots)) < 1 + 1e-6)
    text = run(folder).output
    assert text.startswith("ok ")
    assert record["learnt"]
    assert len(text.splitlines()) == 1 + len(record["learnt"])


def test_a_promise_that_was_broken(tmp_path):
    model = moved("rk2", coefficients="free")  # moved without keeping anything
    folder = folder_of(tmp_path / "run", model, **model.options)
    assert run(folder).exit_code == 0
    assert "order 0" in run(folder).output
    lost = moved("lm")
    with torch.no_grad():
        lost.blocks[0].k.fill_(-1.5)
    assert "NOT zero-stable" in run(folder_of(tmp_path / "lm", lost, **lost.options)).output


def test_steps_that_are_all_start_up_steps(tmp_path):
    model = create_model("resnet14", scheme="adams-bashforth-3", coefficients="free", keep_order=1)
    result = run(folder_of(tmp_path / "run", model, **model.options))
    assert result.exit_code == 0
    assert "start-up steps" in result.output


def test_free_coefficients_that_kept_nothing_say_so(tmp_path):
    model = moved("adams-bashforth-2", coefficients="free")
    folder = folder_of(tmp_path / "run", model, **model.options)
    assert "a constant solution is not kept" in run(folder).output


def test_channels_are_summarised_and_not_written(tmp_path):
    model = moved("lm", sharing="channel", spread=0.2)
    folder = folder_of(tmp_path / "run", model, **model.options)
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert "channels, k from" in result.output
    refused = run(folder, "--write", tmp_path / "out")
    assert refused.exit_code == 2
    assert "each channel" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_fixed_coefficients(tmp_path):
    model = create_model("resnet8", scheme="rk4")
    folder = folder_of(tmp_path / "run", model, 8, **model.options)
    assert "order 4" in run(folder).output
    assert run(folder, "--write", tmp_path / "out").exit_code == 2


def test_a_scheme_of_ones_own_is_read_from_the_folder(tmp_path):
    own = replace(load("lm"), name="mine")
    model = moved(own)
    folder = folder_of(tmp_path / "run", model, **model.options)
    lost = run(folder)
    assert lost.exit_code == 2
    assert "holds no text of its scheme" in lost.stderr
    folder_of(folder, model, text=dumps(own), **model.options)
    assert run(folder).exit_code == 0


# --------------------------------------------------------------------------------------------- damaged and foreign


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    model = moved("lm")
    return folder_of(tmp_path_factory.mktemp("runs") / "sound", model, **model.options)


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def options(**changes):
    def change(path):
        result = json.loads(path.read_text())
        result["options"] |= {k: v for k, v in changes.items() if k != "depth"}
        result["model"] = f"resnet{changes.get('depth', result['depth'])}"
        path.write_text(json.dumps(result))

    return change


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.safetensors", lambda p: p.unlink(), "cannot be read"),
        ("result.json", lambda p: p.unlink(), "cannot be read"),
        ("model.safetensors", cut, "is damaged or cut short"),
        ("result.json", cut, "is not JSON"),
        ("result.json", lambda p: p.write_text("[]"), "not the result of a run"),
        ("result.json", lambda p: p.write_text("{}"), "has no 'model'"),
        ("result.json", options(coefficients="free"), "does not fit the network"),
        ("result.json", options(coefficients=7), "coefficients=7"),
        ("result.json", options(magic=1), "magic"),
        ("result.json", options(widths=[10**9] * 3), "widths="),
        ("result.json", options(depth=9998), "does not fit the network"),
        ("result.json", options(depth=10), "depth is 6n"),
    ],
)
def test_one_line_and_status_2(tmp_path, sound, name, damage, message):
    folder = tmp_path / "run"
    shutil.copytree(sound, folder)
    damage(folder / name)
    result = run(folder, "rk4")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "rk4" in result.stdout  # the others are still checked


def test_a_coefficient_that_is_no_number(tmp_path):
    model = moved("lm", depth=14)
    with torch.no_grad():
        model.blocks[1].k.fill_(torch.inf)
    with pytest.raises(InputError, match=r"blocks.1.k has become inf"):
        learnt_schemes(model)
    result = run(folder_of(tmp_path / "run", model, **model.options))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_write_is_for_runs(tmp_path):
    result = run("rk4", "--write", tmp_path)
    assert result.exit_code == 2
    assert "training run" in result.stderr


@pytest.mark.slow
def test_a_real_run_from_training_to_a_file(tmp_path):
    from tableau2net.training import Recipe, train

    train("lm", out=tmp_path / "run", depth=14, data="glyphs:64:20", recipe=Recipe(epochs=1, batch_size=32),
          keep_stable=True, quiet=True)  # fmt: skip
    result = run(tmp_path / "run", "--write", tmp_path / "schemes")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "schemes").glob("lm-*.toml"))) == 3
    assert run(tmp_path / "schemes").exit_code == 0
