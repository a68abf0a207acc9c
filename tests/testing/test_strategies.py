"""Drawn schemes keep what the strategy promised, by independent routes: Butcher's conditions and the classical ones,
measured slopes, the root condition."""

from fractions import Fraction

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from sympy import Rational

from tableau2net.analysis import order, order_conditions, zero_stable
from tableau2net.errors import InputError
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
    load,
)
from tableau2net.testing import (
    additive_multistep,
    additive_runge_kutta,
    as_general_linear,
    degenerate,
    general_linear,
    measured_order,
    multistep,
    partitioned_runge_kutta,
    rationals,
    runge_kutta,
)
from tableau2net.testing.random_runge_kutta import DrawnTableau, other_weights
from tests.reference import multistep_order, runge_kutta_order

few = settings(max_examples=12)
RUNGE_KUTTA = [
    *({"order": p, "explicit": True, "embedded": True} for p in (1, 2, 3, 4)),
    {"stages": range(11, 14), "order": 5, "explicit": True},
    *({"order": p, "diagonally_implicit": True} for p in (1, 2, 3, 4)),
    *({"order": p, "explicit": False} for p in (1, 2, 3, 4)),
    {"stages": 3, "order": 5, "explicit": False, "embedded": True},
    {"stages": 3, "order": 6, "explicit": False},
    {"stages": 4, "order": 6, "explicit": False},
    {"stages": range(2, 6), "order": 4, "with_parameter": True},
    {"stages": 3, "order": 2, "explicit": True, "with_parameter": True, "embedded": True},
]
MULTISTEP = [
    *({"order": p} for p in (0, 1, 2, 3, 4)),
    *({"order": p, "zero_stable": stable} for p in (1, 3) for stable in (True, False)),
    *({"order": p, "derivative": 2, "zero_stable": True} for p in (1, 2, 4)),
    {"order": 4, "explicit": True, "zero_stable": True},
    {"order": 4, "explicit": False, "zero_stable": True},
    {"steps": 4, "order": 6, "zero_stable": True},
    {"steps": 4, "order": 6, "zero_stable": False},
    {"steps": 3, "order": 6, "explicit": False},
    {"steps": 3, "order": 5, "explicit": True},
    {"order": 2, "with_parameter": True},
]
OTHERS = [
    *((additive_multistep, {"order": p, "zero_stable": True}) for p in (1, 2, 3)),
    *((additive_runge_kutta, {"order": p}) for p in (1, 2, 3, 4)),
    *((partitioned_runge_kutta, {"order": p}) for p in (2, 4)),
    *((partitioned_runge_kutta, {"order": p, "separable": True}) for p in (1, 3)),
    *((general_linear, {"order": p}) for p in (1, 2, 3, 4)),
]


def said(options: dict) -> str:
    return " ".join(f"{key}={value}" for key, value in options.items())


def agree(scheme, demanded: int) -> None:
    """The exact order is what was demanded, or more, and it shows."""
    found = order_conditions(scheme)
    assert found.order >= demanded
    member = scheme.at_defaults()
    assert measured_order(member) == pytest.approx(order(member), abs=0.1), found.failing


@pytest.mark.parametrize("options", RUNGE_KUTTA, ids=said)
def test_runge_kutta_has_the_order_by_construction(options):
    @few
    @given(runge_kutta(**options))
    def holds(scheme):
        agree(scheme, options["order"])
        if "explicit" in options:
            assert scheme.explicit == options["explicit"]
        if options.get("diagonally_implicit"):
            assert not scheme.explicit
            assert all(a.is_zero for i, row in enumerate(scheme.A) for a in row[i + 1 :])
        if options.get("embedded"):
            assert scheme.b_hat != scheme.b or scheme.stages == 1
            assert order_conditions(scheme, embedded=True).order >= min(options["order"] - 1, 1)
        if all(a.is_Rational for a in scheme.coefficients.values()) and options["order"] < 5:
            assert runge_kutta_order(scheme, 5) == min(order(scheme), 5)

    holds()


@pytest.mark.parametrize("wanted", [(0, 0), (0, 1), (1, 0)])
def test_embedded_weights_are_others_than_the_weights(wanted):
    """Also where the weights are what is nearest to those that were drawn."""
    row = [Fraction(x) for x in wanted]
    A, b, c = [[0, 0], [Fraction(1, 2), 0]], [0, 1], [0, Fraction(1, 2)]
    midpoint = DrawnTableau([list(map(Fraction, row)) for row in A], list(map(Fraction, b)), list(map(Fraction, c)))
    found = other_weights(midpoint, 2, row)
    assert found != midpoint.b
    assert sum(found) == 1


@pytest.mark.parametrize("options", MULTISTEP, ids=said)
def test_multistep_has_order_and_stability_by_construction(options):
    @few
    @given(multistep(**options))
    def holds(scheme):
        agree(scheme, options["order"])
        if "explicit" in options:
            assert scheme.explicit == options["explicit"]
        if scheme.derivative == 1:
            assert multistep_order(scheme, 12) == order(scheme)
            if "zero_stable" in options:
                assert zero_stable(scheme) == options["zero_stable"]

    holds()


@pytest.mark.parametrize(("strategy", "options"), OTHERS, ids=lambda x: said(x) if isinstance(x, dict) else x.__name__)
def test_the_other_families_have_the_order_by_construction(strategy, options):
    @settings(max_examples=8)
    @given(strategy(**options))
    def holds(scheme):
        agree(scheme, options["order"])

    holds()


@few
@given(st.one_of(runge_kutta(range(1, 4)), multistep()))
def test_a_scheme_and_the_general_linear_method_that_it_is(scheme):
    assert order(as_general_linear(scheme), 6) == min(order(scheme), 6)


@given(multistep(order=-1), multistep(), additive_multistep(), runge_kutta())
def test_without_a_demand_anything_may_come(anything, consistent, additive, tableau):
    assert order(anything) >= -1
    assert min(order(consistent), order(additive, 6), order(tableau, 6)) >= 0


@pytest.mark.parametrize(
    "strategy",
    [
        *(runge_kutta(range(1, 6), order=p) for p in (1, 2, 3, 4)),
        runge_kutta(4, order=4, explicit=True),
        runge_kutta(3, order=4, diagonally_implicit=True),
        runge_kutta(3, order=5),
        *(multistep(order=p, zero_stable=True) for p in (1, 4)),
        multistep(3, order=6),
        additive_runge_kutta(order=4),
        partitioned_runge_kutta(order=3),
    ],
)
def test_hardly_anything_is_thrown_away(strategy):
    begun, ended = [], []

    @st.composite
    def counted(draw):
        begun.append(1)
        scheme = draw(strategy)
        ended.append(1)
        return scheme

    @settings(max_examples=60, database=None)
    @given(counted())
    def drawn(scheme):
        pass

    drawn()
    assert len(ended) > 0.7 * len(begun)


def simple(scheme) -> bool:
    return all(abs(c.p) <= 3 and c.q <= 4 for c in scheme.coefficients.values())


def test_they_shrink_to_few_stages_and_simple_numbers():
    quiet = settings(database=None, max_examples=20)
    assert find(rationals(), lambda x: x > 1, settings=quiet) == 2
    second = find(runge_kutta(order=2, explicit=True), lambda s: True, settings=quiet)
    assert second.stages == 2
    assert simple(second)
    third = find(runge_kutta(order=3, explicit=True), lambda s: True, settings=quiet)
    assert (third.A, third.b) == (load("ssprk-33").A, load("ssprk-33").b)
    two = find(multistep(order=2, zero_stable=True), lambda s: s.explicit, settings=quiet)
    assert (two.alpha, two.beta) == ((0, -1, 1), (Rational(-1, 2), Rational(3, 2), 0))  # Adams–Bashforth


@pytest.mark.parametrize(
    ("strategy", "says"),
    [
        (runge_kutta(2, order=3, explicit=True), "3 at least"),
        (runge_kutta(6, order=5, explicit=True), "11 at least"),
        (runge_kutta(2, order=5), "no implicit method|at least"),
        (runge_kutta(1, order=3, explicit=False), "2 at least"),
        (runge_kutta(5, order=5, diagonally_implicit=True), "up to order 4"),
        (runge_kutta(explicit=True, diagonally_implicit=True), "choose one"),
        (runge_kutta(order=4, with_parameter=True, embedded=True), "up to order 3"),
        (runge_kutta(range(0)), "at least"),
        (multistep(3, order=4, explicit=True, zero_stable=True), "zero-stable explicit"),
        (multistep(3, order=5, zero_stable=True), "zero-stable"),
        (multistep(2, order=4, zero_stable=False), "unstable"),
        (multistep(2, order=5), "order=5"),
        (multistep(1, derivative=2), "2 at least"),
        (multistep(derivative=3), "derivative"),
        (multistep(order=-2), "order=-2"),
        (additive_multistep(steps=1, order=3), "at least"),
        (additive_multistep(explicit=[True], parts=2), "1 entries for 2 parts"),
        (additive_runge_kutta(order=5), "up to order 4"),
        (additive_runge_kutta(shapes=["explicit"], parts=2), "as many shapes"),
        (partitioned_runge_kutta(1, separable=True), "two parts"),
        (general_linear(order=9), "1 to 4"),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(strategy, says):
    with pytest.raises(InputError, match=says) as caught:
        find(strategy, lambda scheme: True, settings=settings(database=None))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_degenerate_schemes_are_degenerate_in_every_way():
    """Each kind that the strategy promises comes up, in the family that has it."""
    drawn = []

    @settings(database=None, max_examples=700, derandomize=True)
    @given(degenerate())
    def collected(scheme):
        drawn.append(scheme)

    collected()

    def seen(kind, holds):
        return any(isinstance(scheme, kind) and holds(scheme) for scheme in drawn)

    assert seen(RungeKutta, lambda s: s.stages > 2 and s.A[-1] == s.A[-2] != s.A[0] and s.b[-1] and s.b[-2])
    assert seen(RungeKutta, lambda s: not any(s.b))
    assert seen(RungeKutta, lambda s: s.stages > 2 and not s.b[1] and not any(row[1] for row in s.A) and any(s.b))
    assert seen(RungeKutta, lambda s: not s.explicit and s.b_hat)
    assert seen(AdditiveRungeKutta, lambda s: len(s.parts) > 1 and s.parts[0] == s.parts[1])
    assert seen(AdditiveRungeKutta, lambda s: len(s.parts) > 1 and not any(s.parts[1].b) and any(s.parts[0].b))
    assert seen(PartitionedRungeKutta, lambda s: s.reads == ((2,), (1,)))
    assert seen(Multistep, lambda s: s.steps > 1 and not any(s.beta))
    assert seen(Multistep, lambda s: s.steps > 1 and s.beta[0] and not any(s.beta[1:]))
    assert seen(Multistep, lambda s: s.derivative == 2)
    assert seen(AdditiveMultistep, lambda s: len(s.betas) > 1 and not any(s.betas[0]) and any(s.betas[1]))
    assert seen(GeneralLinear, lambda s: not any(map(any, s.U)) and not any(map(any, s.V)))
    for meaning in ("y-2", "f", "f-1", "k2"):
        assert seen(GeneralLinear, lambda s, meaning=meaning: meaning in s.external)
    assert seen(GeneralLinear, lambda s: any(not isinstance(x, str) for x in s.external))
    assert {bool(scheme.parameters) for scheme in drawn} == {True, False}
    again = settings(database=None, derandomize=True)  # the same search each time, as above
    assert find(degenerate(["runge-kutta"]), bool, settings=again).stages == 1
    with pytest.raises(InputError, match="families='euler'"):
        find(degenerate(["euler"]), bool, settings=settings(database=None))
