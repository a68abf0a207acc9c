"""One step straight from the table of each family, as the textbook writes it: no step program, no generated code.

A family of another package, whose textbook is not written here, takes its step by its program, or registers its formula
with ``@advance.register``. The program is another way than series and generated code; what `lower` tells wrong stays.

Whatever can be added and multiplied by numbers will do for a state: vectors in many digits to measure an order,
tensors to compare a generated module with. Implicit stages are swept until they settle.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from sympy import Expr, S

from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    ContinuousRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    Rosenbrock,
    RungeKutta,
    RungeKuttaNystrom,
    Scheme,
    TransformedRosenbrock,
    TwoDerivativeMultistep,
    TwoDerivativeRungeKutta,
)
from tableau2net.scheme.general_linear import age_of
from tableau2net.step import lower
from tableau2net.testing.advanced import Advanced, Given, State, settle
from tableau2net.testing.told_step import told_step


@singledispatch
def advance(scheme: Scheme, at: Given) -> Advanced:
    """One step of a scheme, which has no open parameter unless `at.number` knows it."""
    return told_step(lower(scheme), at)


@advance.register
def _runge_kutta(scheme: RungeKutta, at: Given) -> Advanced:
    return _additive((scheme,), at)


@advance.register
def _continuous(scheme: ContinuousRungeKutta, at: Given) -> Advanced:
    return _additive((scheme.table,), at)


@advance.register
def _additive_runge_kutta(scheme: AdditiveRungeKutta, at: Given) -> Advanced:
    return _additive(scheme.parts, at)


def _additive(parts: tuple[RungeKutta, ...], at: Given) -> Advanced:
    """Y_i = y + h Σ_ν Σ_j a^ν_ij k^ν_j, k^ν_i = f^ν(t + c^ν_i h, Y_i)."""
    y, s = at.y(0, 0), range(parts[0].stages)
    stage = [[y] for _ in s]
    table = [_numbers(p, at) for p in parts]

    def sweep(k: list[State]) -> list[State]:
        k = list(k)
        for i in s:
            rows = [a for A, _, _ in table for a in A[i]]
            stage[i] = [_total(at, y, rows, k)]
            for p, (_, c, _) in enumerate(table):
                k[p * len(s) + i] = at.field(p, c[i], stage[i], i)
        return k

    k = settle(at, sweep, [at.field(p, 0, [y]) for p in range(len(parts)) for _ in s], all(p.explicit for p in parts))
    new = _total(at, y, [b for _, _, weights in table for b in weights], k)
    if parts[0].b_hat is None:
        return Advanced([new])
    b_hat = [at.number(b) for part in parts for b in part.b_hat or ()]
    return Advanced([new], _total(at, y, b_hat, k))


@advance.register
def _partitioned(scheme: PartitionedRungeKutta, at: Given) -> Advanced:
    """Y^ν_i = y^ν + h Σ_j a^ν_ij k^ν_j, k^ν_i = f_ν(t + c^ν_i h, Y^1_i, …, Y^N_i)."""
    n, s = range(len(scheme.parts)), range(scheme.stages)
    y = [at.y(component, 0) for component in n]
    table = [_numbers(p, at) for p in scheme.parts]

    def sweep(k: list[State]) -> list[State]:
        k = list(k)
        for i in s:
            for p in n:
                own = [k[q * len(s) : (q + 1) * len(s)] for q in n]
                stage = [_total(at, y[q], table[q][0][i], own[q]) for q in n]
                k[p * len(s) + i] = at.field(p, table[p][1][i], stage, i)
        return k

    k = settle(at, sweep, [at.field(p, 0, y) for p in n for _ in s])
    return Advanced([_total(at, y[p], table[p][2], k[p * len(s) : (p + 1) * len(s)]) for p in n])


@advance.register(Multistep)
@advance.register(AdditiveMultistep)
def _multistep(scheme: Multistep | AdditiveMultistep, at: Given) -> Advanced:
    """y_{n+k} = −Σ_{j<k} α_j y_{n+j} + h^d Σ_ν Σ_j β^ν_j f^ν_{n+j}; n + k − 1 is now."""
    k, betas, step = scheme.steps, scheme.betas, at.h**scheme.derivative
    known = 0 * at.y(0, 0)
    for j in range(k):
        age = k - 1 - j
        if not scheme.alpha[j].is_zero:
            known = known + (-at.number(scheme.alpha[j])) * at.y(0, age)
        for part, beta in enumerate(betas):
            if not beta[j].is_zero:
                known = known + (step * at.number(beta[j])) * at.f(part, age)
    implicit = [(part, step * at.number(beta[k])) for part, beta in enumerate(betas) if not beta[k].is_zero]

    def sweep(new: list[State]) -> list[State]:
        total = known
        for part, factor in implicit:
            total = total + factor * at.field(part, 1, new)
        return [total]

    return Advanced(settle(at, sweep, [known], once=not implicit))


@advance.register
def _general_linear(scheme: GeneralLinear, at: Given) -> Advanced:
    """Y = h A F(Y) + U x, x⁺ = h B F(Y) + V x."""
    s = range(scheme.stages)
    x = [_external(meaning, at) for meaning in scheme.external]
    A, B = ([[at.number(a) for a in row] for row in matrix] for matrix in (scheme.A, scheme.B))
    c = [at.number(time) for time in scheme.c]

    def combined(row: tuple[Expr, ...]) -> State:
        total = 0 * x[0]
        for weight, value in zip(row, x, strict=True):
            if not weight.is_zero:
                total = total + at.number(weight) * value
        return total

    base = [combined(row) for row in scheme.U]

    def sweep(k: list[State]) -> list[State]:
        k = list(k)
        for i in s:
            k[i] = at.field(0, c[i], [_total(at, base[i], A[i], k)], i)
        return k

    k = settle(at, sweep, [at.field(0, 0, [x[0]])] * len(s), once=scheme.explicit)
    new = tuple(_total(at, combined(v), b, k) for v, b in zip(scheme.V, B, strict=True))
    return Advanced([new[0]], external=new, stages=tuple(k))


@advance.register(Rosenbrock)
@advance.register(TransformedRosenbrock)
def _rosenbrock(scheme: Rosenbrock | TransformedRosenbrock, at: Given) -> Advanced:
    """k_i = h f(t + c_i h, y + Σ α_ij k_j) + hJ Σ γ_ij k_j + d_i h² f_t, swept."""
    method = scheme if isinstance(scheme, Rosenbrock) else scheme.expanded()
    y = at.y(0, 0)
    ks: list[State] = []
    alpha, Gamma = ([[at.number(x) for x in row] for row in rows] for rows in (method.alpha, method.Gamma))
    timed = at.h * at.along(0, y, 0 * y, 1)
    for i in range(method.stages):
        slope = at.h * at.field(0, at.number(method.c[i]), [_sum(y, alpha[i], ks)], i)
        slope = slope + at.number(method.d[i]) * timed

        def sweep(new: list[State], row: list[Any] = Gamma[i], slope: State = slope, known: State = ks) -> list[State]:
            inner = _sum(0 * y, row, [*known, *new])
            return [slope + (at.along(0, y, inner, 0) if method.jacobian == "exact" else at.matrix(inner))]

        ks += settle(at, sweep, [slope])
    weights = [None if row is None else [at.number(x) for x in row] for row in (method.b, method.b_hat)]
    new, embedded = (None if row is None else _sum(y, row, ks) for row in weights)
    return Advanced([new], embedded)


def _sum(start: State, weights: list[Any], values: list[State]) -> State:
    for weight, value in zip(weights, values, strict=False):
        start = start + weight * value
    return start


@advance.register
def _two_derivative(scheme: TwoDerivativeRungeKutta, at: Given) -> Advanced:
    """Y_i = y + h Σ a_ij f(Y_j) + h² Σ ȧ_ij g(Y_j), g = f_t + f_y f."""
    y, s = at.y(0, 0), range(scheme.stages)
    A, Adot = ([[at.number(x) for x in row] for row in rows] for rows in (scheme.A, scheme.Adot))
    c = [at.number(x) for x in scheme.c]

    def total(weights: list[Any], derived: list[Any], ks: list[State]) -> State:
        return _sum(_sum(y, [at.h * x for x in weights], ks), [at.h * x for x in derived], ks[len(s) :])

    def sweep(ks: list[State]) -> list[State]:
        ks = list(ks)
        for i in s:
            stage = total(A[i], Adot[i], ks)
            ks[i] = at.field(0, c[i], [stage], i)
            ks[len(s) + i] = at.along(c[i], stage, ks[i], 1)
        return ks

    k = at.field(0, 0, [y])
    ks = settle(at, sweep, [k] * len(s) + [0 * y] * len(s), once=scheme.explicit)
    b, bdot = ([at.number(x) for x in row] for row in (scheme.b, scheme.bdot))
    new = total(b, bdot, ks)
    if scheme.b_hat is None and scheme.bdot_hat is None:
        return Advanced([new])
    nothing = [S.Zero] * len(s)
    b, bdot = ([at.number(x) for x in row or nothing] for row in (scheme.b_hat, scheme.bdot_hat))
    return Advanced([new], total(b, bdot, ks))


@advance.register
def _two_derivative_multistep(scheme: TwoDerivativeMultistep, at: Given) -> Advanced:
    """Σ α_j y_{n+j} = h Σ β_j f_{n+j} + h² Σ γ_j g_{n+j}; n + k − 1 is now."""
    k, known = scheme.steps, 0 * at.y(0, 0)
    for j in range(k):
        age = k - 1 - j
        known = known + (-at.number(scheme.alpha[j])) * at.y(0, age)
        if not (scheme.beta[j].is_zero and scheme.gamma[j].is_zero):
            f = at.f(0, age)
            known = known + (at.h * at.number(scheme.beta[j])) * f
            known = known + (at.h * at.number(scheme.gamma[j])) * at.along(-age, at.y(0, age), f, 1)

    def sweep(new: list[State]) -> list[State]:
        f = at.field(0, 1, new)
        derived = at.along(1, new[0], f, 1)
        return [known + (at.h * at.number(scheme.beta[k])) * f + (at.h * at.number(scheme.gamma[k])) * derived]

    return Advanced([known] if scheme.explicit else settle(at, sweep, [known]))


@advance.register
def _nystrom(scheme: RungeKuttaNystrom, at: Given) -> Advanced:
    """Y_i = y + c_i h v + h² Σ_j ā_ij k_j, V_i = v + h Σ_j a_ij k_j, k_i = f(t + c_i h, Y_i, V_i)."""
    y, hv, s = at.y(0, 0), at.nordsieck((S.Zero, S.One)), range(scheme.stages)
    square = at.h * at.h

    def total(start: State, row: tuple[Expr, ...] | None, k: list[State]) -> State:
        for weight, slope in zip(row or (), k, strict=False):
            if not weight.is_zero:
                start = start + (square * at.number(weight)) * slope
        return start

    def slope(i: int, k: list[State]) -> State:
        states = [total(y + at.number(scheme.c[i]) * hv, scheme.A_bar[i], k)]
        if scheme.A is not None:
            states.append((1 / at.h) * total(hv, scheme.A[i], k))
        return at.field(0, at.number(scheme.c[i]), states, i)

    def sweep(k: list[State]) -> list[State]:
        k = list(k)
        for i in s:
            k[i] = slope(i, k)
        return k

    k = settle(at, sweep, [0 * y for _ in s], once=scheme.explicit)

    def ended(start: State, row: tuple[Expr, ...] | None) -> Any:
        return None if row is None else total(start, row, k)

    return Advanced(
        [total(y + hv, scheme.b_bar, k)],
        ended(y + hv, scheme.b_bar_hat),
        velocity=total(hv, scheme.b, k),
        embedded_velocity=ended(hv, scheme.b_hat),
    )


def _external(meaning: str | tuple[Expr, ...], at: Given) -> State:
    if not isinstance(meaning, str):
        return at.nordsieck(meaning)
    if meaning[0] == "k":
        return at.h * at.k(int(meaning[1:]) - 1)
    return at.y(0, age_of(meaning)) if meaning[0] == "y" else at.h * at.f(0, age_of(meaning))


def _numbers(table: RungeKutta, at: Given) -> tuple[list[list[Any]], list[Any], list[Any]]:
    A = [[0 if a.is_zero else at.number(a) for a in row] for row in table.A]
    return A, [at.number(c) for c in table.c], [0 if b.is_zero else at.number(b) for b in table.b]


def _total(at: Given, y: State, weights: list[Any], ks: list[State]) -> State:
    """y + h Σ weight·k; a weight that is the plain 0 is left out."""
    for weight, k in zip(weights, ks, strict=True):
        if not (isinstance(weight, int) and weight == 0):
            y = y + (at.h * weight) * k
    return y
