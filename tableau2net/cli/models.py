"""`tableau2net models`: the networks that can be named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from tableau2net.cli.streams import print_json


def models(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as '*lm*'.")] = "*",
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """List the networks of the registry as they are published; other depths and widths can be made.

    The order shown is proved of the network's scheme; where an option or the name says which scheme that is, none is.
    """
    from fnmatch import fnmatchcase

    from tableau2net.analysis import order
    from tableau2net.nn.registry import entries
    from tableau2net.scheme import load

    shown = [(entry, [name for name in entry.published if fnmatchcase(name, pattern)]) for entry in entries()]
    found = [(entry, names, order(load(entry.scheme)) if entry.scheme else None) for entry, names in shown if names]
    if json:
        rows = [
            {"name": name, "scheme": entry.scheme or None, "order": proved, "about": entry.about}
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
        scheme = "" if proved is None else f"{entry.scheme}, order {proved}: "
        console.print(Text(_together(names), style="bold"))
        console.print(Padding(Text(scheme + entry.about), (0, 0, 0, 4)))
    console.print(f"{sum(len(names) for _, names, _ in found)} networks")


def _together(names: Sequence[str]) -> str:
    """Names of one family: the first, and of the others what is not the same in all."""
    same = next((n for n, letters in enumerate(zip(*names, strict=False)) if len(set(letters)) > 1), 0)
    same = len(names[0][:same].rstrip("0123456789"))
    return ", ".join([names[0], *(name[same:] for name in names[1:])])
