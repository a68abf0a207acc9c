"""The weights that a step has at coloured trees, as polynomials in its random variables.

Tree by tree as in `analysis.reading.step_reading`, but only what the new state asks for: a noise enters with √h, so
that a tree of five nodes of noises stands beside one of two of the drift, and most weights of stages are never needed.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Poly

from tableau2net.analysis.reading.trees import TIME
from tableau2net.analysis.stochastic.random_polynomials import Polynomial, RandomPolynomials
from tableau2net.analysis.stochastic.weighted_trees import WeightedForest
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import StochasticRungeKutta
from tableau2net.scheme.stochastic_runge_kutta import RANDOM
from tableau2net.step.combine import Combine
from tableau2net.step.lower import Writer
from tableau2net.step.operation import Call
from tableau2net.step.passes import prune
from tableau2net.step.program import Step
from tableau2net.step.schedule import scheduled


@cache
def stochastic_step(scheme: StochasticRungeKutta, noises: int = 1) -> Step:
    """The step program of a stochastic scheme, without what nothing reads."""
    writer = Writer()
    scheme.lower(writer, noises)
    outputs = tuple(writer.outputs[given.name] for given in writer.inputs)
    told = Step(
        tuple(writer.inputs), scheduled(writer.operations), outputs, parameters=scheme.parameters, fields=writer.fields
    )
    return prune(told)


Term = tuple[Polynomial, str, Polynomial]  # of a state: the coefficient of a field, where that is evaluated, and when


class ElementaryWeights:
    """The weights of a step at the trees of a forest. `values`: the polynomials they are."""

    def __init__(self, scheme: StochasticRungeKutta, noises: int, forest: WeightedForest) -> None:
        self.forest, step = forest, stochastic_step(scheme, noises)
        numbers = (c for value in scheme.coefficients.values() for c in numbers_in(value))
        self.values = RandomPolynomials(Balls(scheme.digits) if scheme.digits else domain_of(numbers), scheme.law)
        convert = cache(self.values.convert)
        calls = {op.target: op for op in step.flat() if isinstance(op, Call)}
        self._result = step.result
        self._sums: dict[str, list[list[Term]]] = {}  # of each state by field
        for op in step.flat():
            terms: list[list[Term]] = [[] for _ in range(noises + 1)]
            for coefficient, value in op.terms if isinstance(op, Combine) else ():
                if value in calls:
                    call = calls[value]
                    terms[call.part].append((convert(coefficient), call.value, convert(call.time)))
            self._sums[op.target] = terms
        self._sums[step.states[0].name] = [[] for _ in range(noises + 1)]
        self._known: dict[str, dict[int, Polynomial]] = {name: {} for name in self._sums}

    def at(self, tree: int, state: str = "") -> Polynomial:
        """The weight of the new state, or of another one, at a tree."""
        known = self._known[state or self._result]
        if tree not in known:
            known[tree] = self._sum(self._sums[state or self._result][self.forest.colour[tree]], tree)
        return known[tree]

    def _sum(self, terms: list[Term], tree: int) -> Polynomial:
        total: Polynomial = {}
        branches = self.forest.branches(tree) if terms else []
        for found, state, time in terms:
            for branch in branches:
                found = self.values.times(found, time if branch == TIME else self.at(branch, state))
                if not found:
                    break
            total = self.values.plus(total, found)
        return total


def numbers_in(value: Expr) -> list[Expr]:
    """The coefficients of a polynomial in the random variables: numbers and parameters."""
    random = [*RANDOM.values()]
    return Poly(value, *random).coeffs() if value.free_symbols & {*random} else [value]
