"""`tableau2net plot` for the folders of training runs: what goes into each figure, and what each line is called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tableau2net.errors import InputError
from tableau2net.recipes.recipe import completed
from tableau2net.runs.logged import Logged, read_logged

LONGEST = 3  # differences that a label names


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


# ---------------------------------------------------------------------------------------------------------- labels


def labelled(runs: Sequence[Logged]) -> dict[str, list[Logged]]:
    """Runs under labels; those that differ by their seed alone share one.

    A label is the network with its scheme; where several would be the same, it goes on with what is not: the data, a
    number of the recipe or an option. A run whose folder does not say what it is goes by the folder."""
    groups: dict[str, list[Logged]] = {}
    for run in runs:
        groups.setdefault(_setting(run), []).append(run)
    alike: dict[str, list[str]] = {}
    for key, group in groups.items():
        alike.setdefault(group[0].network if group[0].about else str(group[0].folder), []).append(key)
    found: dict[str, list[Logged]] = {}
    for name, keys in alike.items():
        facts = [_facts(groups[key][0]) for key in keys]
        for key, own in zip(keys, facts, strict=True):
            others = [name for name in own if any(own[name] != fact.get(name) for fact in facts)]
            told = [_told(other.rpartition(".")[2], own[other]) for other in others[:LONGEST]]
            found[_unique(", ".join([name, *told, _seeds(groups[key])]), found)] = groups[key]
    return found


def _told(name: str, value: Any) -> str:
    if value in (None, [], False):
        return f"no {name}"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return shown[:40] if name == "source" else f"{name} {shown[:40]}"


def _seeds(group: Sequence[Logged]) -> str:
    return f"{len(group)} seeds" if len(group) > 1 else f"seed {group[0].about.get('seed', '?')}"


def _unique(label: str, taken: Mapping[str, object]) -> str:
    number = 2
    while (numbered := label if number == 2 else f"{label} ({number - 1})") in taken:
        number += 1
    return numbered


def _setting(run: Logged) -> str:
    """All that was chosen but the seed, as text; of a run that does not say it, its folder."""
    if not run.about:
        return str(run.folder)
    data = {name: value for name, value in run.about["data"].items() if name != "source"}  # a copy is the same data
    return json.dumps(completed({**run.about, "data": data, "seed": None}), sort_keys=True)


def _facts(run: Logged) -> dict[str, Any]:
    """Every setting by itself: "recipe.lr"."""
    if not run.about:
        return {}
    data = {"source": run.source, **{n: v for n, v in run.about["data"].items() if n not in ("source", "digest")}}
    return dict(_flat(completed({**run.about, "data": data, "seed": None})))


def _flat(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
