"""Runs of a table: each once, whatever happens to their workers."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tableau2net.cli.table_run import run_grid
from tableau2net.errors import InputError
from tableau2net.runs.result import Result
from tableau2net.tables import Grid, Ran, Runner
from tableau2net.tables.overview import Overview
from tableau2net.tables.processes import Processes
from tableau2net.tables.standing import BESIDE, RunTaken, is_taken, lock
from tableau2net.tables.work import Outcome, Spec, work

TABLE = """
format = 1
out = "{out}"
[common]
data = "glyphs:60:20"
depth = 8
recipe.epochs = {epochs}
recipe.batch_size = 20
[grid]
seed = {seeds}
scheme = {schemes}
"""
KEYS = ["euler, depth 8, seed 0", "lm, depth 8, seed 0", "euler, depth 8, seed 1", "lm, depth 8, seed 1"]

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def to(epochs: int = 1, name: str = "table.toml", seeds: Any = (0, 1), schemes: Any = ("euler", "lm")) -> Path:
        path = tmp_path / name
        axes = {"seeds": list(seeds), "schemes": list(schemes)}
        path.write_text(TABLE.format(out=tmp_path / "runs", epochs=epochs, **axes))
        return path

    return to


class Here:
    """Does each run here and now, or lets one of a list of outcomes become of it."""

    def __init__(self, *outcomes: Outcome | None) -> None:
        self.outcomes = list(outcomes)
        self.started: list[str] = []

    def start(self, spec: Spec) -> "Here.Worker":
        self.started.append(spec.write().stem)
        planned = self.outcomes.pop(0) if self.outcomes else None
        return Here.Worker(planned or work(spec))

    class Worker:
        def __init__(self, outcome: Outcome) -> None:
            self.outcome = outcome

        def poll(self) -> Outcome | None:
            return self.outcome

        def stop(self) -> None:
            pass

        kill = stop


def run(path: Path, workers: Any, **options: Any) -> Ran:
    return Runner(Grid.read(path), workers, **options).run()


def keys(runs: Any) -> list[str]:
    return [run.key for run in runs]


def same_weights(a: Path, b: Path) -> bool:
    x, y = (load_file(folder / "model.safetensors") for folder in (a, b))
    return x.keys() == y.keys() and all(torch.equal(x[name], y[name]) for name in x)


def test_each_run_once_and_none_a_second_time(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    workers = Here()
    ran = run(write(), workers)
    assert (ran.status, keys(ran.finished), ran.failed, ran.left) == (0, KEYS, (), ())
    assert workers.started == ["euler-8-seed0", "lm-8-seed0", "euler-8-seed1", "lm-8-seed1"]
    for run_ in ran.finished:
        result = Result.read(run_.folder / "result.json")
        assert (result.scheme, result.seed, result.depth) == (run_.label, run_.seed, 8)
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[0] == "4 runs; 1 at a time"
    assert lines[1] == "[1/4] started euler, depth 8, seed 0"
    assert lines[2].startswith("[1/4] finished euler, depth 8, seed 0: errors test ")
    assert len(lines) == 9
    again = Here()
    assert run(write(), again).finished == ran.finished
    assert again.started == []
    assert capsys.readouterr().err == "4 runs, 4 of them finished before; 1 at a time\n"


@pytest.mark.slow
def test_a_worker_that_dies_is_gone_on_with_twice(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    death = Outcome("died", "its process was ended by SIGKILL")
    workers = Here(death, death, None, death, death, death)
    ran = run(write(), workers)
    assert workers.started.count("euler-8-seed0") == 3
    assert keys(ran.finished) == [KEYS[0], *KEYS[2:]]
    assert [(run.key, said) for run, said in ran.failed] == [(KEYS[1], death.said)]
    assert ran.status == 1
    shown = capsys.readouterr().err
    assert shown.count("ended by SIGKILL; it is gone on with") == 4
    assert "[2/4] failed lm, depth 8, seed 0: its process was ended by SIGKILL" in shown


def test_a_run_that_fails_is_told_and_the_others_go_on(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(seeds=[0], schemes=["euler"])
    path.write_text(path.read_text() + "recipe.lr = [1e30, 0.1]\n")
    ran = run(path, Here(), quiet=True)
    assert (keys(ran.finished), ran.status) == (["euler (lr=0.1), depth 8, seed 0"], 1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("[1/2] failed euler (lr=1e+30), depth 8, seed 0: ")
    assert "the loss became" in line


def test_what_is_left_when_the_time_is_up(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    workers = Here(None, Outcome("stopped", "time"))
    ran = run(write(), workers, max_seconds=1000)
    assert (keys(ran.finished), keys(ran.left), ran.stopped, ran.status) == (KEYS[:1], KEYS[1:], "time", 0)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "the time is up: 3 runs are left; the same command goes on with them"
    )
    assert len(workers.started) == 2
    assert keys(run(write(), Here(), max_seconds=0).left) == KEYS[1:]  # nothing is started any more
    late = work(Spec(str(ran.left[0].folder), ran.left[0].asked, until=time.time() - 1))
    assert late == Outcome("stopped", "time")
    assert keys(run(write(), Here()).finished) == KEYS


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS])
def test_a_disk_that_knows_no_locks(error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(error, "no locks")

    monkeypatch.setattr("fcntl.flock", refused)
    says = r"^.*run\.lock: cannot be locked \(no locks\); choose an --out on another disk$"
    with pytest.raises(InputError, match=says), lock(tmp_path / "run"):
        pass


@pytest.mark.slow
def test_a_run_that_another_process_is_at_is_waited_for(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Grid.read(write()).runs[0].folder
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock(folder):
            held.set()
            done.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(20)
    assert is_taken(folder)
    with pytest.raises(RunTaken), lock(folder):
        pass
    assert work(Spec(str(folder), Grid.read(write()).runs[0].asked)) == Outcome("taken")
    threading.Timer(1.0, done.set).start()
    workers = Here()
    assert keys(run(write(), workers).finished) == KEYS
    other.join()
    assert workers.started[-1] == "euler-8-seed0"
    assert "[1/4] another process is at euler, depth 8, seed 0" in capsys.readouterr().err
    assert not is_taken(folder)


@pytest.mark.slow
def test_results_that_cannot_be_read_and_those_of_other_runs(write: Writer) -> None:
    single = partial(write, seeds=[0], schemes=["euler"])
    (first,) = run(single(), Here(), quiet=True).finished
    path = first.folder / "result.json"
    whole = path.read_text()
    for damaged in ("[]", whole[:100]):
        path.write_text(damaged)
        workers = Here()
        assert len(run(single(), workers, quiet=True).finished) == 1
        assert workers.started == ["euler-8-seed0"]
        # Its network is as it was; only when it was written differs.
        assert {**json.loads(path.read_text()), "date": ""} == {**json.loads(whole), "date": ""}
        assert (first.folder / "result.json.damaged").read_text() == damaged
    for text, words in (
        (single(epochs=2).read_text(), "recipe.epochs: 1 there, 2 here"),
        (single().read_text().replace("60:20", "50:20"), "data: glyphs:60:20 there, glyphs:50:20 here"),
        (single().read_text().replace("[common]", "[common]\nvalidation = 5"), "validation: 0 there, 5 here"),
        (single().read_text().replace("[common]", "[common]\nlimit_train = 9"), "limit_train: 60 there, 9 here"),
        (single().read_text() + 'coefficients = ["free"]\n', "options.coefficients: "),
    ):
        (path.parents[2] / "table.toml").write_text(text)
        with pytest.raises(InputError, match="belongs to another run") as caught:
            run(path.parents[2] / "table.toml", Here(), quiet=True)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    less = Grid.read(single()).with_overrides(limit_train=30, out=first.folder.parent / "less")
    Runner(less, Here(), quiet=True).run()
    with pytest.raises(InputError, match="limit_train: 30 there, None here"):
        Runner(Grid.read(single()).with_overrides(out=less.out), Here(), quiet=True).run()


def test_the_command_line_part(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run_grid(write(), dry_run=True, seeds=(7,), epochs=3)
    assert keys(ran.left) == ["euler, depth 8, seed 7", "lm, depth 8, seed 7"]
    shown = capsys.readouterr().out
    assert "77,946" in shown
    assert "2 runs" in shown
    assert not ran.grid.out.exists()
    with pytest.raises(InputError, match="abacus"):
        run_grid(write(), device="abacus")


def test_the_overview_of_many_runs_stays_readable(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setenv("LINES", "20")
    path = write(seeds=range(50))
    runner = Runner(Grid.read(path), Here(), at_once=4)
    for job, state in zip(runner.jobs, ["done"] * 30 + ["running"] * 4 + ["failed"] * 2, strict=False):
        job.state, job.pace = state, 2.0  # type: ignore[assignment]
        job.log = [{"seconds": 2.0, "train_error": 10.0, "validation_error": None, "test_error": 12.5}]
    overview = Overview(runner.jobs, 4, quiet=False)
    with overview.console.capture() as shown:
        overview.console.print(overview.view())
    lines = shown.get().splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 110
    assert sum("running" in line for line in lines[1:-1]) == 4
    assert sum("to come" in line for line in lines[1:-1]) == 3
    assert all("…" not in line for line in lines)
    narrow = Overview(runner.jobs, 4, quiet=False)
    narrow.console.width = 60
    with narrow.console.capture() as shown:
        narrow.console.print(narrow.view())
    assert "train" not in shown.get()
    assert "12.50 %" in shown.get()
    assert lines[-1].startswith("100 runs: 30 finished, 4 running, 2 failed, 64 to come; about 0:")


# From here on with processes.


def command(path: Path, **options: Any) -> "subprocess.Popen[str]":
    """The runs of a table, as a command would run them."""
    call = f"sys.exit(run_grid({str(path)!r}, **{options}).status)"
    code = f"import sys; from tableau2net.cli.table_run import run_grid; {call}"
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def wait_for(there: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def worker_of(parent: int, folder: Path) -> int | None:
    """The process that is at a run, which has finished an epoch."""
    log = folder / "log.jsonl"
    if not log.exists() or not log.read_text():
        return None
    for entry in Path("/proc").iterdir():
        try:
            own = (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(parent)
            if own and folder.name in (entry / "cmdline").read_text():
                return int(entry.name)
        except OSError:
            continue
    return None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes as Linux shows them")
def test_a_worker_that_is_killed(write: Writer) -> None:
    """What comes of the run is what would have come of it, to the bit."""
    path = write(epochs=12, seeds=[0])
    straight = run(path, Here(), quiet=True)
    for one in straight.finished:
        one.folder.rename(one.folder.with_name(f"straight-{one.folder.name}"))
    process = command(path, jobs=1)
    folder = straight.finished[0].folder
    os.kill(wait_for(lambda: worker_of(process.pid, folder)), signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0
    assert f"{KEYS[0]}: its process was ended by SIGKILL; see {folder.parent / BESIDE / (folder.name + '.err')}" in told
    assert "started euler, depth 8, seed 0, going on after epoch" in told
    for one in straight.finished:
        assert same_weights(one.folder, one.folder.with_name(f"straight-{one.folder.name}"))


@pytest.mark.slow
def test_two_commands_at_one_table(write: Writer) -> None:
    path = write(epochs=4, schemes=["euler"])
    both = [command(path, jobs=1) for _ in range(2)]
    told = [process.communicate(timeout=150)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    started = [line.partition(" started ")[2] for text in told for line in text.splitlines() if " started " in line]
    taken = sum(text.count("another process is at") for text in told)
    assert set(started) == set(KEYS[::2])
    assert all(Result.read(run.folder / "result.json") for run in Grid.read(path).runs)
    assert taken or len(started) == 2
    for run_ in Grid.read(path).runs:  # no worker that came late trained a run again
        rows = (run_.folder / "log.jsonl").read_text().splitlines()
        assert [json.loads(row)["epoch"] for row in rows] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop(number: int, status: int, write: Writer) -> None:
    path = write(epochs=300)
    process = command(path, jobs=2)
    folders = [run.folder for run in Grid.read(path).runs[:2]]
    wait_for(lambda: all((folder / "log.jsonl").exists() and (folder / "log.jsonl").read_text() for folder in folders))
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == status
    assert (
        told.splitlines()[-1] == f"{signal.Signals(number).name}: 4 runs are left; the same command goes on with them"
    )
    assert told.count("stopped ") == 2
    assert not any(map(is_taken, folders))
    assert all((folder / "checkpoint.safetensors").exists() for folder in folders)


@pytest.mark.slow
def test_workers_stop_where_their_command_is_killed(write: Writer) -> None:
    path = write(epochs=2000)
    process = command(path, jobs=1, quiet=True)
    folder = Grid.read(path).runs[0].folder
    wait_for(lambda: (folder / "log.jsonl").exists() and (folder / "log.jsonl").read_text())
    process.kill()
    process.communicate()
    wait_for(lambda: not is_taken(folder), 30)
    rows = len((folder / "log.jsonl").read_text().splitlines())
    assert 0 < rows < 2000


@pytest.mark.slow
def test_the_time_is_divided_among_what_there_is(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(epochs=2000)
    start = time.monotonic()
    ran = run_grid(path, jobs=1, max_seconds=12)
    assert time.monotonic() - start < 40
    assert (ran.stopped, ran.status, len(ran.left)) == ("time", 0, 4)
    assert "stopped euler, depth 8, seed 0 after " in capsys.readouterr().err


@pytest.mark.slow
def test_a_process_that_dies_of_a_fault_of_ours(write: Writer) -> None:
    first = Grid.read(write()).runs[0]
    spec = Spec(str(first.folder), None, threads=1)  # type: ignore[arg-type]
    worker = Processes().start(spec)
    outcome = wait_for(worker.poll)
    assert outcome.state == "died"
    assert "its process ended with status 1 (tableau2net.errors.InputError: " in outcome.said
    assert str(first.folder.parent / BESIDE) in outcome.said
