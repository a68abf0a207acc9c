"""Fields on a grid against rolls of arrays, convolutions that a person writes, and solutions that are known."""

import copy
import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional

import tableau2net as t2n
from tableau2net import InputError
from tableau2net.scheme import Stencil
from tableau2net.scheme.equation import Equation, UsedStencil
from tests.waves import rolled

PI = 2 * math.pi


pytestmark = pytest.mark.usefixtures("doubles")


def drawn(rng, derivative=1):
    """A stencil of no symmetry at all."""
    offsets = rng.choice(np.arange(-3, 4), size=4, replace=False)
    return Stencil(derivative, [str(n) for n in rng.integers(1, 9, size=4)], offsets.tolist())


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_offsets_are_in_order_along_every_axis(dimension):
    """Asymmetric stencils, a step for each axis, several states: a kernel that is flipped or transposed shows."""
    rng = np.random.default_rng(dimension)
    shape = (8, 9, 10)[:dimension]
    steps = [0.5, 0.25, 2.0][:dimension]
    letters = "xyz"[:dimension]
    stencils = {letter: drawn(rng) for letter in letters}
    text = [" + ".join(f"{i + 2}*v_{c}" for i, c in enumerate(letters)) + " - u", "u*u_x + v_x**2/4"]
    field = t2n.field(stencils, text, states=("u", "v"), h=steps)
    y = rng.standard_normal((3, 2, *shape))
    u, v = y[:, 0], y[:, 1]
    d = {c: rolled(stencils[c], v, 1 + i, steps[i]) for i, c in enumerate(letters)}
    wanted = [
        sum((i + 2) * d[c] for i, c in enumerate(letters)) - u,
        u * rolled(stencils["x"], u, 1, steps[0]) + d["x"] ** 2 / 4,
    ]
    np.testing.assert_allclose(field(torch.from_numpy(y)).numpy(), np.stack(wanted, 1), rtol=1e-11, atol=1e-9)


def test_a_product_of_stencils_is_one_after_the_other():
    rng = np.random.default_rng(3)
    first, second = drawn(rng), drawn(rng, 2)
    field = t2n.field({"xyy": [first, second]}, "u_xyy", h=(0.5, 2.0))
    u = rng.standard_normal((4, 9, 8))
    wanted = rolled(second, rolled(first, u, 1, 0.5), 2, 2.0)
    np.testing.assert_allclose(field(torch.from_numpy(u)).numpy(), wanted, rtol=1e-12)


MODES = {"zero": "constant", "reflecting": "symmetric", "periodic": "wrap"}


@pytest.mark.parametrize("ends", list(itertools.product(MODES, repeat=2)))
def test_beyond_the_ends_is_what_numpy_pads_with(ends):
    rng = np.random.default_rng(4)
    x, y = drawn(rng), drawn(rng)
    u = rng.standard_normal((7, 6))
    wide = np.pad(np.pad(u, ((3, 3), (0, 0)), MODES[ends[0]]), ((0, 0), (3, 3)), MODES[ends[1]])
    wanted = (rolled(x, wide, 0, 1) * rolled(y, wide, 1, 1))[3:-3, 3:-3]
    found = t2n.field({"x": x, "y": y}, "u_x*u_y", boundary=ends)(torch.from_numpy(u))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_a_field_is_the_convolution_that_a_person_writes():
    y = torch.randn(2, 3, 16, 12)  # each channel is a state by itself
    laplace = torch.tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]]).expand(3, 1, 3, 3) / 0.25
    wanted = functional.conv2d(functional.pad(y, (1,) * 4, mode="circular"), laplace, groups=3) + torch.sin(y)
    field = t2n.field(["central-2-2"], "u_xx + u_yy + sin(u)", dimension=2, h=0.5)
    torch.testing.assert_close(field(y), wanted)
    torch.testing.assert_close(field(0.0, y), wanted)  # as `integrate` calls it
    torch.testing.assert_close(field.float()(y.float()), wanted.float(), rtol=1e-5, atol=1e-5)
    assert torch.equal(field.double()(y), t2n.field(["central-2-2"], "u_xx + u_yy + sin(u)", dimension=2, h=0.5)(y))


def test_any_function_of_the_derivatives():
    field = t2n.field(["central-1-2", "central-2-2"], lambda d: d[:, :1] * d[:, 1:2] - d[:, 2:])
    assert field.names == ("u", "u_x", "u_xx")
    y = torch.randn(2, 1, 9)
    written = t2n.field(["central-1-2", "central-2-2"], "u*u_x - u_xx")
    torch.testing.assert_close(field(y), written(y))


# --------------------------------------------------------------------------------------------- solutions that are known


def errors(stencils, text, exact, scheme, counts, steps_of, t=0.5):
    for n in counts:
        x = torch.arange(n) * (PI / n)
        field = t2n.field(stencils, text, h=PI / n)
        found = t2n.integrate(scheme, field, exact(x, 0.0), 0, t, steps_of(n))
        yield float((found - exact(x, t)).abs().max())


@pytest.mark.parametrize(
    ("stencil", "order"), [("central-1-2", 2), ("central-1-4", 4), ("upwind-1", 1), ("upwind-3", 3), ("upwind-5", 5)]
)
def test_advection_is_a_shift(stencil, order):
    coarse, fine = errors([stencil], "-u_x", lambda x, t: torch.exp(torch.sin(x - t)), "rk4", (48, 96), lambda n: 80)
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize(("stencil", "order"), [("central-2-2", 2), ("central-2-4", 4), ("central-2-6", 6)])
def test_heat_falls_as_it_should(stencil, order):
    def exact(x, t):
        return math.exp(-t) * torch.sin(x) + math.exp(-9 * t) * torch.cos(3 * x)

    coarse, fine = errors([stencil], "u_xx", exact, "rk4", (16, 32), lambda n: 100)
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.35)


def test_schemes_of_all_kinds_step_burgers_equation():
    """Explicit, multistep, IMEX with two fields, implicit by resolvents; all against one fine solution."""
    text, stencils = "-u*u_x + 1/10*u_xx", ["central-1-4", "central-2-4"]
    n = 32
    u0 = torch.sin(torch.arange(n) * (PI / n)).view(1, 1, n)
    whole = t2n.field(stencils, text, h=PI / n)
    rest, linear = (t2n.field(stencils, text, h=PI / n, part=part) for part in ("rest", "linear"))
    torch.testing.assert_close(rest(u0) + linear(u0), whole(u0))
    fine = t2n.integrate("rk4", whole, u0, 0, 1, 100)
    for scheme, steps in (("ssprk-33", 50), ("adams-bashforth-3", 100), ("dormand-prince-54", 30)):
        assert (t2n.integrate(scheme, whole, u0, 0, 1, steps) - fine).abs().max() < 1e-4
        assert (t2n.compile(scheme, start="rk4")([whole] * steps, h=1 / steps)(u0) - fine).abs().max() < 1e-4
    for scheme in ("ars-222", "ark-324l2sa"):
        block = t2n.compile(scheme, solver="resolvent")([[rest, linear]] * 40, h=1 / 40)
        assert (block(u0) - fine).abs().max() < 1e-3
    heat = t2n.integrate("rk4", linear, u0, 0, 1, 100)
    for scheme in ("trapezoid", "bdf-2", "crouzeix-2"):
        block = t2n.compile(scheme, solver="resolvent", start="trapezoid")([linear] * 40, h=1 / 40)
        found = block(u0)
        assert (found - heat).abs().max() < 1e-4
    solved = t2n.integrate("bdf-2", linear, u0, 0, 1, 40, start="trapezoid", solver="resolvent")
    torch.testing.assert_close(solved, t2n.integrate("bdf-2", linear, u0, 0, 1, 40, start="trapezoid"))
    both = t2n.integrate("ars-222", (rest, linear), u0, 0, 1, 40, solver="resolvent")
    assert (both - fine).abs().max() < 1e-3
    with pytest.raises(InputError, match="no two are solved together"):
        t2n.integrate("gauss-2", linear, u0, 0, 1, 4, solver="resolvent")


# ------------------------------------------------------------------------------------------------------- equations


def test_an_equation_says_all_of_it():
    """PDE-Net's problem (a): coefficients over the plane."""
    text = "((cos(y) + x*(2*pi - x)*sin(x))/2 + 3/5)*u_x + (2*(cos(y) + sin(x)) + 4/5)*u_y + 1/5*u_xx + 3/10*u_yy"
    equation = Equation([text], dimension=2, stencils=[UsedStencil("x", "upwind-3")])
    n = 12
    h = PI / n
    field = t2n.field(equation, h=h, shape=(n, n), order=2)
    u = np.random.default_rng(5).standard_normal((n, n))
    x, y = np.meshgrid(np.arange(n) * h, np.arange(n) * h, indexing="ij")
    first, second, third = (t2n.load(name, Stencil) for name in ("upwind-3", "central-1-2", "central-2-2"))
    wanted = (0.5 * (np.cos(y) + x * (PI - x) * np.sin(x)) + 0.6) * rolled(first, u, 0, h)
    wanted += (2 * (np.cos(y) + np.sin(x)) + 0.8) * rolled(second, u, 1, h)
    wanted += 0.2 * rolled(third, u, 0, h) + 0.3 * rolled(third, u, 1, h)
    np.testing.assert_allclose(field(torch.from_numpy(u)).numpy(), wanted, rtol=1e-11, atol=1e-11)


def test_coefficients_are_numbers_learnt_fields_or_modules():
    y = torch.randn(2, 1, 8)
    wanted = t2n.field(["central-2-2"], "3/2*u_xx - u**2")(y)
    values = (1.5, "3/2", torch.tensor(1.5), torch.full((8,), 1.5), torch.nn.Parameter(torch.tensor(1.5)))
    for value in (*values, torch.nn.Sequential(torch.nn.ParameterList())):
        if isinstance(value, torch.nn.Module):

            class Map(torch.nn.Module):
                def forward(self):
                    return torch.full((8,), 1.5)

            value = Map()
        field = t2n.field(["central-2-2"], "nu*u_xx - k*u**2", coefficients={"nu": value, "k": 1})
        torch.testing.assert_close(field(y), wanted)
    learnt = t2n.field(["central-2-2"], "nu*u_xx - k*u**2")  # what is not given is learnt, from 1
    assert {name for name, _ in learnt.named_parameters()} == {"coefficients.nu", "coefficients.k"}
    learnt(y).square().sum().backward()
    assert all(p.grad is not None and p.grad != 0 for p in learnt.parameters())


def learnt_block():
    learnt = {"learn": "constrained", "size": 5, "keep_order": 2}
    fields = [t2n.field(["central-1-4", "central-2-4"], "-u*u_x + nu*u_xx", h=0.5, **learnt) for _ in range(2)]
    return t2n.compile("ssprk-33")(fields, h=0.01), fields


@pytest.mark.slow
def test_a_block_of_fields_is_one_graph():
    block, _ = learnt_block()
    y = torch.randn(2, 1, 12)
    torch.testing.assert_close(torch.export.export(block, (y,)).module()(y), block(y))
    torch.testing.assert_close(torch.compile(block, fullgraph=True)(y), block(y))


def test_a_block_of_fields_is_a_module_like_others():
    block, fields = learnt_block()
    y = torch.randn(2, 1, 12)
    out = block(y)
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        torch.testing.assert_close(other(y), out, rtol=0, atol=1e-15)
    fresh = t2n.compile("ssprk-33")([copy.deepcopy(f) for f in fields], h=0.01)
    with torch.no_grad():
        for p in fresh.parameters():
            p.normal_()
    fresh.load_state_dict(block.state_dict())
    assert torch.equal(fresh(y), out)
    single = fields[0]
    names = [name for name, _ in single.named_parameters()]

    def called(u, *values):
        return torch.func.functional_call(single, dict(zip(names, values, strict=True)), (u,))

    values = tuple(torch.randn_like(p, requires_grad=True) for p in single.parameters())
    assert torch.autograd.gradcheck(called, (y.clone().requires_grad_(), *values))


# ------------------------------------------------------------------------------------------------------ resolvents

CASES = [
    (["central-2-4"], "u_xx", "periodic", (12,)),
    (["central-2-4", "central-1-4"], "u_xx + u_y", ("reflecting", "periodic"), (6, 5)),
    (["central-2-2"], "u_xx + 2*u_yy - u", ("zero", "reflecting"), (5, 6)),
    (["central-2-2"], "u_xx + u_yy + u_zz", ("reflecting", "zero", "periodic"), (3, 4, 5)),
    (["central-2-4"], "u_xx", "zero", (9,)),  # reaches two points: a matrix
    (["upwind-3"], "u_x", "reflecting", (9,)),
]


@pytest.mark.parametrize(("stencils", "text", "boundary", "shape"), CASES)
def test_a_resolvent_is_the_dense_solve(stencils, text, boundary, shape):
    field = t2n.field(stencils, text, boundary=boundary, dimension=len(shape), h=0.7)
    unit = torch.eye(math.prod(shape))
    matrix = torch.stack([field(e.view(1, 1, *shape)).flatten() for e in unit], 1)
    known = torch.randn(2, 1, *shape)
    wanted = torch.linalg.solve(unit - 0.3 * matrix, known.flatten(1).T).T.view_as(known)
    torch.testing.assert_close(field.resolvent(known, 0.3), wanted)


def test_states_are_solved_for_together():
    field = t2n.field(["upwind-3", "central-2-4"], ["v - u_x", "1/2*v_xx + u_x"], states=("u", "v"))
    known = torch.randn(3, 2, 10)
    found = field.resolvent(known, 0.4)
    torch.testing.assert_close(found - 0.4 * field(found), known)


@pytest.mark.parametrize(("scheme", "nu"), [("euler", 3 / 8), ("rk4", 0.5222444), ("adams-bashforth-2", 3 / 16)])
def test_a_step_beyond_the_limit_is_said_before_it_is_taken(scheme, nu):
    """Of u_t = u_xx with central-2-4: the interval of each scheme over 16/3."""
    n, h = 16, 0.5
    field, u0 = t2n.field(["central-2-4"], h=h), torch.randn(n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t2n.integrate(scheme, field, u0, 0, 2 * 0.999 * nu * h**2, 2)
    with pytest.warns(RuntimeWarning, match=f"{scheme} with steps of .* is unstable on u_t"):
        t2n.integrate(scheme, field, u0, 0, 2 * 1.001 * nu * h**2, 2)


WRONG = [
    (lambda: t2n.field([]), "no stencil is given"),
    (lambda: t2n.field(["rk4"]), "rk4"),
    (lambda: t2n.field(["central-1-2", "upwind-1"]), "two stencils are of x"),
    (lambda: t2n.field({"xx": "central-1-2"}), "xx: the stencil given is of x"),
    (lambda: t2n.field({"q": "central-1-2"}), "names no derivative"),
    (lambda: t2n.field(["central-1-2"], h=0.0), "h = 0.0"),
    (lambda: t2n.field(["central-1-2"], h=(1, 1)), "2 steps for 1 axes"),
    (lambda: t2n.field(["central-1-2"], boundary="round"), "boundary = 'round'"),
    (lambda: t2n.field(["central-1-2"], boundary="sbp"), "has no rows"),
    (lambda: t2n.field(["central-1-2"], "u_x*"), "not an arithmetic expression"),
    (lambda: t2n.field(["central-1-2"], "x*u_x"), "shape: coefficients depend on x"),
    (lambda: t2n.field(["central-1-2"], "open(u)"), r"open\(...\) is not allowed"),
    (lambda: t2n.field(["central-1-2"], learn="all"), "learn='all'"),
    (lambda: t2n.field(["central-1-2"], keep_order=2), "keep_order: it is kept by"),
    (lambda: t2n.field(["central-1-2"], learn="constrained", keep_order=3), "has order 2"),
    (lambda: t2n.field(["central-1-2"], learn="free", size=4), "size = 4"),
    (lambda: t2n.field(["central-1-2"], coefficients={"y": 1}), "no derivative 'y'"),
    (
        lambda: t2n.field(["central-1-2"], "u*u_x").resolvent(torch.randn(1, 1, 5), 1.0),
        "only terms with one derivative",
    ),
    (lambda: t2n.field(["central-1-2"], "u*u_x", part="linear"), "has no such terms"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG)
def test_what_does_not_fit_is_said_in_a_line(wrong, told):
    with pytest.raises(InputError, match=told) as error:
        wrong()
    assert "\n" not in str(error.value)
