"""The train command: options reach the run, and the demonstration finds a folder of its own."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tableau2net.cli.train import numbered_folder, plain_name, train
from tableau2net.errors import InputError

APP = typer.Typer()
APP.command()(train)


def test_options_reach_the_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = (
        "--scheme lm --data glyphs:150:50 --depth 14 --epochs 1 --batch-size 50 --lr 0.05 --momentum 0.8 "
        "--weight-decay 0.001 --no-augment --seed 4 --validation 20 --limit-train 100 --coefficients fixed "
        "--shortcut pad --history restart --device cpu --json --quiet --out"
    )
    ended = CliRunner().invoke(APP, [*options.split(), str(out)])
    assert ended.exit_code == 0, ended.output
    result = json.loads(ended.stdout)
    assert result == json.loads((out / "result.json").read_text())
    assert (result["scheme"], result["depth"], result["seed"]) == ("lm", 14, 4)
    wanted = {"coefficients": "fixed", "shortcut": "pad", "history": "restart"}
    assert wanted.items() <= result["options"].items()
    assert result["recipe"] == {
        "epochs": 1, "batch_size": 50, "lr": 0.05, "momentum": 0.8, "weight_decay": 0.001, "milestones": [0.5, 0.75],
        "factor": 0.1, "augment": False, "refine": [], "smoothness": 0.0, "clip": None,
        "optimiser": "sgd", "nesterov": False, "betas": [0.9, 0.999], "schedule": "steps", "warmup": 0.0,
        "label_smoothing": 0.0, "cutout": 0, "mixup": 0.0, "ema": 0.0,
    }  # fmt: skip
    assert {"train": 100, "validation": 20, "test": 50}.items() <= result["data"].items()


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    ended = CliRunner().invoke(APP, ["--data", str(tmp_path / "no.npz"), "--json", "--out", str(tmp_path / "run")])
    assert isinstance(ended.exception, InputError)
    assert "no.npz" in str(ended.exception)


@pytest.mark.parametrize(
    ("data", "name"), [("glyphs", "glyphs"), ("glyphs:50:10", "glyphs-50-10"), ("/data/my set.npz", "my-set")]
)
def test_a_source_names_a_folder(data: str, name: str) -> None:
    assert plain_name(data) == name


def test_the_demonstration_can_be_run_again(tmp_path: Path) -> None:
    first = tmp_path / "demo"
    assert numbered_folder(first, last=False) == first
    assert numbered_folder(first, last=True) == first
    first.mkdir()
    assert numbered_folder(first, last=False) == tmp_path / "demo-2"
    assert numbered_folder(first, last=True) == first
    (tmp_path / "demo-2").mkdir()
    assert numbered_folder(first, last=False) == tmp_path / "demo-3"
    assert numbered_folder(first, last=True) == tmp_path / "demo-2"
