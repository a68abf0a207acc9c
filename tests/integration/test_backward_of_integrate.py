"""What `backward=` keeps for the gradient, and that the gradient is that of the steps all the same."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

import tableau2net as t2n
from benchmarks.counting import held_bytes
from tableau2net.analysis import order
from tableau2net.integration import IntegrationError, integrate
from tableau2net.integration.undone import undoable
from tableau2net.step import lower
from tableau2net.testing import degenerate
from tests.example_scripts import example
from tests.integration.problems import D
from tests.integration.ways import WAYS, Y0

W = torch.tensor([[0.3, -1.0, 0.2], [0.9, 0.1, -0.4], [0.0, 0.7, -0.6]], dtype=D).requires_grad_()


def driven(t, *states):
    return torch.tanh(sum(states) @ W) * (1 + t)


def posed(scheme):
    """Fields and initial states for a scheme of any family."""
    step = lower(scheme)
    if step.derivative == 2:
        return driven, (Y0, Y0 / 2)
    if len(step.states) > 1:
        return (driven,) * len(step.states), tuple(Y0 / (n + 1) for n in range(len(step.states)))
    parts = max(step.parts, step.fields)
    return (driven,) * parts if parts > 1 else driven, Y0


def gradients(scheme, backward, **how):
    """The solution, and its gradients by the initial states, a weight of f that nobody names, and the end."""
    f, y0 = posed(t2n.load(scheme) if isinstance(scheme, str) else scheme)
    states = [y.clone().requires_grad_() for y in (y0 if isinstance(y0, tuple) else (y0,))]
    y = integrate(scheme, f, tuple(states) if isinstance(y0, tuple) else states[0], 0, 1, backward=backward, **how)
    found = list(y) if isinstance(y, tuple) else [y]
    loss = sum((x * x).sum() for x in found)
    return found, torch.autograd.grad(loss, (*states, W), allow_unused=True, materialize_grads=True)


def assert_alike(scheme, **how):
    try:
        (values, wanted), (found, got) = gradients(scheme, "store", **how), gradients(scheme, "checkpoint", **how)
    except (t2n.InputError, IntegrationError):
        with pytest.raises((t2n.InputError, IntegrationError)):
            gradients(scheme, "checkpoint", **how)
        return
    for a, b in zip((*values, *wanted), (*found, *got), strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=0)


FEW = (0, 2, 4, 6, 9)  # of each kind one
SOME = [way if n in FEW else pytest.param(*way, marks=pytest.mark.slow) for n, way in enumerate(WAYS)]


@pytest.mark.parametrize(("scheme", "how"), SOME)
def test_what_is_taken_again_has_the_same_gradient_to_the_bit(scheme, how):
    assert_alike(scheme, **how)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(degenerate(explicit=True))
def test_so_it_has_with_schemes_that_nobody_would_publish(scheme):
    assert_alike(scheme, steps=3)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(degenerate(explicit=True))
def test_so_it_has_with_many_of_them(scheme):
    assert_alike(scheme, steps=3)


def test_states_at_the_ends_of_steps_are_all_that_is_kept():
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))
    y0 = torch.ones(8, 4)

    def kept(backward):
        how = {"rtol": 1e-5, "at": [0.3, 3], "backward": backward}
        return held_bytes(lambda: integrate("dormand-prince-54", lambda t, y: net(y), y0, 0, 3, **how), [net])

    assert kept("checkpoint") < kept("store") / 10


def test_the_field_is_evaluated_once_more_for_each_slope_and_buffers_count_once():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))
            self.calls, self.scale = 0, nn.Parameter(torch.tensor(0.5, dtype=D))

        def forward(self, t, y):
            self.calls += 1
            self.seen = self.seen + 1
            return -y * self.scale * self.seen

    found = {}
    for backward in ("store", "checkpoint"):
        f = Counting()
        integrate("rk4", f, Y0, 0, 1, steps=5, backward=backward).sum().backward()
        assert f.seen == 20
        assert f.calls == 20 * (1 + (backward == "checkpoint"))
        found[backward] = f.scale.grad
    assert torch.equal(*found.values())


def test_second_derivatives_and_the_time_of_an_event_pass_through_it():
    def second(backward):
        y0 = Y0.clone().requires_grad_()
        y = integrate("rk4", driven, y0, 0, 1, steps=3, backward=backward)
        (first,) = torch.autograd.grad(y.square().sum(), y0, create_graph=True)
        return torch.autograd.grad(first.sum(), (y0, W))

    def time(backward):
        rate = torch.tensor(0.5, dtype=D, requires_grad=True)
        how = {"rtol": 1e-8, "event": lambda t, y: y[0] - 0.5, "full": True, "backward": backward}
        ending = integrate("dormand-prince-54", lambda t, y: -rate * y, [1.0], 0, 3, **how).ending
        return torch.autograd.grad(ending.t, rate)

    for of in (second, time):
        for a, b in zip(of("store"), of("checkpoint"), strict=True):
            assert torch.equal(a, b)


# ------------------------------------------------------------------ steps that are undone


def coupled_by_hand(scheme, y0, grid):
    """The coupled form of McCallum and Foster, a step after the other, for autograd."""
    made = undoable(scheme, "999/1000")
    ys, zs = (y0,), (y0,)
    for t, end in pairwise(grid):
        out = made.step(driven, end - t, t, *ys, *zs)
        ys, zs = out[:1], out[1:]
    return ys[0]


def check_coupled(scheme):
    scheme = scheme.at_defaults() if scheme.parameters else scheme
    grid = (0.0, 0.1, 0.3, 0.4, 0.8)
    given = Y0.clone().requires_grad_(), Y0.clone().requires_grad_()
    try:
        y = integrate(
            scheme, driven, given[0], 0, 0.8, grid=grid, at=[0.3, 0.8], backward="reversible", coupling="999/1000"
        )[1]
    except (t2n.InputError, IntegrationError):
        return
    wanted = coupled_by_hand(scheme, given[1], grid)
    torch.testing.assert_close(y, wanted, rtol=0, atol=0)
    got, exact = (
        torch.autograd.grad(x.square().sum(), (y0, W), allow_unused=True, materialize_grads=True)
        for x, y0 in zip((y, wanted), given, strict=True)
    )
    for a, b in zip(got, exact, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["rk4", "bogacki-shampine-32"])
def test_coupled_steps_are_undone(name):
    check_coupled(t2n.load(name))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(degenerate(families=["runge-kutta"], explicit=True))
def test_coupled_steps_of_schemes_that_nobody_would_publish_are_undone(scheme):
    check_coupled(scheme)


@pytest.mark.parametrize("how", [{"rtol": 1e-2}, {"grid": [0, 0.1, 0.5, 1], "at": [0.1, 1]}])
def test_schemes_with_an_inverse_have_the_gradient_of_their_steps(how):
    (values, wanted), (found, got) = (gradients("forest-ruth-4", b, **how) for b in ("store", "reversible"))
    for a, b in zip((*values, *wanted), (*found, *got), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-13, atol=1e-13)


# ------------------------------------------------------------------ the continuous adjoint


def error_of_the_adjoint(scheme, end=1.0, **how):
    """Against the matrix exponential: y(t1) and y(0.3 t1) of y' = A y, in a loss."""
    A = torch.tensor([[-0.5, 2.0, 0.1], [-1.5, -0.3, 0.4], [0.2, 0.1, -1.0]], dtype=D)
    found = []
    for solve in (False, True):
        a, y0 = A.clone().requires_grad_(), Y0.clone().requires_grad_()
        t0, t1 = (torch.tensor(t, dtype=D, requires_grad=True) for t in (0.0, end))
        times = torch.stack((t0 + 0.3 * (t1 - t0), t1))
        if solve:
            f = lambda t, y, a=a: a @ y  # noqa: E731
            f = (lambda t, y, a=a: a @ y * 0.25, lambda t, y, a=a: 0.75 * (a @ y)) if scheme == "ars-232" else f
            y = integrate(scheme, f, y0, t0, end, at=times, backward="adjoint", **how)
        else:
            y = torch.stack([torch.matrix_exp(a * (t - t0)) @ y0 for t in times])
        loss = (y[0] * y[1]).sum() + y[1].square().sum()
        found.append(torch.autograd.grad(loss, (y0, a, t1, t0)))
    return max(float((x - y).abs().max()) for x, y in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("scheme", "end"), [("rk4", 1.0), ("rk4", -0.7), ("kutta-3", 1.0), ("ars-232", 1.0), ("gauss-2", 1.0)]
)
def test_it_converges_at_the_order_of_the_scheme(scheme, end):
    few, many = (error_of_the_adjoint(scheme, end, steps=n) for n in (10, 20))
    assert math.log2(few / many) == pytest.approx(order(t2n.load(scheme)), abs=0.35)


@pytest.mark.parametrize("scheme", ["dormand-prince-54", "adams", pytest.param("kvaerno-43", marks=pytest.mark.slow)])
def test_it_converges_with_the_tolerance(scheme):
    for tolerance in (1e-4, 1e-7):
        assert error_of_the_adjoint(scheme, rtol=tolerance) < 300 * tolerance


def test_many_weights_hide_nothing():
    """One number beside 10,000 integrals: the norm is that of the worst of y, its adjoint and each weight."""
    idle = torch.zeros(100, 100, dtype=D, requires_grad=True)
    rate = torch.tensor(-3.0, dtype=D, requires_grad=True)
    f = lambda t, y: rate * y + 0 * idle.sum()  # noqa: E731
    y = integrate("dormand-prince-54", f, [1.0], 0, 1, rtol=1e-6, backward="adjoint")
    assert float(torch.autograd.grad(y.sum(), rate)[0]) == pytest.approx(math.exp(-3), rel=1e-5)


@pytest.mark.parametrize("backward", ["adjoint", "reversible"])
def test_what_f_is_made_of_is_found_wherever_it_is(backward):
    """A leaf, one behind operations, what is given; and one that nobody could know of at t0 is told."""
    leaf, raw, base, late = (torch.tensor(0.3, dtype=D, requires_grad=True) for _ in range(4))
    how = {"backward": backward, "steps": 8} | ({"coupling": "999/1000"} if backward == "reversible" else {})

    def solved(**how):
        scaled, hidden = base * 2, raw.exp() if backward == "adjoint" else raw.detach()

        def f(t, y):
            return -y * leaf * (hidden.detach() if backward == "reversible" else hidden) * scaled + late * max(
                t - 0.5, 0
            )

        return integrate("rk4", f, Y0, 0, 1, parameters=[scaled, late] if "backward" in how else None, **how)

    of = (leaf, base, late, *([raw] if backward == "adjoint" else []))
    exact = torch.autograd.grad(solved(steps=200).sum(), of)
    for a, b in zip(torch.autograd.grad(solved(**how).sum(), of), exact, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-2, atol=0)
    y = integrate("rk4", lambda t, y: -leaf * y + (late if t > 0.5 else 0), Y0, 0, 1, **how)
    with pytest.raises(RuntimeError, match=r"name it in parameters="):
        y.sum().backward()
    if backward == "reversible":
        middle = raw.exp()
        with pytest.raises(t2n.InputError, match="computed before; name it in parameters="):
            integrate("rk4", lambda t, y: -middle * y, Y0, 0, 1, **how)


def test_nothing_is_kept_but_values():
    net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 4))
    y0 = torch.ones(8, 4)

    def kept(backward, steps):
        f = lambda t, y: net(y)  # noqa: E731
        how = {"steps": steps, "backward": backward} | ({"coupling": "99/100"} if backward == "reversible" else {})
        return held_bytes(lambda: integrate("rk4", f, y0, 0, 1, **how), [net])

    for backward in ("reversible", "adjoint"):
        assert kept(backward, 40) == kept(backward, 10) < kept("checkpoint", 10)


def test_the_example(capsys):
    example("gradients_of_integrate").main(passes=1, width=4)
    sizes = [float(line.split("gradient is ")[1].split(",")[0]) for line in capsys.readouterr().out.splitlines()]
    assert sizes[0] == sizes[1]
    assert sizes[2:] == pytest.approx([sizes[0]] * 2, rel=1e-3)


BAD = [
    ({"backward": "magic"}, "write one of store"),
    ({"backward": None}, "write one of store"),
    ({"scheme": "ros3p", "backward": "checkpoint"}, "takes more than values of f"),
    ({"backward": "reversible"}, "rk4 has no inverse.*coupling='999/1000' too"),
    ({"backward": "reversible", "scheme": "gauss-2"}, "implicit"),
    ({"backward": "reversible", "scheme": "leapfrog-2"}, "for one-step schemes"),
    ({"backward": "reversible", "scheme": "bdf", "steps": None, "rtol": 1e-3}, "bdf remembers earlier steps"),
    ({"backward": "reversible", "coupling": "2"}, "coupling"),
    ({"backward": "reversible", "coupling": "1/2", "at": [0.3]}, "0.3 is no end of a step"),
    ({"backward": "adjoint", "coupling": "1/2"}, "coupling: it is what makes"),
    ({"backward": "adjoint", "scheme": "adams-bashforth-2"}, "for one-step schemes"),
    ({"backward": "adjoint", "event": lambda t, y: y[0]}, "event: not with"),
    ({"parameters": [W]}, "leave them out"),
    ({"backward": "adjoint", "parameters": [1.0]}, "tensors that f is made of"),
    ({"backward": "adjoint", "parameters": 3}, "tensors that f is made of"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_what_cannot_be_is_said_in_a_line(change, message):
    given = {"scheme": "rk4", "f": driven, "y0": Y0, "t0": 0, "t1": 1, "steps": 2} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)


def test_an_adjoint_that_does_not_find_the_solution_back_says_so():
    """What dies out fast grows as fast on the way back, and is another solution then."""
    k = torch.ones((), dtype=torch.float64, requires_grad=True)
    y = t2n.integrate(
        "dormand-prince-54", lambda t, y: -60 * k * y + 1, torch.ones(1).double(), 0, 1, rtol=1e-6, backward="adjoint"
    )
    with pytest.raises(t2n.IntegrationError, match="integrated back"):
        y.sum().backward()
