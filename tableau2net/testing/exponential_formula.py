"""Exponential integrators by their formulas, every function of hL as the power series that it is."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

import sympy
from sympy import Expr

from tableau2net.exact.exponentials import PhiFunction, Z
from tableau2net.scheme import ExponentialMultistep, ExponentialRosenbrock, ExponentialRungeKutta
from tableau2net.testing.advanced import Advanced, Given, State
from tableau2net.testing.formula import advance

MOST_TERMS = 1000


@advance.register
def _exponential(scheme: ExponentialRungeKutta, at: Given) -> Advanced:
    """Y_i = e^{c_i hL} y + h Σ a_ij(hL) N(t + c_i h, Y_j)."""
    y = at.y(0, 0)
    slopes: list[State] = []

    def row(c: Expr, weights: Sequence[Expr]) -> State:
        total = _phi(at, 0, c, y)
        for weight, slope in zip(weights, slopes, strict=False):
            total = total + at.h * _applied(weight, slope, at)
        return total

    for i, (c, weights) in enumerate(zip(scheme.c, scheme.A, strict=True)):
        slopes.append(at.field(0, at.number(c), [row(c, weights)], i))
    embedded = None if scheme.b_hat is None else row(sympy.S.One, scheme.b_hat)
    return Advanced([row(sympy.S.One, scheme.b)], embedded)


@advance.register
def _exponential_multistep(scheme: ExponentialMultistep, at: Given) -> Advanced:
    """y_{n+k} = −Σ α_j e^{(k−j)hL} y_{n+j} + h Σ β_j(hL) N_{n+j}; n + k − 1 is now."""
    k, new = scheme.steps, 0 * at.y(0, 0)
    for j in range(k):
        if not scheme.alpha[j].is_zero:
            new = new + (-at.number(scheme.alpha[j])) * _phi(at, 0, sympy.Integer(k - j), at.y(0, k - 1 - j))
        if not scheme.beta[j].is_zero:
            new = new + at.h * _applied(scheme.beta[j], at.f(0, k - 1 - j), at)
    return Advanced([new])


@advance.register
def _exponential_rosenbrock(scheme: ExponentialRosenbrock, at: Given) -> Advanced:
    """Y_i = y + c_i h φ_1(c_i hJ) f + h² c_i² φ_2(c_i hJ) f_t + h Σ a_ij(hJ) D_j, J at the step's beginning."""
    y = at.y(0, 0)
    slope = at.field(0, 0, [y])
    start, moved = at.h * slope, at.h * at.along(0, y, 0 * y, 1)
    own = _OfJacobian(at)
    defects: list[State] = []

    def increment(c: Expr, row: Sequence[Expr], past: Sequence[Expr] = (), first: Expr | None = None) -> State:
        number = at.number(c)
        if first is None:
            total = number * _phi(own, 1, c, start) + number**2 * _phi(own, 2, c, moved)
        else:
            total = _applied(first, start, own) + _applied(_divided(first), moved, own)
        for weight, defect in [*zip(row, defects, strict=False), *zip(past, before, strict=False)]:
            total = total + _applied(weight, defect, own)
        return total

    def defect(u: State, c: Expr, k: State) -> State:
        return at.h * (k + (-1) * slope) + (-1) * (at.along(0, y, u, 0) + at.number(c) * moved)

    before = [defect(at.y(0, j) + (-1) * y, sympy.Integer(-j), at.f(0, j)) for j, _ in enumerate(scheme.past, 1)]
    for i, (c, row) in enumerate(zip(scheme.c[1:], scheme.A[1:], strict=True), 1):
        u = increment(c, row, first=scheme.g[i - 1] if scheme.g else None)
        defects.append(defect(u, c, at.field(0, at.number(c), [y + u], i)))
    embedded = None if scheme.b_hat is None else y + increment(sympy.S.One, scheme.b_hat)
    return Advanced([y + increment(sympy.S.One, scheme.b, scheme.past)], embedded)


def _divided(g: Expr) -> Expr:
    """(g(z) − g(0))/z of a sum of numbers times φ_k(cz): with y' = f one more component t' = 1, whose column of the
    Jacobian is f_t, g of it has this in the corner."""
    total = sympy.S.Zero
    for term in sympy.Add.make_args(g):
        weight, function = term.as_independent(Z)
        if isinstance(function, PhiFunction):
            k, at = function.args
            total += weight * (at / Z) * PhiFunction(k + 1, at)
        elif Z in function.free_symbols:
            raise NotImplementedError(f"{function}: its corner is not written")
    return total


class _OfJacobian:
    """The same start of a step, with hJ in the place of the matrix."""

    def __init__(self, at: Given) -> None:
        self.at, self.number, self.distance = at, at.number, at.distance

    def matrix(self, u: State) -> State:
        return self.at.along(0, self.at.y(0, 0), u, 0)


def _applied(function: Expr, u: State, at: Given | _OfJacobian) -> State:
    """g(hL) u, walking through g as it is written."""
    if Z not in function.free_symbols:
        return at.number(function) * u
    if function == Z:
        return at.matrix(u)
    if function.is_Add:
        first, *others = (_applied(term, u, at) for term in function.args)
        return sum(others, first)
    if function.is_Mul:
        for factor in function.args:
            u = _applied(factor, u, at)
        return u
    if isinstance(function, PhiFunction | sympy.exp):
        k = int(function.args[0]) if isinstance(function, PhiFunction) else 0
        return _phi(at, k, sympy.expand(function.args[-1] / Z), u)
    if function.is_Pow and function.exp.is_Integer and function.exp > 0:
        for _ in range(int(function.exp)):
            u = _applied(function.base, u, at)
        return u
    raise NotImplementedError(f"{function} is not written as a formula: divided by z")


def _phi(at: Given | _OfJacobian, k: int, c: Expr, u: State) -> State:
    """φ_k(c hL) u = Σ_j (c hL)^j u/(j + k)!, until nothing changes."""
    scale, power = at.number(c), u
    total = at.number(sympy.Rational(1, factorial(k))) * u
    for j in range(1, MOST_TERMS):
        power = scale * at.matrix(power)
        new = total + at.number(sympy.Rational(1, factorial(k + j))) * power
        if at.distance(new, total) == 0:
            return new
        total = new
    raise ArithmeticError("a power series does not settle")
