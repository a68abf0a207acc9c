"""Explicit Runge–Kutta methods that can be run with few registers, and the coefficients of those forms, exactly.

A register holds a state. The forms need one evaluation of f to be added to a register in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sympy import Expr, expand

from tableau2net.analysis.reading.tables import Matrix, SignedDomain, tables
from tableau2net.analysis.structure.reducible import main
from tableau2net.exact.domain import Element
from tableau2net.scheme import RungeKutta, Scheme


@dataclass(frozen=True)
class LowStorage:
    """A form of an explicit method with few registers, and its coefficients by name.

    williamson-2n: W ← A_i W + h f(U), U ← U + B_i W, from W = 0 and U = y (Williamson 1980).
    2R, 3R, 4R: a_ij = b_j for j ≤ i − M, so that the sum of older stages is kept in the result: the last M − 1
        subdiagonals `a1` (nearest the diagonal), `a2`, … and `b` (van der Houwen; Kennedy, Carpenter & Lewis 2000).
    2S: V ← V + δ_i U, U ← γ1_i U + γ2_i V + β_i h f(U), from V = 0 and U = y (Ketcheson 2010);
        3S*: the same with + γ3_i y, y being kept in the third register.
    """

    kind: str
    registers: int
    coefficients: dict[str, tuple[Expr, ...]]


def low_storage(scheme: Scheme) -> LowStorage | None:
    """The form with the fewest registers, of the irreducible method without its embedded estimate, at the declared
    parameter values. None where there is none of these forms, and for what is not an explicit Runge–Kutta method.

    A form is returned only if the tableau follows from its coefficients, exactly (to the decimals printed)."""
    if not isinstance(scheme, RungeKutta):
        return None
    method = main(scheme)
    if not method.explicit:
        return None
    numbers, (table,) = tables(scheme, [method])
    rows = [*table.A[1:], table.b]  # what follows each evaluation, in turn
    for registers, kind, find in FORMS:
        found = find(numbers, rows)
        if found is not None and _follows(numbers, rows, kind, found):
            expressions = {n: tuple(expand(numbers.domain.expression(x)) for x in row) for n, row in found.items()}
            return LowStorage(kind, registers, expressions)
    return None


Coefficients = dict[str, list[Element]]


def _williamson(numbers: SignedDomain, rows: Matrix) -> Coefficients | None:
    """Row i less row i − 1 is B_i (…, A_i A_{i−1}, A_i, 1): its last two entries give B_i and A_i."""
    zero = numbers.domain.zero
    A, B = [zero], [rows[0][0]]
    for i in range(1, len(rows)):
        if numbers.is_zero(rows[i][i]):
            return None
        B.append(rows[i][i])
        A.append((rows[i][i - 1] - rows[i - 1][i - 1]) / rows[i][i])
    return {"A": A, "B": B}


def _few_diagonals(registers: int) -> Callable[[SignedDomain, Matrix], Coefficients | None]:
    def find(numbers: SignedDomain, rows: Matrix) -> Coefficients | None:
        s = len(rows)
        if s <= registers:  # every method is of this form
            return None
        diagonals = {f"a{m}": [rows[i][i - m + 1] for i in range(m - 1, s - 1)] for m in range(1, registers)}
        return {**diagonals, "b": rows[-1]}

    return find


def _partial_sums(keeps_y: bool) -> Callable[[SignedDomain, Matrix], Coefficients | None]:
    """Each Y_{i+1} − β_i h f(Y_i) is a combination of Y_1 = y … Y_i in one way; beside Y_i itself (and y, where that is
    kept) it must be a multiple of one running sum Σ δ_l Y_l."""

    def find(numbers: SignedDomain, rows: Matrix) -> Coefficients | None:
        zero, one, s = numbers.domain.zero, numbers.domain.one, len(rows)
        betas = [rows[i][i] for i in range(s)]
        if any(map(numbers.is_zero, betas)):
            return None
        first = 1 if keeps_y else 0
        means: Matrix = []
        delta: dict[int, Element] = {}
        gamma: list[Element] = []
        for i, mean in enumerate(_by_stages(numbers, rows)):
            part = {m: mean[m] for m in range(first, i)}
            ratio = next((part[m] / delta[m] for m in part if m in delta and not numbers.is_zero(delta[m])), None)
            if ratio is None:  # the first row that reads the sum fixes its scale
                ratio = next((one for x in part.values() if not numbers.is_zero(x)), zero)
            if not numbers.is_zero(ratio):
                for m, x in part.items():
                    delta.setdefault(m, x / ratio)
            if not all(numbers.is_zero(x - ratio * delta.get(m, zero)) for m, x in part.items()):
                return None
            gamma.append(ratio)
            means.append(mean)
        deltas = [delta.get(m, zero) for m in range(s)]
        # the running sum holds Y_i too
        own = [mean[i] if i else one for i, mean in enumerate(means)]
        found = {"delta": deltas, "gamma1": [x - g * d for x, g, d in zip(own, gamma, deltas, strict=True)]}
        found |= {"gamma2": gamma, "beta": betas}
        if keeps_y:
            found["gamma3"] = [mean[0] if i else zero for i, mean in enumerate(means)]
        return found

    return find


def _by_stages(numbers: SignedDomain, rows: Matrix) -> Iterator[list[Element]]:
    """α with Y_{i+1} = Σ_l α_il Y_l + β_i h f(Y_i), row by row: each older f(Y_l) is taken from Y_{l+1}, last first."""
    zero, one = numbers.domain.zero, numbers.domain.one
    for i, row in enumerate(rows):
        rest, mean = list(row[:i]), [zero] * (i + 1)
        for m in range(i - 1, -1, -1):  # Y_{m+1} (from 0) has β_m at f(Y_m)
            mean[m + 1] = rest[m] / rows[m][m]
            rest = [x - mean[m + 1] * y for x, y in zip(rest, rows[m][:i], strict=True)]
        mean[0] = one - sum(mean[1:], zero)
        yield mean


def _run_williamson(c: Coefficients, f: list[list[Any]], y: list[Any]) -> list[list[Any]]:
    U, W, rows = y, [0 * x for x in y], []
    for A, B, k in zip(c["A"], c["B"], f, strict=True):
        W = [A * w + x for w, x in zip(W, k, strict=True)]
        U = [u + B * w for u, w in zip(U, W, strict=True)]
        rows.append(U)
    return rows


def _run_diagonals(c: Coefficients, f: list[list[Any]], y: list[Any]) -> list[list[Any]]:
    diagonals, s = [c[name] for name in sorted(c) if name != "b"], len(f)
    rows = []
    for i in range(s):
        weights = [c["b"][j] if i == s - 1 or i - j >= len(diagonals) else diagonals[i - j][j] for j in range(i + 1)]
        rows.append([u + sum(w * k[n] for w, k in zip(weights, f, strict=False)) for n, u in enumerate(y)])
    return rows


def _run_sums(c: Coefficients, f: list[list[Any]], y: list[Any]) -> list[list[Any]]:
    U, V, rows = y, [0 * x for x in y], []
    third = c.get("gamma3", [0 * x for x in c["beta"]])
    for g1, g2, g3, beta, delta, k in zip(c["gamma1"], c["gamma2"], third, c["beta"], c["delta"], f, strict=True):
        V = [v + delta * u for u, v in zip(U, V, strict=True)]
        U = [g1 * u + g2 * v + g3 * z + beta * x for u, v, z, x in zip(U, V, y, k, strict=True)]
        rows.append(U)
    return rows


FORMS: list[tuple[int, str, Callable[[SignedDomain, Matrix], Coefficients | None]]] = [
    (2, "williamson-2n", _williamson),
    (2, "2R", _few_diagonals(2)),
    (2, "2S", _partial_sums(False)),
    (3, "3R", _few_diagonals(3)),
    (3, "3S*", _partial_sums(True)),
    (4, "4R", _few_diagonals(4)),
]


def _follows(numbers: SignedDomain, rows: Matrix, kind: str, found: Coefficients) -> bool:
    """Whether running the form gives the tableau: on vectors of the coefficients of y and each f(Y_i)."""
    run = {"w": _run_williamson, "R": _run_diagonals, "S": _run_sums}[kind[0] if kind[0] == "w" else kind[1]]
    s, zero, one = len(rows), numbers.domain.zero, numbers.domain.one
    y = [one] + [zero] * s
    f = [[one if n == i + 1 else zero for n in range(s + 1)] for i in range(s)]
    made = run(found, f, y)
    wanted = [[one, *row] for row in rows]
    return all(
        numbers.is_zero(a - b) for mine, its in zip(made, wanted, strict=True) for a, b in zip(mine, its, strict=True)
    )
