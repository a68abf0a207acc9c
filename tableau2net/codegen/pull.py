"""The step taken back: a program and its inverse as one method, from what was handed on, and the cotangents of that, to
what was taken and its cotangents.

Each field evaluation of the step is made once. It gives the value that the inverse needs and a graph from which the
cotangents come; every other cotangent is a combination, by the transpose of the program: what reaches a value is the
sum over all that read it. The order of work is one in which a graph is used as soon as it can be, so that few are
alive.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, S, Symbol, expand

from tableau2net.codegen.emit import Emission, wrapped_call
from tableau2net.codegen.expressions import Combination, scalar, wrapped
from tableau2net.errors import InputError
from tableau2net.step import Assignment, Combine, Evaluate, Step
from tableau2net.step.coupled import coupled
from tableau2net.step.inverse import inverted

RESULT = "tuple[Tensor, ...]"


def reversible_form(step: Step, name: str, coupling: Expr | None, one_field: bool = False) -> Step:
    """The step program of a class that goes back by its inverse: the step itself where it has one, its coupled form
    where a `coupling` is given. InputError, with the way out, where neither can be.

    one_field: whether one field serves all steps.
    """
    if not step.explicit:
        raise InputError(
            f"backward='reversible': {name} is implicit, no way back is free of solving; write backward='checkpoint'"
        )
    if coupling is not None:
        if step.history or step.derivative != 1:
            raise InputError(
                f"coupling: only one-step methods for y' = f have the coupled form, and {name} is none; write "
                "backward='checkpoint'"
            )
        return coupled(step, coupling)
    if inverted(step, one_field=one_field) is None:
        coupled_too = step.plain and not step.history and step.derivative == 1
        way = "backward='checkpoint'" if not coupled_too else "coupling='999/1000' too"
        raise InputError(f"backward='reversible': {name} has no inverse that is free of solving; write {way}")
    return step


def pull_lines(
    step: Step, emission: Emission, fields: Sequence[str], factors: Sequence[str], one_field: bool = False
) -> Iterator[str]:
    """The static method `pull` of a class, whose `step` is the given program.

    emission: how `step` is written. fields, factors: the names of its arguments, learnt factors last.
    """
    task = _Pull(step, emission, tuple(factors), one_field)
    arguments = [f"{name}: Replay" for name in fields] + ["h: float"] + ["t: float"] * emission.time_dependent
    arguments += [f"{name}: Tensor" for name in (*factors, *task.handed, *map(_d, task.handed))]
    yield "@staticmethod"
    yield from wrapped_call("def pull(", arguments, f") -> {RESULT}:")
    yield '    """A step taken back: what it took and the cotangents d_… of that, from what it handed on and those."""'
    yield from (f"    {line}" for line in task.lines())
    returned = [i.name for i in step.inputs]
    yield from wrapped_call("    return (", [*returned, *map(_d, returned), *map(_d, factors)], ")")


@dataclass(frozen=True)
class _Task:
    """A statement: what it makes and what it reads. A cotangent as it was handed on has an @ after its name, which is
    not written, as the whole cotangent may take that name.

    rank: of the statements that could be next, the one with the lowest is.
    """

    makes: tuple[str, ...]
    reads: tuple[str, ...]
    text: str
    rank: int


VJP, FACTOR, SUM, VALUE, EVALUATION, LAST = range(6)  # a graph that can be used is used; a new one is made late


class _Pull:
    def __init__(self, step: Step, emission: Emission, factors: tuple[str, ...], one_field: bool) -> None:
        self.step = _fused(step)
        self.emission, self.combination = emission, emission.combination
        self.factors = factors
        self.operations = list(self.step.flat())
        self.evaluations = [op for op in self.operations if isinstance(op, Evaluate)]
        self.explicit = written_out(self.step, self.combination)
        back = inverted(self.explicit, one_field=one_field)
        assert back is not None  # reversible_form has seen to it
        self.inverse = back.step
        self.handed = tuple(i.name for i in self.inverse.inputs)  # the names of the arguments that were handed on
        self.taken = tuple(i.name for i in self.step.inputs)
        self.results = [*self.taken, *map(_d, self.taken), *map(_d, factors)]
        reads = Counter(v for op in self.operations for v in op.operands) + Counter(self.step.outputs)
        at = {v for op in self.evaluations for v in op.values if v not in self.step.outputs}
        # values whose cotangent comes whole from one place: an evaluation, or from outside
        self.alone = {v for v in at if reads[v] == 1}
        self.unread = {v for v in self.handed if reads[v] == 1}

    def lines(self) -> Iterator[str]:
        """The statements in an order in which they can be carried out, with what is not needed any more let go."""
        order = list(self._ordered())
        last: dict[str, int] = {}
        for i, task in enumerate(order):
            last |= {_bare(name): i for name in (*task.makes, *task.reads)}
        made: list[str] = []
        for i, task in enumerate(order):
            dead = [name for name in made if last[name] < i and name not in self.results]
            if dead and task.rank in (EVALUATION, VJP):
                yield from (f"del {line.rstrip(',')}" for line in textwrap.wrap(", ".join(dead), 90))
                made = [name for name in made if name not in dead]
            yield from wrapped(task.text)
            made += [name for name in task.makes if name not in made]

    def _ordered(self) -> Iterator[_Task]:
        tasks = self._needed([*self._values(), *self._cotangents(), *self._of_factors()])
        known = {*self.handed, *(f"{_d(name)}@" for name in self.handed), *map(_d, self.unread), *self.factors}
        while tasks:
            task = min((t for t in tasks if known.issuperset(t.reads)), key=lambda t: t.rank)
            tasks.remove(task)
            known |= set(task.makes)
            yield task

    def _needed(self, tasks: list[_Task]) -> list[_Task]:
        """Those that the results depend on: what is handed back, and the gradients of the fields' own parameters."""
        makers = {name: task for task in tasks for name in task.makes}
        wanted = [*self.results, *(name for task in tasks if task.rank == VJP for name in task.makes)]
        found: set[int] = set()
        while wanted:
            task = makers.get(wanted.pop())
            if task is not None and id(task) not in found:
                found.add(id(task))
                wanted += task.reads
        return [task for task in tasks if id(task) in found]

    # ------------------------------------------------------------------ values

    def _values(self) -> Iterator[_Task]:
        """Values from values: by the inverse first, then, for what it does not give, by the step itself."""
        known = set(self.handed)
        for op in (*self.inverse.flat(), *self.explicit.flat()):
            if isinstance(op, Combine) and op.target not in known:
                yield _Task((op.target,), tuple(v for _, v in op.terms), self._value(op), VALUE)
            if isinstance(op, Evaluate) and op.target in self.taken:
                yield self._past(op)
            known.add(op.target)
        numbers: Counter[str] = Counter()
        for op in self.evaluations:
            name = self.emission.field(op)
            yield self._evaluation(op, numbers[name])
            numbers[name] += 1

    def _value(self, op: Combine) -> str:
        """A combination whose coefficients are written out: h and the learnt factors are symbols in them."""
        h, fields = Symbol(self.combination.h), self.combination.fields
        terms, learnt = [], {}
        for c, v in op.terms:
            number = expand(c / h) if v in fields and c.free_symbols == {h} else c
            terms.append((number if number.is_number else c, v))
            learnt[c, v in fields] = scalar(c) if c.is_Symbol else f"({scalar(c)})"
        return f"{op.target} = {replace(self.combination, learnt=learnt).text(terms, start=self.handed[0])}"

    def _past(self, op: Evaluate) -> _Task:
        """A field value that was taken, as that of a state: another step's evaluation, no graph wanted."""
        before = replace(op, time=op.time + 1)  # the inverse counts from the new time
        time = [self.emission.time(before)] if self.emission.time_dependent else []
        text = f"{op.target} = {self.emission.field(op)}.past({', '.join([*time, *op.values])})"
        return _Task((op.target,), op.values, text, VALUE)

    def _evaluation(self, op: Evaluate, number: int) -> _Task:
        time = [self.emission.time(op)] if self.emission.time_dependent else []
        call = f"{self.emission.field(op)}({', '.join([str(number), *time, *op.values])})"
        given = op.target in self.handed
        makes = (_back(op),) if given else (op.target, _back(op))
        value = "_" if given else op.target
        return _Task(makes, (*op.values, *self._node(op)), f"{value}, {_back(op)} = {call}", EVALUATION)

    def _node(self, op: Evaluate) -> list[str]:
        """The learnt factor by which the time of an evaluation moves."""
        moves = self.emission.time_dependent and not op.time.is_number
        return [self.combination.learnt[op.time, True]] if moves else []

    # ------------------------------------------------------------------ cotangents

    def _cotangents(self) -> Iterator[_Task]:
        for value in (*self.taken, *(op.target for op in self.operations)):
            if value not in self.alone | self.unread:
                yield self._cotangent(value)
        for op in self.evaluations:
            names = [f"{_d(node)}_{op.target}" for node in self._node(op)]
            names += [self._from(op, i) for i in range(len(op.values))]
            text = f"{', '.join(names)} = {_back(op)}({_d(op.target)})"
            yield _Task(tuple(names), (_d(op.target), _back(op)), text, VJP)

    def _cotangent(self, value: str) -> _Task:
        """The cotangent of a value: what it was handed on with, and what comes from all that read it."""
        handed = zip(self.handed, self.step.outputs, strict=True)
        outside = [(S.One, f"{_d(name)}@") for name, output in handed if output == value]
        inside: list[tuple[Expr, str]] = []
        for op in self.operations:
            if isinstance(op, Evaluate):
                outside += [(S.One, self._from(op, i)) for i, v in enumerate(op.values) if v == value]
            elif isinstance(op, Combine):
                inside += [(c, _d(op.target)) for c, v in op.terms if v == value]
        terms = [(c, _bare(name)) for c, name in (*outside, *inside)]
        reads = tuple(name for _, name in (*outside, *inside))
        if any(op.target == value for op in self.evaluations):
            reads += (f"back_{value}",)  # not before it is of use
        times_h = frozenset(name for _, name in inside) if value in self.combination.fields else frozenset[str]()
        text = replace(self.combination, fields=times_h).text(terms) if terms else f"torch.zeros_like({value})"
        reads = reads or (value,)
        rank = LAST if value in self.taken and len(terms) < 2 else SUM
        return _Task((_d(value),), reads, f"{_d(value)} = {text}", rank)

    def _from(self, op: Evaluate, position: int) -> str:
        """The name of what reaches a value from an evaluation: its cotangent, where nothing else does."""
        value = op.values[position]
        twice = f"_{position + 1}" if op.values.count(value) > 1 else ""
        return _d(value) if value in self.alone else f"{_d(value)}_{op.target}{twice}"

    def _of_factors(self) -> Iterator[_Task]:
        """The cotangents of learnt factors: of products with values, and of times of evaluations."""
        products: dict[str, list[tuple[str, str]]] = {name: [] for name in self.factors}
        for op in self.operations:
            for c, v in op.terms if isinstance(op, Combine) else ():
                if not c.is_number:
                    products[self.combination.learnt[c, v in self.combination.fields]].append((_d(op.target), v))
        for name, pairs in products.items():
            times = [f"{_d(name)}_{op.target}" for op in self.evaluations if name in self._node(op)]
            parts = [f"factor_cotangent({d}, {v}, {name})" for d, v in pairs]
            parts += [f"{d}.sum_to_size({name}.shape)" for d in times]
            text = f"{_d(name)} = {' + '.join(parts) or f'torch.zeros_like({name})'}"
            yield _Task((_d(name),), (*(n for pair in pairs for n in pair), *times), text, FACTOR)


def _fused(step: Step) -> Step:
    """The program with each partial sum inside the sum that it is a part of, where it is a part of one alone and brings
    nothing that is in there already: coefficients stay those that have a name."""
    reads = Counter(v for op in step.flat() for v in op.operands)
    made: dict[str, Assignment] = {}
    for op in step.flat():
        written = op
        for c, v in op.terms if isinstance(op, Combine) else ():
            part = made.get(v)
            if c == 1 and reads[v] == 1 and v not in step.outputs and isinstance(part, Combine):
                assert isinstance(written, Combine)
                whole = tuple(t for term in written.terms for t in (part.terms if term[1] == v else (term,)))
                if len({name for _, name in whole}) == len(whole):
                    written = Combine(op.target, whole)
                    del made[v]
        made[op.target] = written
    return replace(step, operations=tuple(made.values()))


def written_out(step: Step, combination: Combination) -> Step:
    """The program with all factors written out: numbers times h for field values, the names of learnt ones."""
    h = Symbol(combination.h)

    def full(c: Expr, value: str) -> Expr:
        inside = value in combination.fields
        if not c.is_number:
            return Symbol(combination.learnt[c, inside])
        return c * h if inside else c

    def one(op: Assignment) -> Assignment:
        return Combine(op.target, tuple((full(c, v), v) for c, v in op.terms)) if isinstance(op, Combine) else op

    return replace(step, operations=tuple(map(one, step.flat())))


def _d(name: str) -> str:
    return f"d_{name}"


def _back(op: Evaluate) -> str:
    return f"back_{op.target}"


def _bare(name: str) -> str:
    return name.rstrip("@")
