"""Stochastic depth: which steps take place, how survivors count, and what it is on average."""

import math

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import Options
from tableau2net.nn.around.steps import Survival, set_survival
from tableau2net.nn.around.surrounded import surrounded

TINY = {"widths": (4, 8, 16)}


def survivals(net):
    return [[f.survival for f in fields] for fields in net.places()]


@pytest.mark.parametrize("name", ["resnet20", "lm_resnet20", "resnet29"])
def test_rates_are_linear_in_the_true_step_index(name):
    net = t2n.create_model(name, survival=0.4)
    rates = survivals(net)
    assert len(rates) == 9
    for i, (p,) in enumerate(rates):
        assert p == pytest.approx(1 - 0.6 * i / 8)
    net = t2n.create_model("resnet14", scheme="rk4", stage_weights="independent", survival=0.4)
    assert [len(set(p)) for p in survivals(net)] == [1] * 6
    assert [len(p) for p in survivals(net)] == [4, 4, 1, 4, 1, 4]


def test_a_step_survives_as_a_whole_and_survivors_are_scaled():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.c = nn.Parameter(torch.tensor(0.5))

        def forward(self, y):
            return self.c * y

    torch.manual_seed(0)
    for drop in ("batch", "sample"):
        block = surrounded(t2n.load("rk4"), Options(), Survival())([Scaled()]).double()
        set_survival(block.fields[0], 0.25, drop)
        one = torch.ones(64, 1, dtype=torch.float64)
        seen = torch.cat([block(one) for _ in range(100)]).flatten().detach()
        z = 0.5 / 0.25  # one draw for the four stages: the step is that of f/p, or none
        survivor = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
        alive = (seen - survivor).abs() < 1e-12
        assert bool((alive | (seen == 1)).all())
        draws = 100 if drop == "batch" else 6400
        assert abs(alive.double().mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / draws)
        assert (drop == "sample") == (len(set(alive[:64].tolist())) == 2)
        z = 0.5
        exact = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
        assert torch.allclose(block.eval()(one), torch.full_like(one, exact))


@pytest.mark.parametrize("scheme", ["euler", "lm", "adamnet-3", "rk4", "abm-2", "backward-euler"])
def test_evaluation_is_the_plain_network_to_the_bit(scheme):
    options = {"solver": "fixed-point", "tolerance": 0, "gradient": "unrolled", "iterations": 2, **TINY}
    plain = t2n.create_model("resnet20", scheme=scheme, **options).eval()
    stochastic = t2n.create_model("resnet20", scheme=scheme, survival=0.3, **options).eval()
    stochastic.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(plain(x), stochastic(x))
    stochastic.train()
    outputs = [stochastic(x) for _ in range(6)]
    assert any(not torch.equal(outputs[0], other) for other in outputs[1:])
    torch.manual_seed(3)
    once = stochastic(x)
    torch.manual_seed(3)
    assert torch.equal(once, stochastic(x))


def test_the_gradient_of_a_dropped_step_is_nothing_and_checkpoints_draw_the_same():
    options = {"survival": 0.3, **TINY}
    stored, kept = (t2n.create_model("lm_resnet20", backward=b, **options).double() for b in ("store", "checkpoint"))
    kept.load_state_dict(stored.state_dict())
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    dropped = 0
    for seed in range(6):
        for net in (stored, kept):
            torch.manual_seed(seed)
            net.zero_grad()
            net(x).square().sum().backward()
        for (name, p), q in zip(stored.named_parameters(), kept.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, msg=name)
            dropped += "conv" in name and not bool(p.grad.any())
    assert dropped > 0
    for (name, a), b in zip(stored.named_buffers(), kept.buffers(), strict=True):
        assert torch.allclose(a.double(), b.double()), name
