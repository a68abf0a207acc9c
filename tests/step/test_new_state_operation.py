"""An operation that makes a state and no field value, in one file with its family: the exact flow of one of two fields.

Splitting methods go along the flows of f¹ and f² in turn, y ↦ … φ²_{b₁h} ∘ φ¹_{a₁h}(y) (HLW, II.5): a network
with layers integrated in closed form. A flow is no rational function of hλ: there is no stability function.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from sympy import Expr, Rational, S

import tableau2net as t2n
from tableau2net.analysis import order_conditions
from tableau2net.analysis.order.equality import equality
from tableau2net.scheme import Scheme
from tableau2net.step import Call, lower, optimise


@dataclass(frozen=True)
class Flow(Call):
    """``target = φ_{time·h}(value)``, the solution of y' = f^part(y) from a state."""

    kind: ClassVar[str] = "y"
    later: ClassVar[bool] = False

    @property
    def at_rest(self):
        return ((S.One, self.value),)

    def on_linear(self):
        return None  # e^z is no polynomial

    def on_series(self, series):
        """The solution in t of d/dt a(t) = Π a(u_i)(t) for a root of this part, a(0) = Y: polynomials in t, by tree."""
        trees, start, time = series.forest, series.of(self.value), series.time(self.target)
        solution, slope = [], []  # of each tree: lowest power first

        def shortened(k):
            return series.factor(Rational(1, k), self.value)

        def at(tree):
            if trees.colour[tree] != self.part:
                slope.append([])
            elif tree < trees.colours:
                slope.append([series.one])
            else:
                head, tail = trees.head[tree], trees.tail[tree]
                slope.append(times(slope[head], solution[tail] if tail >= 0 else [], series.zero))
            solution.append([start[tree], *(c * shortened(k) for k, c in enumerate(slope[tree], 1))])
            total = series.zero
            for c in reversed(solution[tree]):
                total = total * time + c
            return total

        return at

    def on_numbers(self, numbers):
        raise t2n.InputError("the flows of the test problem are not known in closed form")

    def written(self, notation):
        if notation.language == "torch":
            return f"{notation.field(self)}.flow({float(self.time)!r} * h, {notation.name(self.value)})"
        return f"φ[{notation.field(self)}]({self.time}, {notation.name(self.value)})"


def times(a, b, zero):
    product = [zero] * (len(a) + len(b) - 1 if a and b else 0)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = product[i + j] + x * y
    return product


@dataclass(frozen=True)
class Splitting(Scheme):
    family: ClassVar[str] = "splitting"

    a: tuple[Expr, ...]
    b: tuple[Expr, ...]

    def lower(self, step):
        at = step.state("y")
        for i, pair in enumerate(zip(self.a, self.b, strict=True)):
            for part, duration in enumerate(pair):
                if not duration.is_zero:
                    at = step.apply(Flow(f"y{i + 1}_{part + 1}", (at,), duration, i, part))
        step.hand_on("y", at)


LIE = Splitting(a=[1], b=[1], name="lie")
STRANG = Splitting(a=["1/2", "1/2"], b=[1, 0], name="strang")
W = "1/(2 - 2**(1/3))"  # Yoshida's triple jump
YOSHIDA = Splitting(a=[f"{W}/2", f"(1 - {W})/2", f"(1 - {W})/2", f"{W}/2"], b=[W, f"1 - 2*{W}", W, 0], name="yoshida")


@pytest.mark.parametrize(("scheme", "order"), [(LIE, 1), (STRANG, 2), (YOSHIDA, 4)])
def test_orders_over_coloured_trees(scheme, order):
    assert order_conditions(scheme).autonomous == order


def test_a_report_leaves_out_what_is_not_defined():
    report = t2n.report(STRANG)
    assert report.stability.zero_stable
    assert report.stability.function is None


class Turn(torch.nn.Module):
    """y' = w J y, whose flow turns."""

    def flow(self, t, y):
        c, s = math.cos(t), math.sin(t)
        return y @ torch.tensor([[c, -s], [s, c]], dtype=y.dtype)

    def forward(self, y):
        return y @ torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=y.dtype)


class Cubic(torch.nn.Module):
    """y' = −y³, whose flow is y/√(1 + 2 t y²)."""

    def flow(self, t, y):
        return y / (1 + 2 * t * y * y).sqrt()

    def forward(self, y):
        return -(y**3)


@pytest.mark.parametrize(("scheme", "order"), [(LIE, 1), (STRANG, 2), (YOSHIDA, 4)])
def test_blocks_converge_with_that_order(scheme, order):
    block, y = t2n.compile(scheme), torch.tensor([1.0, 0.4], dtype=torch.float64)
    fields = [Turn(), Cubic()]
    exact = t2n.integrate(
        "dormand-prince-54", lambda t, y: fields[0](y) + fields[1](y), y, 0, 1, rtol=1e-13, atol=1e-13
    )
    errors = [(block([fields] * n, h=1 / n)(y) - exact).abs().max().item() for n in (8, 16)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


def test_passes_prove_it():
    passes = optimise(lower(STRANG))
    assert equality(passes[0].step, passes[-1].step).order == 5
