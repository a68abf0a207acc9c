"""A table over Ray: a local one of two workers, the same results as of processes."""

import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tableau2net.cli.table_run import run_grid
from tableau2net.errors import InputError
from tableau2net.tables import Grid
from tableau2net.tables.cluster import Cluster
from tableau2net.tables.standing import is_taken
from tableau2net.tables.work import Spec
from tableau2net.training import train

TABLE = """
format = 1
out = "{out}"
[common]
data = "glyphs:60:20"
depth = 8
recipe.epochs = 1
recipe.batch_size = 20
device = "cpu"
[grid]
seed = [0, 1]
scheme = ["euler"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "table.toml"
    file.write_text(TABLE.format(out=tmp_path / "runs"))
    return file


def test_without_ray_one_line_says_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'tableau2net\[ray\]'"):
        run_grid(path, ray="local")


@pytest.mark.slow
def test_two_local_workers(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray")
    ran = run_grid(path, ray="local", jobs=2)
    assert (len(ran.finished), ran.failed, ran.status) == (2, (), 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "2 runs; 2 at a time"
    assert ["started" in line for line in lines[1:3]] == [True, True]  # the second before the first has ended
    first = Grid.read(path).runs[0]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(first.asked, out=tmp_path / "alone", quiet=True)
    finally:
        torch.set_num_threads(before)
    alone, cluster = (load_file(folder / "model.safetensors") for folder in (tmp_path / "alone", first.folder))
    assert all(torch.equal(alone[name], cluster[name]) for name in alone)


@pytest.mark.slow
def test_time_that_is_up_and_runs_that_fail(path: Path) -> None:
    pytest.importorskip("ray")
    path.write_text(path.read_text() + "recipe.lr = [1e30]\n")
    ran = run_grid(path, ray="local", jobs=2, quiet=True)
    assert len(ran.failed) == 2
    assert "the loss became" in ran.failed[0][1]
    path.write_text(path.read_text().replace("[1e30]", "[0.1]").replace("epochs = 1", "epochs = 5000"))
    ran = run_grid(path, ray="local", jobs=2, quiet=True, max_seconds=30, out=path.parent / "long")
    assert (len(ran.left), ran.stopped) == (2, "time")
    assert all((run.folder / "checkpoint.safetensors").exists() for run in ran.left)


@pytest.mark.slow
def test_a_task_that_is_asked_to_stop(path: Path) -> None:
    pytest.importorskip("ray")
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 5000"))
    (run, _) = Grid.read(path).runs
    log = run.folder / "log.jsonl"
    with Cluster("local", 1, [run]) as cluster:
        task = cluster.start(Spec(str(run.folder), run.asked))
        end = time.monotonic() + 180
        while not (log.exists() and log.read_text()):
            assert task.poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        task.stop()
        while (outcome := task.poll()) is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert outcome.state == "stopped"
        for _ in range(100):  # the task may end a little after Ray says so
            if not is_taken(run.folder):
                break
            time.sleep(0.1)
        assert not is_taken(run.folder)
    assert 0 < len(log.read_text().splitlines()) < 5000


def test_an_address_that_there_is_not(path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"--ray 127\.0\.0\.1:1: cannot be joined"):
        run_grid(path, ray="127.0.0.1:1")
