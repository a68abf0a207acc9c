"""Backward error analysis by other routes: flows of polynomial fields as power series in h, printed formulas, Lie
derivatives over nested trees, and the limits of what is asked."""

import time
from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import factorial, prod

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, S, Symbol, factor

from tableau2net.analysis.backward import substitution
from tableau2net.analysis.backward.differential import DifferentialForm, differential_form
from tableau2net.analysis.backward.modified import modified_equation, modifying_integrator
from tableau2net.analysis.backward.substitution import MAX_TREES, solve, trees_up_to
from tableau2net.analysis.reading.trees import Forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    Parameter,
    PartitionedRungeKutta,
    RungeKutta,
    load,
)
from tableau2net.scheme.operations import adjoint, compose
from tests.analysis.polynomial_flow import ONE, TWO, R, defect, flow, one_step, partitioned_step, total_field
from tests.strategies import explicit_runge_kutta, multistep, rationals

small = st.builds(Rational, st.integers(-2, 2), st.integers(1, 3))


@st.composite
def implicit_runge_kutta(draw, stages=2):
    A = [[draw(small) for _ in range(stages)] for _ in range(stages)]
    return RungeKutta(A=A, b=[draw(small) for _ in range(stages)])


@settings(max_examples=8, deadline=None)
@given(implicit_runge_kutta())
def test_the_flow_of_the_modified_equation_is_the_step(scheme):
    field = total_field(modified_equation(scheme, 4), [ONE])
    assert flow(field, 4) == one_step(scheme, [ONE], 4)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(implicit_runge_kutta())
def test_the_step_over_the_modifying_field_is_the_flow(scheme):
    terms = modifying_integrator(scheme, 4)
    if sum(scheme.b) == 0:
        assert terms is None
        return
    assert one_step(scheme, [total_field(terms, [ONE])], 4) == flow(ONE, 4)


@settings(max_examples=5, deadline=None)
@given(implicit_runge_kutta(), implicit_runge_kutta())
def test_additive_steps_both_ways(first, second):
    scheme = AdditiveRungeKutta(parts=[first, replace(second, b=first.b)])
    together = [a + b for a, b in zip(ONE, TWO, strict=True)]
    field = total_field(modified_equation(scheme, 3), [ONE, TWO])
    assert flow(field, 3) == one_step(scheme, [ONE, TWO], 3)
    terms = modifying_integrator(scheme, 3)
    if sum(first.b) == 0:
        assert terms is None
        return
    fields = [total_field(terms, [ONE, TWO], part) for part in (1, 2)]
    assert one_step(scheme, fields, 3) == flow(together, 3)


@settings(max_examples=6, deadline=None)
@given(implicit_runge_kutta(), implicit_runge_kutta())
def test_partitioned_steps(first, second):
    """u' = f_1(u, v), v' = f_2(u, v): an additive method with each field in one component."""
    states = [(ONE[0], R.zero), (R.zero, ONE[1])]
    scheme = PartitionedRungeKutta(parts=[first, second])
    field = total_field(modified_equation(scheme, 3), states)
    # the same tableaus side by side act on the same system: f_ν is not seen in the other state
    assert flow(field, 3) == partitioned_step(first, second, 3)


@settings(max_examples=10, deadline=None)
@given(multistep(max_steps=2, explicit=False))
def test_the_smooth_solution_fulfils_the_multistep_formula(scheme):
    terms = modified_equation(scheme, 4)
    if sum(j * a for j, a in enumerate(scheme.alpha)) == 0:
        assert terms is None
        return
    assert defect(scheme.alpha, [scheme.beta], [ONE], total_field(terms, [ONE]), 4) == [0, 0]


IMEX = AdditiveMultistep(alpha=["1/3", "-4/3", 1], betas=[[0, 0, "2/3"], ["-2/3", "4/3", 0]])


def test_additive_multistep_both_ways():
    fields = [ONE, TWO]
    terms = modified_equation(IMEX, 4)
    assert defect(IMEX.alpha, IMEX.betas, fields, total_field(terms, fields), 4) == [0, 0]
    modifying = modifying_integrator(IMEX, 4)
    changed = [total_field(modifying, fields, part) for part in (1, 2)]
    exact = [a + b for a, b in zip(ONE, TWO, strict=True)]
    assert defect(IMEX.alpha, IMEX.betas, changed, exact, 4) == [0, 0]


@settings(max_examples=10, deadline=None)
@given(multistep(max_steps=2, explicit=False))
def test_a_multistep_formula_over_the_modifying_field_has_the_exact_solution(scheme):
    terms = modifying_integrator(scheme, 4)
    if sum(scheme.beta) == 0:
        assert terms is None
        return
    assert defect(scheme.alpha, [scheme.beta], [total_field(terms, [ONE])], ONE, 4) == [0, 0]


# ------------------------------------------------------------------ nested trees: exp of a Lie derivative is the method


def nested(levels):
    """A level sequence as the sorted tuple of its branches."""
    starts = [i for i, level in enumerate(levels) if level == levels[0] + 1] + [len(levels)]
    return tuple(sorted(nested(levels[a:b]) for a, b in pairwise(starts)))


def cuts(tree):
    """What is left when one edge is cut: the part with the root, and the part above."""
    for i, branch in enumerate(tree):
        rest = tree[:i] + tree[i + 1 :]
        yield rest, branch
        yield from ((tuple(sorted((*rest, root))), above) for root, above in cuts(branch))


def nodes(tree):
    return 1 + sum(map(nodes, tree))


@pytest.mark.parametrize(("name", "terms"), [("euler", 8), ("rk4", 7), ("kutta-3", 6)])
def test_the_exponential_of_the_lie_derivative_along_the_field_is_the_method(name, terms):
    """a(τ) = Σ_j L_j(τ)/j! with L_1 = b and L_(j+1) = Σ over cut edges of L_j(root part) b(other part)
    (HLW IX.9, Lemma 9.1)."""
    scheme = load(name)
    b = {nested(term.tree): term.coefficient for term in modified_equation(scheme, terms)}

    @cache
    def derivative(j, tree):
        if j == 1:
            return b.get(tree, S.Zero)
        return sum((derivative(j - 1, root) * b.get(above, S.Zero) for root, above in cuts(tree)), S.Zero)

    def weight(tree, weights):
        stages = [[sum(a * w for a, w in zip(row, weights_of(t), strict=True)) for row in scheme.A] for t in tree]
        return sum(w * prod((s[i] for s in stages), start=S.One) for i, w in enumerate(weights))

    @cache
    def weights_of(tree):
        stages = [[sum(a * w for a, w in zip(row, weights_of(t), strict=True)) for row in scheme.A] for t in tree]
        return [prod((s[i] for s in stages), start=S.One) for i in range(scheme.stages)]

    grown = Forest()
    for tree in map(nested, map(grown.levels, trees_up_to(grown, terms))):
        total = sum((derivative(j, tree) / factorial(j) for j in range(1, nodes(tree) + 1)), S.Zero)
        assert total == weight(tree, scheme.b)


@given(st.lists(rationals, min_size=17, max_size=17))
def test_a_series_put_into_another_and_solved_back(values):
    grown, domain = Forest(), domain_of([])
    trees = trees_up_to(grown, 5)
    series = [domain.one, *(domain.rational(v.numerator, v.denominator) for v in values[1:])]
    target = [domain.rational(1, grown.gamma[t]) for t in trees]
    field = solve(grown, domain, 5, series.__getitem__, target.__getitem__)
    for tree, expected in zip(trees, target, strict=True):
        ways = substitution.cuts(grown).of(tree).items()
        terms = (n * series[s] * field[root] * prod(field[piece] for piece in pieces) for (root, s, pieces), n in ways)
        assert sum(terms, domain.zero) == expected


# ------------------------------------------------------------------ formulas in print


def factors(terms):
    return {term.tree: term.factor for term in terms}


def test_explicit_euler_as_printed():
    """ỹ' = f − h/2 f'f + h²/12 f''(f,f) + h²/3 f'f'f (HLW IX.1), and the field to integrate instead."""
    assert factors(modified_equation(load("euler"), 3)) == {
        (1,): 1, (1, 2): Rational(-1, 2), (1, 2, 3): Rational(1, 3), (1, 2, 2): Rational(1, 12),
    }  # fmt: skip
    assert factors(modifying_integrator(load("euler"), 3)) == {
        (1,): 1, (1, 2): Rational(1, 2), (1, 2, 3): Rational(1, 6), (1, 2, 2): Rational(1, 6),
    }  # fmt: skip


def test_implicit_midpoint_as_printed():
    """ỹ' = f + h²/12 (f'f'f − ½ f''(f,f)), in even powers of h alone (HLW IX.1; BSeries.jl has it in its manual)."""
    terms = modified_equation(load("implicit-midpoint"), 6)
    assert factors(terms[:3]) == {(1,): 1, (1, 2, 3): Rational(1, 12), (1, 2, 2): Rational(-1, 24)}
    assert all(len(term.tree) % 2 for term in terms)
    assert factors(modifying_integrator(load("implicit-midpoint"), 4)) == {
        (1,): 1, (1, 2, 3): Rational(-1, 12), (1, 2, 2): Rational(1, 24),
    }  # fmt: skip


def test_symplectic_euler_has_the_modified_hamiltonian():
    """H̃ = H ∓ h/2 H_p H_q + h²/12 (…): ṗ = −H_q, q̇ = H_p with p implicit (HLW IX.3, example 3.4)."""
    parts = [RungeKutta(A=[[1]], b=[1]), RungeKutta(A=[[0]], b=[1])]
    terms = modified_equation(PartitionedRungeKutta(parts=parts, reads=[[2], [1]]), 2)
    assert {(t.tree, t.colours): t.coefficient for t in terms} == {
        ((1,), (1,)): 1, ((1,), (2,)): 1, ((1, 2), (1, 2)): Rational(-1, 2), ((1, 2), (2, 1)): Rational(1, 2),
    }  # fmt: skip


def test_the_equation_of_lm_is_the_one_in_its_paper():
    """Lu, Zhong, Li and Dong 2018: (1 + k) u' + (1 − k) h/2 u'' = f."""
    lm = load("lm")
    assert str(differential_form(lm)) == "(1+k) u' + (1−k) h/2 u'' = f"
    k = lm.symbols["k"]
    terms = modified_equation(lm, 2)
    assert [
        factor(t.coefficient - x) for t, x in zip(terms, [1 / (1 + k), (k - 1) / (2 * (1 + k) ** 3)], strict=True)
    ] == [0, 0]
    assert str(differential_form(lm.with_values(k="-1/2"), 3)) == "1/2 u' + 3h/4 u'' + h²/12 u''' = f"


def test_other_forms_read_as_written():
    assert str(differential_form(load("adams-bashforth-2"), 4)) == "u' + 5h²/12 u''' − h³/4 u^(4) = f"
    verlet = Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2)
    assert str(differential_form(verlet, 3)) == "u'' + h²/12 u^(4) = f"
    assert str(DifferentialForm((S.NegativeOne, S.Zero, Rational(-1, 3)))) == "−u' − h²/3 u''' = f"
    assert str(DifferentialForm((S.Zero,))) == "0 = f"
    assert str(DifferentialForm((1 / (1 - Symbol("k", real=True)) ** 2,))) == "(1−k)^(-2) u' = f"


@given(multistep(explicit=False), st.integers(1, 6))
def test_the_form_is_the_quotient_of_the_generating_functions(scheme, terms):
    form = differential_form(scheme, terms)
    if sum(scheme.beta) == 0:
        assert form is None
        return
    with mpmath.workdps(120):

        def side(coefficients, x):
            return sum(mpmath.mpf(c.p) / c.q * mpmath.exp(j * x) for j, c in enumerate(coefficients))

        x = mpmath.mpf(10) ** -12
        series = sum(mpmath.mpf(c.p) / c.q * x ** (j + 1) for j, c in enumerate(form.coefficients))
        error = side(scheme.alpha, x) / side(scheme.beta, x) - series
        size = sum(map(abs, scheme.alpha)) + scheme.steps * sum(map(abs, scheme.beta))
        growth = 1 + mpmath.mpf(size.p) / size.q / abs(mpmath.mpf(sum(scheme.beta).p) / sum(scheme.beta).q)
        assert abs(error) < 10 * growth ** (terms + 2) * x ** (terms + 1)  # a quotient's coefficients grow like that


# ------------------------------------------------------------------ relations between schemes


@settings(max_examples=20, deadline=None)
@given(explicit_runge_kutta(max_stages=3))
def test_the_adjoint_goes_the_other_way(scheme):
    """b*(t) = (−1)^(|t|−1) b(t) (HLW IX.2, Theorem 2.2)."""
    ours = {t.tree: t.coefficient * (-1) ** (len(t.tree) - 1) for t in modified_equation(scheme, 4)}
    assert {t.tree: t.coefficient for t in modified_equation(adjoint(scheme), 4)} == ours


@settings(max_examples=20, deadline=None)
@given(explicit_runge_kutta(max_stages=3))
def test_two_half_steps_have_the_field_of_half_the_step(scheme):
    ours = {t.tree: t.coefficient / 2 ** (len(t.tree) - 1) for t in modified_equation(scheme, 4)}
    assert {t.tree: t.coefficient for t in modified_equation(compose([scheme, scheme]), 4)} == ours


@settings(max_examples=10, deadline=None)
@given(multistep(max_steps=3, explicit=False))
def test_a_multistep_method_twice_over_is_one_of_two_equal_fields(scheme):
    plain = modified_equation(scheme, 4)
    twice = modified_equation(AdditiveMultistep(alpha=scheme.alpha, betas=[scheme.beta, scheme.beta]), 4)
    if plain is None:
        assert twice is None
        return
    by_tree = {t.tree: t.coefficient for t in plain}
    assert {t.tree for t in twice} == set(by_tree)
    assert all(t.coefficient == by_tree[t.tree] for t in twice)


def test_one_step_written_as_a_multistep_method_has_the_same_field():
    for one, many in (("euler", "adams-bashforth-1"), ("backward-euler", "bdf-1"), ("trapezoid", "adams-moulton-1")):
        assert modified_equation(load(one), 6) == modified_equation(load(many), 6)


def test_members_of_a_family_agree_with_the_family():
    a = Parameter("a", Rational(1, 2))
    family = RungeKutta(A=[[], ["a"]], b=["1/3 + a", "1 - a"], parameters=(a,))
    for find in (modified_equation, modifying_integrator):
        everywhere = {t.tree: t.coefficient for t in find(family, 4)}
        for value in ("1/2", "-2/3"):
            member = {t.tree: t.coefficient for t in find(family.with_values(a=value), 4)}
            found = {tree: c.subs(a.symbol, Rational(value)) for tree, c in everywhere.items()}
            assert {tree: c for tree, c in found.items() if c} == member


def test_a_method_of_order_p_leaves_the_field_alone_to_h_to_the_p():
    for name, p in (("rk4", 4), ("gauss-3", 6), ("butcher-6", 6)):
        for find in (modified_equation, modifying_integrator):
            terms = find(load(name), p)
            assert [(t.tree, t.coefficient) for t in terms] == [((1,), 1)]
            assert len(find(load(name), p + 1)) > 1


# ------------------------------------------------------------------ limits


def test_what_has_no_modified_equation_is_none():
    verlet = Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2)
    two_step = GeneralLinear(A=[[0]], U=[["3/2", "-1/2"]], B=[[1], [0]], V=[[1, 0], [1, 0]], external=["y", "y-1"])
    for scheme in (
        verlet,
        two_step,
        Multistep(alpha=[1, 1], beta=[0, 1]),
        Multistep(alpha=[1, -2, 1], beta=[0, 1, -1]),
    ):
        assert modified_equation(scheme, 3) is None
    assert differential_form(load("rk4")) is None
    assert differential_form(Multistep(alpha=[-1, 0, 1], beta=[-1, 1, 0])) is None
    assert modifying_integrator(RungeKutta(A=[[0]], b=[0]), 3) is None
    assert modified_equation(RungeKutta(A=[[0]], b=[0]), 3) == ()


@pytest.mark.parametrize("find", [modified_equation, modifying_integrator, differential_form])
@pytest.mark.parametrize("terms", [0, -3, 1000])
def test_so_many_terms_are_refused_in_one_line(find, terms):
    with pytest.raises(InputError, match=f"terms = {terms}"):
        find(load("lm") if find is differential_form else load("rk4"), terms)


@pytest.mark.slow
def test_a_free_table_is_refused_before_it_grows_too_long():
    free = load("rk4").freed()
    assert len(modified_equation(free, 3)) == 4
    start = time.perf_counter()
    with pytest.raises(InputError, match="monomials"):
        modifying_integrator(free, 8)
    assert time.perf_counter() - start < 20


def test_six_terms_of_rk4_take_no_time():
    start = time.perf_counter()
    assert len(modified_equation(replace(load("rk4"), name="again"), 6)) == 20
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("colours", [1, 2])
def test_as_many_trees_as_are_allowed(colours):
    grown = Forest(colours=colours)
    terms = 10 if colours == 1 else 6
    assert len(trees_up_to(grown, terms)) <= MAX_TREES
    with pytest.raises(InputError, match=f"ask for {terms} at most"):
        trees_up_to(grown, terms + 1)


def test_printed_decimals_leave_out_what_they_cannot_tell_from_zero():
    tenths = {n: Rational(round(c * 10**20), 10**20) for n, c in load("kutta-3").coefficients.items()}
    printed = replace(load("kutta-3").with_coefficients(tenths), digits=20)
    for find in (modified_equation, modifying_integrator):
        ours, exact = find(printed, 5), find(load("kutta-3"), 5)
        assert [t.tree for t in ours] == [t.tree for t in exact]
        assert [float(t.coefficient) for t in ours] == pytest.approx([float(t.coefficient) for t in exact], rel=1e-12)
