"""Fields of stencils that derivatives are added by: Laplacians and biharmonics, against rolls and known solutions."""

import math
import warnings

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net import InputError
from tableau2net.nn.space import largest_step
from tableau2net.scheme import Stencil
from tableau2net.scheme.equation import Equation, UsedStencil
from tests.waves import rolled

PI = 2 * math.pi


pytestmark = pytest.mark.usefixtures("doubles")


def by_rolls(name, u, h):
    stencil = t2n.load(name, Stencil).at_defaults()
    return rolled(stencil, u, tuple(range(-stencil.dimension, 0)), h)


def plane(n):
    x = torch.arange(n) * (PI / n)
    return torch.meshgrid(x, x, indexing="ij")


@pytest.mark.parametrize("name", ["mehrstellen-9", "lindeberg-9", "laplacian-19", "biharmonic-13"])
def test_a_sum_of_derivatives_is_a_derivative_like_others(name):
    """Alone, and in an equation with two states beside products."""
    rng = np.random.default_rng(1)
    letters = {2: "lap", 4: "laplap"}[sum(t2n.load(name, Stencil).orders)]
    d = t2n.load(name, Stencil).dimension
    y = rng.standard_normal((2, 2, *(6, 7, 8)[:d]))
    np.testing.assert_allclose(
        t2n.field([name], h=0.5)(torch.from_numpy(y)).numpy(), by_rolls(name, y, 0.5), rtol=1e-11, atol=1e-10
    )
    texts = [f"3*v_{letters} - u*u_{letters}", f"2*u_{letters} - v"]
    field = t2n.field({letters: name}, texts, states=("u", "v"), h=0.5)
    u, v = y[:, 0], y[:, 1]
    lap_u, lap_v = (by_rolls(name, w, 0.5) for w in (u, v))
    wanted = np.stack([3 * lap_v - u * lap_u, 2 * lap_u - v], 1)
    np.testing.assert_allclose(field(torch.from_numpy(y)).numpy(), wanted, rtol=1e-11, atol=1e-10)


def test_heat_by_an_isotropic_laplacian_falls_alike_in_all_directions():
    """Two waves of one length, along an axis and between: the five-point Laplacian damps them at rates that differ by
    O(h²), the isotropic one of the same order by O(h⁴)."""

    def found(name, n, t=0.02):
        x, y = plane(n)
        field = t2n.field([name], h=PI / n)
        for wave in (torch.cos(5 * x), torch.cos(3 * x + 4 * y)):
            u = t2n.integrate("rk4", field, wave, 0, t, 40)
            yield float(-torch.log(u[0, 0]) / t), float((u - math.exp(-25 * t) * wave).abs().max())

    for name, between in (("laplacian-5", 2), ("mehrstellen-9", 4)):
        (a, coarse), (b, _) = found(name, 24)
        (c, fine), (d, _) = found(name, 48)
        assert math.log2(coarse / fine) == pytest.approx(2, abs=0.3)
        assert math.log2(abs(a - b) / abs(c - d)) == pytest.approx(between, abs=0.4)


def test_waves_that_the_equation_makes_grow_are_no_fault_of_a_step():
    """Long waves of Swift and Hohenberg's equation grow; short ones are damped, until the step is too large."""
    h = 0.5
    field, u0 = t2n.field("swift-hohenberg", h=h), torch.zeros(8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t2n.integrate("euler", field, u0, 0, 1 / 500, 1)  # z = −982 Δt at the sawtooth
        t2n.integrate("euler", t2n.field("kuramoto-sivashinsky", h=h), u0[0], 0, 1 / 256, 1)
    with pytest.warns(RuntimeWarning, match="makes waves grow that u_t does not"):
        t2n.integrate("euler", field, u0, 0, 1 / 480, 1)
    with pytest.warns(RuntimeWarning, match="none is stable"):  # it is the stencil that does
        t2n.integrate("euler", t2n.field(["upwind-1"], "u_x", h=h), u0[0], 0, 1 / 256, 1)


@pytest.mark.parametrize("scheme", ["euler", pytest.param("rk4", marks=pytest.mark.slow)])
def test_limits_on_laplacians_are_those_of_cfl(scheme):
    n, h = 12, 0.5
    limit = float(t2n.cfl(scheme, "mehrstellen-9").limit) * h**2
    field, u0 = t2n.field(["mehrstellen-9"], h=h), torch.randn(n, n)
    assert float(largest_step(field, t2n.load(scheme)).limit) == pytest.approx(limit, rel=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t2n.integrate(scheme, field, u0, 0, 2 * 0.999 * limit, 2)
    with pytest.warns(RuntimeWarning, match="is unstable on u_t"):
        t2n.integrate(scheme, field, u0, 0, 2 * 1.001 * limit, 2)


def test_a_laplacian_that_is_learnt_keeps_its_order():
    field = t2n.field(["mehrstellen-9"], "nu*u_lap", h=0.5, learn="constrained", keep_order=2, size=5)
    with torch.no_grad():
        field.stencils.z.normal_()
    (found,) = t2n.stencils_of(field)
    assert (found.derivative, found.stencil.terms) == ("lap", ((2, 0), (0, 2)))
    assert t2n.order(found.stencil) == 2
    y = torch.randn(1, 1, 8, 8)
    points = {at: float(w) for at, w in found.stencil.points.items()}
    wanted = sum(w * torch.roll(y, [-j for j in at], (2, 3)) for at, w in points.items()) / 0.25
    torch.testing.assert_close(field(y), wanted)


def test_implicit_steps_on_a_file_with_laplacians():
    """Swift and Hohenberg's equation by an IMEX scheme against small steps of rk4; mirrors and zeros by transforms."""
    n = 16
    x, y = plane(n)
    h, u0 = 4 * math.pi / n, 0.3 * torch.cos(x) + 0.2 * torch.sin(x + y)
    rest, linear = (t2n.field("swift-hohenberg", h=h, part=part) for part in ("rest", "linear"))
    fine = t2n.integrate("rk4", t2n.field("swift-hohenberg", h=h), u0, 0, 1, 200)
    found = t2n.integrate("ark-324l2sa", (rest, linear), u0, 0, 1, 40, solver="resolvent")
    assert (found - fine).abs().max() < 1e-5
    field = t2n.field(["mehrstellen-9"], boundary=("reflecting", "zero"))
    known = torch.randn(2, 1, 5, 6)
    u = field.resolvent(known, 0.4)
    torch.testing.assert_close(u - 0.4 * field(u), known)


def test_the_word_is_short_for_the_sum_where_no_stencil_stands_for_it():
    short = Equation(["u_lap + u_laplap + u_xlap"], dimension=2)
    assert short.rates == Equation(["u_xx + u_yy + u_xxxx + 2*u_xxyy + u_yyyy + u_xxx + u_xyy"], dimension=2).rates
    assert Equation(["u_lap"]).rates == Equation(["u_xx"]).rates
    named = Equation(["u_lap"], dimension=2, stencils=[UsedStencil("lap", "mehrstellen-9")])
    assert named.derivatives == {"u_lap": ("u", "lap")}
    assert t2n.check(t2n.load("swift-hohenberg")).ok


WRONG = [
    (lambda: t2n.field(["mehrstellen-9"], h=(1, 2)), "adds derivatives on a grid of equal steps"),
    (lambda: t2n.field({"lap": "central-2-2"}, dimension=2), "lap: the stencil given is of xx"),
    (lambda: t2n.field({"xx": "mehrstellen-9"}), "xx: the stencil given is of lap"),
    (lambda: t2n.field([Stencil([[2, 0], [1, 1]], [["1"]], centre=[0, 0])]), "xx, xy, that no letters are of"),
    (lambda: t2n.field(["mehrstellen-9"], boundary="sbp"), "lap is along several axes"),
    (lambda: t2n.field(["mehrstellen-9"], learn="constrained", keep_dissipative=True), "lap is along several axes"),
    (lambda: Equation(["u_" + "lap" * 5], dimension=3), "orders up to 8"),
    (
        lambda: t2n.field(Equation(["u_lap"], dimension=2, stencils=[UsedStencil("lap", "central-2-2")])),
        "is of another derivative",
    ),
    (lambda: Equation(["u"], dimension=2, stencils=[UsedStencil("xlap", "a"), UsedStencil("lapx", "b")]), "two stand"),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG)
def test_what_does_not_fit_is_said_in_a_line(wrong, told):
    with pytest.raises(InputError, match=told) as error:
        wrong()
    assert "\n" not in str(error.value)
