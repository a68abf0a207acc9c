"""Extrapolation methods, written out as Butcher tableaus (Hairer, Nørsett, Wanner I, II.9).

A simple method crosses the step in n_1 < n_2 < … < n_K substeps, and the polynomial through the results in h (or in h²,
where the error expands in even powers) is read at h = 0: the result is Σ_j w_j T_j with the weights of Aitken–Neville
written out. Evaluations at the start are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from tableau2net.scheme.constructed.fractions import Row, exact, explicit_table
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.runge_kutta import RungeKutta


def aitken_neville(sequence: Sequence[int], power: int) -> list[Fraction]:
    """The weights of T_1 … T_K in the extrapolated value: the Lagrange basis on n_j^−power, read at 0."""
    weights = []
    for n in sequence:
        weight = Fraction(1)
        for m in sequence:
            if m != n:
                weight *= Fraction(n**power, n**power - m**power)
        weights.append(weight)
    return weights


class _Stages:
    """Rows of a tableau as they are found; a state is its coefficients of the evaluations made so far."""

    def __init__(self) -> None:
        self.rows: list[dict[int, Fraction]] = []

    def evaluate(self, state: dict[int, Fraction]) -> int:
        """The evaluation at a state, as its number."""
        self.rows.append(state)
        return len(self.rows) - 1

    def evaluate_implicitly(self, state: dict[int, Fraction], factor: Fraction) -> int:
        """The evaluation f at state + factor·h·f."""
        return self.evaluate(state | {len(self.rows): factor})

    def row(self, state: dict[int, Fraction]) -> Row:
        return [state.get(i, Fraction(0)) for i in range(len(self.rows))]


def _plus(state: dict[int, Fraction], evaluation: int, factor: Fraction) -> dict[int, Fraction]:
    return state | {evaluation: state.get(evaluation, Fraction(0)) + factor}


def euler(k: int) -> RungeKutta:
    """Explicit Euler, n_j = j; order K. The embedded method leaves the coarsest out, and has order K − 1."""
    stages = _Stages()
    start = stages.evaluate({})
    results = []
    for n in range(1, k + 1):
        state = {start: Fraction(1, n)}
        for _ in range(n - 1):
            state = _plus(state, stages.evaluate(state), Fraction(1, n))
        results.append(state)
    return _explicit(stages, results, range(1, k + 1), 1)


def gragg(k: int) -> RungeKutta:
    """Gragg, Bulirsch, Stoer: the explicit midpoint rule after a step of Euler, n_j = 2j, without smoothing; order 2K.

    y_{i+1} = y_{i−1} + 2h/n f(y_i): with n even the error expands in h² (HNW II.9, Theorem 9.2)."""
    stages = _Stages()
    start = stages.evaluate({})
    results = []
    sequence = range(2, 2 * k + 1, 2)
    for n in sequence:
        before: dict[int, Fraction] = {}
        state = {start: Fraction(1, n)}
        for _ in range(n - 1):
            before, state = state, _plus(before, stages.evaluate(state), Fraction(2, n))
        results.append(state)
    return _explicit(stages, results, sequence, 2)


def backward_euler(k: int) -> RungeKutta:
    """Implicit Euler, n_j = j; order K (HW II, IV.9)."""
    return _implicit(k, Fraction(1), 1)


def implicit_midpoint(k: int) -> RungeKutta:
    """The implicit midpoint rule, n_j = j; symmetric, so that the order is 2K."""
    return _implicit(k, Fraction(1, 2), 2)


def _implicit(k: int, theta: Fraction, power: int) -> RungeKutta:
    """Stages at y + θ h/n f, steps of h/n f."""
    stages = _Stages()
    results = []
    for n in range(1, k + 1):
        state: dict[int, Fraction] = {}
        for _ in range(n):
            state = _plus(state, stages.evaluate_implicitly(state, theta / n), Fraction(1, n))
        results.append(state)
    b, b_hat = _weights(stages, results, range(1, k + 1), power)
    rows = tuple(exact(stages.row(state)[: i + 1]) for i, state in enumerate(stages.rows))
    return RungeKutta(A=rows, b=exact(b), b_hat=None if b_hat is None else exact(b_hat))


def _explicit(stages: _Stages, results: list[dict[int, Fraction]], sequence: Sequence[int], power: int) -> RungeKutta:
    b, b_hat = _weights(stages, results, sequence, power)
    return explicit_table([stages.row(state) for state in stages.rows], b, b_hat)


def _weights(
    stages: _Stages, results: list[dict[int, Fraction]], sequence: Sequence[int], power: int
) -> tuple[Row, Row | None]:
    """The extrapolated value, and the one that leaves the coarsest result out."""
    rows = [stages.row(state) for state in results]

    def mix(first: int) -> Row:
        weights = aitken_neville(sequence[first:], power)
        return [
            sum((w * x for w, x in zip(weights, column, strict=True)), Fraction(0))
            for column in zip(*rows[first:], strict=True)
        ]

    return mix(0), mix(1) if len(rows) > 1 else None


def _family(
    name: str,
    build: Callable[[int], RungeKutta],
    title: str,
    reference: str,
    last: int,
    power: int,
    listed: int,
    *,
    explicit: bool,
) -> SchemePattern:
    def claims(k: int) -> dict[str, object]:
        embedded = {"embedded_order": power * (k - 1)} if k > 1 else {}
        return {"order": power * k, **embedded, "explicit": explicit}

    return SchemePattern(
        pattern=name + "-{}",
        members=range(1, last + 1),
        build=build,
        title=lambda k: f"{title}, order {power * k}",
        reference=reference,
        claims=claims,
        listed=listed,
    )


DEUFLHARD = "Deuflhard 1985, SIAM Rev. 27, pp. 505-535; HW II, sect. IV.9"

register_scheme_patterns(
    _family(
        "extrapolated-euler",
        euler,
        "Extrapolated Euler, harmonic sequence",
        "HNW I, sect. II.9",
        11,
        1,
        7,
        explicit=True,
    ),
    _family(
        "gbs",
        gragg,
        "Gragg–Bulirsch–Stoer, sequence 2, 4, 6, …",
        "Gragg 1965; Bulirsch and Stoer 1966; HNW I, sect. II.9",
        7,
        2,
        4,
        explicit=True,
    ),
    _family(
        "extrapolated-backward-euler",
        backward_euler,
        "Extrapolated backward Euler, harmonic sequence",
        DEUFLHARD,
        10,
        1,
        5,
        explicit=False,
    ),
    _family(
        "extrapolated-midpoint",
        implicit_midpoint,
        "Extrapolated implicit midpoint rule, harmonic sequence",
        "HNW I, sect. II.9; HW II, sect. IV.9",
        10,
        2,
        3,
        explicit=False,
    ),
)
