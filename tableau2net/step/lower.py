"""The lowering of each family to the step program. Terms with a zero coefficient are never written down."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, singledispatch

from sympy import Expr, S

from tableau2net.scheme import Multistep, RungeKutta, Scheme
from tableau2net.step.program import Combine, Evaluate, Input, Operation, Solve, Step


@cache
def lower(scheme: Scheme) -> Step:
    """The step program of a scheme: complete, with embedded estimate and stages nothing reads; see `passes.prune`."""
    return _lower(scheme)


@singledispatch
def _lower(scheme: Scheme) -> Step:
    raise TypeError(f"{type(scheme).__name__} has no lowering")


@_lower.register
def _runge_kutta(scheme: RungeKutta) -> Step:
    s = scheme.stages
    ks = [f"k{i + 1}" for i in range(s)]

    def stage(i: int) -> list[Combine | Evaluate]:
        """Y_i and its field value; a stage at y itself needs no combination."""
        terms = _terms(zip(scheme.A[i], ks, strict=True))
        value = f"y{i + 1}" if terms else "y"
        combine = [Combine(value, ((S.One, "y"), *terms))] if terms else []
        return [*combine, Evaluate(ks[i], (value,), scheme.c[i], i)]

    operations: list[Operation] = []
    for block in _coupled_stages(scheme.A):
        inner = [op for i in block for op in stage(i)]
        implicit = len(block) > 1 or not scheme.A[block[0]][block[0]].is_zero
        operations += [Solve(tuple(inner))] if implicit else inner
    operations.append(Combine("y_new", ((S.One, "y"), *_terms(zip(scheme.b, ks, strict=True)))))
    if scheme.b_hat is not None:
        operations.append(Combine("y_hat", ((S.One, "y"), *_terms(zip(scheme.b_hat, ks, strict=True)))))
    return Step(
        inputs=(Input("y", "y", 0),),
        operations=tuple(operations),
        outputs=("y_new",),
        estimate=None if scheme.b_hat is None else "y_hat",
        parameters=scheme.parameters,
    )


@_lower.register
def _multistep(scheme: Multistep) -> Step:
    k = scheme.steps
    new, last = k, k - 1  # j = k is the new point, j = k − 1 the current one: age(j) = k − 1 − j
    implicit = not scheme.explicit

    def y(j: int) -> str:
        return "y_new" if j == new else _aged("y", last - j)

    def f(j: int) -> str:
        return "f_new" if j == new else _aged("f", last - j)

    combine = Combine(
        "y_new",
        (
            *_terms((-scheme.alpha[j], y(j)) for j in reversed(range(k))),
            *_terms((scheme.beta[j], f(j)) for j in reversed(range(k + 1))),
        ),
    )
    operations: list[Operation] = []
    if implicit:
        operations.append(Solve((Evaluate("f_new", ("y_new",), S.One, 0), combine)))
    else:
        if any(not b.is_zero for b in scheme.beta[:k]):
            operations.append(Evaluate("f_n", ("y",), S.Zero, 0))
        operations.append(combine)

    # remember every y and f that is read later, and the younger ones that it will be made of
    oldest_y = max((last - j for j in range(k) if not scheme.alpha[j].is_zero), default=0)
    oldest_f = max((last - j for j in range(k) if not scheme.beta[j].is_zero), default=-1)
    y_ages = range(oldest_y + 1)
    f_ages = range(0 if implicit else 1, oldest_f + 1)
    inputs = (*(Input(_aged("y", a), "y", a) for a in y_ages), *(Input(_aged("f", a), "f", a) for a in f_ages))
    outputs = (
        *("y_new" if a == 0 else _aged("y", a - 1) for a in y_ages),
        *("f_new" if a == 0 else _aged("f", a - 1) for a in f_ages),
    )
    return Step(inputs, tuple(operations), outputs, parameters=scheme.parameters)


def _aged(letter: str, age: int) -> str:
    """``y``, ``y_prev``, ``y_prev2``, … and ``f_n``, ``f_prev``, …: the value that is `age` steps old."""
    if age == 0:
        return "y" if letter == "y" else "f_n"
    return f"{letter}_prev{age if age > 1 else ''}"


def _terms(pairs: Iterable[tuple[Expr, str]]) -> tuple[tuple[Expr, str], ...]:
    return tuple((c, v) for c, v in pairs if not c.is_zero)


def _coupled_stages(A: tuple[tuple[Expr, ...], ...]) -> list[range]:
    """Consecutive stages, cut wherever no earlier stage needs a later one: an explicit or diagonally implicit
    method gives one stage a block, a fully implicit one a single block."""
    blocks, start, reach = [], 0, 0
    for i, row in enumerate(A):
        reach = max([reach, i, *(j for j, a in enumerate(row) if not a.is_zero)])
        if reach == i:
            blocks.append(range(start, i + 1))
            start = i + 1
    return blocks
