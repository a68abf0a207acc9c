"""`tableau2net list`: the schemes and stencils that can be named."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tableau2net.cli.streams import print_json
from tableau2net.scheme import Stencil
from tableau2net.scheme.library import catalogue


def list_(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as 'ssprk*'.")] = "*",
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """List the schemes and the stencils of the library.

    Of families that exist for any number, such as gauss-S, bdf-K and central-M-P, the first few are listed. The order
    shown is the one each claims; `check` proves it.
    """
    entries = catalogue(pattern)
    if json:
        print_json([asdict(entry) for entry in entries])
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from tableau2net.cli.terminal import Terminal

    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("name (parameters)", no_wrap=True)
    table.add_column("family", no_wrap=True)
    table.add_column("order", justify="right")
    table.add_column("title", overflow="ellipsis", no_wrap=True, ratio=1)
    for entry in entries:
        order = "–" if entry.claimed_order is None else str(entry.claimed_order)
        name = Text(entry.name, style="bold")
        if entry.parameters:
            name.append(f" ({', '.join(entry.parameters)})", style="not bold cyan")
        table.add_row(name, entry.family, order, entry.title)
    console = Terminal()
    if entries:
        console.print(table)
    stencils = sum(entry.family == Stencil.family for entry in entries)
    counts = {"schemes": len(entries) - stencils, "stencils": stencils}
    console.print(" and ".join(f"{n} {what}" for what, n in counts.items() if n) or "0 schemes")
