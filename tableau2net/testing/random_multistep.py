"""Linear multistep methods drawn at random, with order and zero-stability by construction."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import perm

from hypothesis import assume
from hypothesis import strategies as st
from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse, symbol
from tableau2net.scheme import AdditiveMultistep, Multistep, Parameter
from tableau2net.testing import roots
from tableau2net.testing.draw import Size, among, rationals, sizes, vector
from tableau2net.testing.linear_equations import solution

Row = list[Fraction]


@st.composite
def multistep(
    draw: st.DrawFn,
    steps: Size = range(1, 5),
    order: int | None = None,
    explicit: bool | None = None,
    zero_stable: bool | None = None,
    derivative: int = 1,
    with_parameter: bool = False,
) -> Multistep:
    """Linear multistep methods of order `order` at least, by construction; of any order from 0 on without one.

    steps: a number, or a range of them.  explicit, zero_stable: True, False, or None for both.
    order: −1 for any coefficients at all, that need not even keep a constant.
    derivative: 2 for methods for y'' = f.
    with_parameter: where order and stability leave β some freedom, a line of such β, with parameter theta.

    The roots of ρ are small rationals and complex pairs with rational parts; β and what else the order fixes is solved
    for. Raises InputError where there is no such method (Dahlquist's barriers: HNW I, III.3 and III.10).
    """
    if derivative not in (1, 2):
        raise InputError(f"derivative={derivative}: 1 for y' = f, 2 for y'' = f")
    p = 0 if order is None else order
    choices = _choices(steps, p, explicit, zero_stable, derivative)
    k, is_explicit = draw(st.sampled_from(choices))
    width = k if is_explicit else k + 1
    if order is None:
        p = draw(among(range(width + 1)))
    alpha, beta = _alpha_beta(draw, k, p, width, zero_stable, derivative)
    parameters: tuple[Parameter, ...] = ()
    mixed: Sequence[Expr | Fraction] = beta
    if with_parameter:
        other = _beta(draw, alpha, p, width, derivative)
        if other is not None and other != beta:
            parameters = (Parameter("theta", parse(draw(rationals()))),)
            mixed = [parse(a) + symbol("theta") * parse(b - a) for a, b in zip(beta, other, strict=True)]
    return Multistep(alpha=tuple(alpha), beta=tuple(mixed), derivative=derivative, parameters=parameters, name="random")


@st.composite
def additive_multistep(
    draw: st.DrawFn,
    parts: int = 2,
    steps: Size = range(1, 4),
    order: int | None = None,
    explicit: Sequence[bool] | None = None,
    zero_stable: bool | None = None,
) -> AdditiveMultistep:
    """Linear multistep methods with several fields, of order `order` at least, by construction.

    explicit: for each field, whether its new value is not needed; drawn when left out. The rest as in `multistep`."""
    shape = [draw(st.booleans()) for _ in range(parts)] if explicit is None else list(explicit)
    if len(shape) != parts:
        raise InputError(f"explicit has {len(shape)} entries for {parts} parts")
    p = 0 if order is None else order
    if p < 0:
        raise InputError(f"order={p}: 0 at least")
    least = max(p if any(shape) else p - 1, 1 + (zero_stable is False))
    k = draw(among(sizes(steps, least, f"additive multistep methods of order {p}: steps")))
    widths = [k + 1 - e for e in shape]
    if order is None:
        p = draw(among(range(min(widths) + 1)))
    alpha = _alpha(draw, k, zero_stable, 1)
    betas = [_beta(draw, alpha, p, width, 1) for width in widths]
    return AdditiveMultistep(alpha=tuple(alpha), betas=tuple(map(tuple, betas)), name="random")


def _choices(
    steps: Size, p: int, explicit: bool | None, zero_stable: bool | None, derivative: int
) -> list[tuple[int, bool]]:
    """Steps and explicitness with which the order can be had; InputError where it cannot."""
    least = derivative + (zero_stable is False)
    given = sizes(steps, least, f"{'un' * (zero_stable is False)}stable multistep methods: steps")
    kinds = (True, False) if explicit is None else (explicit,)
    found = [(k, kind) for k in given for kind in kinds if _possible(k, kind, p, zero_stable, derivative)]
    if not found:
        what = {None: "", True: "zero-stable ", False: "unstable "}[zero_stable]
        what += {None: "", True: "explicit ", False: "implicit "}[explicit]
        raise InputError(f"order={p}: no {what}multistep method with steps={steps} has it")
    return found


def _possible(k: int, explicit: bool, p: int, zero_stable: bool | None, derivative: int) -> bool:
    width = k if explicit else k + 1
    if p <= width:
        return p >= -1
    symmetric = not explicit and k % 2 == 0 and p == k + 2
    if zero_stable is True:
        return symmetric and (k - 2) // 2 <= len(roots.CIRCLE)
    if symmetric and zero_stable is False:
        return k >= 4
    return symmetric or p + derivative <= k + width


def _alpha_beta(
    draw: st.DrawFn, k: int, p: int, width: int, zero_stable: bool | None, derivative: int
) -> tuple[Row, Row]:
    if p <= width:
        if p < 0 and zero_stable is None:
            alpha = [*vector(draw, k), Fraction(1)]
        else:
            alpha = _alpha(draw, k, zero_stable, derivative)
        beta = _beta(draw, alpha, p, width, derivative)
    elif width == k + 1 and k % 2 == 0 and p == k + 2:
        outside = zero_stable is False or (zero_stable is None and k >= 4 and draw(st.booleans()))
        alpha = roots.product(roots.symmetric(draw, k, derivative, outside))
        beta = _beta(draw, alpha, width, width, derivative)  # symmetry gives the last condition
    else:
        alpha, beta = _both(draw, k, p, width, derivative)
    if width > k:
        assume(beta[k] != 0)
    return alpha, beta


def _alpha(draw: st.DrawFn, k: int, zero_stable: bool | None, derivative: int) -> Row:
    if zero_stable is not None:
        return roots.product((roots.stable if zero_stable else roots.unstable)(draw, k, derivative))
    rows = [[Fraction(j**q) for j in range(k)] for q in range(derivative)]
    found = solution(rows, [-Fraction(k**q) for q in range(derivative)], vector(draw, k))
    assert found is not None  # different powers of different numbers
    return [*found, Fraction(1)]


def _beta(draw: st.DrawFn, alpha: Row, p: int, width: int, derivative: int) -> Row:
    """β with Σ α_j j^q = q(q−1)… Σ β_j j^(q−d), q = d … p + d − 1 (HNW I, III.2, eq. 2.6; III.10, eq. 10.3)."""
    d, k = derivative, len(alpha) - 1
    wanted = vector(draw, width)
    if p < width and width > k and not wanted[0]:
        wanted[0] = Fraction(1)  # β_k comes first, so that it is the last to be solved for
    columns = list(reversed(range(width)))
    rows = [[Fraction(perm(q, d) * j ** (q - d)) for j in columns] for q in range(d, p + d)]
    right = [sum((a * j**q for j, a in enumerate(alpha)), Fraction(0)) for q in range(d, p + d)]
    found = solution(rows, right, wanted)
    assert found is not None  # as many different powers as nodes
    return [*reversed(found), *[Fraction(0)] * (k + 1 - width)]


def _both(draw: st.DrawFn, k: int, p: int, width: int, derivative: int) -> tuple[Row, Row]:
    """α and β beyond what zero-stability allows: all conditions solved together."""
    d = derivative
    rows, right = [], []
    for q in range(p + d):
        slopes = [Fraction(-perm(q, d) * j ** (q - d) if q >= d else 0) for j in range(width)]
        rows.append([*(Fraction(j**q) for j in range(k)), *slopes])
        right.append(-Fraction(k**q))
    found = solution(rows, right, vector(draw, k + width))
    assume(found is not None)
    assert found is not None
    return [*found[:k], Fraction(1)], [*found[k:], *[Fraction(0)] * (k + 1 - width)]
