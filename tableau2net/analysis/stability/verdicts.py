"""Linear stability, decided exactly: what a scheme does to y' = λy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from sympy import Expr, Poly, Rational, S, Symbol, oo, sqrt

from tableau2net.analysis.budget import TooMuch, ask, remembered
from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.reading.linear import Curve, Z, curve
from tableau2net.analysis.stability.a_stability import alpha_degrees, no_poles_on_the_left, vanishes_at_infinity
from tableau2net.analysis.stability.boundary import (
    MAX_STEPS,
    Ray,
    e_polynomial,
    imaginary_axis,
    negative_axis,
    negative_axis_of_vibrations,
)
from tableau2net.analysis.stability.decimals import meant
from tableau2net.analysis.stability.unit_disk import root_condition
from tableau2net.analysis.stability.zero_stability import characteristic, effective_step, zero_stable
from tableau2net.exact.polynomials import non_negative
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import lower

__all__ = ["Stability", "Z", "characteristic", "effective_step", "root_condition", "stability", "zero_stable"]

Y = Symbol("y")


@dataclass(frozen=True)
class Stability:
    """What is known of a scheme on y' = λy, z = hλ; None where a question does not apply or was not decided.

    kind: "exact"; "declared values" where parameters were set to them for the verdicts; "decimal" where a source
    printed decimals and what is zero to these was taken as zero.
    numerator, denominator: P and Q of the stability function of a one-step method.  characteristic: Φ(ζ, z) of the
    others. In parameters, where there are any.
    e_polynomial: E(y) = |Q(iy)|² − |P(iy)|² (HW II, IV.3).
    a_stable: no solution grows for Re z ≤ 0.  l_stable: and R(∞) = 0 (all ζ → 0).  i_stable: none grows for Re z = 0.
    alpha_degrees: the largest α for which the sector |arg(−z)| ≤ α is stable, a float; 0.0 where none is.
    real_interval: the largest x with [−x, 0] stable.  imaginary_interval: the same for [−ix, ix].
    Of a method for y'' = f, z is h²λ, and only these and the real interval are said.
    parts: with several fields, each of them alone; everything else is then said for the same z in all.
    """

    kind: str
    zero_stable: bool | None
    numerator: Poly | None = None
    denominator: Poly | None = None
    characteristic: Poly | None = None
    e_polynomial: Poly | None = None
    a_stable: bool | None = None
    l_stable: bool | None = None
    i_stable: bool | None = None
    alpha_degrees: float | None = None
    real_interval: Expr | None = None
    imaginary_interval: Expr | None = None
    parts: tuple[Stability, ...] = ()

    @property
    def function(self) -> Expr | None:
        """R(z), or Φ(ζ, z) of a method with a history."""
        if self.numerator is not None and self.denominator is not None:
            return self.numerator.as_expr() / self.denominator.as_expr()
        return None if self.characteristic is None else self.characteristic.as_expr()


@by_name(Scheme)
@remembered
def stability(scheme: Scheme) -> Stability:
    """Decide everything in `Stability`, exactly but for the angle.

    Raises InputError when the coefficients lie outside what can be computed exactly."""
    step = lower(scheme)
    parts = range(step.parts) if step.parts > 1 and len(step.states) == 1 and not step.operators("linear") else ()
    whole = _stability(scheme, None)
    return replace(whole, parts=tuple(_stability(scheme, part) for part in parts))


def _stability(scheme: Scheme, part: int | None) -> Stability:
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    alone = "" if part is None else f" of field {part + 1} alone"
    stable_at_zero = ask("zero-stability", lambda: zero_stable(fixed))
    kind = "decimal" if scheme.digits else "declared values" if scheme.parameters else "exact"
    unknown = Stability(kind, stable_at_zero)
    curves = ask(f"stability function{alone}", lambda: (curve(scheme, part), curve(fixed, part)))
    shown, phi = curves or (None, None)
    if shown is None or phi is None:
        return unknown
    step = lower(scheme)
    if step.history and scheme.digits:
        phi = meant(phi, step.derivative, step.parts if part is None else 1)
    known = replace(unknown, **_functions(shown, phi, alone, history=bool(step.history)))
    return known if stable_at_zero is None else replace(known, **_verdicts(fixed, phi, alone, stable_at_zero))


def _functions(shown: Curve, phi: Curve, alone: str, *, history: bool) -> dict[str, Any]:
    if history:
        return {"characteristic": shown.poly}
    square = ask(f"E-polynomial{alone}", lambda: e_polynomial(phi).replace(Y).compose(Poly(Y**2, Y)))
    return {"numerator": -shown.coefficients[0], "denominator": shown.coefficients[1], "e_polynomial": square}


def _verdicts(scheme: Scheme, phi: Curve, alone: str, stable_at_zero: bool) -> dict[str, Any]:
    """What is decided of a scheme without open parameters."""
    if max(p.steps for p in phi.factors or (phi,)) > MAX_STEPS:
        ask(f"stability intervals{alone}", lambda: _too_long(phi))
        return {"a_stable": False, "l_stable": False} if _beyond_the_barrier(scheme) else {}
    vibrations = lower(scheme).derivative == 2
    axis = negative_axis_of_vibrations if vibrations else negative_axis
    negative = partial(_reach, axis, phi, stable_at_zero, scheme.digits)
    along = ask(f"real interval{alone}", negative)
    if vibrations:
        return {"real_interval": None if scheme.digits and along is not None and _touches(phi, along) else along}
    up = ask(
        f"imaginary interval{alone}", partial(_reach, imaginary_axis, phi, stable_at_zero, scheme.digits, square=True)
    )
    i_stable = _i_stable(phi, alone, stable_at_zero, up)
    a_stable = i_stable and ask(f"A-stability{alone}", lambda: no_poles_on_the_left(phi))
    alpha = 90.0 if a_stable else 0.0 if along is not None and along != oo else None
    if alpha is None and a_stable is False and along == oo:
        alpha = ask(f"A(α)-stability{alone}", lambda: alpha_degrees(phi))
    return {
        "a_stable": a_stable,
        "l_stable": a_stable and vanishes_at_infinity(phi),
        "i_stable": i_stable,
        "alpha_degrees": alpha,
        "real_interval": along,
        "imaginary_interval": up,
    }


def _i_stable(phi: Curve, alone: str, stable_at_zero: bool, up: Expr | None) -> bool | None:
    if phi.steps > 1:
        return None if up is None else up == oo
    return stable_at_zero and ask(f"I-stability{alone}", lambda: non_negative(e_polynomial(phi)))


def _too_long(phi: Curve) -> NoReturn:
    raise TooMuch(f"a history of {phi.steps} steps, at most {MAX_STEPS}")


def _beyond_the_barrier(scheme: Scheme) -> bool:
    """Whether it is a linear multistep method of order over 2, which none is that is A-stable (Dahlquist's second
    barrier; HW II, V.1, Theorem 1.4)."""
    method = scheme.formula()
    return method is not None and len(method.betas) == method.derivative == 1 and order(scheme) > 2


def _touches(phi: Curve, reach: Expr) -> bool:
    """Whether a pair of roots on the circle that meets there stays on it just beyond: to printed decimals it may leave
    the circle or not."""
    if reach in (S.Zero, oo) or len(phi.coefficients) != 3:
        return False
    first, middle, last = phi.coefficients
    beyond = -reach * (1 + Rational(1, 10**6))
    return bool((middle**2 - 4 * first * last).eval(beyond) < 0)


def _reach(
    axis: Callable[[Curve], Ray], phi: Curve, stable_at_zero: bool, digits: int | None, square: bool = False
) -> Expr:
    """How far a ray stays stable: 0 where it does not begin so, oo where it never ends; a float to decimals."""
    end = axis(phi).exit() if stable_at_zero else 0
    if end is None:
        return oo
    if isinstance(end, int):
        return S.Zero
    if digits:
        value = end.decimal()
        return (sqrt(value) if square else value).n(min(digits, 30))
    return end.square_root() if square else end.expression()
