"""Which evaluations of a step wait for which, and how few rounds they take where those that do not wait run at once
(parallel Runge–Kutta methods; HNW I, II.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tableau2net.exact.components import components
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import Step, lower
from tableau2net.step.passes import prune, unify
from tableau2net.words import counted

Order = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class StageGraph:
    """The tasks of a step and when each can be done.

    tasks: the evaluations by name, several where they are solved together.  needs: for each task those it waits for.
    solved: the tasks that wait for themselves, implicit stages.
    rounds: a schedule, the tasks that are done at once, one after another; as short as any.
    processors: how many tasks at most are in a round.  fewest: whether no schedule of that length does with less."""

    tasks: tuple[tuple[str, ...], ...]
    needs: tuple[frozenset[int], ...]
    solved: frozenset[int]
    rounds: Order
    fewest: bool

    @property
    def depth(self) -> int:
        """The rounds: how many tasks follow one another at least."""
        return len(self.rounds)

    @property
    def processors(self) -> int:
        """The tasks in the largest round."""
        return max(map(len, self.rounds), default=0)

    @property
    def direct(self) -> tuple[frozenset[int], ...]:
        """What each task waits for, without what those wait for themselves (the transitive reduction)."""
        before = _ancestors(self.needs)
        return tuple(frozenset(j for j in own if not any(j in before[k] for k in own)) for own in self.needs)

    def name(self, task: int) -> str:
        """``k3``, or ``k3, k4`` and ``k3 … k5`` of those solved together."""
        names = self.tasks[task]
        return ", ".join(names) if len(names) < 3 else f"{names[0]} … {names[-1]}"

    def __str__(self) -> str:
        """``4 rounds of 7 evaluations, on 2 processors``"""
        evaluations = sum(map(len, self.tasks))
        rounds, every = counted(self.depth, "round"), counted(evaluations, "evaluation")
        return f"{rounds} of {every}, on {counted(self.processors, 'processor')}"


@by_name(Scheme)
@cache
def stage_graph(scheme: Scheme) -> StageGraph:
    """The graph of a scheme's step at its declared parameter values: equal evaluations are made once, those that
    nothing reads are left out; an embedded result counts. What is remembered of earlier steps is there."""
    step = _smallest(prune(lower(scheme.at_defaults() if scheme.parameters else scheme)))
    names = [call.target for call in step.calls]
    waits = _waits(step, {name: i for i, name in enumerate(names)})
    classes = sorted(components(waits))
    of = {i: number for number, members in enumerate(classes) for i in members}
    needs = tuple(frozenset(of[j] for i in c for j in waits[i]) - {n} for n, c in enumerate(classes))
    solved = frozenset(n for n, c in enumerate(classes) if any(i in waits[i] for i in c) or len(c) > 1)
    rounds, fewest = schedule(needs)
    return StageGraph(tuple(tuple(names[i] for i in c) for c in classes), needs, solved, rounds, fewest)


def _smallest(step: Step) -> Step:
    """Until nothing is equal and nothing cancels: what equal evaluations are weighted by may sum to 0."""
    while True:
        smaller = prune(unify(step))
        if len(smaller.flat()) == len(step.flat()) and smaller.evaluations == step.evaluations:
            return smaller
        step = smaller


def _waits(step: Step, number: dict[str, int]) -> list[set[int]]:
    """For each evaluation those that its states are made of, with no other evaluation between."""
    made = {op.target: op for op in step.flat()}
    found: list[set[int]] = []
    for call in step.calls:
        seen: set[str] = set()
        waiting = list(call.operands)
        while waiting:
            name = waiting.pop()
            if name in seen or name not in made:
                continue
            seen.add(name)
            if name not in number:
                waiting += made[name].operands
        found.append({number[name] for name in seen if name in number})
    return found


def _ancestors(needs: Sequence[frozenset[int]]) -> list[set[int]]:
    before: list[set[int]] = [set() for _ in needs]
    for members in components(needs):
        for i in members:
            before[i] = set().union(needs[i], *(before[j] for j in needs[i]))
    return before


def schedule(needs: Sequence[frozenset[int]]) -> tuple[Order, bool]:
    """A schedule as short as the longest chain, on as few processors as are found: lists by how long a task can wait
    (Graham 1966), from a number below which there is none."""
    n = len(needs)
    early, late = [0] * n, [0] * n
    ordered = [i for members in components(needs) for i in members]  # what a task needs comes before it
    for i in ordered:
        early[i] = max((early[j] + 1 for j in needs[i]), default=0)
    depth = max(early, default=-1) + 1
    late = [depth - 1] * n
    for i in reversed(ordered):
        for j in needs[i]:
            late[j] = min(late[j], late[i] - 1)
    least = _least(early, late, depth)
    for processors in range(least, n + 1):
        rounds = _listed(needs, late, processors)
        if len(rounds) == depth:
            return rounds, processors == least
    return (), True


def _least(early: Sequence[int], late: Sequence[int], depth: int) -> int:
    """The tasks that must be done within some rounds, over their number."""
    found = 1
    for first in range(depth):
        inside = sorted(late[i] for i in range(len(late)) if early[i] >= first)
        for count, last in enumerate(inside, 1):
            found = max(found, -(-count // (last - first + 1)))
    return found


def _listed(needs: Sequence[frozenset[int]], late: Sequence[int], processors: int) -> Order:
    done: set[int] = set()
    rounds: list[tuple[int, ...]] = []
    while len(done) < len(needs):
        ready = [i for i in range(len(needs)) if i not in done and needs[i] <= done]
        chosen = sorted(sorted(ready, key=lambda i: (late[i], i))[:processors])
        rounds.append(tuple(chosen))
        done.update(chosen)
    return tuple(rounds)
