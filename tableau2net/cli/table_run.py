"""The running part of `tableau2net table FILE.toml`: the runs of a table that are not finished yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tableau2net.errors import InputError
from tableau2net.sinks import printable

if TYPE_CHECKING:
    from tableau2net.tables import Grid, Ran, TableRun
    from tableau2net.tables.processes import Workers


def run_grid(
    path: str | Path,
    *,
    jobs: int | None = None,
    max_seconds: float | None = None,
    dry_run: bool = False,
    ray: str | None = None,
    quiet: bool = False,
    baseline: str | None = None,
    **overrides: Any,
) -> Ran:
    """Run what is not finished yet of the table in a file; what became of its runs, and its grid.

    jobs: runs at the same time.  max_seconds: stop then, with checkpoints.  dry_run: list the runs on stdout, and start
    none.  ray: the address of a cluster, or "local".  overrides: see `Grid.with_overrides`; None leaves what the file
    says.

    baseline: a line of the table, if one is to be.

    Raises InputError, one line, for all that is wrong with the file, before the first run starts.
    """
    from tableau2net.tables import Grid, Ran, Runner
    from tableau2net.tables.preflight import check_data, check_runs
    from tableau2net.tables.standing import is_finished

    grid = Grid.read(path).with_overrides(**overrides)
    if baseline is not None and baseline not in grid.labels:
        raise InputError(f"--baseline {baseline[:60]!r}: is no line of {path}; there are {', '.join(grid.labels)}")
    if grid.out.exists() and not grid.out.is_dir():
        raise InputError(f"{grid.out}: is no folder; choose another --out")
    checked = check_runs(grid.runs)
    for note in () if quiet else checked.notes:
        print(printable(note), file=sys.stderr)
    left = tuple(run for run in grid.runs if not is_finished(run.folder, run.asked))
    if dry_run:
        _list(grid, checked.parameters)
        return Ran(grid, left=left)
    check_data(left)
    with _workers(ray, jobs, left) as (workers, at_once, threads):
        return Runner(grid, workers, at_once=at_once, threads=threads, max_seconds=max_seconds, quiet=quiet).run()


@contextmanager
def _workers(ray: str | None, jobs: int | None, left: Sequence[TableRun]) -> Iterator[tuple[Workers, int, int | None]]:
    """What starts workers, how many at a time, and how many threads each has."""
    if ray is None:
        from tableau2net.tables.processes import Processes

        at_once = jobs or 1
        yield Processes(), at_once, _threads(at_once)
        return
    from tableau2net.tables.cluster import Cluster

    with Cluster(ray, jobs, left) as cluster:
        yield cluster, cluster.at_once, cluster.threads


def _threads(at_once: int) -> int:
    """CPU threads of each of so many workers: the cores divided, or fewer where OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    each = max(1, cores // at_once)
    return min(each, int(said)) if said.isdigit() and int(said) else each


def _list(grid: Grid, parameters: Mapping[str, int]) -> None:
    """The runs on stdout, each with its folder and what its network has."""
    from rich.table import Table

    from tableau2net.cli.terminal import Terminal

    console = Terminal()
    shown = Table(header_style="bold", box=None, pad_edge=False)
    headings = ("network", "depth", "seed", "parameters", "epochs", "state", "matched", "folder")
    columns = {heading: [_cell(heading, run, parameters) for run in grid.runs] for heading in headings}
    if not any(columns["matched"]):
        del columns["matched"]
    if sum(max(map(len, (heading, *cells))) + 2 for heading, cells in columns.items()) > console.width:
        del columns["folder"]  # it follows from the rest
    for heading in columns:
        right = heading in ("depth", "seed", "parameters", "epochs")
        shown.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in zip(*columns.values(), strict=True):
        shown.add_row(*row)
    console.print(shown)
    console.print(f"\n{len(grid.runs)} runs, in folders of {printable(grid.out)}", soft_wrap=True)


def _cell(heading: str, run: TableRun, parameters: Mapping[str, int]) -> str:
    from tableau2net.tables.standing import is_finished, rows

    match heading:
        case "network":
            return run.label
        case "depth":
            return str(run.asked.network.depth or run.depth or "–")
        case "matched":
            return str(run.matched or "")
        case "seed":
            return str(run.seed)
        case "parameters":
            return f"{parameters[run.key]:,}"
        case "epochs":
            return str(run.asked.recipe.epochs)
        case "state":
            done = len(rows(run.folder))
            return "finished" if is_finished(run.folder, run.asked) else f"{done} epochs" if done else "to come"
        case _:
            return run.folder.name
