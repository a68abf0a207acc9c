"""The structure of a stencil: symmetry, what it damps, signs of its weights, summation by parts; and its limits, where
a file claims them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Float, Rational

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.report.finding import ABSENT, Finding, Findings, silent
from tableau2net.analysis.report.findings.stencil_rows import of_stencil
from tableau2net.analysis.report.pieces import Fact, yes
from tableau2net.analysis.space.cfl import cfl
from tableau2net.analysis.space.damping import (
    barrier,
    damped,
    damps_nothing,
    dissipative,
    equation_signs,
    euler_limit,
    monotone,
)
from tableau2net.analysis.space.summation import Summation, summation_by_parts
from tableau2net.analysis.space.symbol import symbol
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Stencil


def _is(what: str) -> Any:
    return lambda stencil: getattr(symbol(stencil.at_defaults()), what)


def _symmetry(symmetric: bool, found: Findings) -> Iterator[Fact]:
    anti = found["structure.antisymmetric"]
    yield Fact("symmetry", ("symmetric" if symmetric else "antisymmetric" if anti else "none",))


def _dissipative(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if holds is None or not isinstance(found.table, Stencil):
        return
    if holds and damps_nothing(found.table):
        yield Fact("dissipative", ("no wave is damped, none grows",))
    else:
        yield Fact("dissipative", (yes(holds), _directions(found.table, found["structure.damped_signs"])))


def _directions(stencil: Stencil, signs: tuple[int, ...] | None) -> str:
    """Of which equation, where there are two."""
    several = signs and len(equation_signs(stencil)) > 1
    return f", of u_t = {'−' if signs[0] < 0 else ''}Du" if several and signs else ""


def _monotone(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if holds is None or not isinstance(found.table, Stencil):
        return
    highest = barrier(found.table)
    known = f": of order {highest} at most (Godunov)" if highest == 1 else f": of order {highest} at most"
    yield Fact("monotone", (yes(holds), known if not holds and found["order"] > highest > 0 else ""))


def _euler(limit: Expr, _: Findings) -> Iterator[Fact]:
    if limit is not None:
        yield Fact("positive by Euler to", ("ν = ", limit))


SIGNS = (
    of_stencil("structure.symmetric", "symmetric", _is("is_real"), tell=_symmetry),
    of_stencil("structure.antisymmetric", "antisymmetric", _is("is_imaginary"), tell=silent),
    of_stencil("structure.dissipative", "dissipative", dissipative, tell=_dissipative),
    of_stencil(
        "structure.damped_signs",
        "",
        lambda stencil: damped(stencil) if equation_signs(stencil) else None,
        json=lambda signs: None if signs is None else list(signs),
    ),
    of_stencil("structure.monotone", "monotone", monotone, tell=_monotone),
    of_stencil("structure.euler_limit", "positive by Euler to", euler_limit, tell=_euler),
)


def summation(stencil: Stencil) -> Summation | None:
    """Summation by parts, or None where it is left out."""
    return ask("summation by parts", lambda: summation_by_parts(stencil))


def _sbp(holds: bool | None, found: Findings) -> Iterator[Fact]:
    known: Summation | None = found.evidence[summation]
    if known is None:
        return
    if known.holds:
        yield Fact("sums by parts", (f"yes, with H a quadrature of order {known.quadrature}",))
    elif not known.positive:
        yield Fact("sums by parts", ("no: the norm H is not positive",))
    else:
        first, more = known.defects[0], len(known.defects) - 1
        where = f" at ({first.row}, {first.column})" + (f", {more} more" if more else "")
        yield Fact("sums by parts", ("no: Q + Qᵀ is off by ", first.value, where))


def _why_not(stencil: Stencil) -> str:
    known = summation_by_parts(stencil)
    return (
        ""
        if known is None or known.holds
        else "the norm H is not positive"
        if not known.positive
        else str(known.defects[0])
    )


def _defects_json(known: Summation | None) -> Any:
    if known is None:
        return None
    return [{"row": d.row, "column": d.column, "value": exact_json(d.value)} for d in known.defects]


def _part(key: str, attribute: str) -> Finding:
    return of_stencil(key, "", lambda known: known and getattr(known, attribute), of=summation)


def _cfl(stencil: Stencil, scheme: str) -> Expr | Isolated:
    try:
        known = cfl(scheme, stencil)
    except InputError as error:
        raise InputError(f"claims.cfl.{scheme}: {error}") from None
    if known.kind == "isolated":
        return Isolated(*map(Rational, known.enclosure))
    if known.limit.atoms(Float):
        low, high = (float(end) for end in known.enclosure)
        raise TooMuch(f"it is known to lie between {low:.12g} and {high:.12g}, not as a number that a file can write")
    return known.limit


BOUNDARY = (
    of_stencil(
        "structure.sbp", "sums by parts", lambda known: known and known.holds, of=summation, tell=_sbp, why=_why_not
    ),
    _part("structure.norm_positive", "positive"),
    _part("structure.quadrature_order", "quadrature"),
    of_stencil("structure.sbp_defects", "", lambda known: known, of=summation, tell=silent, json=_defects_json),
)
CLAIMED = (
    of_stencil(
        "cfl",
        "",
        lambda stencil: None,  # for one scheme at a time: a claim, or the command cfl
        json=lambda _: ABSENT,
        claimed=_cfl,
        reach=lambda stencil, scheme: cfl(scheme, stencil).kind,
    ),
)
