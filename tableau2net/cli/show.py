"""`tableau2net show`: one scheme, everything known of it."""

from __future__ import annotations

from typing import Annotated

import typer

from tableau2net.analysis.budget import budget
from tableau2net.analysis.report.report import report
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.scheme import as_scheme


def show(
    scheme: Annotated[str, typer.Argument(help="A name, or the path of a scheme file.")],
    json: Annotated[bool, typer.Option("--json", help="As one JSON object, numbers exact.")] = False,
    terms: Annotated[int, typer.Option(help="Add modified equation and modifying integrator, with so many terms.")] = 0,
    latex: Annotated[bool, typer.Option("--latex", help="The tableau or formula, and the step, for a paper.")] = False,
) -> None:
    """Show a scheme: its coefficients, and what follows from them exactly."""
    if json and latex:
        raise InputError("--json and --latex: choose one")
    loaded = as_scheme(scheme)
    if latex:
        from tableau2net.step.typeset_step import document

        print(document(loaded))
        return
    with budget():
        found = report(loaded, terms)
        if json:
            print_json(found.to_dict())
            return
        from tableau2net.cli.scheme_display import scheme_view
        from tableau2net.cli.terminal import Terminal

        view = scheme_view(found)
    Terminal().print(view)
