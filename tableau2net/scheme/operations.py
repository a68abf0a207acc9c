"""Schemes out of schemes: one after another, and backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch

from sympy import Expr, S, expand

from tableau2net.errors import InputError
from tableau2net.scheme.base import Parameter, Scheme, exact_vector
from tableau2net.scheme.multistep import AdditiveMultistep, Multistep
from tableau2net.scheme.parts import AdditiveRungeKutta, PartitionedRungeKutta
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
    parameters = _declared(schemes)
    if isinstance(first, RungeKutta):
        whole: Scheme = replace(_one_after_another(list(schemes), shares), parameters=parameters)  # type: ignore[arg-type]
    elif isinstance(first, AdditiveRungeKutta | PartitionedRungeKutta):
        columns = zip(*(s.parts for s in schemes), strict=True)  # type: ignore[attr-defined]
        if any(getattr(s, "reads", None) != getattr(first, "reads", None) for s in schemes):
            raise InputError("compose: the schemes read different states")
        parts = tuple(_one_after_another(list(column), shares) for column in columns)
        whole = replace(first, parts=parts, parameters=parameters)
    else:
        raise InputError(f"compose: a {first.family} scheme has no composition, it is not a one-step method")
    return replace(whole, name=name, title="", reference="", claims={}, digits=_fewest(schemes))


def _one_after_another(tableaus: list[RungeKutta], weights: list[Expr]) -> RungeKutta:
    """The tableau of the composition; embedded weights are dropped, they belong to a step of their own."""
    A: list[tuple[Expr, ...]] = []
    b: list[Expr] = []  # so far: also what every later stage starts with
    c: list[Expr] = []
    time: Expr = S.Zero
    for scheme, w in zip(tableaus, weights, strict=True):
        A += [(*b, *(expand(w * a) for a in row)) for row in scheme.A]
        c += [expand(time + w * x) for x in scheme.c]
        b += [expand(w * x) for x in scheme.b]
        time = time + w
    return RungeKutta(A=tuple(A), b=tuple(b), c=tuple(c), parameters=_declared(tableaus))


def _declared(schemes: Sequence[Scheme]) -> tuple[Parameter, ...]:
    return tuple({p.name: p for s in schemes for p in s.parameters}.values())


def _symbols(schemes: Sequence[Scheme]) -> dict[str, Expr]:
    return {name: symbol for s in schemes for name, symbol in s.symbols.items()}


def _fewest(schemes: Sequence[Scheme]) -> int | None:
    digits = [s.digits for s in schemes if s.digits is not None]
    return min(digits, default=None)


@singledispatch
def adjoint(scheme: Scheme) -> Scheme:
    """The adjoint method: a step of −h of the scheme, solved for what it started from (HLW II.3; multistep: HLW XV.1).

    Raises InputError for a family without one (general linear methods)."""
    if not isinstance(scheme, Scheme):
        raise InputError(f"adjoint: a {type(scheme).__name__} is no scheme; write load(name), or make one")
    raise InputError(f"adjoint: a {scheme.family} scheme has none that is written as a table")


@adjoint.register
def _(scheme: RungeKutta) -> Scheme:
    return _renamed(_reflected(scheme), scheme)


@adjoint.register(AdditiveRungeKutta)
@adjoint.register(PartitionedRungeKutta)
def _(scheme: AdditiveRungeKutta | PartitionedRungeKutta) -> Scheme:
    return _renamed(replace(scheme, parts=tuple(map(_reflected, scheme.parts))), scheme)


@adjoint.register
def _(scheme: Multistep) -> Scheme:
    beta_sign = -1 if scheme.derivative == 1 else 1
    alpha, beta = _reversed_table(scheme, [scheme.alpha, tuple(beta_sign * b for b in scheme.beta)])
    return _renamed(replace(scheme, alpha=alpha, beta=beta), scheme)


@adjoint.register
def _(scheme: AdditiveMultistep) -> Scheme:
    alpha, *betas = _reversed_table(scheme, [scheme.alpha, *(tuple(-b for b in beta) for beta in scheme.betas)])
    return _renamed(replace(scheme, alpha=alpha, betas=tuple(betas)), scheme)


def _reflected(scheme: RungeKutta) -> RungeKutta:
    """a*_ij = b_{s+1−j} − a_{s+1−i,s+1−j}, b*_j = b_{s+1−j}, c*_i = 1 − c_{s+1−i} (HLW II.3, Theorem 3.3)."""
    A = tuple(
        tuple(expand(b - a) for a, b in zip(reversed(row), reversed(scheme.b), strict=True))
        for row in reversed(scheme.A)
    )
    c = tuple(expand(1 - x) for x in reversed(scheme.c))
    return replace(scheme, A=A, b=tuple(reversed(scheme.b)), c=c, b_hat=None)


def _reversed_table(scheme: Multistep | AdditiveMultistep, rows: list[tuple[Expr, ...]]) -> list[tuple[Expr, ...]]:
    lead = scheme.alpha[0]
    if lead.is_zero:
        raise InputError("adjoint: alpha[0] is 0, so that the oldest value cannot be solved for")
    return [tuple((x / lead).cancel() if x.free_symbols else expand(x / lead) for x in reversed(row)) for row in rows]


def _renamed(changed: Scheme, scheme: Scheme) -> Scheme:
    name = f"{scheme.name[: NAME_LENGTH - 8]}-adjoint" if scheme.name else ""
    title = f"Adjoint of {scheme.title or scheme.name}"[:LINE_LENGTH] if scheme.name else ""
    return replace(changed, name=name, title=title, claims={})
