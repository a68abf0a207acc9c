"""What can go wrong with the files of a run: it is said in one line, nothing is lost, and the end is the same."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tableau2net import cli
from tableau2net.data.data import Data
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.nn import create_model
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import Recipe, Result, Stopped, checkpoint, load_data, train
from tableau2net.training.checkpoint import Progress, read_checkpoint, tensors_of, write_checkpoint
from tableau2net.training.level import Level
from tableau2net.training.progress import ProgressDisplay

Maker = Callable[[], nn.Module]
LAST, BEFORE = "checkpoint.safetensors", "checkpoint.before.safetensors"
RECIPE = Recipe(epochs=3, batch_size=40, ema=0.5)
pytestmark = [
    pytest.mark.usefixtures("undrawn"),
    pytest.mark.skipif(os.name != "posix", reason="signals and limits are POSIX matters"),
]


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data("glyphs:130:20")


class Killed(BaseException):
    """The process is gone: nobody tidies up."""


def run(out: Path, network: Maker, data: Data, **changes: Any) -> Result:
    options: dict[str, Any] = {"model": network(), "recipe": RECIPE, "resume": True} | changes
    return train(out=out, data=data, **options)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, network: Maker, data: Data) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    run(folder, network, data, quiet=True)
    return folder


def stop(patch: pytest.MonkeyPatch, batches: int) -> None:
    """SIGTERM after so many batches."""
    left = [batches]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    patch.setattr(ProgressDisplay, "advance", count)


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory: pytest.TempPathFactory, network: Maker, data: Data) -> Path:
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.MonkeyPatch.context() as patch:
        stop(patch, 6)
        with pytest.raises(Stopped):
            run(folder, network, data, quiet=True)
    return folder


@pytest.fixture
def stopped(stopped_once: Path, tmp_path: Path) -> Path:
    """A run that was stopped in its second epoch of four batches: of the first is the checkpoint before the last."""
    return Path(shutil.copytree(stopped_once, tmp_path / "run"))


def assert_same(folder: Path, straight: Path) -> None:
    """The weights, the predictions and the log, but for what a clock says in it."""
    for name in ("model.safetensors", "predictions.safetensors"):
        a, b = load_file(folder / name), load_file(straight / name)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a)
    logs = [[json.loads(line) for line in (each / "log.jsonl").read_text().splitlines()] for each in (folder, straight)]
    clocks = {"seconds", "images_per_second"}
    first, second = ([{key: row[key] for key in row.keys() - clocks} for row in log] for log in logs)
    assert first == second
    assert not list(folder.glob(".*.partial"))


def said(caught: pytest.ExceptionInfo[InputError], *words: str) -> None:
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": cut,
    "bit": flip,
    "text": lambda path: path.write_text("not\nwhat it was\x1b[31m"),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint(
    kind: str, stopped: Path, straight: Path, network: Maker, data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE[kind](stopped / LAST)
    capsys.readouterr()
    run(stopped, network, data)
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith(f"{stopped / LAST}: ")
    assert shown[0].endswith("going on from the checkpoint before it")
    assert shown[1] == f"{stopped}: going on after 1 epoch"
    assert_same(stopped, straight)


def test_a_damaged_checkpoint_is_not_kept_as_the_one_before(
    stopped: Path, straight: Path, network: Maker, data: Data
) -> None:
    """Were it, and the next were not written whole, all would be lost."""
    flip(stopped / LAST)
    with pytest.MonkeyPatch.context() as patch:
        kill_at_write(patch, LAST, 1)
        with pytest.raises(Killed):
            run(stopped, network, data, quiet=True)
    run(stopped, network, data, quiet=True)
    assert_same(stopped, straight)


@pytest.mark.parametrize("kind", ["half", "missing"])
def test_both_checkpoints_damaged(
    kind: str, stopped: Path, network: Maker, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    DAMAGE[kind](stopped / LAST)
    cut(stopped / BEFORE)
    with pytest.raises(InputError) as caught:
        run(stopped, network, data, quiet=True)
    said(caught, str(stopped / LAST), "remove its folder to start again")


def test_the_command_ends_with_2_where_both_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LAST).write_bytes(b"")
    (tmp_path / BEFORE).write_bytes(b"")
    options = f"train --scheme euler --depth 8 --data glyphs:20:10 --json --quiet --resume --out {tmp_path}"
    monkeypatch.setattr(sys, "argv", ["tableau2net", *options.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"tableau2net: {tmp_path / LAST}: ")
    assert len(shown.err.splitlines()) == 1


def kill_at_write(patch: pytest.MonkeyPatch, name: str, count: int) -> None:
    """The process is gone when a file is written for the count-th time: the last checkpoint is the one before then."""
    write, left = write_atomically, [count]

    def writing(path: Path, content: bytes) -> None:
        left[0] -= path.name == name
        if left[0] == 0:
            path.parent.mkdir(exist_ok=True)
            path.with_name(f".{path.name}.partial").write_bytes(content[: len(content) // 2])
            raise Killed
        write(path, content)

    patch.setattr(checkpoint, "write_atomically", writing)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_killed_while_a_checkpoint_is_written(
    count: int, tmp_path: Path, straight: Path, network: Maker, data: Data
) -> None:
    """Between the two names that the last one goes by, with half of the next on the disk."""
    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        kill_at_write(patch, LAST, count)
        with pytest.raises(Killed):
            run(folder, network, data, quiet=True)
    assert not (folder / LAST).exists()
    run(folder, network, data, quiet=True)
    assert_same(folder, straight)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_disk_that_is_full_later(epoch: int, tmp_path: Path, straight: Path, network: Maker, data: Data) -> None:
    """The first write after an epoch fails: that of the next checkpoint, or that of the results."""
    folder = tmp_path / "run"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(_: object, row: dict[str, Any]) -> None:
        if row["epoch"] == epoch:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, usual[1]))

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ProgressDisplay, "epoch", full)
            for _ in range(2):  # and it is no better at the next try
                with pytest.raises(InputError) as caught:
                    run(folder, network, data, quiet=True)
                said(caught, str(folder), "cannot be written", "make room there")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    run(folder, network, data, quiet=True)
    assert_same(folder, straight)


def poison(patch: pytest.MonkeyPatch, model: nn.Module, epoch: int) -> None:
    """From the end of an epoch on a weight is not a number."""

    def act(_: object, row: dict[str, Any]) -> None:
        if row["epoch"] == epoch:
            with torch.no_grad():
                next(model.parameters())[0, 0, 0, 0] = float("nan")

    patch.setattr(ProgressDisplay, "epoch", act)


def test_steps_that_cannot_be_undone_end_a_run_in_a_line(tmp_path: Path) -> None:
    """Where weights fly apart, so do states that are taken back."""
    for options, recipe in (({}, Recipe(lr=1e3)), ({"growth_limit": 1.0}, Recipe())):
        asked = {"model_name": "revnet26", "widths": (4, 4, 6), "recipe": recipe, **options}
        with pytest.raises(InputError) as caught:
            train(data="glyphs:140:20", out=tmp_path / "run", device="cpu", quiet=True, **asked)  # type: ignore[arg-type]
        said(caught, str(tmp_path / "run"), "in epoch ", "states came back wrong", "take a lower learning rate")
        shutil.rmtree(tmp_path / "run")


@pytest.mark.parametrize("batches", [0, 6])
def test_what_is_no_number_is_not_kept(
    batches: int, tmp_path: Path, straight: Path, network: Maker, data: Data
) -> None:
    """Nor where the run is stopped in the epoch that became none."""
    folder, model = tmp_path / "run", network()
    with pytest.MonkeyPatch.context() as patch:
        poison(patch, model, 1)
        stop(patch, batches)
        with pytest.raises(InputError) as caught:
            run(folder, network, data, model=model, quiet=True)
    said(caught, str(folder), "the loss became nan in epoch 2", "the checkpoint of epoch 1 is kept", "--lr")
    run(folder, network, data, quiet=True)
    assert_same(folder, straight)


@pytest.mark.parametrize("left", ["", "{", '{"epoch": 1}\n{"epoch": 2}\n{"ep', None])
def test_a_damaged_log_is_written_anew(
    left: str | None, stopped: Path, straight: Path, network: Maker, data: Data
) -> None:
    log = stopped / "log.jsonl"
    log.unlink() if left is None else log.write_text(left)
    run(stopped, network, data, quiet=True)
    assert_same(stopped, straight)


@pytest.mark.parametrize("left", ["", "[]", '{"model": 1}', None])
def test_a_damaged_result_is_written_anew(
    left: str | None, tmp_path: Path, straight: Path, network: Maker, data: Data
) -> None:
    folder = Path(shutil.copytree(straight, tmp_path / "run"))
    path = folder / "result.json"
    before = Result.read(path)
    path.unlink() if left is None else path.write_text(left)
    found = run(folder, network, data, quiet=True)
    assert Result.read(path) == found
    assert found.test_error == before.test_error
    assert found.seconds == before.seconds


def small(path: Path, seed: int = 0, count: int = 40) -> None:
    x = np.random.default_rng(seed).integers(256, size=(2, count, 32, 32, 3), dtype=np.uint8)
    y = np.arange(count) % 4
    np.savez(path, x_train=x[0], x_test=x[1], y_train=y, y_test=y)


def other_pixel(path: Path) -> None:
    arrays = dict(np.load(path))
    arrays["x_train"][-1, -1, -1, -1] ^= 1
    np.savez(path, **arrays)


def other_label(path: Path) -> None:
    arrays = dict(np.load(path))
    arrays["y_test"][-1] = 0
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_pixel, "data.digest: "),
        (other_label, "data.digest: "),
        (lambda path: small(path, 1), "data.digest: "),
        (lambda path: small(path, 0, 44), "data.train: 40 there, 44 here"),
        (cut, "data.npz"),
        (DAMAGE["empty"], "data.npz"),
        (Path.unlink, "data.npz"),
    ],
)
def test_data_that_have_changed(change: Callable[[Path], Any], words: str, tmp_path: Path, network: Maker) -> None:
    path = tmp_path / "data.npz"
    small(path)
    shutil.copy(path, tmp_path / "same.npz")
    options: dict[str, Any] = {"out": tmp_path / "run", "data": path, "recipe": RECIPE, "quiet": True}
    with pytest.MonkeyPatch.context() as patch:
        stop(patch, 1)
        with pytest.raises(Stopped):
            train(model=network(), **options)
    kept = {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()}
    change(path)
    with pytest.raises(InputError) as caught:
        train(model=network(), resume=True, **options)
    said(caught, words)
    assert {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()} == kept
    shutil.copy(tmp_path / "same.npz", path)
    assert train(model=network(), resume=True, **options).epochs == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"precision": "bfloat16"}, "precision: float32 there, bfloat16 here"),
        ({"preset": "modern", "recipe": None}, "preset: None there, modern here"),
        ({"recipe": Recipe(epochs=3, batch_size=40, ema=0.6)}, "recipe.ema: 0.5 there, 0.6 here"),
        ({"model": nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))}, "parameters|does not fit this network"),
        ({"model": None, "model_name": "resnet8"}, "model: Sequential there, resnet8 here"),
        ({"seed": 1}, "seed: 0 there, 1 here"),
    ],
)
def test_a_checkpoint_of_another_run(
    changes: dict[str, Any], words: str, stopped: Path, network: Maker, data: Data
) -> None:
    kept = {each.name: each.read_bytes() for each in stopped.iterdir()}
    with pytest.raises(InputError, match=words) as caught:
        run(stopped, network, data, quiet=True, **changes)
    said(caught, str(stopped / LAST))
    assert {each.name: each.read_bytes() for each in stopped.iterdir()} == kept


@pytest.mark.parametrize("where", ["below a file", "/proc/nobody/run", "/dev/null"])
def test_a_folder_that_cannot_be_written(where: str, tmp_path: Path, network: Maker, data: Data) -> None:
    (tmp_path / "file").write_text("")
    out = Path(where) if where.startswith("/") else tmp_path / "file" / "run"
    with pytest.raises(InputError) as caught:
        run(out, network, data, quiet=True)
    said(caught, str(out), "another")


def test_checkpoints_are_small(tmp_path: Path) -> None:
    """ResNet-56 with an average of its weights: momentum, or AdamW's two moments."""
    sizes = {}
    for name, recipe in (("sgd", Recipe(ema=0.99)), ("adamw", Recipe(optimiser="adamw", lr=1e-3, ema=0.99))):
        level = Level.of(create_model("resnet56"), recipe, torch.device("cpu"))
        with torch.no_grad():
            for parameter in level.model.parameters():
                parameter.grad = torch.zeros_like(parameter)
        level.optimiser.step()  # AdamW has its memory from here on
        tensors = tensors_of(level) | {"sums": torch.zeros(2), "random.cpu": torch.get_rng_state()[None]}
        rows = [{"epoch": k, "train_loss": 1 / 3, "seconds": 1 / 3, "coefficients": None} for k in range(160)]
        write_checkpoint(tmp_path / name, Progress(RunSpec(), None, rows, 7), tensors)
        sizes[name] = (tmp_path / name).stat().st_size
        assert read_checkpoint(tmp_path / name, RunSpec()).progress.seen == 7
    print(sizes)
    assert sizes["sgd"] < 11 * 2**20
    assert sizes["adamw"] < 16 * 2**20
