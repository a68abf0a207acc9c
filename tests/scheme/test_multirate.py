"""Multirate infinitesimal methods: Sandu's closed conditions, flows that are known methods, rates by counting."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational

import tableau2net as t2n
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.scheme import MultirateInfinitesimal, RungeKutta, infinitesimal_of, multirate
from tableau2net.step import lower
from tableau2net.step.typeset_step import document
from tableau2net.testing import measured_order
from tests.example_scripts import example

ONE_SLOW = ["mis-knoth-wolke-3", "mri-gark-erk22a", "mri-gark-erk33a", "mri-gark-ralston-3", "mri-gark-irk21a"]


def order_by_hand(scheme):
    """To 3, of a method whose rows add up to Δc: the slow conditions with A^SS = Σ_k E Γ^k/(k + 1), and that of fast
    coupling, Δcᵀ (A^SS at the stage before + Σ_k Γ^k/((k + 1)(k + 2))) c = 1/6 (Sandu 2019, Theorem 3.1)."""
    matrices = [m for m in (scheme.gamma0, scheme.gamma1, scheme.gamma2) if m is not None]
    c, s = scheme.c, range(scheme.stages)
    A = [[Rational(0)] * scheme.stages]
    coupled = Rational(0)
    for i, (before, after) in enumerate(pairwise(c)):
        rows = [m[i] for m in matrices]
        inner = [A[-1][j] + sum(row[j] / ((k + 1) * (k + 2)) for k, row in enumerate(rows)) for j in s]
        coupled += (after - before) * sum(x * y for x, y in zip(inner, c, strict=True))
        A.append([A[-1][j] + sum(row[j] / (k + 1) for k, row in enumerate(rows)) for j in s])
        assert sum(A[-1]) == after
    b = A[-1]
    second = sum(x * y for x, y in zip(b, c, strict=True)) == Rational(1, 2)
    third = (
        sum(x * y**2 for x, y in zip(b, c, strict=True)) == Rational(1, 3)
        and sum(b[i] * A[i][j] * c[j] for i in s for j in s) == Rational(1, 6)
        and coupled == Rational(1, 6)
    )
    return 3 if second and third else 2 if second else 1


@pytest.mark.parametrize(
    "name", [*ONE_SLOW, "mri-gark-erk22b", "mri-gark-implicit-midpoint", "mri-gark-backward-euler"]
)
def test_order_is_that_of_the_closed_conditions(name):
    scheme = t2n.load(name)
    assert min(t2n.order(scheme), 3) == order_by_hand(scheme)


small = st.sampled_from(["0", "0", "1/3", "-1/3", "2/3", "1/2", "-1/2", "1"])


@st.composite
def coupled(draw):
    """On a Runge–Kutta table whose nodes rise, a right one or one that is drawn, with γ¹ that adds up to 0."""
    base = draw(st.sampled_from(["knoth-wolke-3", "explicit-midpoint", "ralston-3", "heun-3", "own"]))
    if base == "own":
        a21, a31, b1, b2 = (Rational(draw(small)) for _ in range(4))
        c2 = Rational(draw(st.sampled_from(["0", "1/3", "1/2"])))
        table = RungeKutta(A=[[], [c2], [a31, Rational(2, 3) - a31]], b=[b1 + a21, b2, 1 - b1 - b2 - a21])
    else:
        table = t2n.load(base)
    found = infinitesimal_of(table)
    rows = []
    for i in range(1, found.stages):
        row = [Rational(draw(small)) for _ in range(i)]
        rows.append([*row[:-1], -sum(row[:-1])])
    delta = draw(st.booleans())  # Sandu's free parameter: c-weighted sums that cancel keep the order
    return MultirateInfinitesimal(c=found.c, gamma0=found.gamma0, gamma1=rows if delta else None)


@settings(max_examples=30, deadline=None)
@given(coupled())
def test_order_of_any_coupling_is_that_of_the_closed_conditions(scheme):
    assert min(order_conditions(scheme, 3).order, 3) == order_by_hand(scheme)


def test_a_slow_method_alone_loses_its_order():
    """The coupling condition is missed by rk4's table, whatever its order by itself."""
    assert (t2n.order(infinitesimal_of("rk4")), t2n.order(infinitesimal_of("knoth-wolke-3"))) == (2, 3)


@pytest.mark.parametrize("name", ["mri-gark-erk33a", "merk-32", "imex-mri-sr-21"])
def test_measured_order_of_exact_flows(name):
    assert measured_order(t2n.load(name)) == pytest.approx(t2n.order(name), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mri-gark-erk45a", "merk-43", "imex-mri-gark-3a", "mri-gark-esdirk34a"])
def test_measured_order_of_longer_ones(name):
    scheme = t2n.load(name)
    assert measured_order(scheme) == pytest.approx(t2n.order(scheme), abs=0.5 if scheme.digits else 0.1)
    if scheme.hat is not None:
        embedded = order_conditions(scheme, embedded=True).order
        assert measured_order(scheme, embedded, embedded=True) == pytest.approx(embedded, abs=0.5)


@pytest.mark.parametrize("inner", ["euler", "explicit-midpoint", "kutta-3", "rk4"])
def test_order_with_an_inner_method_is_the_smaller_of_both(inner):
    found = multirate("mri-gark-erk33a", inner, 2)
    expected = min(3, t2n.order(inner))
    assert t2n.order(found) == expected
    assert measured_order(found) == pytest.approx(expected, abs=0.1)


def fast(t, y):
    return torch.stack((-20 * (y[0] - torch.cos(y[1])), 0 * y[1]))


def slow(t, y):
    return torch.stack((torch.sin(y[1]) + math.sin(t), -y[0] * y[1]))


Y0 = torch.tensor([1.5, 1.0], dtype=torch.float64)


def test_rates_and_accuracy():
    """Slope 3 in the slow step, and as many evaluations of each field as its rate asks for."""
    exact = t2n.integrate("cooper-verner-8", lambda t, y: fast(t, y) + slow(t, y), Y0, 0, 1, steps=400)
    found = multirate("mri-gark-erk33a", "rk4", 4)
    errors = [float((t2n.integrate(found, (fast, slow), Y0, 0, 1, steps=n) - exact).norm()) for n in (10, 20)]
    assert math.log2(errors[0] / errors[1]) > 2.6
    calls = {"fast": 0, "slow": 0}

    def counted(name, f):
        def field(t, y):
            calls[name] += 1
            return f(t, y)

        return field

    t2n.integrate(found, (counted("fast", fast), counted("slow", slow)), Y0, 0, 1, steps=5)
    assert calls == {"fast": 5 * 3 * 4 * 4, "slow": 5 * 3}
    adaptive = t2n.integrate(found, (fast, slow), Y0, 0, 1, rtol=1e-6, full=True)
    assert float((adaptive.y - exact).norm()) < 1e-4


def test_without_a_fast_field_it_is_the_slow_method():
    nothing = lambda t, y: 0 * y  # noqa: E731
    for scheme, base in (("mis-knoth-wolke-3", "knoth-wolke-3"), ("mri-gark-erk22a", "explicit-midpoint")):
        y = t2n.integrate(multirate(scheme, "euler", 3), (nothing, slow), Y0, 0, 1, steps=7)
        torch.testing.assert_close(y, t2n.integrate(base, slow, Y0, 0, 1, steps=7), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("scheme", ["mri-gark-erk33a", "merk-32"])
def test_without_a_slow_field_it_is_the_inner_method(scheme):
    nothing = lambda t, y: 0 * y  # noqa: E731
    y = t2n.integrate(multirate(scheme, "rk4", 2), (fast, nothing), Y0, 0, 1, steps=6)
    c = t2n.load(scheme).c
    if scheme.startswith("merk"):  # the last flow is from the beginning to the end
        expected = t2n.integrate("rk4", fast, Y0, 0, 1, steps=12)
    else:
        parts = [float(n + a + (b - a) * Rational(i, 2)) / 6 for n in range(6) for a, b in pairwise(c) for i in (0, 1)]
        expected = t2n.integrate("rk4", fast, Y0, 0, 1, grid=[*parts, 1.0])
    torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)


def test_implicit_slow_stages_and_three_fields():
    """IMEX-MRI: fast, slow explicit and slow implicit, with stiff slow parts; the sum's solution, to second order."""
    stiff = lambda t, y: -300 * (y - torch.stack((torch.cos(y[1] * 0 + t), y[1])))  # noqa: E731
    scheme = multirate("imex-mri-gark-midpoint", "explicit-midpoint", 4)
    assert t2n.order(scheme) == 2
    exact = t2n.integrate("radau-iia-3", lambda t, y: fast(t, y) + slow(t, y) + stiff(t, y), Y0, 0, 1, rtol=1e-10)
    found = t2n.integrate(scheme, (fast, slow, stiff), Y0, 0, 1, steps=80)
    assert float((found - exact).norm()) < 1e-2


def test_telescopic():
    """Three rates: the inner method is multirate itself; order that of all together, evaluations by rate."""
    inner = multirate("mri-gark-erk22a", "explicit-midpoint", 2)
    found = multirate("mri-gark-erk22b", inner, 3)
    assert t2n.order(found) == 2
    step = lower(found)
    flows = [sum(b != a for a, b in pairwise(t2n.load(name).c)) for name in ("mri-gark-erk22a", "mri-gark-erk22b")]
    counts = [sum(op.part == part for op in step.calls) for part in range(3)]
    assert counts == [flows[1] * 3 * flows[0] * 2 * 2, flows[1] * 3 * 2, 2]


def test_as_a_block():
    """A network with a fast and a slow field a step, as the formula has it: what was told, and by `integrate`."""
    scheme = multirate("mri-gark-erk33a", "explicit-midpoint", 2)
    fields = [torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh()).double() for _ in range(2)]
    y = torch.randn(4, 3, dtype=torch.float64)
    block = t2n.compile(scheme, step_weights="shared")(fields, steps=3, h=0.2)
    expected = t2n.integrate(scheme, [lambda t, y, f=f: f(y) for f in fields], y, 0, 0.6, steps=3)
    torch.testing.assert_close(block(y), expected)


def test_signs_stand_between_the_powers_of_a_forcing():
    for name in ("mri-gark-erk33a", "merk-43"):
        assert "+ -" not in document(t2n.load(name))


def test_bad_input_is_named():
    with pytest.raises(t2n.InputError, match="say how, by multirate"):
        t2n.compile("mri-gark-erk33a")
    with pytest.raises(t2n.InputError, match="no multirate infinitesimal scheme"):
        multirate("rk4", "rk4")
    for inner in ("leapfrog-2", "forest-ruth-4", "nystrom-rkn-4", "mri-gark-erk33a"):
        with pytest.raises(t2n.InputError, match="a one-step method for y' = f"):
            multirate("mri-gark-erk33a", inner)
    with pytest.raises(t2n.InputError, match="substeps = 0"):
        multirate("mri-gark-erk33a", "rk4", 0)
    with pytest.raises(t2n.InputError, match="lines"):
        multirate("mri-gark-erk45a", "rk4", 1000)
    with pytest.raises(t2n.InputError, match="nodes that fall"):
        infinitesimal_of(RungeKutta(A=[[], ["1"], ["1/4", "1/4"]], b=["1/6", "1/6", "2/3"]))
    with pytest.raises(t2n.InputError, match="explicit Runge–Kutta table"):
        infinitesimal_of("gauss-2")
    with pytest.raises(t2n.InputError, match="from 0 to 1"):
        MultirateInfinitesimal(c=["0", "1/2"], gamma0=[["1/2"]])
    with pytest.raises(t2n.InputError, match="c: nodes that fall"):
        MultirateInfinitesimal(c=["0", "1/2", "1/4", "1"], gamma0=[["1"]] * 3)
    with pytest.raises(t2n.InputError, match="gamma1 is missing"):
        MultirateInfinitesimal(c=["0", "1"], gamma0=[["1"]], gamma2=[["1"]])
    with pytest.raises(t2n.InputError, match="gamma0: 1 rows"):
        MultirateInfinitesimal(c=["0", "1"], gamma0=[["1"], ["1"]])


@pytest.mark.slow
def test_the_example(capsys):
    example("multirate").main(steps=(4, 8))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(lines) == 3
    assert all(float(line[2]) < float(line[1]) for line in lines)
    assert Fraction(lines[0][-1]) < Fraction(lines[-1][-1])
