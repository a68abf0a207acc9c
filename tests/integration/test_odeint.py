"""`odeint`, beside torchdiffeq, exact solutions and differences."""

import math
import warnings
from collections import namedtuple

import pytest
import torch

import tableau2net as t2n
from tests.integration.problems import D

torchdiffeq = pytest.importorskip("torchdiffeq")

T = torch.linspace(0, 1, 4, dtype=D)
GIVEN = ("euler", "midpoint", "heun2", "heun3", "rk4")
CHOSEN = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
Pair = namedtuple("Pair", "q p")


class Pulled(torch.nn.Module):
    """A cubic oscillator driven in time, with a parameter."""

    def __init__(self):
        super().__init__()
        self.A = torch.nn.Parameter(torch.tensor([[-0.1, 2.0], [-2.0, -0.1]], dtype=D))

    def forward(self, t, y):
        assert t.shape == ()
        assert t.dtype == y.dtype
        return y**3 @ self.A * torch.cos(t)


def start():
    return torch.tensor([1.2, 0.5], dtype=D, requires_grad=True)


def with_gradients(solve, f, **how):
    y0 = start()
    y = solve(f, y0, T, **how)
    return [y, *torch.autograd.grad((y**2).sum(), (y0, f.A))]


@pytest.mark.parametrize("method", GIVEN)
def test_given_steps_are_those_of_torchdiffeq(method):
    f = Pulled()
    for options in ({}, {"step_size": 0.11}):
        t = {} if not options else {"options": options}
        ours, theirs = (with_gradients(m.odeint, f, method=method, **t) for m in (t2n, torchdiffeq))
        if options:  # values between the ends of steps are the scheme's own, not on a line
            ours[0], theirs[0] = ours[0][-1:], theirs[0][-1:]
            ours, theirs = ours[:1], theirs[:1]
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("method", CHOSEN)
def test_chosen_steps_arrive_where_those_of_torchdiffeq_do(method):
    f = Pulled()
    tolerance = {} if method in ("dopri5", "dopri8") else {"rtol": 1e-5, "atol": 1e-6}
    ours, theirs = (with_gradients(m.odeint, f, method=method, **tolerance) for m in (t2n, torchdiffeq))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3 if not tolerance else 1e-2, atol=1e-3)


@pytest.mark.parametrize("way", [1, -1])
def test_gradients_to_all_that_a_solution_is_made_of(way):
    f = Pulled()

    def solved(y0, t, A):
        return t2n.odeint(lambda t, y: torch.func.functional_call(f, {"A": A}, (t, y)), y0, t, rtol=1e-8, atol=1e-9)

    t = (way * torch.tensor([0.0, 0.2], dtype=D)).requires_grad_()
    assert torch.autograd.gradcheck(solved, (start(), t, f.A.detach().clone().requires_grad_()), atol=1e-4)


@pytest.mark.parametrize("seminorm", [False, True])
def test_the_adjoint_has_the_gradients_of_the_steps(seminorm):
    f, t = Pulled(), T.clone().requires_grad_()
    how = {"rtol": 1e-8, "atol": 1e-9}
    further = {"adjoint_options": {"norm": "seminorm"}} if seminorm else {}
    found = []
    for solve, given in ((t2n.odeint, how), (t2n.odeint_adjoint, how | further)):
        y0 = start()
        y = solve(f, y0, t, **given)
        found.append(torch.autograd.grad((y**2).sum(), (y0, t, f.A)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_states_of_any_make():
    def f(t, s):
        return {"a": -s["a"], "more": (s["more"][0] * t, Pair(s["more"][1].p, -s["more"][1].q))}

    ones = torch.ones(2, dtype=D)
    y0 = {"a": ones, "more": (torch.ones((), dtype=D), Pair(ones, 0 * ones))}
    for solve in (t2n.odeint, lambda *a, **k: t2n.odeint_adjoint(*a, adjoint_params=(), **k)):
        y = solve(f, y0, T)
        assert list(y) == ["a", "more"]
        assert isinstance(y["more"][1], Pair)
        torch.testing.assert_close(y["a"][:, 0], (-T).exp(), rtol=1e-6, atol=0)
        torch.testing.assert_close(y["more"][0], (T**2 / 2).exp(), rtol=1e-6, atol=0)
        torch.testing.assert_close(y["more"][1].q[:, 1], T.cos(), rtol=1e-6, atol=0)
    loose = {"a": 1.0, "more": (1e-9, Pair(torch.tensor([1e-9, 1.0]), 1.0))}
    y = t2n.odeint(f, y0, T, rtol=0.0, atol=loose)
    error = (y["more"][1].q - T.cos()[:, None]).abs().amax(0)
    assert error[0] < 1e-7
    with pytest.raises(t2n.InputError, match="a dict with 'a', 'more'"):
        t2n.odeint(f, y0, T, rtol={"a": 1e-3})


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("adjoint", [False, True])
def test_the_time_of_an_event_has_gradients(reverse, adjoint):
    """A ball thrown upwards comes down after v + sqrt(v² + 2 g h) over g, or was at the ground as long before as that
    is with −v."""
    sign = -1 if reverse else 1

    def solve(*given, **how):
        if adjoint:
            return t2n.odeint_adjoint(*given, adjoint_params=(g,), **how)
        return t2n.odeint(*given, **how)

    def landed(h, v, g, t0):
        return t2n.odeint_event(
            lambda t, s: (s[1], 0 * s[1] - g),
            (h, v),
            t0,
            event_fn=lambda t, s: torch.stack((s[0] + 0 * t, s[0] + 1)),
            reverse_time=reverse,
            odeint_interface=solve,
        )

    h, v, g, t0 = given = [torch.tensor(x, dtype=D, requires_grad=True) for x in (10.0, 1.0, 9.81, 0.5)]
    time, (height, speed) = landed(*given)
    exact = t0 + (v + sign * (v**2 + 2 * g * h).sqrt()) / g
    assert abs(time - exact) < 1e-9
    assert abs(height[-1]) < 1e-8
    assert speed[0] == 1
    wanted = torch.autograd.grad((exact - t0) * -g + v + 2 * exact, given)
    for a, b in zip(torch.autograd.grad(speed[-1] + 2 * time, given), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_events_with_given_steps_and_at_the_beginning():
    def f(t, y):
        return -y

    y0, t = torch.ones(1, dtype=D), torch.tensor([0.0, 1.0], dtype=D)
    at, y = t2n.odeint(f, y0, t, method="rk4", options={"step_size": 0.05}, event_fn=lambda t, y: y - 0.1)
    assert at.item() == pytest.approx(math.log(10), abs=1e-5)
    assert y[1].item() == pytest.approx(0.1, abs=1e-12)
    at, y = t2n.odeint(f, y0, t, event_fn=lambda t, y: y - 1)
    assert at == 0
    assert torch.equal(y[0], y[1])
    with pytest.raises(t2n.IntegrationError, match=r"max_steps|has not changed its sign"):
        t2n.odeint(f, y0, t, options={"max_num_steps": 20}, event_fn=lambda t, y: y + 1)
    with pytest.raises(t2n.InputError, match="step_size"):
        t2n.odeint(f, y0, t, method="rk4", event_fn=lambda t, y: y - 0.1)


@pytest.mark.parametrize("way", [1, -1])
def test_a_field_that_jumps_is_asked_on_its_side(way):
    asked = []

    def f(t, y):
        asked.append(t.item())
        return y if way * t < 0.5 else -y

    t = way * torch.tensor([0.0, 1.0])
    y0 = torch.ones(1, dtype=torch.float32)
    how = {"rtol": 1e-6, "atol": 1e-6}
    y = t2n.odeint(f, y0, t, **how, options={"jump_t": way * torch.tensor([0.5])})
    assert y[1].item() == pytest.approx(1, abs=1e-5)
    assert way * 0.5 not in asked
    few = len(asked)
    t2n.odeint(f, y0, t, **how)
    assert len(asked) - few > few
    asked.clear()
    t2n.odeint(f, y0, t, method="heun2", options={"step_size": 0.25, "perturb": True})
    assert not {0.0, 0.25, 0.5, 0.75, 1.0} & {abs(x) for x in asked}
    assert len(asked) == 8


def test_callbacks_options_and_bounds_of_steps():
    f = Pulled()
    called = {"step": [], "accept": [], "reject": []}
    f.callback_step = lambda t, y, h: called["step"].append((t, y, h))
    f.callback_accept_step = lambda t, y, h: called["accept"].append(h)
    f.callback_reject_step = lambda t, y, h: called["reject"].append(h)
    t2n.odeint(f, start(), T.flip(0), options={"first_step": 0.5, "max_step": 0.6})
    assert called["step"][0][0] == 1
    assert called["step"][0][2] == 0.5
    assert len(called["step"]) == len(called["accept"]) + len(called["reject"])
    assert called["reject"]
    assert sum(called["accept"]) == pytest.approx(1)
    called["accept"].clear()
    t2n.odeint(f, start(), T, options={"min_step": 0.5})
    assert len(called["accept"]) == 2
    with pytest.warns(UserWarning, match="callback_accept_step"):
        t2n.odeint(f, start(), T, method="rk4")
    with pytest.warns(UserWarning, match="unexpected options step_sise"):
        t2n.odeint(lambda t, y: -y, start(), T, method="rk4", options={"step_sise": 1})
    with pytest.raises(t2n.IntegrationError, match="max_steps = 3"):
        t2n.odeint(f, start(), T, options={"max_num_steps": 3})
    even = {"grid_constructor": lambda f, y, t: torch.linspace(0, 1, 11)}
    y = t2n.odeint(lambda t, y: -y, start(), T, method="euler", options=even)
    torch.testing.assert_close(y[-1], start() * 0.9**10)


def f32(t, y):
    return -y


NONE = torch.zeros(0, 2, dtype=D)
REFUSED = [
    ({"t": []}, "at least one"),
    ({"t": torch.zeros(2, 2)}, "list of times"),
    ({"t": [0, 1, 1]}, "one way"),
    ({"t": [0, 1, 0.5]}, "one way"),
    ({"t": [0, math.nan]}, "finite"),
    ({"t": torch.tensor([0j, 1])}, "real"),
    ({"y0": torch.ones(2, dtype=torch.int64)}, "floating point"),
    ({"y0": (torch.ones(2, dtype=torch.int64),)}, "floating point"),
    ({"y0": ()}, "no tensor"),
    ({"y0": ("a",)}, "tensor is expected"),
    ({"y0": NONE}, "empty"),
    ({"func": lambda t, y: y[:1]}, "like the state"),
    ({"func": lambda t, y: y * 1j}, "like the state"),
    ({"func": lambda t, y: 1.0}, "like the state"),
    ({"func": 3}, "function"),
    ({"method": "dopri6"}, "dopri"),
    ({"method": "stormer-verlet-velocity"}, "t2n.integrate"),
    ({"method": "rk4", "options": {"step_size": 0}}, "positive"),
    ({"method": "rk4", "options": {"step_size": 0.1, "grid_constructor": print}}, "not both"),
    ({"method": "explicit_adams", "options": {"max_order": 99}}, "max_order"),
    ({"options": 3}, "a dict"),
    ({"rtol": (1e-3, 1e-3, 1e-3)}, "rtol"),
    ({"event_fn": lambda t, y: y[0], "t": [0.0, 1, 2]}, "two times"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_what_is_no_problem_is_said_in_a_line(change, message):
    given = {"func": f32, "y0": torch.ones(2, dtype=D), "t": T} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        t2n.odeint(given.pop("func"), given.pop("y0"), given.pop("t"), **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_kinds_of_numbers(dtype, shape):
    y0 = torch.full(shape, 1.0, dtype=dtype)
    tolerance = 1e-5 if y0.real.dtype == torch.float32 else 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t in (T, T.float(), [0, 1, 2], torch.arange(3)):
            y = t2n.odeint(lambda t, y: -2 * t.double() * y, y0, t)
            at = torch.as_tensor(t).double()
            assert y.dtype == dtype
            assert y.shape == (len(t), *shape)
            exact = (-(at**2)).exp().reshape(-1, *(1 for _ in shape)).expand(y.shape)
            torch.testing.assert_close(y, exact.to(dtype), rtol=tolerance, atol=tolerance)
    assert torch.equal(t2n.odeint(f32, y0, T[:1]), y0[None])


def test_transforms_of_torch_func():
    f = Pulled()
    y0 = start().detach()

    def last(y):
        return t2n.odeint(f, y, T)[-1]

    known = torch.autograd.functional.jacobian(last, y0)
    for transform in (torch.func.jacrev, torch.func.jacfwd):
        torch.testing.assert_close(transform(last)(y0), known)


@pytest.mark.slow
def test_methods_of_every_name():
    from tableau2net.integration.method_names import ADAPTIVE, FIXED, SCIPY

    y0 = torch.ones(1, dtype=D)
    for method in (*FIXED, *ADAPTIVE, *SCIPY, "scipy_solver", "ssprk-33", "bdf-3", "adams", t2n.load("rk4")):
        t = torch.linspace(0, 1, 41, dtype=D) if method in FIXED or method == "bdf-3" else T
        y = t2n.odeint(f32, y0, t, method=method, rtol=1e-6, atol=1e-8)
        error = (y[-1] - math.exp(-1)).abs().item()
        assert error < (1e-2 if "euler" in str(method) else 1e-3), method
