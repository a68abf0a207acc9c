"""Schemes out of schemes: one after another, and backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme.base import Scheme, declared
from tableau2net.scheme.exact_rows import exact_vector
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
