"""The complex roots of an exact polynomial, to many digits."""

from __future__ import annotations

from typing import Any

import mpmath
from sympy import Poly


def context(digits: int) -> Any:
    """Numbers of so many digits."""
    found = mpmath.MPContext()
    found.dps = digits
    return found


def numbers(p: Poly, mp: Any) -> list[Any]:
    """The coefficients, highest power first, as numbers of a context."""
    return [mp.mpmathify(c.evalf(mp.dps + 10)) for c in p.all_coeffs()]


def complex_roots(p: Poly, mp: Any) -> list[Any]:
    """The roots as numbers of a context, each once: of the square-free part, since Durand and Kerner's iteration finds
    multiple ones to few digits."""
    free = p.quo(p.gcd(p.diff()))
    return list(mp.polyroots(numbers(free, mp), maxsteps=1000, extraprec=2 * mp.prec)) if free.degree() > 0 else []
