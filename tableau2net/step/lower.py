"""The lowering of each family to the step program. Terms with a zero coefficient are never written down."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, singledispatch

from sympy import Expr, S

from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
    Scheme,
)
from tableau2net.scheme.general_linear import External, age_of
from tableau2net.step.program import Combine, Evaluate, Input, Step
from tableau2net.step.schedule import scheduled


@cache
def lower(scheme: Scheme) -> Step:
    """The step program of a scheme: complete, with embedded estimate and stages nothing reads; see `passes.prune`."""
    return _lower(scheme)


@singledispatch
def _lower(scheme: Scheme) -> Step:
    raise TypeError(f"{type(scheme).__name__} has no lowering")


@_lower.register
def _runge_kutta(scheme: RungeKutta) -> Step:
    return _additive((scheme,), scheme)


@_lower.register
def _additive_runge_kutta(scheme: AdditiveRungeKutta) -> Step:
    return _additive(scheme.parts, scheme)


def _additive(parts: tuple[RungeKutta, ...], scheme: Scheme) -> Step:
    """Y_i = y + h Σ_ν Σ_j a^ν_ij k^ν_j; a stage at y itself needs no combination."""
    ks = [[_k(j, part, len(parts)) for j in range(tableau.stages)] for part, tableau in enumerate(parts)]

    def total(rows: Iterable[tuple[Expr, ...]]) -> tuple[tuple[Expr, str], ...]:
        pairs = zip(rows, ks, strict=True)
        return ((S.One, "y"), *(term for row, k in pairs for term in _terms(zip(row, k, strict=True))))

    operations: list[Combine | Evaluate] = []
    for i in range(parts[0].stages):
        terms = total(tableau.A[i] for tableau in parts)
        value = f"y{i + 1}" if len(terms) > 1 else "y"
        operations += [Combine(value, terms)] if len(terms) > 1 else []
        operations += [Evaluate(ks[p][i], (value,), tableau.c[i], i, p) for p, tableau in enumerate(parts)]
    operations.append(Combine("y_new", total(tableau.b for tableau in parts)))
    embedded = [tableau.b_hat for tableau in parts if tableau.b_hat is not None]
    if embedded:
        operations.append(Combine("y_hat", total(embedded)))
    return Step(
        inputs=(Input("y", "y", 0),),
        operations=scheduled(operations),
        outputs=("y_new",),
        estimate="y_hat" if embedded else None,
        parameters=scheme.parameters,
    )


@_lower.register
def _partitioned_runge_kutta(scheme: PartitionedRungeKutta) -> Step:
    """Y^ν_i = y^ν + h Σ_j a^ν_ij k^ν_j, k^ν_i = f_ν(Y^1_i, …, Y^N_i)."""
    assert scheme.reads is not None
    n = range(len(scheme.parts))
    ks = [[_k(j, part, len(scheme.parts)) for j in range(scheme.stages)] for part in n]
    operations: list[Combine | Evaluate] = []
    for i in range(scheme.stages):
        values = []
        for part, tableau in enumerate(scheme.parts):
            terms = _terms(zip(tableau.A[i], ks[part], strict=True))
            values.append(f"y{part + 1}_{i + 1}" if terms else f"y{part + 1}")
            operations += [Combine(values[part], ((S.One, f"y{part + 1}"), *terms))] if terms else []
        for part, tableau in enumerate(scheme.parts):
            reads = tuple(state - 1 for state in scheme.reads[part])
            at = tuple(values[state] for state in reads)
            operations.append(Evaluate(ks[part][i], at, tableau.c[i], i, part, reads))
    for part, tableau in enumerate(scheme.parts):
        weights = _terms(zip(tableau.b, ks[part], strict=True))
        operations.append(Combine(f"y{part + 1}_new", ((S.One, f"y{part + 1}"), *weights)))
    return Step(
        inputs=tuple(Input(f"y{part + 1}", "y", 0, component=part) for part in n),
        operations=scheduled(operations),
        outputs=tuple(f"y{part + 1}_new" for part in n),
        parameters=scheme.parameters,
    )


def _k(stage: int, part: int, parts: int) -> str:
    """``k2``, and with several fields ``k2_1``, ``k2_2``."""
    return f"k{stage + 1}" if parts == 1 else f"k{stage + 1}_{part + 1}"


@_lower.register
def _multistep(scheme: Multistep) -> Step:
    return _linear_multistep(scheme, (scheme.beta,), scheme.derivative)


@_lower.register
def _additive_multistep(scheme: AdditiveMultistep) -> Step:
    return _linear_multistep(scheme, scheme.betas, 1)


def _linear_multistep(scheme: Multistep | AdditiveMultistep, betas: tuple[tuple[Expr, ...], ...], d: int) -> Step:
    k = scheme.steps
    new, last = k, k - 1  # j = k is the new point, j = k − 1 the current one: age(j) = k − 1 − j
    marks = [""] if len(betas) == 1 else [f"_{part + 1}" for part in range(len(betas))]

    def y(j: int) -> str:
        return "y_new" if j == new else _aged("y", last - j)

    def f(j: int, part: int) -> str:
        return ("f_new" if j == new else _aged("f", last - j)) + marks[part]

    terms = list(_terms((-scheme.alpha[j], y(j)) for j in reversed(range(k))))
    for part, beta in enumerate(betas):
        terms += _terms((beta[j], f(j, part)) for j in reversed(range(k + 1)))
    operations: list[Combine | Evaluate] = []
    for part, beta in enumerate(betas):
        if not beta[k].is_zero:
            operations.append(Evaluate(f(k, part), ("y_new",), S.One, 0, part))
        elif any(not b.is_zero for b in beta[:k]):
            operations.append(Evaluate(f(last, part), ("y",), S.Zero, 0, part))
    operations.append(Combine("y_new", tuple(terms)))

    # remember every y and f that is read later, and the younger ones that it will be made of
    oldest_y = max((last - j for j in range(k) if not scheme.alpha[j].is_zero), default=0)
    inputs = [Input(_aged("y", a), "y", a) for a in range(oldest_y + 1)]
    outputs = ["y_new" if a == 0 else _aged("y", a - 1) for a in range(oldest_y + 1)]
    for part, beta in enumerate(betas):
        implicit = not beta[k].is_zero
        oldest_f = max((last - j for j in range(k) if not beta[j].is_zero), default=-1)
        for a in range(0 if implicit else 1, oldest_f + 1):
            inputs.append(Input(f(last - a, part), "f", a, part=part))
            outputs.append(f(last - a + 1, part))
    return Step(tuple(inputs), scheduled(operations), tuple(outputs), parameters=scheme.parameters, derivative=d)


def _aged(letter: str, age: int) -> str:
    """``y``, ``y_prev``, ``y_prev2``, … and ``f_n``, ``f_prev``, …: the value that is `age` steps old."""
    if age == 0:
        return "y" if letter == "y" else "f_n"
    return f"{letter}_prev{age if age > 1 else ''}"


@_lower.register
def _general_linear(scheme: GeneralLinear) -> Step:
    ks = [f"k{i + 1}" for i in range(scheme.stages)]
    inputs = [_external(meaning, i) for i, meaning in enumerate(scheme.external)]
    names = [i.name for i in inputs]

    def total(externals: tuple[Expr, ...], stages: tuple[Expr, ...]) -> tuple[tuple[Expr, str], ...]:
        return (*_terms(zip(externals, names, strict=True)), *_terms(zip(stages, ks, strict=True)))

    operations: list[Combine | Evaluate] = []

    def value(name: str, terms: tuple[tuple[Expr, str], ...], known: list[str]) -> str:
        """One of the `known` values where the terms are just that, else a combination."""
        if len(terms) == 1 and terms[0][0] == 1 and terms[0][1] in known:
            return terms[0][1]
        operations.append(Combine(name, terms))
        return name

    states = [i.name for i in inputs if i.kind == "y"]
    for i in range(scheme.stages):
        at = value(f"y{i + 1}", total(scheme.U[i], scheme.A[i]), states)
        operations.append(Evaluate(ks[i], (at,), scheme.c[i], i))
    outputs = []
    for i, given in enumerate(inputs):
        name = "y_new" if i == 0 else f"{given.name}_new"
        outputs.append(value(name, total(scheme.V[i], scheme.B[i]), states if given.kind == "y" else [*names, *ks]))
    return Step(tuple(inputs), scheduled(operations), tuple(outputs), parameters=scheme.parameters)


def _external(meaning: External, i: int) -> Input:
    if not isinstance(meaning, str):
        return Input(f"z{i + 1}", "y", 0, nordsieck=meaning)
    if meaning[0] == "k":
        return Input(f"{meaning}_prev", "f", 1, stage=meaning)
    return Input(_aged(meaning[0], age_of(meaning)), "y" if meaning[0] == "y" else "f", age_of(meaning))


def _terms(pairs: Iterable[tuple[Expr, str]]) -> tuple[tuple[Expr, str], ...]:
    return tuple((c, v) for c, v in pairs if not c.is_zero)
