"""`tableau2net list`: the schemes, stencils and equations that can be named."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from tableau2net.cli.streams import print_json
from tableau2net.scheme import Equation, Stencil, StochasticRungeKutta
from tableau2net.scheme.library import catalogue

OTHERS = {  # families that are no schemes for ordinary differential equations
    Stencil.family: "stencil",
    Equation.family: "equation",
    StochasticRungeKutta.family: "stochastic scheme",
}


def list_(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as 'ssprk*'.")] = "*",
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """List the schemes, the stencils and the equations of the library.

    Of families that exist for any number, such as gauss-S, bdf-K and central-M-P, the first few are listed. The order
    shown is the one each claims, of stochastic schemes the strong and the weak one; `check` proves it.
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
        weak = f"weak {entry.weak_order}" if entry.weak_order else ""
        orders = ("" if entry.claimed_order is None else str(entry.claimed_order), entry.strong_order, weak)
        order = ", ".join(filter(None, orders)) or "–"
        name = Text(entry.name, style="bold")
        if entry.parameters:
            name.append(f" ({', '.join(entry.parameters)})", style="not bold cyan")
        table.add_row(name, entry.family, order, entry.title)
    console = Terminal()
    if entries:
        console.print(table)
    counts = Counter(OTHERS.get(entry.family, "scheme") for entry in entries)
    told = [f"{n} {kind}{'s' * (n > 1)}" for kind in ("scheme", *OTHERS.values()) if (n := counts[kind])]
    *first, last = told or ["0 schemes"]
    console.print(f"{', '.join(first)} and {last}" if first else last)
