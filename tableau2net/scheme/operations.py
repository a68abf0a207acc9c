"""Schemes out of schemes: one after another, and backwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme.base import Scheme
from tableau2net.scheme.coefficient_table import declared
from tableau2net.scheme.exact_rows import exact_vector
from tableau2net.scheme.parts import PartitionedRungeKutta
from tableau2net.scheme.runge_kutta import RungeKutta
from tableau2net.words import LINE_LENGTH, NAME_LENGTH


def compose(schemes: Sequence[Scheme], weights: Sequence[object] | None = None, name: str = "") -> Scheme:
    """The method whose step is a step w_1·h of the first scheme, then w_2·h of the second, and so on.

    schemes: one-step methods of one family (Runge–Kutta, additive or partitioned Runge–Kutta).
    weights: exact numbers, may be negative or hold parameters; each 1/n when left out, so that h stays h.
    The tableau is that of HLW II.4: the stages one below another. Raises InputError for what cannot be composed.
    """
    if isinstance(schemes, str) or not isinstance(schemes, Sequence) or not schemes:
        raise InputError("compose: a list of schemes is expected, at least one")
    if strange := [s for s in schemes if not isinstance(s, Scheme)]:
        raise InputError(f"compose: a {type(strange[0]).__name__} is no scheme; write load(name), or make one")
    n = len(schemes)
    shares = [S.One / n] * n if weights is None else list(exact_vector(weights, "compose: weights", _symbols(schemes)))
    if len(shares) != n:
        raise InputError(f"compose: {n} schemes but {len(shares)} weights")
    first = schemes[0]
    if any(type(s) is not type(first) for s in schemes):
        raise InputError(f"compose: schemes of one family are needed, not {', '.join(s.family for s in schemes)}")
    whole = type(first).composed(schemes, shares)
    changed: dict[str, Any] = {"name": name, "title": "", "reference": "", "claims": {}, "digits": _fewest(schemes)}
    return replace(whole, parameters=declared(schemes), **changed)


def _symbols(schemes: Sequence[Scheme]) -> dict[str, Expr]:
    return {name: symbol for s in schemes for name, symbol in s.symbols.items()}


def _fewest(schemes: Sequence[Scheme]) -> int | None:
    digits = [s.digits for s in schemes if s.digits is not None]
    return min(digits, default=None)


def adjoint(scheme: Scheme) -> Scheme:
    """The adjoint method: a step of −h of the scheme, solved for what it started from (HLW II.3; multistep: HLW XV.1).

    Raises InputError for a family without one (general linear methods)."""
    if not isinstance(scheme, Scheme):
        raise InputError(f"adjoint: a {type(scheme).__name__} is no scheme; write load(name), or make one")
    name = f"{scheme.name[: NAME_LENGTH - 8]}-adjoint" if scheme.name else ""
    title = f"Adjoint of {scheme.title or scheme.name}"[:LINE_LENGTH] if scheme.name else ""
    return replace(scheme.reflected(), name=name, title=title, claims={})


def costate(scheme: Scheme) -> PartitionedRungeKutta:
    """The scheme with its symplectic partner: the pair of methods by which state and costate go in optimal control.

    y' = f(y, u), λ' = −(∂f/∂y)ᵀ λ, and u from ∂H/∂u = 0 at each stage. To discretise by the scheme and then optimise,
    or differentiate as autograd does, is to integrate λ by the partner, â_ij = b_j − b_j a_ji/b_i, b̂ = b, at the nodes
    of the scheme (Hager 2000, Numer. Math. 87, pp. 247–282; Sanz-Serna 2016, SIAM Review, arXiv:1503.04021). The pair
    is symplectic, λᵀv is kept along tangents v, and the partner's partner is the scheme.

    Both fields read both states, as they do once u is eliminated: ``order(costate(scheme))`` is the order as a method
    for optimal control, at most that of the scheme. Where the controls are given, gradients keep the scheme's order.

    Stages on which the result does not depend are left out; stages that are equal stay, since their costates may not
    be. An embedded method is dropped. Of printed decimals fewer are left, the smaller the weights are.
    Raises InputError for another family, and where a weight is 0: it is divided by.
    """
    if not isinstance(scheme, RungeKutta):
        what = (
            f"{scheme.name or 'it'} is of family {scheme.family}" if isinstance(scheme, Scheme) else "it is no scheme"
        )
        raise InputError(f"costate: a Runge–Kutta scheme has a partner table, and {what}")
    divided = [1 / b for b in scheme.b if b.free_symbols]
    numbers = domain_of([*(a for row in scheme.A for a in row), *scheme.b, *divided])
    A, b = [[numbers.convert(a) for a in row] for row in scheme.A], [numbers.convert(x) for x in scheme.b]
    used = _used(A, b)
    if zero := [f"b_{i + 1}" for i in used if not b[i]]:
        raise InputError(
            f"costate: {', '.join(zero)} = 0, and the partner table is divided by the weight of each stage"
        )
    if not used:
        raise InputError("costate: every weight is 0, so that no stage counts")
    kept, c = [[scheme.A[i][j] for j in used] for i in used], [scheme.c[i] for i in used]
    partner = [[numbers.expression(b[j] - b[j] * A[j][i] / b[i]) for j in used] for i in used]
    weights, parameters = [scheme.b[i] for i in used], scheme.parameters
    return PartitionedRungeKutta(
        parts=tuple(RungeKutta(A=rows, b=weights, c=c, parameters=parameters) for rows in (kept, partner)),
        name=f"{scheme.name[: NAME_LENGTH - 8]}-costate" if scheme.name else "",
        title=f"{scheme.title or scheme.name}, with its costate"[:LINE_LENGTH] if scheme.name else "",
        parameters=parameters,
        digits=_digits_left(scheme.digits, kept, weights),
    )


def _used(A: Sequence[Sequence[Any]], b: Sequence[Any]) -> list[int]:
    """The stages on which the result depends."""
    found = [i for i, weight in enumerate(b) if weight]
    for i in found:  # grows as it goes
        found += [j for j, a in enumerate(A[i]) if a and j not in found]
    return sorted(found)


def _digits_left(digits: int | None, A: Sequence[Sequence[Expr]], b: Sequence[Expr]) -> int | None:
    """How many decimals are left of b_j − b_j a_ji/b_i, of as many in the coefficients."""
    if digits is None:
        return None
    sizes, stages = [abs(float(x)) for x in b], range(len(b))
    growth = max(
        1 + abs(float(A[j][i])) / sizes[i] + sizes[j] / sizes[i] * (1 + abs(float(A[j][i])) / sizes[i])
        for i in stages
        for j in stages
    )
    return max(1, digits - math.ceil(math.log10(growth)))
