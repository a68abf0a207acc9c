"""Stencils that are learnt: their orders hold whatever training does, exactly as far as the precision goes."""

import itertools
import math
import re
import warnings

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net import InputError


def moved(field, dtype, steps=6):
    """A field after random steps of an optimiser."""
    torch.manual_seed(0)
    field.to(dtype)
    optimiser = torch.optim.Adam(field.parameters(), lr=0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        y = torch.randn(2, 1, *[9] * len(field.h), dtype=dtype)
        field(y).square().mean().backward()
        optimiser.step()
    return field


def moments(weights, low, degree):
    """M_k of a box of weights up to a degree, by k, in numpy."""
    d = weights.ndim
    grids = np.meshgrid(*(np.arange(n) + a for n, a in zip(weights.shape, low, strict=True)), indexing="ij")
    for k in itertools.product(range(degree + 1), repeat=d):
        if sum(k) <= degree:
            powers = math.prod(g**n / math.factorial(n) for g, n in zip(grids, k, strict=True))
            yield k, float((weights * powers).sum())


CASES = [
    ({"x": "central-1-4", "xx": "central-2-4"}, {"keep_order": 2, "size": 5}, 2),
    ({"x": "upwind-3"}, {"size": 7}, 3),
    ({"x": "central-1-4", "xy": "central-1-4", "yy": "central-2-4"}, {"keep_order": 3, "size": 5}, 3),
    ({"x": "central-1-2", "xx": "central-2-2"}, {"keep_symmetry": True, "size": 7}, 2),
    ({"x": "upwind-3", "xx": "central-2-4"}, {"keep_dissipative": True, "keep_order": 2, "size": 7}, 2),
]


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("stencils", "options", "order"), CASES)
def test_orders_hold_after_training(stencils, options, order, dtype, bound):
    field = moved(t2n.field(stencils, learn="constrained", **options), dtype)
    held = field.stencils
    before = t2n.field(stencils, learn="constrained", **options).to(dtype).stencils()
    assert (held() - before).abs().max() > 1e-3
    for derivative, row in zip(held.derivatives, held().detach(), strict=True):
        weights = row.double().view(held.box).numpy()
        for k, found in moments(weights, held.low, sum(derivative.orders) + order - 1):
            assert abs(found - (k == derivative.orders)) <= bound
        if options.get("keep_symmetry"):
            np.testing.assert_allclose(weights[::-1], (-1) ** sum(derivative.orders) * weights, atol=bound)
        if options.get("keep_dissipative"):
            angles = np.exp(1j * np.outer(np.linspace(0, math.pi, 200), np.arange(len(weights)) + held.low[0]))
            real = (angles @ weights).real * (1 if derivative.name == "x" else -1)
            assert real.min() > -bound * abs(real).max()


def test_a_learnt_stencil_starts_where_it_stands():
    for learn, options in (("constrained", {"size": 7}), ("free", {"size": 5}), ("constrained", {"keep_order": 1})):
        stencils = {"x": "central-1-4", "xx": "central-2-4"}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            learnt = t2n.field(stencils, "u_x*u_xx", learn=learn, **options).double()
        y = torch.randn(2, 1, 12, dtype=torch.float64)
        torch.testing.assert_close(learnt(y), t2n.field(stencils, "u_x*u_xx").double()(y), rtol=1e-13, atol=1e-13)


def test_states_and_coefficients_that_are_learnt_start_as_fixed_ones():
    """A group for each state, kernels made anew in each call."""
    stencils = {"x": "central-1-4", "y": "upwind-3", "xx": "central-2-4", "yy": "central-2-4"}
    texts = ["-u*u_x - v*u_y + nu*(u_xx + u_yy)", "-u*v_x - v*v_y + mu*v_xx + 2*v"]
    y = torch.randn(2, 2, 8, 9, dtype=torch.float64)
    values = {"nu": 0.5, "mu": "1/4"}
    fixed = t2n.field(stencils, texts, states=("u", "v"), coefficients=values, h=(0.5, 0.25)).double()
    half = {name: torch.nn.Parameter(torch.tensor(v)) for name, v in (("nu", 0.5), ("mu", 0.25))}
    for coefficients, options in ((values, {"learn": "free", "size": 5}), (half, {})):
        other = t2n.field(stencils, texts, states=("u", "v"), coefficients=coefficients, h=(0.5, 0.25), **options)
        torch.testing.assert_close(other.double()(y), fixed(y), rtol=1e-12, atol=1e-10)


def test_moments_are_what_is_learnt():
    """As PDE-Net has them: on a full box the free moments are those of the tensor basis, and 0 for the best stencil."""
    field = t2n.field({"x": "central-1-4"}, dimension=2, learn="constrained", keep_order=1, size=5).double()
    held = field.stencils
    assert len(held.z) == 25 - 3  # all but M_00, M_10, M_01
    assert held.free_moments().abs().max() < 1e-15
    with torch.no_grad():
        held.z.copy_(torch.arange(22.0))
    found = dict(moments(held().detach().view(5, 5).numpy(), held.low, 8))
    kept = sorted(k for k, m in found.items() if max(k) < 5 and sum(k) > 1)
    wanted = [found[k] for k in sorted(kept, key=lambda k: (sum(k), -k[0]))]
    np.testing.assert_allclose(held.free_moments().tolist(), wanted, atol=1e-10)


def test_free_weights_are_plain_weights():
    field = moved(t2n.field(["central-2-2"], learn="free", size=3), torch.float64)
    assert len(field.stencils.z) == 3
    assert abs(field.stencils().detach().sum()) > 1e-6  # nothing is kept


WARNED = [
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + b*u_xx", {"keep_order": 1}, r"x \(M_2 is free, order 2"),
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + b*u_xx", {"keep_order": 2}, ""),
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + b*u_xx", {"keep_order": 1, "keep_symmetry": True}, ""),
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + 1/5*u_xx", {"keep_order": 1}, ""),  # only a is looked for
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + b*u_xx", {"learn": "frozen"}, ""),
    ({"x": "central-1-4", "xx": "central-2-4"}, "a*u_x + b*u_xx", {"learn": "free"}, r"x \(keeps no order"),
    ({"x": "central-1-4", "xy": "central-1-4"}, lambda d: d[:, 1:2], {"keep_order": 1}, r"x \(M_\(2,0\) is free"),
]


@pytest.mark.parametrize(("stencils", "equation", "options", "told"), WARNED)
def test_what_cannot_be_identified_is_said_before_training(stencils, equation, options, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        t2n.field(stencils, equation, **({"learn": "constrained"} | options))
    lines = [str(w.message) for w in caught]
    assert bool(lines) == bool(told)
    assert all(re.search(told, line) and "\n" not in line for line in lines)


def test_a_free_moment_is_another_derivative():
    """What the warning says is so: with M_2 of D_x free, one and the same u_t is had by any b of a u_x + b u_xx."""
    stencils = {"x": "central-1-4", "xx": "central-2-4"}
    with pytest.warns(RuntimeWarning, match="not identifiable"):
        field = t2n.field(stencils, "a*u_x + b*u_xx", learn="constrained", keep_order=1, h=0.5).double()
    y = torch.randn(1, 1, 12, dtype=torch.float64)
    before = field(y)
    with torch.no_grad():
        field.stencils.z[0] += 0.6  # M_2 of D_x, which is then u_x + 0.6 h u_xx
        field.coefficients.b -= 0.6 * 0.5
    torch.testing.assert_close(field(y), before)


WRONG = [
    ({"x": "central-1-4"}, {"keep_dissipative": True}, "damps nothing"),
    ({"x": "forward-1-1"}, {"keep_symmetry": True}, "not symmetric about its own"),
    ({"xy": "central-1-2"}, {"keep_dissipative": True}, "xy is along several axes"),
    ({"x": "upwind-3"}, {"keep_dissipative": True, "keep_symmetry": True}, "write one of the two"),
    ({"x": "upwind-3"}, {"keep_order": 0}, "keep_order=0"),
    ({"x": "compact-1-4"}, {}, "compact stencils are fixed"),
    ({"x": "central-1-4"}, {}, "nothing of the stencils is free"),
]


@pytest.mark.parametrize(("stencils", "options", "told"), WRONG)
def test_what_cannot_be_kept_is_said(stencils, options, told):
    with pytest.raises(InputError, match=told):
        t2n.field(stencils, learn="constrained", **options)
