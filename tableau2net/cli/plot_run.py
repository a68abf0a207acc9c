"""`tableau2net plot` for the folders of training runs: what goes into each figure, and what each line is called."""

from __future__ import annotations

from collections.abc import Sequence

from tableau2net.errors import InputError
from tableau2net.runs.labels import labelled
from tableau2net.runs.logged import Logged, read_logged


def draw(figure: str, folders: Sequence[str], format: str) -> bytes:
    """The figure of one run or several. Raises InputError, one line, where it cannot be drawn."""
    if figure != "training" and len(folders) > 1:
        raise InputError(f"plot {figure} draws one run, not {len(folders)}; plot training takes several")
    runs = [read_logged(folder) for folder in dict.fromkeys(folders)]
    match figure:
        case "training":
            return _training(runs, format)
        case "coefficients":
            return _coefficients(runs[0], format)
        case _:
            return _effective_step(runs[0], format)


def _training(runs: Sequence[Logged], format: str) -> bytes:
    if len(runs) == 1:
        from tableau2net.plot.runs.curves import draw_curves

        (run,) = runs
        return draw_curves(run.rows, run.before, run.title, format)
    from tableau2net.plot.runs.overlay import draw_runs

    return draw_runs({label: [run.rows for run in group] for label, group in labelled(runs).items()}, format)


def _coefficients(run: Logged, format: str) -> bytes:
    from tableau2net.plot.runs.learnt_coefficients import draw_coefficients

    if not run.learns:
        raise InputError(f"{run.folder}: nothing is learnt, {_why_not(run)}")
    return draw_coefficients(run.rows, run.before, run.title, format)


def _effective_step(run: Logged, format: str) -> bytes:
    from tableau2net.plot.runs.effective_step import draw_effective_step, step_length

    family = run.family()
    length = step_length(family.scheme)
    if length is None:
        raise InputError(
            f"{run.folder}: a step of {_scheme(run)} has no length of its own: for some values of its "
            "coefficients not even a constant solution is kept"
        )
    if not run.learns:
        raise InputError(f"{run.folder}: nothing is learnt, {_why_not(run)}; each step is {length} h")
    try:
        return draw_effective_step(run.rows, run.before, run.title, family.scheme, length, format)
    except ValueError as error:
        raise InputError(f"{run.folder}: {error}") from None


def _why_not(run: Logged) -> str:
    options = run.about.get("options")
    if isinstance(options, dict) and options.get("coefficients") in ("learnable", "free"):
        return f"none of {_scheme(run)}'s coefficients is in the network: all steps are start-up steps"
    return f"the coefficients of {_scheme(run)} are fixed"


def _scheme(run: Logged) -> str:
    return str(run.about.get("scheme") or "its network")
