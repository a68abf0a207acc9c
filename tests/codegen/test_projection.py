"""Coefficients that are projected on their order conditions: their slopes, and real descents."""

import copy
import pickle

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen.learnable import learning
from tableau2net.exact.text import float_of
from tableau2net.runtime.retraction import Retraction
from tableau2net.scheme import load
from tests.codegen.families import runge_kutta_residuals

# ------------------------------------------------------------------------------------------------------ projection


def torch_table(scheme, values):
    """A and b as tensors, the learnt coefficients in the last dimension of `values`."""
    place = {p.name: values[..., i] for i, p in enumerate(scheme.parameters)}

    def entry(x):
        return place[str(x)] if x.is_Symbol else torch.full_like(values[..., 0], float_of(x))

    A = torch.stack([torch.stack([entry(x) for x in row], -1) for row in scheme.A], -2)
    return A, torch.stack([entry(x) for x in scheme.b], -1)


@pytest.mark.parametrize(("name", "order"), [("rk4-38", 4), ("rk4", 3), ("dormand-prince-54", 4), ("kutta-5", 4)])
def test_conditions_and_their_slopes_are_those_of_the_textbook(name, order):
    found = learning(load(name), coefficients="free", keep_order=order)
    conditions = found.retraction
    assert conditions.names == found.coefficients
    kept = Retraction(conditions.names, conditions.conditions)
    torch.manual_seed(0)
    c = torch.randn(3, 2, len(conditions.names), dtype=torch.float64, requires_grad=True)
    r, J = kept.evaluate(c)
    expected = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c), order), -1)
    assert r.shape == expected.shape
    ratios = (r.unsqueeze(-1) / expected.unsqueeze(-2)).detach().flatten(0, 1)  # constant where they are the same
    same = (ratios - ratios[0]).abs().amax(0) < 1e-9 * ratios[0].abs()
    assert (same.sum(0) == 1).all()
    assert (same.sum(1) == 1).all()
    for i in range(r.shape[-1]):
        (slope,) = torch.autograd.grad(r[..., i].sum(), c, retain_graph=True)
        torch.testing.assert_close(J[..., i, :].detach(), slope)


@pytest.mark.parametrize(
    ("name", "order", "away"),
    [("rk4-38", 4, 0.03), ("rk4", 3, 0.3), ("dormand-prince-54", 4, 0.1), ("kutta-5", 4, 0.1)],
)
def test_the_projection_keeps_the_conditions_and_its_gradient_their_tangent_plane(name, order, away):
    found = learning(load(name), coefficients="free", keep_order=order)
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    start = torch.tensor([float_of(p.value) for p in found.raw], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(kept(*start)), start, rtol=0, atol=1e-11)
    torch.manual_seed(0)
    raw = (start + away * torch.randn(5, 2, len(start), dtype=torch.float64)).requires_grad_()
    c = torch.stack(kept(*raw.unbind(-1)), -1)
    residuals = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c), order), -1)
    assert residuals.abs().max() < 1e-10
    assert (c - raw).norm(dim=-1).max() < 8 * away * len(start) ** 0.5  # nearby
    weight = torch.randn_like(c)
    (slope,) = torch.autograd.grad((c * weight).sum(), raw)
    again = c.detach().requires_grad_()
    rows = runge_kutta_residuals(*torch_table(found.scheme, again), order)
    J = torch.stack([torch.autograd.grad(row.sum(), again, retain_graph=True)[0] for row in rows], -2)
    tangent = weight - (torch.linalg.pinv(J, rtol=1e-9) @ (J @ weight[..., None]))[..., 0]
    torch.testing.assert_close(slope, tangent, rtol=1e-5, atol=1e-6)


def test_coefficients_are_rounded_to_float32_together():
    """Entries of 11.6 are known to 1e-6 only; the small ones make that good."""
    found = learning(load("dormand-prince-54"), coefficients="free", keep_order=4)
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    torch.manual_seed(0)
    raw = torch.tensor([float_of(p.value) for p in found.raw]) + 0.1 * torch.randn(200, len(found.raw))
    c = torch.stack(kept(*raw.unbind(-1)), -1)
    assert c.dtype == torch.float32
    residuals = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c.double()), 4), -1)
    assert residuals.abs().max() < 3e-7  # each rounded for itself: 1.3e-6


def test_conditions_that_depend_on_each_other():
    found = learning(load("kutta-5"), coefficients="free", keep_order=5)  # 17 conditions of rank 16
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    start = torch.tensor([float_of(p.value) for p in found.raw], dtype=torch.float64)
    torch.manual_seed(0)
    c = torch.stack(kept(*(start + 0.01 * torch.randn(20, len(start), dtype=torch.float64)).unbind(-1)), -1)
    assert kept.evaluate(c)[0].abs().max() < 1e-10


def test_a_step_beyond_the_way_back_is_not_silent():
    found = learning(load("rk4-38"), coefficients="free", keep_order=4)
    kept = Retraction(found.retraction.names, found.retraction.conditions)
    far = [torch.full((2,), 40.0 * (-1) ** i) for i in range(len(found.raw))]
    assert all(c.isnan().all() for c in kept(*far))


@pytest.mark.parametrize(
    ("name", "order", "sharing"),
    [("rk4-38", 4, "step"), pytest.param("dormand-prince-54", 3, "shared", marks=pytest.mark.slow)],
)
def test_500_steps_of_descent_keep_the_conditions(name, order, sharing):
    torch.manual_seed(0)
    fields = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2)]
    for p in nn.ModuleList(fields).parameters():
        p.data *= 3
    block = t2n.compile(name, coefficients="free", keep_order=order, sharing=sharing)(fields)
    family = learning(load(name), coefficients="free", keep_order=order).scheme
    optimiser = torch.optim.SGD([p for n, p in block.named_parameters() if n.endswith("_raw")], lr=0.1, momentum=0.5)
    x = torch.randn(64, 4)
    goal, before, worst, losses = torch.sin(3 * x), torch.stack([*block.learnt().values()], -1).detach(), 0.0, []
    for _ in range(500):
        loss = (block(x) - goal).square().mean()
        values = torch.stack([getattr(block, n) for n in block.raw], -1).detach()  # by now they are what was used
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        assert values.dtype == torch.float32
        residuals = runge_kutta_residuals(*torch_table(family, values.double()), order)
        worst = max(worst, *(float(r.abs().max()) for r in residuals))
    assert worst < 1e-6
    last = torch.stack([*block.eval().learnt().values()], -1).detach()
    assert max(float(r.abs().max()) for r in runge_kutta_residuals(*torch_table(family, last.double()), order)) < 1e-6
    assert losses[-1] < losses[0]
    assert (values - before).abs().max() > 0.3  # it went far, and along the conditions


def test_a_projected_block_is_copied_pickled_converted_and_compiled():
    block = t2n.compile("rk4", coefficients="free", keep_order=3)([nn.Linear(2, 2)])
    assert not any("retraction" in name for name in block.state_dict())
    y = torch.ones(1, 2)
    same = [copy.deepcopy(block), pickle.loads(pickle.dumps(block)), copy.deepcopy(block).half().float()]
    for other in same[:2]:
        assert torch.equal(other(y), block(y))
    assert all(
        abs(sum(float(b.detach()) for n, b in other.learnt().items() if n[0] == "b") - 1) < 1e-6 for other in same
    )
    fast = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(fast(y), block(y))
    fast(y).sum().backward()
    assert block.a21_raw.grad is not None
