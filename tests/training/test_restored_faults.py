"""A run that restores images, in processes of its own: killed at any moment, and shared by two."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="torchrun and signals of Linux")]

TRAIN = (
    "-m tableau2net train --task denoise --model tnrd1_3x3 --data glyphs:28:4 --grey --patch 16 --sigma 50 "
    "--sigma-from 5 --test-sigma 25 --batch-size 7 --epochs 3 --device cpu --quiet --num-threads 1"
)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that nothing happened to, and how long it took."""
    folder, start = tmp_path_factory.mktemp("one") / "run", time.monotonic()
    subprocess.run([sys.executable, *TRAIN.split(), "--out", folder], check=True)
    return folder, time.monotonic() - start


def test_killed_at_any_moment_it_ends_the_same(straight: tuple[Path, float], tmp_path: Path) -> None:
    whole, lasts = straight
    command = [sys.executable, *TRAIN.split(), "--out", tmp_path / "run", "--resume"]
    for _ in range(2):
        process = subprocess.Popen(command)
        while not (tmp_path / "run" / "checkpoint.safetensors").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, lasts / 4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    first, second = weights(whole), weights(tmp_path / "run")
    assert all(torch.equal(first[name], second[name]) for name in first | second)


def test_two_processes_do_what_one_does(tmp_path: Path) -> None:
    """But for rounding, which AdamW makes much of where a gradient is next to nothing: by gradient descent."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    descent = "--optimiser sgd --momentum 0 --lr 0.5 --epochs 1"
    for name, start in (("one", []), ("two", torchrun)):
        command = [sys.executable, *start, *TRAIN.split(), *descent.split(), "--out", tmp_path / name]
        subprocess.run(command, check=True)
    first, second = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in first | second:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-6, msg=name)
    one, two = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("one", "two"))
    assert two["processes"] == 2
    assert one["train_psnr"] == pytest.approx(two["train_psnr"], rel=1e-5)
    assert one["test_psnr"] == pytest.approx(two["test_psnr"], rel=1e-5)
