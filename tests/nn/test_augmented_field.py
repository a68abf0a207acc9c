"""Quantities along a solution: against stages by hand, Jacobians by autograd, and every vector of signs."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from torch import nn

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.flows.augmented_field import jacobian, kinetic, trace
from tableau2net.nn.flows.potential_field import hamilton_jacobi
from tests.fields import Mixed
from tests.strategies import explicit_runge_kutta

DOUBLE = torch.float64


class Swirl(nn.Module):
    """A smooth field of time and state in d dimensions, with weights."""

    def __init__(self, d=2, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.inner, self.outer = nn.Linear(d + 1, 8), nn.Linear(8, d)
        self.double()

    def forward(self, t, y):
        return self.outer(torch.tanh(self.inner(torch.cat((y, t * torch.ones_like(y[:, :1])), 1))))


class Bowl(nn.Module):
    """A potential of time and state."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1)).double()

    def forward(self, t, y):
        return self.net(torch.cat((y, t * torch.ones_like(y[:, :1])), 1))


def jacobians(f, t, y):
    """(N, d, d), row by row."""
    return torch.stack([torch.autograd.functional.jacobian(lambda r: f(t, r[None])[0], row) for row in y])


def every_sign(n, d):
    """(2^d, n, d)"""
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=d)), dtype=DOUBLE)
    return signs[:, None].expand(-1, n, d)


@settings(max_examples=2)
@given(explicit_runge_kutta(max_stages=3))
def test_integrals_are_the_schemes_own_quadrature(scheme):
    """Σ h b_i q(stage i), stages and Jacobians by hand."""
    f, h, y = Swirl(), 0.1, torch.randn(3, 2, dtype=DOUBLE)
    field = t2n.AugmentedField(f, 2, (trace, kinetic, jacobian))
    block = t2n.compile(scheme, step_weights="shared", time_dependent=True)(field, 2, h, 0.3)
    with torch.no_grad():
        after, sums = field.end(block(field.begin(y)))
        A, b = ([[float(a) for a in row] for row in scheme.A], [float(w) for w in scheme.b])
        wanted = [torch.zeros(3, dtype=DOUBLE) for _ in range(3)]
        for t0 in (0.3, 0.3 + h):
            slopes = []
            for row, weight in zip(A, b, strict=True):
                at = y + h * sum((a * k for a, k in zip(row, slopes, strict=False)), torch.zeros_like(y))
                t = t0 + h * sum(row)
                slopes.append(f(t, at))
                J = jacobians(f, t, at)
                values = J.diagonal(dim1=1, dim2=2).sum(1), slopes[-1].square().sum(1), J.square().sum((1, 2))
                wanted = [total + h * weight * value for total, value in zip(wanted, values, strict=True)]
            y = y + h * sum(w * k for w, k in zip(b, slopes, strict=True))
    torch.testing.assert_close(after, y, rtol=1e-12, atol=1e-12)
    for found, value in zip(sums, wanted, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("d", [1, 3])
def test_signs_have_the_exact_trace_and_norm_as_their_mean(d):
    f, y = Swirl(d), torch.randn(4, d, dtype=DOUBLE)
    exact = t2n.AugmentedField(f, d, (trace, jacobian))
    wanted = exact(0.5, exact.begin(y))
    each = t2n.AugmentedField(f, d, (trace, jacobian), trace="rademacher")
    found = torch.stack([each(0.5, each.begin(y, v[None]))[:, : d + 2] for v in every_sign(4, d)])
    torch.testing.assert_close(found.mean(0), wanted, rtol=1e-13, atol=1e-13)
    assert d == 1 or found.std(0)[:, d].min() > 1e-3  # one by one they are estimates
    together = t2n.AugmentedField(f, d, (trace, jacobian), trace="rademacher", probes=2**d)
    torch.testing.assert_close(together(0.5, together.begin(y, every_sign(4, d)))[:, : d + 2], wanted)


def test_gaussian_probes_have_it_in_the_mean():
    f, y = Swirl(3), torch.randn(2, 3, dtype=DOUBLE)
    exact, rough = (
        t2n.AugmentedField(f, 3, (trace, jacobian), **how) for how in ({}, {"trace": "gaussian", "probes": 5000})
    )
    found = rough(0.5, rough.begin(y))[:, 3:5]
    torch.testing.assert_close(found, exact(0.5, exact.begin(y))[:, 3:], rtol=0.1, atol=0.05)


def test_rows_may_have_any_shape():
    """A convolution: the trace is the centre of the kernel, as often as there are pixels, and the norm counts edges."""
    conv = nn.Conv2d(1, 1, 3, padding=1).double()
    field, y = t2n.AugmentedField(conv, (1, 4, 5), (trace, jacobian)), torch.randn(2, 1, 4, 5, dtype=DOUBLE)
    slope, (traces, norms) = field.end(field(0.0, field.begin(y)))
    torch.testing.assert_close(slope, conv(y))
    torch.testing.assert_close(traces, 20 * conv.weight[0, 0, 1, 1].expand(2))
    J = torch.autograd.functional.jacobian(lambda x: conv(x.view(1, 1, 4, 5)).flatten(), y[0].flatten())
    torch.testing.assert_close(norms, J.square().sum().expand(2))


def test_a_field_that_ignores_the_state_has_no_trace():
    class Still(nn.Module):
        def forward(self, t, y):
            return torch.ones_like(y) * t

    field, y = t2n.AugmentedField(Still(), 2, (trace, kinetic, jacobian)), torch.randn(3, 2)
    _, sums = field.end(field(2.0, field.begin(y)))
    assert [s.tolist() for s in sums] == [[0.0] * 3, [8.0] * 3, [0.0] * 3]


def test_a_potential_has_the_trace_of_its_hessian():
    bowl, y = Bowl(), torch.randn(4, 2, dtype=DOUBLE)
    field = t2n.PotentialField(bowl)
    augmented = t2n.AugmentedField(field, 2, (trace, hamilton_jacobi))
    slope, (traces, residual) = augmented.end(augmented(0.7, augmented.begin(y)))
    hessians = torch.stack([torch.autograd.functional.hessian(lambda r: bowl(0.7, r[None]).sum(), row) for row in y])
    torch.testing.assert_close(traces, hessians.diagonal(dim1=1, dim2=2).sum(1))
    torch.testing.assert_close(jacobians(field, 0.7, y), hessians)
    with torch.no_grad():
        change = (bowl(0.7 + 1e-6, y) - bowl(0.7 - 1e-6, y)).flatten() / 2e-6
        torch.testing.assert_close(field(0.7, y), slope)  # without a graph too
    torch.testing.assert_close(residual, (change + slope.square().sum(1) / 2).abs(), rtol=1e-6, atol=1e-8)


def test_under_torch_func_the_slopes_are_the_same():
    """vmap and jacrev look into the field; the Jacobian of the trace is a second derivative."""
    field = t2n.AugmentedField(t2n.PotentialField(Bowl()), 2)
    z = field.begin(torch.randn(3, 2, dtype=DOUBLE))
    plain = torch.autograd.functional.jacobian(lambda z: field(0.2, z).sum(0), z)
    torch.testing.assert_close(torch.func.jacrev(lambda z: field(0.2, z).sum(0))(z), plain)
    torch.testing.assert_close(torch.func.vmap(lambda row: field(0.2, row[None])[0])(z), field(0.2, z))


def test_an_optimal_transport_solves_hamilton_jacobi():
    """φ = |y|²/(2(1 + t)) moves each point along a line at its own speed, and φ = |y|² does not."""

    class Spread(nn.Module):
        def __init__(self, straight):
            super().__init__()
            self.straight = straight

        def forward(self, t, y):
            return y.square().sum(1) / (2 * (1 + t) if self.straight else 1)

    near = {"rtol": 1e-5, "atol": 1e-5}
    for straight in (True, False):
        field = t2n.AugmentedField(t2n.PotentialField(Spread(straight)), 2, (trace, hamilton_jacobi, kinetic))
        y = torch.randn(3, 2, dtype=DOUBLE)
        end = t2n.integrate("dormand-prince-54", field, field.begin(y), 0, 1, rtol=1e-7)
        after, (change, residual, cost) = field.end(end)
        if straight:
            torch.testing.assert_close(after, 2 * y, **near)
            torch.testing.assert_close(change, torch.full((3,), 2 * math.log(2), dtype=DOUBLE), **near)
            torch.testing.assert_close(cost, (after - y).square().sum(1), **near)  # of a straight, even path
            assert residual.max() < 1e-12
        else:
            torch.testing.assert_close(residual, y.square().sum(1) * (math.exp(4) - 1) / 2, **near)


class Numbers(nn.Module):
    def forward(self, t, y):
        return (torch.cat((y, torch.full_like(y[:, :1], t)), 1) ** 2).sum(1)


Y = torch.randn(4, 2)


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda: t2n.AugmentedField(lambda t, y: y, 2), "an nn.Module f.t, y. is wanted, and a function"),
        (lambda: t2n.AugmentedField(nn.Identity(), 0), "shape=0: of a row"),
        (
            lambda: t2n.AugmentedField(nn.Identity(), 2, trace="hutchinson"),
            "write one of 'exact', 'rademacher', 'gauss",
        ),
        (lambda: t2n.AugmentedField(nn.Identity(), 2, probes=3), "an exact trace draws none"),
        (lambda: t2n.AugmentedField(nn.Identity(), 2, trace="gaussian", probes=0), "probes=0: of each row"),
        (lambda: t2n.AugmentedField(nn.Identity(), (3, 32, 32)), "3,072 numbers takes as many products"),
        (lambda: t2n.AugmentedField(nn.Identity(), 3).begin(Y), r"states of shape \(4, 2\): rows of \(3,\)"),
        (lambda: t2n.AugmentedField(nn.Identity(), 2).begin(Y, Y[None]), "wanted is none, as the trace is exact"),
        (
            lambda: t2n.AugmentedField(nn.Identity(), 2, trace="rademacher").begin(Y, Y),
            r"noise of shape \(4, 2\): wanted is \(1, 4, 2\)",
        ),
        (
            lambda: t2n.AugmentedField(nn.Linear(2, 3), 2)(0.0, torch.zeros(4, 3)),
            r"returned \(4, 3\) for states \(4, 2\)",
        ),
        (lambda: t2n.AugmentedField(nn.Identity(), 2)(0.0, torch.zeros(4, 5)), "5 numbers a row: 3 are wanted"),
        (
            lambda: t2n.AugmentedField(nn.Identity(), 2, [lambda point: point.slope])(0.0, torch.zeros(4, 3)),
            r"<lambda>: it gave \(4, 2\); a quantity is a number for each row",
        ),
        (
            lambda: t2n.AugmentedField(nn.BatchNorm1d(2), 2).begin(Y),
            "BatchNorm in training mode goes by the whole batch",
        ),
        (lambda: t2n.AugmentedField(nn.Dropout(), 2).begin(Y), "dropout makes it another one at each stage"),
        (
            lambda: t2n.AugmentedField(nn.Identity(), 2, [hamilton_jacobi])(0.0, torch.zeros(4, 3)),
            "the field has no potential",
        ),
        (lambda: t2n.PotentialField(nn.Identity())(0.0, Y), r"potential: it gave \(4, 2\)"),
        (lambda: t2n.PotentialField(len), "potential: an nn.Module"),
        (lambda: t2n.PotentialField(Numbers()).change(0.3, Y), "takes the number out of t"),
    ],
)
def test_what_does_not_fit_is_said(attempt, says):
    with pytest.raises(InputError, match=says):
        attempt()


def test_the_traces_of_two_parts_add():
    """Of an implicit–explicit scheme, a field with its trace for each."""
    A, B = (torch.randn(2, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(i)) / 2 for i in (1, 2))
    parts = []
    for matrix in (A, B):
        part = nn.Linear(2, 2, bias=False).double()
        part.weight.data = matrix
        parts.append(t2n.AugmentedField(part, 2))
    y = Y.double()
    after, (change,) = parts[0].end(t2n.integrate("ars-222", parts, parts[0].begin(y), 0, 1, 20))
    torch.testing.assert_close(change, (A + B).trace().expand(4), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(after, y @ torch.linalg.matrix_exp(A + B).T, rtol=1e-3, atol=1e-3)


def test_batch_statistics_that_are_fixed_are_fine():
    field = t2n.AugmentedField(nn.BatchNorm1d(2), 2).eval()
    assert field.begin(Y).shape == (4, 3)


def test_probes_last_a_solve_and_are_drawn_anew():
    field = t2n.AugmentedField(Mixed(2, timed=True), 2, trace="rademacher")
    torch.manual_seed(0)
    y = torch.randn(50, 2, dtype=DOUBLE)
    z = field.begin(y)
    assert set(z[:, 3:].flatten().tolist()) == {-1.0, 1.0}
    assert not torch.equal(field.begin(y), z)
    assert torch.equal(t2n.integrate("rk4", field, z, 0, 1, 3)[:, 3:], z[:, 3:])
