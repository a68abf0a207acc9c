"""Strong and weak order of a stochastic Runge–Kutta method, exactly.

A tree has a weight: f and time count one power of h, a noise half of one. The strong order is p where the step has what
the solution has at all trees to weight p, and in the mean at p + 1/2 (Burrage and Burrage 2000; Debrabant and Kværnø
2008). The weak order is p where the means of products of trees to a weight of p + 1/2 in all agree, for up to three
noises: products of two do not see all that three do (Debrabant and Kværnø 2010; Rößler 2006). Both are in halves,
and a weak order is never below the strong one: odd numbers of noises too may have a mean in a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

from sympy import Expr, Integer, Rational

from tableau2net.analysis.budget import BUILT, ask
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.reading.trees import bracket
from tableau2net.analysis.stochastic.elementary_weights import ElementaryWeights
from tableau2net.analysis.stochastic.iterated_integrals import Words, in_variables, mean, product
from tableau2net.analysis.stochastic.random_polynomials import Polynomial, written
from tableau2net.analysis.stochastic.weighted_trees import WeightedForest, weighted_forest
from tableau2net.scheme import StochasticRungeKutta, by_name

HIGHEST_STRONG, HIGHEST_WEAK = 4, 5  # half powers of h up to which conditions are asked for
NOISES = {"scalar": 1}
SHOWN = 12  # conditions that are kept of those that fail


@dataclass(frozen=True)
class MissedCondition:
    """An order condition that fails: at one tree, or in the mean at a product of trees.

    value: what the step has there less what the solution has, in W_1, H_1, …; mean: whether it is an expectation.
    lacking: the integral that the random variables of the scheme do not hold, where that is why."""

    trees: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    value: Expr
    mean: bool
    lacking: tuple[int, ...] = ()

    def __str__(self) -> str:
        at = " · ".join(bracket(levels, colours) for levels, colours in self.trees)
        if self.lacking:
            return f"{at}: takes I{self.lacking}, which W and H do not tell"
        return f"{'in the mean of ' if self.mean else ''}{at}: {self.value}"


@dataclass(frozen=True)
class StochasticOrder:
    """A strong or weak order with the conditions that end it; not `complete` where none failed as far as was asked."""

    order: Rational
    complete: bool
    failing: tuple[MissedCondition, ...]

    def __str__(self) -> str:
        return f"{'' if self.complete else 'at least '}{self.order}"


@dataclass(frozen=True)
class StochasticOrders:
    """The orders of a stochastic scheme. `order` is that without noise; None: more work than it may be, and the strong
    order of a law that is weak alone."""

    strong: StochasticOrder | None
    weak: StochasticOrder | None
    deterministic: Order

    @property
    def order(self) -> int:
        return self.deterministic.order

    @property
    def kind(self) -> str:
        return self.deterministic.kind

    @property
    def failing(self) -> tuple[MissedCondition, ...]:
        """Of the conditions that fail those that are met first: of the strong order, where there is one."""
        first = self.strong or self.weak
        return first.failing if first else ()

    def __str__(self) -> str:
        strong = "" if self.strong is None else f"strong order {self.strong}, "
        weak = "" if self.weak is None else f"weak order {self.weak}, "
        return f"{strong}{weak}order {self.order} without noise"


def stochastic_orders(scheme: StochasticRungeKutta) -> StochasticOrders:
    """Strong, weak and deterministic order."""
    return StochasticOrders(strong_order(scheme), weak_order(scheme), order_conditions(scheme.drift))


@by_name(StochasticRungeKutta)
def strong_order(scheme: StochasticRungeKutta) -> StochasticOrder | None:
    """The strong (mean-square) order, to 3/2, for the kind of noise that is declared. None of a law that is weak alone,
    and in a report that has no time for it."""
    return ask("strong order", lambda: _strong(scheme), scheme) if scheme.law == "gaussian" else None


@by_name(StochasticRungeKutta)
def weak_order(scheme: StochasticRungeKutta) -> StochasticOrder | None:
    """The weak order, in halves to 2, for the kind of noise that is declared and up to three noises. None in a report
    that has no time for it."""
    return ask("weak order", lambda: _weak(scheme), scheme)


@cache
def _strong(scheme: StochasticRungeKutta) -> StochasticOrder:
    weights = _weights(scheme, 2, HIGHEST_STRONG)
    for weight in range(1, HIGHEST_STRONG):
        found = chain(
            _pathwise(weights, scheme.calculus, weight), _means_of_trees(weights, scheme.calculus, weight + 1)
        )
        if wrong := tuple(islice(found, SHOWN)):
            return StochasticOrder(Rational(weight - 1, 2), True, wrong)
    return StochasticOrder(Rational(HIGHEST_STRONG - 1, 2), False, ())


@cache
def _weak(scheme: StochasticRungeKutta) -> StochasticOrder:
    weights = _weights(scheme, 3, HIGHEST_WEAK)
    for weight in range(1, HIGHEST_WEAK + 1):
        if wrong := tuple(islice(_means_of_products(weights, scheme.calculus, weight), SHOWN)):
            return StochasticOrder(Rational(max(weight - 2, 0), 2), True, wrong)
    return StochasticOrder(Rational(HIGHEST_WEAK - 1, 2), False, ())


BUILT.extend((_strong.cache_clear, _weak.cache_clear))


def _weights(scheme: StochasticRungeKutta, noises: int, limit: int) -> ElementaryWeights:
    count = NOISES.get(scheme.noise, noises)
    return ElementaryWeights(scheme, count, weighted_forest(count, scheme.noise, limit))


def _named(forest: WeightedForest, trees: tuple[int, ...]) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    return tuple((forest.levels(t), forest.colouring(t)) for t in trees)


def _pathwise(weights: ElementaryWeights, calculus: str, weight: int) -> Iterator[MissedCondition]:
    """The trees of a weight at which the step has not what the solution has."""
    forest, values = weights.forest, weights.values
    for tree in forest.of_weight(weight):
        if not _first_noises(forest.noises_in(tree)):
            continue
        total: Polynomial = {}
        lacking: tuple[int, ...] = ()
        for word, n in forest.exact(tree, calculus).items():
            known = in_variables(word, calculus, values)
            if known is None:
                lacking = word
                break
            total = values.plus(total, values.times(values.number(Rational(n)), known))
        difference = values.minus(weights.at(tree), total)
        if lacking or difference:
            value = Integer(0) if lacking else written(difference, values.domain)
            yield MissedCondition(_named(forest, (tree,)), value, False, lacking)


def _means_of_trees(weights: ElementaryWeights, calculus: str, weight: int) -> Iterator[MissedCondition]:
    for tree in weights.forest.of_weight(weight):
        if _first_noises(weights.forest.noises_in(tree)):
            yield from _mean(weights, calculus, (tree,), weights.at(tree))


def _means_of_products(weights: ElementaryWeights, calculus: str, weight: int) -> Iterator[MissedCondition]:
    """The products of trees, of a weight in all, whose means are not those of the solution."""
    forest = weights.forest

    def chosen(rest: int, last: int, before: tuple[int, ...], so_far: Polynomial) -> Iterator[MissedCondition]:
        if not rest:
            if _first_noises(tuple(sorted(n for t in before for n in forest.noises_in(t)))):
                yield from _mean(weights, calculus, before, so_far)
            return
        for w in range(1, rest + 1):
            for tree in forest.of_weight(w):
                if tree >= last:
                    product_ = weights.values.times(so_far, weights.at(tree)) if before else weights.at(tree)
                    if product_ or rest == w or weight % 2 == 0:
                        yield from chosen(rest - w, tree, (*before, tree), product_)

    yield from chosen(weight, 0, (), {})


def _mean(
    weights: ElementaryWeights, calculus: str, trees: tuple[int, ...], found: Polynomial
) -> Iterator[MissedCondition]:
    forest, values = weights.forest, weights.values
    noises = [n for t in trees for n in forest.noises_in(t)]
    exact = Rational(0)
    if all(noises.count(n) % 2 == 0 for n in noises):
        words: Words = {(): 1}
        for tree in trees:
            words = product(words, forest.exact(tree, calculus), calculus)
        exact = mean(words, calculus)
    elif not found:
        return
    difference = values.expectation(found) - values.domain.rational(int(exact.p), int(exact.q))
    if difference:
        yield MissedCondition(_named(forest, trees), values.domain.expression(difference), True)


def _first_noises(noises: tuple[int, ...]) -> bool:
    """Whether the noises are the first ones, each after those before: others are the same under another number."""
    return not noises or set(noises) == set(range(1, max(noises) + 1))
