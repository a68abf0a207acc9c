"""The gradient through implicit stages, implicit and unrolled, against dense linear algebra and autograd; and fields
that are more than a function."""

import gc

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from tableau2net.runtime.stage_solve import Solver, solve
from tests.fields import Counted, smooth
from tests.runtime.stages import ITERATED, METHODS, A, one_stage, random, solver, stiff, two_stages

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
    field, y = smooth(3, seed=1), random(2, 3, grad=True)
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
    field, y = smooth(seed=1), random(2, 4, grad=True)
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
    field, y = smooth(seed=1), random(2, 4, grad=True)
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
    field, y = smooth(seed=1), random(2, 4, grad=True)
    step = lambda z: solve(lambda v: ((2 * z,), (field(v),)), (z,), solver(method))[1][0]  # noqa: E731
    want = torch.autograd.grad(field(2 * y).sum(), y)[0]
    for k in (step(y), checkpoint(step, y, use_reentrant=False)):
        torch.testing.assert_close(torch.autograd.grad(k.sum(), y)[0], want)


def test_a_graph_only_where_something_wants_a_gradient():
    field, y = smooth(seed=1), random(2, 4)
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


@pytest.mark.parametrize(
    "method", [pytest.param(method, marks=pytest.mark.slow) if method in METHODS[1:] else method for method in METHODS]
)
def test_nothing_is_kept_when_it_is_over(method):
    """Neither by cycles, which only the collector would find, nor by the number of steps taken."""
    field, y = smooth(seed=1), random(2, 4, grad=True)

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
    field, y = smooth(seed=1), random(2, 4, grad=True)
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
    field, y = smooth(seed=1), random(2, 4, grad=True)
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
    field, y = smooth(seed=1), random(2, 4, grad=True)
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
    field, y = smooth(3, seed=1), random(2, 3, grad=True)
    how = solver(method, tolerance, iterations, "unrolled")
    one_stage(field, y, 0.4, how)
    assert tolerance or field.calls == iterations
    assert torch.autograd.gradcheck(lambda *_: one_stage(field, y, 0.4, how), (y, *field.parameters()))
    if tolerance == 0:
        assert torch.autograd.gradgradcheck(lambda v: one_stage(field, v, 0.4, how)[0], (y,))


@pytest.mark.parametrize("method", ITERATED)
def test_unrolled_and_implicit_gradients_meet(method):
    field, y = smooth(seed=1), random(2, 4, grad=True)
    gradients = [
        torch.autograd.grad(one_stage(field, y, 0.3, solver(method, 1e-14, 100, gradient))[1].sum(), y)[0]
        for gradient in ("implicit", "unrolled")
    ]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-12)


# ------------------------------------------------------------------ fields that are more than a function

MODES = [*((m, 1e-10, 100, "implicit") for m in METHODS), ("anderson", 1e-10, 100, "unrolled")]
MODES += [(m, 0, 4, "unrolled") for m in ITERATED]


@pytest.mark.parametrize("mode", MODES)
def test_a_batch_is_counted_once(mode):
    """Running statistics move by one evaluation at the solution, and parameters get its gradient."""
    torch.manual_seed(0)
    field, y = Counted(nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4)).double(), random(6, 4)
    for count in (1, 2):
        z, _ = one_stage(field, y, 0.3, Solver(*mode), (field,))
        assert field[0].num_batches_tracked == count
    z.sum().backward()
    assert all(p.grad is not None for p in field.parameters())
    if mode[1]:
        fresh = nn.BatchNorm1d(4).double()
        fresh(z.detach())
        fresh(z.detach())
        torch.testing.assert_close(field[0].running_mean, fresh.running_mean)
        torch.testing.assert_close(field[0].running_var, fresh.running_var)


@pytest.mark.parametrize("mode", MODES)
def test_dropout_masks_stand_still(mode):
    """The solution is that of one mask, and the generator ends where one evaluation leaves it."""
    field, y = Counted(nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.5)).double(), random(50, 4, grad=True)
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
    field = smooth(seed=1).float()
    y = random(8, 4).float().requires_grad_()
    exact, _ = one_stage(field, y, 0.5, solver(method, 1e-6))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z, k = one_stage(field, y, 0.5, solver(method, 1e-6))
    assert (z.dtype, k.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(z, exact, rtol=0, atol=0.05)
    for a, b in zip(*(torch.autograd.grad(v.sum(), (y, *field.parameters())) for v in (z, exact)), strict=True):
        assert float((a - b).norm() / b.norm()) < 0.05


def test_unrolled_iterations_compile_into_one_graph():
    field, y = smooth(seed=1), random(2, 4, grad=True)
    step = lambda z: one_stage(field, z, 0.3, solver("fixed-point", 0, 3, "unrolled"))[0]  # noqa: E731
    compiled = torch.compile(step, backend="eager", fullgraph=True)
    assert torch.equal(compiled(y), step(y))
    between = torch.compile(lambda z: 2 * one_stage(field, z, 0.3, solver("newton-krylov"))[0], backend="eager")
    got, want = between(y), 2 * one_stage(field, y, 0.3, solver("newton-krylov"))[0]
    assert torch.equal(*(torch.autograd.grad(v.sum(), y)[0] for v in (got, want)))
