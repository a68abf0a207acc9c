"""Shapes of schemes to be generated: every coefficient an unknown of its own, but for the zeros of the shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from sympy import Expr, Rational, S, Symbol

from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import AdditiveMultistep, Multistep, RungeKutta, Scheme
from tableau2net.scheme.parameters import Parameter

MAX_STEPS = 16
MAX_STAGES = 9
RUNGE_KUTTA_SHAPES = ("explicit", "diagonally-implicit", "singly-diagonally-implicit", "implicit", "collocation")


@dataclass(frozen=True)
class Shape:
    """What is to be solved.

    template: a scheme whose unknown coefficients are its parameters; their values are where a free one starts.
    groups: the unknowns, those to be solved for first in front (see `solve`).
    conditions: equations that hold beside the order conditions.
    quadrature: whether `conditions` leave of the order conditions only those of the quadrature formula (b, c).
    """

    kind: str
    template: Scheme
    groups: tuple[tuple[Symbol, ...], ...]
    conditions: tuple[Expr, ...] = ()
    quadrature: bool = False
    fixed: Mapping[str, Expr] = field(default_factory=dict)


def multistep_shape(steps: int, *, explicit: bool = True, adams: bool = False) -> Shape:
    """k-step methods with free α and β. adams: y_{n+k} − y_{n+k−1} on the left, so that only β is free."""
    if not 1 <= steps <= MAX_STEPS:
        raise InputError(f"steps = {steps}: between 1 and {MAX_STEPS}")
    alpha = [symbol(f"alpha{j}") for j in range(steps)]
    beta = [symbol(f"beta{j}") for j in range(steps + (not explicit))]
    start = dict.fromkeys([*alpha, *beta], S.Zero)
    fixed: dict[str, Expr] = {}
    if adams:
        fixed = {str(a): S.Zero for a in alpha[:-1]} | {f"alpha{steps - 1}": S.NegativeOne}
    template = Multistep(
        alpha=(*alpha, S.One),
        beta=(*beta, S.Zero) if explicit else tuple(beta),
        parameters=_open(start),
    )
    kind = f"{'explicit' if explicit else 'implicit'} {steps}-step method"
    # the oldest β are solved for, so that the newest stay: AdamNet's parameters
    return Shape(kind, template, (tuple(beta), tuple(reversed(alpha))), fixed=fixed)


def imex_multistep_shape(steps: int, *, adams: bool = False) -> Shape:
    """k-step methods for two fields: the first implicit (β_k free), the second explicit, one α."""
    one = multistep_shape(steps, explicit=False, adams=adams)
    alpha = one.groups[1]
    betas = [[symbol(f"beta{j}_p{part}") for j in range(steps + (part == 1))] for part in (1, 2)]
    free = [*alpha, *betas[0], *betas[1]]
    template = AdditiveMultistep(
        alpha=(*reversed(alpha), S.One),
        betas=(tuple(betas[0]), (*betas[1], S.Zero)),
        parameters=_open(dict.fromkeys(free, S.Zero)),
    )
    groups = (tuple(b for pair in zip_longest(*betas) for b in pair if b is not None), alpha)
    return Shape(f"implicit-explicit {steps}-step method", template, groups, fixed=one.fixed)


def runge_kutta_shape(stages: int, shape: str = "explicit", *, embedded: bool = False) -> Shape:
    """s-stage methods with the nodes c in the place of the first column of A.

    shape: one of `RUNGE_KUTTA_SHAPES`. embedded: with weights b_hat beside b."""
    if not 1 <= stages <= MAX_STAGES:
        raise InputError(f"stages = {stages}: between 1 and {MAX_STAGES}")
    if shape not in RUNGE_KUTTA_SHAPES:
        raise InputError(f"shape {shape!r}: one of {', '.join(RUNGE_KUTTA_SHAPES)}")
    width = {"explicit": 0, "diagonally-implicit": 1, "singly-diagonally-implicit": 1}
    gamma = symbol("gamma") if shape == "singly-diagonally-implicit" else None
    c = [symbol(f"c{i + 1}") for i in range(stages)]
    if shape == "explicit":
        c[0] = S.Zero
    elif gamma is not None:
        c[0] = gamma
    A: list[list[Expr]] = []
    free: list[Symbol] = []
    start: dict[Symbol, Expr] = {}
    for i in range(stages):
        reach = i + width[shape] if shape in width else stages
        row: list[Expr] = [S.Zero] * stages
        for j in range(1, reach):
            if i == j and gamma is not None:
                row[j] = gamma
            else:
                row[j] = symbol(f"a{i + 1}{j + 1}")
                free.append(row[j])
                start[row[j]] = _node(shape, i, stages) / reach
        if reach:
            row[0] = c[i] - sum(row, S.Zero)
        A.append(row)
    b = [symbol(f"b{i + 1}") for i in range(stages)]
    b_hat = [symbol(f"b_hat{i + 1}") for i in range(stages)] if embedded else []
    nodes = [x for x in c if isinstance(x, Symbol) and x != gamma]
    start |= {x: _node(shape, i, stages) for i, x in enumerate(c) if x in nodes}
    start |= dict.fromkeys([*b, *b_hat], Rational(1, stages))
    if gamma is not None:
        start[gamma] = Rational(2, 5)
    template = RungeKutta(
        A=tuple(tuple(row) for row in A),
        b=tuple(b),
        b_hat=tuple(b_hat) or None,
        parameters=_open(start),
    )
    last = [gamma] if gamma is not None else []
    weights = [b[0], *reversed(b[1:]), *b_hat[:1], *reversed(b_hat[1:])]
    groups = (tuple(reversed(free)), tuple(weights), (*reversed(nodes), *last))
    conditions = _collocation(template) if shape == "collocation" else []
    kind = f"{shape if shape != 'implicit' else 'fully implicit'} {stages}-stage Runge–Kutta method"
    return Shape(kind, template, groups, tuple(conditions), quadrature=shape == "collocation")


def _node(shape: str, i: int, stages: int) -> Expr:
    """Where a free node starts: explicit stages from 0 to 1, others between."""
    if shape == "explicit":
        return Rational(i, max(1, stages - 1))
    return Rational(2 * i + 1, 2 * stages)


def _open(start: Mapping[Symbol, Expr]) -> tuple[Parameter, ...]:
    return tuple(Parameter(str(x), value) for x, value in start.items())


def _collocation(scheme: RungeKutta) -> list[Expr]:
    """C(s): Σ_j a_ij c_j^(q−1) = c_i^q/q for q = 1..s (HW II, IV.5)."""
    return [
        _moment(row, scheme.c, q) - c**q / q
        for q in range(1, scheme.stages + 1)
        for row, c in zip(scheme.A, scheme.c, strict=True)
    ]


def _moment(row: Sequence[Expr], c: Sequence[Expr], q: int) -> Expr:
    return sum((a * x ** (q - 1) for a, x in zip(row, c, strict=True)), S.Zero)


def quadrature(scheme: RungeKutta, order: int) -> list[Expr]:
    """B(p): Σ_i b_i c_i^(q−1) = 1/q for q = 1..p; with C(s), this is order p for p ≤ 2s (HW II, IV.5, Theorem 5.1)."""
    return [_moment(scheme.b, scheme.c, q) - Rational(1, q) for q in range(1, order + 1)]
