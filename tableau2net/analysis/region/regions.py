"""Where in the space of its parameters a scheme is zero-stable, or A-stable: exactly.

In one parameter, a union of intervals with exact ends, each end decided for itself. The verdict can change only where a
root reaches the unit circle (or the imaginary axis) or two roots meet: at the roots of resultants and discriminants.
In several, polynomial inequalities that hold exactly in the interior; a point where one of them is an equation is
decided for itself when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy
from sympy import CRootOf, Expr, Poly, S, Symbol

from tableau2net.analysis.region.a_stable import a_stable_intervals
from tableau2net.analysis.region.inequalities import circle, schur
from tableau2net.analysis.region.line import Interval, ParameterLine, compare, decide
from tableau2net.analysis.region.linear_inequalities import feasible
from tableau2net.analysis.region.seen import root_condition_seen
from tableau2net.analysis.stability.unit_disk import root_condition
from tableau2net.analysis.stability.zero_stability import Z, zero_stable
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.text import parse, text_of
from tableau2net.scheme import RungeKutta, Scheme, by_name
from tableau2net.scheme.parameters import substitute
from tableau2net.step import lower


@dataclass(frozen=True)
class Condition:
    """A polynomial in the parameters and its `relation` to 0: ``>``, ``!=`` or ``=``."""

    polynomial: Expr
    relation: str = ">"

    def __str__(self) -> str:
        return f"{text_of(self.polynomial)} {self.relation} 0"


NOWHERE = (Condition(S.NegativeOne),)
ZERO_STABLE, A_STABLE = "zero-stable", "A-stable"


@dataclass(frozen=True)
class Region:
    """The parameter values at which a fact holds.

    fact: "zero-stable" or "A-stable".
    parameter, intervals: where one parameter decides: exact, its ends included.
    conditions: where several do: their interior exactly; `contains` decides the boundary at the point.
    """

    scheme: Scheme
    fact: str
    parameter: str | None = None
    intervals: tuple[Interval, ...] | None = None
    conditions: tuple[Condition, ...] | None = None

    @property
    def everything(self) -> bool:
        """Whether it holds for all values (at which the coefficients are finite)."""
        if self.intervals is not None:
            return self.intervals == (Interval(S.NegativeInfinity, S.Infinity, False, False),)
        return self.conditions == ()

    @property
    def interior_empty(self) -> bool:
        """Whether the linear ones among several conditions contradict each other, so that only a boundary can do."""
        positive = [c.polynomial for c in self.conditions or () if c.relation == ">"]
        return bool(positive) and not feasible([p for p in positive if Poly(p, *self._symbols).total_degree() <= 1])

    @property
    def _symbols(self) -> list[Symbol]:
        return [p.symbol for p in self.scheme.parameters]

    @property
    def nowhere(self) -> bool:
        """Whether it holds for no value. With several parameters: for none in the interior."""
        return self.intervals == () or self.conditions == NOWHERE

    def contains(self, values: Mapping[str, object]) -> bool:
        """Whether the fact holds at these values of all parameters; exact. False where a coefficient is not finite.

        Raises InputError for a name that is not a parameter, and for a parameter without a value."""
        point = {n: parse(v) for n, v in values.items()}
        missing = set(self.scheme.symbols) - set(point)
        if missing:
            raise InputError(f"a value is needed for {', '.join(sorted(missing))}")
        bare = replace(self.scheme, parameters=tuple(replace(p, range=None) for p in self.scheme.parameters))
        try:
            member = bare.with_values(**point)
        except InputError:
            if set(point) - set(self.scheme.symbols):
                raise
            return False
        if self.intervals is not None:
            where = point[self.parameter] if self.parameter is not None else S.Zero
            return any(where in interval for interval in self.intervals)
        at = {p.symbol: point[p.name] for p in self.scheme.parameters}
        assert self.conditions is not None
        signs = [(c.relation, compare(substitute(c.polynomial, at), S.Zero)) for c in self.conditions]
        if any(relation == "=" and sign for relation, sign in signs):
            return False
        if any(relation != "=" and not sign for relation, sign in signs):  # on a boundary
            return zero_stable(member)
        return all(relation != ">" or sign > 0 for relation, sign in signs)

    def __str__(self) -> str:
        if self.everything:
            return "all values"
        if self.nowhere:
            return "nowhere"
        if self.intervals is not None:
            return " or ".join(interval.text(self.parameter or "") for interval in self.intervals)
        return " and ".join(_bounds(self.conditions or (), list(self.scheme.symbols)))


def region_text(region: Region) -> str:
    """One line for a report: ``zero-stable exactly where -1 < k <= 1``."""
    if region.everything:
        return f"{region.fact} for all parameter values"
    if region.nowhere:
        return f"{region.fact} nowhere"
    if region.intervals is not None:
        return f"{region.fact} exactly where {region}"
    if region.interior_empty:
        return f"{region.fact} at most at some points where one of these is an equation: {region}"
    return f"{region.fact} where {region} (and at some points of the boundary)"


@by_name(Scheme)
def zero_stable_region(scheme: Scheme) -> Region | None:
    """Where a scheme is zero-stable (the root condition of `zero_stable`); None for families it is not asked of.

    One-step methods are everywhere. Raises InputError when the coefficients are out of reach."""
    method = scheme.formula()
    alpha = None if method is None else method.alpha
    if alpha is None and lower(scheme).history and scheme.parameters:
        return None
    if alpha is None:
        return Region(scheme, ZERO_STABLE, conditions=() if zero_stable(scheme) else NOWHERE)
    names = sorted(set().union(*(a.free_symbols for a in alpha)), key=str)
    if not names:
        return Region(scheme, ZERO_STABLE, conditions=() if zero_stable(scheme) else NOWHERE)
    if len(names) == 1:
        return Region(scheme, ZERO_STABLE, str(names[0]), _zero_stable_line(scheme, alpha, names[0]))
    return Region(scheme, ZERO_STABLE, conditions=_zero_stable_conditions(scheme, alpha))


@by_name(Scheme)
def a_stable_region(scheme: Scheme) -> Region | None:
    """Where a Runge–Kutta method is A-stable: |R(z)| ≤ 1 for Re z ≤ 0 (HW II, IV.3). None for other families.

    Raises InputError where the stability function holds more than one parameter."""
    if not isinstance(scheme, RungeKutta):
        return None
    name, intervals = a_stable_intervals(scheme)
    if name is None:
        return Region(scheme, A_STABLE, conditions=() if intervals else NOWHERE)
    return Region(scheme, A_STABLE, name, intervals)


def _polynomial(coefficients: tuple[Expr, ...]) -> tuple[Poly, Expr]:
    """Σ a_j z^j without fractions, over K[parameters], and the denominator that was taken away."""
    domain = domain_of(coefficients)
    elements = [domain.convert(c) for c in coefficients]
    if not domain.domain.is_FractionField:
        return Poly(list(reversed(elements)), Z, domain=domain.domain), S.One
    ring = domain.domain.get_ring()
    common = ring.one
    for e in elements:
        common = ring.lcm(common, e.denom)
    whole = [e.numer * ring.exquo(common, e.denom) for e in elements]
    return Poly(list(reversed(whole)), Z, domain=ring), ring.to_sympy(common)


def _mirrored(p: Poly) -> Poly:
    """z^n p(1/z)."""
    return Poly(list(reversed(p.all_coeffs())), Z, domain=p.domain)


# ------------------------------------------------------------------------------------------------ one parameter


def _zero_stable_line(scheme: Scheme, alpha: tuple[Expr, ...], name: Symbol) -> tuple[Interval, ...]:
    rho, denominator = _polynomial(alpha)
    line = ParameterLine(name, rho.domain.domain)
    factors = [f for f, _ in rho.factor_list()[1] if f.degree() > 0]
    critical = [denominator, rho.LC(), rho.factor_list()[0], rho.eval(1)]
    for i, f in enumerate(factors):
        critical.append(f.LC())
        if f.degree() > 1:
            critical.append(f.discriminant())
        mirror = _mirrored(f)
        if mirror not in (f, -f):  # a root on the circle is one of the mirrored polynomial too
            critical.append(f.resultant(mirror))
        critical += [f.resultant(g) for g in factors[:i]]
    bare = replace(scheme, parameters=tuple(replace(p, range=None) for p in scheme.parameters))
    always_one = sympy.expand(rho.eval(1)) == 0

    def holds(value: Expr) -> bool:
        if compare(denominator.subs(name, value), S.Zero) == 0:
            return False
        if not value.is_Rational:
            seen = root_condition_seen([c.subs(name, value) for c in rho.all_coeffs()], root_one=always_one)
            if seen is not None and (always_one or not seen):
                return seen
        if value.has(CRootOf):
            there = line.at(rho, value)
            return not there.eval(1) and root_condition(there, lower(scheme).derivative)
        return zero_stable(bare.with_values(**{str(name): value}))

    return decide(line.critical_points(critical), holds)


# ------------------------------------------------------------------------------------------- several parameters


def _zero_stable_conditions(scheme: Scheme, alpha: tuple[Expr, ...]) -> tuple[Condition, ...]:
    """Factors of ρ with parameters have their roots inside, or where they are self-reciprocal, simple on the circle;
    those without are decided as they are."""
    rho, denominator = _polynomial(alpha)
    allowed = lower(scheme).derivative  # y'' = f lets a root on the circle be double
    positive: list[Expr] = []
    nonzero: list[Expr] = [denominator, rho.LC()]
    on_circle: list[Poly] = []
    for f, multiplicity in rho.factor_list()[1]:
        if f.degree() < 1:
            continue
        if not f.as_expr().free_symbols - {Z}:
            number = Poly(f.as_expr(), Z, domain=rho.domain.domain)
            touches = number.gcd(_mirrored(number)).degree() > 0
            if not root_condition(number) or (touches and multiplicity > allowed):
                return NOWHERE
            on_circle += [f] if touches else []
            continue
        mirror = _mirrored(f)
        lead = rho.domain.from_sympy(f.LC())
        coefficients = [lead * rho.domain.from_sympy(c) for c in f.all_coeffs()]
        if mirror == f and f.degree() % 2 == 0:
            if multiplicity > allowed:
                return NOWHERE
            positive += [rho.domain.to_sympy(c) for c in circle(coefficients, rho.domain)]
            on_circle.append(f)
        else:
            positive += [rho.domain.to_sympy(c) for c in schur(coefficients, rho.domain)]
    nonzero += [f.resultant(g) for i, f in enumerate(on_circle) for g in on_circle[:i]]
    at_one = sympy.expand(rho.eval(1))
    return (*([] if at_one == 0 else [Condition(at_one, "=")]), *_tidy(positive, nonzero))


def _tidy(positive: list[Expr], nonzero: list[Expr]) -> tuple[Condition, ...]:
    """The same inequalities, with constants, squares and factors that are positive by another of them left out."""
    products: list[list[Expr]] = []
    apart: list[Expr] = []
    for p in positive:
        number, factors = sympy.factor_list(p)
        odd = [f for f, m in factors if m % 2]
        apart += [f for f, m in factors if m % 2 == 0]
        if compare(number, S.Zero) < 0:
            odd = [-odd[0], *odd[1:]] if odd else [S.NegativeOne]
        if odd == [S.NegativeOne]:
            return NOWHERE
        if odd:
            products.append(odd)
    single = {factors[0] for factors in products if len(factors) == 1}
    kept: list[Condition] = []
    for factors in sorted(products, key=len):
        left, sign = [], 1
        for f in factors:
            if len(factors) > 1 and (f in single or -f in single):
                sign *= 1 if f in single else -1
            else:
                left.append(f)
        product = sympy.expand(sign * sympy.prod(left)) if len(left) < 2 else sign * sympy.prod(left)
        if product != 1 and Condition(product) not in kept:
            kept.append(Condition(product))
    apart += [f for p in nonzero for f, _ in sympy.factor_list(p)[1] if f.free_symbols]
    known = {c.polynomial for c in kept}
    kept += [Condition(f, "!=") for f in dict.fromkeys(apart) if f not in known and -f not in known]
    return tuple(kept)


def _bounds(conditions: tuple[Condition, ...], names: list[str]) -> list[str]:
    """Conditions as text, those that bound one parameter put together: ``-1 < a < 1``."""
    low: dict[str, Expr] = {}
    high: dict[str, Expr] = {}
    others = []
    for c in conditions:
        symbols = c.polynomial.free_symbols
        p = Poly(c.polynomial, *symbols) if len(symbols) == 1 and c.relation == ">" else None
        if p is None or p.degree() != 1:
            others.append(str(c))
            continue
        (x,) = map(str, symbols)
        bound = -p.nth(0) / p.LC()
        if p.LC().is_positive:
            low[x] = bound if x not in low or compare(bound, low[x]) > 0 else low[x]
        else:
            high[x] = bound if x not in high or compare(bound, high[x]) < 0 else high[x]
    intervals = [
        Interval(low.get(n, S.NegativeInfinity), high.get(n, S.Infinity), False, False).text(n)
        for n in names
        if n in low or n in high
    ]
    return [*intervals, *others]
