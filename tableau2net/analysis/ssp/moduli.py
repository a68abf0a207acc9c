"""Whether a polynomial has several roots of the modulus of its least positive one, exactly."""

from __future__ import annotations

from math import log2

from sympy import Poly

from tableau2net.exact.complex_roots import complex_roots, context

MAX_DIGITS = 5000  # that are carried for the proof


def shares_least_modulus(D: Poly) -> bool | None:
    """Whether another root has the modulus of the least positive root p; None where the proof would be too long.

    |q|² − p² = q q̄ − p² is an algebraic integer when multiplied by a⁴, a the leading coefficient of an integer
    polynomial of degree n with these roots. Over all triples of roots the product of these is a whole number, and each
    factor is at most 2 Π max(1, |root|)^deg, so that it is 0 or above 2^−n³ M^−4n² in modulus, M the Mahler measure,
    which the norm of the coefficients bounds (Landau 1905)."""
    over_rationals = D if D.domain.is_QQ else D.norm()
    whole = over_rationals.quo(over_rationals.gcd(over_rationals.diff())).clear_denoms(convert=True)[1].primitive()[1]
    n = whole.degree()
    mahler = log2(sum(int(c) ** 2 for c in whole.rep.to_list())) / 2
    digits = int((n**3 + 4 * n**2 * mahler) * 0.302) + 10
    if digits > MAX_DIGITS:
        return None
    mp = context(digits + 30)
    own = complex_roots(D, mp)
    least = min((x.real for x in own if x.real > 0 and abs(x.imag) < mp.mpf(10) ** -digits), default=None)
    if least is None:
        return False
    near = [x for x in own if abs(abs(x) ** 2 - least**2) < mp.mpf(10) ** -digits]
    return len(near) > 1
