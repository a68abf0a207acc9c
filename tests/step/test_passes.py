"""What each pass makes of schemes where the best program can be worked out by hand."""

from dataclasses import replace

import pytest
from sympy import Rational, S, Symbol, sqrt

from tableau2net.analysis.order.equality import equality
from tableau2net.scheme import RungeKutta, list_schemes, load
from tableau2net.step import (
    Combine,
    Evaluate,
    Input,
    Solve,
    Step,
    arrange,
    cost,
    fsal,
    isolate,
    lower,
    optimise,
    prune,
    share,
    unify,
)


def step_of(name, **options):
    return optimise(lower(load(name)), **options)[-1].step


def sums(step):
    """Combinations as {target: {value: coefficient}}."""
    return {op.target: {v: c for c, v in op.terms} for op in step.flat() if isinstance(op, Combine)}


def test_prune_drops_terms_times_zero_and_keeps_what_is_asked_for():
    step = lower(load("dormand-prince-54"))
    assert "y_hat" not in sums(prune(step))
    assert "y_hat" in sums(prune(step, keep=("y_hat",)))
    assert prune(step, keep=("k7",)).evaluations == 7
    assert prune(step).evaluations == 6
    last = sums(step)["y_new"]
    zeros = Combine("y_new", tuple((S.Zero if v == "k6" else c, v) for v, c in last.items()))
    without = prune(replace(step, operations=tuple(zeros if o.target == "y_new" else o for o in step.operations)))
    assert without.evaluations == 5


def test_unify_gives_one_name_to_what_is_one_value():
    revnet = unify(prune(lower(load("revnet"))))
    assert [op.target for op in revnet.flat()] == ["k1_1", "y1_new", "k1_2", "y2_new"]
    pair = unify(lower(load("dormand-prince-54")))
    assert "y7" not in sums(pair)
    seventh = next(op for op in pair.flat() if op.target == "k7")
    assert seventh.values == ("y_new",)
    # worked out by hand: 1 + 2 + 3 + 4 + 5 for the stages, 5 for y_new, 6 for y_hat
    assert cost(pair).kernels == 26


def test_unify_leaves_evaluations_with_weights_of_their_own_and_names_that_are_asked_for():
    step = replace(
        lower(load("euler")),
        operations=(
            Evaluate("k1", ("y",), S.Zero, 0),
            Evaluate("k2", ("y",), S.Zero, 1),
            Combine("y_new", ((S.One, "y"), (S.Half, "k1"), (S.Half, "k2"))),
            Combine("copy", ((S.One, "y_new"),)),
        ),
        outputs=("copy",),
    )
    assert unify(step).evaluations == 1
    assert unify(step, shared_stages=False).evaluations == 2
    assert unify(step).outputs == ("copy",)
    assert {"copy", "y_new"} <= set(sums(unify(step, keep=("y_new", "copy"))))
    assert equality(step, unify(step, keep=("k2",)), keep=("k2",))
    assert not equality(step, replace(unify(step), outputs=("y",)))


def test_stiffly_accurate_stages_are_the_result():
    """The last stage of Lobatto IIIA is y_new, so nothing is left to sum after the solve."""
    step = unify(prune(lower(load("lobatto-iiia-2"))))
    first, solve = step.operations
    assert isinstance(first, Evaluate)
    assert isinstance(solve, Solve)
    assert [op.target for op in solve.operations] == ["y_new", "k2"]
    known = isolate(step)
    assert sums(known) == {
        "y_new_known": {"y": 1, "k1": S.Half},
        "y_new": {"y_new_known": 1, "k2": S.Half},
    }


def test_isolate_sums_before_a_solve_what_it_need_not_sum_in_it():
    for name in ("bdf-3", "adams-moulton-3", "kvaerno-43", "radau-iia-3"):
        step = isolate(unify(prune(lower(load(name)))))
        for solve in (op for op in step.operations if isinstance(op, Solve)):
            inside = {op.target for op in solve.operations}
            for op in solve.operations:
                if isinstance(op, Combine):
                    outside = [(c, v) for c, v in op.terms if v not in inside]
                    assert len(outside) <= 1
                    assert all(c == 1 for c, _ in outside)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        # one for each of y2 … y5 and y7 … y10, three for y6 = 3/5 y + 2/5 y5 + 1/15 k5, and four for
        # y_new = -1/2 y + 9/10 y6 + 3/5 y10 + 1/10 k10, where 55 = 1 + 2 + … + 10
        ("ssprk-104", 55, 15),
        # y + k/3 each stage, and y_new = 1/4 y + 3/4 (y4 + k4/3)
        ("ssprk-42", 10, 6),
        ("ssprk-43", 10, 6),
        ("rk4", 7, 7),
        ("euler", 1, 1),
        # each evaluation moves one of the two states once
        ("forest-ruth-4", 16, 7),
        ("pefrl-4", 25, 9),
    ],
)
def test_share(name, before, after):
    step = unify(prune(lower(load(name))))
    assert before is None or cost(step).kernels == before
    assert cost(share(step)).kernels == after


def test_share_with_a_partial_sum_of_field_values_alone():
    """Three rows with k1 and k2 in proportion: two kernels for s1 = k1 + k2/3, and one less for each row."""
    third = Rational(1, 3)
    last = ((S.One, "k3"), (-S.One, "k3"), (S.One, "k4"))
    rows = [
        Combine(f"z{i}", ((S.One, "y"), (i * S.One, "k1"), (i * third, "k2"), term))
        for i, term in zip((2, 3, 5), last, strict=True)
    ]
    step = _explicit(rows)
    shared = share(step)
    assert cost(step).kernels == 9
    assert cost(shared).kernels == 8
    assert set(sums(shared)["s1"]) == {"k1", "k2"}
    assert equality(step, shared)


def test_share_does_not_amplify_rounding():
    """z2 is five times z1 but for k3: with the base it would be cheaper, but rounding errors would grow fivefold."""

    def pair(factor):
        terms = ((1, "k1"), (2, "k2"), (3, "k3"), (4, "k4"))
        first = Combine("z1", tuple((S(c), v) for c, v in terms))
        return _explicit([first, Combine("z2", tuple((S(factor * c), v) for c, v in terms))])

    assert cost(share(pair(4))).kernels < cost(pair(4)).kernels
    assert share(pair(5)) == pair(5)


def test_share_leaves_symbols_alone():
    a = Symbol("a")
    terms = ((S.One, "y"), (a, "k1"), (S.Half, "k2"), (S.Half, "k3"))
    step = _explicit([Combine("z1", terms), Combine("z2", (*terms, (S.One, "k4")))])
    assert cost(share(step)).kernels < cost(step).kernels
    assert {c for row in sums(share(step)).values() for v, c in row.items() if v == "k1"} == {a}


def _explicit(rows):
    """A program that evaluates the field four times and hands on what is combined of that."""
    stages = [Evaluate(f"k{i}", ("y",), S(i), i - 1) for i in range(1, 5)]
    inputs = (Input("y", "y", 0), *(Input(f"q{i}", "y", 1) for i in range(1, len(rows))))
    return Step(inputs, (*stages, *rows), tuple(row.target for row in rows))


def test_rk4_keeps_four_tensors():
    """y, what y_new has come to, the stage and its slope; as lowered y, y4 and all four slopes."""
    step = step_of("rk4")
    assert cost(lower(load("rk4"))).live == 6
    assert cost(step).live == 4
    assert cost(step).kernels == 7
    assert [op.target for op in step.operations] == [
        "k1", "y2", "y_new_1", "k2", "y_new_2", "y3", "k3", "y_new_3", "y4", "k4", "y_new",
    ]  # fmt: skip


def test_arrange_splits_nothing_for_nothing():
    for name in ("euler", "leapfrog-2", "dormand-prince-54", "revnet", "adams-bashforth-2"):
        step = unify(prune(lower(load(name))))
        assert arrange(step) == step


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("bogacki-shampine-32", 4, 3),
        ("dormand-prince-54", 7, 6),
        ("lobatto-iiia-2", 2, 1),
        ("lobatto-iiia-4", 4, 3),
        ("kvaerno-43", 5, 4),
        ("rk4", 4, 4),
    ],
)
def test_fsal(name, before, after):
    step = lower(load(name))
    step = unify(prune(step, True))
    reused = fsal(step)
    assert (step.evaluations, reused.evaluations) == (before, after)
    if before == after:
        assert reused == step
        return
    given = reused.inputs[-1]
    assert (given.name, given.kind, given.age) == ("f_n", "f", 0)
    handed = next(op for op in reused.flat() if op.target == reused.outputs[-1])
    assert (handed.values, handed.time) == (reused.results, 1)


def test_fsal_without_the_estimate_saves_nothing_and_is_left():
    step = unify(prune(lower(load("dormand-prince-54"))))
    assert fsal(step) == step


def test_fsal_by_part_of_a_partitioned_scheme():
    step = fsal(unify(prune(lower(load("stormer-verlet-velocity")))))
    assert [i.name for i in step.inputs] == ["y1", "y2", "f_n_1"] or [i.name for i in step.inputs] == [
        "y1",
        "y2",
        "f_n_2",
    ]
    assert step.evaluations == 2


def test_fsal_leaves_a_revealed_slope_its_name():
    step = unify(prune(lower(load("bogacki-shampine-32")), True))
    assert fsal(step, keep=("k1",)).inputs[-1].name == "k1"


def test_the_wrong_slope_handed_on_is_noticed():
    step = unify(prune(lower(load("dormand-prince-54")), True))
    reused = fsal(step)
    assert equality(step, reused)
    assert not equality(step, replace(reused, outputs=(*reused.outputs[:-1], "k6")))


def test_names_that_are_kept_are_there_at_the_end():
    step = lower(load("ssprk-104-pair"))
    keep = ("y_hat", "k4", "y6", "y_new")
    last = optimise(step, keep=keep, one_field=True)[-1].step
    assert set(keep) <= {op.target for op in last.flat()}
    assert equality(step, last, keep=keep)


def test_optimising_is_deterministic_and_quick():
    from time import perf_counter

    step = lower(load("rk4"))
    optimise(step)
    times = []
    for _ in range(9):
        start = perf_counter()
        optimise(step)
        times.append(perf_counter() - start)
    assert min(times) < 0.005
    for name in list_schemes()[::40]:
        assert optimise(lower(load(name))) == optimise(lower(load(name)))


def test_a_combination_has_each_value_once_and_none_times_zero():
    k, root = Symbol("k"), sqrt(2)
    once = Combine(
        "z", ((S.Half, "y"), (k, "k1"), (S.Half, "y"), (1 - k, "k1"), (1 / (1 + root), "u"), (1 - root, "u"))
    )
    assert once.terms == ((S.One, "y"), (S.One, "k1"))
    assert Combine("z", ((S.Zero, "y"), (k, "k1"))).terms == ((k, "k1"),)
    assert Combine("z", ((k, "k1"), (-k, "k1"))).terms == ()


def test_two_terms_that_become_the_same_value_are_both_there():
    """b = (1/6, 1/6, 1/3, 1/3) where stages 1 and 2, and the states of 3 and 4, are the same."""
    scheme = RungeKutta(A=[[], ["0"], ["1/4"], ["1/4", "1/4"]], b=["1/6", "1/6", "1/3", "1/3"])
    step = optimise(lower(scheme))[-1].step
    assert equality(lower(scheme), step)
    assert step.evaluations == 3
    last = sums(unify(prune(lower(scheme))))["y_new"]
    assert last == {"y": 1, "k1": Rational(1, 3), "k3": Rational(1, 3), "k4": Rational(1, 3)}
