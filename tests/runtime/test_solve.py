"""Implicit stages against scipy, dense linear algebra and autograd through it, in float64; and what must be refused."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.function import once_differentiable

from tableau2net.runtime.anderson import AndersonMixing, relax
from tableau2net.runtime.krylov import Jacobian, gmres, newton_krylov
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, solve
from tableau2net.runtime.vectors import length
from tests.fields import smooth
from tests.runtime.stages import METHODS, A, one_stage, random, solver, stiff, two_stages

# ------------------------------------------------------------------ the states found


@pytest.mark.parametrize("method", METHODS)
def test_coupled_stages_are_those_that_scipy_finds(method):
    y, weight = random(3, 4), random(4, 4, seed=2)
    states, values = two_stages(lambda v: torch.tanh(v @ weight), y, 0.3, solver(method))

    def residual(flat):
        y1, y2 = flat.reshape(2, 3, 4)
        ks = np.tanh(y1 @ weight.numpy()), np.tanh(y2 @ weight.numpy())
        return np.concatenate(
            [(v - y.numpy() - 0.3 * (a * ks[0] + b * ks[1])).ravel() for v, (a, b) in zip((y1, y2), A, strict=True)]
        )

    found = scipy.optimize.root(residual, np.zeros(24), tol=1e-13).x.reshape(2, 3, 4)
    for got, value, want in zip(states, values, found, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
        np.testing.assert_allclose(value, np.tanh(want @ weight.numpy()), rtol=0, atol=1e-11)


def test_a_stiff_field_is_solved_by_newton_alone():
    matrix, y = stiff(), random(2, 20)
    want = torch.linalg.solve(torch.eye(20, dtype=torch.float64) - matrix, y.T).T
    got, value = one_stage(lambda v: v @ matrix.T, y, 1.0, solver("newton-krylov"))
    torch.testing.assert_close(got, want, rtol=0, atol=1e-11)
    torch.testing.assert_close(value, want @ matrix.T, rtol=0, atol=1e-7)
    with pytest.raises(ConvergenceError):
        one_stage(lambda v: v @ matrix.T, y, 1.0, solver("fixed-point", 1e-6))


def test_newton_comes_back_from_where_its_plain_step_leads_away():
    """x ← x − arctan x: from 3 the undamped steps grow without bound."""
    found = newton_krylov(lambda x: x - torch.arctan(x), torch.full((1,), 3.0, dtype=torch.float64), 1e-12, 50)
    assert abs(float(found.point)) < 1e-11
    assert found.iterations < 12


def test_anderson_ends_on_a_linear_map_after_as_many_steps_as_it_has_dimensions():
    """As GMRES does (Walker & Ni 2011): here with four, three of which a plain iteration sends to infinity."""
    basis, fixed = random(4, 4), random(4, seed=3)
    matrix = basis @ torch.diag(torch.tensor([3.0, -2.0, -1.5, 0.5], dtype=torch.float64)) @ torch.linalg.inv(basis)
    measure = lambda residual, point: length(residual)  # noqa: E731
    found = relax(lambda x: fixed + matrix @ (x - fixed), torch.zeros(4).double(), AndersonMixing(), 1e-7, 6, measure)
    torch.testing.assert_close(found.point, fixed, rtol=0, atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 90))
def test_gmres_is_dense_elimination(seed, n):
    """With restarts where there are more dimensions than vectors."""
    matrix = 2 * torch.eye(n, dtype=torch.float64) + random(n, n, scale=n**-0.5, seed=seed)
    right = random(n, seed=seed + 1)
    found = gmres(lambda v: matrix @ v, right, 1e-11, 40)
    true = length(right - matrix @ found.point) / length(right)
    assert found.residual == pytest.approx(true, abs=1e-13)
    assert true <= 1e-11
    torch.testing.assert_close(found.point, torch.linalg.solve(matrix, right), rtol=0, atol=1e-8)


def test_gmres_does_not_claim_what_has_no_solution():
    projection = torch.diag(torch.tensor([1.0, 2.0, 0.0]).double())
    found = gmres(lambda v: projection @ v, torch.ones(3).double(), 1e-10, 20)
    assert found.residual == pytest.approx(3**-0.5, rel=1e-6)  # of (1, 1, 1), the part (0, 0, 1) is out of reach


class Doubled(torch.autograd.Function):
    """An operation that can be differentiated forward, but backward once only."""

    @staticmethod
    def forward(ctx, y):
        return 2 * y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return 2 * gradient

    @staticmethod
    def jvp(ctx, tangent):
        return 2 * tangent


@pytest.mark.parametrize("once", [False, True])
def test_products_with_the_jacobian(once):
    weight, point, v = random(3, 3), random(3, seed=4), random(3, seed=5)

    def image_of(x):
        return torch.sin(weight @ (Doubled.apply(x) if once else 2 * x)) + torch.cos(x)

    jacobian = Jacobian(image_of)
    with torch.no_grad():
        product = jacobian.at(point)
        got = [product(w) for w in (v, 3 * v)]
    assert jacobian.reverse_mode is not once
    want = torch.autograd.functional.jacobian(image_of, point) @ v
    torch.testing.assert_close(got, [want, 3 * want])
    with torch.no_grad():
        assert not Jacobian(lambda x: torch.ones(3).double()).at(point)(v).any()
        torch.testing.assert_close(Jacobian(lambda x: x + 1).at(point)(v), v)


@pytest.mark.parametrize("method", METHODS)
def test_states_of_several_shapes_and_dtypes(method):
    """A float64 matrix, a complex vector and a float32 number that depend on each other."""
    y, z, w = random(2, 3), torch.view_as_complex(random(4, 2, seed=1)), torch.tensor(0.5)

    def stages(a, b, c):
        slopes = torch.sin(a) * b.real.sum() * c, 1j * b * a.mean(), torch.cos(b.imag.sum() + c).float()
        return tuple(s + 0.1 * k for s, k in zip((y, z, w), slopes, strict=True)), slopes

    states, values = solve(stages, (y, z, w), solver(method, 1e-10))
    again, slopes = stages(*states)
    for got, want in zip((*states, *values), (*again, *slopes), strict=True):
        assert got.dtype == want.dtype
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(states[0], again[0], rtol=0, atol=1e-6)  # float32 is the coarsest in the loop


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tolerance_out_of_reach_is_what_the_dtype_allows(method, dtype):
    field = smooth(seed=1).to(dtype)
    y = random(5, 4).to(dtype)
    got, value = one_stage(field, y, 0.5, solver(method, 1e-15))
    want, _ = one_stage(field.double(), y.double(), 0.5, solver(method))
    assert got.dtype == value.dtype == dtype
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-5 if dtype == torch.float32 else 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_batch(method):
    y1, _ = one_stage(torch.tanh, torch.zeros(0, 3), 0.5, solver(method))
    assert y1.shape == (0, 3)


# ------------------------------------------------------------------ what does not converge


@pytest.mark.parametrize(
    ("method", "field"),
    [("fixed-point", lambda v: -9 * v), ("anderson", lambda v: 1 + v), ("newton-krylov", lambda v: 1 + v + v**2)],
)
def test_no_value_without_convergence(method, field):
    """A map that drives points apart, and two without a fixed point."""
    with pytest.raises(ConvergenceError) as caught:
        one_stage(field, torch.ones(3).double(), 1.0, solver(method, 1e-8, 20))
    text = str(caught.value)
    assert "\n" not in text
    for part in (method, "residual of ", "iterations, not the tolerance 1.0e-08; try a smaller h"):
        assert part in text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_solution(method, bad):
    with pytest.raises(ConvergenceError, match="0 iterations"):
        one_stage(lambda v: v * bad, torch.ones(3), 1.0, solver(method))


@pytest.mark.parametrize(("method", "matrix"), [("fixed-point", -9.0), ("anderson", 1.0), ("newton-krylov", 1.0)])
def test_no_gradient_without_convergence(method, matrix):
    """The guess is the solution, but the backward equation (1 − J) u = g diverges, or has no solution."""
    y = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    z, _ = one_stage(lambda v: matrix * v, y, 1.0, solver(method, 1e-8, 20))
    with pytest.raises(ConvergenceError, match=rf"backward pass: {method} reached"):
        z.sum().backward()
    assert y.grad is None


def test_a_gradient_that_is_no_number_stays_none():
    """What a loss scaler looks for."""
    field, y = smooth(seed=1), random(2, 4, grad=True)
    z, _ = one_stage(field, y, 0.3, solver("newton-krylov"))
    (z.sum() * float("inf")).backward()
    assert y.grad.isnan().all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"method": "newton"}, "fixed-point, anderson, gradient, newton-krylov"),
        ({"gradient": "adjoint"}, "'implicit', 'unrolled' or 'start'"),
        ({"tolerance": -1.0}, "at least 0"),
        ({"tolerance": float("nan")}, "finite"),
        ({"iterations": 0}, "at least 1"),
        ({"gradient": "unrolled"}, "use method='fixed-point'"),
        ({"tolerance": 0.0}, "gradient='unrolled' or 'start'"),
    ],
)
def test_solvers_that_make_no_sense(change, match):
    with pytest.raises(ValueError, match=match) as caught:
        Solver(**{"method": "newton-krylov", "tolerance": 1e-6, "iterations": 5, "gradient": "implicit", **change})
    assert "\n" not in str(caught.value)
