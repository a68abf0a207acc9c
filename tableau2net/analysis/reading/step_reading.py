"""The step program read over B-series: every value becomes its exact expansion in elementary differentials.

A state is B(a, y) = a(∅) y + Σ_t h^|t|/σ(t) a(t) F(t)(y), and the program acts on the coefficients a(t):
a combination adds them, and an evaluation at the state Y and time c gives, with this normalisation,

    (h f(t + c h, Y))(t) = Π_i Y(u_i) · c^m      for t = [u_1, …, u_r, m time leaves]

(HNW I, II.12, Corollary 12.7; HLW III.1, Lemma 1.9). An evaluation needs Y only at smaller trees, so implicit stages
take no solving: tree by tree, evaluations first and then combinations.

With several fields, trees are coloured: the value of field ν has trees with a root of colour ν alone (HNW I, II.15).
With several states, a branch of colour μ is looked up in the state μ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache, partial
from math import lcm, perm
from typing import Any

from sympy import Expr, Integer, S

from tableau2net.analysis.budget import BUILT
from tableau2net.analysis.reading.alike import Alike
from tableau2net.analysis.reading.trees import Forest
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.integers import Scaled, is_integral
from tableau2net.step import Along, Assignment, Call, Combine, Input, Step
from tableau2net.step.schedule import in_order

Action = tuple[list[Element], Callable[[int], Element]]
LONGEST = 16_000  # bits of a common denominator: numbers that have so little in common are shorter as fractions


class BSeriesError(ValueError):
    """A field is evaluated at a state whose expansion does not begin with y itself."""


def reading(step: Step, forest: Forest, *, digits: int | None = None, quadrature: bool = False) -> Reading:
    """The reading of a step over a forest, shared: what the order needs, the error norms need again."""
    return _reading(step, forest, digits, quadrature)


@lru_cache(maxsize=16)  # of a function without defaults: a cache takes an argument left out for another call
def _reading(step: Step, forest: Forest, digits: int | None, quadrature: bool) -> Reading:
    return Reading(step, forest, digits=digits, quadrature=quadrature)


BUILT.append(_reading.cache_clear)


class Reading:
    """The B-series of every value of a step, over the domain of its coefficients, as far as asked.

    Inputs are exact: y of age a is the solution at −a h, and f of age a its derivative there; a field value at a
    stage of an earlier step is what the step itself gives when it starts from the solution.
    Coefficients are kept times scale^|t|: see `integers`; the scale is 1 where that does not apply. length: the bits of
    a common denominator, as far as `LONGEST`.

    digits: the decimals that the coefficients were printed to; values are then balls, see `balls`.
    quadrature: whether the field is evaluated on the solution itself only, so that field values are exact too.
    """

    def __init__(
        self, step: Step, forest: Forest, *, digits: int | None = None, quadrature: bool = False, shift: int = 0
    ) -> None:
        self.step, self.forest, self._digits, self._quadrature, self._shift = step, forest, digits, quadrature, shift
        self.domain = domain_of(step.coefficients()) if digits is None else Balls(digits)
        self._arithmetic = _arithmetic(step, self.domain)
        scaled = self._arithmetic.convert
        self.scale = self._arithmetic.scale if isinstance(self._arithmetic, Scaled) else 1
        self.length = max(self.scale.bit_length(), 0 if digits is not None else _length(step))
        self.zero: Element = self._arithmetic.zero
        self.one: Element = self._arithmetic.one
        self.total = self._arithmetic.total
        self._times = {op.target: scaled(op.time - shift) for op in step.calls}
        self._kinds = step.kinds
        self._several = len(step.states) > 1
        later = [op for op in step.flat() if op.later]
        combined = in_order([op for op in step.flat() if not op.later])
        self.empty = self._constant_terms(combined)
        self.series: dict[str, list[Element]] = {name: [] for name in self._kinds}
        self._work = len(later) + sum(len(op.operands) for op in combined)
        last = _closure(combined, {*step.outputs, *step.estimates})
        self._later = list(map(self._action, later))
        self._at_end = [self._action(op) for op in combined if op.target in last]
        self._at_stages = [self._action(op) for op in combined if op.target not in last]
        self._evaluated = self._ended = self._combined = 0  # orders read so far
        self._alike = Alike(forest, self._normalised, apart=self._several) if self._tells_alike else None

    @property
    def _tells_alike(self) -> bool:
        """Whether trees that are alike are read once: where equal numbers are known as such, and nothing is remembered
        but the solution; of y'' = f there are few trees."""
        exact = not isinstance(self._arithmetic, Balls) and not self._quadrature
        return exact and not self.forest.planted and self.step.plain and not any(i.stage for i in self.step.inputs)

    def _normalised(self, tree: int) -> list[Element]:
        """γ(t) times the field values at a tree, of which all else is made."""
        gamma = self.forest.gamma[tree]
        return [series[tree] * gamma for series, _ in self._later]

    def _action(self, op: Assignment) -> Action:
        """What gives the coefficient of an operation's target at a tree, and where it goes."""
        if self._quadrature and isinstance(op, Call):
            return self.series[op.target], partial(self._on_solution, op)
        if self.forest.planted and isinstance(op, Call):
            return self.series[op.target], self._planted(op)
        return self.series[op.target], op.on_series(self)

    def _planted(self, op: Call) -> Callable[[int], Element]:
        """h²f: at a tree of y' what h f is there, and at the same tree planted, one of y, the same."""
        own, at = self.series[op.target], replace(op, part=op.part + 1).on_series(self)
        colour, tail, zero, nodes = self.forest.colour, self.forest.tail, self.zero, self.forest.colours
        return lambda tree: at(tree) if colour[tree] else own[tail[tree]] if tree >= nodes else zero

    def _on_solution(self, op: Call, tree: int) -> Element:
        """A field value where the state is the solution itself."""
        more = int(isinstance(op, Along))  # along the solution it is one derivative more
        return self._slope(tree, op.time, more) if self.forest.colour[tree] == op.part else self.zero

    def of(self, value: str) -> list[Element]:
        """The coefficients of a value by tree, as far as they are read."""
        return self.series[value]

    def states(self, call: Call) -> list[list[Element]]:
        """Those of the states that a call reads, by the colour of a branch."""
        if not (self._several or self.forest.planted):
            return [self.series[call.value]] * self.forest.colours
        read = dict(zip(call.reads, call.values, strict=True))
        return [self.series[read[colour]] if colour in read else [] for colour in range(self.forest.colours)]

    def rest(self, value: str) -> Element:
        """The coefficient of y itself."""
        return self.empty[value]

    def factor(self, coefficient: Expr, value: str) -> Element:
        """A field value counts with h, so with the scale; a state does not."""
        if not isinstance(self._arithmetic, Scaled):
            return self._arithmetic.convert(coefficient)
        return int(coefficient) if self._kinds[value] == "y" else self._arithmetic.multiplier(coefficient)

    def _constant_terms(self, combined: list[Assignment]) -> dict[str, Any]:
        """The coefficient of y itself in each state, what the step does when f = 0; None for field values."""
        zero = self.domain.zero
        found: dict[str, Any] = dict.fromkeys(self._kinds)
        states = (i for i in self.step.inputs if i.kind == "y")
        found |= {i.name: self.domain.convert((i.nordsieck or (S.One,))[0]) for i in states}
        for op in combined:
            terms = [(c, found[v]) for c, v in op.at_rest if found[v] is not None]
            found[op.target] = sum((self.domain.convert(c) * y for c, y in terms), zero)
        return found

    def work(self, order: int) -> int:
        """The bits of the numbers that all trees of an order multiply."""
        return self.forest.count(order) * self._work * (64 + order * self.length)

    def extend(self, order: int) -> None:
        """Read every tree with up to `order` nodes. Raises BSeriesError where a field value has no expansion."""
        for op in self.step.calls:
            for value in op.values:
                if self.empty[value] - self.domain.one and not self._is_velocity(op, value):
                    raise BSeriesError(f"{value} does not start from y")
        self._end_to(order)

    def _is_velocity(self, op: Call, value: str) -> bool:
        """Whether a field of y'' = f is called with this value as h·y', and it starts from that."""
        meant = self.forest.planted and op.reads[op.values.index(value)] == 1
        return meant and not self.empty[value] and not self.value(value, 0) - self.one

    def value(self, name: str, tree: int) -> Element:
        """The coefficient (times scale^|t|) of any value of the step at one tree."""
        self._combine_to(self.forest.order[tree])
        return self.series[name][tree]

    def time(self, evaluation: str) -> Element:
        """When an evaluation is made, in units of h (times the scale)."""
        return self._times[evaluation]

    @cached_property
    def _past(self) -> Reading:
        """The same step, one step earlier: where the field values at stages of an earlier step come from."""
        return Reading(self.step, self.forest, digits=self._digits, shift=self._shift + 1)

    def _evaluate_to(self, order: int) -> None:
        for n in range(self._evaluated + 1, order + 1):
            self._combine_to(n - 1)
            for tree in self.forest.of_order(n):
                alike = self._alike.known(tree) if self._alike else None
                self._append(self._later, tree, alike)
                if self._alike and alike is None:
                    self._alike.read(tree)
            self._evaluated = n

    def _append(self, actions: list[Action], tree: int, alike: int | None = None) -> None:
        """Read the next tree; where one is like it, γ(alike)/γ(tree) times what that has."""
        if alike is None or alike == tree:
            for series, at in actions:
                series.append(at(tree))
            return
        p, q = self.forest.gamma[alike], self.forest.gamma[tree]
        for series, _ in actions:
            series.append(self._arithmetic.divided(series[alike] * p, q) if p != q else series[alike])

    def _first(self, tree: int) -> int | None:
        return self._alike.first(tree) if self._alike else None

    def _end_to(self, order: int) -> None:
        """What a step takes and what it hands on. Of the highest order, nothing else is ever asked for."""
        if order <= self._ended:
            return
        self._evaluate_to(order)
        stages = any(i.stage for i in self.step.inputs)
        for n in range(self._ended + 1, order + 1):
            if stages:
                self._past._evaluate_to(n)
            for tree in self.forest.of_order(n):
                for given in self.step.inputs:
                    self.series[given.name].append(self._given(given, tree))
                self._append(self._at_end, tree, self._first(tree))
            self._ended = n

    def _combine_to(self, order: int) -> None:
        self._end_to(order)
        for n in range(self._combined + 1, order + 1):
            for tree in self.forest.of_order(n):
                self._append(self._at_stages, tree, self._first(tree))
            self._combined = n

    def _given(self, given: Input, tree: int) -> Element:
        """What an input holds at one tree: the exact solution in the past, or what an earlier step gave."""
        if given.stage:
            return self._past.series[given.stage][tree]
        return self._exact(given, tree, -self._shift)

    def _elsewhere(self, given: Input, tree: int) -> bool:
        """Whether a tree belongs to another state, or another field, than the input."""
        colour = self.forest.colour[tree]
        if self.forest.planted:
            return bool(colour) and given.kind == "y" and given.nordsieck is None
        return colour != (given.component if self._several else given.part if given.kind == "f" else colour)

    def _exact(self, given: Input, tree: int, time: int) -> Element:
        """What an input stands for at the time `time`·h: the solution, time^|t|/γ(t), and its derivatives."""
        if self.forest.strange[tree] or self._elsewhere(given, tree):
            return self._arithmetic.zero
        n, gamma = self.forest.order[tree], self.forest.gamma[tree]
        if given.nordsieck is not None:
            of_velocity = int(self._of_velocity(tree))  # y' has a derivative less before it
            known = enumerate(given.nordsieck[of_velocity:])
            powers = sum((q * perm(n, k) * Integer(time) ** (n - k) for k, q in known if k <= n), S.Zero)
            return self.domain.convert(powers / gamma)
        if given.kind == "f":
            return self._slope(tree, Integer(time - given.age))
        return self._fraction((time - given.age) ** n, gamma)

    def _slope(self, tree: int, time: Expr, more: int = 0) -> Element:
        """h^d times the d-th derivative of the solution at `time`·h, d that of the equation and so many more."""
        n, d = self.forest.order[tree], self.step.derivative - self._of_velocity(tree) + more
        return (
            self._fraction(perm(n, d) * int(time) ** (n - d), self.forest.gamma[tree])
            if n >= d
            else self._arithmetic.zero
        )

    def _of_velocity(self, tree: int) -> bool:
        """Whether a tree is one of y', where y'' = f."""
        return self.forest.planted and self.forest.colour[tree] > 0

    def asks(self, given: Input, tree: int) -> bool:
        """Whether it is a condition on what stands in the place of an input that it is right at a tree: trees of y' are
        those of h·y'."""
        if self.forest.planted:
            return self._of_velocity(tree) == (given == self.step.velocity)
        return not self._several or self.forest.colour[tree] == given.component

    def _fraction(self, p: int, q: int) -> Element:
        return self.domain.rational(p, q) if p else self._arithmetic.zero

    def matches(self, name: str, tree: int, given: Input | None = None) -> bool:
        """Whether a value at the end of the step is at one tree what `given` (the state) stands for, one step on."""
        return not self._difference(name, tree, given)

    def residual(self, name: str, tree: int, given: Input | None = None) -> Expr:
        """How far it is from that, for the state a(t) − 1/γ(t), at one tree."""
        return self.domain.expression(self.error(name, tree, given))

    def error(self, name: str, tree: int, given: Input | None = None) -> Element:
        """`residual` as an element of the domain."""
        found = self._difference(name, tree, given)
        if isinstance(self._arithmetic, Scaled):
            found = self._arithmetic.over_domain(found, self.forest.order[tree])
        return found * self.domain.rational(1, self.forest.gamma[tree])

    def _difference(self, name: str, tree: int, given: Input | None) -> Element:
        """γ(t) times the residual, times scale^|t|."""
        gamma, found = self.forest.gamma[tree], self.series[name][tree]
        if self.forest.strange[tree]:
            return found * gamma
        if given is None or given in self.step.states:
            return found * gamma - self._arithmetic.one * self.scale ** self.forest.order[tree]
        return (found - self._exact(given, tree, 1)) * self.domain.rational(gamma, 1)


def _arithmetic(step: Step, domain: Domain | Balls) -> Domain | Balls | Scaled:
    """Integers where nothing but field values has a fractional coefficient, else the domain as it is."""
    if isinstance(domain, Balls) or step.history or step.derivative > 1 or not is_integral(domain):
        return domain
    if not all(op.later or isinstance(op, Combine) for op in step.flat()):
        return domain
    state_factors = [c for op in step.flat() if isinstance(op, Combine) for c, v in op.terms if step.kind(v) == "y"]
    if not all(c.is_Integer for c in state_factors):
        return domain
    return domain if _length(step) > LONGEST else Scaled(domain, step.coefficients())


def _length(step: Step) -> int:
    """The bits of a common denominator of the rational coefficients; not counted further than over `LONGEST`."""
    scale = 1
    for c in set(step.coefficients()):
        if c.is_Rational:
            scale = lcm(scale, int(c.q))
        if scale.bit_length() > LONGEST:
            break
    return scale.bit_length()


def _closure(combinations: list[Assignment], names: set[str]) -> set[str]:
    """The names, and all that they are combined of without an evaluation between; `combinations` are in order."""
    needed = set(names)
    for op in reversed(combinations):
        if op.target in needed:
            needed.update(op.operands)
    return needed
