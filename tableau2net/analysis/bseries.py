"""The step program read over B-series: every value becomes its exact expansion in elementary differentials.

A state is B(a, y) = a(∅) y + Σ_t h^|t|/σ(t) a(t) F(t)(y), and the program acts on the coefficients a(t):
a combination adds them, and an evaluation at the state Y and time c gives, with this normalisation,

    (h f(t + c h, Y))(t) = Π_i Y(u_i) · c^m      for t = [u_1, …, u_r, m time leaves]

(HNW I, II.12, Corollary 12.7; HLW III.1, Lemma 1.9). An evaluation needs Y only at smaller trees, so implicit stages
take no solving: tree by tree, evaluations first and then combinations.
"""

from __future__ import annotations

from sympy import Expr, Integer

from tableau2net.analysis.domain import Domain, Element, domain_of
from tableau2net.analysis.integers import Scaled, is_integral
from tableau2net.analysis.trees import TIME, Forest
from tableau2net.step import Combine, Evaluate, Step


class BSeriesError(ValueError):
    """A field is evaluated at a state whose expansion does not begin with y itself."""


class Reading:
    """The B-series of every value of a step, over the domain of its coefficients, as far as asked.

    Inputs are exact: y of age a is the solution at −a h, and f of age a its derivative there.
    Coefficients are kept times scale^|t|: see `integers`; the scale is 1 where that does not apply.
    """

    def __init__(self, step: Step, forest: Forest) -> None:
        self.forest = forest
        self.inputs = step.inputs
        self.domain = domain_of(step.coefficients())
        self._arithmetic = _arithmetic(step, self.domain)
        scaled = self._arithmetic.convert
        self.scale = self._arithmetic.scale if isinstance(self._arithmetic, Scaled) else 1
        self.evaluations = [(op.target, op.value, scaled(op.time)) for op in step.flat() if isinstance(op, Evaluate)]
        combinations = _in_order([op for op in step.flat() if isinstance(op, Combine)])
        self.empty = self._constant_terms(combinations)
        states = {name for name, constant in self.empty.items() if constant is not None}

        def factor(coefficient: Expr, value: str) -> Element:
            """A field value counts with h, so with the scale; a state does not."""
            return int(coefficient) if value in states and self.scale > 1 else scaled(coefficient)

        self._combinations = [(op.target, [(factor(c, v), v) for c, v in op.terms]) for op in combinations]
        self.series: dict[str, list[Element]] = {name: [] for name in self.empty}
        self._known = 0  # trees read so far

    def _constant_terms(self, combinations: list[Combine]) -> dict[str, Element | None]:
        """The coefficient of y itself in each state, what the step does when f = 0; None for field values."""
        zero, one = self.domain.zero, self.domain.one
        constant: dict[str, Element | None] = {i.name: one if i.kind == "y" else None for i in self.inputs}
        constant |= {target: None for target, _, _ in self.evaluations}
        for op in combinations:
            states = [(c, constant[v]) for c, v in op.terms if constant[v] is not None]
            constant[op.target] = sum((self.domain.convert(c) * y for c, y in states), zero)
        return constant

    def extend(self, order: int) -> None:
        """Read every tree with up to `order` nodes. Raises BSeriesError where a field value has no expansion."""
        for _, value, _ in self.evaluations:
            if self.empty[value] != self.domain.one:
                raise BSeriesError(f"{value} does not start from y")
        for n in range(1, order + 1):
            for tree in self.forest.of_order(n):
                if tree >= self._known:
                    self._read(tree)
                    self._known = tree + 1

    def _read(self, tree: int) -> None:
        series, zero = self.series, self._arithmetic.zero
        for given in self.inputs:
            series[given.name].append(self._exact(tree, -given.age, given.kind))
        head, tail = self.forest.head[tree], self.forest.tail[tree]
        for target, value, time in self.evaluations:
            if tree == 0:
                series[target].append(self._arithmetic.one)
            else:
                factor = time if tail == TIME else series[value][tail]
                series[target].append(series[target][head] * factor)
        for target, terms in self._combinations:
            total = zero
            for coefficient, value in terms:
                total = total + coefficient * series[value][tree]
            series[target].append(total)

    def _exact(self, tree: int, time: int, kind: str) -> Element:
        """The exact solution at `time`·h, time^|t|/γ(t), or h times its derivative there."""
        n = self.forest.order[tree]
        power = time**n if kind == "y" else n * time ** (n - 1)
        if power == 0:
            return self._arithmetic.zero
        return self.domain.rational(power, self.forest.gamma[tree])

    def matches(self, name: str, tree: int) -> bool:
        """Whether a state agrees at one tree with the exact solution at the new time."""
        return not self._difference(name, tree)

    def residual(self, name: str, tree: int) -> Expr:
        """How far a state at the new time is from the exact solution there, a(t) − 1/γ(t), at one tree."""
        gamma = Integer(self.forest.gamma[tree])
        if isinstance(self._arithmetic, Scaled):
            return self._arithmetic.expression(self._difference(name, tree), self.forest.order[tree]) / gamma
        return self.domain.expression(self._difference(name, tree)) / gamma

    def _difference(self, name: str, tree: int) -> Element:
        """γ(t) a(t) − 1, times scale^|t|."""
        power = self.scale ** self.forest.order[tree]
        return self.series[name][tree] * self.forest.gamma[tree] - self._arithmetic.one * power


def _arithmetic(step: Step, domain: Domain) -> Domain | Scaled:
    """Integers where nothing but field values has a fractional coefficient, else the domain as it is."""
    if step.history or not is_integral(domain):
        return domain
    state_factors = [c for op in step.flat() if isinstance(op, Combine) for c, v in op.terms if step.kind(v) == "y"]
    if not all(c.is_Integer for c in state_factors):
        return domain
    return Scaled(domain, step.coefficients())


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
