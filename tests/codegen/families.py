"""Members of families of schemes, and what the textbook's conditions leave of them."""

from fractions import Fraction

import numpy as np
import sympy

from tableau2net.errors import InputError


def member(scheme, draw):
    """A random member of a family, away from its poles."""
    for _ in range(50):
        values = {p.name: sympy.Rational(draw.randint(-40, 40), draw.randint(1, 12)) for p in scheme.parameters}
        try:
            return scheme.with_values(**values)
        except InputError:
            continue
    raise AssertionError("poles everywhere")


def fractions(values):
    return [Fraction(int(v.p), int(v.q)) for v in values]


def multistep_residuals(scheme, order):
    """Σ α_j, and Σ α_j j^q − q Σ β_j j^(q−1) (HNW I, III.2, (2.8))."""
    alpha, beta = fractions(scheme.alpha), fractions(scheme.beta)
    return [sum(alpha)] + [
        sum(a * j**q for j, a in enumerate(alpha)) - q * sum(b * j ** (q - 1) for j, b in enumerate(beta))
        for q in range(1, order + 1)
    ]


def runge_kutta_residuals(A, b, order):
    """The eight conditions to order 4 (HNW I, Table II.2.2), on anything that numpy multiplies."""
    c = A.sum(-1)

    def through(x):
        return (A * x[..., None, :]).sum(-1)

    ac, ac2 = through(c), through(c * c)
    sides = [
        [(b, 1)],
        [(b * c, 2)],
        [(b * c * c, 3), (b * ac, 6)],
        [(b * c * c * c, 4), (b * c * ac, 8), (b * ac2, 12), (b * through(ac), 24)],
    ]
    return [left.sum(-1) - Fraction(1, g) if left.dtype == object else left.sum(-1) - 1 / g
            for side in sides[:order] for left, g in side]  # fmt: skip


def table(scheme):
    """A and b as arrays of fractions."""
    return np.array([fractions(row) for row in scheme.A], dtype=object), np.array(fractions(scheme.b), dtype=object)
