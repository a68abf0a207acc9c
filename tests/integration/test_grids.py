"""Grids that are given: multistep schemes keep their order on uneven ones."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.integration import integrate
from tableau2net.integration.variable import pattern
from tests.integration.problems import D, growing, grown, pulled, slopes

METHODS = [
    "adams-bashforth-2", "adams-bashforth-4", "adams-moulton-3", "bdf-2", "bdf-4", "extrapolated-bdf-3", "nystrom-3",
]  # fmt: skip
RATIOS = np.random.default_rng(1).uniform(0.6, 1.4, 8)


def smooth(n):
    """The image of an even grid under x ↦ 2x^1.3."""
    return [2 * (i / n) ** 1.3 for i in range(n + 1)]


def rough(n):
    """Eight random steps over and over: neighbouring ones differ by up to the factor of 2 whatever n is."""
    points = np.concatenate(([0], np.cumsum(np.tile(RATIOS, n // 8))))
    return (2 * points / points[-1]).tolist()


@pytest.mark.parametrize("grid", [smooth, rough])
@pytest.mark.parametrize("name", METHODS)
def test_the_order_is_kept(name, grid):
    def error(n):
        return abs(float(integrate(name, growing, 1.0, 0, 2, grid=grid(n))) - grown(2))

    assert slopes(error, (128, 256)) == [pytest.approx(t2n.order(t2n.load(name)), abs=0.4)]


def test_the_coefficients_are_the_published_ones():
    """Adams–Bashforth 2 and BDF 2 with the ratio ω of the steps (HNW I, III.5)."""
    for w in (0.5, 1.0, 1.7):
        x = [-1 / w, 0, 1]
        alpha, (beta,) = pattern(t2n.load("adams-bashforth-2")).coefficients(x)
        np.testing.assert_allclose((*alpha, *beta), (0, -1, -w / 2, 1 + w / 2, 0), atol=1e-14)
        alpha, (beta,) = pattern(t2n.load("bdf-2")).coefficients(x)
        wanted = (w**2 / (1 + 2 * w), -((1 + w) ** 2) / (1 + 2 * w), 0, 0, (1 + w) / (1 + 2 * w))
        np.testing.assert_allclose((*alpha, *beta), wanted, atol=1e-14)


@pytest.mark.parametrize("name", [*METHODS, "imex-bdf-3", "imex-adams-2", "stormer-4", "cnab-1"])
def test_even_grids_give_the_table(name):
    """By steps of either kind: the coefficients of the table, and the same solution."""
    scheme = t2n.load(name).at_defaults()
    alpha, betas = pattern(scheme).coefficients(range(1 - scheme.steps, 2))
    np.testing.assert_allclose(alpha, [float(a) for a in scheme.alpha[:-1]], atol=1e-12)
    tables = scheme.betas if hasattr(scheme, "betas") else (scheme.beta,)
    for beta, table in zip(betas, tables, strict=True):
        np.testing.assert_allclose(beta, [float(b) for b in table], atol=1e-12)
    parts = (lambda t, y: y * (math.cos(t) + 2), lambda t, y: -2 * y)
    f = parts if scheme.family == "additive-multistep" else growing
    y0 = (1.0, 1.0) if name == "stormer-4" else 1.0
    nearly = [2 * i / 32 for i in range(33)]
    nearly[9] += 1e-9
    even, uneven = (integrate(scheme, f, y0, 0, 2, **kw) for kw in ({"steps": 32}, {"grid": nearly}))
    torch.testing.assert_close(even, uneven, rtol=1e-7, atol=1e-7)
    assert float((even - integrate(scheme, f, y0, 0, 2, grid=smooth(32))).abs()) > 1e-10


def test_several_fields_and_second_derivatives():
    parts = (lambda t, y: y * (math.cos(t) + 2), lambda t, y: -2 * y)
    for name in ("imex-bdf-3", "imex-adams-2"):
        found = slopes(lambda n: abs(float(integrate(name, parts, 1.0, 0, 2, grid=rough(n))) - grown(2)), (64, 128))  # noqa: B023
        assert found == [pytest.approx(t2n.order(t2n.load(name)), abs=0.4)]
    q, v = torch.tensor([1.0, 0.0], dtype=D), torch.tensor([0.0, 1.0], dtype=D)
    exact = torch.tensor([math.cos(2), math.sin(2)], dtype=D)
    found = slopes(
        lambda n: float((integrate("stormer-4", pulled, (q, v), 0, 2, grid=smooth(n)) - exact).norm()), (64, 128)
    )
    assert found == [pytest.approx(4, abs=0.4)]


def test_one_step_methods_and_downward_grids():
    times = [2.0, 1.5, 1.4, 0.6, 0.0]
    y = integrate(
        "dormand-prince-87", growing, grown(2), 2, 0, grid=torch.tensor(times, dtype=D), at=[1.4, 1.0, 0], full=True
    )
    torch.testing.assert_close(y.y, torch.tensor([grown(1.4), grown(1), 1.0], dtype=D), rtol=1e-6, atol=0)
    assert y.grid == tuple(times)
    down = integrate("adams-bashforth-4", growing, grown(2), 2, 0, grid=smooth(200)[::-1], at=[1.234])
    assert float(down) == pytest.approx(grown(1.234), abs=1e-6)


def test_gradients_through_uneven_steps():
    def end(rate, y0):
        return integrate("bdf-2", lambda t, y: -rate * y * y, y0, 0, 1, grid=[0, 0.2, 0.3, 0.7, 1])

    at = torch.tensor(0.7, dtype=D, requires_grad=True), torch.tensor([1.0, 0.5], dtype=D, requires_grad=True)
    assert torch.autograd.gradcheck(end, at, eps=1e-6, atol=1e-6)
