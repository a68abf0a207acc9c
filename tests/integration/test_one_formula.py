"""Single multistep formulas whose steps a tolerance chooses: the error that is estimated is the one that is made."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration import integrate
from tableau2net.integration.one_formula import formula_on
from tableau2net.integration.variable import pattern
from tests.integration.problems import D, growing, grown

ONE = torch.ones(1, dtype=D)
NAMES = ["bdf-2", "bdf-5", "adams-bashforth-3", "adams-moulton-3", "extrapolated-bdf-2", "nystrom-3"]


@settings(max_examples=40)
@given(st.sampled_from(NAMES), st.lists(st.floats(0.3, 3), min_size=6, max_size=6))
def test_the_estimate_is_the_error_on_any_points(name, sizes):
    """Of y = t^(p+1), whose error is nothing but the first term: from exact values the formula misses by what the
    prediction tells."""
    scheme = t2n.load(name)
    p, points = order(scheme), [0.0]
    for size in sizes:
        points.append(points[-1] - size)
    formula = formula_on(pattern(scheme), p, tuple(points[: max(p + 1, scheme.steps)]))
    ys, fs = [x ** (p + 1) for x in points], [(p + 1) * x**p for x in points]
    predicted = sum(w * y for w, y in zip(formula.predictor, ys, strict=False))
    (row,), (new,) = formula.slopes, formula.new
    known = sum(w * y for w, y in zip(formula.values, ys, strict=False))
    found = known + sum(w * f for w, f in zip(row, fs, strict=False)) + new * (p + 1)
    largest = max(abs(w * y) for w, y in zip(formula.predictor, ys, strict=False)) + 1
    off = (p + 1) - sum(w * y for w, y in zip(formula.slope, ys, strict=False))
    ours = formula.error * (found - predicted) if new else formula.slope_error * off
    assert ours == pytest.approx(1 - found, rel=1e-6, abs=1e-9 * largest)
    line = [1 + 2 * x for x in points]
    assert sum(w * y for w, y in zip(formula.predictor, line, strict=False)) == pytest.approx(3, abs=1e-6)


@pytest.mark.parametrize("name", ["bdf-2", "bdf-4", "adams-bashforth-4", "adams-moulton-3", "extrapolated-bdf-3"])
def test_errors_follow_the_tolerance(name):
    exact, errors = [grown(t) for t in (3.0, 2.9, 1.1, 0.0)], []
    for tolerance in (1e-4, 1e-6):
        found = integrate(name, growing, ONE * grown(3), 3, 0, rtol=tolerance, at=[3, 2.9, 1.1, 0], full=True)
        errors.append(max(abs(a - b) for a, b in zip(found.y[:, 0].tolist(), exact, strict=True)))
        assert errors[-1] < 400 * tolerance
        assert found.rejected < found.steps / 3
    assert errors[1] < errors[0] / 8


def test_two_fields_stiff_ones_and_gradients():
    """y = cos t of y' = −500 y + (500 cos t − sin t), the first implicitly."""
    fields = (lambda t, y: torch.full_like(y, 500 * math.cos(t) - math.sin(t)), lambda t, y: -500 * y)
    found = integrate("imex-bdf-3", fields, ONE, 0, 3, rtol=1e-5, full=True)
    assert abs(float(found.y) - math.cos(3)) < 1e-4
    assert found.steps < 150
    stiff = integrate("bdf-3", lambda t, y: sum(f(t, y) for f in fields), ONE, 0, 3, rtol=1e-5, full=True)
    assert abs(float(stiff.y) - math.cos(3)) < 1e-4
    assert stiff.steps < 150
    rate = torch.tensor(1.3, dtype=D, requires_grad=True)
    for name in ("bdf-3", "adams-bashforth-3"):
        y = integrate(name, lambda t, y: -rate * y, ONE, 0, 1, rtol=1e-6)
        assert abs(float(torch.autograd.grad(y.sum(), rate)[0]) + math.exp(-1.3)) < 1e-4
        jump = integrate(name, lambda t, y: torch.full_like(y, 1.0 if t < 1 else -3.0), ONE, 0, 2, rtol=1e-5)
        assert abs(float(jump) + 1) < 5e-3
        still = integrate(name, lambda t, y: 0 * y, ONE, 0, 9, rtol=1e-7, full=True)
        assert still.y.tolist() == [1]
        assert still.steps < 100


def test_what_is_refused():
    for name, told in (("abm-3", "remembers earlier steps"), ("ndf-3", "does not determine its coefficients")):
        with pytest.raises(InputError, match=told):
            integrate(name, growing, ONE, 0, 1, rtol=1e-3)
    with pytest.raises(InputError, match="remembers earlier steps"):
        integrate("stormer-3", lambda t, y: -y, (ONE, ONE), 0, 1, rtol=1e-3)
