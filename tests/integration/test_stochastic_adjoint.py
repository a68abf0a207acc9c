"""The stochastic adjoint: its gradients come near those of the steps, on one path, and keep no step."""

import math
import sys

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.integration import BrownianPath

DOUBLE = torch.float64


class Drift(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3, dtype=DOUBLE)

    def forward(self, t, y):
        return torch.tanh(self.linear(y)) * (1 + t) - y


class Noise(nn.Module):
    def __init__(self, strength):
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(strength, dtype=DOUBLE))

    def forward(self, t, y):
        return self.strength * torch.sin(y) + 0.2


def gradients(backward, scheme, noises, steps, every=False):
    torch.manual_seed(4)
    y = torch.randn(4, 3, dtype=DOUBLE).requires_grad_()
    drift, noise = Drift(), [Noise(0.4 / (1 + k)) for k in range(noises)]
    sample = t2n.load(scheme, t2n.StochasticRungeKutta).noise == "scalar"
    path = BrownianPath(64, y.detach(), key=3, sample=sample) if noises == 1 else None
    of_noise = noise if noises > 1 else noise[0]
    end = t2n.sdeint(scheme, drift, of_noise, y, 0, 1, steps=steps, path=path, every=every, backward=backward)
    of = [y, *drift.parameters(), *(each.strength for each in noise)]
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(end.square().sum() / len(end), of)])


def off(*asked, **options):
    adjoint, steps = (gradients(backward, *asked, **options) for backward in ("adjoint", "store"))
    return float((adjoint - steps).norm() / steps.norm())


@pytest.mark.parametrize(
    ("scheme", "noises"),
    [("sriw1", 1), ("heun-stratonovich", 1), pytest.param("midpoint-stratonovich", 2, marks=pytest.mark.slow)]
    + [pytest.param(*case, marks=pytest.mark.slow) for case in (("siea", 1), ("euler-maruyama", 2), ("euler-heun", 1))],
)
def test_gradients_come_near_those_of_the_steps(scheme, noises):
    coarse, fine = off(scheme, noises, 8), off(scheme, noises, 64)
    assert fine < 0.03
    assert fine < coarse / 2
    if noises == 1:
        assert off(scheme, noises, 64, every=True) < 0.03


def test_of_a_linear_equation_they_are_known():
    """dX = aX dt + bX ∘ dW: X = x exp(at + bW), by x, a and b."""
    x, a, b = (torch.tensor(value, dtype=DOUBLE, requires_grad=True) for value in (1.5, -0.4, 0.3))
    y0, rates = x.expand(5), (a, b)
    path = BrownianPath(256, torch.zeros(5, dtype=DOUBLE), key=7)
    end = t2n.sdeint(
        "heun-stratonovich", lambda t, y: rates[0] * y, lambda t, y: rates[1] * y, y0, 0, 1,
        steps=256, path=path, backward="adjoint",
    )  # fmt: skip
    w = path.w.sum(0) / math.sqrt(256)
    exact = x * torch.exp(a + b * w)
    found, wanted = (torch.autograd.grad(end_.sum(), (x, a, b), retain_graph=True) for end_ in (end, exact))
    torch.testing.assert_close(end, exact, rtol=1e-2, atol=0)
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=0)


def test_no_step_is_kept():
    kept = {}
    for backward in ("store", "adjoint"):
        kept[backward] = 0

        def count(tensor, backward=backward):
            kept[backward] += tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            drift, noise = Drift(), Noise(0.4)
            t2n.sdeint("sriw1", drift, noise, torch.ones(4, 3, dtype=DOUBLE), 0, 1, steps=32, backward=backward)
    assert kept["adjoint"] < kept["store"] / 20


def test_what_is_not_taken_is_refused(monkeypatch):
    asked = (lambda t, y: -y, lambda t, y: y, [1.0], 0, 1)
    with pytest.raises(InputError, match="write 'store' or 'adjoint'"):
        t2n.sdeint("sriw1", *asked, steps=2, backward="reversible")
    with pytest.raises(InputError, match="ri1 draws no Gaussian noise"):
        t2n.sdeint("ri1", *asked, steps=2, backward="adjoint")
    monkeypatch.setitem(sys.modules, "torchsde._core", None)
    with pytest.raises(ImportError, match=r"needs torchsde: install tableau2net\[adjoint\]"):
        t2n.sdeint("sriw1", *asked, steps=2, backward="adjoint")
