"""`tableau2net models`: the networks that can be named."""

from __future__ import annotations

import json as text
from typing import Annotated

import typer


def models(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as '*lm*'.")] = "*",
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """List the networks of the registry as they are published; other depths and widths can be made.

    The order shown is proved of the network's scheme; where an option or the name says which scheme that is, none is.
    """
    from fnmatch import fnmatchcase

    from tableau2net.analysis import order
    from tableau2net.nn.registry import ENTRIES
    from tableau2net.scheme import load

    found = [
        {
            "name": name,
            "scheme": entry.scheme or None,
            "order": order(load(entry.scheme)) if entry.scheme else None,
            "about": entry.about,
        }
        for entry in ENTRIES
        for name in entry.published
        if fnmatchcase(name, pattern)
    ]
    if json:
        print(text.dumps(found, indent=2, ensure_ascii=False))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("network", no_wrap=True, style="bold")
    table.add_column("scheme", no_wrap=True)
    table.add_column("order", justify="right")
    table.add_column("what it is", overflow="ellipsis", no_wrap=True, ratio=1)
    for row in found:
        name, scheme, proved, about = ("–" if value is None else str(value) for value in row.values())
        table.add_row(name, scheme, proved, Text(about))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(found)} networks")
