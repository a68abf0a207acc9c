"""Families from order conditions: their members are what they should be, and what cannot be is said so."""

from __future__ import annotations

import time
from fractions import Fraction
from functools import cache

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sympy import Rational, S

from tableau2net.analysis import check, order, order_conditions, zero_stable
from tableau2net.analysis.generate.families import generate_imex_multistep, generate_multistep, generate_runge_kutta
from tableau2net.analysis.generate.limited import OutOfTimeError, within
from tableau2net.analysis.generate.solve import BeyondSolvingError, solve
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import Multistep, load
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps
from tests.reference import multistep_order, runge_kutta_order

RUNGE_KUTTA = [
    (1, 1, "explicit"),
    (2, 2, "explicit"),
    (3, 1, "explicit"),
    (3, 2, "explicit"),
    (3, 3, "explicit"),
    (4, 3, "explicit"),
    (4, 4, "explicit"),
    (2, 2, "diagonally-implicit"),
    (2, 3, "diagonally-implicit"),
    (2, 2, "singly-diagonally-implicit"),
    (3, 3, "singly-diagonally-implicit"),
    (2, 3, "implicit"),
    (2, 2, "collocation"),
    (3, 4, "collocation"),
]


@cache
def runge_kutta(stages, p, shape, **options):
    return generate_runge_kutta(stages, p, shape=shape, seconds=None, **options)


@cache
def multistep(steps, p, explicit):
    return generate_multistep(steps, p, explicit=explicit)


values = st.fractions(min_value=-3, max_value=3, max_denominator=12)


def member(scheme, data):
    """A random member; draws that hit a pole are thrown away."""
    point = {name: data.draw(values, label=name) for name in scheme.symbols}
    bare = loads("\n".join(line for line in dumps(scheme).splitlines() if not line.startswith("range")))
    try:
        return bare.with_values(**point)
    except InputError:
        assume(False)


@pytest.mark.parametrize(("stages", "p", "shape"), RUNGE_KUTTA)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_every_runge_kutta_member_has_the_order(stages, p, shape, data):
    scheme = runge_kutta(stages, p, shape)
    assert runge_kutta_order(member(scheme, data), p) == p


@pytest.mark.parametrize(("stages", "p", "shape"), RUNGE_KUTTA)
def test_the_order_is_proved_for_all_parameters_and_the_file_checks(stages, p, shape):
    scheme = runge_kutta(stages, p, shape)
    found = order_conditions(scheme, p + 1)
    assert found.order == p == scheme.claims["order"]
    assert found.kind == ("all parameters" if scheme.parameters else "exact")
    back = loads(dumps(scheme))
    assert back == scheme
    assert check(back).ok
    assert order(scheme.at_defaults()) >= p  # no pole where it starts


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data(), steps=st.integers(1, 4), explicit=st.booleans())
def test_every_multistep_member_has_the_order(data, steps, explicit):
    p = data.draw(st.integers(0, 2 * steps - explicit), label="order")
    scheme = multistep(steps, p, explicit)
    assert len(scheme.parameters) == 2 * steps - explicit - p
    assert multistep_order(member(scheme, data), p) == p
    assert check(loads(dumps(scheme))).ok


def test_free_coefficients_start_at_adams_method():
    assert generate_multistep(3, 1).at_defaults().coefficients == load("adams-bashforth-3").coefficients
    assert generate_multistep(2, 2, explicit=False).at_defaults().coefficients == load("adams-moulton-2").coefficients
    assert generate_multistep(5, 5, explicit=False, adams=True).symbols == {"beta5": symbol("beta5")}


# ---------------------------------------------------------------------------------- known methods are members


def at(scheme, point):
    """The coefficients with parameters replaced by numbers or expressions in other parameters."""
    names = {str(s): s for s in map(symbol, ("k", "beta_1", "beta_2"))}
    point = {symbol(k): sympy.sympify(v, names) for k, v in point.items()}
    return {n: sympy.simplify(c.subs(point, simultaneous=True)) for n, c in scheme.coefficients.items()}


def same(found, library):
    return all(sympy.simplify(found[n] - c) == 0 for n, c in library.coefficients.items())


@pytest.mark.parametrize(
    ("name", "steps", "p", "options", "point"),
    [
        ("lm", 2, 0, {"fix": {"beta0": 0, "beta1": 1}}, {"alpha0": "-k"}),
        ("lm", 2, 0, {"fix": {"beta0": 0, "beta1": 1, "alpha0": "-k"}}, {}),
        ("lm", 2, 0, {}, {"alpha0": "-k", "beta0": 0, "beta1": 1}),
        ("lm-consistent", 2, 1, {}, {"alpha0": "-k", "beta1": "1 + k"}),
        ("lm-consistent", 2, 1, {"fix": {"beta0": 0, "alpha0": "-k"}}, {}),
        ("adamnet-2", 2, 1, {"adams": True}, {"beta1": "beta_1"}),
        ("adamnet-2", 2, 1, {}, {"alpha0": 0, "beta1": "beta_1"}),
        ("adamnet-3", 3, 1, {"adams": True}, {"beta2": "beta_1", "beta1": "beta_2"}),
        ("bdf-2", 2, 2, {"explicit": False}, {"alpha0": "1/3", "beta2": "2/3"}),
        ("milne-simpson-2", 2, 3, {"explicit": False}, {"alpha0": -1}),
        ("leapfrog-2", 2, 2, {}, {"alpha0": -1}),
        ("sspms-43", 4, 3, {"fix": {"alpha1": 0, "alpha2": 0}}, {"alpha0": "-11/27", "beta3": "16/9"}),
    ],
)
def test_known_multistep_methods_are_members(name, steps, p, options, point):
    assert same(at(generate_multistep(steps, p, **options), point), load(name))


IMEX_2 = {
    "crank-nicolson with adams-bashforth": (["0", "-1", "1"], ["0", "1/2", "1/2"], ["-1/2", "3/2", "0"]),
    "semi-implicit bdf": (["1/3", "-4/3", "1"], ["0", "0", "2/3"], ["-2/3", "4/3", "0"]),
    "crank-nicolson with leapfrog": (["-1", "0", "1"], ["1", "0", "1"], ["0", "2", "0"]),
    "modified cnab": (["0", "-1", "1"], ["1/16", "3/8", "9/16"], ["-1/2", "3/2", "0"]),
}


@pytest.mark.parametrize("name", IMEX_2)
def test_known_implicit_explicit_methods_are_members(name):
    """Ascher, Ruuth, Wetton 1995, §2.2: the second-order two-step family holds these four."""
    alpha, implicit, explicit = IMEX_2[name]
    found = at(generate_imex_multistep(2, 2), {"alpha0": alpha[0], "beta2_p1": implicit[2]})
    wanted = [*alpha, *implicit, *explicit]
    keys = [f"alpha{j}" for j in range(3)] + [f"beta{j}_p{part}" for part in (1, 2) for j in range(3)]
    assert [found[key] for key in keys] == [Rational(x) for x in wanted]


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(data=st.data(), steps=st.integers(1, 3))
def test_every_implicit_explicit_member_has_the_order_in_each_field(data, steps):
    p = data.draw(st.integers(1, steps), label="order")
    found = member(generate_imex_multistep(steps, p), data)
    assert order(found) == p
    parts = [multistep_order(Multistep(alpha=found.alpha, beta=beta), p) for beta in found.betas]
    assert parts == [p, p]


def test_adamnet_starts_where_its_family_does():
    ours, theirs = generate_multistep(3, 1, adams=True), load("adamnet-3")
    assert ours.at_defaults().coefficients == theirs.at_defaults().coefficients


@pytest.mark.parametrize(
    ("name", "stages", "p", "shape", "point"),
    [
        ("explicit-midpoint", 2, 2, "explicit", {"c2": "1/2"}),
        ("ralston-2", 2, 2, "explicit", {"c2": "2/3"}),
        ("ssprk-32", 3, 2, "explicit", {"c2": "1/2", "c3": 1, "a32": "1/2", "b2": "1/3"}),
        ("kutta-3", 3, 3, "explicit", {"c2": "1/2", "c3": 1}),
        ("ssprk-33", 3, 3, "explicit", {"c2": 1, "c3": "1/2"}),
        ("heun-3", 3, 3, "explicit", {"c2": "1/3", "c3": "2/3"}),
        ("ralston-3", 3, 3, "explicit", {"c2": "1/2", "c3": "3/4"}),
        ("rk4-38", 4, 4, "explicit", {"c2": "1/3", "c3": "2/3"}),
        ("radau-iia-2", 2, 2, "collocation", {"c1": "1/3", "c2": 1}),
        ("trapezoid", 2, 2, "collocation", {"c1": 0, "c2": 1}),
        ("lobatto-iiia-3", 3, 4, "collocation", {"c1": 0}),
        ("gauss-2", 2, 4, "collocation", {}),
        ("gauss-2", 2, 4, "implicit", {}),
        ("gauss-3", 3, 6, "collocation", {}),
        ("crouzeix-2", 2, 3, "diagonally-implicit", {"c1": "1/2 + sqrt(3)/6"}),
    ],
)
def test_known_runge_kutta_methods_are_members(name, stages, p, shape, point):
    assert same(at(runge_kutta(stages, p, shape), point), load(name))


def test_the_default_of_three_stages_is_kuttas_method():
    assert runge_kutta(3, 3, "explicit").at_defaults().coefficients == load("kutta-3").coefficients
    assert runge_kutta(4, 4, "explicit").at_defaults().coefficients == load("rk4-38").coefficients


# ------------------------------------------------------------------------------------------- fixed coefficients


def test_fixed_coefficients_stay_and_expressions_name_parameters():
    scheme = generate_runge_kutta(3, 3, fix={"a21": "1/3", "c3": "2*u"}, values={"u": "1/3"}, seconds=None)
    assert (scheme.A[1][0], scheme.c[2]) == (Rational(1, 3), 2 * symbol("u"))
    assert list(scheme.symbols) == ["u"]
    assert scheme.at_defaults().A[2] == load("heun-3").A[2]


def test_an_expression_may_name_other_coefficients():
    stiffly_accurate = {"b1": "a21", "c2": 1}
    scheme = generate_runge_kutta(2, 2, shape="singly-diagonally-implicit", fix=stiffly_accurate, seconds=None)
    assert scheme.A[1] == scheme.b == (sympy.sqrt(2) / 2, 1 - sympy.sqrt(2) / 2)
    assert order(scheme) == 2


def test_a_root_may_be_fixed():
    gamma = "(3 + sqrt(3))/6"
    scheme = generate_runge_kutta(2, 3, shape="singly-diagonally-implicit", fix={"gamma": gamma}, seconds=None)
    assert (order(scheme), scheme.A[0][0]) == (3, Rational(1, 2) + sympy.sqrt(3) / 6)


def test_an_embedded_formula():
    scheme = runge_kutta(3, 3, "explicit", embedded=2)
    assert scheme.claims == {"order": 3, "embedded_order": 2}
    assert check(loads(dumps(scheme))).ok
    assert order_conditions(scheme.at_defaults(), embedded=True).order == 2


def test_stable_members_are_found_where_they_exist():
    assert zero_stable(generate_multistep(4, 6, explicit=False))  # only on the boundary: all roots on the circle
    scheme = runge_kutta(2, 3, "singly-diagonally-implicit", stable="A-stable")
    assert scheme.A[0][0] == Rational(1, 2) + sympy.sqrt(3) / 6  # not the other root
    with pytest.raises(InputError, match="none was found that is zero-stable"):
        generate_multistep(3, 4, stable="zero-stable", fix={"alpha0": 2})


# --------------------------------------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generate_runge_kutta(4, 5), "impossible: order 5 takes 6 stages.*Butcher"),
        (lambda: generate_runge_kutta(2, 3), "impossible: order 3 takes 3 stages"),
        (lambda: generate_runge_kutta(2, 5, shape="implicit"), "impossible"),
        (lambda: generate_runge_kutta(2, 4, shape="diagonally-implicit"), "impossible"),
        (lambda: generate_runge_kutta(3, 3, fix={"c3": 0, "c2": 1}, seconds=None), "contradict each other"),
        (lambda: generate_runge_kutta(3, 3, fix={"c3": "c2", "c2": "t2"}, seconds=None), "contradict each other"),
        (lambda: generate_runge_kutta(3, 3, fix={"a41": 0}), "fix a41: unknown coefficient"),
        (lambda: generate_runge_kutta(3, 3, fix={"c2": "1/"}), "fix c2: .*not an arithmetic expression"),
        (lambda: generate_runge_kutta(3, 3, values={"c7": 1}), "value of c7: no such parameter; there are c2, c3"),
        (lambda: generate_runge_kutta(3, 3, embedded=4), "embedded order 4"),
        (lambda: generate_runge_kutta(99, 3), "stages = 99"),
        (lambda: generate_runge_kutta(3, 3, shape="round"), "shape 'round'"),
        (lambda: generate_runge_kutta(3, 0), "order 0"),
        (lambda: generate_multistep(2, 4), "order 4: an explicit 2-step method has an order from 0 to 3"),
        (lambda: generate_multistep(2, -1), "order -1"),
        (lambda: generate_multistep(0, 1), "steps = 0"),
        (lambda: generate_multistep(2, 3, fix={"alpha0": 0}), "contradict each other"),
        (
            lambda: generate_runge_kutta(3, 4, shape="singly-diagonally-implicit", seconds=None),
            "gamma is a root of .*fix some coefficients",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call, message):
    with pytest.raises(InputError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_hopeless_system_is_given_up_in_time():
    begun = time.monotonic()
    with pytest.raises(InputError, match="beyond solving, not done after 2 seconds; fix some coefficients"):
        generate_runge_kutta(8, 6, seconds=2)
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_a_computation_under_a_limit_gives_its_value_its_error_or_stops():
    assert within(30, Fraction, 1, 3) == Fraction(1, 3)
    with pytest.raises(InputError, match="stages = 99"):
        within(30, generate_runge_kutta, 99, 1)
    with pytest.raises(OutOfTimeError, match="1 seconds"):
        within(1, time.sleep, 60)
    with pytest.raises(OutOfTimeError, match="memory"):
        within(30, bytearray, 2**40)


# ---------------------------------------------------------------------------------------------------- the solver

x, y, p = symbol("x"), symbol("y"), symbol("p")


def test_the_generic_branch_comes_first_and_special_ones_after():
    first, second = solve([x * y - y], [[x, y]])
    assert {first.values.get(y), second.values.get(x)} == {S.Zero, S.One} or first.values in ({x: S.One}, {y: S.Zero})


def test_real_roots_only_and_only_by_radicals():
    assert [s.values[x] for s in solve([x**2 - 2], [[x]])] == [-sympy.sqrt(2), sympy.sqrt(2)]
    assert list(solve([x**2 + 1], [[x]])) == []
    with pytest.raises(BeyondSolvingError, match="root of"):
        list(solve([x**3 - x - 1], [[x]]))
    with pytest.raises(BeyondSolvingError, match="couple x, y"):
        list(solve([x**2 + y**2 - 1], [[x, y]]))


def test_what_must_stay_free_is_not_solved_for():
    assert list(solve([p - 1], [[x]])) == []
    (found,) = solve([p * x - 1], [[x]])
    assert (found.values, found.nonzero) == ({x: 1 / p}, (p,))


small = st.integers(-3, 3)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(small, small, small, small, small), min_size=1, max_size=3))
def test_solutions_solve(rows):
    """Random equations a + b·x + c·y + d·x·y + e·x·p: what is found makes them vanish identically."""
    equations = [a + b * x + c * y + d * x * y + e * x * p for a, b, c, d, e in rows]
    try:
        found = list(solve(equations, [[x], [y]]))
    except BeyondSolvingError:
        return
    for solution in found:
        assert all(sympy.simplify(e.subs(solution.values)) == 0 for e in equations)
    if not found:  # then nothing solves it where p is no special number
        generic = [e.subs(p, Rational(101, 97)) for e in equations]
        grid = [Rational(i, j) for i in range(-3, 4) for j in (1, 2)]
        assert not any(all(e.subs({x: i, y: j}) == 0 for e in generic) for i in grid for j in grid)
