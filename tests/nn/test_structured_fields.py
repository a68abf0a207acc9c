"""Fields made of an energy or a Lagrangian: by formulas, by what they keep, in every mode."""

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n
from tests.nn.mechanics import (
    double_pendulum_acceleration,
    double_pendulum_hamiltonian,
    double_pendulum_lagrangian,
    double_pendulum_mass,
    numbers,
    pendulum_hamiltonian,
    smooth_net,
)

SHAPES = [(4,), (3, 4), (2, 3, 4)]


def slope_of(scalar, y):
    """∇ by autograd, apart from ours."""
    at = y.detach().clone().requires_grad_()
    return torch.autograd.grad(scalar(at).sum(), at)[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_pendulum_by_hand(shape):
    y = numbers(*shape)
    q, p = y[..., :2], y[..., 2:]
    by_hand = torch.cat((p, -q.sin()), -1)
    separable = t2n.SeparableField(lambda p: p.square().sum(-1) / 2, lambda q: -q.cos().sum(-1, keepdim=True))
    of_y = t2n.GradientField(lambda y: pendulum_hamiltonian(y[..., :2], y[..., 2:]))
    for field in (t2n.GradientField(pendulum_hamiltonian), of_y, separable):
        torch.testing.assert_close(field(y), by_hand, rtol=0, atol=1e-15)
        torch.testing.assert_close(field(0.5, y.float()), by_hand.float())
        assert field.energy(y).shape == shape[:-1]
    for field in (of_y, t2n.GradientField(pendulum_hamiltonian)):
        of_p, of_q = field.pair
        assert torch.equal(of_p(p, q), -q.sin())
        assert torch.equal(of_q(0.1, p, q), p)
    of_p, of_q = separable.pair
    assert torch.equal(of_p(q), -q.sin())
    assert torch.equal(of_q(0.1, p), p)
    torch.testing.assert_close(t2n.GradientFlow(lambda y: (y**4).sum(-1))(y), -4 * y**3)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_double_pendulum_by_hand(shape):
    y = numbers(*shape)
    field = t2n.LagrangianField(double_pendulum_lagrangian)
    q, v = y[..., :2].numpy(), y[..., 2:].numpy()
    by_hand = np.concatenate((v, double_pendulum_acceleration(q, v)), -1)
    np.testing.assert_allclose(field(y).numpy(), by_hand, rtol=0, atol=1e-12)
    p = np.einsum("...ij,...j->...i", double_pendulum_mass(q), v)
    np.testing.assert_allclose(field.momenta(y).numpy(), p, rtol=0, atol=1e-14)
    canonical = torch.cat((y[..., :2], torch.from_numpy(p)), -1)
    hamiltonian = t2n.GradientField(double_pendulum_hamiltonian)
    torch.testing.assert_close(field.energy(y), hamiltonian.energy(canonical), rtol=1e-13, atol=1e-13)


def test_a_lagrangian_and_its_legendre_transform_go_the_same_way():
    """The flow of L in (q, v) is that of H in (q, p), p = M(q) v."""
    y = numbers(3, 4)
    lagrangian = t2n.LagrangianField(double_pendulum_lagrangian)
    start = torch.cat((y[:, :2], lagrangian.momenta(y)), -1)
    found = t2n.integrate("dormand-prince-54", lagrangian, y, 0, 0.1, rtol=1e-8, atol=1e-8)
    other = t2n.integrate(
        "dormand-prince-54", t2n.GradientField(double_pendulum_hamiltonian), start, 0, 0.1, rtol=1e-8, atol=1e-8
    )
    torch.testing.assert_close(torch.cat((found[:, :2], lagrangian.momenta(found)), -1), other, rtol=0, atol=1e-6)


def skew_fields():
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    made = smooth_net(4, 16)
    return {
        "canonical": None,
        "a matrix": a - a.mT,
        "learnt": nn.Parameter(a.clone()),
        "of the state": nn.Sequential(made, nn.Unflatten(-1, (4, 4))),
    }


@pytest.mark.parametrize("kind", skew_fields())
def test_the_energy_stands_still_along_the_flow(kind):
    H, y = smooth_net(4, seed=5), numbers(6, 4)
    field = t2n.GradientField(H, skew_fields()[kind])
    assert (slope_of(H, y) * field(y)).sum(-1).abs().max() < 1e-14
    assert field(y).abs().max() > 0.01
    assert field.canonical == (kind != "of the state")
    parameters = dict(field.named_parameters())
    gradients = torch.autograd.grad(field(y).square().sum(), list(parameters.values()), allow_unused=True)
    none = [name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None]
    assert none == ["scalar.function.2.bias"]  # a constant in H


DAMPING = {
    "a vector": torch.tensor([0.0, 0.0, 0.3, 2.0]),
    "a matrix": torch.diag(torch.tensor([0.0, 0.0, 0.3, 0.3])) + 0.1,
    "learnt": nn.Parameter(numbers(4, 2)),
    "a learnt diagonal": nn.Parameter(numbers(4)),
    "of the state": nn.Sequential(smooth_net(4, 8), nn.Unflatten(-1, (4, 2))),
}


def resistance(R, y):
    """R itself, at each state."""
    if isinstance(R, nn.Parameter):
        return (torch.diag(R) if R.dim() == 1 else R) @ (torch.diag(R) if R.dim() == 1 else R).mT
    if isinstance(R, torch.Tensor):
        return (torch.diag(R) if R.dim() == 1 else R).double()
    return R(y) @ R(y).mT


@pytest.mark.parametrize("kind", DAMPING)
def test_what_a_port_takes_in_is_kept_or_dissipated(kind):
    H, y, R = smooth_net(4, seed=5), numbers(6, 4), DAMPING[kind]
    g, u = numbers(4, 3, seed=2), numbers(3, seed=4)
    field = t2n.PortHamiltonianField(H, R=R, g=g, u=lambda t: t * u)
    slope = slope_of(H, y)
    lost = torch.einsum("bi,bij,bj->b", slope, resistance(R, y).expand(6, 4, 4), slope)
    assert (lost > 0).all()
    power = (slope * field(2.0, y)).sum(-1)
    torch.testing.assert_close(power, 2 * (slope @ g) @ u - lost, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(field.dissipated(y), lost, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(field.output(y), slope @ g)
    driven, given = t2n.PortHamiltonianField(H, R=R, g=g), t2n.PortHamiltonianField(H, R=R, g=g, u=2 * u)
    torch.testing.assert_close(driven(y, 2 * u), field(2.0, y))
    torch.testing.assert_close(driven(0.1, y, (2 * u).expand(6, 3)), given(y))
    assert torch.equal(t2n.PortHamiltonianField(H)(y), t2n.GradientField(H)(y))
    assert not t2n.PortHamiltonianField(H).dissipated(y).any()


def fields():
    return {
        "H": t2n.GradientField(smooth_net(4)),
        "K + V": t2n.SeparableField(smooth_net(2), smooth_net(2, seed=1)),
        "port": t2n.PortHamiltonianField(smooth_net(4), R=nn.Parameter(numbers(4, 2))),
        "L": t2n.LagrangianField(lambda q, v: double_pendulum_lagrangian(q, v) + WEIGHT * (q * v).sum(-1) ** 2),
    }


WEIGHT = nn.Parameter(torch.tensor(0.1, dtype=torch.float64))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch's own, of the first tangent in a process
@pytest.mark.parametrize("kind", fields())
def test_every_mode_gives_the_same(kind):
    field, y = fields()[kind], numbers(5, 4)
    expected = field(y).detach()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert not field(y.clone()).requires_grad
            torch.testing.assert_close(field(y.clone()), expected)
    torch.testing.assert_close(torch.func.vmap(field)(y), expected)
    v = numbers(5, 4, seed=7)
    _, tangent = torch.func.jvp(field, (y,), (v,))
    with torch.autograd.forward_ad.dual_level():
        dual = field(torch.autograd.forward_ad.make_dual(y, v))
        torch.testing.assert_close(torch.autograd.forward_ad.unpack_dual(dual).tangent, tangent)
    at = y.clone().requires_grad_()
    row = numbers(5, 4, seed=8)
    (pulled,) = torch.autograd.grad((field(at) * row).sum(), at)
    torch.testing.assert_close((pulled * v).sum(), (row * tangent).sum())


@pytest.mark.parametrize("kind", fields())
def test_gradients_of_the_gradient(kind):
    field, y = fields()[kind], numbers(2, 4)
    names = [*dict(field.named_parameters())][:2]
    held = [dict(field.named_parameters())[name] for name in names]

    def called(y, *values):
        return torch.func.functional_call(field, dict(zip(names, values, strict=True)), (y,))

    assert torch.autograd.gradcheck(called, (y.requires_grad_(), *held), fast_mode=True)
    assert torch.autograd.gradgradcheck(called, (y, *held), fast_mode=True)


def test_gradients_are_those_of_transforms():
    """Training on slopes: y wants no gradient, the weights do; the same through `torch.func`."""
    H, y = smooth_net(4), numbers(5, 4)
    ways = []
    for gradient in (t2n.GradientFlow(H)(y), -torch.func.grad(lambda y: H(y).sum())(y)):
        ways.append(torch.autograd.grad(gradient.square().sum(), list(H.parameters())[:3]))
    for ours, theirs in zip(*ways, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_energies_without_parameters_keep_no_graph():
    y = numbers(5, 4)
    for H in (pendulum_hamiltonian, lambda y: torch.zeros(y.shape[:-1]), lambda q, p: q.sum(-1) * 0 + 1):
        slope = t2n.GradientField(H)(y)
        assert not slope.requires_grad
        with torch.no_grad():
            torch.testing.assert_close(t2n.GradientField(H)(y), slope)
        (back,) = torch.autograd.grad(t2n.GradientField(H)(y.requires_grad_()).sum() + y.sum(), y)
        assert back.shape == y.shape
        y = y.detach()
    assert not t2n.GradientField(lambda y: torch.ones(5, dtype=torch.float64))(y).any()


@pytest.mark.slow
@pytest.mark.parametrize("kind", fields())
def test_compiled(kind):
    field, y = fields()[kind], numbers(5, 4)
    torch._dynamo.reset()
    torch.testing.assert_close(torch.compile(field, fullgraph=True, backend="aot_eager")(y), field(y))


def of_velocity(q, v):
    return v.sum(-1) - q.square().sum(-1)


def of_y(y):
    return y.square().sum(-1)


def normalised():
    return nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 1)).double()


BAD = {
    "odd": (lambda: t2n.GradientField(lambda y: y.sum(-1))(numbers(5, 3)), "last dimension of the state is 3"),
    "odd q, p": (lambda: t2n.GradientField(pendulum_hamiltonian)(numbers(5, 3)), "last dimension of the state is 3"),
    "odd L": (lambda: t2n.LagrangianField(of_velocity)(numbers(5)), "last dimension of the state is 5"),
    "no function": (lambda: t2n.GradientField(3), "H: a function or a module is expected, not int"),
    "three": (lambda: t2n.GradientField(lambda a, b, c: a), r"write it as H\(y\) or H\(q, p\)"),
    "p, q": (lambda: t2n.GradientField(lambda p, q: p), r"give lambda q, p: H\(p, q\)"),
    "one number for all": (lambda: t2n.GradientField(lambda y: y.norm())(numbers(5, 4)), "one number for each"),
    "numbers for each entry": (lambda: t2n.GradientFlow(torch.square)(numbers(5, 4)), r"V gives \(5, 4\)"),
    "J": (lambda: t2n.GradientField(torch.sum, torch.eye(4)), "J: a skew matrix is expected"),
    "J of another size": (
        lambda: t2n.GradientField(lambda y: y.sum(-1), torch.zeros(3, 3))(numbers(5, 4)),
        r"J is \(3, 3\) for states of shape \(5, 4\)",
    ),
    "pair of J": (lambda: t2n.GradientField(torch.sum, torch.zeros(4, 4)).pair, "leave J out"),
    "pair of H": (
        lambda: t2n.integrate("forest-ruth-4", t2n.GradientField(pendulum_hamiltonian).pair, ([1.0], [1.0]), 0, 1, 2),
        r"H must be K\(p\) \+ V\(q\)",
    ),
    "R": (lambda: t2n.PortHamiltonianField(torch.sum, R=torch.tensor([1.0, -1.0])), "R: R ≥ 0 is expected"),
    "R, a matrix": (
        lambda: t2n.PortHamiltonianField(torch.sum, R=torch.tensor([[1.0, 2.0], [2.0, 1.0]])),
        "R: R ≥ 0 is expected",
    ),
    "u": (lambda: t2n.PortHamiltonianField(torch.sum, u=torch.ones(2)), "needs a port"),
    "driven": (
        lambda: t2n.PortHamiltonianField(pendulum_hamiltonian, g=torch.ones(4, 1))(numbers(5, 4)),
        "last argument of the call",
    ),
    "no time": (
        lambda: t2n.PortHamiltonianField(pendulum_hamiltonian, g=torch.ones(4, 1), u=torch.sin)(numbers(5, 4)),
        "u is a function of the time",
    ),
    "linear in v": (lambda: t2n.LagrangianField(of_velocity)(numbers(5, 4)), "mass matrix .* is singular"),
    "no v": (lambda: t2n.LagrangianField(lambda q, v: q.sum(-1))(numbers(4)), "mass matrix .* is singular"),
    "one direction": (
        lambda: t2n.LagrangianField(lambda q, v: (0.3 * v[..., 0] + 0.7 * v[..., 1]) ** 2)(numbers(4)),
        "mass matrix .* is singular",
    ),
    "no velocity": (
        lambda: t2n.integrate(
            "nystrom-rkn-4", t2n.LagrangianField(of_velocity).acceleration, ([1.0, 2.0], [1.0, 0.0]), 0, 1, 2
        ),
        "q'' is of q and v",
    ),
    "a list": (lambda: t2n.GradientField(pendulum_hamiltonian)([1.0, 2.0]), "the state is a list"),
    "whole numbers": (
        lambda: t2n.LagrangianField(of_velocity)(torch.ones(4, dtype=torch.int64)),
        "state is torch.int64",
    ),
    "complex": (lambda: t2n.GradientField(of_y)(torch.ones(4, dtype=torch.complex128)), "state is torch.complex128"),
    "J of time": (lambda: t2n.GradientField(of_y, lambda t, y: y), r"J\(t, y\): a function of the state alone"),
    "in place": (lambda: t2n.GradientField(lambda y: y.mul_(2).sum(-1))(numbers(4)), "changes its state in place"),
    "in place, energy": (
        lambda: t2n.GradientField(lambda y: y.mul_(2).sum(-1)).energy(numbers(4)),
        "changes its state in place",
    ),
    "no number": (
        lambda: t2n.LagrangianField(lambda q, v: v.square().sum(-1).sqrt() + v.square().sum(-1))(torch.zeros(4)),
        "is no number at this state",
    ),
    "pair of R": (lambda: t2n.PortHamiltonianField(pendulum_hamiltonian, R=torch.ones(4)).pair, "R, g: a pair"),
    "friction unseen": (
        lambda: t2n.energy_drift(
            "lobatto-iiia-iiib-2", t2n.PortHamiltonianField(pendulum_hamiltonian, R=torch.ones(4)), numbers(4), 1, 2
        ),
        "R, g: a pair of fields has neither",
    ),
    "driven by a scheme": (
        lambda: t2n.integrate(
            "rk4", t2n.PortHamiltonianField(pendulum_hamiltonian, g=torch.ones(4, 1)), numbers(4), 0, 1, 2
        ),
        "u is not given",
    ),
    "u a number": (
        lambda: t2n.PortHamiltonianField(
            pendulum_hamiltonian, g=torch.ones(4, 1, dtype=torch.float64), u=lambda t: 0.3 * t
        )(0.5, numbers(5, 4)),
        "u is float: a tensor",
    ),
    "u of another width": (
        lambda: t2n.PortHamiltonianField(pendulum_hamiltonian, g=torch.ones(4, 1), u=torch.ones(2))(numbers(5, 4)),
        r"u is \(2,\): a tensor \(…, 1\)",
    ),
    "BatchNorm": (lambda: t2n.GradientField(normalised())(numbers(5, 4)), "H: BatchNorm in training mode"),
    "BatchNorm in L": (lambda: t2n.LagrangianField(normalised())(numbers(5, 4)), "L: BatchNorm in training mode"),
    "dropout": (lambda: t2n.LagrangianField(nn.Dropout(0.5))(numbers(5, 4)), "L: dropout makes it another one"),
    "dropout by function": (
        lambda: t2n.GradientField(lambda y: nn.functional.dropout(y, 0.5).sum(-1))(numbers(5, 4)),
        "H: it draws random numbers",
    ),
    "no energy": (lambda: t2n.energy_drift("rk4", nn.Identity(), numbers(4), 1, 2), "has no energy"),
    "no pair": (
        lambda: t2n.energy_drift("forest-ruth-4", t2n.LagrangianField(of_velocity), numbers(4), 1, 2),
        "it has 2 states; a LagrangianField is a field of one",
    ),
    "no acceleration": (
        lambda: t2n.energy_drift("nystrom-rkn-4", t2n.GradientField(pendulum_hamiltonian), numbers(4), 1, 2),
        "has no acceleration",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(kind):
    call, told = BAD[kind]
    with pytest.raises(t2n.InputError, match=told) as error:
        call()
    assert "\n" not in str(error.value)


def test_masses_of_any_size_are_no_singular_ones():
    masses = torch.tensor([1e-12, 1e12], dtype=torch.float64)
    field = t2n.LagrangianField(lambda q, v: (masses * v.square()).sum(-1) / 2 - (masses * q).sum(-1))
    torch.testing.assert_close(field(numbers(4))[2:], -torch.ones(2, dtype=torch.float64))
