"""Whatever the unit of the state: the solution of c·y0 is c times the solution, where f(c·y) = c·f(y)."""

import math
from itertools import cycle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net.integration import integrate
from tableau2net.integration.interface import one_step
from tableau2net.scheme import list_schemes, load
from tableau2net.step import lower
from tests.integration.problems import D

POWERS = st.integers(-15, 15)
IMPLICIT = [
    "backward-euler", "trapezoid", "implicit-midpoint", "gauss-2", "gauss-3", "radau-iia-2", "radau-iia-3",
    "lobatto-iiia-3", "lobatto-iiib-3", "lobatto-iiic-3", "alexander-2", "esdirk-325l2sa", "kvaerno-43",
    "kvaerno-54", "bdf-2", "bdf-4",
    "adams-moulton-2", "milne-simpson-2", "ars-222", "ark-324l2sa", "imex-bdf-2", "cnlf-2", "lobatto-iiia-iiib-2",
    "lobatto-iiic-iii-3", "nordsieck-bdf-2", "nordsieck-adams-3", "dimsim-type2-2", "cowell-3",
]  # fmt: skip
ADAPTIVE = [name for name in IMPLICIT if one_step(load(name).at_defaults()) and t2n.order(load(name)) > 1]
FEW = ("radau-iia-2", "kvaerno-43", "bdf-2", "ars-222", "lobatto-iiia-iiib-2", "nordsieck-bdf-2")


def some(names):
    """All of them, and a few where it has to be quick."""
    return [name if name in FEW else pytest.param(name, marks=pytest.mark.slow) for name in names]


MATRIX = torch.tensor([[-2.0, 1.0, 0.3], [0.5, -40.0, 1.0], [0.0, 2.0, -1.0]], dtype=D)
Y0 = torch.tensor([1.0, -0.5, 2.0], dtype=D)


def homogeneous(share):
    """A field with f(c·y) = c·f(y) that is not linear, c ≥ 0; a share of it."""

    def f(t, *ys):
        y = sum(ys)
        return share * (y @ MATRIX.T + 0.5 * y.norm(dim=-1, keepdim=True) * math.cos(t) + 0.2 * y.flip(-1).abs())

    return f


def problem(name, y0=Y0):
    step = lower(load(name).at_defaults())
    if step.derivative == 2:
        return homogeneous(0.1), (y0, 0.5 * y0)
    if len(step.states) > 1:
        return tuple(homogeneous(1 / (n + 1)) for n in range(len(step.states))), (y0,) * len(step.states)
    parts = tuple(homogeneous(1 / step.parts) for _ in range(step.parts))
    return (parts if step.parts > 1 else parts[0]), y0


def times(c, y):
    return tuple(c * each for each in y) if isinstance(y, tuple) else c * y


def agree(got, want, rtol):
    for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (got, want)), strict=True):
        torch.testing.assert_close(a, b, rtol=rtol, atol=rtol * float(b.abs().max()))


@pytest.mark.parametrize("name", some(IMPLICIT))
@settings(max_examples=3, deadline=None)
@given(POWERS)
def test_with_given_steps(name, power):
    f, y0 = problem(name)
    c = 10.0**power
    agree(times(1 / c, integrate(name, f, times(c, y0), 0, 1, 20)), integrate(name, f, y0, 0, 1, 20), 1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "power"),
    [*zip([n for n in list_schemes() if not load(n).explicit and n not in IMPLICIT], cycle([-15, -9, 15]))],
)
def test_every_implicit_scheme(name, power):
    f, y0 = problem(name)
    c = 10.0**power
    try:
        want = integrate(name, f, y0, 0, 0.2, 12)
    except t2n.InputError:
        pytest.skip("not for this problem")
    agree(times(1 / c, integrate(name, f, times(c, y0), 0, 0.2, 12)), want, 1e-8)


@pytest.mark.parametrize("name", some(ADAPTIVE))
@settings(max_examples=2, deadline=None)
@given(POWERS, st.booleans())
def test_with_error_control(name, power, relative):
    """The same steps, where the absolute tolerance goes with the state, or there is none."""
    f, y0 = problem(name)
    c = 10.0**power
    atol = (0.0, 0.0) if relative else (1e-4, c * 1e-4)
    want = integrate(name, f, y0, 0, 0.5, rtol=1e-3, atol=atol[0], full=True)
    got = integrate(name, f, times(c, y0), 0, 0.5, rtol=1e-3, atol=atol[1], full=True)
    agree(times(1 / c, got.y), want.y, 5e-4)  # the steps are the same but for rounding, which their sizes magnify
    assert abs(got.steps - want.steps) <= 1 + want.steps // 20


@pytest.mark.parametrize("solver", ["auto", "newton-krylov", "anderson"])
def test_a_decay_from_a_trillionth(solver):
    """y' = −y from 1e-12 in ten steps of Radau IIA, R(z) = (1 + z/3)/(1 − 2z/3 + z²/6)."""
    z = -0.1
    want = 1e-12 * ((1 + z / 3) / (1 - 2 * z / 3 + z * z / 6)) ** 10
    assert float(integrate("radau-iia-2", lambda t, y: -y, 1e-12, 0, 1, 10, solver=solver)) == pytest.approx(want, 1e-9)


def test_a_stiff_system_of_a_billionth_takes_as_many_steps():
    matrix = torch.tensor([[-1e5, 1e5], [1.0, -2.0]], dtype=D)
    y0, found = torch.tensor([1.0, 2.0], dtype=D), []
    for c in (1.0, 1e-9):
        found.append(
            integrate("radau-iia-2", lambda t, y: matrix @ y, c * y0, 0, 5, rtol=1e-6, atol=c * 1e-9, full=True)
        )
    exact = torch.linalg.matrix_exp(5 * matrix) @ y0
    assert found[0].steps == found[1].steps < 100
    for solution, c in zip(found, (1.0, 1e-9), strict=True):
        torch.testing.assert_close(solution.y / c, exact, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", ["radau-iia-2", "kvaerno-43", "gauss-2", "bdf-2", "ars-222"])
def test_numbers_of_very_different_size_in_one_state(name):
    """Each by itself, and as exactly as alone; what is 0 stays it."""
    y0 = torch.tensor([1.0, 1e-13, 0.0, -1e9, 1e-4], dtype=D)
    rates = torch.tensor([-1.0, -31.0, -2.0, 0.5, 0.1], dtype=D)
    parts = lower(load(name)).parts

    def f(i):
        return lambda t, y: rates[i] * y / parts

    got = integrate(name, (f(slice(None)),) * parts if parts > 1 else f(slice(None)), y0, 0, 1, 10)
    for i in range(len(y0)):
        alone = integrate(name, (f(i),) * parts if parts > 1 else f(i), y0[i : i + 1], 0, 1, 10)
        torch.testing.assert_close(got[i], alone[0], rtol=1e-9, atol=0)


@pytest.mark.parametrize("shape", [(4, 3), (200, 3)])
def test_a_small_member_of_a_batch(shape):
    """By a matrix, and without one where the batch is too large."""
    y0 = torch.ones(shape, dtype=D) * Y0
    y0[1] *= 1e-14
    y0[2] = 0
    got = integrate("radau-iia-2", homogeneous(1.0), y0, 0, 1, 10)
    alone = integrate("radau-iia-2", homogeneous(1.0), Y0, 0, 1, 10)
    torch.testing.assert_close(got[1] * 1e14, alone, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(got[0], alone, rtol=1e-9, atol=1e-9)
    assert not got[2].any()


class Homogeneous(nn.Module):
    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(0.3 * MATRIX.clamp(-3, 3))

    def forward(self, y):
        return y @ self.matrix.T + 0.2 * y.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("solver", ["newton-krylov", "anderson", "fixed-point"])
@pytest.mark.parametrize("name", ["backward-euler", "gauss-2", "alexander-2"])
@settings(max_examples=3, deadline=None)
@given(POWERS)
def test_compiled_blocks_and_their_gradients(name, solver, power):
    """Of c·y as of y, to a tolerance that is far above rounding: value and gradient by the state and the parameters."""
    c, field = 10.0**power, Homogeneous()
    block = t2n.compile(name, solver=solver, tolerance=1e-9, iterations=100)([field] * 2, h=0.3)
    found = []
    for scale in (1.0, c):
        y = torch.stack((Y0, -0.3 * Y0)).mul(scale).requires_grad_()
        z = block(y)
        found.append((z.detach() / scale, *torch.autograd.grad((z * z).sum() / scale**2, (y, *field.parameters()))))
    agree(found[1][0], found[0][0], 1e-7)
    agree(found[1][1] * c, found[0][1], 1e-7)
    agree(found[1][2], found[0][2], 1e-7)


@pytest.mark.parametrize("name", ["dormand-prince-54", "radau-iia-3", "kvaerno-43"])
@pytest.mark.parametrize("begin", [0.0, 1e-30])
def test_what_begins_at_nothing_without_an_absolute_tolerance(name, begin):
    """y' = 1 − y from 0, where there is nothing yet that a relative error could be relative to."""
    y = integrate(name, lambda t, y: 1 - y, [begin, 2 * begin], 0, 1, rtol=1e-6, atol=0)
    torch.testing.assert_close(y, torch.full((2,), 1 - math.exp(-1), dtype=D), rtol=1e-5, atol=0)
