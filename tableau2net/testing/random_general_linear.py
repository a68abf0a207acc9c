"""General linear methods drawn at random: other families rewritten, and methods in Nordsieck form of any order."""

from __future__ import annotations

from fractions import Fraction
from functools import singledispatch
from math import factorial
from typing import Any

from hypothesis import strategies as st
from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme import GeneralLinear, Multistep, RungeKutta, Scheme
from tableau2net.testing import random_tableau as tableau
from tableau2net.testing.draw import distinct, vector
from tableau2net.testing.linear_equations import solution
from tableau2net.testing.nodes import ANYWHERE
from tableau2net.testing.random_multistep import multistep
from tableau2net.testing.random_runge_kutta import runge_kutta
from tableau2net.testing.random_tableau import Shape

Row = list[Fraction]


@st.composite
def general_linear(draw: st.DrawFn, order: int | None = None, explicit: bool | None = None) -> GeneralLinear:
    """General linear methods of order `order` (1 to 4) at least, by construction; drawn too when left out.

    A third each: Runge–Kutta methods and zero-stable multistep methods rewritten, and methods of that stage order
    with external values in a random Nordsieck basis and a power-bounded V."""
    p = draw(st.integers(1, 3)) if order is None else order
    if not 1 <= p <= 4:
        raise InputError(f"order={p}: general linear methods are drawn for orders 1 to 4")
    kind = draw(st.sampled_from(("runge-kutta", "multistep", "nordsieck")))
    if kind == "nordsieck":
        return _nordsieck(draw, p, draw(st.booleans()) if explicit is None else explicit)
    if kind == "runge-kutta":
        return as_general_linear(draw(runge_kutta(range(1, 6), order=p, explicit=explicit)))
    return as_general_linear(draw(multistep(range(1, 5), order=p, explicit=explicit, zero_stable=True)))


@singledispatch
def as_general_linear(scheme: Scheme) -> GeneralLinear:
    """A Runge–Kutta or multistep scheme as the general linear method that it is (HNW I, III.8).

    Raises InputError for other families."""
    raise InputError(f"a {scheme.family} scheme is not rewritten as a general linear method here")


@as_general_linear.register
def _from_runge_kutta(scheme: RungeKutta) -> GeneralLinear:
    return GeneralLinear(
        A=scheme.A,
        U=((S.One,),) * scheme.stages,
        B=(scheme.b,),
        V=((S.One,),),
        c=scheme.c,
        parameters=scheme.parameters,
        name=scheme.name,
    )


@as_general_linear.register
def _from_multistep(scheme: Multistep) -> GeneralLinear:
    """One stage, the new state of an implicit method or the present one of an explicit one; the values of the steps
    before are handed on, field values with their factor h."""
    if scheme.derivative != 1:
        raise InputError("a multistep scheme for y'' = f is not a general linear method for y' = f")
    k = scheme.steps
    ages = range(k)
    field_ages = ages if not scheme.explicit else ages[1:]
    meanings = [_aged("y", a) for a in ages] + [_aged("f", a) for a in field_ages]
    unit = {meaning: tuple(S.One if other == meaning else S.Zero for other in meanings) for meaning in meanings}
    result = (*(-scheme.alpha[k - 1 - a] for a in ages), *(scheme.beta[k - 1 - a] for a in field_ages))
    at_stage = scheme.beta[k - 1] if scheme.explicit else scheme.beta[k]
    V: list[tuple[Expr, ...]] = [result, *(unit[_aged("y", a - 1)] for a in ages[1:])]
    B = [at_stage] + [S.Zero] * (k - 1)
    for i, a in enumerate(field_ages):  # the youngest is the field at the stage, the others grow older
        V.append(unit[_aged("f", a - 1)] if i else (S.Zero,) * len(meanings))
        B.append(S.Zero if i else S.One)
    return GeneralLinear(
        A=((S.Zero if scheme.explicit else at_stage,),),
        U=(unit["y"] if scheme.explicit else result,),
        B=tuple((b,) for b in B),
        V=tuple(V),
        c=(S.Zero if scheme.explicit else S.One,),
        external=tuple(meanings),
        parameters=scheme.parameters,
        name=scheme.name,
    )


def _aged(letter: str, age: int) -> str:
    return f"{letter}-{age}" if age else letter


def _nordsieck(draw: st.DrawFn, p: int, explicit: bool) -> GeneralLinear:
    """Stage order p: exp(cz) = z A exp(cz) + U w(z) and exp(z) w(z) = z B exp(cz) + V w(z) up to z^p, where row i of w
    is what the external value i stands for (Butcher 2006, §4): linear in U given A, and in B given V = q_0 e_1ᵀ, whose
    powers are itself."""
    s = draw(st.integers(p, p + 1))
    c = distinct(draw, s, ANYWHERE)
    shape: Shape = "explicit" if explicit else draw(st.sampled_from(("diagonal", "full")))
    at = tableau.positions(shape, s)
    A = tableau.matrix(at, vector(draw, len(at)), s)
    if not explicit and not any(A[i][j] for i, j in at if j >= i):
        A[0][0] = Fraction(1)
    w = _basis(draw, p)
    columns = [[row[k] for row in w] for k in range(p + 1)]  # of each power of z
    slopes = [[Fraction(0)] * s] + [[x ** (k - 1) / factorial(k - 1) for x in c] for k in range(1, p + 1)]
    U = []
    for row, x in zip(A, c, strict=True):
        right = [x**k / factorial(k) - _dot(row, slopes[k]) for k in range(p + 1)]
        U.append(_solved(columns, right, [Fraction(0)] * (p + 1)))
    B, V = [], []
    for row in w:
        V.append([row[0], *[Fraction(0)] * p])
        target = [sum((row[m] / factorial(k - m) for m in range(k + 1)), Fraction(0)) for k in range(p + 1)]
        right = [target[k] - row[0] * w[0][k] for k in range(1, p + 1)]
        B.append(_solved(slopes[1:], right, vector(draw, s)))
    external: tuple[Any, ...] = ("y", *(tuple(row) for row in w[1:]))
    return GeneralLinear(A=_rows(A), U=_rows(U), B=_rows(B), V=_rows(V), external=external, c=tuple(c), name="random")


def _rows(matrix: list[Row]) -> tuple[tuple[Expr, ...], ...]:
    return tuple(map(tuple, matrix))


def _basis(draw: st.DrawFn, p: int) -> list[Row]:
    """w: the state, and p more combinations of y, hy', …, h^p y^(p) that are independent of it and each other."""
    rows = [[Fraction(int(i == k)) for k in range(p + 1)] for i in range(p + 1)]
    for i in range(1, p + 1):
        rows[i][:i] = [Fraction(draw(st.integers(-2, 2))) for _ in range(i)]
        rows[i] = [x * draw(st.sampled_from((1, 2, -1))) if k == i else x for k, x in enumerate(rows[i])]
    return rows


def _solved(rows: list[Row], right: Row, wanted: Row) -> Row:
    found = solution(rows, right, wanted)
    assert found is not None  # the basis is one, the nodes are distinct
    return found


def _dot(a: Row, b: Row) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
