"""`torchrun -m tableau2net train`: one run of two processes, in one folder, that talks with one voice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from typer.testing import CliRunner

from tableau2net.cli import app
from tableau2net.cli.together import alone, leave_to_first
from tableau2net.training.progress import ProgressDisplay

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="torchrun and signals of Linux")]

# The rate is low, for one process with other kernels for convolutions (no oneDNN) ends as far away as two processes do:
# 0.0002 in weights at a rate of 0.005. The last of five batches is ragged: 21 images, which two share unevenly.
RUN = "train --scheme lm --depth 14 --data glyphs:149:40 --epochs 2 --batch-size 32 --lr 0.001 --device cpu"
ENDLESS = "train --scheme lm --depth 14 --data glyphs:400:40 --epochs 500 --batch-size 4 --lr 0.001 --device cpu"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What our own processes have said on stderr."""
        return [line for line in self.err.splitlines() if line.startswith("tableau2net: ")]


def started(options: str, processes: int, folder: Path) -> subprocess.Popen[str]:
    command = [*TORCHRUN, str(processes), "-m", "tableau2net", *options.split(), "--out", str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def ended(process: subprocess.Popen[str]) -> Ended:
    try:
        out, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
    return Ended(process.returncode, out, err)


def together(options: str, folder: Path, processes: int = 2) -> Ended:
    return ended(started(options, processes, folder))


def by_itself(options: str, folder: Path) -> None:
    found = CliRunner().invoke(app, [*options.split(), "--quiet", "--out", str(folder)])
    assert found.exit_code == 0, found.output


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return found


def progress(folder: Path) -> dict[str, Any]:
    with safe_open(folder / "checkpoint.safetensors", framework="pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["progress"])
    return found


def assert_close(folder: Path, other: Path) -> None:
    first, second = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-4, atol=1e-4, msg=name)
    logs = [[json.loads(line) for line in (each / "log.jsonl").read_text().splitlines()] for each in (folder, other)]
    assert [row["epoch"] for row in logs[0]] == [row["epoch"] for row in logs[1]]
    for a, b in zip(*logs, strict=True):
        assert a["train_loss"] == pytest.approx(b["train_loss"], abs=1e-4)
        assert a["train_error"] == pytest.approx(b["train_error"], abs=0.7)  # an image on the edge


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    folder = tmp_path_factory.mktemp("one") / "run"
    by_itself(RUN, folder)
    return folder


def test_two_processes_do_what_one_does(straight: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    found = together(f"{RUN} --json", folder)
    assert found.status == 0, found.err
    assert json.loads(found.out) == result(folder)  # said once
    assert sum(line.startswith("epoch 1/2") for line in found.err.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    assert {path.name for path in folder.iterdir()} == {path.name for path in straight.iterdir()}
    assert_close(folder, straight)
    one, two = result(straight), result(folder)
    assert (one["processes"], two["processes"]) == (1, 2)
    clocks = {"seconds", "images_per_second", "date", "processes", "coefficients", "train_loss", "train_error"}
    for key in one.keys() - clocks - {"test_error"}:
        assert one[key] == two[key], key
    assert one["test_error"] == pytest.approx(two["test_error"], abs=2.5)


def test_a_run_goes_from_two_processes_to_one_and_back(straight: Path, tmp_path: Path) -> None:
    """In mid-epoch: nothing that chance decides, as dropout, is in this network, so it still ends the same."""
    folder = tmp_path / "run"
    stopped = together(f"{RUN} --max-seconds 1e-9", folder)
    assert stopped.status == 0, stopped.err
    assert stopped.out.count("stopped (time) after 0 epochs") == 1
    assert stopped.out.count("--resume --out") == 1
    some_steps(f"{RUN} --resume", folder, 3)
    assert progress(folder)["seen"] == 3 * 32
    found = together(f"{RUN} --resume", folder)
    assert found.status == 0, found.err
    assert found.err.count("going on after 0 epochs and 96 images") == 1
    assert_close(folder, straight)
    assert result(folder)["processes"] == 2


def some_steps(options: str, folder: Path, steps: int) -> None:
    """Go on in this process, for so many steps."""
    left = [steps]

    def count(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProgressDisplay, "advance", count)
        found = CliRunner().invoke(app, [*options.split(), "--quiet", "--out", str(folder)])
    assert found.exit_code == 143, found.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_torchrun_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """All its processes finish a step, the same one; one keeps it; and one process goes on from there."""
    folder = tmp_path / "run"
    process = started(ENDLESS, 2, folder)
    limit = time.monotonic() + 100
    while not (folder / "log.jsonl").exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(number)
    found = ended(process)
    assert found.status != 0
    assert (found.out + found.err).count("--resume --out") == 1
    done = progress(folder)
    assert done["seen"] % (4 * 16) == 0  # they ask each other every so many steps
    some_steps(f"{ENDLESS} --resume", folder, 3)
    after = progress(folder)
    trained = [400 * len(each["rows"]) + each["seen"] for each in (done, after)]
    assert trained[1] == trained[0] + 3 * 4 > 12


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--epochs many", "integer; see `tableau2net train --help`"),
        ("--schema lm", "see `tableau2net train --help`"),
        ("--scheme no-such-scheme", "no-such-scheme"),
        ("--data missing.npz", "missing.npz"),
        ("--lr 1e30", "became"),
        ("--device cuda:0", "cuda"),
    ],
)
def test_what_is_wrong_is_said_once(more: str, words: str, tmp_path: Path) -> None:
    began = time.monotonic()
    found = together(f"{RUN} {more}", tmp_path / "run")
    assert found.status != 0
    assert len(found.lines) == 1, found.err
    assert words in found.lines[0]
    assert "exitcode  : 2" in found.err
    assert time.monotonic() - began < 100


def test_the_first_process_alone_talks_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert alone()
    leave_to_first()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert not alone()
    leave_to_first()
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(SystemExit) as caught:
        leave_to_first()
    assert caught.value.code == 2
