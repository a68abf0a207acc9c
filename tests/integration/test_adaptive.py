"""Steps chosen by a tolerance: agreement with scipy and torchdiffeq, counts, gradients, and what stops them."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.integration import IntegrationError, integrate
from tests.integration.problems import D, growing, grown, kepler, lotka_volterra, pulled, reference, van_der_pol

pytest.importorskip("scipy")
PREY = torch.tensor([1.0, 2.0], dtype=D)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("dormand-prince-54", 50), ("tsitouras-54", 50), ("bogacki-shampine-32", 100), ("owren-zennaro-43", 100),
        ("verner-65-efficient", 50), ("dormand-prince-87", 50), ("rk4", 150), ("gauss-2", 150), ("kvaerno-43", 50),
    ],
)  # fmt: skip
def test_lotka_volterra_agrees_with_scipy(name, bound):
    """At times inside steps too, whichever way they are found there."""
    times = [0.0, 1.0, 2.5, 4.0]
    found = integrate(name, lotka_volterra, PREY, 0, 4, rtol=1e-6, atol=1e-6, at=times)
    error = float((found - reference(lotka_volterra, PREY, times)).abs().max())
    assert error < bound * 1e-6


def test_errors_follow_the_tolerance():
    """HNW I, II.4: the error is nearly proportional to the tolerance."""
    exact = reference(lotka_volterra, PREY, [0, 10.0])[-1]
    errors = []
    for digits in (4, 6, 8, 10):
        tolerance = 10.0**-digits
        y = integrate("dormand-prince-54", lotka_volterra, PREY, 0, 10, rtol=tolerance, atol=tolerance)
        errors.append(float((y - exact).abs().max()))
    steps = np.diff(np.log10(errors)) / 2
    assert (steps < -0.75).all()
    assert (steps > -1.4).all()


def test_kepler_there_and_back():
    start = torch.tensor([[0.5, 0.0], [0.0, math.sqrt(3)]], dtype=D)  # eccentricity 1/2
    there = integrate("dormand-prince-87", kepler, start, 0, 2 * math.pi, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(there, start, rtol=0, atol=1e-8)
    half = integrate("tsitouras-54", kepler, start, 0, 2.0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(half, reference(kepler, start, [0, 2.0])[-1], rtol=0, atol=1e-7)
    torch.testing.assert_close(
        integrate("tsitouras-54", kepler, half, 2.0, 0, rtol=1e-9, atol=1e-9), start, rtol=0, atol=1e-6
    )


def test_van_der_pol():
    """Not stiff by explicit pairs; stiff by Radau, in a number of steps that has nothing to do with stiffness."""
    y0 = torch.tensor([2.0, 0.0], dtype=D)
    y = integrate("dormand-prince-54", van_der_pol(1.0), y0, 0, 10, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(y, reference(van_der_pol(1.0), y0, [0, 10.0])[-1], rtol=0, atol=1e-6)
    exact = reference(van_der_pol(1000.0), y0, [0, 1.0], "Radau")[-1]
    for name in ("radau-iia-2", "kvaerno-43"):
        stiff = integrate(name, van_der_pol(1000.0), y0, 0, 1, rtol=1e-5, atol=1e-5, full=True)
        torch.testing.assert_close(stiff.y, exact, rtol=0, atol=1e-5)
        assert stiff.steps < 40
    with pytest.raises(IntegrationError, match=r"max_steps = 200 .*stiff"):
        integrate("dormand-prince-54", van_der_pol(1000.0), y0, 0, 1, rtol=1e-5, max_steps=200)


def test_robertson():
    """A chemical reaction with rates from 0.04 to 3·10⁷ (HW II, IV.10), by Radau and in large steps."""

    def f(t, y):
        slow, fast, faster = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
        return torch.stack((fast - slow, slow - fast - faster, faster))

    y0, times = torch.tensor([1.0, 0.0, 0.0], dtype=D), [0.0, 0.4, 40.0]
    found = integrate("radau-iia-3", f, y0, 0, 40, rtol=1e-5, atol=1e-8, at=times, full=True)
    torch.testing.assert_close(found.y, reference(f, y0, times, "Radau"), rtol=1e-4, atol=1e-8)
    assert found.steps < 40


def test_several_fields_and_states():
    """The pair of an additive method; step doubling where there is none."""
    parts = (lambda t, y: y * (math.cos(t) + 2), lambda t, y: -2 * y)
    y = integrate("ark-324l2sa", parts, 1.0, 0, 2, rtol=1e-6)
    assert float(y) == pytest.approx(grown(2), abs=1e-4)
    q, p = torch.tensor([1.0, 0.0], dtype=D), torch.tensor([0.0, 1.0], dtype=D)
    found = integrate("forest-ruth-4", (lambda t, p: p, pulled), (q, p), 0, 1, rtol=1e-7, at=[0.3, 1], full=True)
    angle = torch.tensor([0.3, 1.0], dtype=D)
    exact = torch.stack((angle.cos(), angle.sin()), 1), torch.stack((-angle.sin(), angle.cos()), 1)
    torch.testing.assert_close(found.y, exact, rtol=0, atol=3e-6)


def test_evaluations_are_those_of_the_method():
    """The last stage of Dormand–Prince is the next step's first, and so is a rejected step's first; output is free."""
    calls = [0]

    def counted(t, y):
        calls[0] += 1
        return lotka_volterra(t, y)

    found = integrate("dormand-prince-54", counted, PREY, 0, 10, rtol=1e-6, full=True, at=np.linspace(0, 10, 101))
    assert found.rejected > 0
    assert found.evaluations == calls[0] == 6 * (found.steps + found.rejected) + 2
    assert len(found.grid) == found.steps + 1
    assert found.y.shape == (101, 2)
    assert found.grid == integrate("dormand-prince-54", lotka_volterra, PREY, 0, 10, rtol=1e-6, full=True).grid
    plain = integrate("cash-karp-54", lotka_volterra, PREY, 0, 10, rtol=1e-6, full=True)
    assert plain.evaluations == 6 * plain.steps + 5 * plain.rejected + 1
    sampled = integrate("cash-karp-54", lotka_volterra, PREY, 0, 10, rtol=1e-6, full=True, at=np.linspace(0.1, 9.9, 99))
    assert sampled.evaluations == plain.evaluations + 1  # f at the end of a step is the next step's first stage


def test_batches():
    """norm="batch" holds the tolerance for each member, where the mean over all hides one among many."""
    y0 = torch.full((1000, 2), 0.0, dtype=D) + torch.tensor([3.0, 1.5], dtype=D)  # at rest
    y0[7] = PREY
    exact = reference(lotka_volterra, PREY, [0, 5.0])[-1]
    errors = {}
    for norm in ("rms", "batch"):
        y = integrate("dormand-prince-54", lotka_volterra, y0, 0, 5, rtol=1e-6, atol=1e-6, norm=norm)
        errors[norm] = float((y[7] - exact).abs().max())
    assert 10 * errors["batch"] < errors["rms"]
    alone = integrate("dormand-prince-54", lotka_volterra, PREY, 0, 5, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(y[7], alone, rtol=0, atol=1e-10)


def test_gradients():
    """Through all steps: against torchdiffeq, and against finite differences of the solution."""
    odeint = pytest.importorskip("torchdiffeq").odeint

    def solved(solve):
        rate = torch.tensor([1.5, 3.0], dtype=D, requires_grad=True)
        y0 = PREY.clone().requires_grad_()

        def f(t, y):
            return torch.stack((y[0] * (rate[0] - y[1]), y[1] * (y[0] - rate[1])))

        y = solve(f, y0)
        return y.detach(), torch.autograd.grad(y.square().sum(), (rate, y0))

    times = torch.tensor([0, 0.7, 2.0], dtype=D)
    ours = solved(lambda f, y0: integrate("dormand-prince-54", f, y0, 0, 2, rtol=1e-9, atol=1e-9, at=times))
    theirs = solved(lambda f, y0: odeint(f, y0, times, rtol=1e-9, atol=1e-9))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)

    def end(y0):
        return integrate("kvaerno-54", lotka_volterra, y0, 0, 0.3, rtol=1e-8, atol=1e-8)

    ((slope,),) = (torch.autograd.grad(end(y := PREY.clone().requires_grad_())[0], y),)
    step = torch.tensor([1e-3, 0.0], dtype=D)
    assert float(slope[0]) == pytest.approx(float((end(PREY + step) - end(PREY - step))[0]) / 2e-3, rel=1e-4)


def test_float32_and_what_it_cannot():
    y = integrate("bogacki-shampine-32", growing, torch.ones(3), 0, 2, rtol=1e-4, atol=1e-4)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, torch.full((3,), grown(2)), rtol=1e-3, atol=0)
    with pytest.raises(t2n.InputError, match=r"float32 resolves \(1.2e-06\)"):
        integrate("bogacki-shampine-32", growing, torch.ones(3), 0, 2, rtol=1e-9)


@pytest.mark.parametrize("end", [1.0, -3.0])
@pytest.mark.parametrize("parts", [10, 9.995, 7.3])
def test_no_step_is_larger_than_max_step(end, parts):
    """Nor is a tiny one left over where rounding puts the end behind the last."""
    largest = abs(end) / parts
    found = integrate("rk4", growing, [1.0], 0, end, rtol=1e-2, max_step=largest, first_step=5, full=True)
    sizes = np.abs(np.diff(found.grid))
    assert sizes.max() <= largest * (1 + 1e-8)
    assert len(sizes) == math.ceil(parts)
    free = integrate("rk4", growing, [1.0], 0, end, rtol=1e-2, full=True)
    assert free.steps < found.steps
    assert free.grid == integrate("rk4", growing, [1.0], 0, end, rtol=1e-2, max_step=10, full=True).grid


BAD = [
    ({"rtol": -1.0}, t2n.InputError, "not negative"),
    ({"rtol": 0.0}, t2n.InputError, "give one of them"),
    ({"rtol": math.nan}, t2n.InputError, "not negative"),
    ({"norm": "max"}, t2n.InputError, "'rms', 'batch' or 'each'"),
    ({"max_steps": 0}, t2n.InputError, "at least one"),
    ({"first_step": -0.1}, t2n.InputError, "positive"),
    ({"scheme": "abm-3"}, t2n.InputError, "steps= or grid="),
    ({"scheme": "momentum-resnet"}, t2n.InputError, "steps= or grid=|tuple|order"),
    ({"max_steps": 3, "rtol": 1e-9}, IntegrationError, "max_steps = 3 were tried"),
    ({"f": lambda t, y: y * y, "t1": 2}, IntegrationError, "at t = 1"),  # explodes at t = 1
    ({"f": lambda t, y: y / (0.5 - t) ** 3}, IntegrationError, r"at t = 0\.4.* step would have to be below"),
    ({"f": lambda t, y: y * math.nan}, IntegrationError, "f is not finite at t = 0"),
    ({"f": lambda t, y: y * (1 if t < 0.5 else math.nan)}, IntegrationError, "at t = 0.5.*f is not finite"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
def test_what_stops_it_is_one_line(change, kind, message):
    given = {"scheme": "dormand-prince-54", "f": lambda t, y: -y, "y0": [1.0], "t0": 0, "t1": 1, "rtol": 1e-6} | change
    with pytest.raises(kind, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)


def test_what_looks_stiff_is_said():
    """By the largest eigenvalue, −1000 or 1, times the step; HW II, IV.2."""
    one = torch.ones(2, dtype=D)
    with pytest.raises(IntegrationError, match=r"max_steps = 150 .*looks stiff \(h·\|λ\| is about [234]"):
        integrate("dormand-prince-54", lambda t, y: -1000 * (y - math.cos(t)), one, 0, 5, rtol=1e-4, max_steps=150)
    for name, f in (("dormand-prince-54", growing), ("bdf", growing), ("rk4", lambda t, y: 0 * y)):
        with pytest.raises(IntegrationError, match=r"max_steps = \d+ were tried, .* or a larger tolerance$"):
            integrate(name, f, one, 0, 5, rtol=1e-9, max_steps=3)
    with pytest.raises(IntegrationError, match=r"or a larger tolerance$"):  # it is implicit already
        integrate("bdf", lambda t, y: -1000 * (y - math.cos(t)), one, 0, 5, rtol=1e-4, max_steps=40)


@pytest.mark.parametrize(
    ("name", "jump", "rtol"), [("radau-iia-3", 0.3, 1e-6), ("gauss-3", 0.5, 1e-6), ("backward-euler", 0.3, 1e-3)]
)
def test_a_jump_that_no_stage_sees_is_seen(name, jump, rtol):
    """Stages are all behind it, or before: f at the ends of the step is not what they lead to."""
    found = integrate(
        name, lambda t, y: torch.full_like(y, 1.0 if t < jump else -1.0), torch.zeros(1, dtype=D), 0, 1, rtol=rtol
    )
    assert abs(float(found) - (2 * jump - 1)) < 100 * rtol


def test_steps_that_do_not_get_on_end_early(monkeypatch):
    """What slides along a jump of f is told of before all steps are spent."""
    monkeypatch.setattr("tableau2net.integration.adaptive.LOOKED", 100)
    with pytest.raises(IntegrationError, match=r"at t = 0\.5.* did not get on: .*jumps="):
        integrate("bogacki-shampine-32", lambda t, y: -y.sign(), torch.full((1,), 0.5, dtype=D), 0, 1, rtol=1e-12)


def test_small_steps_far_from_the_end_do_get_on(monkeypatch):
    monkeypatch.setattr("tableau2net.integration.adaptive.LOOKED", 10)
    far = {"rtol": 1e-6, "max_step": 0.01, "event": lambda t, y: t - 0.5, "full": True}
    found = integrate("heun-euler-21", lambda t, y: y.cos(), torch.ones(1, dtype=D), 0, 1e9, **far)
    assert float(found.ending.t) == pytest.approx(0.5)


def test_an_event_that_is_not_met_is_said_first():
    with pytest.raises(IntegrationError, match=r"^no event was met; max_steps = 3"):
        integrate("heun-euler-21", lambda t, y: -y, [1.0], 0, 9, rtol=1e-6, max_steps=3, event=lambda t, y: y + 1)


def test_stages_that_are_not_solved_say_where():
    with pytest.raises(IntegrationError, match=r"^at t = 0\.5 the step of 0\.25 is too large, or f not finite"):
        integrate("backward-euler", lambda t, y: -y if t < 0.6 else y * math.nan, [1.0], 0, 1, steps=4)
