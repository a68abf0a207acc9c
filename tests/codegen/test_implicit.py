"""Implicit schemes as modules: one step against dense linear algebra and scipy, gradients against autograd through it,
and the slope of the error, for every family."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import write_source
from tableau2net.exact.text import float_of
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.scheme import Multistep, RungeKutta, load
from tableau2net.step import Combine, lower
from tests.fields import Damped, Forced, Growth
from tests.schemes import listed_with_code

H, T = 0.3, 0.7
EXACT = {"tolerance": 1e-13, "iterations": 200}
SOLVERS = ("newton-krylov", "anderson", "fixed-point")
NAMES = [
    "backward-euler", "trapezoid", "implicit-midpoint", "gauss-2", "radau-iia-2", "lobatto-iiic-2", "alexander-2",
    "esdirk-325l2sa", "tr-bdf2", "lobatto-iiia-3", "bdf-2", "adams-moulton-2", "milne-simpson-2", "cowell-3",
    "ars-222", "imex-bdf-2", "cnlf-2", "lobatto-iiia-iiib-2", "symplectic-euler", "nordsieck-bdf-2", "dimsim-type2-2",
]  # fmt: skip


def dense(step, fields, inputs, h=H, t=T):
    """All values of a step program at once, as one linear system: an equation an operation."""
    ops, known = list(step.flat()), dict(zip((i.name for i in step.inputs), inputs, strict=True))
    size, index = len(inputs[0]), {op.target: n for n, op in enumerate(ops)}
    matrix, right = torch.zeros(len(ops), len(ops), size, size, dtype=torch.float64), []
    one = torch.eye(size, dtype=torch.float64)
    for n, op in enumerate(ops):
        if isinstance(op, Combine):
            parts = [(float_of(c) * (h**step.derivative if step.kind(v) == "f" else 1) * one, v) for c, v in op.terms]
            rest = torch.zeros(size, dtype=torch.float64)
        else:
            parts = list(zip(fields[op.part].matrices, op.values, strict=True))
            rest = fields[op.part].force * math.cos(t + h * float_of(op.time))
        blocks = [torch.zeros(size, size, dtype=torch.float64) for _ in ops]
        for factor, value in parts:
            if value in known:
                rest = rest + factor @ known[value]
            else:
                blocks[index[value]] = blocks[index[value]] + factor
        matrix = matrix.index_put((torch.tensor(n),), torch.stack(blocks))
        right.append(rest)
    flat = matrix.transpose(1, 2).reshape(len(ops) * size, -1)
    found = torch.linalg.solve(torch.eye(len(flat)).double() - flat, torch.cat(right)).reshape(len(ops), size)
    values = known | {name: found[n] for name, n in index.items()}
    return tuple(values[name] for name in step.outputs)


def agree(got, want, inputs, tolerance=1e-9):
    """Outputs, and the gradients of one weighted sum of them."""
    assert len(got) == len(want)
    sums = []
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    for outputs in (got, want):
        weights = [
            torch.linspace(1, 2 + n, y.numel(), dtype=torch.float64).reshape(y.shape) for n, y in enumerate(outputs)
        ]
        sums.append(sum((w * y).sum() for w, y in zip(weights, outputs, strict=True)))
    gradients = [torch.autograd.grad(s, inputs, allow_unused=True, materialize_grads=True) for s in sums]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * float(1 + b.abs().max()))


def one_linear_step(name, **options):
    scheme = load(name).at_defaults()
    program = lower(scheme)
    cls = t2n.compile(scheme, time_dependent=True, **options)
    assert cls.states + cls.history == tuple(i.name for i in program.inputs)
    reads = program.reads or ((0,),) * program.parts
    fields = [Forced(part, len(read)) for part, read in enumerate(reads)]
    generator = torch.Generator().manual_seed(9)
    inputs = [torch.randn(2, dtype=torch.float64, generator=generator, requires_grad=True) for _ in program.inputs]
    got = cls.step(*fields, H, T, *inputs)
    got = got if isinstance(got, tuple) else (got,)
    agree(got, dense(program, fields, inputs), [*inputs, *nn.ModuleList(fields).parameters()])


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_the_dense_solution_of_its_equations(name):
    one_linear_step(name, **EXACT)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", ["gauss-2", "ars-222", "imex-bdf-2"])
def test_by_any_solver(name, solver):
    one_linear_step(name, solver=solver, **EXACT)
    if solver != "newton-krylov":
        one_linear_step(name, solver=solver, gradient="unrolled", **EXACT)


def implicit(name):
    """Whether its stages are solved for by iteration: those of linear systems have no equations of this form."""
    return lower(load(name)).plain and not load(name).explicit


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in listed_with_code() if implicit(n) and n not in NAMES])
def test_every_shipped_implicit_scheme(name):
    one_linear_step(name, **EXACT)


# ------------------------------------------------------------------ by the textbook formula, nonlinear fields too


def by_scipy(scheme, f, ys, h=H):
    """y_{n+1} from y_n (and y_{n−1}), stages or new state by scipy's Newton method."""

    def field(v):
        with torch.no_grad():
            return f(torch.from_numpy(v)).numpy()

    y = ys[0]
    if isinstance(scheme, RungeKutta):
        a = np.array([[float_of(x) for x in row] for row in scheme.A])
        b = np.array([float_of(x) for x in scheme.b])

        def stages(flat):
            k = flat.reshape(len(b), *y.shape)
            return (k - np.stack([field(y + h * np.tensordot(row, k, 1)) for row in a])).ravel()

        k = scipy.optimize.root(stages, np.tile(field(y), (len(b), 1, 1)).ravel(), tol=1e-14).x
        return y + h * np.tensordot(b, k.reshape(len(b), *y.shape), 1)
    alpha, beta = ([float_of(x) for x in numbers] for numbers in (scheme.alpha, scheme.beta))
    past = sum(
        h * beta[j] * field(ys[scheme.steps - 1 - j]) - alpha[j] * ys[scheme.steps - 1 - j] for j in range(scheme.steps)
    )
    new = scipy.optimize.root(lambda v: v - (past + h * beta[-1] * field(v.reshape(y.shape))).ravel(), y, tol=1e-14).x
    return new.reshape(y.shape)


@pytest.mark.parametrize("name", ["backward-euler", "trapezoid", "gauss-2", "lobatto-iiic-2", "sdirk-21", "bdf-2"])
def test_a_nonlinear_step_is_what_scipy_finds_and_has_its_gradient(name):
    scheme, f = load(name).at_defaults(), Damped()
    assert isinstance(scheme, RungeKutta | Multistep)
    generator = torch.Generator().manual_seed(1)
    ys = [torch.randn(2, 3, dtype=torch.float64, generator=generator) for _ in range(getattr(scheme, "steps", 1))]
    cls = t2n.compile(scheme, **EXACT)
    block = cls([f], h=H, given=1) if cls.history else cls([f], h=H)
    np.testing.assert_allclose(block(*ys).detach(), by_scipy(scheme, f, [y.numpy() for y in ys]), rtol=0, atol=1e-11)
    inputs = [y.requires_grad_() for y in ys]
    assert torch.autograd.gradcheck(lambda *_: block(*inputs), (*inputs, *f.parameters()), fast_mode=True)


def test_learnt_coefficients_of_an_implicit_tableau_have_the_gradient_of_the_dense_solution():
    """Two steps of Gauss with every coefficient free."""
    fields = [nn.Linear(3, 3, bias=False, dtype=torch.float64) for _ in range(2)]
    block = t2n.compile("gauss-2", coefficients="free", sharing="shared", **EXACT)(fields, h=H).double()
    value = {name: getattr(block, name) for name in block.coefficients}
    a = torch.stack([torch.stack([value[f"a{i}{j}"] for j in (1, 2)]) for i in (1, 2)])
    y = want = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    for f in fields:
        system = torch.eye(6).double() - H * torch.kron(a, f.weight)
        k = torch.linalg.solve(system, torch.cat([f(want)] * 2, dim=1).T).T
        want = want + H * (value["b1"] * k[:, :3] + value["b2"] * k[:, 3:])
    agree((block(y),), (want,), [y, *value.values(), *block.fields.parameters()])


# ------------------------------------------------------------------ order


END, BEGIN = 1.5, [0.5, 1.0, 2.0]  # several states, lest the error of one pass through zero
CASES = [
    ("backward-euler", 32), ("trapezoid", 16), ("implicit-midpoint", 16), ("gauss-2", 8), ("gauss-3", 4),
    ("radau-iia-2", 16), ("lobatto-iiic-2", 16), ("alexander-2", 8), ("esdirk-324l2sa", 8), ("bdf-2", 16),
    ("bdf-4", 16), ("adams-moulton-2", 16), ("ars-222", 8), ("ark-436l2sa", 8), ("imex-bdf-2", 16), ("cnlf-2", 16),
]  # fmt: skip


@pytest.mark.parametrize(("name", "steps"), CASES)
def test_the_slope_of_the_error_is_the_order(name, steps):
    scheme = load(name).at_defaults()
    order = t2n.order(scheme)
    exact = scipy.integrate.solve_ivp(
        lambda t, y: y * np.cos(t) - y**2 / 4, (0, END), BEGIN, method="DOP853", rtol=1e-13, atol=1e-13
    ).y[:, -1]
    fields = [Growth(1, 0), Growth(0, 1)] if lower(scheme).parts == 2 else Growth()
    start = {"start": "rk4"} if lower(scheme).history else {}
    cls = t2n.compile(scheme, time_dependent=True, tolerance=1e-14, **start)
    y = torch.tensor(BEGIN, dtype=torch.float64)
    errors = [np.linalg.norm(cls([fields] * n, h=END / n)(y).detach().numpy() - exact) for n in (steps, 2 * steps)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


# ------------------------------------------------------------------ as networks


def test_implicit_euler_skip_connections_are_three_lines_a_step():
    fields = [Damped() for _ in range(2)]
    cls = t2n.compile("backward-euler", solver="fixed-point", gradient="unrolled", iterations=3, tolerance=0)
    y = want = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    for f in fields:
        known = want
        for _ in range(3):
            want = known.add(f(want), alpha=H)
    got = cls(fields, h=H)(y)
    assert torch.equal(got, want)
    for a, b in zip(*(torch.autograd.grad(z.sum(), (y, *fields[0].parameters())) for z in (got, want)), strict=True):
        assert torch.equal(a, b)


def convolution(channels=4):
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)
    )


@pytest.mark.parametrize("name", ["backward-euler", "gauss-2", "trapezoid", "imex-bdf-2"])
def test_a_network_of_implicit_steps_trains(name):
    """In float32, with batch statistics counted once an evaluation of the scheme; memory of no iteration is kept."""
    torch.manual_seed(0)
    parts = lower(load(name)).parts
    fields = [[convolution() for _ in range(parts)] if parts > 1 else convolution() for _ in range(3)]
    block = t2n.compile(name)(fields, h=0.2)
    y = torch.randn(4, 4, 6, 6)
    optimiser = torch.optim.SGD(block.parameters(), 0.02)
    losses = []
    for _ in range(6):
        loss = (block(y) - 0.5 * y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    counts = [count for name, count in block.state_dict().items() if name.endswith("num_batches_tracked")]
    assert all(count == 6 for count in counts)
    assert len(counts) == 3 * {"gauss-2": 2, "trapezoid": 2, "imex-bdf-2": 2}.get(name, 1) * 2
    block.eval()
    with torch.inference_mode():
        assert torch.isfinite(block(y)).all()


def test_fields_of_their_own_for_each_stage_and_one_for_all_steps():
    fields = [[Damped(), Damped()] for _ in range(2)]
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    own = t2n.compile("gauss-2", stage_weights="independent", **EXACT)(fields, h=H)
    same = t2n.compile("gauss-2", **EXACT)([Damped(), Damped()], h=H)
    once = t2n.compile("gauss-2", step_weights="shared", **EXACT)(Damped(), steps=2, h=H)
    for block in (own, once):
        agree((block(y),), (same(y),), [y])


def test_checkpointed_implicit_steps_have_the_same_gradient():
    fields = [Damped() for _ in range(2)]
    y = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    blocks = [t2n.compile("trapezoid", backward=backward, **EXACT)(fields, h=H) for backward in ("store", "checkpoint")]
    agree((blocks[0](y),), (blocks[1](y),), [y, *fields[0].parameters()], 1e-12)


def test_a_step_too_long_says_so():
    field = nn.Linear(3, 3, bias=False, dtype=torch.float64)
    nn.init.constant_(field.weight, -9.0)
    block = t2n.compile("backward-euler", solver="fixed-point", iterations=20)([field])
    with pytest.raises(ConvergenceError, match=r"fixed-point reached a residual of .* try a smaller h"):
        block(torch.ones(1, 3, dtype=torch.float64))
    assert t2n.compile("backward-euler")([field])(torch.ones(1, 3, dtype=torch.float64)).isfinite().all()


def test_the_standalone_file_solves_without_tableau2net(tmp_path):
    """Run where the package cannot be imported, against the class of this process."""
    path = tmp_path / "gauss.py"
    path.write_text(write_source("gauss-2", tolerance=1e-12))
    program = (
        "import sys; sys.modules['tableau2net'] = None\n"
        "import torch, gauss\n"
        "f = torch.nn.Linear(2, 2, bias=False, dtype=torch.float64)\n"
        "torch.nn.init.constant_(f.weight, -0.4)\n"
        "y = torch.ones(2, dtype=torch.float64, requires_grad=True)\n"
        "z = gauss.Gauss2([f], h=0.5)(y); z.sum().backward()\n"
        "print(repr(float(z[0])), repr(float(y.grad[0])))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    z = 0.5 * -0.8  # (1, 1) is an eigenvector, to −0.8, of a symmetric matrix
    want = (1 + z / 2 + z**2 / 12) / (1 - z / 2 + z**2 / 12)
    assert [float(x) for x in run.stdout.split()] == pytest.approx([want, want], abs=1e-11)


@pytest.mark.parametrize("scheme", ["radau-ia-2", "lobatto-iiic-2", "lobatto-iiid-3", "radau-iia-2"])
def test_a_step_from_zero_is_that_of_the_same_field_elsewhere(scheme):
    """Of stages that begin as 0 the first image may cancel to nothing, which is not how large they become."""
    weight, shift = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).double() / 2, 1.5

    class Shifted(nn.Module):
        def __init__(self, at):
            super().__init__()
            self.at = at

        def forward(self, y):
            return torch.cos((y - self.at) @ weight)

    Block = t2n.compile(scheme, tolerance=1e-12)
    zero = torch.zeros(2, 4, dtype=torch.float64)
    here, there = Block([Shifted(0.0)], h=0.3)(zero), Block([Shifted(shift)], h=0.3)(zero + shift) - shift
    torch.testing.assert_close(here, there, rtol=0, atol=1e-10)
