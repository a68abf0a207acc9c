"""The step program read on y' = λy (and y'' = λy): the stability function and the characteristic polynomial, exactly.

A step is then x⁺ = M(z) x with M = V + zB(I − zA)^{-1}U of its `LinearForm`. Nothing is divided: det(I − zA) is
multiplied together from the groups that are solved for, and the numerators are cut from the power series of M.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from sympy import QQ, Expr, Poly, Symbol

from tableau2net.errors import InputError
from tableau2net.exact.balls import Balls
from tableau2net.exact.components import components
from tableau2net.exact.domain import Domain
from tableau2net.exact.series import Ring, Series, determinant, negative, reversed_characteristic, times
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import Combine, Step, lower
from tableau2net.step.forms import LinearForm, Matrix, Row, combined, linear_form
from tableau2net.step.passes import prune

Z = Symbol("z")
ZETA = Symbol("zeta")
WEIGHTS = tuple(Symbol(f"w{i}") for i in range(1, 5))  # of z in each field of an additive scheme, where they are open
MAX_SYMBOLS, MAX_OPEN_STAGES = 8, 8  # beyond these, parameters are set to their declared values


@dataclass(frozen=True)
class Curve:
    """Φ(ζ, z), the characteristic polynomial of a step on y' = λy: Σ_j coefficients[j] ζ^j, each a polynomial in z.

    Of a one-step method it is Qζ − P. Common factors in z are cancelled; the highest power's constant term is 1.
    rough: the same from balls, where a source printed decimals.
    factors: whose product it is, where some of what is handed on never acts back on the rest (an estimate of the error
    that is carried along, say). Their roots may coincide for every z, which decimals would not show in the product."""

    coefficients: tuple[Poly, ...]
    rough: tuple[Series, ...] | None = None
    factors: tuple[Curve, ...] = ()

    @property
    def steps(self) -> int:
        """The degree in ζ."""
        return len(self.coefficients) - 1

    @property
    def poly(self) -> Poly:
        """Φ as a sympy polynomial in ζ and z."""
        terms = {(j, *m): c for j, p in enumerate(self.coefficients) for m, c in p.as_dict().items()}
        return Poly(terms or {(0, 0): 0}, ZETA, Z, domain=self.coefficients[-1].domain)


@by_name(Scheme)
def stability_function(scheme: Scheme, *, part: int | None = None, embedded: bool = False) -> tuple[Poly, Poly]:
    """P and Q in z = hλ, coprime, Q(0) = 1, with y_{n+1} = P/Q y_n on y' = λy (HW II, IV.3).

    With several fields: z the same in each, or, with `part`, zero in all others. `embedded`: of the embedded method.
    Parameters stay open where that is possible. Raises InputError where there is none: multistep methods, several
    states.
    """
    curve = _curve(scheme, part, embedded)
    if curve is None or len(curve.coefficients) != 2 or lower(scheme).history:
        raise InputError(f"{scheme.name or 'scheme'}: not a one-step method for one state, so no stability function")
    return -curve.coefficients[0], curve.coefficients[1]


@by_name(Scheme)
def characteristic_polynomial(scheme: Scheme, *, part: int | None = None) -> Poly:
    """Φ in ζ and z whose roots ζ are the factors by which solutions of y' = λy grow in a step, roots 0 left out:
    ρ(ζ) − zσ(ζ) for a linear multistep method (HW II, V.1), Qζ − P for a one-step method.

    For methods for y'' = f, z stands for h²λ with y'' = λy. Raises InputError where there are several states."""
    curve = _curve(scheme, part, False)
    if curve is None:
        raise InputError(f"{scheme.name or 'scheme'}: several states, so there is no single z = hλ")
    return curve.poly


def curve(scheme: Scheme, part: int | None = None, *, embedded: bool = False) -> Curve | None:
    """Φ(ζ, z) of a scheme; None where there are several states."""
    return _curve(scheme, part, embedded)


def free_of_parameters(scheme: Scheme) -> bool:
    """Whether Φ(ζ, z) is known to be the same for all values of a scheme's parameters."""
    found = None if _many_symbols(prune(lower(scheme))) else _curve(scheme, None, False)
    return found is not None and found.poly.as_expr().free_symbols <= {Z, ZETA}


@cache
def weighted_curve(scheme: Scheme, weights: tuple[Expr, ...]) -> Curve | None:
    """Φ(ζ, z) of an additive scheme where z of each field is so many times z, parameters at their declared values;
    where the weights are `WEIGHTS`, they stay open: c z^{a+b} w_1^a w_2^b stands for c z_1^a z_2^b."""
    fixed = scheme.at_defaults()
    digits = None if any(w.free_symbols for w in weights) else fixed.digits
    return curve_of(prune(lower(fixed)), digits=digits, weights=weights)


@cache
def _curve(scheme: Scheme, part: int | None, embedded: bool) -> Curve | None:
    step = lower(scheme)
    if embedded:
        if step.estimate is None:
            raise InputError(f"{scheme.name or 'scheme'} has no embedded method")
        step = replace(step, outputs=(step.estimate, *step.outputs[1:]), estimate=None)
    step = prune(step)
    if _many_symbols(step):
        return _curve(scheme.at_defaults(), part, embedded)
    return curve_of(step, part, scheme.digits)


def _many_symbols(step: Step) -> bool:
    """Whether products of parameters would be too long. In one combination, a multistep method's, each stands alone."""
    if sum(isinstance(op, Combine) for op in step.flat()) < 2:
        return False
    return len(step.parameters) > MAX_SYMBOLS or bool(step.parameters and step.evaluations > MAX_OPEN_STAGES)


def curve_of(
    step: Step, part: int | None = None, digits: int | None = None, weights: tuple[Expr, ...] = ()
) -> Curve | None:
    """Φ(ζ, z) of a step program."""
    reading = linear_form(step, weights=weights)
    if reading is None:
        return None
    rough = linear_form(step, Balls(digits), weights) if digits else None
    if part is not None:
        reading, rough = reading.alone(part), rough and rough.alone(part)
    exact = _Transfer(reading)
    balls = None if rough is None else _Transfer(rough)
    whole = _curve_of_rows(exact, balls, range(reading.size))
    blocks = (balls or exact).blocks() if reading.size > 1 else []
    factors = [_curve_of_rows(exact, balls, rows) for rows in blocks] if len(blocks) > 1 else []
    acting = tuple(p for p in factors if not p.coefficients[0].is_zero)
    return replace(whole, factors=acting if len(acting) > 1 else ())


def _curve_of_rows(exact: _Transfer, balls: _Transfer | None, rows: Sequence[int]) -> Curve:
    """Φ of what is handed on in some rows alone."""
    assert isinstance(exact.ring.arithmetic, Domain)
    found = exact.characteristic(rows)
    rough = None if balls is None else balls.characteristic(rows)
    if rough is not None:
        found = [snapped(e, r) for e, r in zip(found, rough, strict=True)]
    polys = [Poly(list(reversed(c)) or [0], Z, domain=exact.ring.arithmetic.domain) for c in found]
    return _normal(polys) if balls is None or rough is None else _with_balls(polys, rough, balls.ring.arithmetic)


def _with_balls(polys: list[Poly], rough: list[Series], arithmetic: Balls) -> Curve:
    curve = _normal(polys)
    divided = _divided(rough, _common(polys), Ring(arithmetic, max(map(len, rough)) - 1))
    return replace(curve, rough=tuple(divided[-len(curve.coefficients) :]))


def _divided(rough: list[Series], common: Poly, ring: Ring) -> list[Series]:
    """What is divided exactly, in balls too: else their coefficients stand beside those of other polynomials."""
    n = len(common.rep.to_list()) - 1
    if not n:
        return rough
    inverse = _inverse([ring.arithmetic.convert(c / common.nth(0)) for c in reversed(common.all_coeffs())], ring)
    return [times(inverse, p, ring)[: max(len(p) - n, 0)] for p in rough]


class _Transfer:
    """M(z) times det(I − zA), entries of degree s in z at most, and that determinant; lowest power first."""

    def __init__(self, reading: LinearForm) -> None:
        self.reading, self.ring = reading, Ring(reading.arithmetic, len(reading.A))
        self.denominator = self._denominator()
        self.numerators = self._numerators()

    def _denominator(self) -> Series:
        ring, A = self.ring, self.reading.A
        product = [ring.one]
        for group in self.reading.groups:
            inner = [[A[i].get(j, ring.zero) for j in group] for i in group]
            product = times(product, determinant(inner, ring), ring)
        return product

    def _numerators(self) -> list[list[Series]]:
        ring, A, B = self.ring, self.reading.A, self.reading.B
        rows: list[list[Row]] = [[row] for row in self.reading.V]  # V, BU, BAU, BA²U, … row by row
        power: Sequence[Row] = self.reading.U
        for k in range(ring.degree):
            for powers, row in zip(rows, _product(B, power), strict=True):
                powers.append(row)
            power = _product(A, power) if k + 1 < ring.degree else power

        def series(powers: list[Row], j: int) -> Series:
            """An entry of M; empty where nothing leads there."""
            there = any(j in row for row in powers)
            return [row.get(j, ring.zero) for row in powers] if there else []

        columns = range(self.reading.size)
        return [[times(self.denominator, series(powers, j), ring) for j in columns] for powers in rows]

    def characteristic(self, rows: Sequence[int]) -> list[Series]:
        """det(I − zA)·det(ζI − M(z)) of some rows and columns, by the powers of ζ: a polynomial of degree s in z at
        most."""
        if len(rows) == 1:
            return [negative(self.numerators[rows[0]][rows[0]], self.ring), self.denominator]
        order = list(reversed(rows))  # the oldest first: what is only shifted then costs nothing
        matrix = [[times(self._inverse, self.numerators[i][j], self.ring) for j in order] for i in order]
        found = reversed_characteristic(matrix, self.ring)
        return [times(self.denominator, c, self.ring) for c in reversed(found)]

    def blocks(self) -> list[list[int]]:
        """The rows in the classes that act on each other, for some z."""
        return components([[j for j, entry in enumerate(row) if any(entry)] for row in self.numerators])

    @cached_property
    def _inverse(self) -> Series:
        return _inverse(self.denominator, self.ring)


def _inverse(series: Series, ring: Ring) -> Series:
    """1/series, for a series that begins with 1."""
    found = [ring.one]
    for n in range(1, ring.degree + 1):
        total = ring.zero
        for j in range(1, min(n, len(series) - 1) + 1):
            total = total - series[j] * found[n - j]
        found.append(total)
    return found


def snapped(exact: Series, rough: Series) -> Series:
    """What may be zero to the printed decimals, as zero."""
    return [e if r else e * 0 for e, r in zip(exact, rough, strict=True)]


def _normal(coefficients: list[Poly]) -> Curve:
    """Without roots ζ = 0 that hold for all z, without common factors in z, over the smallest domain."""
    while len(coefficients) > 2 and coefficients[0].is_zero:
        coefficients = coefficients[1:]
    common = _common(coefficients)
    if common.degree() > 0:
        coefficients = [p.exquo(common) for p in coefficients]
    first = coefficients[-1].nth(0)
    if first != 1 and first != 0:
        coefficients = [p.quo_ground(first) for p in coefficients]
    return Curve(_smallest(coefficients))


def _common(coefficients: list[Poly]) -> Poly:
    """Their greatest common divisor."""
    common = coefficients[-1]
    for p in coefficients[:-1]:
        if common.degree() < 1:
            break
        common = common.gcd(p)
    return common


def _smallest(coefficients: list[Poly]) -> tuple[Poly, ...]:
    """Over ℚ, where every coefficient is rational though it was found in a number field."""
    domain = coefficients[-1].domain
    if not domain.is_AlgebraicField:
        return tuple(coefficients)
    entries = [[domain.convert(c).to_list() for c in p.rep.to_list()] for p in coefficients]
    if any(len(c) > 1 for p in entries for c in p):
        return tuple(coefficients)
    return tuple(Poly([c[0] if c else QQ(0) for c in p] or [0], Z, domain=QQ) for p in entries)


def _product(left: Matrix, right: Sequence[Row]) -> list[Row]:
    known = dict(enumerate(right))
    return [combined([(x, j) for j, x in row.items()], known, None) for row in left]
