"""Derivatives along a direction and functions of an operator, in families that are declared here in a few lines."""

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
from sympy import Expr, Rational, S, sqrt

import tableau2net as t2n
from tableau2net.analysis.reading.linear import stability_function
from tableau2net.analysis.reading.trees import Forest
from tableau2net.scheme import Scheme
from tableau2net.scheme.matrix_functions import Phi, PhiSum, Resolvent

Matrix = tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class Linear(Scheme):
    """(I − hγA) k_i = h f(t + α_i h, y + Σ α_ij k_j) + h A Σ γ_ij k_j + h² γ_i f_t (HW II, IV.7, eq. 7.4, 7.4a)."""

    family: ClassVar[str] = "linear-implicit-of-a-test"

    alpha: Matrix
    Gamma: Matrix
    b: tuple[Expr, ...]
    operator: str = "jacobian"

    def lower(self, step):
        y, s = step.state("y"), range(len(self.b))
        for i in s:
            at = step.value(f"y{i}", [(S.One, y), *((self.alpha[i][j], f"k{j}") for j in s)])
            f = step.evaluate(f"f{i}", at, sum(self.alpha[i]), i)
            u = step.combine(f"u{i}", [(self.Gamma[i][j], f"k{j}") for j in range(i)])
            d = step.along(f"d{i}", y, u, S.Zero, 0, moved=sum(self.Gamma[i]))
            r = step.combine(f"r{i}", [(S.One, f), (S.One, d)])
            part = 0 if self.operator == "jacobian" else 1
            step.transform(f"k{i}", Resolvent(self.Gamma[i][i]), r, operator=self.operator, part=part)
        step.hand_on(y, step.combine("y_new", [(S.One, y), *((self.b[i], f"k{i}") for i in s)]))


@dataclass(frozen=True)
class Exponential(Scheme):
    """y⁺ = e^{hL} y + h Σ b_i(hL) N(Y_i), Y_i = e^{c_i hL} y + h Σ a_ij(hL) N(Y_j) (Hochbruck & Ostermann 2010)."""

    family: ClassVar[str] = "exponential-of-a-test"

    table: str

    def lower(self, step):
        y, (nodes, a, b) = step.state("y"), TABLES[self.table]
        step.fields = 2

        def row(name, scale, weights):
            terms = [(S.One, step.transform(f"{name}_e", PhiSum((Phi(S.One, 0, scale),)), y, part=1))]
            for j, g in enumerate(weights):
                if g:
                    inner = step.combine(f"{name}_n{j}", [(S.One, f"n{j}")])
                    terms.append((S.One, step.transform(f"{name}_g{j}", PhiSum(g), inner, part=1)))
            return step.combine(name, terms)

        for i, c in enumerate(nodes):
            step.evaluate(f"n{i}", row(f"y{i}", c, a[i]) if i else y, c, i)
        step.hand_on(y, row("y_new", S.One, b))


half, one = Rational(1, 2), S.One
GAMMA = 1 - sqrt(2) / 2
ROS2 = ([[0, 0], [1, 0]], [[GAMMA, 0], [-2 * GAMMA, GAMMA]], ["1/2", "1/2"])
TABLES = {
    "etd-1": ([S.Zero], ((),), ((Phi(one, 1),),)),
    "etd-2rk": ([S.Zero, one], ((), ((Phi(one, 1),),)), ((Phi(one, 1), Phi(-one, 2)), (Phi(one, 2),))),
    "lawson-2": ([S.Zero, one], ((), ((Phi(one, 0),),)), ((Phi(half, 0),), (Phi(half, 0, S.Zero),))),
}


def test_orders():
    """ROS2 (Verwer et al. 1999) is of order 2; ETD1, ETD2RK of orders 1 and 2 (Cox & Matthews)."""
    assert t2n.order(Linear(*ROS2)) == 2
    assert [t2n.order(Exponential(table)) for table in TABLES] == [1, 2, 2]


def test_stability_of_a_resolvent():
    numerator, denominator = stability_function(Linear(*ROS2))
    z, g = 0.3, float(GAMMA)
    expected = (1 + (1 - 2 * g) * z + (half - 2 * g + g * g) * z * z) / (1 - g * z) ** 2
    assert math.isclose(float(numerator.eval(z) / denominator.eval(z)), float(expected), rel_tol=1e-12)


@pytest.mark.parametrize("kinds", [{}, {"linear": {1}}, {"foreign": {1}}, {"linear": {1}, "with_time": True}])
def test_trees_are_counted_as_they_grow(kinds):
    kinds = {k: v if v is True else frozenset(v) for k, v in kinds.items()}
    grown = Forest(colours=2, **kinds)
    assert [Forest(colours=2, **kinds).count(n) for n in range(1, 7)] == [len(grown.of_order(n)) for n in range(1, 7)]
