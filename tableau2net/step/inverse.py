"""The inverse of a step, derived from its program: what was known before, from what is handed on.

Everything handed on is known. From there the program is read as equations: an evaluation at known states is known, and
so is a state that the combinations, a linear system, determine from what is known. No equation is solved for a field
value (that would divide by h) and none by iteration; so leapfrog, LM with k ≠ 0, BDF, RevNet's and Verlet's
couplings come out, and an explicit Runge–Kutta method does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sympy import Abs, Expr, Max, S, cancel

from tableau2net.exact.cancelled import Expressions
from tableau2net.step.combine import Combine
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.forms import forms
from tableau2net.step.operation import Assignment
from tableau2net.step.program import VELOCITY, Input, Step

ITSELF = (S.One,)  # the Nordsieck vector of y alone: a second copy of the state
MAX_EQUATIONS = 64  # combinations looked at together: a program with more has no inverse as far as is tried

Equation = dict[str, Expr]  # Σ coefficient · value = 0
Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class Inverse:
    """An inverse step and what it costs.

    step: a step program with the same h, whose t is the new time: it takes what was handed on, and its outputs are what
    the original took. It divides by coefficients that hold parameters, which must not make them 0.
    recovers: the past values that are not handed on as they are.
    amplification: how much an error in the new state grows in them as h → 0: the largest of their coefficients there,
    1/|k| for LM.
    """

    step: Step
    recovers: tuple[str, ...]
    amplification: Expr


def inverted(step: Step, *, one_field: bool = True) -> Inverse | None:
    """The inverse of a step with its amplification; None where the program has none without solving equations.

    one_field: whether all steps evaluate the same field, so that an older field value can be had by evaluating it at
        an older state. In a network whose steps have weights of their own it cannot: that field is another step's.
    """
    if not step.plain or any(given.nordsieck not in (None, ITSELF, VELOCITY) for given in step.inputs):
        return None
    run = _Backwards(step, one_field)
    return run.result() if run.recovers_everything() else None


@dataclass
class _Backwards:
    step: Step
    one_field: bool
    known: set[str] = field(default_factory=set)
    operations: list[Assignment] = field(default_factory=list)

    def recovers_everything(self) -> bool:
        """Find value after value until all that the step took are known, or no other can be."""
        self.known |= set(self.step.outputs)
        evaluations = [op for op in self.step.flat() if isinstance(op, Evaluate)] + self._remembered()
        while not self._complete():
            ready = [op for op in evaluations if op.target not in self.known and self.known.issuperset(op.values)]
            for op in ready:
                self._write(replace(op, time=op.time - 1))
            if not (ready or self._combined() or self._eliminated()):
                return False
        return True

    def _complete(self) -> bool:
        return all(given.name in self.known for given in self.step.inputs)

    def _remembered(self) -> list[Evaluate]:
        """A field value known at the start is the field at a state known at the start, if that is of the same age."""
        if len(self.step.states) != 1 or self.step.parts > 1 or not self.one_field:
            return []
        states = {i.age: i.name for i in self.step.inputs if i.kind == "y" and i.nordsieck is None}
        return [
            Evaluate(given.name, (states[given.age],), -S(given.age), 0)
            for given in self.step.inputs
            if given.kind == "f" and given.stage is None and given.age in states
        ]

    def _equations(self) -> list[Equation]:
        found = []
        for op in self.step.flat():
            if isinstance(op, Combine):
                equation = {op.target: S.NegativeOne}
                for c, v in op.terms:
                    equation[v] = equation.get(v, S.Zero) + c
                found.append(equation)
        return found

    def _unknown(self, equation: Equation) -> list[str]:
        return [v for v, c in equation.items() if v not in self.known and not c.is_zero]

    def _combined(self) -> bool:
        """Solve each equation that has a single unknown, a state."""
        progress = False
        for equation in reversed(self._equations()):
            unknown = self._unknown(equation)
            if len(unknown) == 1 and self.step.kind(unknown[0]) == "y":
                self._solve(equation, unknown[0])
                progress = True
        return progress

    def _eliminated(self) -> bool:
        """Solve several equations together for a state that they determine: which ones is found in floating point, the
        rest is exact."""
        equations = [row for row in self._equations() if self._unknown(row)]
        if len(equations) > MAX_EQUATIONS:
            return False
        numbers = [{v: self._float(row[v]) for v in self._unknown(row)} for row in equations]
        for target, members in _determined(numbers):
            if self.step.kind(target) != "y":
                continue
            for pivot, row in _reduced([equations[i] for i in members], self._unknown):
                if self._unknown(row) == [pivot] and self.step.kind(pivot) == "y":
                    self._solve(row, pivot)
                    return True
        return False

    def _float(self, coefficient: Expr) -> float:
        """A coefficient where every parameter has a value that makes nothing special happen."""
        names = sorted(coefficient.free_symbols, key=str)
        return float(coefficient.subs({name: S(317 + 2 * i) / 1009 for i, name in enumerate(names)}))

    def _solve(self, equation: Equation, target: str) -> None:
        pivot = equation[target]
        plain = pivot in (S.One, S.NegativeOne)  # most are, and then there is nothing to cancel
        terms = ((-c * pivot if plain else cancel(-c / pivot), v) for v, c in equation.items() if v != target)
        self._write(Combine(target, tuple(terms)))

    def _write(self, op: Assignment) -> None:
        self.known.add(op.target)
        self.operations.append(op)

    def result(self) -> Inverse:
        wanted = tuple(given.name for given in self.step.inputs)
        inputs: list[Input] = []
        for given, name in zip(self.step.inputs, self.step.outputs, strict=True):
            twice = any(i.name == name for i in inputs)  # one value handed on in two places
            own = f"{name}_{len(inputs) + 1}" if twice else name
            inputs.append(replace(given, name=own, kind=self.step.kind(name)))
        operations = tuple(self._needed(set(wanted)))
        backwards = replace(self.step, inputs=tuple(inputs), operations=operations, outputs=wanted).without_estimates()
        recovers = tuple(name for name in wanted if name not in self.step.outputs and self.step.kind(name) == "y")
        return Inverse(backwards, recovers, self._amplification(recovers))

    def _needed(self, wanted: set[str]) -> list[Assignment]:
        """The operations that the wanted values depend on, in order."""
        kept: list[Assignment] = []
        for op in reversed(self.operations):
            if op.target in wanted:
                kept.append(op)
                wanted.update(op.operands)
        return kept[::-1]

    def _amplification(self, recovers: tuple[str, ...]) -> Expr:
        """The operations read at h = 0: by the new state, of each component."""
        known = forms(self.operations, Expressions())
        weights = [known[name][new].value for new in self.step.results for name in recovers if new in known[name]]
        found = [Abs(x) for x in weights if not x.is_zero]
        return Max(*found) if found else S.Zero


def _determined(rows: list[dict[str, float]]) -> Iterator[tuple[str, list[int]]]:
    """Unknowns that linear equations determine, each with the numbers of the equations that it takes."""
    waiting = [(row, {i: 1.0}) for i, row in enumerate(rows)]
    done: list[tuple[str, dict[str, float], dict[int, float]]] = []
    while waiting:
        row, weights = waiting.pop()
        if not row:
            continue
        pivot = max(row, key=lambda v: abs(row[v]))
        waiting = [(_less(r, row, pivot), _scaled(r, w, row, weights, pivot)) for r, w in waiting]
        done = [(v, _less(r, row, pivot), _scaled(r, w, row, weights, pivot)) for v, r, w in done]
        done.append((pivot, row, weights))
    for pivot, row, weights in done:
        if len(row) == 1:
            yield pivot, sorted(weights)


def _less(row: dict[str, float], other: dict[str, float], pivot: str) -> dict[str, float]:
    return _combination(row, other, row.get(pivot, 0.0) / other[pivot]) if pivot in row else row


def _scaled(
    row: dict[str, float], weights: dict[int, float], other: dict[str, float], others: dict[int, float], pivot: str
) -> dict[int, float]:
    return _combination(weights, others, row[pivot] / other[pivot]) if pivot in row else weights


def _combination(left: dict[Key, float], right: dict[Key, float], factor: float) -> dict[Key, float]:
    """left − factor · right without what is 0 but for rounding."""
    total = {v: left.get(v, 0.0) - factor * right.get(v, 0.0) for v in {**left, **right}}
    return {v: x for v, x in total.items() if abs(x) > 1e-9 * (abs(left.get(v, 0.0)) + 1e-3)}


def _reduced(rows: list[Equation], unknown: Callable[[Equation], list[str]]) -> list[tuple[str, Equation]]:
    """The equations eliminated by one another, each with the unknown that it is left for."""
    done: list[tuple[str, Equation]] = []
    while rows:
        row = rows.pop()
        pivot = next(iter(unknown(row)), None)
        if pivot is not None:
            rows = [_without(other, row, pivot) for other in rows]
            done = [(v, _without(other, row, pivot)) for v, other in done] + [(pivot, row)]
    return done


def _without(equation: Equation, row: Equation, pivot: str) -> Equation:
    """The equation with an unknown eliminated by another one."""
    if pivot not in equation:
        return equation
    factor = cancel(equation[pivot] / row[pivot])
    merged = {v: cancel(equation.get(v, S.Zero) - factor * row.get(v, S.Zero)) for v in {**equation, **row}}
    return {v: c for v, c in merged.items() if not c.is_zero and v != pivot}
