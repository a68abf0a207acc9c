"""The step program read over B-series: every value becomes its exact expansion in elementary differentials.

A state is B(a, y) = a(∅) y + Σ_t h^|t|/σ(t) a(t) F(t)(y), and the program acts on the coefficients a(t):
a combination adds them, and an evaluation at the state Y and time c gives, with this normalisation,

    (h f(t + c h, Y))(t) = Π_i Y(u_i) · c^m      for t = [u_1, …, u_r, m time leaves]

(HNW I, II.12, Corollary 12.7; HLW III.1, Lemma 1.9). An evaluation needs Y only at smaller trees, so implicit stages
take no solving: tree by tree, evaluations first and then combinations.
"""

from __future__ import annotations

from sympy import QQ

from tableau2net.analysis.domain import Element, domain_of, to_domain
from tableau2net.analysis.trees import TIME, Forest
from tableau2net.step import Combine, Evaluate, Step


class BSeriesError(ValueError):
    """A field is evaluated at a state whose expansion does not begin with y itself."""


class Reading:
    """The B-series of every value of a step, over the domain of its coefficients, as far as asked.

    Inputs are exact: y of age a is the solution at −a h, and f of age a its derivative there.
    """

    def __init__(self, step: Step, forest: Forest) -> None:
        self.forest = forest
        self.domain = domain_of(step.coefficients())
        self.inputs = step.inputs
        self._one = self.domain.one
        self.evaluations = [
            (op.target, op.value, to_domain(self.domain, op.time)) for op in step.flat() if isinstance(op, Evaluate)
        ]
        self._combinations = [
            (op.target, [(to_domain(self.domain, c), v) for c, v in op.terms])
            for op in _in_order([op for op in step.flat() if isinstance(op, Combine)])
        ]
        self.empty = self._constant_terms()
        self.series: dict[str, list[Element]] = {name: [] for name in self.empty}
        self._known = 0  # trees read so far

    def _constant_terms(self) -> dict[str, Element]:
        """The coefficient of y itself in each value: what the step does when f = 0."""
        zero = self.domain.zero
        constant: dict[str, Element] = {i.name: self._one if i.kind == "y" else zero for i in self.inputs}
        constant |= {target: zero for target, _, _ in self.evaluations}
        for target, terms in self._combinations:
            constant[target] = sum((c * constant[v] for c, v in terms), zero)
        for _, value, _ in self.evaluations:
            if constant[value] != self._one:
                raise BSeriesError(f"{value} does not start from y")
        return constant

    def extend(self, order: int) -> None:
        """Read every tree with up to `order` nodes."""
        for n in range(1, order + 1):
            for tree in self.forest.of_order(n):
                if tree >= self._known:
                    self._read(tree)
                    self._known = tree + 1

    def _read(self, tree: int) -> None:
        series, zero = self.series, self.domain.zero
        for given in self.inputs:
            series[given.name].append(self.exact(tree, -given.age, given.kind))
        head, tail = self.forest.head[tree], self.forest.tail[tree]
        for target, value, time in self.evaluations:
            if tree == 0:
                series[target].append(self._one)
            else:
                factor = time if tail == TIME else series[value][tail]
                series[target].append(series[target][head] * factor)
        for target, terms in self._combinations:
            total = zero
            for coefficient, value in terms:
                total += coefficient * series[value][tree]
            series[target].append(total)

    def exact(self, tree: int, time: int, kind: str = "y") -> Element:
        """The exact solution at `time`·h (a(t) = time^|t|/γ(t)), or h times its derivative there."""
        n, gamma = self.forest.order[tree], self.forest.gamma[tree]
        power = time**n if kind == "y" else n * time ** (n - 1)
        return self.domain.convert_from(QQ(power, gamma), QQ)

    def residual(self, name: str, tree: int) -> Element:
        """How far a state at the new time is from the exact solution there, at one tree."""
        return self.series[name][tree] - self.exact(tree, 1)


def _in_order(combinations: list[Combine]) -> list[Combine]:
    """Combinations after those whose targets they read (inside a coupled solve they are written in any order)."""
    targets = {op.target for op in combinations}
    done: set[str] = set()
    ordered: list[Combine] = []
    waiting = list(combinations)
    while waiting:
        ready = [op for op in waiting if all(v in done or v not in targets for _, v in op.terms)]
        if not ready:
            raise BSeriesError("states are defined by each other without an evaluation between them")
        ordered += ready
        done |= {op.target for op in ready}
        waiting = [op for op in waiting if op.target not in done]
    return ordered
