"""Counts worked out by hand, the memory that is really alive, and where sums may go on in memory that is there."""

import weakref

import pytest
import torch
from sympy import S, Symbol

from tableau2net.scheme import list_schemes, load
from tableau2net.step import Combine, Cost, Evaluate, Step, cost, in_place, last_uses, lower, optimise, prune
from tests.step import interpret


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("euler", Cost(evaluations=1, kernels=1, tensor_passes=3, live=3, saved=1)),
        # 1 + 1 + 1 + 4 adds of three passes each; y, k1 … k4 and y4 before y_new is there
        ("rk4", Cost(evaluations=4, kernels=7, tensor_passes=21, live=6, saved=4)),
        ("ssprk-104", Cost(evaluations=10, kernels=55, tensor_passes=165, live=12, saved=10)),
        # y1, y2, then k1_1 and its sum
        ("revnet", Cost(evaluations=2, kernels=3, tensor_passes=9, live=5, saved=2)),
        # y_new = y_prev + 2 h f: y, y_prev, f, y_new
        ("leapfrog-2", Cost(evaluations=1, kernels=1, tensor_passes=3, live=4, saved=1)),
        # 4/3 y - 1/3 y_prev + 2/3 h f: a product and two adds
        ("bdf-2", Cost(evaluations=1, kernels=3, tensor_passes=8, live=4, saved=1)),
    ],
)
def test_counts(name, counts):
    assert cost(prune(lower(load(name)))) == counts


def test_what_is_multiplied_by_a_learnt_coefficient_is_saved_once():
    free = prune(lower(load("rk4").freed()))
    assert cost(free).saved == 8  # four states and four slopes
    assert cost(free, learnt=()).saved == 4
    assert cost(free, learnt=(Symbol("b1", real=True),)).saved in (4, 5)
    lm = prune(lower(load("lm")))
    assert cost(lm).saved == 2 + cost(lm, learnt=()).saved - 1  # y, which the field is evaluated at too, and y_prev


def test_last_uses():
    step = prune(lower(load("rk4")))
    last = last_uses(step)
    assert last["k1"] == last["k2"] == last["k4"] == 7
    assert last["y2"] == 2
    assert last["y_new"] == len(step.operations)


def small(*operations, outputs=("y_new",)):
    return Step(lower(load("euler")).inputs, operations, outputs)


K = Evaluate("k", ("y",), S.Zero, 0)
A = Combine("a", ((S.One, "y"), (S.One, "k")))
NEW = Combine("y_new", ((S.One, "a"), (S(2), "k")))


def test_a_sum_goes_on_in_the_memory_of_one_that_ends():
    assert in_place(small(K, A, NEW)) == {"y_new": "a"}


@pytest.mark.parametrize(
    "step",
    [
        small(
            K, A, Evaluate("l", ("a",), S.One, 1), NEW, Combine("z", ((S.One, "y_new"), (S.One, "l"))), outputs=("z",)
        ),
        small(K, A, Combine("y_new", ((S(2), "a"), (S.One, "k")))),  # not as it is
        small(K, A, Combine("y_new", ((S.One, "y"), (S.One, "k")))),  # an input
        small(K, A, NEW, Combine("z", ((S(3), "a"), (S.One, "y_new"))), outputs=("z",)),  # read later
        small(K, A, Combine("z", ((Symbol("c"), "a"),)), Combine("y_new", ((S.One, "a"), (S.One, "z")))),  # learnt
        small(K, Combine("a", ((S.One, "y"),)), NEW),  # another name of the input
    ],
)
def test_memory_that_something_else_needs_is_left(step):
    assert "a" not in in_place(step).values()


def test_names_that_are_asked_for_are_not_overwritten():
    assert in_place(small(K, A, NEW), keep=("a",)) == {}


NAMES = [n for n in list_schemes()[::9] if prune(lower(load(n))).explicit] + ["rk4", "ssprk-104", "gbs-4", "idc-5"]


@pytest.mark.parametrize("name", NAMES)
def test_live_is_what_is_alive(name):
    """Carried out one operation at a time, with every value let go after its last use: the tensors that exist."""
    scheme = load(name).at_defaults()
    for passed in optimise(lower(scheme)):
        step = passed.step
        assert _alive(step) == cost(step).live, passed.name


def _alive(step):
    over, last = in_place(step), last_uses(step)
    last |= {i.name: len(step.operations) for i in step.inputs}
    kinds = {name: step.kind(name) for name in last}
    values = {n: v.detach() for n, v in interpret.inputs(step).items()}
    made = [weakref.ref(v) for v in values.values()]
    most = len(made)
    for number, op in enumerate(step.operations):
        values[op.target] = _carried_out(op, values, over.get(op.target), kinds)
        made.append(weakref.ref(values[op.target]))
        alive = {v.data_ptr() for ref in made if (v := ref()) is not None}
        most = max(most, len(alive))
        for name in [n for n in values if last[n] <= number]:
            del values[name]
    return most


def _carried_out(op, values, base, kinds):
    if isinstance(op, Evaluate):
        return interpret.field(op.part, float(op.time), [values[v] for v in op.values])
    if not isinstance(op, Combine):  # a state from states, whatever it does to them
        return 2 * values[op.operands[0]]
    terms = sorted(op.terms, key=lambda term: term[1] != base)
    total = values[base] if base else torch.zeros(interpret.SIZE, dtype=torch.float64)
    for c, v in terms[bool(base) :]:
        total.add_(values[v], alpha=float(c) * (interpret.H if kinds[v] == "f" else 1))
    return total
