"""Events that end an integration: against closed forms, scipy's events, single runs and differences."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.integration import IntegrationError
from tests.integration.problems import D, lotka_volterra, slopes, van_der_pol
from tests.integration.ways import WAYS, Y0, plain

G = 9.81


def falling(t, y):
    return torch.stack((y[1], torch.full_like(y[1], -G)))


def height(t, y):
    return y[0]


def test_a_ball_bounces_when_and_as_fast_as_it_should():
    """From the ground, where it begins at zero; after the k-th bounce it flies 2·v·r^k/g."""
    state, t, v, r = torch.tensor([0.0, 10.0], dtype=D), 0.0, 10.0, 0.8
    for k in range(6):
        found = t2n.integrate("dormand-prince-54", falling, state, t, t + 9, rtol=1e-10, event=height, full=True)
        flown = 2 * v * r**k / G
        assert found.ending.t.item() - t == pytest.approx(flown, rel=1e-12)
        assert found.y[1].item() == pytest.approx(-v * r**k, rel=1e-12)
        assert found.t == found.grid[-1:] == (found.ending.t.item(),)
        state, t = torch.stack((torch.zeros((), dtype=D), -r * found.y[1])), found.t[0]


@pytest.mark.parametrize("direction", [-1, 0, 1])
@pytest.mark.parametrize("level", [1.3, 1.9])
def test_as_scipy_finds_them(direction, level):
    from scipy.integrate import solve_ivp

    def event(t, y):
        return y[1] - level - 0.01 * t

    event.terminal, event.direction = True, direction
    y0, f = [3.0, 1.0], lotka_volterra
    theirs = solve_ivp(
        lambda t, y: f(t, torch.tensor(y)).numpy(), (0, 9), y0, "DOP853", events=event, rtol=1e-12, atol=1e-13
    )
    ours = t2n.integrate("dormand-prince-54", f, y0, 0, 9, rtol=1e-11, event=t2n.Event(event, direction), full=True)
    assert ours.ending.t.item() == pytest.approx(theirs.t_events[0][0], abs=1e-8)
    assert ours.y.numpy() == pytest.approx(theirs.y_events[0][0], abs=1e-7)


@pytest.mark.parametrize(("name", "options"), WAYS, ids=lambda x: x if isinstance(x, str) else ",".join(x))
def test_every_way_to_integrate_ends_there(name, options):
    exact = math.sqrt(1 + 2 * math.log(2)) - 1  # y = y0 exp(−t − t²/2), at half
    wanted = [t for t in options.get("at", ()) if t < exact]
    event = lambda t, y: y[0] - 0.5  # noqa: E731
    found = t2n.integrate(name, plain, Y0, 0, 1, event=event, full=True, **options)
    near = 1e-5 if "rtol" in options else 5e-2 if name == "leapfrog-2" or "grid" in options else 1e-3
    assert found.ending.t.item() == pytest.approx(exact, abs=near)
    assert found.ending.states[0][0].item() == pytest.approx(0.5, abs=1e-12)
    assert found.grid[-1] == found.ending.t.item()
    assert found.y.shape == ((len(wanted), 3) if "at" in options else (3,))
    assert found.t == (tuple(wanted) if "at" in options else found.grid[-1:])


@pytest.mark.parametrize(("name", "options"), WAYS, ids=lambda x: x if isinstance(x, str) else ",".join(x))
def test_one_that_does_not_happen_changes_nothing(name, options):
    without = t2n.integrate(name, plain, Y0, 0, 1, full=True, **options)
    found = t2n.integrate(name, plain, Y0, 0, 1, event=lambda t, y: y[0] + 1, full=True, **options)
    torch.testing.assert_close(found.y, without.y, rtol=1e-14 if "at" in options else 0, atol=0)
    assert (found.ending, found.grid, found.t) == (None, without.grid, without.t)


@pytest.mark.parametrize(
    ("name", "order"), [("rk2", 2), ("rk4", 4), ("adams-bashforth-4", 4), ("bdf-3", 3), ("abm-2", 3), ("gauss-1", 2)]
)
def test_the_time_is_of_the_order_of_the_scheme(name, order):
    def error(n, level=0.9):
        found = t2n.integrate(
            name,
            lambda t, y: -y * math.cos(t),
            torch.ones(1, dtype=D),
            0,
            2,
            n,
            event=lambda t, y: y - math.exp(-math.sin(level)),
            full=True,
        )
        return abs(found.ending.t.item() - level) + 1e-15

    assert np.mean(slopes(error, (20, 40, 80))) > order - 0.35
    assert error(80, 0.02) < 30 * error(80)  # where there is no history before


def test_a_batch_ends_member_by_member():
    y0 = torch.tensor([[1.0, 0], [3, 0], [0.1, 0], [2, 0]], dtype=D)
    rows = van_der_pol(1.0)

    def f(t, y):
        return rows(t, y.T).T

    event = t2n.Event(lambda t, y: y[:, 0] + 0.5, -1)
    found = t2n.integrate("dormand-prince-54", f, y0, 0, 4, rtol=1e-11, norm="batch", event=event, full=True)
    for m, own in enumerate(y0):
        alone = t2n.integrate(
            "dormand-prince-54", rows, own, 0, 4, rtol=1e-11, event=t2n.Event(lambda t, y: y[0] + 0.5, -1), full=True
        )
        torch.testing.assert_close(found.y[m], alone.y, rtol=1e-8, atol=1e-9)
        assert found.ending.event[m] == (-1 if alone.ending is None else 0)
        if alone.ending is not None:
            assert found.ending.t[m].item() == pytest.approx(alone.ending.t.item(), abs=1e-8)
    assert found.ending.t.isnan().tolist() == [False, True, False, False]
    assert found.grid[-1] == 4


def test_the_first_of_several_ends_it_and_which_is_said():
    late, early = (lambda t, y: t - 1.5), (lambda t, y: t - 0.7)
    for events, which in (((late, early), 1), ((early, late), 0), ((late, t2n.Event(early, -1)), 0)):
        for way in ({"steps": 1}, {"steps": 7}):
            found = t2n.integrate("rk4", falling, [1.0, 0.0], 0, 2, event=events, full=True, **way)
            assert found.ending.event == which
            assert found.t[0] == pytest.approx(1.5 if len({*events}) == 2 and which == 0 and events[0] is late else 0.7)


def test_backwards_in_time_rising_is_along_the_way():
    found = t2n.integrate("rk4", lambda t, y: -y, [1.0], 0, -3, 60, event=t2n.Event(lambda t, y: y - 2, 1), full=True)
    assert found.t[0] == pytest.approx(-math.log(2), abs=1e-6)
    assert found.grid[-1] == found.t[0] < found.grid[-2]
    none = t2n.integrate("rk4", lambda t, y: -y, [1.0], 0, -3, 60, event=t2n.Event(lambda t, y: y - 2, -1), full=True)
    assert none.ending is None


def test_at_the_very_end_of_a_step_and_of_the_interval():
    for level, when in ((1.0, 1.0), (2.0, 2.0)):
        found = t2n.integrate("rk4", lambda t, y: y * 0 + 1, [0.0], 0, 2, 4, event=lambda t, y: y - level, full=True)  # noqa: B023
        assert (*found.t, found.y.item()) == pytest.approx((when, level), abs=1e-15)


def test_a_zero_on_a_point_of_the_grid_ends_there():
    found = t2n.integrate(
        "rk4", lambda t, y: torch.ones_like(y), torch.zeros(1), 0, 2, steps=4, event=lambda t, y: y[0] - 1, full=True
    )
    assert found.grid == (0, 0.5, 1)
    assert found.y.item() == pytest.approx(1)


def test_several_states_and_second_derivatives():
    q, p = torch.tensor([1.0], dtype=D), torch.tensor([0.0], dtype=D)
    fields = (lambda t, p: p, lambda t, q: -q)
    found = t2n.integrate("forest-ruth-4", fields, (q, p), 0, 3, 300, event=lambda t, q, p: q, full=True)
    assert found.t[0] == pytest.approx(math.pi / 2, abs=1e-7)
    found = t2n.integrate("stormer-2", lambda t, q: -q, (q, p), 0, 3, 300, event=lambda t, q: q, full=True)
    assert found.t[0] == pytest.approx(math.pi / 2, abs=1e-4)


@pytest.mark.parametrize("way", [("dormand-prince-54", {"rtol": 1e-8}), ("adams-bashforth-4", {"steps": 100})])
def test_gradients_of_the_time_and_of_the_state_there(way):
    """y' = −a y ends at y = c + b t: against differences of whole integrations; with b = 0, at log(y0/c)/a."""
    name, options = way

    def ended(a, c, b, y0):
        y0 = torch.as_tensor(y0, dtype=D).reshape(1)
        found = t2n.integrate(
            name, lambda t, y: -a * y, torch.cat((y0, 2 * y0)), 0, 5, event=lambda t, y: y[0] - c - b * t, full=True,
            **options,
        )  # fmt: skip
        return torch.cat((found.ending.t.reshape(1), found.y))

    for point in ((0.7, 0.4, 0.0, 1.5), (0.7, 0.4, -0.05, 1.5)):
        leaves = [torch.tensor(x, dtype=D, requires_grad=True) for x in point]
        found = ended(*leaves)
        if not point[2]:
            assert found[0].item() == pytest.approx(math.log(1.5 / 0.4) / 0.7, abs=1e-5)
        for entry in range(3):
            grads = torch.autograd.grad(found[entry], leaves, retain_graph=True)
            for i, grad in enumerate(grads):
                d = 1e-4
                sides = [ended(*(x + s * d * (j == i) for j, x in enumerate(point)))[entry] for s in (1, -1)]
                assert grad.item() == pytest.approx(((sides[0] - sides[1]) / (2 * d)).item(), rel=1e-4, abs=1e-5)


def test_members_of_a_batch_have_gradients_of_their_own():
    rate = torch.tensor([0.5, 1.0, 0.01], dtype=D, requires_grad=True)
    found = t2n.integrate(
        "dormand-prince-54", lambda t, y: -rate * y, torch.ones(3, dtype=D), 0, 3, rtol=1e-10,
        event=lambda t, y: y - 0.5, full=True,
    )  # fmt: skip
    (by_rate,) = torch.autograd.grad(found.ending.t[:2].sum(), rate)
    torch.testing.assert_close(by_rate, torch.tensor([-4 * math.log(2), -math.log(2), 0.0], dtype=D), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (3, "a function of"),
        ((), "none in the list"),
        (lambda t, y: y > 0, "a real number is expected"),
        (lambda t, y: y[:2], "one for each entry"),
        ((lambda t, y: y[0], lambda t, y: y), "all give one number"),
        (lambda t, y: "x", "event gave str: a real number"),
        (lambda t, y: None, "event gave NoneType"),
        (lambda t, y: [1.0, "a"], "event gave list"),
        (lambda t, y: 10**400, "event gave int"),
        (lambda t, y: True, "event gave bool"),
        (lambda t, y: y[:1].to_sparse(), "a real number is expected"),
        (lambda t: t, r"event is called as event\(t, y\)"),
        (lambda t, y: y.mul_(0)[0] + 1 - t, "event changes its argument in place"),
        (lambda t, y: y.data.mul_(0)[0] + 1 - t, "event changes its argument in place"),
        ((lambda t, y: t - 9.0, lambda t, y: y.data.mul_(0)[0] + 1 - t), "event changes its argument in place"),
        (lambda t, y: y.mul_(0)[0] if t > 0.5 else 1.0, "event changes its argument in place"),
    ],
)
def test_what_is_no_event_is_said_in_a_line(event, says):
    with pytest.raises(InputError, match=says) as caught:
        t2n.integrate("rk4", plain, Y0, 0, 1, 4, event=event)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_had_is_said():
    with pytest.raises(InputError, match="direction = 2"):
        t2n.Event(height, 2)
    with pytest.raises(InputError, match="no times for all"):
        t2n.integrate("rk4", plain, Y0, 0, 1, 4, event=lambda t, y: y, at=[0.5])
    with pytest.raises(IntegrationError, match=r"an event is not finite at t = 0\.5"):
        t2n.integrate("rk4", plain, Y0, 0, 1, 2, event=lambda t, y: math.nan if t else 1.0)
    q = torch.ones(1, dtype=D, requires_grad=True)
    with pytest.raises(InputError, match="no gradient by its time"):
        t2n.integrate("stormer-2", lambda t, q: -q, (q, q * 0), 0, 3, 30, event=lambda t, q: q)
