"""Steps that differentiate their field: what the generated code computes against formulas in float64, its gradient
against differences, and fields that are large, random, normalised, or nothing that autograd sees."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.runtime import linearised
from tableau2net.runtime.slope_along import slope_along
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.scheme import TwoDerivativeMultistep, TwoDerivativeRungeKutta
from tableau2net.step.typeset_step import latex

TDRK = TwoDerivativeRungeKutta(A=[[], ["1/2"]], Adot=[[], ["1/8"]], b=[1, 0], bdot=["1/6", "1/3"], name="tdrk")
HERMITE = TwoDerivativeRungeKutta(
    A=[[], ["1/2"] * 2], Adot=[[], ["1/12", "-1/12"]], b=["1/2"] * 2, bdot=["1/12", "-1/12"], name="hermite"
)
ENRIGHT = TwoDerivativeMultistep(
    alpha=[0, -1, 1], beta=["-1/48", "5/12", "29/48"], gamma=[0, 0, "-1/8"], name="enright"
)


def field(width=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width)).double()


def by_numpy(scheme, f, h, t, y):
    """A step as it is written: k_i from (I − hγ_ii J) k_i = …, with a dense Jacobian."""
    method = scheme if hasattr(scheme, "alpha") else scheme.expanded()
    J = torch.func.jacrev(lambda y: f(t, y))(y).numpy()
    f_t = torch.func.jacrev(lambda t: f(t, y))(torch.tensor(t, dtype=y.dtype)).numpy()
    alpha, Gamma, b, c, d = (
        np.array(x, dtype=float) for x in (method.alpha, method.Gamma, method.b, method.c, method.d)
    )
    ks = np.zeros((len(b), len(y)))
    for i in range(len(b)):
        at = torch.from_numpy(y.numpy() + alpha[i] @ ks)
        right = h * f(t + c[i] * h, at).numpy() + h * J @ (Gamma[i] @ ks) + d[i] * h * h * f_t
        ks[i] = np.linalg.solve(np.eye(len(y)) - h * Gamma[i, i] * J, right)
    return y.numpy() + b @ ks


def timed(t, y):
    t = torch.as_tensor(t, dtype=y.dtype)
    return torch.stack((y[1] * torch.cos(t) + y[0] * y[1] + t * t, torch.sin(t) - y[0] * y[1]))


@pytest.mark.parametrize("name", ["ros3p", "rodas4", "rosw-assp3p3s1c", "rosw-llssp3p4s2c"])
def test_a_step_is_that_of_the_formula(name):
    y, h, t = torch.tensor([0.7, -1.1], dtype=torch.float64), 0.3, 0.4
    got = t2n.compile(name, time_dependent=True).step(timed, h, t, y)
    expected = by_numpy(t2n.load(name), timed, h, t, y)
    assert got.numpy() == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("scheme", [TDRK, ENRIGHT, "rodas5p", "ros34pw3"])
def test_orders_show_where_time_matters(scheme):
    exact = t2n.integrate("dormand-prince-54", timed, [1.0, 0.5], 0, 1, rtol=1e-13, atol=1e-13)
    errors = [(t2n.integrate(scheme, timed, [1.0, 0.5], 0, 1, steps=n) - exact).abs().max() for n in (12, 24)]
    expected = t2n.order(scheme) if scheme != "ros34pw3" else 4  # its matrix is the Jacobian where there is no other
    expected = t2n.order(t2n.load(scheme)) if isinstance(scheme, str) and scheme != "ros34pw3" else expected
    assert math.log2(errors[0] / errors[1]) == pytest.approx(expected, abs=0.4)


@pytest.mark.parametrize("coefficients", ["fixed", "free"])
@pytest.mark.parametrize("scheme", ["rosw-llssp3p4s2c", TDRK, pytest.param(HERMITE, marks=pytest.mark.slow)])
def test_gradients_are_those_of_the_steps(scheme, coefficients):
    block = t2n.compile(scheme, coefficients=coefficients, tolerance=1e-13)([field(2, 1)], h=0.5).double()
    names = [name for name, _ in block.named_parameters()]

    def stepped(y, *parameters):
        return torch.func.functional_call(block, dict(zip(names, parameters, strict=True)), (y,))

    y = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(stepped, (y, *block.parameters()), atol=1e-6)


def test_large_systems_are_solved_as_small_ones_are(monkeypatch):
    f, y = field(6), torch.randn(5, 6, dtype=torch.float64)

    def taken():
        at = y.clone().requires_grad_()
        out = t2n.compile("rodas3", tolerance=1e-12)([f], h=0.7)(at)
        return [out.detach(), *torch.autograd.grad(out.square().sum(), [at, *f.parameters()])]

    dense = taken()
    monkeypatch.setattr(linearised, "LARGEST_MATRIX", 10)
    for a, b in zip(taken(), dense, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    with pytest.raises(ConvergenceError, match="GMRES reached a residual of"):
        t2n.compile("rosenbrock-euler")([lambda_module(lambda y: y)], h=1.0)(y)  # I − hJ = 0


def lambda_module(function):
    module = nn.Module()
    module.forward = function
    return module


def test_the_matrix_of_a_w_method_may_be_the_fields_own():
    """Any matrix, J = 0 say: then it is the explicit method inside."""
    f = lambda_module(lambda y: torch.sin(y))
    f.approximate_jacobian = lambda y: y.new_zeros(3, 3)
    y = torch.linspace(0, 1, 3, dtype=torch.float64)
    scheme = t2n.load("rosw-llssp3p4s2c")
    explicit = t2n.RungeKutta(A=scheme.alpha, b=scheme.b)
    got = t2n.compile(scheme)([f], h=0.5)(y)
    torch.testing.assert_close(got, t2n.compile(explicit)([f], h=0.5)(y), rtol=1e-13, atol=1e-13)
    f.approximate_jacobian = lambda y: lambda v: 0 * v
    torch.testing.assert_close(t2n.compile(scheme)([f], h=0.5)(y), got, rtol=1e-13, atol=1e-13)
    exact = replace(scheme, jacobian="exact", claims={})
    assert not torch.allclose(t2n.compile(exact)([f], h=0.5)(y), got)


@pytest.mark.parametrize("scheme", [pytest.param("ros3p", marks=pytest.mark.slow), TDRK])
def test_normalised_and_random_fields(scheme):
    """Running statistics count each evaluation once; a mask is the same where one evaluation is made again."""
    f = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).double()
    block = t2n.compile(scheme)([f], h=0.3)
    y = torch.randn(6, 4, dtype=torch.float64)
    block(y)
    layer = f[1]
    counted = [layer.num_batches_tracked, *(b for n, b in layer.named_buffers() if "evaluations" in n and "num" in n)]
    assert {int(c) for c in counted} == {1}
    block.eval()
    assert torch.equal(block(y), block(y))
    mask = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Dropout(0.5)).double()
    torch.manual_seed(3)
    got = t2n.compile(TDRK, statistics="shared")([mask], h=1.0)(y)
    torch.manual_seed(3)
    with torch.no_grad():
        D1 = torch.nn.functional.dropout(torch.ones_like(y))
        D2 = torch.nn.functional.dropout(torch.ones_like(y))
        W = mask[0].weight
        k1 = D1 * (y @ W.T)
        g1 = D1 * (k1 @ W.T)
        k2 = D2 * ((y + k1 / 2 + g1 / 8) @ W.T)
        expected = y + k1 + g1 / 6 + D2 * (k2 @ W.T) / 3
    torch.testing.assert_close(got, expected)


def test_what_autograd_does_not_see_is_differenced():
    def by_scipy(t, y):
        return torch.from_numpy(np.array([y.numpy()[1], -np.sin(y.numpy()[0])]))

    def seen(t, y):
        return torch.stack((y[1], -torch.sin(y[0])))

    start = torch.tensor([1.0, 0.3], dtype=torch.float64)
    for scheme in ("rodas3", TDRK):
        got, want = (t2n.integrate(scheme, f, start, 0, 1, steps=10) for f in (by_scipy, seen))
        torch.testing.assert_close(got, want, rtol=1e-7, atol=1e-7)


class Once(torch.autograd.Function):
    """sin, without a forward mode."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.cos(x)


def test_operations_without_forward_mode_are_reversed_twice():
    y, u = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    torch.testing.assert_close(slope_along(Once.apply, y, u), torch.cos(y) * u)
    at = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(slope_along(Once.apply, at, u).sum(), at)
    torch.testing.assert_close(gradient, -torch.sin(y) * u)


def test_no_time_outside_the_step_is_asked_for():
    def only_inside(t, y):
        assert 0 <= t <= 1
        return -y * math.sqrt(1 + t)

    for scheme in ("rodas4", TDRK, HERMITE):
        t2n.integrate(scheme, only_inside, [1.0], 0, 1, steps=4)
        t2n.integrate(scheme, only_inside, [1.0], 1, 0, steps=4)


@pytest.mark.parametrize(
    "scheme", ["rosenbrock-euler", *(pytest.param(s, marks=pytest.mark.slow) for s in ("rodas3", TDRK))]
)
def test_a_residual_network_by_it_is_trained(scheme):
    net = t2n.create_model("resnet8", scheme=scheme, widths=(4, 4, 4), h=0.1)
    x = torch.randn(2, 3, 8, 8)
    net(x).logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters() if p.requires_grad)
    net.eval()
    with torch.no_grad():
        plain = net(x)
    with torch.inference_mode():
        assert torch.equal(net(x), plain)


def test_what_has_no_way_back_is_refused_in_a_line():
    for scheme, told in (("ros2", "ros2 is implicit"), (TDRK, "tdrk has no inverse .* write backward='checkpoint'")):
        with pytest.raises(t2n.InputError, match=told) as error:
            t2n.compile(scheme, backward="reversible")
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_graph_is_compiled_as_a_whole():
    f, y = field(4), torch.randn(3, 4, dtype=torch.float64)
    block = t2n.compile(TDRK)([f], h=0.5)
    torch.testing.assert_close(torch.compile(block, backend="eager", fullgraph=True)(y), block(y))


@pytest.mark.parametrize(("scheme", "lost"), [(TDRK, 2e-12), ("rodas4", 2e-10)])
def test_late_times_cost_no_digits(scheme, lost):
    """The same problem from 0 and from 2^20, where a double has 33 binary digits behind the point."""

    def ended(start, steps):
        def f(t, y):
            return -(y - math.cos(t - start)) - math.sin(t - start)

        return t2n.integrate(scheme, f, [1.0], start, start + 1, steps=steps).item()

    for steps in (8, 32, 64):
        assert ended(2.0**20, steps) == pytest.approx(ended(0.0, steps), rel=0, abs=lost)


def test_a_field_may_say_that_it_does_not_depend_on_time():
    def f(t, y):
        return -y * y

    def evaluations():
        return t2n.integrate("rodas4", f, [1.0], 0, 1, steps=3, full=True).evaluations

    before = evaluations()
    f.time_dependent = False
    assert evaluations() == before - 3 * 4


@pytest.mark.parametrize("given", [torch.zeros(3, 1), torch.zeros(2, 2), np.zeros((3, 3)), None, lambda v: v[:2]])
def test_a_matrix_of_another_shape_is_refused(given):
    f = lambda_module(torch.sin)
    f.approximate_jacobian = lambda y: given
    with pytest.raises(t2n.InputError, match=r"approximate_jacobian returned .* is expected") as error:
        t2n.compile("rosw-llssp3p4s2c")([f], h=0.5)(torch.ones(3, dtype=torch.float64))
    assert "\n" not in str(error.value)


def test_a_sum_in_front_of_the_jacobian_is_in_brackets():
    assert r"I - \left(\frac{1}{2} + \frac{\sqrt{3}}{6}\right) h J" in latex(t2n.step.lower(t2n.load("ros3p")))
