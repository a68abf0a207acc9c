"""Exact parameter regions against sampled roots, sampled boundaries and what the literature says."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import CRootOf, Poly, Rational, S, Symbol

from tableau2net.analysis import zero_stable
from tableau2net.analysis.generate.families import generate_multistep, generate_runge_kutta
from tableau2net.analysis.region.inequalities import circle, hurwitz, schur
from tableau2net.analysis.region.line import Interval, ParameterLine, between, compare, decide
from tableau2net.analysis.region.linear_inequalities import feasible
from tableau2net.analysis.region.regions import a_stable_region, region_text, zero_stable_region
from tableau2net.errors import InputError
from tableau2net.scheme import Multistep, RungeKutta, load
from tableau2net.scheme.parameters import Parameter

sixths = st.fractions(min_value=-2, max_value=2, max_denominator=6)


def multistep(*rest):
    """The family with ρ = (ζ − 1)·(ζ^n + …), the coefficients given lowest power first; letters become parameters."""
    low = [*rest, "1"]
    alpha = [f"-({low[0]})", *(f"({a}) - ({b})" for a, b in itertools.pairwise(low)), "1"]
    names = [n for n in "abck" if any(n in text for text in rest)]
    return Multistep(
        alpha=alpha,
        beta=["1"] + ["0"] * (len(alpha) - 1),
        parameters=tuple(Parameter(n, S.One) for n in names),
    )


# --------------------------------------------------------------------------------------------- zero-stability


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lm", "-1 < k <= 1"),  # k = −1 is the double root 1, k = 1 the simple roots ±1
        ("lm-consistent", "-1 < k <= 1"),
        ("adamnet-2", "all values"),
        ("adamnet-3", "all values"),
        ("bdf-6", "all values"),
        ("bdf-7", "nowhere"),
        ("rk4", "all values"),
    ],
)
def test_schemes_of_the_library(name, text):
    assert str(zero_stable_region(load(name))) == text


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (["k"], "-1 < k <= 1"),
        (["1", "-k"], "-2 < k < 2"),  # on the circle for all values: double roots at the ends
        (["1", "-k*k"], "-sqrt(2) < k < sqrt(2)"),
        (["k", "0", "0"], "-1 < k <= 1"),  # ζ³ = 1 doubles the root 1, ζ³ = −1 does not
        (["1/k"], "k < -1 or k >= 1"),  # not at k = 0, where there is no scheme
        (["k*k", "-2*k"], "-1 < k < 1"),
        (["(k*k-1)**2 + 1", "0"], "k = -1 or k = 1"),  # ζ² = −1 there, and worse elsewhere
        (["3"], "nowhere"),
        (["0"], "all values"),
    ],
)
def test_regions_in_one_parameter(rest, text):
    assert str(zero_stable_region(multistep(*rest))) == text


def test_ends_of_higher_degree():
    """|k³ − k| ≤ 1, but 1 not twice: the ends are roots of k³ − k ∓ 1."""
    region = zero_stable_region(multistep("k**3 - k", "0"))
    (interval,) = region.intervals
    assert isinstance(interval.high, CRootOf)
    assert (interval.low_closed, interval.high_closed) == (False, True)
    assert abs(float(interval.high) - 1.324717957244746) < 1e-12
    assert "(root of x**3 - x - 1)" in str(region)
    assert region.contains({"k": Rational(13247179572, 10**10)})
    assert not region.contains({"k": Rational(13247179573, 10**10)})


def test_a_root_at_one_is_required():
    def scheme(*alpha):
        names = [n for n in "ab" if any(n in text for text in alpha)]
        open_ = tuple(Parameter(n, S.Zero) for n in names)
        return Multistep(alpha=[*alpha, "1"], beta=["0"] * (len(alpha) + 1), parameters=open_)

    assert str(zero_stable_region(scheme("a"))) == "a = -1"
    region = zero_stable_region(scheme("a", "b"))
    assert "1 + a + b = 0" in str(region)
    assert region.contains({"a": "-1/2", "b": "-1/2"})
    assert region.contains({"a": -1, "b": 0})
    assert not region.contains({"a": "1/2", "b": "1/2"})
    assert not region.contains({"a": 1, "b": -2})


def sampled(member):
    """Zero-stability by numpy, or None too close to call."""
    roots = np.roots([float(a) for a in reversed(member.alpha)])
    moduli = abs(roots)
    if np.any(moduli > 1 + 1e-3):
        return False
    edge = roots[moduli > 1 - 1e-3]
    gaps = [abs(x - y) for i, x in enumerate(edge) for y in edge[:i]]
    at_one = abs(edge - 1) < 1e-9
    return True if not gaps and np.all(at_one) else None


FAMILIES = {
    "two": lambda: generate_multistep(2, 1),
    "three": lambda: generate_multistep(3, 2),
    "four": lambda: generate_multistep(4, 3),
    "implicit": lambda: generate_multistep(3, 4, explicit=False),
    "palindromic": lambda: multistep("1", "-a-b", "2+a*b", "-a-b"),  # (ζ² − aζ + 1)(ζ² − bζ + 1)
    "palindromic and i": lambda: multistep("1", "-a-b", "2", "-a-b"),  # (ζ² + 1)(ζ² − (a + b)ζ + 1)
    "poles": lambda: multistep("a/b", "a"),
    "three real roots": lambda: multistep("-a*b*c", "a*b+a*c+b*c", "-a-b-c"),
    "one that does not matter": lambda: generate_multistep(2, 0),
}


@cache
def family(name):
    scheme = FAMILIES[name]()
    return scheme, zero_stable_region(scheme)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_region_is_zero_stability_at_every_point(name, data):
    scheme, region = family(name)
    point = {n: data.draw(sixths, label=n) for n in scheme.symbols}
    inside = region.contains(point)
    try:
        member = scheme.with_values(**point)
    except InputError:
        assert not inside
        return
    assert inside == zero_stable(member)
    expected = sampled(member)
    assert expected is None or inside == expected


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(sixths, min_size=2, max_size=3), sixths)
def test_random_families_in_one_parameter(base, slope):
    """α(k) on a line, ρ(1) = 0: at random k, and at the ends of the intervals, the region is what the roots say."""
    assume(slope)
    scheme = multistep(f"{base[0]} + {slope}*k", *map(str, base[1:]))
    region = zero_stable_region(scheme)
    ends = [e for i in region.intervals for e in (i.low, i.high) if e.is_Rational]
    nearby = [e + d for e in ends for d in (Rational(-1, 99), Rational(1, 99))]
    for k in [*map(Rational, (-3, -1, 0, 1, 2, "1/3", "-2/7")), *ends, *nearby]:
        assert region.contains({"k": k}) == zero_stable(scheme.with_values(k=k))


def test_several_parameters_as_text():
    assert str(zero_stable_region(multistep("a", "b"))) == "a < 1 and 1 + a - b > 0 and 1 + a + b > 0"
    region = zero_stable_region(generate_multistep(3, 2))
    assert region_text(region).startswith("zero-stable where alpha0 > -1 and alpha1 > -1")
    assert region.contains({"alpha0": -1, "alpha1": 1, "beta2": 0})  # on the boundary: (ζ − 1)(ζ² + 1)
    assert not region.contains({"alpha0": -1, "alpha1": 3, "beta2": 0})  # (ζ − 1)³


def test_an_empty_interior_is_told():
    region = zero_stable_region(generate_multistep(4, 6, explicit=False))
    assert region.interior_empty  # Dahlquist: order k + 2 has all roots on the circle
    assert "at most at some points" in region_text(region)
    assert region.contains({"alpha0": -1, "alpha1": 0})
    assert not region.contains({"alpha0": -1, "alpha1": 3})
    assert not zero_stable_region(generate_multistep(3, 2)).interior_empty


def test_a_value_is_needed_for_every_parameter():
    region = zero_stable_region(load("lm"))
    assert region.contains({"k": "1"})
    assert not region.contains({"k": "1001/1000"})  # the declared range is no limit to the question
    with pytest.raises(InputError, match="a value is needed for k"):
        region.contains({})
    with pytest.raises(InputError, match="no parameter"):
        region.contains({"k": 0, "q": 1})


# --------------------------------------------------------------------------------------------------- A-stability


@cache
def runge_kutta(stages, p, shape, **fix):
    return generate_runge_kutta(stages, p, shape=shape, fix=fix, seconds=None)


@pytest.mark.parametrize(
    ("stages", "p", "shape", "fix", "text"),
    [
        (1, 1, "singly-diagonally-implicit", {}, "gamma >= 1/2"),
        (2, 2, "singly-diagonally-implicit", {}, "gamma >= 1/4"),  # HW II, IV.6
        (2, 3, "diagonally-implicit", {}, "c1 > 1/2"),
        (2, 2, "collocation", {"c2": 1}, "c1 >= 0"),
        (1, 1, "explicit", {}, "nowhere"),
        (2, 4, "collocation", {}, "all values"),
    ],
)
def test_a_stable_regions(stages, p, shape, fix, text):
    assert str(a_stable_region(runge_kutta(stages, p, shape, **fix))) == text


@pytest.mark.slow
def test_the_interval_of_the_three_stage_sdirk_methods():
    """HW II, IV.6, Table 6.3: s = 3, order 3: 1/3 ≤ γ ≤ 1.06857902."""
    region = a_stable_region(runge_kutta(3, 3, "singly-diagonally-implicit", c2="1/2", c3=1))
    (interval,) = region.intervals
    assert interval.low == Rational(1, 3)
    assert interval.low_closed
    assert interval.high_closed
    assert abs(float(interval.high) - 1.06857902) < 1e-8


def theta(A, b):
    return RungeKutta(A=A, b=b, parameters=(Parameter("k", Rational(1, 2)),))


RATIONAL_FAMILIES = {
    "theta": theta([["0", "0"], ["1-k", "k"]], ["1-k", "k"]),
    "diagonal": theta([["k", "0"], ["1-k", "k"]], ["1/2", "1/2"]),
    "padé": theta([["1/4", "1/4-k"], ["1/4+k", "1/4"]], ["1/2", "1/2"]),
    "full": theta([["k", "-1/3"], ["1", "1/4"]], ["3/4", "1/4"]),
    "negative": theta([["k*k-1", "0"], ["k", "1/2"]], ["k", "1-k"]),
    "confluent": theta([["k", "0"], ["0", "k"]], ["1/2", "1/2"]),
}


@cache
def rational_region(name):
    return a_stable_region(RATIONAL_FAMILIES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", RATIONAL_FAMILIES)
@settings(max_examples=25, deadline=None)
@given(k=st.fractions(min_value=-2, max_value=2, max_denominator=30))
def test_a_stability_is_what_is_seen_on_the_imaginary_axis(name, k):
    scheme = RATIONAL_FAMILIES[name]
    inside = rational_region(name).contains({"k": k})
    member = scheme.with_values(k=k)
    A = np.array(member.A, dtype=float)
    b, one = np.array(member.b, dtype=float), np.ones(len(member.b))
    z = 1j * np.concatenate([np.linspace(0, 5, 400), np.geomspace(5, 1e4, 200)])
    left = np.concatenate([z, z - 0.1, z - 1, z - 10])
    systems = [(w, np.eye(len(b)) - w * A) for w in left]
    size = max(abs(1 + w * b @ np.linalg.solve(M, one)) for w, M in systems if np.linalg.cond(M) < 1e10)
    if inside:
        assert size <= 1 + 1e-6
    elif size <= 1:  # then a pole in the left half-plane, or a very flat excess
        poles = [1 / x for x in np.linalg.eigvals(A) if abs(x) > 1e-9]
        assert any(p.real <= 1e-6 for p in poles) or size > 1 - 1e-6


def test_several_parameters_in_r_are_one_too_many():
    with pytest.raises(InputError, match="holds 3 parameters, b2, c2, gamma"):
        a_stable_region(runge_kutta(2, 1, "singly-diagonally-implicit"))
    assert a_stable_region(load("bdf-2")) is None


# --------------------------------------------------------------------------------------------------- the means

x = Symbol("x")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=2, max_size=6))
def test_inequalities_for_roots(coefficients):
    """hurwitz and schur against numpy's roots."""
    c = [abs(coefficients[0]) + 1, *coefficients[1:]]
    roots = np.roots(c)
    wide = min([abs(r.real) for r in roots], default=1) > 1e-6
    elements = [sympy.QQ(n) for n in c]
    if wide:
        assert all(e > 0 for e in hurwitz(elements, sympy.QQ)) == all(r.real < 0 for r in roots)
    if min([abs(abs(r) - 1) for r in roots], default=1) > 1e-6:
        assert all(e > 0 for e in schur(elements, sympy.QQ)) == all(abs(r) < 1 for r in roots)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.fractions(min_value=-3, max_value=3, max_denominator=4), min_size=1, max_size=3))
def test_inequalities_for_the_circle(sums):
    """Π (ζ² − xζ + 1) has simple roots on the circle, not ±1, exactly when the x differ and lie in (−2, 2)."""
    p = sympy.prod([Poly(x**2 - Rational(s.numerator, s.denominator) * x + 1, x, domain="QQ") for s in sums])
    elements = [p.domain.from_sympy(e) for e in p.all_coeffs()]
    expected = all(-2 < s < 2 for s in sums) and len(set(sums)) == len(sums)
    lead = 1 if p.eval(1) > 0 else -1
    assert all(e * lead > 0 for e in circle(elements, p.domain)) == expected


def test_points_on_the_line():
    r = CRootOf(x**3 - x - 1, 0)
    assert compare(r, Rational(1324717957, 10**9)) == 1
    assert compare(sympy.sqrt(2) * sympy.sqrt(3), sympy.sqrt(6)) == 0
    assert compare(sympy.sqrt(5 + 2 * sympy.sqrt(6)), sympy.sqrt(2) + sympy.sqrt(3)) == 0
    assert compare(S.NegativeInfinity, r) == -1
    middle = between(r, r + Rational(1, 10**15))
    assert compare(r, middle) < 0 < compare(r + Rational(1, 10**15), middle)
    assert (between(S.Zero, S.One), between(S.NegativeInfinity, S.Infinity)) == (Rational(1, 2), 0)
    assert sympy.sqrt(2) in Interval(S.One, sympy.sqrt(2))
    assert sympy.sqrt(2) not in Interval(S.One, sympy.sqrt(2), True, False)
    points = ParameterLine(x, sympy.QQ).critical_points([x**2 - 2, (x - 1) * (x**2 - 2)])
    assert points == [-sympy.sqrt(2), S.One, sympy.sqrt(2)]
    assert [i.text("x") for i in decide(points, lambda v: v == 1 or v > 2)] == ["x = 1", "x > sqrt(2)"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=5))
def test_feasibility_against_a_grid(rows):
    y = Symbol("y")
    grid = [(i / 4, j / 4) for i in range(-60, 61, 3) for j in range(-60, 61, 3)]
    seen = any(all(a + b * u + c * v > 0 for a, b, c in rows) for u, v in grid)
    if seen:
        assert feasible([a + b * x + c * y for a, b, c in rows])
    if not feasible([a + b * x + c * y for a, b, c in rows]):
        assert not seen
