"""Runs side by side."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tableau2net.cli.table import table
from tableau2net.errors import InputError
from tableau2net.training import Result
from tableau2net.training.comparison import compare, read_results

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
    lm, other = compare(read_results([folder]))
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
    written(tmp_path / "b", seed=1, **{change: {**old, "train": 1} if isinstance(old, dict) else 2})
    assert len(compare(read_results([tmp_path]))) == 2


def test_markdown(folder: Path) -> None:
    heading, rule, lm, other = printed(str(folder), "--markdown").splitlines()
    assert heading.count("|") == rule.count("|") == lm.count("|") == 14
    assert "| 10.00 ± 1.00 |" in lm
    assert "| 8.50 ± 0.50 |" in lm
    assert "| 272,386 |" in lm
    assert "a\\|b" in other
    assert "| – | 9.00 |" in other


def test_json_and_terminal(folder: Path) -> None:
    lm, _ = json.loads(printed(str(folder), "--json"))
    assert lm["test_error"] == {"mean": 10.0, "std": 1.0}
    *_, lm_line, other, _, same = printed(str(folder)).splitlines()
    assert "10.00 ± 1.00" in lm_line
    assert "32" in other
    assert "train images 45,000" in same  # told once
    assert "10.00" in printed(str(folder / "lm-1"))


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
        read_results([tmp_path])
    assert str(tmp_path / "result.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=r"no result\.json"):
            read_results([folder])
