"""Continuous normalizing flows: Gaussians in closed form, determinants by autograd, mass on a grid, both densities."""

import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Laplace, Uniform

import tableau2net as t2n
from tableau2net.errors import InputError
from tests.fields import smooth

DOUBLE = torch.float64
X = torch.randn(5, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


class Linear(nn.Module):
    """y' = A y."""

    def __init__(self):
        super().__init__()
        self.A = nn.Parameter(torch.tensor([[0.3, -0.8], [0.5, -0.4]], dtype=DOUBLE))

    def forward(self, t, y):
        return y @ self.A.T


class Wave(nn.Module):
    """A field of time and state that is far from linear."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.9, -0.5], [0.7, 0.6]], dtype=DOUBLE))

    def forward(self, t, y):
        return torch.sin(y @ self.weight + t) @ self.weight.T


def gaussian(x, A):
    """log p(x) where y = exp(A) x is standard normal."""
    E = torch.linalg.matrix_exp(A.detach())
    return -(x @ E.T).square().sum(1) / 2 - math.log(2 * math.pi) + A.detach().trace()


def determinants(block, x):
    """log |det| of each row's map, by autograd's Jacobian, with its own gradient."""
    J = torch.autograd.functional.jacobian(lambda x: block(x).sum(0), x, create_graph=True)
    return torch.linalg.slogdet(J.transpose(0, 1))[1]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"rtol": 1e-9}, 3e-8),
        ({"scheme": "rk4", "steps": 30}, 1e-6),
        ({"scheme": "adams-bashforth-3", "steps": 60}, 1e-4),
        ({"scheme": "radau-iia-2", "rtol": 1e-5}, 1e-3),
        ({"scheme": "gauss-2", "steps": 4, "tolerance": 1e-9}, 2e-4),
        ({"scheme": "rk4", "steps": 30, "times": (1.0, 0.0)}, 1e-6),
    ],
)
def test_a_linear_field_carries_gaussians(how, error):
    flow = t2n.ContinuousFlow(Linear(), 2, **how)
    A = flow.field.A if "times" not in how else -flow.field.A
    torch.testing.assert_close(flow.log_prob(X), gaussian(X, A), rtol=0, atol=error)
    with torch.no_grad():
        there = flow.to_base(X)
        back = flow.to_data(there.y)
    torch.testing.assert_close(back.y, X, rtol=0, atol=error)
    torch.testing.assert_close(back.log_det, -there.log_det, rtol=0, atol=error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "error"),
    [("rodas5pe", 1e-8), ("exprb-32", 1e-8), ("tdrk-53", 1e-6), ("enright-1", 1e-3), ("glee-35", 1e-3)],
)
def test_schemes_of_every_family_carry_it(scheme, error):
    """Rosenbrock, exponential Rosenbrock, two derivatives, general linear: some ask for the Jacobian of the trace, or
    for its derivative along the solution."""
    flow = t2n.ContinuousFlow(Linear(), 2, scheme, steps=6)
    torch.testing.assert_close(flow.log_prob(X), gaussian(X, flow.field.A), rtol=0, atol=error)
    wave = t2n.ContinuousFlow(Wave(), 2, scheme, steps=6)
    with torch.no_grad():
        fine = t2n.ContinuousFlow(Wave(), 2, rtol=1e-6).log_prob(X)
        torch.testing.assert_close(wave.log_prob(X), fine, rtol=0, atol=0.1)


def test_the_trace_is_the_determinant_of_what_was_solved():
    flow = t2n.ContinuousFlow(Wave(), 2, rtol=1e-9)
    wanted = determinants(lambda x: flow.to_base(x).y, X)
    torch.testing.assert_close(flow.to_base(X).log_det, wanted, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("scheme", "order", "steps"), [("euler", 1, 32), ("heun-euler-21", 2, 12), ("rk4", 4, 4)])
def test_the_two_densities_differ_by_the_order_of_the_scheme(scheme, order, steps):
    def apart(steps):
        flow = t2n.ContinuousFlow(Wave(), 2, scheme, steps=steps)
        with torch.no_grad():
            return (flow.log_prob(X) - flow.log_prob(X, of="steps")).abs().max().item()

    assert math.log2(apart(steps) / apart(2 * steps)) == pytest.approx(order, abs=0.35)


def test_mass_is_one():
    """Of the steps, however coarse they are; of the flow, up to their error."""
    side = torch.linspace(-9, 9, 61, dtype=DOUBLE)
    grid, cell = torch.cartesian_prod(side, side), (side[1] - side[0]).item() ** 2
    coarse = t2n.ContinuousFlow(Wave(), 2, "euler", steps=4)
    with torch.no_grad():
        assert coarse.log_prob(grid, of="steps").exp().sum().item() * cell == pytest.approx(1, abs=1e-6)
        assert abs(coarse.log_prob(grid).exp().sum().item() * cell - 1) > 1e-2
        fine = t2n.ContinuousFlow(Wave(), 2, "rk4", steps=12)
        assert fine.log_prob(grid).exp().sum().item() * cell == pytest.approx(1, abs=1e-3)


def test_the_density_of_the_steps_is_that_of_their_determinant_and_samples_undo_them():
    flow = t2n.ContinuousFlow(Wave(), 2, "euler", steps=3)
    z = flow.net(X)
    torch.testing.assert_close(flow.log_prob(X, of="steps"), flow.base.log_prob(z) + determinants(flow.net, X))
    gradients = []
    for route in (flow.log_prob(X, of="steps"), flow.base.log_prob(flow.net(X)) + determinants(flow.net, X)):
        gradients.append(torch.autograd.grad(route.sum(), flow.field.weight)[0])
    torch.testing.assert_close(*gradients)
    torch.manual_seed(3)
    drawn = flow.base.sample((7,))
    torch.manual_seed(3)
    found = flow.sample((7,), of="steps")
    torch.testing.assert_close(flow.net(found), drawn)
    torch.manual_seed(3)
    assert (flow.sample((7,)) - found).abs().max() > 1e-2  # of the flow: another map


def hutchinson_mean(of, **how):
    """The mean over all vectors of signs, of a value and its gradient."""
    flow = t2n.ContinuousFlow(Wave(), 2, "rk4", steps=3, trace="rademacher", **how)
    values = []
    for signs in itertools.product((-1.0, 1.0), repeat=2):
        values.append(of(flow, torch.tensor(signs, dtype=DOUBLE).expand(1, 5, 2)))
    torch.stack(values).mean().backward()
    return torch.stack(values).mean(0), flow.field.weight.grad


def test_with_random_probes_value_and_gradient_are_unbiased():
    penalties = {"kinetic": 0.3, "jacobian": 0.2}
    flow = t2n.ContinuousFlow(Wave(), 2, "rk4", steps=3, penalties=penalties)
    loss = flow.loss(X)
    loss.backward()
    value, gradient = hutchinson_mean(lambda flow, noise: flow.loss(X, noise=noise), penalties=penalties)
    torch.testing.assert_close(value, loss)
    torch.testing.assert_close(gradient, flow.field.weight.grad)
    value, _ = hutchinson_mean(lambda flow, noise: flow.log_prob(X, noise=noise))
    torch.testing.assert_close(value, flow.log_prob(X))
    rough = t2n.ContinuousFlow(flow.field, 2, "rk4", steps=3, trace="gaussian")
    torch.testing.assert_close(rough.log_prob(X, trace="exact"), flow.log_prob(X))


@pytest.mark.parametrize("backward", ["checkpoint", "reversible"])
def test_steps_taken_again_have_the_same_probes_and_gradients(backward):
    how = {"coupling": "999/1000"} if backward == "reversible" else {}
    field, noise = Wave(), torch.randn(2, 5, 2, dtype=DOUBLE)
    found = []
    for options in ({"backward": backward, **how}, {"backward": backward, **how}, {}):
        flow = t2n.ContinuousFlow(
            field, 2, "rk2", steps=4, trace="gaussian", probes=2, penalties={"jacobian": 1.0}, **options
        )
        field.weight.grad = None
        if found:
            flow.loss(X, noise=noise).backward()
        else:  # other solves come between the passes
            loss = flow.loss(X, noise=noise)
            flow.loss(X + 1)
            loss.backward()
        found.append(field.weight.grad)
    tolerance = 1e-12 if backward == "checkpoint" else 2e-2  # a coupled step is another one
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2], rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_the_adjoint_equation_carries_the_density_too():
    pytest.importorskip("torchdiffeq")
    gradients = []
    for backward in ("adjoint", "store"):
        flow = t2n.ContinuousFlow(Wave(), 2, "rk4", steps=4, backward=backward)
        flow.loss(X).backward()
        gradients.append(flow.field.weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


def test_it_is_the_flow_of_torchdiffeq_users():
    """The augmented system and the brute-force divergence as FFJORD's authors write them, by torchdiffeq."""
    torchdiffeq = pytest.importorskip("torchdiffeq")
    flow = t2n.ContinuousFlow(Wave(), 2, rtol=1e-8)

    def augmented(t, states):
        y = states[0].detach().requires_grad_()
        slope = flow.field(t, y)
        each = [torch.autograd.grad(slope[:, i].sum(), y, retain_graph=True)[0][:, i] for i in range(2)]
        return slope.detach(), sum(each)

    times = torch.tensor([0.0, 1.0], dtype=DOUBLE)
    z, change = torchdiffeq.odeint(augmented, (X, torch.zeros(5, dtype=DOUBLE)), times, rtol=1e-8, atol=1e-8)
    wanted = -z[-1].square().sum(1) / 2 - math.log(2 * math.pi) + change[-1]
    torch.testing.assert_close(flow.log_prob(X).detach(), wanted, rtol=0, atol=1e-6)


def test_gradients_are_those_of_differences():
    """Of the loss with its penalties, by adaptive steps."""
    flow = t2n.ContinuousFlow(Wave(), 2, rtol=1e-8, penalties={"kinetic": 0.1, "jacobian": 0.05})
    flow.loss(X).backward()
    weight = flow.field.weight
    losses = []
    with torch.no_grad():
        for step in (1e-5, -2e-5):
            weight[1, 0] += step
            losses.append(flow.loss(X).item())
    assert (losses[0] - losses[1]) / 2e-5 == pytest.approx(weight.grad[1, 0].item(), rel=1e-4)


def test_penalties_and_probes_do_not_change_the_steps():
    plain = t2n.ContinuousFlow(Wave(), 2, rtol=1e-6)
    other = t2n.ContinuousFlow(Wave(), 2, rtol=1e-6, penalties={"kinetic": 1.0, "jacobian": 2.0})
    a, b = plain.to_base(X), other.to_base(X)
    assert plain.evaluations == other.evaluations > 20
    torch.testing.assert_close(a.y, b.y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(a.log_det, b.log_det, rtol=1e-12, atol=1e-12)
    assert set(b.sums) == {"kinetic", "jacobian"}
    back = other.to_data(a.y)
    torch.testing.assert_close(back.sums["kinetic"], b.sums["kinetic"], rtol=1e-4, atol=1e-5)  # ∫ |dt|, either way


def test_names_and_shapes_are_those_of_torch_distributions():
    laplace = Independent(Laplace(torch.zeros(1, 3, 3), torch.ones(1, 3, 3)), 3)
    flow = t2n.ContinuousFlow(nn.Conv2d(1, 1, 3, padding=1), (1, 3, 3), "rk2", steps=2, base=laplace)
    assert flow.event_shape == (1, 3, 3)
    assert flow.sample().shape == (1, 3, 3)
    assert flow.sample((2, 4)).shape == (2, 4, 1, 3, 3)
    assert not flow.sample((2,)).requires_grad
    assert flow.rsample((2,)).requires_grad
    assert flow.log_prob(torch.randn(2, 4, 1, 3, 3)).shape == (2, 4)
    assert flow.log_prob(torch.randn(1, 3, 3)).shape == ()
    assert sorted(flow.state_dict()) == ["field.bias", "field.weight"]
    path = flow.path(torch.randn(2, 1, 3, 3), [0.0, 0.5, 1.0])
    assert path.shape == (3, 2, 1, 3, 3)
    torch.testing.assert_close(path[-1], flow.to_base(path[0]).y)


def test_a_flow_is_copied_and_moved_as_one():
    flow = t2n.ContinuousFlow(smooth(2), 2, "rk4", steps=2)
    other = copy.deepcopy(flow).float()
    with torch.no_grad():
        next(other.parameters()).zero_()
        assert other.sample((2,)).dtype == torch.float32
        assert not torch.allclose(other.log_prob(X.float()).double(), flow.log_prob(X), atol=1e-3)
        assert other.log_prob(X.float(), of="steps").dtype == torch.float32
    flow.load_state_dict(other.double().state_dict())
    torch.testing.assert_close(flow.log_prob(X), other.log_prob(X))


def test_what_asks_for_no_gradient_has_none():
    """Of frozen weights; of a tensor that a field holds, and that is no parameter of it, there is one."""
    flow = t2n.ContinuousFlow(Wave().requires_grad_(False), 2, "rk2", steps=2)
    assert not flow.log_prob(X).requires_grad
    assert flow.log_prob(X.clone().requires_grad_()).requires_grad
    flow.field.weight = None
    flow.field.__dict__["weight"] = held = (2 * torch.eye(2, dtype=DOUBLE)).requires_grad_()
    flow.log_prob(X).sum().backward()
    assert held.grad.abs().min() > 0


@pytest.mark.slow
def test_steps_are_one_graph():
    how = {"trace": "rademacher", "penalties": {"kinetic": 1.0, "jacobian": 1.0}}
    flow, noise = t2n.ContinuousFlow(Wave(), 2, "euler", steps=2, **how), torch.randn(1, 5, 2, dtype=DOUBLE)
    compiled = torch.compile(lambda x, noise: flow.loss(x, noise=noise), fullgraph=True, backend="eager")
    gradients = []
    for loss in (compiled(X, noise), flow.loss(X, noise=noise)):
        flow.field.weight.grad = None
        loss.backward()
        gradients.append((loss.detach(), flow.field.weight.grad))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("attempt", "says"),
    [
        (lambda: t2n.ContinuousFlow(Wave(), 2), "steps, rtol: give fixed steps or a tolerance"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=4, rtol=1e-3), "steps, rtol: give fixed steps or a tolerance"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=0), "steps=0: a whole number, at least 1"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, rtol=-1.0), "rtol=-1.0: a number that is not negative"),
        (
            lambda: t2n.ContinuousFlow(Wave(), 2, rtol=1e-3, backward="checkpoint"),
            "backward: steps by a tolerance take",
        ),
        (lambda: t2n.ContinuousFlow(Wave(), 2, "bdf-3", rtol=1e-3), "remembers earlier steps, so its steps are given"),
        (
            lambda: t2n.ContinuousFlow(Wave(), 2, "forest-ruth-4", steps=3),
            "a flow's scheme has one state and one field",
        ),
        (lambda: t2n.ContinuousFlow(Wave(), 2, "ars-111", steps=3), "a flow's scheme has one state and one field"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, "rk4", steps=3, sharing="step"), "sharing"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, times=(1.0, 1.0)), "times=.1.0, 1.0.: two that differ"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, penalties={"kinetic": -0.1}), "kinetic: -0.1; a weight"),
        (
            lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, penalties={"energy": 1}),
            "'energy' is none of kinetic, jacobian",
        ),
        (
            lambda: t2n.ContinuousFlow(Wave(), 3, steps=3, base=Independent(Laplace(torch.zeros(2), 1.0), 1)),
            r"base: its rows are \(2,\), those of the flow \(3,\)",
        ),
        (
            lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).log_prob(torch.zeros(4, 3)),
            r"value of shape \(4, 3\): it ends",
        ),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).log_prob(X, of="net"), "of='net': write 'flow' or 'steps'"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, rtol=1e-3).log_prob(X, of="steps"), "another network for each batch"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, "bdf-2", steps=3).log_prob(X, of="steps"), "one-step schemes alone"),
        (lambda: t2n.ContinuousFlow(nn.BatchNorm1d(2).double(), 2, steps=3).log_prob(X), "BatchNorm in training mode"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).log_prob([[1.0, 2.0]]), "value: a list; a tensor of floating"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).loss(X.long()), "value: torch.int64; a tensor of floating"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).log_prob(X.float()), "the field's parameters are of torch.fl"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3).sample(3), r"sample_shape=3: a tuple of sizes"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, times=1), "times=1: two that differ"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, times=("a", "b")), "times=.*: two that differ"),
        (lambda: t2n.ContinuousFlow(Wave(), 2.5, steps=3), "shape=2.5: of a row"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, penalties=["kinetic"]), "penalties=.*: a weight for each"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, base="normal"), "Distribution is wanted, not a str"),
        (lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, trace="gaussian").log_prob(X, noise=3), "noise=3: a tensor"),
        (
            lambda: t2n.ContinuousFlow(
                Wave(), 2, steps=3, base=Independent(Laplace(torch.zeros(2), torch.ones(2)), 1)
            ).sample((4,)),
            "states of torch.float32: the field's parameters are of torch.float64",
        ),
        (
            lambda: t2n.ContinuousFlow(Wave(), 2, steps=3, base=Independent(Uniform(torch.zeros(2), 1.0), 1)),
            "base: it is bounded",
        ),
        (lambda: t2n.AugmentedField(Wave(), 2, ("trace",)), "quantities: a sequence of functions"),
        (lambda: t2n.AugmentedField(Wave(), 2, len), "quantities: a sequence of functions"),
        (lambda: t2n.AugmentedField(Wave(), 2).end(X), r"states: \(5, 2\); rows of 3 numbers"),
        (lambda: t2n.AugmentedField(Wave(), 2)(0.0, X[0]), r"rows \(N, 3\) are wanted"),
    ],
)
def test_what_does_not_fit_is_said(attempt, says):
    with pytest.raises(InputError, match=says):
        attempt()


def test_a_view_of_what_wants_a_gradient_is_no_leaf_where_none_is_taken():
    from tableau2net.nn.flows.augmented_field import trace

    rows = torch.randn(3, 5, dtype=DOUBLE, requires_grad=True)
    augmented = t2n.AugmentedField(Wave(), 2, (trace,))
    energy = t2n.GradientField(lambda y: y.sin().prod(-1))
    with torch.no_grad():
        found, slope = augmented(0.0, rows[:, :3]), energy(rows[:, :2])
    torch.testing.assert_close(found, augmented(0.0, rows[:, :3].detach()))
    torch.testing.assert_close(slope, energy(rows[:, :2].detach()))
