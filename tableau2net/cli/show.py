"""`tableau2net show`: one scheme, everything known of it."""

from __future__ import annotations

import json as text
from typing import Annotated

import typer

from tableau2net.analysis import report
from tableau2net.scheme import load


def show(
    scheme: Annotated[str, typer.Argument(help="A name, or the path of a scheme file.")],
    json: Annotated[bool, typer.Option("--json", help="As one JSON object, numbers exact.")] = False,
) -> None:
    """Show a scheme: its coefficients, and what follows from them exactly."""
    found = report(load(scheme))
    if json:
        print(text.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    from tableau2net.cli.tables import scheme_view

    Console(highlight=False).print(scheme_view(found))
