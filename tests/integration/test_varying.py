"""Multistep methods of variable step and order: their formulas on any points in fractions, their members beside the
library's tables, solutions beside scipy's, and problems of every degenerate kind."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration import IntegrationError, integrate
from tableau2net.scheme import VARIABLE_ORDER, VariableOrder
from tableau2net.scheme.variable_order import bashforth, differentiated, integrals, moulton, values_at, weights
from tests.integration.problems import D, growing, grown, reference, van_der_pol

NAMES = sorted(VARIABLE_ORDER)
ONE = torch.ones(1, dtype=D)
steps = st.lists(st.fractions(Fraction(1, 9), 9, max_denominator=12), min_size=1, max_size=6)


def points_of(sizes):
    """0 and points before it."""
    found = [Fraction(0)]
    for size in sizes[:-1]:
        found.append(found[-1] - size)
    return found


@settings(max_examples=40)
@given(steps, st.sampled_from([*VARIABLE_ORDER["ndf"].kappa]))
def test_differentiation_keeps_its_order_on_any_points(sizes, kappa):
    """By the order conditions themselves: powers of t are solved exactly, and t^(k+1) is not."""
    points = points_of([*sizes, Fraction(1)])
    k = len(points) - 1
    leading = (1 - kappa) * sum(Fraction(1, j) for j in range(1, k + 1))
    w, beta = differentiated(points, leading)
    left = [1 - sum(a * x**q for a, x in zip(w, points, strict=True)) - beta * q for q in range(k + 2)]
    assert left[: k + 1] == [0] * (k + 1)
    assert w == [
        a - b / leading
        for a, b in zip(weights(points, values_at(points, Fraction(1))), _lagrange_slopes(points), strict=True)
    ]


def _lagrange_slopes(points):
    """Derivatives at 1 of the Lagrange polynomials, by the product rule."""
    found = []
    for x in points:
        others = [y for y in points if y != x]
        found.append(sum(math.prod(((1 - z) / (x - z) for z in others if z != y), start=1 / (x - y)) for y in others))
    return found


@settings(max_examples=40)
@given(steps)
def test_adams_keeps_its_order_on_any_points(sizes):
    points = points_of(sizes)
    k = len(points)
    for w, nodes in ((bashforth(points), points), (moulton(points), [Fraction(1), *points])):
        moments = [sum(a * x**q for a, x in zip(w, nodes, strict=True)) for q in range(len(nodes))]
        assert moments == [Fraction(1, q + 1) for q in range(len(nodes))]
    assert len(moulton(points)) == k + 1
    assert integrals(points, Fraction(0)) == [0] * k


def test_members_are_the_library_s_tables():
    for name, library in (("bdf", "bdf"), ("ndf", "ndf"), ("adams", "abm")):
        family = VARIABLE_ORDER[name]
        for k in range(1, family.orders + 1):
            member, table = family.member(k), t2n.load(f"{library}-{k}")
            assert member.coefficients == table.coefficients
            if k < 7:
                assert order(table) == (k + 1 if name == "adams" else k)


@pytest.mark.slow
def test_angles_of_stability_are_the_published_ones():
    """Shampine & Reichelt 1997, Table 1; HW II, V.2, (2.7)."""
    for name, angles in (("ndf", (90, 90, 80, 66, 51)), ("bdf", (90, 90, 86, 73, 51))):
        for k, angle in enumerate(angles, 1):
            found = t2n.report(f"{name}-{k}").to_dict()["stability"]["alpha_degrees"] if k > 2 else 90
            assert math.floor(found) == angle


@pytest.mark.parametrize("name", NAMES)
def test_errors_follow_the_tolerance(name):
    errors, evaluations = [], []
    for digits in (4, 6, 8, 10):
        found = integrate(name, growing, ONE, 0, 10, rtol=10.0**-digits, atol=10.0**-digits, full=True)
        errors.append(abs(float(found.y) - grown(10)))
        evaluations.append(found.evaluations)
        assert errors[-1] < 100 * 10.0**-digits
        assert found.rejected < found.steps / 4
        assert found.evaluations < 5 * (found.steps + found.rejected)
    assert -1.4 < np.polyfit((4, 6, 8, 10), np.log10(errors), 1)[0] < -0.7
    assert evaluations == sorted(evaluations)


@pytest.mark.parametrize("name", ["bdf", "adams"])
def test_one_order_shows_in_the_number_of_steps(name):
    phases = torch.arange(8, dtype=D)
    exact = torch.exp(torch.sin(3 + phases) - torch.sin(phases))
    for k in (1, 3):
        family, found = VariableOrder("mine", VARIABLE_ORDER[name].formulas, k), []
        for digits in (2.5 + k / 2, 4.5 + k / 2):
            tolerance = 10**-digits
            taken = integrate(
                family, lambda t, y: y * torch.cos(t + phases), torch.ones(8, dtype=D), 0, 3, rtol=tolerance,
                atol=tolerance, full=True,
            )  # fmt: skip
            found.append((math.log(taken.steps), math.log(float((taken.y - exact).norm()))))
        (n, first), (m, last) = found
        assert -0.5 < (first - last) / (m - n) - (k + (name == "adams")) < 1.1


@pytest.mark.parametrize("name", NAMES)
def test_values_inside_steps_forwards_and_backwards(name):
    times = [0.0, 0.003, 1.0, 2.5, 4.0]
    for way in (times, times[::-1]):
        start = torch.tensor([grown(way[0])], dtype=D)
        found = integrate(name, growing, start, way[0], way[-1], rtol=1e-8, at=way)
        torch.testing.assert_close(found[:, 0], torch.tensor([grown(t) for t in way], dtype=D), rtol=0, atol=2e-7)


def test_stiff_problems_beside_scipy():
    pytest.importorskip("scipy")
    y0 = torch.tensor([2.0, 0.0], dtype=D)
    exact = reference(van_der_pol(1000.0), y0, [0, 1.0], "Radau")[-1]

    def robertson(t, y):
        slow, fast, faster = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return torch.stack((fast - slow, slow - fast - faster, faster))

    # Mazzia & Magherini, Test Set for IVP Solvers, release 2.4, II-10: the reference at 1e11
    printed = torch.tensor([0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050], dtype=D)
    for name in ("bdf", "ndf"):
        found = integrate(name, van_der_pol(1000.0), y0, 0, 1, rtol=1e-6, atol=1e-6, full=True)
        torch.testing.assert_close(found.y, exact, rtol=0, atol=1e-5)
        assert found.steps < 60
        late = integrate(name, robertson, torch.tensor([1.0, 0, 0], dtype=D), 0, 1e11, rtol=1e-4, atol=1e-10, full=True)
        torch.testing.assert_close(late.y, printed, rtol=5e-3, atol=0)
        assert late.steps + late.rejected < 600


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_solution(name):
    rate = torch.tensor(1.3, dtype=D, requires_grad=True)
    y0 = torch.tensor([1.0, 2.0], dtype=D, requires_grad=True)
    end = torch.tensor(1.0, dtype=D, requires_grad=True)
    y = integrate(name, lambda t, y: -rate * y, y0, 0, end, rtol=1e-8, atol=1e-10)
    found = torch.autograd.grad(y.sum(), (rate, y0, end))
    decay = math.exp(-1.3)
    exact = (torch.tensor(-3 * decay), torch.full((2,), decay), torch.tensor(-3.9 * decay))
    for ours, theirs in zip(found, exact, strict=True):
        torch.testing.assert_close(ours, theirs.to(D), rtol=0, atol=1e-6)
    large = torch.linspace(1, 2, 1100, dtype=D).requires_grad_()  # solved without a matrix
    y = integrate(name, lambda t, y: -rate * y, large, 0, 1, rtol=1e-5)
    torch.testing.assert_close(torch.autograd.grad(y.sum(), large)[0], torch.full_like(large, decay), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_types_shapes_and_norms(name):
    y = integrate(name, lambda t, y: 1j * y, torch.ones(2, 1, dtype=torch.complex128), 0, 3, rtol=1e-7)
    torch.testing.assert_close(y, torch.full_like(y, np.exp(3j)), rtol=0, atol=1e-5)
    y = integrate(name, lambda t, y: -y, torch.ones(2, 3), 0, 3, rtol=1e-4)
    torch.testing.assert_close(y, torch.full((2, 3), math.exp(-3)), rtol=0, atol=1e-3)
    rates = torch.tensor([[1.0], [10.0], [3.0]], dtype=D)
    start = torch.tensor([[1.0], [1e-3], [1e3]], dtype=D)
    y = integrate(name, lambda t, y: -rates * y, start, 0, 1, rtol=1e-6, atol=1e-9, norm="batch")
    torch.testing.assert_close(y, start * torch.exp(-rates), rtol=1e-3, atol=1e-8)
    assert integrate(name, lambda t, y: -y, torch.tensor(1.0, dtype=D), 0, 1, rtol=1e-5).shape == ()
    with torch.inference_mode():
        integrate(name, lambda t, y: -y, torch.ones(2, dtype=D), 0, 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_degenerate_problems(name):
    def solved(f, y0, t1=3.0, **more):
        return integrate(name, f, torch.tensor(y0, dtype=D), 0, t1, **({"rtol": 1e-7, "full": True} | more))

    assert solved(lambda t, y: 0 * y, [1.0, -3.0]).y.tolist() == [1, -3]
    assert solved(lambda t, y: 0 * y, [0.0], atol=0).y.tolist() == [0]
    assert solved(lambda t, y: -y, [1.0], 1e-13).steps < 20
    assert solved(lambda t, y: -y, [1.0], 0.0).steps == 0
    decayed = solved(lambda t, y: -y, [1.0, 0.0], atol=0)  # 0 stays 0
    torch.testing.assert_close(decayed.y, torch.tensor([math.exp(-3), 0.0], dtype=D), rtol=1e-5, atol=0)
    jump = solved(lambda t, y: torch.full_like(y, 1.0 if t < 1 else -3.0), [0.0])
    assert abs(float(jump.y) + 5) < 1e-5
    assert jump.steps < 120
    line = solved(lambda t, y: torch.ones_like(y), [0.0], event=lambda t, y: y[0] - 2)
    assert abs(float(line.ending.t) - 2) < 1e-9
    with pytest.raises(IntegrationError, match="the step would have to be below"):
        solved(lambda t, y: y**2, [1.0])
    with pytest.raises(IntegrationError, match="max_steps = 3"):
        solved(lambda t, y: -y, [1.0], max_steps=3)


def test_what_is_refused():
    with pytest.raises(InputError, match=r"bdf chooses its steps and its order: .* bdf-5"):
        integrate("bdf", growing, ONE, 0, 1, 10)
    for given_so, said in (
        (("mine", "gear", 3), "formulas = 'gear'"), (("mine", "adams", 13), "orders = 13: from 1 to 12"),
        (("mine", "differentiation", 0), "orders = 0"), (("mine", "differentiation", 2, (Fraction(0),)), "kappa: one"),
        (("mine", "differentiation", 1, (Fraction(1),)), "kappa: below 1"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=said):
            VariableOrder(*given_so)
    with pytest.raises(InputError, match="orders 1 to 5, not 6"):
        VARIABLE_ORDER["bdf"].member(6)
