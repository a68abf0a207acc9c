"""Whether a scheme's step is within von Neumann's exact limit on a field: what is said of it before it is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sympy import Expr, Rational

from tableau2net.analysis.space.cfl import CFL, limit_of_terms
from tableau2net.analysis.space.sampling import growth
from tableau2net.analysis.space.terms import StencilTerm, sampled_parts
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, symbol
from tableau2net.integration.step_checks import register_step_check
from tableau2net.nn.space.derivatives import Derivative
from tableau2net.nn.space.learnt_stencils import as_one, stencils_of
from tableau2net.nn.space.space_field import SpaceField
from tableau2net.scheme import Scheme, Stencil
from tableau2net.step import lower

ANGLES = {1: 256, 2: 48, 3: 16}  # along each axis, where waves are looked at in floats first
GROWS = 1e-7
IDENTITY = Stencil(0, ["1"], [0])


@dataclass(frozen=True)
class FieldLimit:
    """The largest step at which no wave grows on the linear terms of a field with frozen coefficients."""

    limit: CFL
    state: str


def frozen_terms(field: SpaceField, state: int) -> Iterator[StencilTerm]:
    """The terms of a state's rate with one derivative of itself, with the stencils that the field has now; a
    coefficient that varies over the grid is its largest."""
    if field.split is None or field.equation is None:
        return
    tables = {each.derivative: each.stencil for each in stencils_of(field)}
    known = {each.name: each for each in field.stencils.derivatives}
    for (i, j, letters), coefficient in field.split.linear.items():
        if i == j == state:
            yield _term(field, known[letters], tables, _value(field, coefficient))
    for what, coefficient in field.split.rest[state].items():
        name, letters = field.equation.derivatives.get(str(what), ("", ""))
        if name == field.states[state] and letters in known:
            yield _term(field, known[letters], tables, _value(field, coefficient))


def _value(field: SpaceField, coefficient: Expr) -> Rational:
    """A coefficient as a number: of a field over the grid the entry that is largest."""
    values = {name: field.coefficients(name).detach() for name in map(str, coefficient.free_symbols)}
    largest = {name: v.flatten()[v.abs().argmax()] for name, v in values.items()}
    number = coefficient.subs({symbol(name): Rational(float(v)) for name, v in largest.items()})
    return Rational(float(number))


def _term(field: SpaceField, derivative: Derivative, tables: dict[str, Stencil], value: Rational) -> StencilTerm:
    if not derivative.parts:
        return StencilTerm(value, IDENTITY)
    stencil = tables[derivative.name]
    axes = [a for a, m in enumerate(derivative.orders) if m]
    if stencil.dimension == 1:
        return StencilTerm(value, stencil, field.h[axes[0]], axes[0])
    return StencilTerm(value, as_one(derivative) if stencil.dimension < len(field.h) else stencil, field.h)


def largest_step(field: SpaceField, scheme: Scheme) -> FieldLimit | None:
    """The limit of a scheme on a field, exact where coefficients are constant: the least of its states. None where it
    has no linear terms. Raises InputError where it is too much work."""
    found = [
        FieldLimit(limit_of_terms(scheme, terms), name)
        for i, name in enumerate(field.states)
        if (terms := list(frozen_terms(field, i)))
    ]
    return min(found, key=lambda each: float(each.limit), default=None)


def step_warning(field: SpaceField, scheme: Scheme, step: float) -> str:
    """A line where waves grow with steps of this size; empty where none does. What is exact is asked only where a look
    at some waves in floats says so."""
    if "zero" in field.boundary or "sbp" in field.boundary or not step > 0:
        return ""
    with torch.no_grad():
        states = {name: terms for i, name in enumerate(field.states) if (terms := list(frozen_terms(field, i)))}
    name = f"{scheme.name or 'the scheme'} with steps of {step:.6g}"
    try:
        waves = {state: _waves(scheme, terms, step, len(field.h)) for state, terms in states.items()}
        told = next((state for state, (wrong, _) in waves.items() if wrong), "")
        if not told:
            return ""
        if any(own for _, own in waves.values()):  # a limit up to which none grows there is not
            grown = f"with frozen coefficients it makes waves grow that {told}_t does not"
            return f"{name} is unstable on {told}_t: {grown}"
        found = largest_step(field, scheme)
    except InputError:
        return ""
    if found is None or float(found.limit) >= step:
        return ""
    limit = float(found.limit)
    return f"{name} is unstable on {found.state}_t: with frozen coefficients no wave grows up to {limit:.6g}" + (
        f", {step / limit:.3g} times less" if limit else "; none is stable"
    )


def _waves(scheme: Scheme, terms: list[StencilTerm], step: float, dimension: int) -> tuple[bool, bool]:
    """Whether waves grow that the equation itself does not make grow, and whether there are some that it does."""
    n = ANGLES[dimension]
    angles = np.meshgrid(*[np.fft.fftfreq(n, 1 / (2 * np.pi))] * dimension, indexing="ij", sparse=True)
    z = step * sampled_parts(terms, lower(scheme).parts, *angles)
    own = np.broadcast_to(_rate(terms, angles), z.shape[1:]) > 0
    if own.any():  # about the last of them stencils are a little off
        own = own | (z.sum(axis=0).real > 0)
    grows = growth(scheme, z.reshape(len(z), -1)) > 1 + GROWS
    return bool((grows & ~own.ravel()).any()), bool(own.any())


def _rate(terms: Sequence[StencilTerm], angles: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The rate at which the equation itself makes waves grow: the real part of Σ c (iθ/h)^o."""
    total: Any = np.float64(0)
    for term in terms:
        for orders in term.stencil.terms:
            if not (m := sum(orders)) % 2:
                powers = (angles[a] ** k for a, k in zip(term.axes, orders, strict=True) if k)
                total = total + float_of(term.factor) * (-1) ** (m // 2) * prod(powers, start=np.float64(1))
    return np.asarray(total)


register_step_check(SpaceField, step_warning)
