"""Internal stability: how far an error that is made in one stage of an explicit method is amplified until the end.

A method is run from its tableau or from a Shu–Osher form. Of the canonical form with parameter r, α = rβ and
β = K(I + rK)⁻¹ with K = (A 0; bᵀ 0), an error in stage j comes out as Q_j(z) = (z + r) bᵀ(I − zA)⁻¹e_j times as large
(Ketcheson, Lóczi & Parsani 2014, eq. 2.12); r = 0 is the tableau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sympy import Expr, Poly, Rational, S

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.reading.linear import Z, stability_function
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import RungeKutta, Scheme, by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BOXES, MAX_LOOKS = 200_000, 60
UNIT = 2.0**-53
HALVES = ((-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5), (0.5, 0.5))


@dataclass(frozen=True)
class Amplification:
    """The largest |Q_j(z)| over all stages j and all z with |R(z)| ≤ 1, between two proved numbers, and where it is.

    at: a z of the region at which the lower one is reached.  stage: j, from 1."""

    largest: Isolated
    at: complex
    stage: int


@by_name(Scheme)
def internal_polynomials(scheme: Scheme, r: Expr | int = 0) -> tuple[Poly, ...]:
    """Q_j(z) of the stages 1 … s, exact, at the declared parameter values; r: of the Shu–Osher form that is run, 0 for
    the tableau. That of a first stage that is y itself is 0: no error is made there.

    Raises InputError for what is not an explicit Runge–Kutta method, and for a negative r."""
    if not isinstance(scheme, RungeKutta) or not scheme.explicit:
        raise InputError("internal stability: an explicit Runge–Kutta scheme is expected")
    r = S(r)
    if not (r.is_number and r.is_nonnegative):
        raise InputError(f"r = {r}: the parameter of a Shu–Osher form is a number that is not negative")
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    domain = domain_of([*(a for row in fixed.A for a in row), *fixed.b, r])
    A = [[domain.convert(a) for a in row] for row in fixed.A]
    row, columns = [domain.convert(x) for x in fixed.b], []
    for _ in range(scheme.stages):
        columns.append(row)
        row = [sum((x * A[i][j] for i, x in enumerate(row) if x), domain.zero) for j in range(scheme.stages)]
    factor = Poly([domain.one, domain.convert(r)], Z, domain=domain.domain)
    series = (Poly([c[j] for c in reversed(columns)], Z, domain=domain.domain) for j in range(scheme.stages))
    found = [p * factor for p in series]
    return tuple(p * 0 if not any(A[j]) else p for j, p in enumerate(found))


@by_name(Scheme)
def internal_amplification(scheme: Scheme, r: Expr | int = 0, width: float = 1e-6) -> Amplification:
    """The largest factor over the stability region, as `Amplification`: squares that cover the region are halved until
    what is left cannot hold more than (1 + width) times the largest value seen. All bounds hold with rounding.

    Raises InputError as `internal_polynomials` does, and where the region has no end; TooMuch where doubles do not
    tell.
    """
    if not 0 < width < 1:
        raise InputError(f"width = {width}: a number between 0 and 1")
    Q = internal_polynomials(scheme, r)
    P, _ = stability_function(scheme.at_defaults() if scheme.parameters else scheme)
    if P.degree() < 1:
        raise InputError("internal stability: the result takes no account of f, so the stability region has no end")
    return _Search(_floats(P), [_floats(p) for p in Q]).largest(width)


def _floats(p: Poly) -> NDArray[Any]:
    """Coefficients as doubles, highest power first."""
    import numpy as np

    return np.array([float(c) for c in p.all_coeffs()])


class _Search:
    """Branch and bound over squares in the upper half plane; the other half is its mirror image."""

    def __init__(self, R: NDArray[Any], Q: list[NDArray[Any]]) -> None:
        self.R, self.Q = R, Q

    def largest(self, width: float) -> Amplification:
        import numpy as np

        size = self._radius()
        boxes, half = np.array([-size / 2 + size / 2 * 1j, size / 2 + size / 2 * 1j]), size / 2
        low, high, at, stage = 0.0, 0.0, 0j, 1
        for _ in range(MAX_LOOKS):
            inner, _, _, grown = self._bounds(self.R, boxes, half * 1.42)
            boxes, within = boxes[inner <= 1], grown[inner <= 1] <= 1
            upper = np.zeros(len(boxes))
            for j, p in enumerate(self.Q, 1):
                _, above, least, _ = self._bounds(p, boxes, half * 1.42)
                upper = np.maximum(upper, above)
                sure = np.where(within, least, 0.0)
                if len(sure) and sure.max() > low:
                    place = int(sure.argmax())
                    low, at, stage = float(sure[place]), complex(boxes[place]), j
            done = upper <= low * (1 + width)
            high = max([high, *upper[done]])
            boxes = boxes[~done]
            if not len(boxes):
                return Amplification(Isolated(Rational(low), Rational(max(high, low))), at, stage)
            if 4 * len(boxes) > MAX_BOXES:
                break
            boxes = np.concatenate([boxes + half * complex(x, y) for x, y in HALVES])
            half /= 2
        raise TooMuch("its polynomials lose too many digits in doubles")

    def _radius(self) -> float:
        """A circle outside of which |R| > 1."""
        size, lead = 1.0, abs(self.R[0])
        powers = range(len(self.R) - 2, -1, -1)
        while lead * size ** (len(self.R) - 1) < 1 + 1e-9 + sum(
            abs(c) * size**k for c, k in zip(self.R[1:], powers, strict=True)
        ) * (1 + 1e-9):
            size *= 1.25
        return size

    def _bounds(self, p: NDArray[Any], at: NDArray[Any], radius: float) -> tuple[Any, Any, Any, Any]:
        """Bounds of |p| in disks, from below and above, and at their centres: from the Taylor coefficients there, by
        synthetic division."""
        import numpy as np

        c = [np.full(len(at), x, dtype=complex) for x in p]
        n = len(c) - 1
        for k in range(n):
            for i in range(1, n + 1 - k):
                c[i] = c[i] + at * c[i - 1]
        sizes = [np.abs(x) for x in reversed(c)]
        around = sum((x * radius**k for k, x in enumerate(sizes) if k), np.zeros(len(at)))
        error, here = self._error(p, np.abs(at) + radius), self._error(p, np.abs(at))
        return sizes[0] - around - error, sizes[0] + around + error, sizes[0] - here, sizes[0] + here

    def _error(self, p: NDArray[Any], size: Any) -> Any:
        """What rounding can make of p there."""
        import numpy as np

        return 16 * (len(p) + 2) * UNIT * np.polyval(np.abs(p), size)
