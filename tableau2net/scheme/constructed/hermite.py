"""Methods with second derivatives from Hermite's polynomials, for any number of steps or stages: the interpolants take
f and, where it is known, its derivative g along the solution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from sympy import Expr, Rational

from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.polynomial import Polynomial
from tableau2net.scheme.two_derivative import TwoDerivativeMultistep, TwoDerivativeRungeKutta

MAX_STEPS = 12
MAX_NODES = 5


def enright(k: int) -> TwoDerivativeMultistep:
    """y_{n+k} − y_{n+k−1} = h Σ_j β_j f_{n+j} + h² γ_k g_{n+k}, order k + 2, A-stable for k ≤ 2 and stiffly stable to
    k = 7 (Enright 1974; HW II, V.3, eq. 3.2)."""
    *values, derived = (polynomial.integral(p, Fraction(k - 1), Fraction(k)) for p in _at_the_end(k))
    return _multistep([0] * (k - 1) + [-1, 1], values, [0] * k + [derived])


def second_derivative_bdf(k: int) -> TwoDerivativeMultistep:
    """Σ_j α_j y_{n+j} = h β_k f_{n+k} + h² γ_k g_{n+k}, order k + 1, stable for k ≤ 10 (HW II, V.3, eq. 3.12)."""
    *values, derived = (_second(p, k) for p in _at_the_end(k))
    lead = values[k]
    return _multistep([v / lead for v in values], [0] * k + [-derived / lead], [0] * k + [1 / lead])


def hermite_collocation(s: int) -> TwoDerivativeRungeKutta:
    """f and g at s equally spaced nodes of [0, 1] by Hermite's polynomial, integrated: order 2s (Kastlunger & Wanner,
    Computing 9, 1972). s = 2 is the formula of Obreshkov whose stability function is Padé's (2, 2)."""
    nodes = [Fraction(i, s - 1) for i in range(s)]
    values, derived = _hermite(nodes)

    def row(basis: Sequence[Polynomial], end: Fraction) -> tuple[Expr, ...]:
        return _exact(polynomial.integral(p, Fraction(0), end) for p in basis)

    return TwoDerivativeRungeKutta(
        A=[row(values, c) for c in nodes],
        Adot=[row(derived, c) for c in nodes],
        b=row(values, Fraction(1)),
        bdot=row(derived, Fraction(1)),
    )


def _at_the_end(k: int) -> list[Polynomial]:
    """The basis of the polynomials through values at 0 … k and, the last of them, a slope at k."""
    end, lagrange = Fraction(k), polynomial.lagrange([Fraction(j) for j in range(k + 1)])
    steep = polynomial.value(polynomial.derivative(lagrange[k]), end)
    others = [polynomial.product(p, [-end / (j - k), Fraction(1, j - k)]) for j, p in enumerate(lagrange[:k])]
    last = polynomial.product(lagrange[k], [1 + steep * end, -steep])
    return [*others, last, polynomial.product(lagrange[k], [-end, Fraction(1)])]


def _hermite(nodes: Sequence[Fraction]) -> tuple[list[Polynomial], list[Polynomial]]:
    """The basis of the polynomials through values and slopes at the nodes."""
    values, derived = [], []
    for x, p in zip(nodes, polynomial.lagrange(nodes), strict=True):
        square, steep = polynomial.product(p, p), 2 * polynomial.value(polynomial.derivative(p), x)
        values.append(polynomial.product(square, [1 + steep * x, -steep]))
        derived.append(polynomial.product(square, [-x, Fraction(1)]))
    return values, derived


def _second(p: Polynomial, k: int) -> Fraction:
    return Fraction(polynomial.value(polynomial.derivative(polynomial.derivative(p)), Fraction(k)))


def _multistep(
    alpha: Iterable[Fraction | int], beta: Iterable[Fraction | int], gamma: Iterable[Fraction | int]
) -> TwoDerivativeMultistep:
    return TwoDerivativeMultistep(alpha=_exact(alpha), beta=_exact(beta), gamma=_exact(gamma))


def _exact(row: Iterable[Fraction | int]) -> tuple[Expr, ...]:
    return tuple(Rational(Fraction(x).numerator, Fraction(x).denominator) for x in row)


def _family(
    name: str,
    build: Callable[[int], TwoDerivativeMultistep],
    title: str,
    reference: str,
    more: int,
    stable_to: int,
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(1, MAX_STEPS + 1),
        build=build,
        title=lambda k: f"{title}, {k} step{'s' * (k > 1)}",
        reference=reference,
        claims=lambda k: {"order": k + more, "zero_stable": k <= stable_to, "explicit": False},
        kind="two-derivative-multistep",
        listed=4,
    )


register_scheme_patterns(
    _family("enright", enright, "Enright's second-derivative method", "Enright 1974; HW II, V.3", 2, MAX_STEPS),
    _family("second-derivative-bdf", second_derivative_bdf, "Second-derivative BDF", "HW II, V.3, eq. 3.12", 1, 10),
    SchemePattern(
        pattern="hermite-collocation-{}",
        members=range(2, MAX_NODES + 1),
        build=hermite_collocation,
        title=lambda s: f"Two-derivative collocation at {s} equally spaced nodes",
        reference="Kastlunger and Wanner 1972, Computing 9, pp. 317-325",
        claims=lambda s: {"order": 2 * s, "stiffly_accurate": True, "explicit": False},
        kind="two-derivative-runge-kutta",
        listed=3,
    ),
)
