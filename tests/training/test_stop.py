"""A run that is stopped, by the clock or by a signal, goes on to the same end, bit for bit."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from tableau2net import cli
from tableau2net.data.data import Data
from tableau2net.errors import InputError
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import Recipe, Result, Stopped, load_data, train
from tableau2net.training import stop as stop_module
from tableau2net.training.checkpoint import read_checkpoint
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.stop import Stop

Maker = Callable[[], nn.Module]
BATCH, STEPS = 40, 4  # an epoch: 130 images, the last batch is ragged
PLAIN = Recipe(epochs=2, batch_size=BATCH)
FULL = Recipe(
    epochs=4, batch_size=BATCH, optimiser="adamw", lr=1e-3, schedule="cosine", warmup=1.0, label_smoothing=0.1,
    cutout=8, mixup=0.4, ema=0.9, refine=(0.5,),
)  # fmt: skip
NESTEROV = Recipe(epochs=2, batch_size=BATCH, nesterov=True, ema=0.5, smoothness=0.01, clip=(0.5, 1.5))
pytestmark = pytest.mark.usefixtures("undrawn")


@dataclass
class Happens:
    """Does something after so many batches, counted from now."""

    what: Callable[[], Any]
    after: list[int] = field(default_factory=list)
    seen: int = 0

    def __call__(self, *_: object) -> None:
        self.seen += 1
        if self.seen in self.after:
            self.what()


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data("glyphs:140:20", validation=10)


def after(patch: pytest.MonkeyPatch, batches: int, what: Callable[[], Any]) -> None:
    patch.setattr(ProgressDisplay, "advance", Happens(what, [batches]))


def ask(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def metadata(folder: Path) -> Any:
    """How far the last checkpoint of a run has come."""
    with safe_open(folder / "checkpoint.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["progress"])


def rows(folder: Path) -> list[dict[str, Any]]:
    """The log, without what a clock says in it."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key not in ("seconds", "images_per_second")} for row in found]


SMALL: dict[str, Any] = {"widths": (4, 8, 16)}
CASES: dict[str, tuple[Recipe, dict[str, Any]]] = {
    "plain": (PLAIN, {}),
    "everything": (FULL, {"model_name": "resnet14", "scheme": "lm", "survival": 0.5} | SMALL),
    "dynamic": (NESTEROV, {"model_name": "dynamic_rk4_parabolic"} | SMALL),
}


@pytest.mark.parametrize("case", ["plain", "everything", pytest.param("dynamic", marks=pytest.mark.slow)])
def test_stopped_again_and_again_it_ends_the_same(case: str, tmp_path: Path, data: Data, network: Maker) -> None:
    """After three batches, always: each place in an epoch is met, the epoch that begins with a refinement too."""
    recipe, options = CASES[case]

    def run(name: str, resume: bool) -> Result:
        own = options or {"model": network()}
        return train(out=tmp_path / name, data=data, recipe=recipe, quiet=True, resume=resume, seed=3, **own)

    straight = run("straight", False)
    folder = tmp_path / "stopped"
    reasons, steps = set(), []
    while not (folder / "result.json").exists():
        with pytest.MonkeyPatch.context() as patch:
            after(patch, 3, ask(signal.SIGTERM))
            try:
                resumed = run("stopped", True)
            except Stopped as stopped:
                reasons.add(stopped.reason)
                done = metadata(folder)
                steps.append(len(done["rows"]) * STEPS + -(-done["seen"] // BATCH))
    assert reasons == {"SIGTERM"}
    assert steps == list(range(3, recipe.epochs * STEPS, 3))
    assert same(weights(tmp_path / "straight"), weights(folder))
    assert rows(tmp_path / "straight") == rows(folder)
    for key in ("train_loss", "train_error", "validation_error", "test_error", "epochs", "coefficients", "refinements"):
        assert getattr(resumed, key) == getattr(straight, key)


@pytest.mark.parametrize("batches", [1, STEPS])
@pytest.mark.parametrize("reason", ["time", "SIGTERM", "SIGINT"])
def test_the_step_is_finished_and_kept(
    reason: str, batches: int, tmp_path: Path, data: Data, network: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    clock = [0.0]
    monkeypatch.setattr(stop_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    what = (lambda: clock.append(clock.pop() + 60)) if reason == "time" else ask(signal.Signals[reason])
    after(monkeypatch, batches, what)
    ends: Any = pytest.raises(KeyboardInterrupt if reason == "SIGINT" else Stopped)
    with ends as caught:
        train(model=network(), out=tmp_path / "run", data=data, recipe=PLAIN, quiet=True, max_seconds=50)
    if reason != "SIGINT":
        assert caught.value.reason == reason
        assert f"--resume --out {tmp_path / 'run'}" in str(caught.value)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    done = metadata(tmp_path / "run")
    assert (len(done["rows"]), done["seen"]) == ((1, 0) if batches == STEPS else (0, BATCH * batches))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "checkpoint.safetensors", "checkpoint.before.safetensors", "log.jsonl",
    }  # fmt: skip


def test_a_second_interrupt_is_obeyed_at_once(
    tmp_path: Path, data: Data, network: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is raised where the program is, nothing is kept of the epoch, and the run still ends the same."""
    reached = []

    def twice() -> None:
        ask(signal.SIGINT)()
        reached.append("first")
        ask(signal.SIGINT)()
        reached.append("second")

    with pytest.MonkeyPatch.context() as patch:
        after(patch, STEPS + 2, twice)
        with pytest.raises(KeyboardInterrupt):
            train(model=network(), out=tmp_path / "stopped", data=data, recipe=PLAIN)
    assert reached == ["first"]
    assert "stopped after 1 epoch; go on with --resume" in capsys.readouterr().err
    assert metadata(tmp_path / "stopped")["seen"] == 0
    train(model=network(), out=tmp_path / "stopped", data=data, recipe=PLAIN, quiet=True, resume=True)
    train(model=network(), out=tmp_path / "straight", data=data, recipe=PLAIN, quiet=True)
    assert same(weights(tmp_path / "straight"), weights(tmp_path / "stopped"))


def test_clocks_leave_out_what_lies_between(tmp_path: Path, data: Data, network: Maker) -> None:
    slow = 0.05

    def late() -> None:
        time.sleep(3 * slow)
        os.kill(os.getpid(), signal.SIGTERM)

    began = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        after(patch, 3, late)
        with pytest.raises(Stopped):
            train(model=network(), out=tmp_path, data=data, recipe=PLAIN, quiet=True)
    first = time.perf_counter() - began
    kept = metadata(tmp_path)["seconds"]
    assert 3 * slow <= kept <= first
    time.sleep(1)
    began = time.perf_counter()
    result = train(model=network(), out=tmp_path, data=data, recipe=PLAIN, quiet=True, resume=True)
    second = time.perf_counter() - began
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    assert kept < row["seconds"] <= kept + second
    assert kept < 130 / row["images_per_second"] <= row["seconds"]
    assert result.seconds <= first + second


def test_the_command_ends_as_a_shell_expects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*more: str) -> int:
        options = "train --scheme euler --depth 8 --data glyphs:64:20 --epochs 2 --batch-size 16 --quiet --json"
        monkeypatch.setattr(sys, "argv", ["tableau2net", *options.split(), "--out", str(tmp_path / "run"), *more])
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with pytest.MonkeyPatch.context() as patch:
            after(patch, 1, ask(number))
            assert command("--resume") == status
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("--resume --out") == (number == signal.SIGTERM)
    assert command("--resume", "--max-seconds", "1e-9") == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"{tmp_path / 'run'}: stopped (time) after 0 epochs and 32 images; go on with --resume --out "
        f"{tmp_path / 'run'}\n"
    )
    assert command("--resume") == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 2
    assert command("--max-seconds", "0") == 2
    assert "--max-seconds" in capsys.readouterr().err


def test_outside_the_main_thread_signals_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "main_thread", lambda: None)
    handler = signal.getsignal(signal.SIGTERM)
    with Stop(None) as stop:
        assert signal.getsignal(signal.SIGTERM) is handler
        assert stop() is None


def test_a_checkpoint_in_mid_epoch_belongs_to_its_run(tmp_path: Path, data: Data, network: Maker) -> None:
    """The batch size says where an epoch is: it cannot be another one."""
    with pytest.MonkeyPatch.context() as patch:
        after(patch, 2, ask(signal.SIGTERM))
        with pytest.raises(Stopped):
            train(model=network(), out=tmp_path, data=data, recipe=PLAIN, quiet=True)
    checkpoint = read_checkpoint(tmp_path / "checkpoint.safetensors", RunSpec.read(metadata(tmp_path)["run"], "a test"))
    assert checkpoint.progress.seen == 2 * BATCH
    assert checkpoint.tensors["random.cpu"].shape[0] == 1
    other = Recipe(epochs=2, batch_size=50)
    with pytest.raises(InputError, match=r"recipe\.batch_size: 40 there, 50 here"):
        train(model=network(), out=tmp_path, data=data, recipe=other, quiet=True, resume=True)
