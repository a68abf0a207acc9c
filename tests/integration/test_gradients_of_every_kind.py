"""A gradient by each of torch's ways is that of backward(), or is refused in a line: none is lost in silence."""

import pytest
import torch
from torch.autograd import forward_ad

import tableau2net as t2n
from tableau2net.errors import InputError
from tests.integration.problems import D

A = torch.tensor([[0.0, 1.0], [-1.0, -0.2]], dtype=D)
AT = torch.tensor([0.7, 0.3], dtype=D)


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
@pytest.mark.parametrize("name", ["bdf", "ndf", "bdf-3", "adams-moulton-4", "radau-iia-3"])
def test_y0_has_its_gradient_where_f_wants_none(name, backward):
    y0 = torch.ones(2, dtype=D, requires_grad=True)
    y = t2n.integrate(name, lambda t, y: -y, y0, 0, 0.1, rtol=1e-5, backward=backward, at=[0.05, 0.1])
    (found,) = torch.autograd.grad(y.sum(), y0)
    expected = torch.exp(-torch.tensor([0.05, 0.1], dtype=D)).sum()
    assert torch.allclose(found, expected.expand(2), rtol=1e-4)


def by_hand(solve, x):
    y = solve(x.requires_grad_())
    return torch.stack([torch.autograd.grad(k, x, retain_graph=True)[0] for k in y])


def in_forward_mode(solve, x):
    columns = []
    for u in torch.eye(2, dtype=D):
        with forward_ad.dual_level():
            tangent = forward_ad.unpack_dual(solve(forward_ad.make_dual(x, u))).tangent
            columns.append(torch.zeros(2, dtype=D) if tangent is None else tangent.clone())
    return torch.stack(columns, 1)


WAYS = {
    "jacfwd": lambda solve, x: torch.func.jacfwd(solve)(x),
    "jacrev": lambda solve, x: torch.func.jacrev(solve)(x),
    "forward mode": in_forward_mode,
    "vectorized": lambda solve, x: torch.autograd.functional.jacobian(solve, x, vectorize=True),
}
KINDS = [
    ("rk4", {"steps": 2}),
    ("dormand-prince-54", {"rtol": 1e-4}),
    ("adams", {"rtol": 1e-2}),
    ("gauss-2", {"steps": 2}),
    ("trapezoid", {"steps": 2, "solver": "newton-krylov"}),
    ("radau-iia-3", {"rtol": 1e-3}),
    ("bdf-3", {"steps": 4}),
    ("bdf-3", {"rtol": 1e-3}),
    ("ndf", {"rtol": 1e-3}),
    ("rodas4", {"steps": 2}),
    ("exprb-32", {"steps": 2}),
    ("rk4", {"steps": 2, "backward": "checkpoint"}),
    ("rk4", {"steps": 2, "backward": "adjoint"}),
    ("rk4", {"steps": 2, "backward": "reversible", "coupling": "999/1000"}),
]
SOLVES = {
    "y0": lambda name, how: lambda x: t2n.integrate(name, lambda t, y: A @ y - y**3, x, 0, 0.2, **how),
    "f": lambda name, how: lambda x: t2n.integrate(name, lambda t, y: A @ y - x * y**3, AT, 0, 0.2, **how),
}


@pytest.mark.parametrize("by", SOLVES)
@pytest.mark.parametrize(("name", "how"), KINDS)
def test_every_way_is_right_or_refused(name, how, by):
    solve = SOLVES[by](name, how)
    expected, refused = by_hand(solve, AT.clone()), {}
    for way, found in WAYS.items():
        try:
            assert torch.allclose(found(solve, AT.clone()), expected, rtol=1e-6, atol=1e-9), way
        except (InputError, RuntimeError) as error:
            refused[way] = str(error)
    assert all("torch.func" in text and ": " in text and "\n" not in text for text in refused.values())
    explicit = name in ("rk4", "dormand-prince-54", "adams") and "backward" not in how
    assert not (explicit and refused)


def test_odeint_adjoint_says_that_transforms_do_not_see_through_it():
    with pytest.raises(InputError, match="use odeint"):
        torch.func.jacrev(
            lambda y: t2n.odeint_adjoint(lambda t, y: -y, y, torch.tensor([0.0, 1.0]), adjoint_params=())
        )(torch.ones(2))


def to(t1):
    return t2n.integrate("dormand-prince-54", lambda t, y: -y, torch.ones(1, dtype=D), 0, t1, rtol=1e-7)[0]


def asked_at(t):
    return t2n.odeint(lambda t, y: -y, torch.ones(1, dtype=D), torch.stack((0 * t, t)), rtol=1e-7)[1, 0]


@pytest.mark.parametrize("solve", [to, asked_at])
@pytest.mark.parametrize("way", [torch.func.jacfwd, torch.func.jacrev, torch.func.grad])
def test_times_have_a_derivative_in_every_mode(way, solve):
    t = torch.tensor(1.0, dtype=D)
    assert torch.allclose(way(solve)(t), -torch.exp(-t), rtol=1e-5)
    with pytest.raises(InputError, match="no second derivatives by times"):
        torch.func.jacfwd(way(solve))(t)


def test_times_and_weights_have_a_mixed_derivative_and_times_no_second_one():
    p, t = (torch.tensor(x, dtype=D, requires_grad=True) for x in (0.7, 1.0))
    y = t2n.integrate("dormand-prince-54", lambda t, y: -p * y, torch.ones(1, dtype=D), 0, t, rtol=1e-8)
    (by_time,) = torch.autograd.grad(y.sum(), t, create_graph=True)
    (mixed,) = torch.autograd.grad(by_time, p, retain_graph=True)
    assert torch.allclose(mixed, torch.exp(-p) * (p - 1), rtol=1e-5)
    with pytest.raises(RuntimeError, match="no second derivatives by times"):
        torch.autograd.grad(by_time, t)


def crossed(p):
    how = {"rtol": 1e-7, "event": lambda t, y: y[0] - 0.5, "full": True}
    return t2n.integrate("dormand-prince-54", lambda t, y: -p * y, torch.ones(1, dtype=D), 0, 5, **how)


def met(p):
    how = {"event_fn": lambda t, y: y[0] - 0.5, "rtol": 1e-7}
    return t2n.odeint_event(lambda t, y: -p * y, torch.ones(1, dtype=D), torch.tensor(0.0, dtype=D), **how)[0]


@pytest.mark.parametrize("time", [lambda p: crossed(p).ending.t, lambda p: crossed(p).y[0], met])
def test_the_time_of_an_event_has_first_derivatives_by_backward_alone(time):
    p = torch.tensor(0.7, dtype=D, requires_grad=True)
    torch.autograd.grad(time(p), p)
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(time(p), p, create_graph=True)
    for way in (torch.func.jacfwd, torch.func.jacrev):
        with pytest.raises(InputError, match="do not see how its time moves"):
            way(time)(p.detach())
