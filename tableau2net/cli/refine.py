"""`tableau2net refine`: a trained network on finer or coarser grids, with its accuracy before and after."""

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from tableau2net.cli.run_options import run_options
from tableau2net.declared import plain, read
from tableau2net.errors import InputError
from tableau2net.files import read_text
from tableau2net.recipes.task import CLASSIFY, TaskSpec
from tableau2net.sinks import printable


@run_options("data_dir", "device")
def refine(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run, or one that this command has written.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the changed network.")],
    data: Annotated[str | None, typer.Option(help="Images to measure on. [default: those of the run]")] = None,
    data_dir: Path,
    validation: Annotated[
        int | None, typer.Option(help="Measure on the last N training images. [default: as the run, else the test's]")
    ] = None,
    coarsen: Annotated[bool, typer.Option("--coarsen", help="Coarser grids, not finer ones.")] = False,
    states: Annotated[int, typer.Option(help="Parts of each step; with --coarsen, steps that become one.")] = 2,
    controls: Annotated[int, typer.Option(help="The same of the grid of weights.")] = 2,
    device: str | None,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON, and nothing else.")] = False,
) -> None:
    """Refine or coarsen the grids of a trained network, measure it before and after, and write it to a folder."""
    from tableau2net.data.load import load_data
    from tableau2net.nn.change import Change
    from tableau2net.runs.stored import find_network, read_network, write_network
    from tableau2net.training.environment import choose_device
    from tableau2net.training.evaluation import compare_accuracy
    from tableau2net.training.objectives import objective_for

    change = Change("coarsen" if coarsen else "refine", states, controls)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not an empty folder; choose another --out")
    run, task = _said_of(find_network(folder))
    source = data or run.get("source")
    if not isinstance(source, str):
        raise InputError(f"{folder}: does not say what images it was trained on; give --data")
    if validation is None:
        held = run.get("validation", 0) if source == run.get("source") else 0
        validation = held if isinstance(held, int) else 0
    limit = run.get("train") if source == run.get("source") else None
    if task.kind is not CLASSIFY:
        limit = None  # squares of images are counted there
    images = load_data(source, data_dir=data_dir, validation=validation, limit_train=_fitting(limit), task=task)
    place = choose_device(device)
    stored, before = read_network(folder)
    after = change.apply(before)
    found = compare_accuracy(before.to(place), after.to(place), images.to(place), objective_for(task))
    about = {
        "data": {"source": images.name, **images.counts(), "digest": images.digest()},
        "found": found.to_dict(),
        **({} if task.kind is CLASSIFY else {"task": plain(task)}),
    }
    write_network(out, stored.changed(change), after, about)
    print(json_module.dumps(found.to_dict()) if json else f"{found}; written to {printable(out)}")


def _said_of(path: Path) -> tuple[dict[str, Any], TaskSpec]:
    """What a folder's file says about the images of its run, and of its task; nothing where there is no such file, or
    none told."""
    try:
        found = json_module.loads(read_text(path, 64 * 2**20))
    except (ValueError, RecursionError):  # an InputError too
        return {}, TaskSpec()
    if not isinstance(found, dict):
        return {}, TaskSpec()
    about, run = found.get("data"), found.get("run")
    task = found.get("task") or (run.get("task") if isinstance(run, dict) else None)
    spec = TaskSpec() if task is None else read(TaskSpec, task, f"{path}: task")
    return about if isinstance(about, dict) else {}, spec


def _fitting(limit: Any) -> int | None:
    """How many images the run was trained on: means and deviations are theirs."""
    return limit if isinstance(limit, int) and limit > 0 else None
