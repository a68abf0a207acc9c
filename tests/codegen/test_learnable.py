"""What is learnt with an order kept: families solved for, against textbook conditions; and what cannot be kept."""

import random
from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.codegen.learnable import learning
from tableau2net.codegen.learnable.pivots import pivots
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, symbol
from tableau2net.scheme import Multistep, Parameter, RungeKutta, load
from tableau2net.scheme.parameters import Distribution
from tableau2net.testing import multistep, runge_kutta
from tests.codegen.families import member, multistep_residuals, runge_kutta_residuals, table


def learnt_or_nothing(scheme, order):
    """What is learnt with an order kept; None where that leaves nothing."""
    try:
        return learning(scheme, coefficients="free", keep_order=order)
    except InputError as error:
        if "nothing to learn" in str(error):
            return None
        raise


# ------------------------------------------------------------------------------------------------- solved families


@pytest.mark.parametrize(
    ("name", "known", "names"),
    [
        ("adams-bashforth-2", "adamnet-2", {"beta1": "beta_1"}),
        ("adams-bashforth-3", "adamnet-3", {"beta2": "beta_1", "beta1": "beta_2"}),
    ],
)
def test_adamnet_is_adams_bashforth_that_keeps_order_1(name, known, names):
    family = learning(load(name), coefficients="free", keep_order=1).scheme
    renamed = {symbol(a): symbol(b) for a, b in names.items()}
    assert {n: sympy.expand(c.subs(renamed)) for n, c in family.coefficients.items()} == load(known).coefficients
    assert {names[p.name]: p.value for p in family.parameters} == {p.name: p.value for p in load(known).parameters}


@settings(max_examples=40)
@given(multistep(range(1, 5)), st.integers(0, 4), st.integers(0, 2**16))
def test_multistep_families_keep_their_order_and_their_start(scheme, order, seed):
    own = t2n.order(scheme)
    if own < order:
        with pytest.raises(InputError, match="itself has order"):
            learning(scheme, coefficients="free", keep_order=order)
        return
    found = learnt_or_nothing(scheme, order)
    if found is None:
        return
    assert found.identity
    assert found.scheme.at_defaults().coefficients == scheme.coefficients
    assert not any(multistep_residuals(member(found.scheme, random.Random(seed)), order))
    free, nonzero = len(found.scheme.parameters), scheme.freed().parameters
    columns = [multistep_residuals(unit(scheme, p.name), order) for p in nonzero]
    base = multistep_residuals(unit(scheme, None), order)
    rank = np.linalg.matrix_rank(np.array([[float(x - y) for x, y in zip(c, base, strict=True)] for c in columns]))
    assert free == len(nonzero) - rank  # nothing was given up that could move


def unit(scheme, name):
    """α_k alone, and one more coefficient 1."""
    one = {f"alpha{scheme.steps}": sympy.S.One} | ({name: sympy.S.One} if name else {})
    return scheme.with_coefficients({n: one.get(n, sympy.S.Zero) for n in scheme.coefficients}, claims={})


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=6, max_size=6), min_size=1, max_size=3), st.integers(1, 5))
def test_what_is_solved_for_moves_no_more_than_what_it_depends_on(rows, first):
    chosen = pivots(rows, [first, 6 - first])
    matrix = np.array(rows, dtype=float)
    assert len(chosen) == np.linalg.matrix_rank(matrix)
    if chosen:
        rest = [j for j in range(6) if j not in chosen]
        factors = np.linalg.lstsq(matrix[:, chosen], matrix[:, rest], rcond=None)[0]
        same = np.array([[(i < first) == (j < first) for j in rest] for i in chosen], dtype=bool)
        if len({i < first for i in chosen}) == 1:
            assert np.all(abs(factors[same]) <= 1 + 1e-6)
    assert sum(j < first for j in chosen) == np.linalg.matrix_rank(
        matrix[:, :first]
    )  # the first group where it will do


@pytest.mark.parametrize(
    ("name", "order", "free"),
    [("rk2", 2, 1), ("improved-euler", 2, 1), ("rk4", 2, 5), ("ssprk-33", 2, 4), ("ssprk-33", 3, 2)],
)  # fmt: skip
def test_rational_families_of_runge_kutta_methods(name, order, free):
    scheme = load(name)
    found = learning(scheme, coefficients="free", keep_order=order)
    assert found.identity
    assert found.retraction is None
    assert len(found.scheme.parameters) == free
    assert found.scheme.at_defaults().coefficients == scheme.at_defaults().coefficients
    draw = random.Random(0)
    for _ in range(5):
        A, b = table(member(found.scheme, draw))
        assert not any(runge_kutta_residuals(A, b, order))


@settings(max_examples=25)
@given(runge_kutta(range(1, 5), order=1), st.integers(0, 2**16))
def test_consistency_of_any_tableau_is_kept_by_its_weights(scheme, seed):
    found = learnt_or_nothing(scheme, 1)
    if found is None:
        return
    A, b = table(member(found.scheme, random.Random(seed)))
    assert b.sum() == 1
    assert A.shape == (scheme.stages, scheme.stages)


def test_a_scheme_printed_in_decimals_keeps_its_order():
    scheme = next(s for s in map(load, t2n.list_schemes("*")[:200]) if s.digits and isinstance(s, RungeKutta))
    found = learning(scheme, coefficients="free", keep_order=1).scheme
    assert found.digits is None
    assert t2n.order(found) == 1
    start = found.at_defaults().coefficients
    assert all(abs(float_of(start[n] - c)) < 1e-12 for n, c in scheme.coefficients.items() if n[0] in "ab")


def test_the_exact_order_is_kept_beside_stability():
    found = learning(load("bdf-4"), coefficients="free", keep_order=1, keep_stable=True)
    draw = random.Random(0)
    for _ in range(5):
        assert not any(multistep_residuals(member(found.scheme, draw), 1))


# ---------------------------------------------------------------------------------------------------------- errors

NORMAL = Parameter("k", sympy.S.Zero, init=Distribution("normal", sympy.S.Zero, sympy.S.One))
WIDE = Parameter("k", sympy.S.Zero, init=Distribution("uniform", -sympy.S(2), sympy.S.Zero))
EDGE = Parameter("k", sympy.S.One)


def lm(parameter):
    return Multistep(alpha=("-k", "k - 1", "1"), beta=("0", "1", "0"), name="mine", parameters=(parameter,))


@pytest.mark.parametrize(
    ("scheme", "options", "message"),
    [
        ("rk4", {"keep_order": 5}, "rk4 itself has order 4, write 4 or less"),
        ("rk4", {"keep_order": 4}, "leaves nothing to learn"),
        ("rk4", {"keep_order": True}, "whole number"),
        ("rk4", {"keep_stable": True}, "is for multistep schemes"),
        ("rk4", {"coefficients": "learnable"}, "declares no parameters"),
        ("rk4", {"coefficients": "fixed", "keep_order": 1}, "are for coefficients="),
        ("rk4", {"coefficients": "all"}, "write one of"),
        ("lm", {"coefficients": "learnable", "keep_order": 1}, "leaves nothing to learn"),
        ("quade-4", {"keep_stable": True}, "no smooth map"),
        ("dimsim-2", {"keep_order": 1}, "out of reach"),
        (lm(NORMAL), {"coefficients": "learnable", "keep_stable": True}, "which has no ends"),
        (lm(WIDE), {"coefficients": "learnable", "keep_stable": True}, "strictly inside"),
        (lm(EDGE), {"coefficients": "learnable", "keep_stable": True}, "strictly inside"),
    ],
)
def test_what_cannot_be_kept_is_said_in_one_line(scheme, options, message):
    given = load(scheme) if isinstance(scheme, str) else scheme
    with pytest.raises(InputError, match=message) as raised:
        learning(given, **({"coefficients": "free"} | options))
    assert "\n" not in str(raised.value)


def test_conditions_without_end_are_refused(monkeypatch):
    monkeypatch.setattr("tableau2net.codegen.learnable.residuals.MAX_TERMS", 200)
    with pytest.raises(InputError, match="more than the 200 terms"):
        learning(replace(load("dormand-prince-54"), name="mine"), coefficients="free", keep_order=5)


def test_a_block_without_steps():
    assert t2n.compile("rk4", coefficients="free", keep_order=3)([])(torch.ones(2)).tolist() == [1, 1]
