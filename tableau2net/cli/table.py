"""`tableau2net table`: finished runs side by side, for a terminal, a document or a program; a grid's are run first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tableau2net.cli.run_options import run_options
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.sinks import printable

if TYPE_CHECKING:
    from tableau2net.comparison import Finished
    from tableau2net.tables import Ran

ENDINGS = (".md", ".tex", ".csv", ".json")
GRID = ("data", "data_dir", "epochs", "limit_train", "validation", "preset", "device", "precision", "engine")


@run_options(*GRID, help="Grid: as of train.")
def table(
    sources: Annotated[
        list[Path], typer.Argument(help="Folders with result.json in or below them; FILE.toml, a grid to run.")
    ],
    *,
    pivot: Annotated[str | None, typer.Option(help="depth: a line a network, a column a depth.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Network or label that the others are tested against. [default: the grid's]")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", help="File to write, by its ending .md, .tex, .csv or .json; repeatable."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX, for the package booktabs.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path | None, typer.Option(help="Grid: folder of its runs. [default: as the file says]")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Grid: runs at the same time.")] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Grid: stop cleanly then; the same command goes on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Grid: say what would run, and run nothing.")] = False,
    ray: Annotated[str | None, typer.Option(help="Grid: address of a Ray cluster, or local.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Grid: 0,1,2 or 0-4.")] = None,
    depths: Annotated[str | None, typer.Option(help="Grid: 20 or 20,32.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Grid: no overview on stderr.")] = False,
    **asked: Any,
) -> None:
    """Compare finished runs: what was trained on what, and how well. Runs that differ by seed alone share a line.

    A grid's file is run first, as far as it is not finished; then its table is shown, beside published figures.
    """
    form = _form({".md": markdown, ".tex": latex, ".csv": csv, ".json": json})
    for path in output or ():
        if path.suffix not in ENDINGS:
            raise InputError(f"-o {path}: end its name by {', '.join(ENDINGS)}")
    if pivot not in (None, "depth"):
        raise InputError(f"--pivot {pivot[:40]!r}: write --pivot depth")
    files = [source for source in sources if source.suffix == ".toml"]
    if len(files) > 1:
        raise InputError(f"{files[1]}: one grid at a time; its finished runs can be named as a folder")
    options: dict[str, Any] = {
        "out": out, "jobs": jobs, "max_seconds": max_seconds, "dry_run": dry_run, "ray": ray, **asked,
        "seeds": _numbers("seeds", seeds), "depths": _numbers("depths", depths), "quiet": quiet,
    }  # fmt: skip
    said = [name for name, value in options.items() if value not in (None, False)]
    if said and not files:
        raise InputError(f"--{said[0].replace('_', '-')}: is for a grid; name its FILE.toml")

    from tableau2net.comparison import Table, read_finished
    from tableau2net.comparison.formats import FORMATS

    runs: list[Finished] = read_finished(source for source in sources if source.suffix != ".toml")
    published, title, status = None, None, 0
    notes: list[str] = []
    if files:
        from tableau2net.cli.table_run import run_grid

        ran = run_grid(files[0], baseline=baseline if not runs else None, **options)
        if dry_run:
            return
        grid, status = ran.grid, ran.status
        published, title, notes = grid.published, grid.title, _notes(ran)
        found = _finished(ran)
        there = {run.folder.resolve() for run in found}
        runs = [*found, *(run for run in runs if run.folder.resolve() not in there)]
        baseline = grid.baseline if baseline is None else baseline
        if baseline in grid.labels and all(run.label != baseline for run in runs):
            notes.append(f"No difference is told: no run of {baseline} is finished.")
            baseline = None
    if not runs:
        print("\n".join(["No run is finished yet.", *map(printable, notes)]))
        _end(status)
        return
    whole = Table.of(runs, published, baseline, notes, title)
    turned = pivot is not None
    for path in output or ():
        write_atomically(path, FORMATS[path.suffix](whole, turned))
    if form is not None:
        print(FORMATS[form](whole, turned), end="")
        _end(status)
        return
    from tableau2net.cli.table_view import show
    from tableau2net.comparison.sheet import pivot as pivoted
    from tableau2net.comparison.sheet import sheet

    show(pivoted(whole) if turned else sheet(whole))
    for path in output or ():
        print(f"Written to {printable(path)}")
    _end(status)


def _end(status: int) -> None:
    if status:
        raise typer.Exit(status)


def _finished(ran: Ran) -> list[Finished]:
    """The finished runs of a grid, as rows know them."""
    from tableau2net.comparison import Finished, read_result
    from tableau2net.runs.result import RESULT

    return [
        Finished(read_result(run.folder / RESULT), run.folder, run.label, run.published, run.depth)
        for run in ran.finished
    ]


def _notes(ran: Ran) -> list[str]:
    """What is to be said of runs that are not finished, and of depths that were chosen."""
    grid = ran.grid
    notes = []
    matched = next((run.matched for run in grid.runs if run.matched), None)
    if matched is not None:
        notes.append(f"Depths are chosen so that {matched.by} come nearest to those of {matched.to}.")
    if ran.left:
        notes.append(f"{len(ran.finished)} of {len(grid.runs)} runs are finished; the same command goes on.")
    if ran.failed:
        notes.append(
            f"{len(ran.failed)} of {len(grid.runs)} runs failed: {', '.join(run.key for run, _ in ran.failed[:4])}."
        )
    return notes


def _form(asked: dict[str, bool]) -> str | None:
    """The one format that is to be printed; None for the terminal's. Raises InputError for two."""
    found = [ending for ending, wanted in asked.items() if wanted]
    if len(found) > 1:
        raise InputError("--markdown, --latex, --csv and --json: choose one; -o FILE, repeated, writes several")
    return found[0] if found else None


def _numbers(option: str, text: str | None) -> tuple[int, ...] | None:
    """0,1,2 or 0-4 as numbers. Raises InputError for what is neither."""
    if text is None:
        return None
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})(?:-(\d{1,18}))?\s*", part, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + 1000:
            raise InputError(f"--{option} {text[:40]!r}: write whole numbers, 0,1,2 or 0-4")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))
