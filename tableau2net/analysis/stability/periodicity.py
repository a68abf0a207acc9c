"""Where a method for y'' = f keeps a vibration y'' = −ω²y: neither damped nor growing."""

from __future__ import annotations

from sympy import Expr, S, oo

from tableau2net.analysis.budget import ask, remembered
from tableau2net.analysis.reading.linear import Curve, curve
from tableau2net.analysis.stability.boundary import negative_axis_of_vibrations
from tableau2net.scheme import Scheme
from tableau2net.step import lower


@remembered
def periodicity(scheme: Scheme) -> Expr | None:
    """The largest H² = (hω)² before which both growth factors are on the unit circle, and but for single H apart; 0
    where there is none, oo where there is no end (P-stable; Lambert, Watson, J. Inst. Math. Appl. 18, 1976).

    At the declared parameter values; None for other problems than y'' = f, and where a step has other than two factors,
    or decimals were printed."""
    if lower(scheme).derivative != 2 or scheme.digits is not None:
        return None
    known = ask("characteristic polynomial", lambda: curve(scheme.at_defaults()))
    if known is None or known.steps != 2:
        return None
    return ask("periodicity", lambda: _end(known))


def _end(phi: Curve) -> Expr:
    """Of Q ζ² − S ζ + P: P = Q, and then stable means kept."""
    if phi.coefficients[0] != phi.coefficients[2]:
        return S.Zero
    end = negative_axis_of_vibrations(phi).exit()
    return oo if end is None else S.Zero if isinstance(end, int) else end.expression()
