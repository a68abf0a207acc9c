"""The linear threshold factor: the largest step at which every convex bound is kept for linear problems, exactly.

For y' = λy the states handed on are φ_ij(z) of the known ones. A bound holds for every linear problem and h ≤ r times
the step of forward Euler exactly when each φ_ij is absolutely monotonic on [−r, 0]: it and all its derivatives are
nonnegative there (Spijker 1983; Kraaijevanger 1986). With Taylor coefficients c_k ≥ 0 about −r and no pole in [−r, 0]
it is so on all of [−r, 0], hence the r form an interval from 0.

A polynomial has finitely many coefficients. Of a rational function, with poles p_i and Σ κ_il/(p_i − z)^l,

    c_k = Σ_i Σ_l κ_il C(k+l−1, l−1) (p_i + r)^−(k+l)    beyond its polynomial part,

so that the tail is positive from a computable K if the pole nearest to −r is real, on the right and of positive weight.
It must be: a power series with nonnegative coefficients has a singularity where its circle of convergence meets the
positive axis (Pringsheim; van de Griend & Kraaijevanger 1986).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import Any

from mpmath import iv
from sympy import Expr, Poly, S

from tableau2net.analysis.reading.general_form import GeneralForm, row_times
from tableau2net.analysis.ssp.moduli import shares_least_modulus
from tableau2net.analysis.ssp.poles import BITS, Pole, poles, taylor
from tableau2net.analysis.ssp.supremum import Isolated, R, supremum
from tableau2net.exact.elimination import determinant
from tableau2net.exact.enclosure import Enclosure, enclose, holds_zero, precision
from tableau2net.exact.polynomials import sign_in
from tableau2net.step.forms import Row

MAX_DERIVATIVES = 512  # looked at before the tail must be proved positive
GAPS = 24  # derivatives at 0 among which one that vanishes is looked for
MAX_DEGREE = 60  # of the polynomial that a derivative's sign depends on


def threshold(form: GeneralForm) -> Expr | Isolated | None:
    """The largest r for which every state handed on is absolutely monotonic on [−r, 0] in the known ones.

    0 where it is not even at 0; None where that is not decided within the bounds of the work: more than
    `elimination.MAX_COUPLED` coupled stages, or more than MAX_DERIVATIVES derivatives."""
    if not any(form.T):
        return S.Infinity
    found = _functions(form)
    if found is None:
        return None
    constraints = _Monotonicity(found)
    at_zero = constraints.violated(Fraction(0))
    if at_zero or any(function.ends_at_zero() for function in found):
        return S.Zero
    return None if at_zero is None else supremum(constraints)


def _functions(form: GeneralForm) -> list[_Function] | None:
    """φ_ij(z), the rows of (I − zT)⁻¹S that are handed on."""
    reversed_signs = determinant(form.T, form.domain, R)
    if reversed_signs is None:
        return None
    field = form.domain.domain
    D = _alternating(reversed_signs)
    functions = []
    for i in form.results:
        row: Row = {i: form.domain.one}
        series: list[Row] = []
        for _ in range(form.size + 1):
            series.append(row_times(row, form.S))
            row = row_times(row, form.T)
        for j in sorted({j for known in series for j in known}):
            coefficients = [known.get(j, form.domain.zero) for known in series]
            product = D * Poly.from_list(coefficients[::-1], R, domain=field)
            N = Poly.from_list(product.rep.to_list()[::-1][: len(series)][::-1], R, domain=field)
            common = N.gcd(D)
            functions.append(_Function(_exactly(N, common), _exactly(D, common)))
    return functions


def _exactly(p: Poly, q: Poly) -> Poly:
    return p.quo(q) if q.degree() > 0 else p


def _alternating(p: Poly) -> Poly:
    """p(−r)."""
    low_first = p.rep.to_list()[::-1]
    return Poly.from_list([c if k % 2 == 0 else -c for k, c in enumerate(low_first)][::-1], R, domain=p.domain)


class _Function:
    """φ = N/D in lowest terms with D(0) > 0, and its derivatives."""

    def __init__(self, N: Poly, D: Poly) -> None:
        self.sign = sign_in(D.domain)
        if self.sign(D.rep.to_list()[-1]) < 0:
            N, D = -N, -D
        self.N, self.D = N, D
        self._numerators = [N]
        self._enclosures: tuple[int, dict[Any, Enclosure]] | None = None  # of the coefficients, and their precision

    @cached_property
    def poles(self) -> list[Pole] | None:
        with precision(BITS):
            return poles(self.N, self.D, self.sign)

    def ends_at_zero(self) -> bool:
        """Whether it is proved that some derivative is negative at −r for each r > 0, however small.

        Where c_k(0) = 0 < c_{k+1}(0), c_k falls below 0 at once; before a later c_j > 0 there is such a k. Where
        another pole is as near to 0 as the positive one is, it is nearer to −r, which `tail` says cannot be."""
        with precision(BITS):
            values = self.enclosed(iv.mpf(0), GAPS if self.D.degree() > 0 else self.N.degree() + 1)
            tail = self.tail(iv.mpf(0))
        last = max((k for k, x in enumerate(values) if x.a > 0), default=0)
        if any(holds_zero(x) for x in values[:last]):
            field = self.D.domain
            if not all(self.coefficients(field.zero, last, lambda x: x)):
                return True
        return tail is None and bool(shares_least_modulus(self.D))

    def has_pole_in(self, r: Fraction) -> bool:
        """Whether a real pole lies in [−r, 0], or cannot be told from one that does."""
        with precision(BITS):
            low = -iv.mpf(r.numerator) / r.denominator
            return any(p.real and p.place.real.a <= 0 and p.place.real.b >= low.a for p in self.poles or [])

    def numerator(self, k: int) -> Poly | None:
        """A polynomial in r with the sign of φ^(k)(−r) where D > 0.

        With D = Π d_m^m and L = Π d_m: φ^(k) = N_k/(D L^k), N_{k+1} = N_k' L − N_k (D'L/D + k L')."""
        while len(self._numerators) <= k:
            n, L, m = self._numerators[-1], self._radical, len(self._numerators) - 1
            following = n.diff() * L - n * ((self.D.diff() * L).quo(self.D) + L.diff() * m)
            if following.degree() > MAX_DEGREE:
                return None
            self._numerators.append(following)
        return _alternating(self._numerators[k])

    @cached_property
    def _radical(self) -> Poly:
        L = self.D.quo(self.D.gcd(self.D.diff())) if self.D.degree() > 0 else self.D.one
        return -L if self.sign(L.rep.to_list()[-1]) < 0 else L  # positive wherever D is, next to 0

    def coefficients(self, r: Any, count: int, number: Any) -> list[Any]:
        """The first Taylor coefficients about −r, in any kind of number."""
        n, d = (taylor([number(c) for c in p.rep.to_list()], -r) for p in (self.N, self.D))
        found: list[Any] = []
        for k in range(count):
            total = n[k] if k < len(n) else number(self.D.domain.zero)
            for m in range(1, min(k, len(d) - 1) + 1):
                total = total - d[m] * found[k - m]
            found.append(total / d[0])
        return found

    def enclosed(self, r: Enclosure, count: int) -> list[Enclosure]:
        """The same over an interval of r, at the current precision."""
        if self._enclosures is None or self._enclosures[0] != iv.prec:
            elements = {c for p in (self.N, self.D) for c in p.rep.to_list()} | {self.D.domain.zero}
            self._enclosures = iv.prec, {c: enclose(self.D.domain.to_sympy(c)) for c in elements}
        return self.coefficients(r, count, self._enclosures[1].__getitem__)

    def tail(self, r: Enclosure) -> int | bool | None:
        """From which k on c_k > 0 is proved; False where c_k < 0 for some large k, None where it is not decided."""
        start = int(max(self.N.degree() - self.D.degree() + 1, 0))
        if self.D.degree() == 0:
            return start
        if self.poles is None:
            return None
        distances = [(p, p.place + r, _modulus(p.place + r)) for p in self.poles]
        right = [(p, at, size) for p, at, size in distances if p.real and at.real.a > 0]
        if not right:
            return False
        nearest = min(right, key=lambda x: x[2].b)
        if any(size.b < nearest[2].a for p, at, size in distances if p is not nearest[0]):
            return False  # Pringsheim
        lead = nearest[0].parts[-1].real
        if lead.b < 0:
            return False
        k = start
        while k <= MAX_DERIVATIVES:
            if _dominates(nearest, distances, k):
                return k
            k = max(2 * k, k + 4)
        return None


def _modulus(z: Any) -> Enclosure:
    return iv.sqrt(z.real**2 + z.imag**2)


def _dominates(nearest: tuple[Pole, Any, Enclosure], distances: list[tuple[Pole, Any, Enclosure]], k: int) -> bool:
    """Whether the highest term of the nearest pole outweighs all negative ones together at k and ever after.

    Each other term over it changes from k to k + 1 by a factor of at most q (k + l)/(k + m), falling with k."""
    pole, _, near = nearest
    m = len(pole.parts)
    lead = pole.parts[-1].real * comb(k + m - 1, m - 1) / near**m
    others = iv.mpf(0)
    for other, at, size in distances:
        positive = other.real and at.real.a > 0
        q = iv.mpf(1) if other is pole else near / size
        for order, part in enumerate(other.parts, 1):
            if (other is pole and order == m) or (positive and part.real.a >= 0):
                continue
            if (q * (k + order) / (k + m)).b > 1:
                return False
            others += _modulus(part) * comb(k + order - 1, order - 1) * q**k / size**order
    return bool(lead.a > others.b)


class _Monotonicity:
    """The derivatives of several functions at −r, by the function's number and the order of the derivative."""

    def __init__(self, functions: list[_Function]) -> None:
        self.functions = functions

    def guess(self) -> float:
        low, high = Fraction(0), Fraction(1)
        while high < 2**12 and not self.violated(high):
            low, high = high, 2 * high
        for _ in range(16):
            middle = (low + high) / 2
            low, high = (low, middle) if self.violated(middle) != {} else (middle, high)
        return float(low)

    def violated(self, r: Fraction) -> dict[Hashable, float] | None:
        found: dict[Hashable, float] = {}
        undecided = False
        for index, function in enumerate(self.functions):
            if function.D.degree() > 0 and function.has_pole_in(r):
                return {None: -1.0}
            with precision(BITS):
                tail = function.tail(iv.mpf(r.numerator) / r.denominator)
            if tail is False:
                found[None] = -1.0
            undecided |= tail is None
            # the first few are looked at in any case: their polynomials name the root
            found |= self._negative(index, r, min(tail, MAX_DERIVATIVES) if type(tail) is int else 8)
        if not found and undecided:
            for index in range(len(self.functions)):
                found |= self._negative(index, r, MAX_DERIVATIVES // 4)
            return found or None
        return found

    def _negative(self, index: int, r: Fraction, count: int) -> dict[Hashable, float]:
        """The negative ones of the first Taylor coefficients: by enclosure, exactly where that does not tell."""
        function = self.functions[index]
        found: dict[Hashable, float] = {}
        unclear: list[int] = []
        for bits in (BITS, 8 * BITS):
            with precision(bits):
                values = function.enclosed(iv.mpf(r.numerator) / r.denominator, count)
                found = {(index, k): float(x.b) for k, x in enumerate(values) if x.b < 0}
                unclear = [k for k, x in enumerate(values) if holds_zero(x)]
            if found or len(unclear) < 8:
                break
        if unclear and not found:
            field = function.D.domain
            at = field.convert(r.numerator) / field.convert(r.denominator)
            exact = function.coefficients(at, unclear[-1] + 1, lambda x: x)
            found = {(index, k): -1e-300 for k in unclear if function.sign(exact[k]) < 0}
        return found

    def numerator(self, key: Hashable) -> Poly | None:
        assert isinstance(key, tuple)
        return self.functions[key[0]].numerator(key[1])

    def enclosures(self, r: Enclosure) -> Mapping[Hashable, Enclosure] | None:
        found: dict[Hashable, Enclosure] = {}
        for index, function in enumerate(self.functions):
            tail = function.tail(r)
            if type(tail) is not int:
                return None
            if function.D.degree() > 0 and function.has_pole_in(Fraction(float(r.b)) + Fraction(1, 10**6)):
                return None
            found |= {(index, k): x for k, x in enumerate(function.enclosed(r, tail))}
        return found

    def unbounded(self) -> bool | None:
        """Whether every φ is a constant ≥ 0 plus Σ κ/(p − z)^l with p > 0 and κ ≥ 0: then it is so for every r."""
        return all(map(_nonnegative, self.functions)) or None


def _nonnegative(function: _Function) -> bool:
    whole = function.N.quo(function.D)
    return (
        function.D.degree() > 0
        and function.poles is not None
        and whole.degree() < 1
        and all(function.sign(c) >= 0 for c in whole.rep.to_list())
        and all(
            p.real and p.place.real.a > 0 and (min(p.exact) >= 0 if p.exact else all(x.real.a > 0 for x in p.parts))
            for p in function.poles
        )
    )
