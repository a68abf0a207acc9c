"""The exact comparison notices every change, by both of its routes, and every pass over every scheme leaves the scheme
what it was: exactly, and as numbers."""

import random
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, S

from tableau2net import testing
from tableau2net.analysis.order.equality import (
    difference,
    difference_in_normal_form,
    difference_of_series,
    equality,
    together,
)
from tableau2net.analysis.reading.step_reading import BSeriesError
from tableau2net.scheme import GeneralLinear, list_schemes, load
from tableau2net.step import Combine, Evaluate, Solve, cost, in_place, lower, optimise
from tests.step import interpret

NAMES = list_schemes()
SOME = sorted({*NAMES[::5], "ssprk-104", "hairer-10", "revnet", "lm", "nordsieck-bdf-4", "ars-343", "lobatto-iiia-4"})

families = st.one_of(
    testing.runge_kutta(range(1, 6)),
    testing.multistep(),
    testing.additive_runge_kutta(),
    testing.additive_multistep(),
    testing.partitioned_runge_kutta(),
    testing.partitioned_runge_kutta(separable=True),
    testing.general_linear(),
)


def passes(scheme, one_field=True):
    step = lower(scheme)
    keep = (step.estimate,) if step.estimate else ()
    return optimise(step, one_field=one_field, keep=keep), keep


def check_all(scheme, order, one_field=True):
    """Equal after all passes together, and after each if they are not; and no pass makes anything dearer."""
    found, keep = passes(scheme, one_field)
    wrong = difference(found[0].step, found[-1].step, order=order, keep=keep)
    assert wrong is None, (wrong, [(p.name, difference(found[0].step, p.step, order=order)) for p in found])
    costs = [cost(p.step, keep=keep) for p in found]
    for (name, before), after in zip(
        ((p.name, c) for p, c in zip(found[1:], costs, strict=False)), costs[1:], strict=True
    ):
        assert after.evaluations <= before.evaluations, name
        assert (after.kernels, after.tensor_passes) <= (before.kernels, before.tensor_passes), name
        assert after.tensor_passes <= before.tensor_passes, name
        assert after.saved <= before.saved, name
        assert name != "arrange" or (after.live <= before.live and after.kernels == before.kernels)


@pytest.mark.parametrize("name", SOME)
def test_schemes_of_the_library_stay_what_they_are(name):
    check_all(load(name), 4)


@pytest.mark.slow
@pytest.mark.parametrize("one_field", [False, True])
def test_every_scheme_of_the_library_stays_what_it_is(one_field):
    for name in NAMES:
        check_all(load(name), 5, one_field)


@settings(max_examples=120)
@given(families, st.booleans())
def test_random_schemes_stay_what_they_are(scheme, one_field):
    check_all(scheme, 4, one_field)


@settings(max_examples=30)
@given(st.one_of(testing.runge_kutta(range(1, 6)), testing.multistep(), testing.additive_runge_kutta()))
def test_random_schemes_with_every_coefficient_free(scheme):
    check_all(scheme.freed(), 3)


@settings(max_examples=60)
@given(families, st.booleans())
def test_as_numbers_and_gradients_with_sums_in_place(scheme, free):
    """Carried out in torch, with the memory overwritten that `in_place` allows: autograd refuses a gradient if a value
    that it needs was written to, and values that are wrong show."""
    scheme = scheme.freed() if free and not isinstance(scheme, GeneralLinear) else scheme
    found, keep = passes(scheme, one_field=False)
    before, after = found[0].step, found[-1].step
    if not before.explicit:
        return
    results = []
    for step, over in ((before, {}), (after, in_place(after, keep=keep))):
        given, learnt = interpret.inputs(step), interpret.numbers(before)
        values = interpret.run(step, given, learnt, over)
        ends = [values[name] for name in (*step.outputs, *keep)]
        leaves = [*given.values(), *learnt.values()]
        gradient = torch.autograd.grad(torch.cat(ends).sin().sum(), leaves, allow_unused=True)
        results.append([*ends, *(torch.zeros(1) if g is None else g for g in gradient)])
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9, check_dtype=False)


@pytest.mark.parametrize("name", ["rk4", "ssprk-104", "dormand-prince-54", "ars-343", "bdf-3", "revnet", "gbs-3"])
def test_any_coefficient_that_is_changed_is_noticed_by_both_routes(name):
    (*_, last), keep = passes(load(name), one_field=False)
    before = lower(load(name))
    choose = random.Random(3)
    for _ in range(6):
        changed = _changed(last.step, choose)
        both, pairs = together(before, changed, keep)
        with suppress(BSeriesError):  # where the y in a stage was changed
            assert difference_of_series(both, pairs, 5)[1] is not None
        assert difference_in_normal_form(both, pairs) is not None
        assert not equality(before, changed, keep=keep)


def _changed(step, choose):
    """The program with one coefficient, or one time, a little larger."""
    which = choose.randrange(sum(1 for _ in step.flat()))
    count = iter(range(10**6))

    def one(op):
        if next(count) != which:
            return op
        if isinstance(op, Evaluate):
            return replace(op, time=op.time + Rational(1, 10**9))
        i = choose.randrange(len(op.terms))
        terms = list(op.terms)
        terms[i] = (terms[i][0] + Rational(1, 10**9), terms[i][1])
        return Combine(op.target, tuple(terms))

    operations = (Solve(tuple(map(one, op.operations))) if isinstance(op, Solve) else one(op) for op in step.operations)
    return replace(step, operations=tuple(operations))


def test_normal_form_sees_what_trees_of_low_order_do_not():
    step = lower(load("euler"))
    (k,) = (op for op in step.operations if isinstance(op, Evaluate))
    twice = (
        Combine("z", ((S.One, "y"), (S.One, k.target))),
        Evaluate("l", ("z",), S.One, 1),
        Combine("z2", ((S.One, "y"), (S.One, "l"))),
        Evaluate("l2", ("z2",), S.One, 2),
    )
    end = step.operations[-1]
    other = replace(step, operations=(k, *twice, Combine("y_new", (*end.terms, (S.One, "l2"), (-S.One, "l")))))
    assert difference(step, other, order=1).where == "its normal form"  # the trees with one node agree
    assert "tree" in difference(step, other, order=3).where


def test_coupled_stages_that_satisfy_the_same_equations_are_the_same():
    gauss = lower(load("gauss-2"))
    (solve, end) = gauss.operations
    swapped = Solve(solve.operations[::-1])
    assert equality(gauss, replace(gauss, operations=(swapped, end)))
    other = Combine("y_new", tuple((2 * c if v == "k1" else S.Zero if v == "k2" else c, v) for c, v in end.terms))
    assert not equality(gauss, replace(gauss, operations=(solve, other)))


def test_a_stage_that_does_not_start_from_y_is_compared_in_normal_form():
    found, _ = passes(load("polynet-2"))
    same = equality(found[0].step, found[-1].step)
    assert same
    assert same.order is None
    *others, last = found[-1].step.operations
    shorter = replace(found[-1].step, operations=(*others, Combine(last.target, last.terms[:-1])))
    assert not equality(found[0].step, shorter)
