"""`tableau2net show`: one scheme, stencil or equation, everything known of it."""

from __future__ import annotations

from typing import Annotated

import typer
from sympy import Expr, oo

from tableau2net.analysis.budget import budget
from tableau2net.analysis.report.report import report
from tableau2net.analysis.ssp.shu_osher import ShuOsher
from tableau2net.analysis.ssp.shu_osher import shu_osher as shu_osher_form
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, text_of
from tableau2net.scheme import (
    CoefficientTable,
    Equation,
    Scheme,
    Stencil,
    StochasticRungeKutta,
    as_scheme,
    as_table,
)


def show(
    scheme: Annotated[
        str, typer.Argument(help="A name, or the path of a file, of a scheme, a stencil or an equation.")
    ],
    json: Annotated[bool, typer.Option("--json", help="As one JSON object, numbers exact.")] = False,
    terms: Annotated[
        int,
        typer.Option(
            help="Add modified equation and modifying integrator, or the operator of a stencil, to this order."
        ),
    ] = 0,
    further: Annotated[
        bool, typer.Option("--further", help="Add what takes longer, such as how far errors in stages are amplified.")
    ] = False,
    stages: Annotated[
        bool, typer.Option("--stages", help="Only which evaluations of a step can run at once, round by round.")
    ] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="The tableau or formula, and the step or operator, for a paper.")
    ] = False,
    shu_osher: Annotated[
        bool,
        typer.Option(
            "--shu-osher", help="Only its optimal Shu–Osher form: means of forward Euler steps; with --json or --latex."
        ),
    ] = False,
    downwind: Annotated[
        bool, typer.Option("--downwind", help="The same with steps of a downwind operator, f~, and a larger step.")
    ] = False,
    solve_order: Annotated[
        int | None,
        typer.Option(help="Instead: the values of the parameters that give this order, all of them, exactly."),
    ] = None,
) -> None:
    """Show a scheme, a stencil or an equation: its coefficients, and what follows from them exactly."""
    if json and latex:
        raise InputError("--json and --latex: choose one")
    if stages and (json or latex or shu_osher or downwind or solve_order is not None):
        raise InputError("--stages stands alone: drop the other option")
    loaded = as_table(scheme, Scheme if stages else CoefficientTable)
    if stages:
        from tableau2net.cli.stage_view import stage_view
        from tableau2net.cli.terminal import Terminal

        Terminal().print(stage_view(as_scheme(loaded)))
        return
    if solve_order is not None:
        from tableau2net.cli.solved_order import print_solved

        if latex or terms or further or shu_osher or downwind:
            raise InputError("--solve-order: alone, or with --json")
        print_solved(loaded, solve_order, json)
        return
    if shu_osher or downwind:
        _print_form(as_scheme(loaded), downwind, json, latex)
        return
    if latex:
        print(_document(loaded))
        return
    with budget():
        found = report(loaded, terms, further=further)
        if json:
            print_json(found.to_dict())
            return
        from tableau2net.cli.scheme_display import scheme_view
        from tableau2net.cli.terminal import Terminal

        view = scheme_view(found)
    Terminal().print(view)


def _print_form(scheme: Scheme, downwind: bool, json: bool, latex: bool) -> None:
    form = shu_osher_form(scheme, downwind=downwind)
    if json:
        print_json(form.to_dict())
    elif latex:
        print(form.latex())
    else:
        print(f"{form.text()}\n\n{_limit(scheme, form)}")


def _limit(scheme: Scheme, form: ShuOsher) -> str:
    """The largest r, of which member of a family, and which r the form is of where that is not the largest."""
    largest = form.coefficient
    known = "not decided" if largest is None else text_of(largest) if isinstance(largest, Expr) else str(largest)
    lines = [f"the largest r, in steps of h/r, with no negative coefficient: {known}"]
    if scheme.parameters:
        lines.append("at " + ", ".join(f"{p.name} = {text_of(p.value)}" for p in scheme.parameters))
    if largest is None or largest is oo:
        lines.append(f"the form above is of an arbitrary r: {text_of(form.r)}")
    elif form.r != largest:
        r = text_of(form.r)
        lines.append(
            f"the form above is of r = {r if len(r) <= 24 else f'{float_of(form.r):.13g}'}, a rational just below"
        )
    return "\n".join(lines)


def _document(table: CoefficientTable) -> str:
    if isinstance(table, Stencil):
        from tableau2net.scheme.typeset.difference import document as of_stencil

        return of_stencil(table)
    if isinstance(table, Equation):
        from tableau2net.scheme.typeset.rates import document as of_equation

        return of_equation(table)
    if isinstance(table, StochasticRungeKutta):
        from tableau2net.scheme.typeset.stochastic_step import document as of_noise

        return of_noise(table)
    from tableau2net.step.typeset_step import document

    return document(as_scheme(table))
