"""A finding of any scheme: whether a computer has its coefficients exactly, as sums of few powers of two."""

from __future__ import annotations

from sympy import Rational

from tableau2net import Scheme, register_finding

BITS = 24  # of the significand of a float32


@register_finding("exact_in_float32", "exact in float32", claim=bool, after="explicit")
def exact_in_float32(scheme: Scheme) -> bool | None:
    """Whether every coefficient is a float32; None for a family with parameters, which has other ones at each value."""
    if scheme.parameters:
        return None
    return all(isinstance(x, Rational) and _fits(x) for x in scheme.coefficients.values())


def _fits(x: Rational) -> bool:
    p, q = abs(int(x.p)), int(x.q)
    return q & (q - 1) == 0 and (p // (p & -p) if p else 0).bit_length() <= BITS
