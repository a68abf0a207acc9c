"""The dense Newton method of integrate: its Jacobians, how often it needs them, gradients through it, and what it does
where it does not converge."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from tableau2net.integration import factors, integrate, newton
from tableau2net.integration.jacobian import jacobian
from tests.integration.problems import D, reference, van_der_pol


class Cube(torch.autograd.Function):
    """An operation without a rule for batches."""

    @staticmethod
    def forward(ctx, y):
        ctx.save_for_backward(y)
        return y**3

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return 3 * y.detach() ** 2 * gradient * (1 if float(y.abs().max()) < 1e9 else 0)


class Opaque(torch.autograd.Function):
    """One without a derivative."""

    @staticmethod
    def forward(ctx, y):
        return y**3

    @staticmethod
    def backward(ctx, gradient):
        raise NotImplementedError


def by_numpy(y):
    return torch.from_numpy(y.detach().numpy() ** 3)


@pytest.mark.parametrize("n", [3, 24])
@pytest.mark.parametrize("cube", [lambda y: y**3, Cube.apply, Opaque.apply, by_numpy])
def test_a_jacobian_of_any_field(cube, n):
    generator = torch.Generator().manual_seed(0)
    matrix, y = (torch.randn(*shape, dtype=D, generator=generator) for shape in ((n, n), (n,)))
    got = jacobian(lambda t, y: matrix @ cube(y) + t, 0.5, y)
    torch.testing.assert_close(got, matrix * (3 * y**2), rtol=1e-5, atol=1e-5)
    assert not jacobian(lambda t, y: torch.ones_like(y), 0.5, y).any()


def test_a_jacobian_of_shaped_complex_and_mixed_states():
    y = torch.tensor([[1.0, -2.0], [0.0, 3.0]], dtype=D)
    got = jacobian(lambda t, y: y @ y, 0.0, y)
    torch.testing.assert_close(
        got, torch.autograd.functional.jacobian(lambda v: v @ v, y).reshape(4, 4), rtol=0, atol=1e-4
    )
    z = torch.tensor([1 + 2j], dtype=torch.complex128)
    turned = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=D)
    torch.testing.assert_close(jacobian(lambda t, z: 1j * z.conj(), 0.0, z), turned, rtol=0, atol=1e-6)
    far = torch.tensor([1.0, 1e-12], dtype=D)
    got = jacobian(lambda t, y: torch.stack((y[0] ** 2, y[1] ** 2 * 1e12)), 0.0, far)
    torch.testing.assert_close(got, torch.tensor([[2.0, 0.0], [0.0, 2.0]], dtype=D))
    assert torch.equal(jacobian(lambda t, y: -y, 0.0, torch.zeros(3, dtype=D)), -torch.eye(3, dtype=D))


def robertson(rates, calls=None):
    def f(t, y):
        if calls is not None:
            calls.append(t)
        slow, fast, faster = rates[0] * y[0], rates[1] * y[1] * y[2], rates[2] * y[1] ** 2
        return torch.stack((fast - slow, slow - fast - faster, faster))

    return f


RATES, BEGIN = torch.tensor([0.04, 1e4, 3e7], dtype=D), torch.tensor([1.0, 0.0, 0.0], dtype=D)


@pytest.mark.parametrize(("name", "bound"), [("radau-iia-3", 800), ("kvaerno-54", 600), ("kvaerno-43", 800)])
def test_robertson_in_few_evaluations(name, bound):
    """scipy's Radau takes 483 to the same tolerance, in 59 steps."""
    calls = []
    found = integrate(name, robertson(RATES, calls), BEGIN, 0, 40, rtol=1e-6, atol=1e-8, full=True)
    torch.testing.assert_close(
        found.y, reference(robertson(RATES), BEGIN, [0, 40.0], "Radau")[-1], rtol=1e-5, atol=1e-8
    )
    assert found.evaluations == len(calls) < bound
    assert abs(float(found.y.sum()) - 1) < 1e-10  # mass is kept


@pytest.mark.slow
def test_a_stiff_gradient():
    """Of Robertson's problem by the rates and the start, by differences of a far more exact solution."""
    rates, y0 = RATES.clone().requires_grad_(), BEGIN.clone().requires_grad_()
    y = integrate("radau-iia-3", robertson(rates), y0, 0, 40, rtol=1e-7, atol=1e-10)
    weights = torch.tensor([1.0, 1e4, -2.0], dtype=D)
    by_rates, by_start = torch.autograd.grad(y @ weights, (rates, y0))

    def exact(rates, start=BEGIN):
        return reference(robertson(rates), start, [0, 40.0], "Radau")[-1] @ weights

    for i in range(3):
        step = torch.zeros(3, dtype=D)
        step[i] = 1e-3 * RATES[i]
        slope = (exact(RATES + step) - exact(RATES - step)) / (2 * step[i])
        assert float(by_rates[i]) == pytest.approx(float(slope), rel=1e-3)
    step = torch.tensor([1e-3, 0.0, 0.0], dtype=D)
    slope = (exact(RATES, BEGIN + step) - exact(RATES, BEGIN - step)) / 2e-3
    assert float(by_start[0]) == pytest.approx(float(slope), rel=1e-3)


@pytest.mark.parametrize("n", [2, 12])
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("radau-iia-3", {"steps": 3}), ("kvaerno-43", {"steps": 2}), ("gauss-2", {"steps": 3, "at": [0.4, 1.0]}),
        ("bdf-3", {"steps": 6}), ("bdf-2", {"grid": [0, 0.3, 0.7, 1.0]}), ("trapezoid", {"steps": 3}),
        ("lobatto-iiib-3", {"steps": 2}), ("ars-222", {"steps": 3}),
    ],
)  # fmt: skip
def test_gradients_are_those_of_the_steps(name, how, n):
    """By differences of what integrate itself gives, which is exact to rounding; a state of 12 has its Jacobian by
    autograd."""
    generator = torch.Generator().manual_seed(1)
    matrix, y0 = (torch.randn(*s, dtype=D, generator=generator).requires_grad_() for s in ((n, n), (n,)))

    def end(matrix, y0):
        def f(t, y):
            return torch.tanh(matrix @ y) * (1 + t) - 3 * y

        parts = (f, lambda t, y: -20 * y) if name == "ars-222" else f
        return integrate(name, parts, y0, 0, 1, **how)

    assert gradcheck(end, (matrix, y0), fast_mode=True, atol=1e-6, rtol=1e-4)


def test_steps_too_long_for_one_jacobian_are_solved_all_the_same():
    """Backward Euler for y' = −20 arctan(5 y), from where Newton's plain steps lead away."""
    y = integrate("backward-euler", lambda t, y: -20 * torch.arctan(5 * y), [1.0, 3.0, -8.0], 0, 1, 1)
    residual = y - torch.tensor([1.0, 3.0, -8.0], dtype=D) + 20 * torch.arctan(5 * y)
    assert float(residual.abs().max()) < 1e-11


def heat(n):
    def f(t, y):
        left, right = torch.roll(y, 1), torch.roll(y, -1)
        return (left - 2 * y + right) * (n / 4) ** 2 - y**3

    return f


@pytest.mark.parametrize(
    "n", [40, pytest.param(250, marks=pytest.mark.slow), pytest.param(400, marks=pytest.mark.slow)]
)
def test_small_and_large_states(n):
    """With a matrix and without one, as without one in all."""
    y0 = torch.sin(torch.linspace(0, 2 * math.pi, n + 1, dtype=D)[:-1]) + 0.5
    for name, how in (("kvaerno-43", {"rtol": 1e-6}), ("radau-iia-2", {"steps": 5})):
        got, want = (integrate(name, heat(n), y0, 0, 0.1, solver=s, **how) for s in ("auto", "newton-krylov"))
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_van_der_pol_and_a_batch_of_it():
    """The batch is one state, whose Jacobian has blocks."""
    exact = reference(van_der_pol(1000.0), [2.0, 0.0], [0, 1.0], "Radau")[-1]

    def f(t, y):
        return torch.stack((y[:, 1], 1000 * (1 - y[:, 0] ** 2) * y[:, 1] - y[:, 0]), 1)

    y0 = torch.tensor([[2.0, 0.0]], dtype=D).repeat(7, 1)
    found = integrate("radau-iia-3", f, y0, 0, 1, rtol=1e-6, norm="batch", full=True)
    torch.testing.assert_close(found.y, exact.repeat(7, 1), rtol=1e-5, atol=1e-6)
    assert found.steps < 25


def test_fields_that_autograd_cannot_see():
    def f(t, y):
        return torch.from_numpy(np.array([-50.0, -2.0]) * (y.detach().numpy() - math.cos(t)))

    y0 = torch.tensor([0.0, 1.0], dtype=D)
    for how in ({"steps": 20}, {"rtol": 1e-6}):
        got = integrate("radau-iia-2", f, y0, 0, 1, **how)
        torch.testing.assert_close(got, reference(f, y0, [0, 1.0])[-1], rtol=1e-3, atol=1e-4)
    with torch.inference_mode():
        wide = integrate("radau-iia-2", lambda t, y: -y, torch.ones(20, dtype=D), 0, 1, 20)
    torch.testing.assert_close(wide, torch.full((20,), math.exp(-1), dtype=D), rtol=1e-4, atol=0)


@pytest.mark.parametrize("how", [{"steps": 20}, {"rtol": 1e-6}])
def test_a_field_that_is_a_gradient_itself(how):
    """q' = ∂H/∂p, p' = −∂H/∂q by autograd, of a pendulum whose energy Gauss' method nearly keeps."""

    def energy(z):
        return z[1] ** 2 / 2 - torch.cos(z[0])

    def f(t, z):
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            (slope,) = torch.autograd.grad(energy(z), z)
        return torch.stack((slope[1], -slope[0]))

    def plain(t, z):
        return torch.stack((z[1], -torch.sin(z[0])))

    z0 = torch.tensor([1.0, 0.5], dtype=D)
    got, want = (integrate("gauss-2", g, z0, 0, 2, **how) for g in (f, plain))
    torch.testing.assert_close(got, want, rtol=1e-7, atol=1e-7)
    assert float(energy(got) - energy(z0)) == pytest.approx(0, abs=1e-5)


def line(n):
    """u_t = u_xx on a line of n points, and its solution by sines."""

    def f(t, u):
        wide = torch.nn.functional.pad(u, (1, 1))
        return (wide[2:] - 2 * u + wide[:-2]) * (n + 1) ** 2

    k = torch.arange(1, n + 1, dtype=D)
    start = torch.exp(-50 * (k / (n + 1) - 0.3) ** 2)
    sines = torch.sin(math.pi * torch.outer(k, k) / (n + 1))
    rates = -4 * (n + 1) ** 2 * torch.sin(math.pi * k / (2 * (n + 1))) ** 2
    return f, start, lambda t: sines @ (sines @ start * 2 / (n + 1) * torch.exp(rates * t))


@pytest.mark.parametrize(("how", "most"), [({"rtol": 1e-4, "atol": 1e-6}, 20), ({"steps": 10}, 2)])
def test_many_stiff_directions_are_not_searched_without_a_matrix_for_long(how, most, monkeypatch):
    f, start, solution = line(300)
    searches, plain = [], newton.StageSolver.without_a_matrix
    monkeypatch.setattr(newton.StageSolver, "without_a_matrix", lambda *given: searches.append(0) or plain(*given))
    found = integrate("radau-iia-3", f, start, 0, 0.1, **how)
    assert ((found - solution(0.1)).abs() <= 1e-6 + 1e-4 * solution(0.1).abs()).all()
    assert 1 <= len(searches) <= most


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("s", [2, 3, 4])
def test_stages_taken_apart_are_those_of_the_whole_matrix(s, transposed):
    torch.manual_seed(s)
    a, j, right = torch.rand(s, s, dtype=D) - 0.5, torch.randn(7, 7, dtype=D), torch.randn(7 * s, dtype=D)
    whole = torch.eye(7 * s, dtype=D) - torch.kron(a, j)
    apart = factors.Apart.of(a, j)
    expected = torch.linalg.solve(whole.T if transposed else whole, right)
    assert apart.solve(right, transposed).numpy() == pytest.approx(expected.numpy(), rel=1e-9, abs=1e-11)


def test_a_matrix_of_stages_without_eigenvectors_is_not_taken_apart():
    assert factors.Apart.of(torch.tensor([[0.5, 0.0], [1.0, 0.5]], dtype=D), torch.eye(3, dtype=D)) is None
