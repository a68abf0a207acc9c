"""Rößler's conditions of strong order 1.5, for additive noise (SRA) and for diagonal noise (SRI).

Rößler 2010, SIAM J. Numer. Anal. 48, pp. 922-952, as checkSRAOrder and checkSRIOrder of StochasticDiffEqHighOrder
(SciML/OrdinaryDiffEq.jl b211787f, lib/StochasticDiffEqHighOrder/src/tableaus.jl) write them; with time in the field,
the nodes take the places of the row sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sympy import Expr, Rational, S

from tests.errata.table import Finding

Vector = Sequence[Expr]
HALF, TINY = Rational(1, 2), Rational(1, 10**12)


def strong_order(name: str, table: Mapping[str, Any]) -> Finding:
    """Whether strong order 1.5 holds. `table`: alpha, beta1, …, A0, B0, C0, C1; A1 and B1 where noise is diagonal."""
    for what, found, wanted in _conditions(table):
        if abs(found - wanted) > TINY:
            return Finding(name, False, f"claimed 1.5; {what} is {found}, not {wanted}")
    return Finding(name, True, "1.5")


def _conditions(t: Mapping[str, Any]) -> Iterator[tuple[str, Expr, Expr]]:
    s = len(t["alpha"])
    e = [S.One] * s
    b0 = _times(t["B0"], e)
    yield "α·1", _dot(t["alpha"], e), S.One
    for nodes, row_sums in (("C0", "A0"), ("C1", "A1")):
        first = _times(t[row_sums], e) if row_sums in t else None
        yield from _timed(t, nodes, t[nodes])
        if first is not None:
            yield from _timed(t, f"{row_sums}·1", first)
    yield "α·B0·1", _dot(t["alpha"], b0), S.One
    yield "α·(B0·1)²", _dot(t["alpha"], [x**2 for x in b0]), Rational(3, 2)
    betas = [t[f"beta{i}"] for i in range(1, 5) if f"beta{i}" in t]
    for i, (beta, wanted) in enumerate(zip(betas, (1, 0, 0, 0), strict=False), 1):
        yield f"β{i}·1", _dot(beta, e), S(wanted)
    if "B1" in t:
        b1 = _times(t["B1"], e)
        for vector, label, values in (
            (b1, "B1·1", (0, 1, 0, 0)),
            ([x**2 for x in b1], "(B1·1)²", (1, 0, -1, 2)),
            (_times(t["B1"], b1), "B1·B1·1", (0, 0, 0, 1)),
        ):
            for i, (beta, wanted) in enumerate(zip(betas, values, strict=True), 1):
                yield f"β{i}·{label}", _dot(beta, vector), S(wanted)
        mixed = _times(t["A1"], b0)
        yield "(β1/2 + β3/3)·A1·B0·1", _dot(betas[0], mixed) / 2 + _dot(betas[2], mixed) / 3, S.Zero


def _timed(t: Mapping[str, Any], label: str, nodes: Vector) -> Iterator[tuple[str, Expr, Expr]]:
    """What nodes have to fulfil: those of the drift (0), those of the noise (1)."""
    if "0" in label:
        yield f"α·{label}", _dot(t["alpha"], nodes), HALF
        return
    wanted = (1, 0, -1, 0) if "beta3" in t else (1, -1)
    for i, value in enumerate(wanted, 1):
        yield f"β{i}·{label}", _dot(t[f"beta{i}"], nodes), S(value)


def _dot(a: Vector, b: Vector) -> Expr:
    return sum((x * y for x, y in zip(a, b, strict=True)), S.Zero)


def _times(matrix: Sequence[Vector], vector: Vector) -> list[Expr]:
    return [sum((x * y for x, y in zip(row, vector, strict=False)), S.Zero) for row in matrix]
