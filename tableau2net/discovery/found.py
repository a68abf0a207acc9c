"""What was found: coefficients beside the truth, and beside what the scheme was predicted to make of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.discovery.curriculum import FittedBlock
from tableau2net.discovery.discovery_plan import DiscoveryPlan
from tableau2net.discovery.observations import Observations
from tableau2net.discovery.rollouts import Rollout
from tableau2net.discovery.step_limit import StepLimit
from tableau2net.scheme.equation import Equation
from tableau2net.scheme.parameters import Parameter

DIGITS = 6  # of a coefficient that is written
SMALL = 1e-3


@dataclass(frozen=True)
class Coefficient:
    """Of a term of a state's rate: what was found, the truth (None where it is not known), and the truth as the scheme
    makes it appear (None where it is not predicted). Each one number, or a map over the grid.

    A term that is found and not true, or the other way round, is 0 there.  share: of what the rate varies by, the part
    that the term adds; below SMALL it is not written."""

    state: str
    term: str
    found: Tensor
    truth: Tensor | None = None
    predicted: Tensor | None = None
    share: float = 1.0

    @property
    def written(self) -> bool:
        """Whether it is a part of the equation."""
        return bool(self.found.any()) and self.share >= SMALL

    @property
    def error(self) -> float | None:
        """The relative error, of maps by root mean squares; None where there is no truth, or it is 0."""
        if self.truth is None or not self.truth.any():
            return None
        size = self.truth.square().mean().sqrt()
        return float((self.found - self.truth).square().mean().sqrt() / size)

    def as_dict(self) -> dict[str, Any]:
        """Numbers, of maps the means."""
        values = {key: getattr(self, key) for key in ("found", "truth", "predicted")}
        means = {key: None if value is None else float(value.mean()) for key, value in values.items()}
        return {"state": self.state, "term": self.term, **means, "error": self.error, "map": self.found.ndim > 0}


@dataclass(frozen=True)
class FoundEquation:
    """What one scheme has led to. limit: None where it was not asked for."""

    scheme: str
    field: nn.Module
    coefficients: tuple[Coefficient, ...]
    blocks: tuple[FittedBlock, ...]
    rollout: Rollout
    limit: StepLimit | None
    seconds: float

    def worst(self) -> float | None:
        """The largest relative error of a coefficient that is known."""
        errors = [each.error for each in self.coefficients if each.error is not None]
        return max(errors, default=None)

    def support_is_true(self) -> bool | None:
        """Whether exactly the true terms were found; None where the truth is not known, or coefficients are maps."""
        if any(each.truth is None or each.found.ndim for each in self.coefficients):
            return None
        return all(each.written == bool(each.truth.any()) for each in self.coefficients if each.truth is not None)

    def right_sides(self) -> dict[str, dict[str, float]]:
        """Of each state the terms that were found, and their coefficients, of maps the means."""
        sides: dict[str, dict[str, float]] = {}
        for each in self.coefficients:
            side = sides.setdefault(each.state, {})
            if each.written:
                side[each.term] = float(each.found.mean())
        return sides

    def equation(self, observations: Observations, plan: DiscoveryPlan) -> Equation:
        """As a table that can be written to a file; coefficients that are maps are its parameters, at their means."""
        maps = [each for each in self.coefficients if each.found.ndim and each.written]
        parameters = tuple(Parameter(f"c_{name_of_map(each)}", decimal(float(each.found.mean()))) for each in maps)
        named = {(each.state, each.term): f"c_{name_of_map(each)}" for each in maps}
        right = [
            _sum([(named.get((state, term)) or decimal(c), term) for term, c in side.items()])
            for state, side in self.right_sides().items()
        ]
        return Equation(
            right=right,
            states=observations.states,
            dimension=len(observations.h),
            boundary="periodic" if observations.boundary == "periodic" else "zero",
            name=f"found-{self.scheme}",
            title=f"Found in {observations.name.rpartition('/')[2]} by {plan.equation} through {self.scheme}"[:200],
            parameters=parameters,
        )


@dataclass(frozen=True)
class Discovery:
    """The result of `discover`."""

    observations: Observations
    plan: DiscoveryPlan
    found: tuple[FoundEquation, ...]
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Everything that is a number or a name, for JSON; infinite errors are None."""
        data, last = self.observations, self.observations.test.shape[1] - 1
        return {
            "data": {
                "name": data.name, "trajectories": len(data.u), "times": data.u.shape[1], "states": data.states,
                "space": data.space, "dt": data.dt, "h": data.h, "noise": data.noise, "boundary": data.boundary,
            },
            "plan": dict(vars(self.plan)),
            "found": [
                {
                    "scheme": each.scheme,
                    "equation": list(equations(each)),
                    "coefficients": [c.as_dict() for c in each.coefficients],
                    "support_is_true": each.support_is_true(),
                    "limit": None if each.limit is None else {"dt": each.limit.limit, "kind": each.limit.kind},
                    "blocks": [_finite(vars(block)) for block in each.blocks],
                    "rollout": {str(n): _number(each.rollout.at(n)) for n in {*range(0, last, 5), 1, last}},
                    "seconds": each.seconds,
                }
                for each in self.found
            ],
            "warnings": list(self.warnings),
        }  # fmt: skip


def equations(found: FoundEquation, digits: int = 4) -> list[str]:
    """Each state's equation in a line: u_t = −1.002 u·u_x + 0.0503 u_xx; coefficients that are maps as c(x)."""
    maps = {(each.state, each.term) for each in found.coefficients if each.found.ndim}
    lines = []
    for state, side in found.right_sides().items():
        text = ""
        for term, c in side.items():
            named = (state, term) in maps
            size = f"c_{name_of_map_of(state, term)}(x)" if named else f"{abs(c):.{digits}g}"
            sign = "+" if named or c >= 0 else "−"
            shown = "" if term == "1" else " " + term.replace("**", "^").replace("*", "·")
            text += f" {sign} {size}{shown}" if text else f"{'−' if sign == '−' else ''}{size}{shown}"
        lines.append(f"{state}_t = {text or '0'}")
    return lines


def name_of_map(each: Coefficient) -> str:
    return name_of_map_of(each.state, each.term)


def name_of_map_of(state: str, term: str) -> str:
    return term.partition("_")[2] or "0"


def decimal(value: float) -> str:
    """A number to DIGITS digits, without an exponent."""
    if not value or not math.isfinite(value):
        return "0"
    places = max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(places, 40)}f}"


def _sum(terms: list[tuple[str, str]]) -> str:
    return " + ".join(f"({c})" if term == "1" else f"({c})*{term}" for c, term in terms) or "0"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _number(value) if isinstance(value, float) else value for key, value in values.items()}


def number(value: float) -> Tensor:
    """A coefficient that is one number."""
    return torch.tensor(value, dtype=torch.float64)
