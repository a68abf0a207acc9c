"""`tableau2net models`: the networks that can be named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from tableau2net.cli.streams import print_json
from tableau2net.words import counted


def models(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as '*lm*'.")] = "*",
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """List the networks of the registry as they are published; other depths and widths can be made.

    The order shown is proved of the network's scheme; where an option or the name says which scheme that is, none is.
    """
    from fnmatch import fnmatchcase

    from tableau2net.nn.registry import entries

    shown = [(entry, [name for name in entry.published if fnmatchcase(name, pattern)]) for entry in entries()]
    found = [(entry, names, _proved(entry.scheme) if entry.scheme else {}) for entry, names in shown if names]
    if json:
        rows = [
            {"name": name, "scheme": entry.scheme or None, "order": None, **proved, "about": entry.about}
            for entry, names, proved in found
            for name in names
        ]
        print_json(rows)
        return
    from rich.padding import Padding
    from rich.text import Text

    from tableau2net.cli.terminal import Terminal

    console = Terminal()
    for entry, names, proved in found:
        scheme = "".join(f"{entry.scheme}, {kind.replace('_', ' ')} {found}: " for kind, found in proved.items())
        console.print(Text(_together(names), style="bold"))
        console.print(Padding(Text(scheme + entry.about), (0, 0, 0, 4)))
    console.print(counted(sum(len(names) for _, names, _ in found), "network"))


def _proved(name: str) -> dict[str, int | float]:
    """The order of a scheme; of a stochastic one the strong order."""
    from tableau2net.analysis import order
    from tableau2net.analysis.stochastic.stochastic_order import strong_order
    from tableau2net.scheme import CoefficientTable, StochasticRungeKutta, as_scheme, load

    table = load(name, CoefficientTable)
    if isinstance(table, StochasticRungeKutta):
        found = strong_order(table)
        return {} if found is None else {"strong_order": float(found.order)}
    return {"order": order(as_scheme(table))}


def _together(names: Sequence[str]) -> str:
    """Names of one family: the first, and of the others what is not the same in all."""
    same = next((n for n, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    same = len(names[0][:same].rstrip("0123456789"))
    return ", ".join([names[0], *(name[same:] for name in names[1:])])
