"""`tableau2net cfl`: how far a scheme is stable on a stencil, and what equation the two really solve."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees, isfinite
from typing import Annotated, Any

import typer
from sympy import CRootOf, Float

from tableau2net.analysis.report.pieces import SUPERSCRIPTS, decimal, number, polynomial
from tableau2net.analysis.space.cfl import CFL, cfl
from tableau2net.analysis.space.modified_symbol import MAX_TERMS, ModifiedTerm, modified_symbol, written
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.exact.text import parse, text_of
from tableau2net.scheme import as_scheme, as_stencil

LONGEST = 60  # characters of a number with roots that is still written out


def cfl_command(
    scheme: Annotated[str, typer.Argument(help="A scheme: a name, or the path of a file.")],
    stencil: Annotated[str, typer.Argument(help="A stencil: a name, or the path of a file.")],
    other: Annotated[
        str | None, typer.Argument(help="A second one, of u_xx or of u_x, with --convection and --diffusion.")
    ] = None,
    speed: Annotated[str, typer.Option(help="The sign of a in u_t + a u_x = 0: where waves run.")] = "1",
    dimension: Annotated[int, typer.Option(help="On so many axes, the same stencil on each.")] = 1,
    convection: Annotated[
        str | None, typer.Option(help="a of u_t + a u_x = d u_xx: the largest Δt of both together, a exact (1, 1/2).")
    ] = None,
    diffusion: Annotated[str | None, typer.Option(help="d of u_t + a u_x = d u_xx, exact.")] = None,
    step: Annotated[str, typer.Option(help="h of the grid, with --convection and --diffusion.")] = "1",
    part: Annotated[
        int | None, typer.Option(help="Of an additive scheme: the field that one stencil is in, 1 (which it is) or 2.")
    ] = None,
    terms: Annotated[
        int, typer.Option(help=f"Add the equation really solved, so many terms, at most {MAX_TERMS}.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object, numbers exact.")] = False,
) -> None:
    """The exact von Neumann limit of a scheme on a stencil: the largest |a| Δt/h^m at which no wave grows.

    u_t + a u_x = 0 for odd derivatives, u_t = a u_xx, u_t = −a u_xxxx, … for even ones, on a periodic grid. Proved, and
    sampled only for several axes of a mixed kind. It is necessary: coefficients are constant, there is no boundary.
    Of two stencils and an additive (IMEX) scheme the first is in f1, mostly explicit, the second in f2, implicit.
    """
    both = convection is not None or diffusion is not None
    if both and terms:
        raise InputError(
            "--terms: the equation really solved is that of one stencil; leave out --convection, --diffusion"
        )
    method, table = as_scheme(scheme), as_stencil(stencil)
    found = cfl(
        method, table, other, speed=_exact("speed", speed), dimension=dimension, step=_exact("step", step),
        convection=_exact("convection", convection), diffusion=_exact("diffusion", diffusion),
        part=None if part is None else part - 1,
    )  # fmt: skip
    sign = None if not sum(table.orders) % 2 else -1 if parse(speed).is_positive else 1
    equation = modified_symbol(method, table, terms, sign=sign, part=(part or 1) - 1) if terms else ()
    if json:
        print_json({"scheme": method.name, "stencil": table.name} | found.to_dict() | _equation_json(equation))
        return
    _show(f"{method.name or scheme} on {table.name or stencil}", found, equation)


def _exact(option: str, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"--{option} {text[:40]}: {error}") from None


def _equation_json(equation: tuple[ModifiedTerm, ...]) -> dict[str, Any]:
    if not equation:
        return {}
    rows = [
        {"derivative": t.derivative, "coefficient": text_of(t.coefficient.as_expr()), "kind": t.kind} for t in equation
    ]
    return {"modified_equation": rows}


def _show(title: str, found: CFL, equation: tuple[ModifiedTerm, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    from tableau2net.cli.terminal import Terminal

    console = Terminal()
    console.print(Text(title, style="bold").append(f"  {found.equation}", style="not bold"))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_lines(found), *_equation_lines(equation)):
        table.add_row(name, value)
    console.print(table)


def _lines(found: CFL) -> Iterator[tuple[str, str]]:
    exact = text_of(found.limit)
    short = len(exact) <= LONGEST and not found.limit.has(CRootOf, Float)
    yield (
        f"largest {found.step}",
        f"{exact} ≈ {decimal(found.limit)}" if short and "sqrt" in exact else number(found.limit),
    )
    yield "", found.verdict
    if found.angle is not None:
        wave = "" if found.points_a_wave is None else f", {found.points_a_wave:.3g} points a wave"
        yield "grows first", f"θ = {degrees(found.angle):.4g}°{wave}"
    if found.against is not None:
        yield "waves the other way", "every small step is unstable" if found.against.is_zero else number(found.against)
    if found.later:
        spans = (f"{low:.4g} to {high:.4g}" if isfinite(high) else f"{low:.4g} on" for low, high in found.later)
        yield "stable again", f"about {', '.join(spans)}"
    yield "what it does not say", found.scope


def _equation_lines(equation: tuple[ModifiedTerm, ...]) -> Iterator[tuple[str, str]]:
    for i, term in enumerate(equation):
        k, first = term.derivative, equation[0].derivative
        power = f" h{'' if k - first == 1 else str(k - first).translate(SUPERSCRIPTS)}" if i else ""
        told = "" if not i else f"   {term.kind}"
        yield "solves u_t =" if not i else "", f"({_coefficient(term)}){power} ∂{str(k).translate(SUPERSCRIPTS)}u{told}"


def _coefficient(term: ModifiedTerm) -> str:
    value = written(term)
    return decimal(value) if value.is_number and len(text_of(value)) > 40 else polynomial(term.coefficient)
