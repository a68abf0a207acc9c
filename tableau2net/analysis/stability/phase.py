"""How a scheme turns and damps y' = iωy, as exact power series in ν = hω (van der Houwen & Sommeijer 1987).

With the principal root ζ(z), that which begins as e^z, and log ζ(z) = z + Σ c_k z^k, the phase lag is ν − arg ζ(iν) and
the dissipation 1 − |ζ(iν)|: odd k turn, even k damp. For y'' = f, y'' = −ω²y and z = (iν)²."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Poly, Symbol, oo

from tableau2net.analysis.budget import ask, remembered
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.linear import Curve, curve
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.series import Ring, Series, plus, times
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import lower

NU = Symbol("nu")
MAX_TERMS = 160  # of the series, if no term of one kind comes before


@dataclass(frozen=True)
class Phase:
    """Phase lag ≈ `lag` · ν^(dispersion_order + 1), dissipation ≈ `damping` · ν^(dissipation_order + 1).

    dissipation_order: oo where |ζ(iν)| = 1 for every ν near 0; damping is None then."""

    dispersion_order: int | None = None
    dissipation_order: int | Expr | None = None
    lag: Expr | None = None
    damping: Expr | None = None

    @property
    def lag_term(self) -> Poly | None:
        """The first term of the phase lag, in ν."""
        return _term(self.lag, self.dispersion_order)

    @property
    def damping_term(self) -> Poly | None:
        """The first term of the dissipation, in ν."""
        return _term(self.damping, self.dissipation_order)


def _term(c: Expr | None, order: Any) -> Poly | None:
    return None if c is None else Poly({(order + 1,): c}, NU)


@remembered
def phase(scheme: Scheme) -> Phase:
    """Dispersion and dissipation of a scheme at its declared parameter values; nothing for schemes without a curve in
    one hλ, for inconsistent ones, and for multistep methods whose source printed decimals."""
    return ask("dispersion and dissipation", lambda: _phase(scheme)) or Phase()


@by_name(Scheme)
def phase_series(scheme: Scheme, terms: int) -> tuple[Expr, ...] | None:
    """c_0 … c_(terms − 1) in log ζ(z) = z + Σ c_k z^k, of the principal root at the declared parameter values; for
    y'' = f in powers of iν = √z. None where it does not apply, as in `phase`."""
    known = _Principal.of(scheme)
    return None if known is None else tuple(map(known.arithmetic.expression, known.defects(terms)))


def _phase(scheme: Scheme) -> Phase | None:
    known = _Principal.of(scheme)
    if known is None:
        return None
    width = max(order(scheme), 1) + 3
    while True:
        c = known.defects(width)
        seen = [next((k for k in range(first, width, 2) if c[k]), None) for first in (1, 2)]
        if None not in seen or width > min(known.contact, MAX_TERMS):
            break
        width = min(2 * width, max(known.contact, width) + 1)
    odd, even = seen
    if odd is None or (even is None and width <= known.contact):
        return None
    expression = known.arithmetic.expression

    def leading(k: int) -> Expr:
        return expression(c[k]) * (1 if k // 2 % 2 else -1)

    if even is None:
        return Phase(odd - 1, oo, leading(odd))
    return Phase(odd - 1, even - 1, leading(odd), leading(even))


@dataclass(frozen=True)
class _Principal:
    """The principal root of Φ(ζ, x^d) as a series in x.

    coefficients: those of ζ^j in Φ, by powers of z. contact: if ζ(x)ζ(−x) agrees with 1 in more terms, it is 1: the
    curve and its mirror image, of bidegree (k, m) both, meet 2km times (Bézout) unless they share a part."""

    coefficients: tuple[Series, ...]
    derivative: int
    arithmetic: Domain | Balls
    contact: int

    @classmethod
    def of(cls, scheme: Scheme) -> _Principal | None:
        fixed = scheme.at_defaults() if scheme.parameters else scheme
        step, phi = lower(fixed), curve(fixed)
        if phi is None or order(fixed) < 1 or (scheme.digits and step.history):
            return None
        every = (cls._of(part, step.derivative, scheme.digits) for part in (phi, *phi.factors))
        return next((known for known in every if known._begins()), None)

    @classmethod
    def _of(cls, phi: Curve, derivative: int, digits: int | None) -> _Principal:
        arithmetic = Balls(digits) if phi.rough is not None and digits else _domain(phi)
        rows = phi.rough if phi.rough is not None else [p.rep.to_list()[::-1] for p in phi.coefficients]
        degree = max(p.degree() for p in phi.coefficients) * derivative
        return cls(tuple(rows), derivative, arithmetic, int(2 * phi.steps * degree))

    def _begins(self) -> bool:
        """Whether there is one root that begins as e^x: G(0, 1) = 0, and G_η(0, 1) ≠ 0. What is carried along may
        have a root 1 of their own: then it is looked for in the factor of Φ that belongs to the solution."""
        if len(self.coefficients) < 2:
            return False
        ring = Ring(self.arithmetic, self.derivative)
        start = self._at([ring.one, ring.one], ring)
        return bool(self._slope()) and not any(start)

    def defects(self, terms: int) -> Series:
        """log ζ(x) − x, so many coefficients."""
        if len(self.coefficients) == 2 and self.derivative == 1:
            below, above = (_log(c, terms, self.arithmetic) for c in reversed(self.coefficients))
            found = [x - y for x, y in zip(above, below, strict=True)]
        else:
            found = _log(self._root(terms), terms, self.arithmetic)
        if terms > 1:
            found[1] = found[1] - self.arithmetic.one
        return found

    def _root(self, terms: int) -> Series:
        """ζ = 1 + xη by G(x, η) = Φ(1 + xη, x^d)/x^d = 0, η(0) = 1, a coefficient at a time: that of η is the only new
        one in the next of G, where it has the factor G_η(0, 1)."""
        d, one = self.derivative, self.arithmetic.one
        slope = self._slope()
        eta: Series = [one]
        for n in range(1, terms):
            ring = Ring(self.arithmetic, n + d)
            missing = _coefficient(self._at([one, *eta], ring), n + d, ring)
            eta.append(self.arithmetic.zero - missing / slope)
        return [one, *eta][:terms]

    def _at(self, root: Series, ring: Ring) -> Series:
        total: Series = []
        for row in reversed(self.coefficients):
            spread = [ring.zero] * (self.derivative * (len(row) - 1) + 1) if row else []
            for k, c in enumerate(row):
                spread[k * self.derivative] = c
            total = plus(times(total, root, ring), spread[: ring.degree + 1], ring)
        return total

    def _slope(self) -> Element:
        """G_η(0, 1): Φ_ζ at (1, 0), or Φ_ζζ for y'' = f."""
        total = self.arithmetic.zero
        for j, row in enumerate(self.coefficients):
            factor = j if self.derivative == 1 else j * (j - 1)
            total = total + row[0] * factor if row else total
        return total


def _domain(phi: Curve) -> Domain:
    """The domain that the coefficients of Φ are elements of."""
    domain = phi.coefficients[-1].domain
    return domain_of(()) if domain.is_QQ else Domain(domain, {})


def _coefficient(series: Series, k: int, ring: Ring) -> Element:
    return series[k] if k < len(series) else ring.zero


def _log(series: Sequence[Element], terms: int, arithmetic: Domain | Balls) -> Series:
    """log of ±(1 + …): k l_k = k p_k − Σ j l_j p_(k−j)."""
    p = list(series)
    if float(arithmetic.expression(p[0])) < 0:
        p = [arithmetic.zero - x for x in p]
    p += [arithmetic.zero] * (terms - len(p))
    found: Series = [arithmetic.zero]
    for k in range(1, terms):
        total = p[k] * k
        for j in range(1, k):
            if found[j] and p[k - j]:
                total = total - found[j] * p[k - j] * j
        found.append(total * arithmetic.rational(1, k))
    return found[:terms]
