"""What the stencils of a run's fields have become: order, symbol, and how far the run's scheme is stable on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import Expr, oo

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.report.finding import json_of
from tableau2net.analysis.space.cfl import cfl
from tableau2net.analysis.space.moments import space_order
from tableau2net.analysis.space.symbol import sampled
from tableau2net.errors import InputError
from tableau2net.nn.space import LearntStencil
from tableau2net.runs.result import Result
from tableau2net.scheme import Scheme, Stencil

ANGLES = 65  # at which a symbol is looked at, along each axis


@dataclass(frozen=True)
class StencilFacts:
    """What is said of one learnt stencil. order: exact, or as far as its decimals go.

    real: the least and the largest Re ŝ(θ), sampled.  imaginary: the largest |Im ŝ(θ)|.
    limits: by scheme the largest ν = |c| Δt/h^m at which no wave grows; None where that is too much work."""

    learnt: LearntStencil
    order: int
    real: tuple[float, float]
    imaginary: float
    limits: dict[str, Expr | None]

    @property
    def name(self) -> str:
        """The field, and the derivative."""
        return f"{self.learnt.field or 'field'}, {self.learnt.derivative}"

    @property
    def kept(self) -> bool:
        """Whether it has the order that it was to keep."""
        return self.learnt.kept is None or self.order >= self.learnt.kept


def stencil_facts(learnt: LearntStencil, scheme: Scheme | None) -> StencilFacts:
    """The facts of a stencil, beside forward Euler on the scheme of its network's steps."""
    stencil = learnt.stencil
    grid = np.meshgrid(*[np.linspace(-np.pi, np.pi, ANGLES)] * stencil.dimension, indexing="ij", sparse=True)
    values = sampled(stencil, *grid)
    names: list[Scheme | str] = ["euler", *([scheme] if scheme is not None and scheme.name != "euler" else [])]
    limits = {each if isinstance(each, str) else each.name or "scheme": _limit(each, stencil) for each in names}
    real = (float(values.real.min()), float(values.real.max()))
    return StencilFacts(learnt, space_order(stencil).order, real, float(np.abs(values.imag).max()), limits)


def _limit(scheme: Scheme | str, stencil: Stencil) -> Expr | None:
    """On the equation in the direction in which the stencil is stable, if in any."""
    speeds = (1, -1) if sum(stencil.orders) % 2 else (1,)
    found: list[Expr] = []
    for speed in speeds:
        try:
            found.append(cfl(scheme, stencil, speed=speed).limit)
        except (InputError, TooMuch):
            return None
    return max(found)


def stencil_lines(facts: StencilFacts) -> str:
    """The facts in a line."""
    how = "learnt" if facts.learnt.learnt else "fixed"
    exact = "" if facts.learnt.stencil.digits is None else f" to 1e-{facts.learnt.stencil.digits}"
    limits = ", ".join(f"{name} {_short(limit)}" for name, limit in facts.limits.items())
    low, high = facts.real
    waves = f"Re from {low:.4g} to {high:.4g}, |Im| to {facts.imaginary:.4g}"
    return f"{facts.name}: {how}, order {facts.order}{exact}; symbol: {waves}; largest step: {limits}"


def _short(limit: Expr | None) -> str:
    return "not decided" if limit is None else "no limit" if limit is oo else f"{float(limit.evalf(10)):.5g}"


def stencil_record(facts: StencilFacts) -> dict[str, Any]:
    """The facts as an entry of ``check --json``."""
    return {
        "field": facts.learnt.field,
        "derivative": facts.learnt.derivative,
        "learnt": facts.learnt.learnt,
        "weights": {str(list(at)): json_of(w) for at, w in facts.learnt.stencil.points.items()},
        "order": facts.order,
        "keep_order": facts.learnt.kept,
        "real": facts.real,
        "imaginary": facts.imaginary,
        "limits": {name: json_of(limit) for name, limit in facts.limits.items()},
    }


def declared_stencil(facts: StencilFacts, result: Result) -> Stencil:
    """A learnt stencil with a name, where it comes from, and as claims what it is."""
    field = (facts.learnt.field or "field").replace(".", "-")
    limits = ", ".join(f"{name} {_short(limit)}" for name, limit in facts.limits.items())
    return replace(
        facts.learnt.stencil,
        name=f"{field}-{facts.learnt.derivative}",
        title=f"learnt: {facts.learnt.derivative} of {facts.learnt.field or 'a field'}; largest step: {limits}",
        reference=f"learnt by {result.model}, {result.epochs} epochs, seed {result.seed}, {result.date[:10]}",
        claims={"order": facts.order},
    )
