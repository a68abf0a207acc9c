"""Stochastic depth: which steps take place, how survivors count, and what it is on average."""

import math

import pytest
import sympy
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import Options
from tableau2net.nn.around.steps import Survival, set_survival
from tableau2net.nn.around.stochastic import noise, sense
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


# -------------------------------------------------------------------------- the stochastic equation, by exact moments


X, STEP, H, P = sympy.symbols("x c h p", positive=True)
SLOPES = [sympy.Symbol(f"f_{i}") for i in range(3)]  # f and its derivatives at x, which may be anything


def step_by_hand(scheme):
    """y⁺ − y of a Runge–Kutta step of length c, up to c², from its table by Taylor's formula."""
    f, slope, _ = SLOPES
    stages = [sum(row) * STEP * f for row in scheme.A]  # Y_i − y up to c
    return sympy.expand(STEP * sum(b * (f + slope * d) for b, d in zip(scheme.b, stages, strict=True)))


def mean(polynomial):
    """E over c = hη/p, η from Bernoulli(p): c^k is (h/p)^k as often as η is 1."""
    terms = sympy.Poly(polynomial, STEP).terms()
    return sympy.expand(sum(a * (P * (H / P) ** k if k else 1) for (k,), a in terms))


@pytest.mark.parametrize(
    "name", ["euler", "explicit-midpoint", "heun-3", "rk4", "backward-euler", "gauss-2", "ralston-2"]
)
def test_the_moments_of_a_step_are_those_of_the_equation(name):
    """What chance adds to mean and square is what the noise of dX = f dt + σ f dB adds: α σ² h f'f and σ² h f²."""
    scheme = t2n.load(name)
    f, slope, _ = SLOPES
    moved = step_by_hand(scheme)
    variance = H * (1 - P) / P  # σ²
    first, second = (mean(m) for m in (moved, sympy.expand(moved**2)))
    sure, sure_square = (e.subs(P, 1) for e in (first, second))
    alpha = sense(scheme)
    assert sympy.simplify(first - sure - alpha * variance * H * slope * f) == 0
    left = sympy.Poly(sympy.expand(second - sure_square - variance * H * f**2), H)
    assert all(power[0] > 2 for power, coefficient in left.terms() if sympy.simplify(coefficient) != 0)
    order = t2n.order(scheme)
    assert alpha == (sympy.Rational(1, 2) if order >= 2 else {"euler": 0, "backward-euler": 1}[name])
    assert noise(0.25, 0.5) ** 2 == pytest.approx(float(variance.subs({P: 0.25, H: 0.5})))


def test_one_by_one_a_step_of_the_code_has_these_moments():
    """Of rk4 on y' = −y/2, the two outcomes of a draw with their probabilities."""

    class Half(nn.Module):
        def forward(self, y):
            return -y / 2

    h, p = 1 / 16, 0.75
    block = surrounded(t2n.load("rk4"), Options(), Survival())([Half()], h=h)
    set_survival(block.fields[0], p, "sample")
    torch.manual_seed(0)
    drawn = block(torch.ones(4000, 1, dtype=torch.float64))
    low, high = drawn.min().item(), drawn.max().item()
    assert set(drawn.flatten().tolist()) == {low, high}
    z = -h / 2 / p
    assert (low, high) == pytest.approx((1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24, 1))
    variance = p * (low - 1) ** 2 - (p * (low - 1)) ** 2
    assert variance == pytest.approx(noise(p, h) ** 2 * h / 4, rel=0.1)  # σ² h f², up to h³


@pytest.mark.parametrize("kept", [True, False])
def test_refining_keeps_the_equation(kept):
    """Second moments of y' = −y over a time of 3: with the odds of the same σ they go to that of the equation as steps
    get smaller; with the probabilities of the coarse steps, to that of no noise."""
    fields = [nn.Identity() for _ in range(3)]
    block = surrounded(t2n.load("euler"), Options(), Survival())(fields, h=1.0)
    for field, p in zip(block.fields, (0.9, 0.6, 0.8), strict=True):
        set_survival(field, p, "batch")
    noises = [noise(field.survival, 1.0) ** 2 for field in block.fields]
    equation = math.exp(sum(s - 2 for s in noises))
    apart = []
    for factor in (64, 256, 1024):
        fine = t2n.refine(block, factor)
        before = [f.survival for f in block.fields for _ in range(factor)]
        chances = [f.survival for f in fine.fields] if kept else before
        found = math.prod(1 - 2 * fine.h + fine.h**2 / p for p in chances)
        apart.append(abs(found - equation) / equation)
        if kept:
            assert [noise(p, fine.h) ** 2 for p in chances[::factor]] == pytest.approx(noises)
    if kept:
        assert apart[0] / apart[1] == pytest.approx(4, rel=0.2)
        assert apart[1] / apart[2] == pytest.approx(4, rel=0.1)
    else:
        assert min(apart) > 0.4


def test_a_summary_says_which_equation():
    block = t2n.summary(t2n.create_model("resnet20", widths=(4, 8, 16), survival=0.5), (3, 16, 16))
    assert block.blocks[0].noise == pytest.approx([noise(1 - 0.5 * i / 8, 1.0) for i in (1, 2)])
    assert block.notes[0].startswith(
        "blocks.0: in training dX = f dt + σ f dB, Itô, in mean and variance: σ² = h(1 − p)/p, σ = 0.26 to"
    )
    higher = t2n.summary(t2n.create_model("resnet14", scheme="rk4", widths=(4, 8, 16), survival=0.5), (3, 16, 16))
    assert "Stratonovich" in higher.notes[0]
    assert t2n.summary(t2n.create_model("resnet14", widths=(4, 8, 16)), (3, 16, 16)).notes == ()
