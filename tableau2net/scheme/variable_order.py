"""Multistep methods of variable step and variable order, as data: formulas on whatever points there are.

A formula is a linear functional of the polynomial through the last values: its value, its slope, its integral. In
Newton's form that is Σ_j m_j f[x_0 … x_j], where m_j is what it makes of Π_{i<j} (x − x_i), so that a formula of one
order more is one term more, and the next term is the error (Hairer, Nørsett, Wanner I, III.5).

Points are in units of the step: x_0 = 0 is where it begins, 1 where it ends, the earlier ones are negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from typing import Any, Literal

from sympy import Expr, Rational, S

from tableau2net.errors import InputError
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.constructed.linear_multistep import NDF_KAPPA
from tableau2net.scheme.constructed.predictor_corrector import abm
from tableau2net.scheme.multistep import Multistep

Number = Any  # a float or a Fraction, as the points are
MOST_ORDERS = {"differentiation": 6, "adams": 12}  # of zero-stable BDF; of formulas that rounding leaves alone


@dataclass(frozen=True)
class VariableOrder:
    """Formulas of orders 1 to `orders`, among which `integrate(…, rtol=)` chooses with each step.

    formulas: "differentiation": the slope of the polynomial through y_(n+1) and its predecessors is f, with a leading
        coefficient that is that of equal steps (Jackson & Sacks-Davis, ACM TOMS 6, 1980), by which a matrix serves
        several steps; "adams": Adams–Bashforth predicts, Adams–Moulton of one order more corrects (PECE, Shampine &
        Gordon 1975).
    kappa: of each order of differentiation, how much of the next difference a formula takes in (Shampine & Reichelt,
        SIAM J. Sci. Comput. 18, 1997, eq. 5): 0 for BDF, which is what is left out.
    On equal steps each is a scheme of the library, `member`, of which `check` says what is proved.
    Raises InputError for what is none.
    """

    name: str
    formulas: Literal["differentiation", "adams"]
    orders: int
    kappa: tuple[Fraction, ...] = ()

    def __post_init__(self) -> None:
        most = MOST_ORDERS.get(self.formulas)
        if most is None:
            raise InputError(f"formulas = {self.formulas!r}: write one of {', '.join(MOST_ORDERS)}")
        if isinstance(self.orders, bool) or not isinstance(self.orders, int) or not 1 <= self.orders <= most:
            raise InputError(f"orders = {self.orders!r}: from 1 to {most} for {self.formulas}")
        if self.kappa and (len(self.kappa) != self.orders or self.formulas == "adams"):
            raise InputError(f"kappa: one for each of {self.orders} orders of differentiation")
        if any(not k < 1 for k in self.kappa):
            raise InputError("kappa: below 1, or the new value is not determined")

    def leading(self, k: int) -> Fraction:
        """(1 − κ) Σ_{j≤k} 1/j, what y − y_predicted counts in the differentiation formula of order k."""
        return (1 - (self.kappa[k - 1] if self.kappa else 0)) * harmonic(k)

    def member(self, k: int) -> Scheme:
        """The scheme that the formula of order k is on equal steps: `bdf-k`, `ndf-k`; of Adams, `abm-k`."""
        if not 1 <= k <= self.orders:
            raise InputError(f"{self.name}: of orders 1 to {self.orders}, not {k}")
        if self.formulas == "adams":
            return replace(abm(k), name=f"abm-{k}")
        known, beta = differentiated([Fraction(-j) for j in range(k + 1)], self.leading(k))
        alpha: list[Expr] = [Rational(-w.numerator, w.denominator) for w in reversed(known)]
        if alpha[0].is_zero:
            del alpha[0]
        last = Rational(beta.numerator, beta.denominator)
        return Multistep((*alpha, S.One), (*(S.Zero,) * len(alpha), last), name=f"{self.name}-{k}")


BDF = VariableOrder("bdf", "differentiation", 5)
NDF = VariableOrder("ndf", "differentiation", 5, NDF_KAPPA)
ADAMS = VariableOrder("adams", "adams", 12)
VARIABLE_ORDER = {family.name: family for family in (BDF, NDF, ADAMS)}


def harmonic(k: int) -> Fraction:
    """Σ_{j≤k} 1/j."""
    return sum((Fraction(1, j) for j in range(1, k + 1)), Fraction(0))


def differentiated(points: Sequence[Number], leading: Number) -> tuple[list[Number], Number]:
    """The w and β of y_(n+1) = Σ w_i y_i + β h f_(n+1), that is of h f = h p' + leading·(y_(n+1) − p) where p is the
    polynomial through the values at the points, at 1."""
    value, slope = values_at(points, 1), slopes_at(points, 1)
    return weights(points, [v - s / leading for v, s in zip(value, slope, strict=True)]), 1 / leading


def bashforth(points: Sequence[Number]) -> list[Number]:
    """The w of y_(n+1) = y_n + h Σ w_i f_i, through f at these points."""
    return weights(points, integrals(points, 1))


def moulton(points: Sequence[Number]) -> list[Number]:
    """The same through f at the end too, which is the first of the weights."""
    return bashforth([1 + 0 * points[0], *points])


def weights(points: Sequence[Number], moments: Sequence[Number]) -> list[Number]:
    """What each of the values counts in Σ_j m_j f[x_0 … x_j]."""
    products: list[Number] = []  # Π_{m≠i} (x_i − x_m) so far
    found: list[Number] = []
    for x, moment in zip(points, moments, strict=True):
        own = 1 + 0 * x
        for i, product in enumerate(products):
            gap = points[i] - x
            own *= -gap
            products[i] = product = product * gap
            if moment:
                found[i] += moment / product
        products.append(own)
        found.append(moment / own)
    return found


def values_at(points: Sequence[Number], x: Number) -> list[Number]:
    """Π_{i<j} (x − x_i) for each of the points, j counting them from 0."""
    return list(accumulate((x - at for at in points[:-1]), lambda a, b: a * b, initial=1))


def slopes_at(points: Sequence[Number], x: Number) -> list[Number]:
    """The derivatives of the same."""
    value, slope, found = 1, 0, [0]
    for at in points[:-1]:
        value, slope = value * (x - at), slope * (x - at) + value
        found.append(slope)
    return found


def integrals(points: Sequence[Number], to: Number) -> list[Number]:
    """Their integrals from 0."""
    product: list[Number] = [1 + 0 * points[0]]  # coefficients, the constant first
    found = []
    for at in points:
        found.append(sum(c * to ** (n + 1) / (n + 1) for n, c in enumerate(product)))
        product = [b - at * a for a, b in zip([*product, 0], [0, *product], strict=True)]
    return found
