"""Whether strict linear inequalities have a common solution, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr, S

MAX_INEQUALITIES = 200


def feasible(positive: Sequence[Expr]) -> bool:
    """Whether some real values make every given linear expression positive (Fourier–Motzkin elimination over ℚ).

    True too where the elimination grows beyond `MAX_INEQUALITIES`: then nothing is known."""
    rows = list(positive)
    while symbols := sorted(set().union(*(r.free_symbols for r in rows)), key=str):
        x = symbols[0]
        slopes = [sympy.expand(r).coeff(x) for r in rows]
        low = [sympy.expand(r / s) for r, s in zip(rows, slopes, strict=True) if s.is_positive]  # x + … > 0
        high = [sympy.expand(-r / s) for r, s in zip(rows, slopes, strict=True) if s.is_negative]  # −x − … > 0
        rest = [r for r, s in zip(rows, slopes, strict=True) if s.is_zero]
        rows = [*rest, *(sympy.expand(a + b) for a in low for b in high)]
        if len(rows) > MAX_INEQUALITIES:
            return True
    return all(r > S.Zero for r in rows)
