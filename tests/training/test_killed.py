"""Real faults in a real process: killed at any moment, and a disk that takes no more."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tableau2net.training import Recipe, train

RUN = """
import sys
from tableau2net.training import Recipe, train
recipe = Recipe(epochs=6, refine=(0.5,))
train("adamnet-2", depth=14, out=sys.argv[1], data="glyphs:300:50", recipe=recipe, resume=True, quiet=True)
"""

# The process is killed at a call of the system's that writes: before a file's content is made to last, or renamed.
KILLED = """
import os
import signal
import sys
calls = 0
def counted(call):
    def wrapper(*arguments):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return wrapper
os.fsync, os.replace = counted(os.fsync), counted(os.replace)
"""

FULL_DISK = """
import resource
import sys
from tableau2net.errors import InputError
from tableau2net.training import Recipe, train
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # the checkpoint is larger, the log is not
for _ in range(2):  # nothing that is left behind stands in the way of trying again
    try:
        train("euler", depth=8, out=sys.argv[1], data="glyphs:100:50", recipe=Recipe(epochs=1), quiet=True)
    except InputError as error:
        print(error)
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed(tmp_path: Path) -> None:
    recipe = Recipe(epochs=6, refine=(0.5,))
    start = time.monotonic()
    train("adamnet-2", depth=14, out=tmp_path / "straight", data="glyphs:300:50", recipe=recipe, quiet=True)
    lasts = time.monotonic() - start
    folder = tmp_path / "killed"
    kills = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(folder)])
        while not (folder / "checkpoint.safetensors").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0, lasts / 2))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills > 0
    subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
    assert_same(folder, tmp_path / "straight")


@pytest.mark.slow
def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    """At the first call that makes a file's content last, at that of the folder, between the two names of the last
    checkpoint, and so on through a run that keeps going on: each run is killed at one such call later than the last."""
    recipe = Recipe(epochs=6, refine=(0.5,))
    train("adamnet-2", depth=14, out=tmp_path / "straight", data="glyphs:300:50", recipe=recipe, quiet=True)
    folder = tmp_path / "killed"
    ends = []
    for call in (2, 3, 5, 4, 7):
        ended = subprocess.run([sys.executable, "-c", KILLED + RUN, str(folder), str(call)], check=False)
        ends.append(ended.returncode)
    assert ends == [-signal.SIGKILL] * 5
    subprocess.run([sys.executable, "-c", RUN, str(folder)], check=True)
    assert_same(folder, tmp_path / "straight")


def assert_same(folder: Path, straight: Path) -> None:
    first, second = (load_file(each / "model.safetensors") for each in (straight, folder))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert not list(folder.glob(".*.partial"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits on the size of a file are a POSIX matter")
def test_a_disk_that_takes_no_more(tmp_path: Path) -> None:
    """The limit makes the write itself fail half-way, as a full disk does."""
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path / "run")], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    first, second = ended.stdout.splitlines()
    assert first == second
    assert f"{tmp_path / 'run' / 'checkpoint.safetensors'}: cannot be written" in first
    assert list((tmp_path / "run").iterdir()) == []
