"""Jacobians that are a band in some order: the same as matrices, and the same solutions, gradients included."""

import math

import pytest
import torch

from tableau2net.integration import integrate, jacobian
from tableau2net.integration.banded import Band
from tableau2net.integration.factors import factors_of
from tableau2net.integration.jacobian import Jacobians
from tests.integration.problems import D


def banded(n, width, seed=0):
    """A random matrix that is a band before its rows and columns are shuffled."""
    random = torch.Generator().manual_seed(seed)
    found = torch.randn(n, n, dtype=D, generator=random) * ((torch.arange(n)[:, None] - torch.arange(n)).abs() <= width)
    order = torch.randperm(n, generator=random)
    return found[order][:, order]


@pytest.mark.parametrize(("n", "width"), [(200, 0), (64, 1), (65, 2), (300, 4), (330, 20)])
def test_a_band_is_the_matrix(n, width):
    whole = banded(n, width)
    whole[whole.abs() < 0.05] = 0  # holes
    band = Band.of(whole != 0)
    assert band.width <= 2 * width
    sums = band.rows.to(D) @ whole
    ours, vector = band.jacobian(sums), torch.randn(n, dtype=D)
    torch.testing.assert_close(ours @ vector, whole @ vector)
    torch.testing.assert_close(ours.dense(), whole, rtol=0, atol=0)
    torch.testing.assert_close(band.product(sums, vector), whole.T @ vector)
    for c in (0.05, 0.02 + 0.05j):
        system = torch.eye(n) - c * whole
        right = vector.to(system.dtype)
        for transposed, matrix in ((False, system), (True, system.mT)):
            x = ours.factorised(c).solve(right, transposed)
            torch.testing.assert_close(matrix @ x, right, rtol=1e-8, atol=1e-8)
    for weights in (((0.05,),), ((0.05, -0.02), (0.03, 0.01))):  # one stage, and two with conjugate eigenvalues
        of = tuple(range(len(weights)))
        both = [factors_of([own] * len(of), of, weights) for own in (ours, whole)]
        right = torch.randn(n * len(of), dtype=D)
        for transposed in (False, True):
            torch.testing.assert_close(*(own.solve(right, transposed) for own in both), rtol=1e-7, atol=1e-7)


def test_what_is_no_band():
    assert Band.of(torch.ones(160, 160, dtype=torch.bool)) is None
    two = torch.block_diag(banded(80, 1, 1), banded(90, 1, 2))
    assert Band.of(two != 0).width <= 2
    assert Band.of(torch.zeros(130, 130, dtype=torch.bool)).width == 0


def diffused(t, y):
    """u_t = u_xx/50 + u(1 − u²)/4 beside v, coupled with u from t = 1 on with what is opposite."""
    ends = torch.zeros(2, 1, dtype=y.dtype)
    wide = torch.cat((ends, y, ends), 1)
    found = (wide[:, 2:] - 2 * y + wide[:, :-2]) * (71**2 / 50) + y * (1 - y**2) / 4
    return found if t < 1 else found + 0.5 * y.flip(1).roll(1, 0)


def test_a_jacobian_that_is_no_band_any_more():
    source, y = Jacobians(diffused), torch.linspace(0, 1, 140, dtype=D).view(2, 70)
    exact = [torch.autograd.functional.jacobian(lambda y, t=t: diffused(t, y), y).view(140, 140) for t in (0.0, 2.0)]
    first = source.at(0.0, y)
    assert first.band.width == 1
    torch.testing.assert_close(first.dense(), exact[0])
    torch.testing.assert_close(source.at(0.0, y).dense(), exact[0])
    torch.testing.assert_close(source.at(2.0, y), exact[1])


@pytest.mark.parametrize(("n", "seen"), [(1030, True), (5000, True), (1030, False)])
def test_a_large_state_may_have_a_narrow_band(n, seen):
    """In any order up to some size, beyond as it is; one that is wide is told from it."""

    def f(t, y):
        ring = y.roll(1) - 2 * y if n < 4096 else torch.nn.functional.pad(y, (1, 0))[:-1] - 2 * y
        return ring if seen else ring + y.sum()

    source, y = Jacobians(f), torch.linspace(0, 1, n, dtype=D)
    assert source.narrow(0.0, y) is seen
    if seen:
        torch.testing.assert_close(source.at(0.0, y) @ y, f(0.0, y))


@pytest.mark.parametrize("name", ["bdf", "radau-iia-2"])
def test_solutions_and_gradients_by_a_band(name, monkeypatch):
    """As by a whole matrix, though the band widens on the way."""
    start = torch.sin(math.pi * torch.arange(1, 71, dtype=D) / 71).expand(2, 70).clone()
    rate, found = torch.tensor(1.0, dtype=D, requires_grad=True), []
    for many in (128, 1000):
        monkeypatch.setattr(jacobian, "MANY", many)
        y = integrate(name, lambda t, y: rate * diffused(t, y), start, 0, 1.2, rtol=1e-4, full=True)
        (slope,) = torch.autograd.grad(y.y.sum(), rate)
        found.append((y.y.detach(), slope))
        assert y.evaluations < 300
    (ours, slope), (whole, exact) = found
    torch.testing.assert_close(ours, whole, rtol=0, atol=5e-5)
    torch.testing.assert_close(slope, exact, rtol=5e-3, atol=0)
