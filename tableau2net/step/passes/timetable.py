"""When each part of each combination is done, between the evaluations, and how many tensors are then alive."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sympy import Expr, S

from tableau2net.step.combine import Combine
from tableau2net.step.liveness import held
from tableau2net.step.operation import Operation
from tableau2net.step.program import Step

Term = tuple[Expr, str]
Load = tuple[int, int, int]  # tensors alive: at most, at most while a field is evaluated, summed over all evaluations


@dataclass(frozen=True)
class Line:
    """A combination that may be done in parts.

    given: after which evaluation it stands in the program; deadline: the last one after which it can be finished.
    starts: the states in it with the coefficient 1, one of which a chain of adds begins with.
    lines: the other lines in it."""

    target: str
    terms: tuple[Term, ...]
    given: int
    deadline: int
    starts: frozenset[str]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Some terms of a line, added in one go; `first`: nothing of the line is there yet; `last`: it is then done.

    moment: when, as an even number that grows; an evaluation comes first in its own range of moments, then what goes
    on in memory that is there already, then the lines that begin, and what waits for those."""

    target: str
    terms: tuple[Term, ...]
    slot: int
    moment: int
    first: bool
    last: bool


@dataclass(frozen=True)
class _Way:
    """The parts of one line under one choice; `uses`: the last moment at which it reads each value; `over`: states in
    whose memory it may go on, if it is the last to read them."""

    parts: tuple[Part, ...]
    uses: tuple[tuple[str, int], ...]
    over: tuple[str, ...]


class Timetable:
    """The program as evaluations (or solves) number 0, 1, …, and the lines that are done after each (−1: before all).

    A plan says for each line after which evaluation at the earliest anything of it is added; from there on each term
    is added as soon as it is known."""

    def __init__(self, step: Step, keep: Collection[str] = ()) -> None:
        self.step, self.keep = step, keep
        self.evaluations: list[Operation] = [op for op in step.operations if not isinstance(op, Combine)]
        self.lines = self._lines()
        self._stride = 2 * (len(self.lines) + 3)  # moments in the range of one evaluation
        self._known = {i.name: -1 for i in step.inputs}  # after which evaluation a value that is no line is there
        self._known |= {o.target: n for n, op in enumerate(self.evaluations) for o in op.members}
        self._kept_memory = held(step, None) | set(keep)
        self._births = {v: self._moment(slot, 0) if slot >= 0 else -1 for v, slot in self._known.items()}
        self._deaths = self._deaths_by_evaluations()
        self.soonest = self._known | {line.target: line.given for line in self.lines}
        self._ways: dict[tuple[int, int, tuple[int, ...]], _Way] = {}

    def _lines(self) -> list[Line]:
        step = self.step
        targets = {op.target for op in step.operations if isinstance(op, Combine)}
        deadlines = self._deadlines()
        lines, slot = [], -1
        for op in step.operations:
            if not isinstance(op, Combine):
                slot += 1
                continue
            starts = frozenset(v for c, v in op.terms if c == S.One and step.kind(v) == "y")
            lines_in_it = tuple(v for _, v in op.terms if v in targets)
            lines.append(Line(op.target, op.terms, slot, deadlines[op.target], starts, lines_in_it))
        return lines

    def _deadlines(self) -> dict[str, int]:
        last = len(self.evaluations) - 1
        found: dict[str, int] = {}
        number = last
        for op in reversed(self.step.operations):
            if isinstance(op, Combine):
                limit = found.setdefault(op.target, last)
            else:
                number -= 1
                limit = number
            for o in op.members:
                for name in o.operands:
                    found[name] = min(found.get(name, limit), limit)
        return found

    def _moment(self, slot: int, rank: int) -> int:
        return (slot + 1) * self._stride + 2 * rank

    def _deaths_by_evaluations(self) -> dict[str, int]:
        """When each value is last needed, as far as that does not depend on the plan."""
        step = self.step
        deaths = dict(self._births)
        for n, op in enumerate(self.evaluations):
            deaths |= {name: self._moment(n, 0) for o in op.members for name in o.operands}
        end = self._moment(len(self.evaluations) + 1, 0)
        inputs = (i.name for i in step.inputs)  # whoever takes the step holds on to them
        estimate = [step.estimate] if step.estimate else []
        return deaths | dict.fromkeys((*inputs, *step.outputs, *estimate, *self.keep), end)

    def parts(self, plan: Sequence[int]) -> list[list[Part]]:
        """The parts after each evaluation, the first list before all, in an order in which they can be done."""
        found: list[list[Part]] = [[] for _ in range(len(self.evaluations) + 1)]
        for way in self._chosen(plan):
            for part in way.parts:
                found[part.slot + 1].append(part)
        return [sorted(parts, key=lambda part: part.moment) for parts in found]

    def load(self, plan: Sequence[int]) -> Load:
        """How many tensors are alive under a plan."""
        ways = self._chosen(plan)
        deaths = dict(self._deaths)
        for way in ways:
            for value, moment in way.uses:
                if moment > deaths.get(value, -1):
                    deaths[value] = moment
        births = list(self._births.values())
        for way in ways:
            part = way.parts[0]
            births.append(part.moment)
            deaths.setdefault(part.target, part.moment)
            for value in way.over:
                if deaths[value] == part.moment:
                    deaths[value] -= 1  # gone just before: the sum stands in its place
                    break
        return self._swept(sorted(births), sorted(deaths.values()))

    def _swept(self, births: list[int], deaths: list[int]) -> Load:
        peak = at_evaluations = total = gone = 0
        evaluation = self._stride
        for count, moment in enumerate(births, 1):
            while deaths[gone] < moment:
                gone += 1
            alive = count - gone
            peak = max(peak, alive)
            if moment % evaluation == 0 and moment > 0:
                at_evaluations = max(at_evaluations, alive)
                total += alive
        return peak, at_evaluations, total

    def _chosen(self, plan: Sequence[int]) -> list[_Way]:
        done: dict[str, int] = {}  # after which evaluation each line is complete
        ways = []
        for i, (line, start) in enumerate(zip(self.lines, plan, strict=True)):
            key = (i, start, tuple([done[v] for v in line.lines]))
            if key not in self._ways:
                self._ways[key] = self._way(i, start, done)
            way = self._ways[key]
            done[line.target] = way.parts[-1].slot
            ways.append(way)
        return ways

    def _way(self, number: int, start: int, done: dict[str, int]) -> _Way:
        line = self.lines[number]
        groups = self._grouped(line, start, done)
        parts = []
        for i, (slot, terms) in enumerate(groups):
            waits = any(done.get(v) == slot for _, v in terms)
            rank = 2 + number if i == 0 or waits else 1
            moment = self._moment(slot, rank)
            parts.append(Part(line.target, terms, slot, moment, i == 0, i == len(groups) - 1))
        uses = tuple((v, part.moment) for part in parts for _, v in part.terms)
        over = tuple(v for _, v in groups[0][1] if v in line.starts and v in line.lines and v not in self._kept_memory)
        return _Way(tuple(parts), uses, over)

    def _grouped(self, line: Line, start: int, done: dict[str, int]) -> list[tuple[int, tuple[Term, ...]]]:
        """The terms by the evaluation after which they are added."""
        if not line.terms:
            return [(line.given, ())]
        known = {v: done[v] if v in done else self._known[v] for _, v in line.terms}
        if line.starts:  # nothing can be added before the state that the chain begins with
            start = max(start, min(known[v] for v in line.starts))
        groups: dict[int, list[Term]] = {}
        for term in line.terms:
            groups.setdefault(max(known[term[1]], start), []).append(term)
        slots = sorted(groups)
        if len(slots) > 1 and len(groups[slots[0]]) == 1 and groups[slots[0]][0][1] in line.starts:
            groups[slots[1]].insert(0, *groups.pop(slots[0]))  # one state alone is no sum yet
            slots = slots[1:]
        return [(slot, tuple(groups[slot])) for slot in slots]
