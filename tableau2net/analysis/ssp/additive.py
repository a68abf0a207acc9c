"""Strong stability of additive Runge–Kutta methods, exactly: the steps r_1, r_2, … in units of forward Euler's with
each field that keep every convex bound (Higueras 2006).

With T_ν = (A_ν 0; b_νᵀ 0), the step is a convex combination of forward Euler steps h/r_ν with each field where
(I + Σ r_ν T_ν)⁻¹ [T_1, T_2, …, 1] ≥ 0. Along a ray r_ν = r w_ν those r are an interval from 0, as for one field
(`coefficient`): with T = Σ w_ν T_ν it is the condition of a method T that starts from the columns [T_1, T_2, …, 1]."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

from sympy import Expr, Rational, S, sympify

from tableau2net.analysis.reading.general_form import GeneralForm, class_of, class_sums, coarsest_partition, influential
from tableau2net.analysis.ssp.coefficient import step_size_coefficient
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.scheme import AdditiveRungeKutta, Scheme, by_name
from tableau2net.step.forms import Row

RAYS = 24  # between the axes, for the region of a pair

Point = tuple[Expr | Isolated, Expr | Isolated]


@by_name(Scheme)
def additive_ssp(scheme: Scheme, weights: Sequence[Expr | int] = ()) -> Expr | Isolated | None:
    """The largest r for which steps of r w_ν times that of forward Euler with field ν keep every convex bound, of the
    irreducible method at the declared parameter values; w = (1, 1, …) where weights are left out. Where forward Euler
    with the second field bears K times the step of the first, r is that of w = (1, 1/K).

    None for what is no additive Runge–Kutta method. Raises InputError for weights that are not positive numbers, one a
    field."""
    if not isinstance(scheme, AdditiveRungeKutta):
        return None
    numbers = [sympify(w) for w in weights] or [S.One] * len(scheme.parts)
    if len(numbers) != len(scheme.parts) or not all(w.is_number and w.is_positive for w in numbers):
        raise InputError(f"weights: a positive number for each of the {len(scheme.parts)} fields is expected")
    fixed = scheme.at_defaults() if scheme.parameters else scheme
    domain = domain_of([*fixed.coefficients.values(), *numbers])
    parts = _irreducible(fixed, domain)
    size = len(parts[0])
    total: list[Row] = [{} for _ in range(size)]
    known: list[Row] = [{len(parts) * size: domain.one} for _ in range(size)]
    for n, (T, w) in enumerate(zip(parts, map(domain.convert, numbers), strict=True)):
        for i, row in enumerate(T):
            for j, x in row.items():
                total[i][j] = total[i].get(j, domain.zero) + w * x
                known[i][n * size + j] = x
    rows = tuple({j: x for j, x in row.items() if x} for row in total)
    return step_size_coefficient(GeneralForm(domain, (), tuple(known), rows, (None,) * size, (size - 1,)))


@by_name(Scheme)
def ssp_region(scheme: Scheme, rays: int = RAYS) -> tuple[tuple[Expr | Isolated, Expr, Expr], ...] | None:
    """The boundary of all (r_1, r_2) of a pair, on rays from the first axis to the second: r and the weights, exactly;
    r = oo where a ray stays inside. None for other schemes.

    Raises InputError for fewer than one ray."""
    if not isinstance(scheme, AdditiveRungeKutta) or len(scheme.parts) != 2:
        return None
    if rays < 1:
        raise InputError(f"rays = {rays}: at least 1")
    found = []
    for k in range(1, rays + 1):
        share = Rational(k, rays + 1)
        r = additive_ssp(scheme, (1 - share, share))
        assert r is not None
        found.append((r, 1 - share, share))
    return tuple(found)


@cache
def _irreducible(scheme: AdditiveRungeKutta, domain: Domain) -> tuple[tuple[Row, ...], ...]:
    """T_1, T_2, … without states that the result does not depend on, and with those that are equal for all fields made
    one; the result is the last."""
    parts = [
        [{j: y for j, x in enumerate(row) if (y := domain.convert(x))} for row in (*p.A, p.b)] for p in scheme.parts
    ]
    times: list[object] = [tuple(map(domain.convert, c)) for c in zip(*(p.c for p in scheme.parts), strict=True)]
    times.append(None)
    while True:
        n = len(times)
        together: list[Row] = [dict(itertools.chain.from_iterable(T[i].items() for T in parts)) for i in range(n)]
        kept = influential(tuple(together), (n - 1,))
        index = {old: new for new, old in enumerate(kept)}
        parts = [[{index[j]: x for j, x in T[i].items()} for i in kept] for T in parts]
        times = [times[i] for i in kept]
        classes = coarsest_partition(list(zip(*parts, strict=True)), times)
        of = class_of(classes)
        parts = [[class_sums(T[c[0]], of) for c in classes] for T in parts]
        times = [times[c[0]] for c in classes]
        if len(times) == n:
            return tuple(map(tuple, parts))
