"""Implicit stages against scipy, dense linear algebra and autograd through it, in float64; and what must be refused."""

import gc

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from tableau2net.runtime.anderson import AndersonMixing, relax
from tableau2net.runtime.krylov import Jacobian, gmres, newton_krylov
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, solve
from tableau2net.runtime.vectors import length

METHODS = ("fixed-point", "anderson", "newton-krylov")
ITERATED = METHODS[:2]
# any coupled pair will do: the matrix of Radau IIA of two stages
A = ((5 / 12, -1 / 12), (3 / 4, 1 / 4))


def solver(method, tolerance=1e-12, iterations=100, gradient="implicit"):
    return Solver(method, tolerance, iterations, gradient)


def random(*shape, scale=1.0, grad=False, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, dtype=torch.float64, generator=generator)).requires_grad_(grad)


def two_stages(f, y, h, how, modules=()):
    """The two coupled stages of a Runge–Kutta method, and the field values in them."""

    def stages(y1, y2):
        k1, k2 = f(y1), f(y2)
        return tuple(y + h * (a * k1 + b * k2) for a, b in A), (k1, k2)

    return solve(stages, (y, y), how, modules)


def one_stage(f, y, h, how, modules=()):
    """Backward Euler: the new state, and the field value in it."""

    def stages(y1):
        k1 = f(y1)
        return (y.add(k1, alpha=h),), (k1,)

    (y1,), (k1,) = solve(stages, (y,), how, modules)
    return y1, k1


class Field(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.calls = 0

    def forward(self, y):
        self.calls += 1
        return self.layers(y)


def smooth(n=4):
    torch.manual_seed(1)
    return Field(nn.Linear(n, n), nn.Tanh(), nn.Linear(n, n)).double()


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


def stiff(n=20, largest=1e4):
    """A symmetric matrix with eigenvalues from −1 to −largest."""
    basis = torch.linalg.qr(random(n, n))[0]
    return basis @ torch.diag(-torch.logspace(0, np.log10(largest), n, dtype=torch.float64)) @ basis.T


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
    field = smooth().to(dtype)
    y = random(5, 4).to(dtype)
    got, value = one_stage(field, y, 0.5, solver(method, 1e-15))
    want, _ = one_stage(field.double(), y.double(), 0.5, solver(method))
    assert got.dtype == value.dtype == dtype
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-5 if dtype == torch.float32 else 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_batch(method):
    y1, _ = one_stage(torch.tanh, torch.zeros(0, 3), 0.5, solver(method))
    assert y1.shape == (0, 3)


# ------------------------------------------------------------------ the implicit gradient


@pytest.mark.parametrize("method", METHODS)
def test_the_gradient_is_that_of_the_dense_solution(method):
    """Coupled stages of a linear field: of states and field values, by the input, the matrix and the step."""
    matrix, y, h = random(3, 3, scale=0.6, grad=True), random(2, 3, grad=True, seed=1), random(1, grad=True, seed=2)
    weights = random(4, 2, 3, seed=3)
    (y1, y2), (k1, k2) = two_stages(lambda v: v @ matrix.T, y, 0.2 * h, solver(method, 1e-14, 300))
    stage_matrix = torch.kron(torch.tensor(A, dtype=torch.float64), 0.2 * h * matrix)
    dense = torch.linalg.solve(torch.eye(6).double() - stage_matrix, torch.cat([y, y], dim=1).T).T
    wanted = (dense[:, :3], dense[:, 3:], dense[:, :3] @ matrix.T, dense[:, 3:] @ matrix.T)
    for outputs in (range(4), (0,), (3,)):  # also where a state or a field value alone is used
        got, want = (
            torch.autograd.grad(sum((values[i] * weights[i]).sum() for i in outputs), (matrix, y, h), retain_graph=True)
            for values in ((y1, y2, k1, k2), wanted)
        )
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_the_gradient_through_a_nonlinear_field_and_its_parameters(method):
    field, y = smooth(3), random(2, 3, grad=True)
    how = solver(method, 1e-14)
    parameters = tuple(field.parameters())
    assert torch.autograd.gradcheck(lambda *_: one_stage(field, y, 0.4, how), (y, *parameters))


def test_a_stiff_gradient():
    matrix, y = stiff(40, 1e3).requires_grad_(), random(2, 40, grad=True)
    got, _ = one_stage(lambda v: v @ matrix.T, y, 1.0, solver("newton-krylov", 1e-11))
    want = torch.linalg.solve(torch.eye(40).double() - matrix, y.T).T
    for a, b in zip(*(torch.autograd.grad(z.square().sum(), (matrix, y)) for z in (got, want)), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_every_step_of_several_has_its_gradient(method):
    field, y = smooth(), random(2, 4, grad=True)
    how = solver(method, 1e-13)

    def steps(step):
        z = y
        for _ in range(4):
            z = step(z)
        return torch.autograd.grad(z.square().sum(), (y, *field.parameters()))

    by_iteration = solver("fixed-point", 1e-14, 300, "unrolled")
    got, want = (steps(lambda z, how=how: one_stage(field, z, 0.3, how)[0]) for how in (how, by_iteration))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_checkpointing_changes_nothing(method):
    """And the step is taken again twice: for what is saved and for the products with the Jacobian, all of them."""
    field, y = smooth(), random(2, 4, grad=True)
    step = lambda z: sum(v**2 for v in one_stage(field, z, 0.3, solver(method)))  # noqa: E731
    z = checkpoint(step, y, use_reentrant=False)
    evaluations, inputs = field.calls, (y, *field.parameters())
    got = torch.autograd.grad(z.sum(), inputs)
    assert field.calls == 3 * evaluations
    for a, b in zip(got, torch.autograd.grad(step(y).sum(), inputs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_that_looks_at_no_state(method):
    """G(y) = 2 y_n: solved in one step, and the field value alone depends on what was found."""
    field, y = smooth(), random(2, 4, grad=True)
    step = lambda z: solve(lambda v: ((2 * z,), (field(v),)), (z,), solver(method))[1][0]  # noqa: E731
    want = torch.autograd.grad(field(2 * y).sum(), y)[0]
    for k in (step(y), checkpoint(step, y, use_reentrant=False)):
        torch.testing.assert_close(torch.autograd.grad(k.sum(), y)[0], want)


def test_a_graph_only_where_something_wants_a_gradient():
    field, y = smooth(), random(2, 4)
    how = solver("newton-krylov")
    assert one_stage(field, y, 0.3, how)[0].requires_grad
    with torch.no_grad():
        assert not one_stage(field, y, 0.3, how)[0].requires_grad
    with torch.inference_mode():
        inferred = one_stage(field, y.clone(), 0.3, how)[0]
    torch.testing.assert_close(inferred, one_stage(field, y, 0.3, how)[0].detach())
    field.requires_grad_(False)
    assert not one_stage(field, y, 0.3, how)[0].requires_grad
    assert one_stage(field, y.requires_grad_(), 0.3, how)[1].requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_kept_when_it_is_over(method):
    """Neither by cycles, which only the collector would find, nor by the number of steps taken."""
    field, y = smooth(), random(2, 4, grad=True)

    def tensors():
        return sum(isinstance(o, torch.Tensor) for o in gc.get_objects())

    def step(backward):
        z, _ = one_stage(field, y, 0.3, solver(method))
        if backward:
            torch.autograd.grad(z.sum(), (y, *field.parameters()))

    step(True)
    gc.collect()
    gc.disable()
    try:
        before = tensors()
        for backward in (True, False) * 5:
            step(backward)
        assert tensors() == before
    finally:
        gc.enable()


def test_the_graph_kept_is_that_of_one_evaluation():
    field, y = smooth(), random(2, 4, grad=True)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        one_stage(field, y, 0.3, solver("newton-krylov"))
        implicit = sum(saved)
        saved.clear()
        z = y.add(field(y), alpha=0.3)
    assert z.requires_grad
    assert implicit <= sum(saved) + 3 * y.numel()  # with the point, the new state and the field value


@pytest.mark.parametrize("method", METHODS)
def test_a_second_derivative_and_forward_mode_are_refused(method):
    field, y = smooth(), random(2, 4, grad=True)
    how = solver(method, 1e-9)
    z, _ = one_stage(field, y, 0.3, how)
    with pytest.raises(RuntimeError, match=r"not differentiable again.*gradient='unrolled'"):
        torch.autograd.grad(z.sum(), y, create_graph=True)
    for mode in (torch.enable_grad, torch.no_grad):
        with mode(), forward_ad.dual_level(), pytest.raises(RuntimeError, match="forward-mode derivative"):
            one_stage(field, forward_ad.make_dual(y.detach(), y.detach()), 0.3, how)
    for transform in (torch.func.grad, torch.func.vmap):
        with pytest.raises(RuntimeError):
            transform(lambda v: one_stage(field, v, 0.3, how)[0].sum())(y.detach())


# ------------------------------------------------------------------ unrolled


def test_implicit_euler_skips_are_three_lines():
    field, y = smooth(), random(2, 4, grad=True)
    got, value = one_stage(field, y, 0.3, solver("fixed-point", 0, 3, "unrolled"))
    assert field.calls == 3
    z = y.add(field(y), alpha=0.3)
    z = y.add(field(z), alpha=0.3)
    k = field(z)
    z = y.add(k, alpha=0.3)
    assert torch.equal(got, z)
    assert torch.equal(value, k)
    for a, b in zip(*(torch.autograd.grad(v.sum(), (y, *field.parameters())) for v in (got, z)), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("method", ITERATED)
@pytest.mark.parametrize(("tolerance", "iterations"), [(0, 4), (1e-12, 100)])
def test_the_unrolled_gradient_is_that_of_the_iterations(method, tolerance, iterations):
    field, y = smooth(3), random(2, 3, grad=True)
    how = solver(method, tolerance, iterations, "unrolled")
    one_stage(field, y, 0.4, how)
    assert tolerance or field.calls == iterations
    assert torch.autograd.gradcheck(lambda *_: one_stage(field, y, 0.4, how), (y, *field.parameters()))
    if tolerance == 0:
        assert torch.autograd.gradgradcheck(lambda v: one_stage(field, v, 0.4, how)[0], (y,))


@pytest.mark.parametrize("method", ITERATED)
def test_unrolled_and_implicit_gradients_meet(method):
    field, y = smooth(), random(2, 4, grad=True)
    gradients = [
        torch.autograd.grad(one_stage(field, y, 0.3, solver(method, 1e-14, 100, gradient))[1].sum(), y)[0]
        for gradient in ("implicit", "unrolled")
    ]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-12)


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
    field, y = smooth(), random(2, 4, grad=True)
    z, _ = one_stage(field, y, 0.3, solver("newton-krylov"))
    (z.sum() * float("inf")).backward()
    assert y.grad.isnan().all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"method": "newton"}, "fixed-point, anderson, newton-krylov"),
        ({"gradient": "adjoint"}, "'implicit' or 'unrolled'"),
        ({"tolerance": -1.0}, "at least 0"),
        ({"tolerance": float("nan")}, "finite"),
        ({"iterations": 0}, "at least 1"),
        ({"gradient": "unrolled"}, "use method='fixed-point'"),
        ({"tolerance": 0.0}, "gradient='unrolled' alone"),
    ],
)
def test_solvers_that_make_no_sense(change, match):
    with pytest.raises(ValueError, match=match) as caught:
        Solver(**{"method": "newton-krylov", "tolerance": 1e-6, "iterations": 5, "gradient": "implicit", **change})
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ fields that are more than a function

MODES = [*((m, 1e-10, 100, "implicit") for m in METHODS), ("anderson", 1e-10, 100, "unrolled")]
MODES += [(m, 0, 4, "unrolled") for m in ITERATED]


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_is_counted_once(mode):
    """Running statistics move by one evaluation at the solution, and parameters get its gradient."""
    torch.manual_seed(0)
    field, y = Field(nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4)).double(), random(6, 4)
    for count in (1, 2):
        z, _ = one_stage(field, y, 0.3, Solver(*mode), (field,))
        assert field.layers[0].num_batches_tracked == count
    z.sum().backward()
    assert all(p.grad is not None for p in field.parameters())
    if mode[1]:
        fresh = nn.BatchNorm1d(4).double()
        fresh(z.detach())
        fresh(z.detach())
        torch.testing.assert_close(field.layers[0].running_mean, fresh.running_mean)
        torch.testing.assert_close(field.layers[0].running_var, fresh.running_var)


@pytest.mark.parametrize("mode", MODES)
def test_dropout_masks_stand_still(mode):
    """The solution is that of one mask, and the generator ends where one evaluation leaves it."""
    field, y = Field(nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.5)).double(), random(50, 4, grad=True)
    torch.manual_seed(7)
    z, k = one_stage(field, y, 0.3, Solver(*mode))
    after = torch.rand(3)
    torch.manual_seed(7)
    value = field(z)
    assert torch.equal(after, torch.rand(3))
    torch.testing.assert_close(k, value, rtol=0, atol=1e-8 if mode[1] else 0.1)
    assert torch.equal(k == 0, value == 0)


@pytest.mark.parametrize("method", METHODS)
def test_autocast(method):
    """States stay float32, values are bfloat16, and every parameter gets a gradient close to the exact one."""
    field = smooth().float()
    y = random(8, 4).float().requires_grad_()
    exact, _ = one_stage(field, y, 0.5, solver(method, 1e-6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, k = one_stage(field, y, 0.5, solver(method, 1e-6))
    assert (z.dtype, k.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(z, exact, rtol=0, atol=0.05)
    for a, b in zip(*(torch.autograd.grad(v.sum(), (y, *field.parameters())) for v in (z, exact)), strict=True):
        assert float((a - b).norm() / b.norm()) < 0.05


def test_unrolled_iterations_compile_into_one_graph():
    field, y = smooth(), random(2, 4, grad=True)
    step = lambda z: one_stage(field, z, 0.3, solver("fixed-point", 0, 3, "unrolled"))[0]  # noqa: E731
    compiled = torch.compile(step, backend="eager", fullgraph=True)
    assert torch.equal(compiled(y), step(y))
    between = torch.compile(lambda z: 2 * one_stage(field, z, 0.3, solver("newton-krylov"))[0], backend="eager")
    got, want = between(y), 2 * one_stage(field, y, 0.3, solver("newton-krylov"))[0]
    assert torch.equal(*(torch.autograd.grad(v.sum(), y)[0] for v in (got, want)))
