"""Systems of polynomial equations, solved for some unknowns in terms of the rest: exact, generic branch first.

Order conditions are almost triangular: linear in the weights, then in A row by row. So an unknown that an equation
holds linearly is eliminated, a·x + b = 0 giving x = −b/a where a ≠ 0, one after the other; an equation that factors is
a choice, and so is a = b = 0. What remains in one unknown alone is solved by radicals, and what none of this moves is
rewritten as a Gröbner basis once. A system has no solution when every branch has ended in a contradiction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import QQ, Expr, Poly, Symbol
from sympy.polys.rings import ring

from tableau2net.exact.domain import domain_of

Element = Any  # a polynomial in all symbols: sympy's PolyElement
MAX_BRANCHES = 400


class BeyondSolvingError(Exception):
    """There may be solutions, but none of the exact means here reaches one. The message says what stood in the way."""


@dataclass(frozen=True)
class SymbolicSolution:
    """values: each eliminated unknown in terms of the free symbols.
    nonzero: polynomials in the free symbols; the values are finite and solve the system where none of them is 0."""

    values: dict[Symbol, Expr]
    nonzero: tuple[Expr, ...]


@dataclass(frozen=True)
class _State:
    """A branch: what is left to solve, what is assumed ≠ 0, and what was eliminated as (x, numerator, denominator)."""

    ring: Any
    equations: tuple[Element, ...]
    nonzero: tuple[Element, ...] = ()
    chain: tuple[tuple[int, Element, Element], ...] = ()
    rewritten: bool = False


class _ContradictionError(Exception):
    pass


def solve(equations: Iterable[Expr], unknowns: Sequence[Sequence[Symbol]]) -> Iterator[SymbolicSolution]:
    """The families of solutions of polynomial equations over ℚ or a number field, the generic one first.

    unknowns: groups of symbols, those to eliminate first in front; other symbols in the equations are never
    eliminated. Where nothing is found, there is no solution over the reals in which those stay free.
    Raises BeyondSolvingError when the search ends with branches that could not be decided.
    """
    equations = [sympy.expand(e) for e in equations]
    groups = [list(group) for group in unknowns]
    ours = [x for group in groups for x in group]
    others = sorted(set().union(*(e.free_symbols for e in equations)) - set(ours), key=str)
    if not [*ours, *others]:
        if all(e == 0 for e in equations):
            yield SymbolicSolution({}, ())
        return
    ground = domain_of(equations).domain
    polynomials, *_ = ring([*ours, *others], ground.domain if ground.is_Composite else ground)
    start = _State(polynomials, tuple(polynomials.from_expr(e) for e in equations))
    yield from _Search([len(group) for group in groups]).run(start)


class _Search:
    def __init__(self, sizes: Sequence[int]) -> None:
        self.group = [g for g, size in enumerate(sizes) for _ in range(size)]  # of each unknown
        self.members = [[i for i, h in enumerate(self.group) if h == g] for g in range(len(sizes))]
        self.branches = 0
        self.undecided: list[str] = []

    def run(self, start: _State) -> Iterator[SymbolicSolution]:
        found = False
        for state in self._branch(start):
            found = True
            yield _solution(state)
        if self.undecided and not found:
            raise BeyondSolvingError(self.undecided[0])

    def _branch(self, state: _State) -> Iterator[_State]:
        self.branches += 1
        if self.branches > MAX_BRANCHES:
            raise BeyondSolvingError(f"more than {MAX_BRANCHES} cases to tell apart")
        try:
            state = replace(state, equations=_tidy(state.equations, state.nonzero))
        except _ContradictionError:
            return
        if not state.equations:
            yield state
            return
        pivot = self._pivot(state)
        if pivot is None:
            yield from self._stuck(state)
            return
        which, x = pivot
        factors = [f for f, _ in state.equations[which].factor_list()[1]]
        if len(factors) > 1:
            for factor in sorted(factors, key=lambda f: (not self._linear_in(f), len(f))):
                yield from self._branch(_with_equation(state, which, [factor]))
            return
        slope, rest = _linear_parts(state.equations[which], x)
        yield from self._branch(_eliminate(state, which, x, -rest, slope))
        if not slope.is_ground:
            yield from self._branch(_with_equation(state, which, [slope, rest]))

    def _linear_in(self, p: Element) -> list[int]:
        return [i for i in range(len(self.group)) if _degree(p, i) == 1]

    def _pivot(self, state: _State) -> tuple[int, int] | None:
        """The equation and the unknown to eliminate with it. An equation gives the first group that it holds; those
        that hold only later groups come first, and then those linear in all of the group together."""
        candidates = []
        for which, p in enumerate(state.equations):
            wanted = min((self.group[i] for i in range(len(self.group)) if _degree(p, i)), default=0)
            for x in self._linear_in(p):
                joint = self._joint_degree(p, self.group[x])
                key = (self.group[x] != wanted, -wanted, joint, _variables(p), _total(p), len(p), x)
                candidates.append((key, which, x))
        if not candidates:
            return None
        _, which, x = min(candidates)
        return which, x

    def _joint_degree(self, p: Element, group: int) -> int:
        members = self.members[group]
        degrees: list[int] = [sum(monomial[i] for i in members) for monomial in p.itermonoms()]
        return max(degrees)

    def _stuck(self, state: _State) -> Iterator[_State]:
        """No equation is linear in an unknown: factor, then a root in one unknown, then a Gröbner basis."""
        for which, p in enumerate(state.equations):
            factors = [f for f, _ in p.factor_list()[1]]
            if len(factors) > 1:
                for factor in sorted(factors, key=len):
                    yield from self._branch(_with_equation(state, which, [factor]))
                return
        alone = [(p.degree(state.ring.gens[i[0]]), w, i[0]) for w, p in enumerate(state.equations) if (i := _one(p))]
        alone = [entry for entry in alone if entry[2] < len(self.group)]
        if alone:
            degree, which, x = min(alone)
            yield from self._roots(state, which, x, degree)
        elif not state.rewritten:
            basis = _basis(state)
            yield from self._branch(replace(state, equations=basis, rewritten=True))
        elif not any(_degree(p, i) for p in state.equations for i in range(len(self.group))):
            return  # a relation between what must stay free
        else:
            names = ", ".join(str(state.ring.symbols[i]) for i in range(len(self.group)) if _involved(state, i))
            self.undecided.append(f"equations of degree 2 or more couple {names}")

    def _roots(self, state: _State, which: int, x: int, degree: int) -> Iterator[_State]:
        """x is a root of an irreducible polynomial: by radicals where that is a square root, the smallest first."""
        symbol = state.ring.symbols[x]
        p = Poly(state.equations[which].as_expr(), symbol, extension=True)
        p = p.set_domain(QQ) if p.domain.is_ZZ else p
        if p.domain.is_QQ and p.count_roots() == 0:
            return
        if degree > 2 or not p.domain.is_QQ:
            self.undecided.append(f"{symbol} is a root of {p.as_expr()}, which is not a square root of a rational")
            return
        for root in p.real_roots():
            yield from self._branch(_at_root(state, x, root))


# ---------------------------------------------------------------------------------------------- one branch


def _tidy(equations: Iterable[Element], nonzero: tuple[Element, ...]) -> tuple[Element, ...]:
    """The equations without what is known not to vanish. Raises _ContradictionError for a nonzero constant."""
    kept: list[Element] = []
    for p in equations:
        p = _strip(p, nonzero)
        if not p:
            continue
        if p.is_ground:
            raise _ContradictionError
        p = p.monic()
        if p not in kept:
            kept.append(p)
    return tuple(kept)


def _strip(p: Element, factors: Iterable[Element]) -> Element:
    for factor in factors:
        while p and not p.is_ground:
            quotient, remainder = divmod(p, factor)
            if remainder:
                break
            p = quotient
    return p


def _with_equation(state: _State, which: int, new: list[Element]) -> _State:
    others = [p for i, p in enumerate(state.equations) if i != which]
    return replace(state, equations=(*others, *new), rewritten=False)


def _eliminate(state: _State, which: int, x: int, numerator: Element, denominator: Element) -> _State:
    """x = numerator/denominator in every other equation and in what is assumed ≠ 0."""
    others = [p for i, p in enumerate(state.equations) if i != which]
    factors = [] if denominator.is_ground else [f for f, _ in denominator.factor_list()[1]]
    nonzero = list(dict.fromkeys([*state.nonzero, *factors]))
    equations = [_substitute(p, x, numerator, denominator) for p in others]
    assumed = []
    for p in nonzero:
        if _degree(p, x):
            p = _strip(_substitute(p, x, numerator, denominator), factors)
            if not p:
                return replace(state, equations=(state.ring.one,))  # it does vanish: a contradiction
            assumed += [f for f, _ in p.factor_list()[1]]
        else:
            assumed.append(p)
    return replace(
        state,
        equations=tuple(equations),
        nonzero=tuple(dict.fromkeys(assumed)),
        chain=(*state.chain, (x, numerator, denominator)),
        rewritten=False,
    )


def _substitute(p: Element, x: int, numerator: Element, denominator: Element) -> Element:
    """p with x = numerator/denominator, times a power of the denominator."""
    parts = _powers(p, x)
    top = max(parts, default=0)
    total = p.ring.zero
    for k, part in parts.items():
        total += part * _power(numerator, k) * _power(denominator, top - k)
    return total


def _power(p: Element, k: int) -> Element:
    return p**k if k else p.ring.one  # sympy refuses 0**0


def _powers(p: Element, x: int) -> dict[int, Element]:
    """p as a polynomial in x: exponent → coefficient."""
    parts: dict[int, Element] = {}
    for monomial, coefficient in p.iterterms():
        k = monomial[x]
        rest = (*monomial[:x], 0, *monomial[x + 1 :])
        parts.setdefault(k, p.ring.zero)[rest] = coefficient
    return parts


def _linear_parts(p: Element, x: int) -> tuple[Element, Element]:
    parts = _powers(p, x)
    return parts[1], parts.get(0, p.ring.zero)


def _degree(p: Element, x: int) -> int:
    return max((monomial[x] for monomial in p.itermonoms()), default=0)


def _total(p: Element) -> int:
    return max((sum(monomial) for monomial in p.itermonoms()), default=0)


def _variables(p: Element) -> int:
    return sum(any(column) for column in zip(*p.itermonoms(), strict=True))


def _one(p: Element) -> list[int]:
    """The index of the only symbol in p, in a list; empty where there are more."""
    present = [i for i, column in enumerate(zip(*p.itermonoms(), strict=True)) if any(column)]
    return present if len(present) == 1 else []


def _involved(state: _State, x: int) -> bool:
    return any(_degree(p, x) for p in state.equations)


def _basis(state: _State) -> tuple[Element, ...]:
    basis = sympy.polys.groebnertools.groebner(list(state.equations), state.ring)
    return tuple(basis)


def _at_root(state: _State, x: int, root: Expr) -> _State:
    """x = root, with everything moved to the number field that holds it."""
    known = [] if state.ring.domain.is_QQ else list(state.ring.domain.orig_ext)
    generators = [*known, *([] if root.is_Rational else [root])]
    field = QQ.algebraic_field(*generators) if generators else QQ
    bigger, *_ = ring(state.ring.symbols, field)

    def moved(p: Element) -> Element:
        return p.set_ring(bigger)

    value = bigger.ground_new(field.from_sympy(root))
    start = _State(
        bigger,
        tuple(moved(p) for p in state.equations),
        tuple(moved(p) for p in state.nonzero),
        tuple((i, moved(n), moved(d)) for i, n, d in state.chain),
    )
    return _eliminate(start, -1, x, value, bigger.one)


def _solution(state: _State) -> SymbolicSolution:
    """The chain read backwards, so that only free symbols are left."""
    field = state.ring.to_field()
    known: dict[int, Any] = {}
    for x, numerator, denominator in reversed(state.chain):
        known[x] = _value(numerator, known, field) / _value(denominator, known, field)
    values = {state.ring.symbols[x]: value.as_expr() for x, value in known.items()}
    return SymbolicSolution(values, tuple(p.as_expr() for p in state.nonzero))


def _value(p: Element, known: dict[int, Any], field: Any) -> Any:
    """p at the known fractions, one symbol after the other by Horner's rule."""
    for i in known:
        if _degree(p, i):
            parts = _powers(p, i)
            total = field.zero
            for k in range(max(parts), -1, -1):
                total = total * known[i]
                if k in parts:
                    total = total + _value(parts[k], known, field)
            return total
    return field.from_expr(p.as_expr()) if not p.is_ground else field.ground_new(p.LC if p else 0)
