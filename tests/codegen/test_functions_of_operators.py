"""Code of exponential integrators: φ-functions in floating point, linear parts of every kind, gradients, slopes."""

import copy
import math
import subprocess
import sys

import mpmath
import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import write_source
from tableau2net.errors import InputError
from tableau2net.runtime.phi_functions import phi_values
from tableau2net.runtime.phi_sums import phi_sum
from tableau2net.scheme import ExponentialRosenbrock, load
from tableau2net.step import lower
from tableau2net.testing import assert_consistent
from tableau2net.testing.module import Compared

TERMS = ((0.5, 1, 1.0), (-2.0, 3, 0.5), (1.0, 0, 0.5), (0.25, 2, 1.0))


@pytest.mark.parametrize("k", range(7))
@pytest.mark.parametrize("direction", [1, -1, 1j, complex(-0.6, 0.8)])
def test_phi_to_a_few_roundings_at_all_sizes(k, direction):
    sizes = [0.0, *(10.0**e for e in range(-12, 3)), 0.99 * (k + 1), 1.01 * (k + 1), 350.0, *[1e3] * (direction != 1)]
    z = torch.tensor([complex(direction * size) for size in sizes], dtype=torch.complex128)
    found = [phi_values(k, z)] + [phi_values(k, z.real)] * (complex(direction).imag == 0)
    with mpmath.workdps(50):
        for values in found:
            for x, got in zip(z.tolist(), values.tolist(), strict=True):
                x = mpmath.mpc(x)
                want = mpmath.exp(x) if k == 0 else mpmath.hyp1f1(1, k + 1, x) / mpmath.factorial(k)
                assert abs(mpmath.mpc(got) - want) <= 2e-15 * abs(want) + 1e-320


def test_phi_has_a_gradient_everywhere():
    z = torch.tensor([-30.0, -1.0, 0.0, 1e-9, 2.0, 2.1, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: torch.stack([phi_values(k, z) for k in range(4)]), (z,))


def circulant(symbol, n):
    """The matrix of a Fourier multiplier."""
    return torch.stack([symbol(e) for e in torch.eye(n, dtype=torch.float64)], dim=1)


def test_linear_parts_of_every_kind_agree():
    torch.manual_seed(0)
    n, h = 15, 0.07
    fourier = t2n.Fourier.of(lambda k: -(k**2) + 0.3j * k, [n], [2 * math.pi])
    matrix = circulant(fourier, n)
    v = torch.randn(3, n, dtype=torch.float64)
    want = fourier.phi_sum(TERMS, h, v)
    torch.testing.assert_close(fourier(v), v @ matrix.mT)
    torch.testing.assert_close(t2n.DenseMatrix(matrix).phi_sum(TERMS, h, v), want)
    linear = nn.Linear(n, n, bias=False).double()
    linear.weight.data = matrix
    for part in (t2n.Krylov(linear), t2n.Krylov(linear, enough=1e-12)):
        torch.testing.assert_close(part.phi_sum(TERMS, h, v), want)
    torch.testing.assert_close(phi_sum(linear, TERMS, h, v), want)
    basis = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]
    values = -torch.rand(n, dtype=torch.float64) * 40
    dense = t2n.DenseMatrix(basis @ torch.diag(values) @ basis.mT)
    torch.testing.assert_close(dense.phi_sum(TERMS, h, v), t2n.Diagonal(values).phi_sum(TERMS, h, v @ basis) @ basis.mT)


def test_complex_states_on_periodic_grids():
    """Schrödinger's i u_t = −u_xx + |u|²u of one wave: e^{ix − 2it}."""
    n = 16
    x = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    wave = torch.exp(1j * x)
    part = t2n.Fourier.of(lambda k: -1j * k**2, [n], [2 * math.pi])
    torch.testing.assert_close(part(wave), -1j * wave)
    torch.testing.assert_close(part(wave.conj()), -1j * wave.conj())
    found = t2n.integrate("krogstad-4", (lambda t, u: -1j * u.abs() ** 2 * u, part), wave, 0, 1, steps=20)
    torch.testing.assert_close(found, wave * complex(math.cos(2), -math.sin(2)), atol=1e-5, rtol=1e-5)
    with pytest.raises(InputError, match="complex state"):
        part(x)


@pytest.mark.parametrize("sizes", [[8], [9], [2], [1], [6, 8], [5, 4], [4, 7]])
def test_functions_on_a_grid_are_those_of_the_matrix_that_it_multiplies_by(sizes):
    """Odd derivatives at waves that are their own mirror as well; complex states by their parts."""
    torch.manual_seed(2)
    part = t2n.Fourier.of(
        lambda *k: -0.1 * sum(k) ** 2 + 0.5j * sum(k) + 0.2j * k[0] ** 3, sizes, [2 * math.pi] * len(sizes)
    )
    given = t2n.Fourier(torch.randn(*sizes[:-1], sizes[-1] // 2 + 1, dtype=torch.complex128))
    v = torch.randn(*sizes, dtype=torch.complex128)
    for each in (part, given):
        unit = torch.eye(math.prod(sizes), dtype=torch.float64).reshape(-1, *sizes)
        dense = t2n.DenseMatrix(each(unit).flatten(1).mT)
        want = dense.phi_sum(TERMS, 0.3, v.real.flatten()) + 1j * dense.phi_sum(TERMS, 0.3, v.imag.flatten())
        torch.testing.assert_close(each.phi_sum(TERMS, 0.3, v).flatten(), want)
        torch.testing.assert_close(each.phi_sum(TERMS, 0.3, v.real).flatten(), want.real)
        torch.testing.assert_close(each(v), each(v.real) + 1j * each(v.imag))


def test_two_dimensions_and_low_precision():
    laplacian = t2n.Fourier.of(lambda k, m: -(k**2) - m**2, [8, 6], [2 * math.pi, 2 * math.pi], dtype=torch.float32)
    x, y = (torch.arange(n) * (2 * math.pi / n) for n in (8, 6))
    wave = torch.cos(2 * x)[:, None] * torch.sin(y)[None]
    torch.testing.assert_close(laplacian(wave), -5 * wave, atol=1e-5, rtol=1e-5)
    half = laplacian.phi_sum(((1.0, 0, 1.0),), 0.1, wave.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), math.exp(-0.5) * wave, atol=0.02, rtol=0.02)


def test_sums_are_made_once_a_step_size_and_again_where_l_changes():
    part = t2n.Diagonal(torch.tensor([-1.0, -2.0], dtype=torch.float64))
    v, made = torch.ones(2, dtype=torch.float64), []
    own = part.made
    part.made = lambda *given: (made.append(given), own(*given))[1]
    for _ in range(3):
        first = part.phi_sum(TERMS, 0.1, v)
    assert len(made) == 1
    part.phi_sum(TERMS, 0.2, v)
    assert len(made) == 2
    part.eigenvalues.mul_(2)
    torch.testing.assert_close(part.phi_sum(TERMS, 0.05, v), first)
    assert len(made) == 3
    assert copy.deepcopy(t2n.Diagonal(v)).phi_sum(TERMS, 0.1, v).shape == v.shape


@pytest.mark.parametrize("kind", ["diagonal", "fourier", "dense", pytest.param("krylov", marks=pytest.mark.slow)])
def test_gradients_through_a_step(kind):
    torch.manual_seed(1)
    values = -torch.rand(5, dtype=torch.float64) * 3
    part = {
        "diagonal": lambda: t2n.Diagonal(values, learnable=True),
        "fourier": lambda: t2n.Fourier(values[:3], learnable=True),
        "dense": lambda: t2n.DenseMatrix(torch.randn(5, 5, dtype=torch.float64), learnable=True),
        "krylov": lambda: nn.Linear(5, 5, bias=False).double(),
    }[kind]()
    step, (own,) = t2n.compile("krogstad-4").step, part.parameters()
    y = torch.randn(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda y, p: torch.func.functional_call(_Stepped(step, part), {"part." + _name(part): p}, (y,)), (y, own)
    )


def _name(part):
    return next(name for name, _ in part.named_parameters())


class _Stepped(nn.Module):
    def __init__(self, step, part):
        super().__init__()
        self.take, self.part = step, part

    def forward(self, y):
        return self.take(torch.tanh, self.part, 0.3, y)


@pytest.mark.parametrize(
    "name", ["krogstad-4", "hochbruck-ostermann-2", "exponential-adams-3", "lawson-adams-bashforth-2"]
)
def test_modules_compute_the_formula(name):
    """Series of powers of hL against functions of it; c2 is learnt."""
    scheme = t2n.load(name)
    options = {"time_dependent": True} | ({"coefficients": "learnable"} if scheme.parameters else {})
    compared = Compared(scheme, options, steps=5, given=0)
    assert compared.differences() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["luan-ostermann-5", "etd-4rk", "exponential-adams-4", "lawson-bogacki-shampine-32"])
def test_each_is_consistent(name):
    assert_consistent(name)


@pytest.mark.slow
def test_a_file_needs_torch_alone(tmp_path):
    file = tmp_path / "made.py"
    used = "print(Etd3rk([[nn.Tanh(), nn.Linear(3, 3, bias=False)]])(torch.ones(3)))"
    file.write_text(f"{write_source('etd-3rk')}\n\n{used}\n")
    code = f"import runpy, sys; sys.modules['tableau2net'] = None; runpy.run_path({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tensor" in done.stdout


@pytest.mark.slow
def test_export_and_inference():
    block = t2n.compile("etd-2rk")([[nn.Tanh(), t2n.Diagonal(torch.tensor([-1.0, -50.0]))]] * 2, h=0.5)
    y = torch.randn(4, 2)
    program = torch.export.export(block, (y,))
    torch.testing.assert_close(program.module()(y), block(y))
    with torch.inference_mode():
        block(y)
    block(y.requires_grad_()).sum().backward()


def heat(n=31):
    """u_t = u_xx + ∫u dx + Φ with u = x(1 − x)e^t and zero at the ends (Hochbruck & Ostermann 2005, Example 6.2)."""
    dx = 1 / (n + 1)
    x = torch.arange(1, n + 1, dtype=torch.float64) * dx
    second = torch.diag(torch.full((n,), -2.0)) + torch.diag(torch.ones(n - 1), 1) + torch.diag(torch.ones(n - 1), -1)

    def u(t):
        return x * (1 - x) * math.exp(t)

    def nonlinear(t, y):
        return dx * y.sum() + u(t) + 2 * math.exp(t) - dx * u(t).sum()

    return nonlinear, t2n.DenseMatrix(second.double() / dx**2), u


@pytest.mark.parametrize(
    ("name", "slope"),
    [("lawson-rk4", 1.1), ("cfree-4", 2), ("etd-4rk", 2.1), ("hochbruck-ostermann-4", 3.9), ("exponential-adams-3", 3)],
)
def test_stiffness_takes_the_order_that_is_told(name, slope):
    nonlinear, linear, u = heat()
    errors = [(t2n.integrate(name, (nonlinear, linear), u(0), 0, 1, steps=n) - u(1)).abs().max() for n in (8, 16, 32)]
    seen = float(torch.log2(errors[0] / errors[2])) / 2
    assert abs(seen - slope) < 0.35
    assert abs(t2n.report(t2n.load(name))["stiff_order"] - slope) < 0.3


@pytest.mark.parametrize("k", [7, pytest.param(9, marks=pytest.mark.slow)])
def test_many_steps_are_started_soon_and_well(k):
    """y' = −y − y², y = 1/(2e^t − 1): the slope is the order."""
    one, (few, many) = torch.ones(1, dtype=torch.float64), (40, 80)
    parts = (lambda t, y: -(y**2), t2n.Diagonal(-one))
    errors = [
        abs(t2n.integrate(f"exponential-adams-{k}", parts, one, 0, 1, steps=n).item() - 1 / (2 * math.e - 1))
        for n in (few, many)
    ]
    assert errors[1] < errors[0] / 2 ** (k - 1)


def test_a_tolerance_is_kept_by_doubled_steps():
    nonlinear, linear, u = heat(15)
    found = t2n.integrate("hochbruck-ostermann-4", (nonlinear, linear), u(0), 0, 1, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(found, u(1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: t2n.Diagonal([1.0]), "eigenvalues: a tensor"),
        (lambda: t2n.Diagonal(torch.tensor([1])), "eigenvalues: a tensor"),
        (lambda: t2n.DenseMatrix(torch.ones(2, 3)), "square"),
        (lambda: t2n.Fourier(torch.tensor(1.0)), "symbol: a number for each wave"),
        (lambda: t2n.Fourier.of(lambda k: k, [4], [0.0]), "sizes, lengths"),
        (lambda: t2n.Fourier(torch.ones(3))(torch.ones(7)), "n//2 \\+ 1 waves"),
        (lambda: t2n.Fourier.of(lambda k: -(k**2), [8], [1.0])(torch.ones(9)), "for \\(8,\\) points"),
        (lambda: t2n.Fourier.of(lambda k: 1 / k, [8], [1.0]), "not finite"),
        (lambda: t2n.Fourier(torch.ones(3), whole=True)(torch.ones(4) + 0j), "n waves"),
        (lambda: t2n.DenseMatrix(torch.eye(2))(torch.ones(3)), "matrix is 2 × 2"),
        (lambda: t2n.DenseMatrix(torch.eye(2)).phi_sum(TERMS, 0.1, torch.ones(2).double()), "give both alike"),
        (lambda: t2n.DenseMatrix(torch.eye(2) + 0j)(torch.ones(2)), "give both alike"),
        (lambda: t2n.Krylov(nn.Identity(), enough=-1.0), "enough"),
        (lambda: t2n.Krylov(nn.Identity(), vectors=0), "vectors"),
        (lambda: t2n.compile("exponential-adams-2", start="gauss-2"), "explicit Runge–Kutta"),
    ],
)
def test_wrong_parts_are_told_in_a_line(wrong, told):
    with pytest.raises(InputError, match=told):
        wrong()


ONE = torch.ones(1, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["module", "krylov", "function", "function of y", "transposed"])
def test_any_module_that_is_linear_is_a_linear_part(kind):
    """y' = −y − 3y: modules have no time, and some have options beside the state."""
    lin = nn.Linear(1, 1, bias=False).double()
    lin.weight.data.fill_(-3)
    conv = nn.ConvTranspose1d(1, 1, 1, bias=False).double()
    conv.weight.data.fill_(-3)
    part = {
        "module": lin,
        "krylov": t2n.Krylov(lin),
        "function": lambda t, u: -3 * u,
        "function of y": lambda u: -3 * u,
        "transposed": conv,
    }[kind]
    y = ONE.reshape(1, 1) if kind == "transposed" else ONE
    with torch.no_grad():
        for name in ("krogstad-4", "exponential-adams-2"):
            found = t2n.integrate(name, (lambda t, u: -u, part), y, 0, 1, steps=50)
            torch.testing.assert_close(found, math.exp(-4) * y, rtol=2e-2, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("bent", [nn.Linear(1, 1), nn.ReLU(), nn.Tanh(), lambda u: u + 1, lambda u: u.abs(), torch.exp])
def test_a_part_that_is_not_linear_is_told(bent, dtype):
    if isinstance(bent, nn.Module):
        bent, dtype = bent.double(), torch.float64
    y = ONE.to(dtype)
    with pytest.raises(InputError, match="not linear"):
        t2n.integrate("krogstad-4", (lambda t, u: -u, lambda t, u: bent(u)), y, 0, 1, steps=5)
    if isinstance(bent, nn.Module):
        with pytest.raises(InputError, match="not linear"):
            t2n.integrate("krogstad-4", (lambda t, u: -u, t2n.Krylov(bent)), y, 0, 1, steps=5)
        with pytest.raises(ValueError, match="not linear"):
            phi_sum(bent, TERMS, 0.1, y)
    with pytest.raises(InputError, match="the wrong way round"):
        t2n.integrate("etd-1", (t2n.Diagonal(-y), lambda t, u: u - u**3), y, 0, 1, steps=5)


def test_conjugation_is_not_linear_on_complex_states():
    with pytest.raises(InputError, match="not linear"):
        t2n.integrate("etd-1", (lambda t, u: -u, lambda t, u: u.conj()), ONE + 1j, 0, 1, steps=5)


def test_a_real_matrix_of_complex_states():
    part = t2n.DenseMatrix(torch.tensor([[-1.0, 2.0], [0.0, -3.0]], dtype=torch.float64))
    v = torch.randn(2, dtype=torch.complex128)
    found = part.phi_sum(TERMS, 0.3, v)
    torch.testing.assert_close(found, part.phi_sum(TERMS, 0.3, v.real) + 1j * part.phi_sum(TERMS, 0.3, v.imag))


def test_uneven_steps_are_refused():
    with pytest.raises(InputError, match="equal for an exponential-multistep scheme"):
        t2n.integrate("exponential-adams-2", (torch.sin, t2n.Diagonal(-ONE)), ONE, 0, 1, grid=[0, 0.3, 0.5, 1])


def test_too_few_vectors_are_told():
    large = t2n.Krylov(nn.Linear(60, 60, bias=False).double(), vectors=5)
    large.field.weight.data *= 200
    with pytest.raises(RuntimeError, match="smaller steps"):
        large.phi_sum(TERMS, 1.0, torch.randn(60, dtype=torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("exponential-rosenbrock-euler", 2),
        ("exprb-32", 3),
        ("exprb-43", 4),
        ("epirk-4s3b", 4),
        ("epi-3", 3),
        ("epi-4", 4),
    ],
)
def test_functions_of_the_jacobian(name, order):
    """A pendulum that is driven: the slope is the order, with time in the field; beside `rk4` with many steps."""

    def pendulum(t, y):
        return torch.stack([y[1], -torch.sin(y[0]) - 0.2 * y[1] + math.cos(3 * t)])

    y = torch.tensor([0.5, 1.0], dtype=torch.float64, requires_grad=True)
    exact = t2n.integrate("rk4", pendulum, y, 0, 1, steps=200)
    pair = (32, 64) if lower(load(name)).history else (8, 16)
    errors = [(t2n.integrate(name, pendulum, y, 0, 1, steps=n) - exact).abs().max().detach() for n in pair]
    assert float(torch.log2(errors[0] / errors[1])) == pytest.approx(order, abs=0.35)
    (expected,) = torch.autograd.grad(exact.sum(), y)
    (found,) = torch.autograd.grad(t2n.integrate(name, pendulum, y, 0, 1, steps=16).sum(), y)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=10 * float(errors[1]))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (([[]], ["phi1(z)"], ["0"]), "one for each behind the first"),
        (([[], ["phi1(z)"]], ["phi3(z)"], ["0", "1"]), "between it and the first"),
        (([[]], [], ["1"]), "the first of which is 0"),
        (([[], []], ["1/z"], ["0", "1"]), "pole"),
        (([[], []], ["0"], ["0", "1/2"], None, ["phi2(z)", "0"]), "one for each behind the first"),
        (([[], []], ["0"], ["0", "1/3"], None, ["phi2(z)"]), r"g\[0\] is 1/2 at z = 0, and the node c\[1\] 1/3"),
        (([[]], [], ["0"], None, [], ["phi2(z)/z"]), "pole"),
    ],
)
def test_wrong_tables_of_exponential_rosenbrock_methods(table, told):
    with pytest.raises(InputError, match=told):
        ExponentialRosenbrock(*table)


@pytest.mark.parametrize("name", ["epi-3", "epi-6"])
def test_propagation_starts_by_functions_of_the_jacobian(name):
    """Linear fields are solved exactly by every step, those of the start too, however stiff they are."""
    matrix, y = torch.tensor([[-1000.0, 1.0], [0.0, -1.0]], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    found = t2n.integrate(name, lambda t, y: y @ matrix.T, y, 0, 1, steps=10)
    torch.testing.assert_close(found, torch.matrix_exp(matrix) @ y, rtol=1e-11, atol=1e-12)
    block = t2n.compile(name)([nn.Linear(2, 2, bias=False) for _ in range(7)], h=0.1)
    for field in block.fields:
        field.weight.data = matrix
    block.double()
    torch.testing.assert_close(block(y), torch.matrix_exp(0.7 * matrix) @ y, rtol=1e-9, atol=1e-10)
    assert "exponential-rosenbrock-euler" in type(block).start.__doc__
