"""AntisymmetricRNN, coRNN and iRNN beside their papers: loops by hand, eigenvalues, growth of gradients."""

import warnings

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.nn import AntisymmetricRNN, CoRNN, IncrementalRNN

T, N, M, H = 6, 3, 2, 5


def sequence(steps=T, width=M):
    return torch.randn(steps, N, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def numbers(net, head=0):
    return sum(p.numel() for p in net.parameters()) + head


def same(net, x, told):
    """Values and gradients in all weights, of the network and of a loop that reads the same weights."""
    found = []
    for out in (net(x)[0], told(x)):
        weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(3))
        found.append((out, *torch.autograd.grad((out * weights).sum(), list(net.parameters()))))
    return all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("gated", [False, True])
def test_antisymmetric_by_euler_is_the_published_recursion(gated):
    torch.manual_seed(0)
    net = AntisymmetricRNN(M, H, epsilon=0.3, gamma=0.05, gated=gated).double()
    field = net.rotating()

    def told(x):
        h, found = torch.zeros(N, H, dtype=torch.float64), []
        w = torch.zeros(H, H, dtype=torch.float64)
        rows, columns = torch.triu_indices(H, H, 1)
        w = w.index_put((rows, columns), field.upper)
        matrix = w - w.T - 0.05 * torch.eye(H, dtype=torch.float64)
        for each in x:
            driven = field.input(each)
            turned = h @ matrix.T
            step = torch.tanh(turned + driven[:, :H])
            h = h + 0.3 * (torch.sigmoid(turned + driven[:, H:]) * step if gated else step)
            found.append(h)
        return torch.stack(found)

    assert same(net, sequence(), told)


def test_numbers_of_parameters():
    """With the linear layer of ten classes, of 128 antisymmetric units, plain and gated, and of coRNN with 128 and
    256."""
    assert [numbers(AntisymmetricRNN(1, 128, gated=g), 129 * 10) for g in (False, True)] == [9_674, 9_930]
    assert [numbers(CoRNN(1, n), (n + 1) * 10) for n in (128, 256)] == [34_314, 134_154]


def jacobian(field, y, x):
    u, held = field.drive(x), field.hoisted()
    return torch.func.jacrev(lambda state: field(state[None], u[None], *held)[0])(y)


def test_eigenvalues_are_where_the_paper_says_and_with_a_gate_they_need_not_be():
    torch.manual_seed(0)
    largest = []
    for gated in (False, True):
        for gamma in (0.0, 0.2):
            field = AntisymmetricRNN(M, 8, "rk4", epsilon=0.1, gamma=gamma, gated=gated, sigma=2.0).double().rotating()
            norm = torch.linalg.matrix_norm(field.rotation(), 2)
            for _ in range(20):
                found = jacobian(field, torch.randn(8).double() / 4, torch.randn(M).double())
                values = torch.linalg.eigvals(found.detach())
                assert values.imag.abs().max() <= norm + 1e-9
                if gated:
                    largest.append(float(values.real.max()))
                else:
                    assert -gamma - 1e-9 <= values.real.min() <= values.real.max() <= 1e-9
    assert max(largest) > 0.01  # the diagonal factor of a gate may be negative


@pytest.mark.parametrize(
    ("scheme", "gamma", "epsilon"),
    [("euler", 0.01, 0.1), ("euler", 0.5, 0.1), ("rk4", 0.0, 0.5)],
)
def test_gradients_grow_over_a_thousand_steps_as_the_stability_function_says(scheme, gamma, epsilon):
    """At rest the field is linear, and its eigenvectors orthogonal: the norm of the gradient is |R(z)|^1000."""
    torch.manual_seed(1)
    net = AntisymmetricRNN(1, 2, scheme, epsilon=epsilon, gamma=gamma).double()
    h0 = torch.zeros(1, 1, 2, dtype=torch.float64, requires_grad=True)
    _, last = net(torch.zeros(1000, 1, 1, dtype=torch.float64), h0)
    gradient = torch.stack([torch.autograd.grad(v, h0, retain_graph=True)[0].flatten() for v in last.flatten()])
    measured = float(torch.linalg.matrix_norm(gradient, 2)) ** (1 / 1000)
    assert measured == pytest.approx(net.growth(), rel=1e-7)
    reach = float(net.reach().detach())
    if scheme == "euler":  # |1 + ε(iω − γ)|
        assert net.growth() == pytest.approx(((1 - epsilon * gamma) ** 2 + reach**2) ** 0.5, rel=1e-12)
    else:
        assert 0.99 < net.growth() <= 1


def test_along_a_sequence_gradients_may_grow_within_the_interval():
    """Euler's by a product of Jacobians by hand; rk4's grows though each step at rest does not."""
    torch.manual_seed(0)
    net = AntisymmetricRNN(1, 6, epsilon=0.5, batch_first=True).double()
    x = 3 * torch.randn(2, 30, 1, dtype=torch.float64)
    matrix = net.rotating().hoisted()[0].T.detach()
    for i, measured in enumerate(net.gradient_growth(x).tolist()):
        product = torch.eye(6, dtype=torch.float64)
        for y, each in zip([torch.zeros(6), *net(x)[0][i]], x[i], strict=False):
            slope = 1 - torch.tanh(matrix @ y.double() + net.rotating().input(each)).square()
            product = (torch.eye(6) + 0.5 * slope[:, None] * matrix) @ product
        assert measured == pytest.approx(float(torch.linalg.matrix_norm(product.detach(), 2)), rel=1e-10)
    assert net.gradient_growth(x[0]) == pytest.approx(net.gradient_growth(x)[:1])
    still = AntisymmetricRNN(1, 6, "rk4", epsilon=0.5, gamma=0).double()
    assert still.growth() == pytest.approx(1, abs=1e-3)
    assert still.gradient_growth(torch.zeros(40, 1, 1).double()) == pytest.approx(1, abs=1e-3)
    assert still.gradient_growth(3 * torch.randn(40, 1, 1).double()) > 1.5
    with pytest.raises(t2n.InputError, match="gated=True"):
        AntisymmetricRNN(1, 6, gated=True).growth()


def test_no_diffusion_is_for_schemes_that_turn_without_growing():
    torch.manual_seed(0)
    with pytest.raises(t2n.InputError, match=r"gamma=0: epsilon.* is beyond the imaginary .* of euler, 0; write gamma"):
        AntisymmetricRNN(M, H, gamma=0)
    with pytest.warns(UserWarning, match="of explicit-midpoint, 0;"):
        AntisymmetricRNN(M, H, "explicit-midpoint", gamma=0, unstable="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AntisymmetricRNN(M, H, gamma=0, unstable="allow")
        net = AntisymmetricRNN(M, 32, "rk4", epsilon=1.0, gamma=0)
        AntisymmetricRNN(M, 32, "leapfrog-2", epsilon=0.3, gamma=0)
        assert AntisymmetricRNN(M, 32, "backward-euler", epsilon=50.0, gamma=0).penalty() == 0
    own = torch.linalg.svdvals(net.rotating().rotation())[0]
    assert net.check() == pytest.approx(float(own.detach()), rel=1e-6)
    assert net.penalty() == 0
    with torch.no_grad():
        net.rotating().upper.mul_(3.0 / net.reach())
    assert float(net.penalty().detach()) == pytest.approx((3 - 8**0.5) ** 2, rel=1e-4)
    net.penalty().backward()
    assert net.rotating().upper.grad.norm() > 0
    inside = AntisymmetricRNN(M, H, "rk4", gamma=0)
    for dtype in (torch.float32, torch.float64):
        inside.to(dtype)
        with torch.no_grad():
            inside.rotating().upper.mul_(8**0.5 / inside.reach())
        inside.check()  # at the limit but for rounding
    with pytest.raises(t2n.InputError, match=r"= 3 is beyond the imaginary stability interval of rk4, 2\.828"):
        net.check()


@pytest.mark.parametrize("implicit", [False, True])
def test_cornn_is_the_published_discretisation(implicit):
    torch.manual_seed(0)
    net = CoRNN(M, H, dt=0.2, gamma=1.5, epsilon=0.7, implicit_damping=implicit).double()
    force, _ = net.fields()

    def told(x):
        y = z = torch.zeros(N, H, dtype=torch.float64)
        found = []
        for each in x:
            inside = torch.cat([y, z], -1) @ force.weight.T + force.input(each)
            z = z + 0.2 * (torch.tanh(inside) - 1.5 * y - (0 if implicit else 0.7 * z))
            z = z / (1 + 0.2 * 0.7) if implicit else z
            y = y + 0.2 * z
            found.append(y)
        return torch.stack(found)

    assert same(net, sequence(), told)
    solved = CoRNN(M, H, dt=0.2, gamma=1.5, epsilon=0.7, implicit_damping=implicit, solver="newton-krylov").double()
    solved.load_state_dict(net.state_dict())
    assert torch.allclose(solved(sequence())[0], net(sequence())[0], atol=1e-5)


def test_oscillators_have_the_order_of_their_table():
    torch.manual_seed(0)

    def end(scheme, steps):
        net = CoRNN(M, H, scheme, dt=2 / steps, implicit_damping=True).double()
        net.load_state_dict(weights)
        return net(torch.ones(steps, 1, M, dtype=torch.float64))[0][-1]

    weights = CoRNN(M, H).double().state_dict()
    exact = end("ark-324l2sa", 64)
    for scheme, order in (("ars-111", 1), ("ars-222", 2)):
        coarse, fine = ((end(scheme, n) - exact).norm() for n in (16, 32))
        assert order - 0.25 < torch.log2(coarse / fine) < order + 0.35


def test_irnn_is_the_increment_on_the_way_to_rest():
    torch.manual_seed(0)
    net = IncrementalRNN(M, H, 3, h=0.8).double()
    field = net.fields()[0]
    with torch.no_grad():
        for i, parameter in enumerate((net.block.eta1, net.block.eta2, net.block.eta3)):
            parameter.fill_(0.2 + 0.1 * i)

    def told(x):
        y, found = torch.zeros(N, H, dtype=torch.float64), []
        for each in x:
            u = y
            for eta in (net.block.eta1, net.block.eta2, net.block.eta3):
                u = u + 0.8 * eta * (torch.tanh(u @ field.weight.T + field.input(each)) - u)
            y = u - y
            found.append(y)
        return torch.stack(found)

    assert same(net, sequence(), told)


def test_irnn_solved_keeps_gradients_as_they_are():
    torch.manual_seed(0)
    net = IncrementalRNN(M, H, "solved", h=1e3, tolerance=1e-9).double()
    h0 = torch.randn(1, 1, H, dtype=torch.float64, requires_grad=True)
    out, last = net(sequence(20)[:, :1], h0)
    gradient = torch.stack([torch.autograd.grad(v, h0, retain_graph=True)[0].flatten() for v in last.flatten()])
    assert torch.allclose(gradient, torch.eye(H, dtype=torch.float64), atol=0.1)  # (−1)^20, z/(1 − z) each
    field, x = net.fields()[0], sequence(20)[:, :1]
    rest = out[1:] + out[:-1]
    left = torch.tanh(rest @ field.weight.T + field.input(x[1:])) - rest
    assert torch.allclose(left, out[1:] / 1e3, rtol=0, atol=1e-7)  # u = y + h F(u)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: AntisymmetricRNN(0, 4), "input_size=0: write a whole number from 1 on"),
        (lambda: AntisymmetricRNN(1, 4, gamma=-1.0), "gamma=-1.0"),
        (lambda: AntisymmetricRNN(1, 4, unstable="maybe"), "unstable='maybe'"),
        (lambda: CoRNN(1, 4, epsilon=-1.0), "epsilon=-1.0"),
        (lambda: CoRNN(1, 4, "rk4"), "rk4 is no IMEX table"),
        (lambda: CoRNN(1, 4, "symplectic-euler-p"), "symplectic-euler-p is no IMEX table"),
        (lambda: CoRNN(1, 4, "etd-1"), "etd-1 is no IMEX table"),
        (lambda: CoRNN(1, 4, h=0.1), "h: the length of a step is dt="),
        (lambda: AntisymmetricRNN(1, 4, time_dependent=True), "epsilon=, and the field knows no time"),
        (lambda: AntisymmetricRNN(M, 4)(sequence()), "x is of torch.float64, and the field's weights are of torch.flo"),
        (lambda: CoRNN(1, 4, dt=0), "dt=0: a finite number above 0"),
        (lambda: AntisymmetricRNN(1, 4, epsilon=float("nan")), "epsilon=nan"),
        (lambda: AntisymmetricRNN(1, 4, gamma="0"), "gamma='0': a finite number from 0 on"),
        (lambda: IncrementalRNN(1, 4, alpha="a"), "alpha='a'"),
        (lambda: AntisymmetricRNN(1, 4, "nystrom-rkn-4"), "nystrom-rkn-4 is a scheme for y''"),
        (lambda: AntisymmetricRNN(1, 4, coefficients="free"), "coefficients='free'"),
        (lambda: IncrementalRNN(1, 4, 0), "inner=0: a whole number of Euler steps"),
        (lambda: IncrementalRNN(1, 4, "often"), "or 'solved'"),
        (lambda: IncrementalRNN(1, 4, alpha=0.0), "alpha=0.0: a finite number above 0"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(made, text):
    with pytest.raises(t2n.InputError, match=text) as caught:
        made()
    assert "\n" not in str(caught.value)


def test_they_are_modules_of_torch():
    for net in (AntisymmetricRNN(M, H, batch_first=True), CoRNN(M, H), IncrementalRNN(M, H, 2)):
        assert isinstance(net, nn.Module)
        other = type(net)(M, H, *((2,) if isinstance(net, IncrementalRNN) else ()), batch_first=net.batch_first)
        other.load_state_dict(net.state_dict())
        assert torch.equal(net(sequence().float())[0], other(sequence().float())[0])
