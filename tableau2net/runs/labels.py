"""What runs are called beside each other: by what they differ in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tableau2net.declared import canonical
from tableau2net.runs.logged import Logged

LONGEST = 3  # differences that a label names
COPIES = ("seed", "preset", "precision", "data")  # a copy elsewhere is the same data
UNTOLD = (*COPIES, "text", "limit_train", "data.digest", "data.validation")  # others tell it


def labelled(runs: Sequence[Logged]) -> dict[str, list[Logged]]:
    """Runs under labels; those that differ by their seed alone share one.

    A label is the network with its scheme; where several would be the same, it goes on with what is not: the data, a
    number of the recipe or an option. A run whose folder does not say what it is goes by the folder."""
    groups: dict[str, list[Logged]] = {}
    for run in runs:
        groups.setdefault(_setting(run), []).append(run)
    alike: dict[str, list[str]] = {}
    for key, group in groups.items():
        alike.setdefault(group[0].network if group[0].asked else str(group[0].folder), []).append(key)
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
    return shown[:40] if name == "data" else f"{name} {shown[:40]}"


def _seeds(group: Sequence[Logged]) -> str:
    return f"{len(group)} seeds" if len(group) > 1 else f"seed {group[0].asked.seed if group[0].asked else '?'}"


def _unique(label: str, taken: Mapping[str, object]) -> str:
    number = 2
    while (numbered := label if number == 2 else f"{label} ({number - 1})") in taken:
        number += 1
    return numbered


def _setting(run: Logged) -> str:
    """All that was chosen but the seed, as text; of a run that does not say it, its folder."""
    if run.asked is None:
        return str(run.folder)
    return canonical({name: value for name, value in run.asked.decided().items() if name not in COPIES})


def _facts(run: Logged) -> dict[str, Any]:
    """Every setting by itself: "recipe.lr"."""
    if run.asked is None:
        return {}
    told = {name: value for name, value in run.asked.decided().items() if name not in UNTOLD}
    return dict(_flat({**told, "data": run.source}))


def _flat(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
