"""The polynomial of given degree and order that is stable for the longest step on a spectrum, and a scheme that has it.

Sought in floats (`convex`), then rounded to rational coefficients a little within the optimum and certified: on a line
or on a stencil by the exact findings of the scheme, for every point of it; on a list of points by exact arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import factorial
from typing import Any

import numpy as np
from sympy import CRootOf, Expr, Float, I, Poly, Rational, Symbol, expand, sympify

from tableau2net.analysis.budget import budget
from tableau2net.analysis.search.convex import SHORTEST, Complex, Spectrum
from tableau2net.analysis.space.cfl import cfl
from tableau2net.analysis.space.damping import damped
from tableau2net.analysis.space.symbol import sampled
from tableau2net.analysis.stability import stability
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import RungeKutta, Stencil, as_stencil

MOST_STAGES, MOST_POINTS = 16, 2000
ANGLES = 100  # for each stage
NOTHING = 1e-12
WITHIN = tuple(Fraction(n, 10**6) for n in (1, 10, 30, 100, 300, 1000, 3000, 10000))
ALMOST = 0.9995  # of what is aimed at: a proved step that is farther off, below or above, is no proof of an optimum
LINES = {"real": "real_interval", "imaginary": "imaginary_interval"}


@dataclass(frozen=True)
class StabilityPolynomial:
    """R(z) = Σ a_j z^j, stable on hλ for all λ of a spectrum.

    coefficients: a_0 … a_s, rational; the first p + 1 are 1/j!.  step: h, proved (the true largest may be larger).
    float_step: the optimum in floats, which nothing proves.  proved: in words, what `step` holds for.
    table: an explicit Runge–Kutta scheme with that R; on problems that are not linear its order is two at most, but for
    what the polynomial happens to give."""

    spectrum: str
    order: int
    coefficients: tuple[Rational, ...]
    step: Expr
    float_step: float
    proved: str
    table: RungeKutta

    @property
    def stages(self) -> int:
        """The degree s, which is the number of stages."""
        return len(self.coefficients) - 1

    def to_dict(self) -> dict[str, Any]:
        """For JSON, numbers exact."""
        return {
            "spectrum": self.spectrum,
            "stages": self.stages,
            "order": self.order,
            "coefficients": [exact_json(a) for a in self.coefficients],
            "step": exact_json(self.step),
            "float_step": self.float_step,
            "proved": self.proved,
        }

    def __str__(self) -> str:
        return (
            f"{self.stages} stages, order {self.order} on {self.spectrum}: step {float(self.step):.8g}, proved "
            f"{self.proved}; float optimum {self.float_step:.8g}"
        )


def optimal_stability_polynomial(
    spectrum: str | Stencil | Iterable[object], stages: int, order: int = 1
) -> StabilityPolynomial:
    """The polynomial of degree `stages` that agrees with e^z to `order` and is stable for the longest step on a
    spectrum (Ketcheson, Ahmadia 2012).

    spectrum: "real" for [−1, 0], "imaginary" for [−i, i], a stencil or its name (h is then its limit on the equation
    that `cfl` names), or points λ: complex numbers, or exact ones of sympy.  The conjugates of points are meant too.
    Raises InputError for other spectra, for points to the right of 0, where no step is stable.
    """
    if type(stages) is not int or type(order) is not int or not 1 <= order <= stages <= MOST_STAGES:
        raise InputError(
            f"stages = {stages}, order = {order}: whole numbers with 1 <= order <= stages <= {MOST_STAGES}"
        )
    found = _Places(spectrum, ANGLES * stages)
    found.some_step(stages, order)
    problem = Spectrum(found.points, stages, order)
    rough = problem if found.exact else Spectrum(found.points[::4], stages, order)
    best = rough.largest_step(found.longest(stages), tolerance=1e-4)
    if 0 < best < np.inf:
        best = problem.largest_step(1.001 * best, 0.999 * best)
    if not 0 < best < np.inf:
        over = f"no step over {SHORTEST / problem.size:.3g}" if not best else "no longest step"
        raise InputError(f"{found.name}: with {stages} stages of order {order} {over} was found")
    for within in WITHIN:
        h = Fraction(best) * (1 - within)
        a = _rounded(problem.coefficients(problem.least(float(h), enough=False)[1], h), order, h, problem.size, within)
        table = realised(a, name=f"optimal-{stages}-{order}")
        step = found.certified(table, a, h)
        if step is None or not ALMOST * (1 - within) <= float(step) / best <= 1 / ALMOST:
            continue  # far below: it stops at a place between the points; far above: the floats missed the optimum
        title = f"Explicit, {stages} stages, linear order {order}, for {found.name}"
        table = replace(table, title=title, reference="Ketcheson and Ahmadia 2012, CAMCoS 7, pp. 247-271: the problem")
        return StabilityPolynomial(found.name, order, a, step, best, found.proved, table)
    raise InputError(f"{found.name}: a float optimum of {best:.6g} was found, and nothing near it could be certified")


def realised(coefficients: Iterable[object], name: str = "") -> RungeKutta:
    """An explicit Runge–Kutta scheme whose stability function is Σ a_j z^j, with a_0 = 1.

    Y_i = y + h γ_i f(Y_{i−1}) and one last evaluation, γ = a_s/a_{s−1}, …, a_2/a_1 (Jameson's form: one field value is
    kept); where an a_j is 0, Y_i = y + h f(Y_{i−1}) with weights a_i − a_{i+1}. With a_1 = 1 the order is 1 at
    least, with a_2 = 1/2 too it is 2. Raises InputError where a_0 is not 1, or there is no stage.
    """
    a = [Rational(x) if isinstance(x, int | Fraction) else sympify(x) for x in coefficients]
    if len(a) < 2 or a[0] != 1 or a[-1] == 0:
        raise InputError("coefficients: 1 first, then those of z, z², …, the last of them not 0")
    s = len(a) - 1
    zero = Rational(0)
    if all(x != 0 for x in a):
        ratios = [a[s - i + 1] / a[s - i] for i in range(1, s)]  # of the second stage, of the third, …
        A = [[*[zero] * (i - 1), ratios[i - 1]] if i else [] for i in range(s)]
        return RungeKutta(A=A, b=[*[zero] * (s - 1), a[1]], name=name)
    b = [a[i] - (a[i + 1] if i < s else zero) for i in range(1, s + 1)]
    return RungeKutta(A=[[*[zero] * (i - 1), Rational(1)] if i else [] for i in range(s)], b=b, name=name)


def _rounded(a: list[Fraction], order: int, h: Fraction, size: float, within: Fraction) -> tuple[Rational, ...]:
    """Rational coefficients, off by so little that R changes by less than a part of what it is within the disk by."""
    exact = [Rational(x.numerator, x.denominator) for x in a[: order + 1]]
    for j in range(order + 1, len(a)):
        unit = Fraction(1, 10**4) * within / len(a) / max(h * Fraction(size), Fraction(1)) ** j
        scale = 10 ** max(0, len(str(int(1 / unit))))
        exact.append(Rational(round(a[j] * scale), scale))
    return tuple(exact)


class _Places:
    """A spectrum: its points in floats, and how a step on it is proved."""

    def __init__(self, given: str | Stencil | Iterable[object], many: int) -> None:
        self.stencil: Stencil | None = None
        self.exact: list[tuple[Fraction, Fraction]] = []
        self.line = given if isinstance(given, str) and given in LINES else ""
        if self.line:
            x = np.concatenate([(1 - np.cos(np.linspace(0, np.pi, many))) / 2, np.geomspace(1e-3, 1, 60)])
            self.points: Complex = (-x if self.line == "real" else 1j * x)[x > 0].astype(complex)
            self.name = "[-1, 0]" if self.line == "real" else "[-i, i]"
            self.proved = "for all of the interval"
        elif isinstance(given, str | Stencil):
            self.stencil = as_stencil(given)
            self._waves(self.stencil, many)
        else:
            self._listed(given)
        self.points = self.points[np.abs(self.points) > NOTHING * np.abs(self.points).max()]
        if (self.points.real > NOTHING * np.abs(self.points).max()).any():
            raise InputError(f"{self.name}: a point lies to the right of 0, where solutions grow")

    def _waves(self, stencil: Stencil, many: int) -> None:
        if stencil.dimension != 1 or stencil.parameters:
            raise InputError(f"{stencil.name or 'stencil'}: one on one axis, without open parameters, is expected")
        signs = damped(stencil)
        if not signs:
            raise InputError(f"{stencil.name or 'stencil'}: its waves grow in space alone, so that no step is stable")
        angles = np.concatenate([np.linspace(0, np.pi, many), np.geomspace(1e-3, np.pi, 60)])
        self.points = float(signs[0]) * sampled(stencil, angles)
        self.name, self.proved = stencil.name or "the stencil", "for all waves"

    def _listed(self, given: Iterable[object]) -> None:
        self.name = "the points"
        try:
            numbers = [_exact(x) for x in given]
        except TypeError:
            raise InputError('spectrum: "real", "imaginary", a stencil, or a list of complex numbers') from None
        if not 1 <= len(numbers) <= MOST_POINTS:
            raise InputError(f"spectrum: {len(numbers)} points, from 1 to {MOST_POINTS} are read")
        largest = max(abs(complex(float(x), float(y))) for x, y in numbers)
        numbers = [
            n for n in numbers if abs(complex(float(n[0]), float(n[1]))) > NOTHING * largest
        ]  # 0, or as good as that
        if not numbers:
            raise InputError("spectrum: no point but 0, every step is stable")
        self.exact = numbers
        self.points = np.array([complex(float(x), float(y)) for x, y in numbers])
        self.name = f"{len(numbers)} points"
        self.proved = "at each of the points, for this step"

    def longest(self, stages: int) -> float:
        """Where the search for the step begins: on an interval no step is longer."""
        reach = 1.05 * stages if self.line == "imaginary" else 2.2 * stages**2
        return reach / float(np.abs(self.points).max())

    def some_step(self, stages: int, order: int) -> None:
        """Refuse points that are stable with every step, and where all is fixed by the order, those that never are."""
        numbers = {(x, abs(y)) for x, y in self.exact}
        if numbers and sum(2 if y else 1 for _, y in numbers) <= stages - order:
            raise InputError(
                f"{self.name}: every step is stable, as R of {stages} stages and order {order} can vanish at so few "
                "points (conjugates counted); give more points or fewer stages"
            )
        for x, y in sorted(numbers or ({(Fraction(0), Fraction(1))} if self.line == "imaginary" else ())):
            if stages == order and _never(x, y, order, near=bool(self.line)):
                when, place = "small h" if self.line else "h", Rational(x) + I * Rational(y)
                raise InputError(
                    f"{self.name}: no step is stable with {stages} stages of order {order}, |R(hλ)| > 1 for all "
                    f"{when} > 0 at λ = {place}"
                )

    def certified(self, table: RungeKutta, a: tuple[Rational, ...], h: Fraction) -> Expr | None:
        """A step that is proved; None where none is."""
        if self.exact:
            return Rational(h.numerator, h.denominator) if self._within(a, h) else None
        with budget(30.0):
            if self.stencil is None:
                found = getattr(stability(table), LINES[self.line])
                return None if found is None or not found > 0 else _below(found)
            limit = cfl(table, self.stencil)
        if limit.kind not in ("exact", "isolated", "decimal") or not float(limit.enclosure[0]) > 0:
            return None
        return _below(limit.enclosure[0])

    def _within(self, a: tuple[Rational, ...], h: Fraction) -> bool:
        """|R(hλ)| ≤ 1 at all points, exactly, by Horner's rule in rational complex numbers."""
        coefficients = [Fraction(int(c.p), int(c.q)) for c in reversed(a)]
        for x, y in ((h * x, h * y) for x, y in self.exact):
            real, imaginary = Fraction(0), Fraction(0)
            for c in coefficients:
                real, imaginary = real * x - imaginary * y + c, real * y + imaginary * x
            if real**2 + imaginary**2 > 1:
                return False
        return True


def _never(x: Fraction, y: Fraction, order: int, *, near: bool) -> bool:
    """Whether |R(hλ)| > 1 for all h > 0, with `near` for all small ones, R = Σ z^j/j!."""
    h = Symbol("h", real=True)
    z = h * (Rational(x.numerator, x.denominator) + I * Rational(y.numerator, y.denominator))
    real, imaginary = expand(sum(z**j / factorial(j) for j in range(order + 1))).as_real_imag()
    gap = Poly(expand(real**2 + imaginary**2 - 1), h)
    while gap.eval(0) == 0:
        gap = gap.quo(Poly(h, h))
    return bool(gap.eval(0) > 0 if near else gap.LC() > 0 and gap.count_roots(0) == 0)


def _below(value: Expr) -> Expr:
    """The number itself where it is short, else a rational just below it."""
    if value.is_Rational and len(str(value)) < 40:
        return value
    if not value.has(CRootOf) and not value.atoms(Float) and len(str(value)) < 80:
        return value
    scale = 10**12
    return Rational(int((value.evalf(30) * scale).floor()) - 1, scale)


def _exact(value: object) -> tuple[Fraction, Fraction]:
    """A complex number as two fractions: floats are meant as they stand."""
    if isinstance(value, complex | float | np.floating | np.complexfloating):
        number = complex(value)
        if not (np.isfinite(number.real) and np.isfinite(number.imag)):
            raise InputError(f"spectrum: {value} is not finite")
        return Fraction(number.real), Fraction(number.imag)
    if isinstance(value, int | Fraction | np.integer):
        return Fraction(int(value)) if not isinstance(value, Fraction) else value, Fraction(0)
    if isinstance(value, Expr):
        parts = value.as_real_imag()
        if all(p.is_Rational for p in parts):
            real, imaginary = (Fraction(int(p.p), int(p.q)) for p in parts)
            return real, imaginary
    raise InputError(f"spectrum: {str(value)[:40]!r} is no complex number; floats, fractions, or x + {I}*y of sympy")
