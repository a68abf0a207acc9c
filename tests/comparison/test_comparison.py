"""Runs side by side."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from safetensors.numpy import save_file
from scipy import stats
from typer.testing import CliRunner

from tableau2net.cli.table import table
from tableau2net.comparison import Finished, Published, Table, compare, read_finished
from tableau2net.comparison.protocol import protocol
from tableau2net.comparison.sheet import pivot, sheet
from tableau2net.errors import InputError
from tableau2net.training import Result

RESULT = Result(
    model="resnet20", scheme="lm", order=1, depth=20, parameters=272_386, options={"coefficients": "learnable"},
    seed=0, recipe={"epochs": 160}, data={"source": "/a/cifar10.npz", "train": 45_000, "digest": "ab"}, epochs=160,
    train_loss=0.01, train_error=0.1, validation_error=8.0, test_error=9.0, images_per_second=1000.0, seconds=10.0,
    coefficients={"before": {}, "after": {}}, versions={}, device={"name": "H100"}, commit=None, date="2026-01-01",
)  # fmt: skip


def written(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(dataclasses.replace(RESULT, **changes).to_json())
    return folder


def printed(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(table)
    ended = CliRunner().invoke(app, arguments, terminal_width=300)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "lm-0")
    written(tmp_path / "lm-1", seed=1, test_error=10.0, validation_error=8.5, images_per_second=2000.0)
    written(tmp_path / "lm-2", seed=2, test_error=11.0, validation_error=9.0, data={**RESULT.data, "source": "b.npz"})
    written(tmp_path / "deep" / "er", depth=32, model="resnet32", validation_error=None, scheme="a|b")
    return tmp_path


def test_runs_that_differ_by_seed_share_a_row(folder: Path) -> None:
    lm, other = compare(read_finished([folder]))
    assert (lm.scheme, lm.seeds, lm.train, lm.data) == ("lm", (0, 1, 2), 45_000, "cifar10.npz")
    assert lm.test_error.mean == pytest.approx(10)
    assert lm.test_error.std == pytest.approx(1)
    assert lm.validation_error is not None
    assert lm.validation_error.std == pytest.approx(0.5)
    assert lm.images_per_second == pytest.approx(4000 / 3)
    assert (other.depth, other.test_error.std, other.validation_error) == (32, None, None)


@pytest.mark.parametrize("change", ["recipe", "options", "data", "device", "order"])
def test_runs_that_differ_otherwise_do_not(change: str, tmp_path: Path) -> None:
    old = getattr(RESULT, change)
    written(tmp_path / "a")
    key = "epochs" if change == "recipe" else "train"
    written(tmp_path / "b", seed=1, **{change: {**old, key: 1} if isinstance(old, dict) else 2})
    assert len(compare(read_finished([tmp_path]))) == 2


def test_a_run_counts_once_and_so_does_a_seed(folder: Path) -> None:
    twice = compare(read_finished([folder, folder / "lm-0", folder / "lm-0" / "result.json"]))
    assert twice == compare(read_finished([folder]))
    written(folder / "lm-2-again", seed=2, test_error=13.0, validation_error=9.0)
    lm, _ = compare(read_finished([folder]))
    assert lm.seeds == (0, 1, 2)
    assert lm.test_error.mean == pytest.approx((9 + 10 + 12) / 3)
    assert lm.test_error.std == pytest.approx(np.std([9, 10, 12], ddof=1))


def test_markdown(folder: Path) -> None:
    heading, rule, lm, other, empty, caption = printed(str(folder), "--markdown").splitlines()
    assert heading.count("|") == rule.count("|") == lm.count("|") == 7
    assert "| 10.00 ± 1.00 |" in lm
    assert "| 8.50 ± 0.50 |" in lm
    assert "a\\|b" in other
    assert "| – | 9.00 |" in other
    assert empty == ""
    assert "parameters 272,386" in caption  # told once
    assert "± is the standard deviation over seeds." in caption


def test_json_and_terminal(folder: Path) -> None:
    lm, _ = json.loads(printed(str(folder), "--json"))["rows"]
    assert lm["test_error"] == {"mean": 10.0, "std": 1.0}
    shown = printed(str(folder))
    assert "10.00 ± 1.00" in shown
    assert "resnet32" in shown
    assert shown.count("45,000 to train") == 1
    assert "10.00" in printed(str(folder / "lm-1"))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_narrow_terminal_loses_columns_and_says_so(width: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = printed(str(folder), "--baseline", "resnet20").splitlines()
    assert max(map(len, lines)) <= width
    shown, _, told = "\n".join(lines).partition("\n\n")
    assert "10.00 ± 1.00" in shown
    if width == 40:
        assert "No room for" in told


def test_short_runs_are_called_so(tmp_path: Path) -> None:
    written(tmp_path / "a", epochs=4, recipe={"epochs": 4})
    written(tmp_path / "b", epochs=4, recipe={"epochs": 4}, model="x", test_error=3.0)
    said = "Short runs: 4 of the 160 epochs of the published recipe."
    for arguments in ((), ("--markdown",), ("--latex",)):
        assert said in " ".join(printed(str(tmp_path), *arguments).split())
    assert said in json.loads(printed(str(tmp_path), "--json"))["caption"][1]
    assert "short run, 4 of the 160 epochs" in printed(str(tmp_path), "--csv")
    assert "**" not in printed(str(tmp_path), "--markdown")  # they rank nothing


def test_the_difference_from_published_training_is_computed(tmp_path: Path) -> None:
    written(tmp_path, epochs=2, recipe={"epochs": 2}, data={"source": "c.npz", "train": 5000, "validation": 500})
    run = dataclasses.replace(read_finished([tmp_path])[0], label="LM", published=8.33)
    yan = Published("Yan 2019, Table 1", epochs=160, train=50_000, test=10_000)
    assert Table.of([run], yan).caption[0] == (
        "Published (Yan 2019, Table 1): 160 epochs, 50,000 to train, 10,000 to test; here: 2 epochs, 5,000 to train, "
        "500 held out (c.npz). Not the same protocol (epochs, images to train, to test): no reproduction."
    )
    same = Published("Yan", epochs=2, train=5000)
    assert Table.of([run], same).caption[0].endswith("The same protocol.")
    assert protocol(1, None, 0, 10) == "1 epoch, 10 to test"


def predicted(folder: Path, said: list[int], truth: list[int], **changes: Any) -> Finished:
    error = 100 * float(np.mean(np.array(said) != np.array(truth)))
    written(folder, test_error=error, data={**RESULT.data, "test": len(truth)}, **changes)
    save_file(
        {"test": np.array(said, np.int32), "truth": np.array(truth, np.int32)}, folder / "predictions.safetensors"
    )
    return read_finished([folder])[0]


def test_one_seed_is_tested_image_by_image(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 10, 400)
    predictions = [np.where(draw.random(400) < share, (truth + 1) % 10, truth) for share in (0.3, 0.2)]
    base, other = (
        predicted(tmp_path / name, list(said), list(truth), model=name, depth=20)
        for name, said in zip(("base", "other"), predictions, strict=True)
    )
    table = Table.of([base, other], baseline="base")
    own, found = table.against
    right = [said == truth for said in predictions]
    only = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    assert own.p is None
    assert own.why == "the baseline itself"
    assert (found.test, found.n, found.discordant) == ("McNemar", 400, only)
    assert found.p == found.p_holm == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    assert found.difference == pytest.approx(other.result.test_error - base.result.test_error)
    assert any("exact McNemar" in line and "n = 400" in line and "a single test" in line for line in table.caption)
    (tmp_path / "other" / "predictions.safetensors").unlink()
    (_, found) = Table.of([base, other], baseline="base").against
    assert found.p is None
    assert found.difference is not None


def test_seeds_are_paired_and_p_is_corrected(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    errors = {name: [round(float(e), 1) for e in draw.normal(mean, 0.3, 5)] for name, mean in
              (("base", 9.0), ("good", 8.0), ("alike", 9.1))}  # fmt: skip
    for name, values in errors.items():
        for seed, error in enumerate(values[: 4 if name == "good" else 5]):
            written(tmp_path / f"{name}{seed}", model=name, seed=seed, test_error=error, data={"test": 1000})
    table = Table.of(read_finished([tmp_path]), baseline="base")
    found = dict(zip((row.network for row in table.rows), table.against, strict=True))
    raw = {
        name: stats.ttest_rel(errors[name][:n], errors["base"][:n]).pvalue for name, n in (("good", 4), ("alike", 5))
    }
    for name, n in (("good", 4), ("alike", 5)):
        differences = np.subtract(errors[name][:n], errors["base"][:n])
        assert found[name].n == n
        assert found[name].p == pytest.approx(raw[name], rel=1e-6)
        assert found[name].difference == pytest.approx(differences.mean())
        assert found[name].std == pytest.approx(differences.std(ddof=1))
    assert found["good"].p_holm == pytest.approx(2 * raw["good"])
    assert found["good"].significant
    assert not found["alike"].significant
    assert any("n = 4 to 5" in line and "Holm-corrected for 2 tests" in line for line in table.caption)


def test_equal_differences_of_floats_are_no_proof(tmp_path: Path) -> None:
    """46.6 - 45.7 and 47.9 - 47.0 are not the same as floats, but as counts of images."""
    for seed, (a, b) in enumerate([(46.6, 45.7), (47.9, 47.0)]):
        written(tmp_path / f"a{seed}", model="a", seed=seed, test_error=a, data={"test": 1000})
        written(tmp_path / f"b{seed}", model="b", seed=seed, test_error=b, data={"test": 1000})
    _, found = Table.of(read_finished([tmp_path]), baseline="a").against
    assert (found.p, found.why) == (None, "the same difference for every seed")


def test_a_baseline_is_of_the_same_depth_and_data(tmp_path: Path) -> None:
    written(tmp_path / "a", model="resnet20")
    written(tmp_path / "b", model="other", data={"train": 10})
    written(tmp_path / "c", model="deep", depth=32)
    table = Table.of(read_finished([tmp_path]), baseline="resnet20")
    assert [found.difference for found in table.against] == [None] * 3
    assert "No p in 2 rows: no baseline of the same depth, data and epochs." in table.caption
    with pytest.raises(InputError, match="did you mean 'resnet20'"):
        Table.of(read_finished([tmp_path]), baseline="resnet2")


def test_a_matched_network_stands_at_the_depth_of_its_column(tmp_path: Path) -> None:
    runs = [
        dataclasses.replace(read_finished([written(tmp_path / name, **changes)])[0], label=name, column=20)
        for name, changes in (("base", {"depth": 20}), ("other", {"depth": 26, "model": "y", "test_error": 8.0}))
    ]
    table = Table.of(runs, baseline="base", title="Matched")
    assert [found.difference for found in table.against] == [None, -1.0]
    assert pivot(table).headings == ("network", "depth 20")
    assert pivot(table).caption[:2] == ("Matched.", "Test error, %.")
    assert "depth matched" in sheet(table).headings


def test_a_scheme_of_ones_own_in_a_network_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("euler", "mine"):
        written(tmp_path / name, model="x", scheme=name, options={"coefficients": "fixed"}, depth=None)
    table = Table.of(read_finished([tmp_path]), baseline="x euler")
    whys = {row.scheme: found.why for row, found in zip(table.rows, table.against, strict=True)}
    assert whys["euler"] == "the baseline itself" != whys["mine"]
    monkeypatch.setenv("COLUMNS", "30")
    assert "mine" in printed(str(tmp_path)).partition("All rows")[0]  # what tells rows apart is shown before all else
    written(tmp_path / "c", model="y", depth=None)
    with pytest.raises(InputError, match="2 rows of this name beside it, 'x euler', 'x mine'"):
        Table.of(read_finished([tmp_path]), baseline="x")


def test_a_baseline_that_could_be_two_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a", model="x", options={"coefficients": "fixed"})
    written(tmp_path / "b", model="x", options={"coefficients": "learnable"})
    written(tmp_path / "c", model="y", options={})
    with pytest.raises(InputError, match="y has 2 rows of this name beside it, 'x fixed', 'x learnable'"):
        Table.of(read_finished([tmp_path]), baseline="x")
    table = Table.of(read_finished([tmp_path]), baseline="x fixed")
    assert [found.difference for found in table.against] == [None, 0.0, 0.0]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"test": np.zeros(3, np.int32), "truth": np.zeros(4, np.int32)}, "not labels of the same images"),
        ({"test": np.zeros(3), "truth": np.zeros(3)}, "not labels of the same images"),
        ({"test": np.zeros(100, np.int32), "truth": np.zeros(100, np.int32)}, "0.00 % of it are wrong, 9.00 % by"),
        (None, "cannot be read"),
    ],
)
def test_bad_predictions_are_refused(tensors: dict[str, Any] | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.safetensors"
    written(tmp_path)
    if tensors is None:
        path.write_bytes(b"x" * 100)
    else:
        save_file(tensors, path)
    with pytest.raises(InputError, match=words) as caught:
        read_finished([tmp_path])[0].predictions()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_by_their_ending(folder: Path, tmp_path: Path) -> None:
    targets = [tmp_path / f"t{ending}" for ending in (".md", ".tex", ".csv", ".json")]
    shown = printed(str(folder), *(f"-o{target}" for target in targets))
    assert "10.00 ± 1.00" in shown
    for target, option in zip(targets, ("--markdown", "--latex", "--csv", "--json"), strict=True):
        assert target.read_bytes().decode().replace("\r", "") == printed(str(folder), option).replace("\r", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "t.pdf"], "end its name by"),
        (["--pivot", "seed"], "write --pivot depth"),
        (["--csv", "--json"], "choose one"),
        (["--jobs", "2"], "name its FILE.toml"),
        (["a.toml", "b.toml"], "one grid at a time"),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: list[str], words: str, folder: Path) -> None:
    app = typer.Typer()
    app.command()(table)
    ended = CliRunner().invoke(app, [str(folder), *arguments])
    assert isinstance(ended.exception, InputError)
    assert words in str(ended.exception)


@pytest.mark.parametrize("error", [float("nan"), -1.0, 101.0])
def test_an_error_that_is_no_percentage_is_refused(error: float, tmp_path: Path) -> None:
    written(tmp_path, test_error=error)
    with pytest.raises(InputError, match="no percentage"):
        read_finished([tmp_path])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not the result"),
        ("{}", "no 'model'"),
        (json.dumps(dataclasses.asdict(RESULT) | {"test_error": "9"}), "'test_error' is not float"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_result_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        read_finished([tmp_path])
    assert str(tmp_path / "result.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=r"no result\.json"):
            read_finished([folder])


GRID = """
format = 1
title = "Two networks"
out = "{out}"
baseline = "ResNet"
common = {{ data = "glyphs:60:30", depth = 14, recipe.epochs = 1 }}
grid.seed = [0]
published = {{ source = "Yan 2019, Table 1", epochs = 160 }}
[[networks]]
name = "ResNet"
scheme = "euler"
published = 8.75
[[networks]]
name = "LM"
scheme = "lm"
"""


@pytest.mark.slow
def test_a_grid_is_run_and_told(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(GRID.format(out=tmp_path / "runs"))
    first = printed(str(file), "--quiet", "--markdown")
    assert printed(str(file), "--quiet", "--markdown") == first  # nothing is run again
    resnet, lm = [[cell.strip() for cell in line.split("|")] for line in first.splitlines()[2:4]]
    assert (resnet[1], lm[1]) == ("ResNet", "LM")
    assert "8.75" in resnet
    assert "Two networks. " in first
    assert "Not the same protocol (epochs): no reproduction." in first
    assert "exact McNemar test on the same test images of one seed, n = 30" in first
    rows = json.loads(printed(str(file), str(tmp_path / "runs"), "--quiet", "--json"))["rows"]
    assert [row["network"] for row in rows] == ["ResNet", "LM"]  # each run once
    told = rows[1]["against"]
    said = [(f.predictions(), f.result) for f in read_finished([tmp_path / "runs"])]
    assert told["n"] == 30
    assert {round(100 * (1 - float(p.right.mean())), 6) for p, _ in said if p} == {
        round(r.test_error, 6) for _, r in said
    }
