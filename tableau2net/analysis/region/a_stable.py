"""A-stability of Runge–Kutta methods in one parameter: exactly where |R(z)| ≤ 1 for all Re z ≤ 0.

R = P/Q without common factors is A-stable exactly when Q has no zeros with Re z ≤ 0 and the E-polynomial
E(y²) = |Q(iy)|² − |P(iy)|² is nowhere negative (HW II, IV.3, eq. 3.8).
"""

from __future__ import annotations

import itertools

from sympy import Expr, Poly, S, Symbol
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.region.line import Interval, ParameterLine, compare, decide
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.polynomials import hurwitz, non_negative
from tableau2net.scheme import RungeKutta

Z = Symbol("z")


def a_stable_intervals(scheme: RungeKutta) -> tuple[str | None, tuple[Interval, ...]]:
    """The parameter that R holds and where the method is A-stable; None, and something or nothing, without one.

    Raises InputError where R holds several parameters."""
    numerators, denominators, common = _stability_function(scheme)
    names = sorted(set().union(*(c.free_symbols for c in (*numerators, *denominators, common))), key=str)
    if len(names) > 1:
        raise InputError(
            f"the stability function holds {len(names)} parameters, {', '.join(map(str, names))}: "
            f"A-stability is decided in one; fix the others"
        )
    name = names[0] if names else Symbol("k")
    domain = domain_of([*numerators, *denominators, common])
    line = ParameterLine(name, domain.domain.domain if names else domain.domain)
    P, Q = _lowest_terms(*(Poly(list(reversed(c)), Z, domain=line.ground[name]) for c in (numerators, denominators)))

    def holds(value: Expr) -> bool:
        if compare(common.subs(name, value), S.Zero) == 0:
            return False
        p, q = line.at(P, value), line.at(Q, value)
        return bool(q) and _a_stable(*_lowest_terms(p, q))

    everywhere = (Interval(S.NegativeInfinity, S.Infinity, False, False),)
    if not names:
        return None, everywhere if holds(S.Zero) else ()
    return str(name), decide(line.critical_points([common, *_critical(P, Q)]), holds)


def _stability_function(scheme: RungeKutta) -> tuple[list[Expr], list[Expr], Expr]:
    """P = det(I − zA + z𝟙bᵀ) and Q = det(I − zA), lowest power first, times a common denominator, and that."""
    domain = domain_of([*itertools.chain(*scheme.A), *scheme.b])
    field = domain.domain.get_field() if not domain.domain.is_Field else domain.domain
    s = scheme.stages
    A = [[field.convert_from(domain.convert(a), domain.domain) for a in row] for row in scheme.A]
    b = [field.convert_from(domain.convert(x), domain.domain) for x in scheme.b]
    moved = [[a - x for a, x in zip(row, b, strict=True)] for row in A]
    P, Q = (DomainMatrix(rows, (s, s), field).charpoly() for rows in (moved, A))
    if not field.is_FractionField:
        return [field.to_sympy(c) for c in P], [field.to_sympy(c) for c in Q], S.One
    ring = field.get_ring()
    common = ring.one
    for c in (*P, *Q):
        common = ring.lcm(common, c.denom)

    def whole(coefficients: list[object]) -> list[Expr]:
        return [ring.to_sympy(c.numer * ring.exquo(common, c.denom)) for c in coefficients]  # type: ignore[attr-defined]

    return whole(P), whole(Q), ring.to_sympy(common)


def _lowest_terms(P: Poly, Q: Poly) -> tuple[Poly, Poly]:
    shared = P.gcd(Q)
    return P.quo(shared), Q.quo(shared)


def _parts(p: Poly) -> tuple[Poly, Poly]:
    """p(iy) = even(y²) + i y odd(y²)."""
    low = list(reversed(p.all_coeffs()))
    parts = []
    for start in (0, 1):
        signed = [(-1) ** i * c for i, c in enumerate(low[start::2])]
        parts.append(Poly(list(reversed(signed)) or [0], Z, domain=p.domain))
    return parts[0], parts[1]


def _square(p: Poly) -> Poly:
    """|p(iy)|² as a polynomial in y²."""
    even, odd = _parts(p)
    return even**2 + Poly(Z, Z, domain=p.domain) * odd**2


def _critical(P: Poly, Q: Poly) -> list[Expr]:
    """Polynomials in the parameter, one of which vanishes wherever the verdict can change."""
    even, odd = _parts(Q)
    E = _square(Q) - _square(P)
    critical = [Q.LC(), P.resultant(Q)]
    for p, q in ((even, odd), (E, E.diff(Z))):
        critical += [p.LC(), q.LC()]
    critical.append(even.resultant(odd) if odd else S.One)  # a zero of Q on the imaginary axis
    content, factors = E.factor_list() if E else (S.One, [])
    critical.append(content)
    for i, (f, _) in enumerate(factors):
        critical += [f.LC(), f.eval(0)]
        if f.degree() > 1:
            critical.append(f.discriminant())
        critical += [f.resultant(g) for g, _ in factors[:i] if f.degree() > 0 and g.degree() > 0]
    return critical


def _a_stable(P: Poly, Q: Poly) -> bool:
    """The criterion for coprime polynomials over a real number field."""
    mirrored = Q.compose(Poly(-Z, Z, domain=Q.domain))  # its zeros shall have a negative real part
    return hurwitz(mirrored) and non_negative(_square(Q) - _square(P))
