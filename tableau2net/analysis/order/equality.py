"""Whether two step programs are the same scheme: what a compiler pass must leave as it is, decided exactly.

By two routes. Over B-series both programs are read tree by tree. And in normal form, which applies to every program
and proves equality: each value is a linear combination of inputs and evaluations, with coefficients in the exact
domain, and evaluations are the same where they are of the same field, at the same time, at states that are the same
combination. For coupled stages "the same" is the coarsest relation for which this holds (it is refined, as states of an
automaton are, until it is stable): they satisfy the same equations, so they are equal where those have one solution,
as for small h they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sympy import S

from tableau2net.analysis.reading.step_reading import BSeriesError, Reading
from tableau2net.analysis.reading.trees import Forest, bracket, forest_of
from tableau2net.exact.domain import Element, domain_of
from tableau2net.step import Assignment, Call, Combine, Evaluate, Input, Step, rename
from tableau2net.step.forms import Form, forms, nonzero

MAX_WORK = 2e8  # bits that are multiplied at all trees of an order
MAX_TREES = 2000  # of coloured ones there are many: an order with more is not compared


@dataclass(frozen=True)
class Difference:
    """A value that is not what it was: its name before, and where the two were found to differ."""

    value: str
    where: str

    def __str__(self) -> str:
        return f"{self.value} differs: {self.where}"


@dataclass(frozen=True)
class Equality:
    """What comparing two programs found; true where they are equal.

    order: to which order they were compared over B-series; None where a stage does not start from y and has none.
    difference: the first value that is not what it was."""

    order: int | None
    difference: Difference | None

    def __bool__(self) -> bool:
        return self.difference is None


def difference(before: Step, after: Step, *, order: int = 5, keep: Collection[str] = ()) -> Difference | None:
    """The first value that a pass has changed, None where it has changed none; see `equality`."""
    return equality(before, after, order=order, keep=keep).difference


def equality(before: Step, after: Step, *, order: int = 5, keep: Collection[str] = ()) -> Equality:
    """Compare what two programs hand on, their estimates if both have one, and the values named in `keep`: over
    B-series to an order, and in normal form.

    A program may take field values at y itself that the other does not (reused from the step before): they stand for
    the evaluation there, and what is handed on in their place for the one at the new state.
    Raises InputError where the coefficients lie outside what can be computed exactly.
    """
    both, pairs = together(before, after, keep)
    try:
        reached, found = difference_of_series(both, pairs, order)
    except BSeriesError:
        reached, found = None, None
    return Equality(reached, found or difference_in_normal_form(both, pairs))


def changed(before: Step, after: Step, *, by_slot: bool = False, keep: Collection[str] = ()) -> Difference | None:
    """The same by normal forms alone, which every program has and which prove equality: what every compilation asks of
    the program that is emitted.

    by_slot: evaluations with other slots are others, as they have weights of their own.
    """
    both, pairs = together(before, after, keep)
    return difference_in_normal_form(both, pairs, by_slot)


Pairs = list[tuple[str, str]]


def together(before: Step, after: Step, keep: Collection[str]) -> tuple[Step, Pairs]:
    """Both programs as one, over the same inputs, and the pairs of values in it that have to be equal."""
    known = {i.name for i in before.inputs}
    new = [i for i in after.inputs if i.name not in known]
    before = _handing_on(before, new)
    mine = {name: f"{name}'" for name in {op.target for op in after.flat()} - known}
    other = rename(after, mine)
    # a field value at y that only the second program takes is, in the first, an evaluation
    taken = [Evaluate(i.name, _read(before, i.part), S.Zero, 0, i.part, _reads(before, i.part)) for i in new]
    pairs = list(zip(before.outputs, _ordered(before, new, after.inputs, other.outputs), strict=True))
    if len(before.estimates) == len(other.estimates):
        pairs += zip(before.estimates, other.estimates, strict=True)
    pairs += [(name, mine.get(name, name)) for name in keep]
    both = replace(
        before,
        operations=(*before.flat(), *taken, *other.flat()),
        outputs=tuple(dict.fromkeys(name for pair in pairs for name in pair)),
        estimate=None,
        velocity_estimate=None,
        parameters=(),
    )
    return both, pairs


def _ordered(before: Step, new: list[Input], inputs: tuple[Input, ...], outputs: tuple[str, ...]) -> Iterable[str]:
    """The outputs of the second program in the order of the first one's inputs."""
    by_input = {i.name: output for i, output in zip(inputs, outputs, strict=True)}
    return [by_input[i.name] for i in (*before.inputs, *new)]


def _handing_on(step: Step, new: list[Input]) -> Step:
    """The step with an evaluation at the new state for each field value that another program hands on."""
    extra = []
    for given in new:
        reads = _reads(step, given.part)
        values = tuple(step.arguments[state][1] for state in reads)
        extra.append(Evaluate(f"{given.name} handed on", values, S.One, 0, given.part, reads))
    return replace(step, operations=(*step.operations, *extra), outputs=(*step.outputs, *(op.target for op in extra)))


def _read(step: Step, part: int) -> tuple[str, ...]:
    return tuple(step.arguments[state][0] for state in _reads(step, part))


def _reads(step: Step, part: int) -> tuple[int, ...]:
    return next(op.reads for op in step.calls if op.part == part)


def difference_of_series(both: Step, pairs: Pairs, order: int) -> tuple[int, Difference | None]:
    grown = forest_of(both, with_time=True)
    reading = Reading(both, grown)
    for left, right in pairs:
        if reading.empty[left] != reading.empty[right]:
            return 0, Difference(left, f"the constant term was {reading.empty[left]}, is {reading.empty[right]}")
    reached = 0
    for n in range(1, order + 1):
        if grown.count(n) > MAX_TREES or (n > 1 and reading.work(n) > MAX_WORK):
            break
        reading.extend(n)
        reached = n
        for tree in grown.of_order(n):
            for left, right in pairs:
                if reading.series[left][tree] != reading.series[right][tree]:
                    return n, Difference(left, f"at the tree {_drawn(grown, tree)}")
    return reached, None


def _drawn(grown: Forest, tree: int) -> str:
    return bracket(grown.levels(tree), grown.colouring(tree))


def difference_in_normal_form(both: Step, pairs: Pairs, by_slot: bool = False) -> Difference | None:
    domain, kinds = domain_of(both.coefficients()), both.kinds
    known = {name: {name: domain.one} for name in kinds} | forms(both.flat(), domain)
    same = _classes([op for op in both.flat() if not isinstance(op, Combine)], known, by_slot)
    for left, right in pairs:
        if kinds[left] != kinds[right] or _seen(known[left], same) != _seen(known[right], same):
            return Difference(left, "its normal form")
    return None


def _classes(made: list[Assignment], known: Mapping[str, Form], by_slot: bool = False) -> dict[str, Any]:
    """Which evaluations are the same: all that do the same, of one field at one time say, split until what they read
    agrees."""
    same: dict[str, Any] = {op.target: (op.meaning, op.slot if by_slot and isinstance(op, Call) else 0) for op in made}
    while True:
        seen = {op.target: (same[op.target], tuple([_seen(known[v], same) for v in op.operands])) for op in made}
        numbers = {mark: i for i, mark in enumerate(dict.fromkeys(seen.values()))}
        finer = {target: numbers[mark] for target, mark in seen.items()}
        if len(numbers) == len(set(same.values())):
            return finer
        same = finer


def _seen(form: Form, same: Mapping[str, Any]) -> frozenset[tuple[Any, Element]]:
    """A combination in terms of classes of evaluations."""
    total: dict[Any, Element] = {}
    for atom, x in form.items():
        key = ("class", same[atom]) if atom in same else atom
        total[key] = total[key] + x if key in total else x
    return frozenset(nonzero(total).items())
