"""Deferred correction methods, written out as Butcher tableaus.

A first pass with Euler crosses the nodes τ_0 = 0 < … < τ_M = 1 of the step. Each sweep then integrates the field values
of the pass before over the nodes and corrects with Euler's method once more, which raises the order by one
(Dutt, Greengard and Rokhlin 2000):

    y_m = y_{m−1} + (τ_m − τ_{m−1}) h (f_{m−1} − f°_{m−1}) + h ∫_{τ_{m−1}}^{τ_m} of the polynomial through all f°

with f° the values of the pass before; implicitly, with f_m − f°_m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from tableau2net.exact.surds import expression
from tableau2net.scheme.constructed import polynomial
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.quadrature import nodes
from tableau2net.scheme.runge_kutta import RungeKutta

State = dict[int, Any]  # coefficients of the evaluations


def deferred(tau: Sequence[Any], sweeps: int, *, implicit: bool) -> RungeKutta:
    """Euler over the nodes (of which the first is 0 and the last is 1), corrected in so many sweeps."""
    basis = polynomial.lagrange(tau)
    intervals = range(1, len(tau))
    width = {m: tau[m] - tau[m - 1] for m in intervals}
    integrals = {m: [polynomial.integral(ell, tau[m - 1], tau[m]) for ell in basis] for m in intervals}
    rows: list[State] = [{}]  # the evaluation at the start, which every pass shares
    before: list[int] | None = None
    for sweep in range(sweeps + 1):
        state: State = {}
        now = [0]
        for m in intervals:
            if before is None:
                change = {} if implicit else {now[m - 1]: width[m]}
            else:
                known = m if implicit else m - 1
                change = _sum(dict(zip(before, integrals[m], strict=True)), {before[known]: -width[m]})
                change = change if implicit else _sum(change, {now[m - 1]: width[m]})
            state = _sum(state, change)
            if implicit:
                state = _sum(state, {len(rows): width[m]})
            if implicit or sweep < sweeps or m < intervals[-1]:  # nothing reads the last value of the last sweep
                rows.append(state)
                now.append(len(rows) - 1)
        before = now
    used = sorted({0, *(i for row in [*rows, state] for i, x in row.items() if x)})
    return RungeKutta(
        A=tuple(tuple(expression(rows[i].get(j, 0)) for j in used) for i in used),
        b=tuple(expression(state.get(j, 0)) for j in used),
    )


def _sum(first: State, second: State) -> State:
    return first | {i: first.get(i, 0) + x for i, x in second.items()}


def lobatto(p: int) -> RungeKutta:
    """Spectral deferred correction, explicit, p − 1 sweeps over the fewest Lobatto nodes that allow order p."""
    return deferred(nodes("lobatto", _enough(p)), p - 1, implicit=False)


def lobatto_implicit(p: int) -> RungeKutta:
    """The same with backward Euler, diagonally implicit."""
    return deferred(nodes("lobatto", _enough(p)), p - 1, implicit=True)


def equispaced(p: int) -> RungeKutta:
    """Integral deferred correction, explicit, p − 1 sweeps over p equispaced nodes; order p."""
    intervals = max(p - 1, 1)
    return deferred([Fraction(m, intervals) for m in range(intervals + 1)], p - 1, implicit=False)


def _enough(p: int) -> int:
    """The number of Lobatto nodes s with 2s − 2 ≥ p."""
    return max(2, (p + 3) // 2)


DUTT = "Dutt, Greengard and Rokhlin 2000, BIT 40, pp. 241-266; Minion 2003, Commun. Math. Sci. 1, pp. 471-500"


def _family(
    name: str, build: Callable[[int], RungeKutta], title: str, reference: str, last: int, listed: int, *, explicit: bool
) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(1, last + 1),
        build=build,
        title=lambda p: f"{title}, order {p}",
        reference=reference,
        claims=lambda p: {"order": p, "explicit": explicit},
        listed=listed,
    )


register_scheme_patterns(
    _family("sdc", lobatto, "Spectral deferred correction on Lobatto nodes", DUTT, 8, 6, explicit=True),
    _family(
        "implicit-sdc", lobatto_implicit, "Implicit spectral deferred correction on Lobatto nodes", DUTT, 8, 4,
        explicit=False,
    ),
    _family(
        "idc", equispaced, "Integral deferred correction on equispaced nodes",
        "Christlieb, Ong and Qiu 2010, Math. Comp. 79, pp. 761-783", 8, 6, explicit=True,
    ),
)  # fmt: skip
