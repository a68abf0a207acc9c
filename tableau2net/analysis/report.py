"""Everything that is known of a scheme, in one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr

from tableau2net.analysis.order import Order, Residual, order_conditions
from tableau2net.analysis.stability import effective_step, zero_stable
from tableau2net.analysis.structure import fsal, stage_order, stiffly_accurate
from tableau2net.scheme import Parameter, Scheme
from tableau2net.scheme.expression import exact_json
from tableau2net.step import lower


@dataclass(frozen=True)
class Report:
    """The facts of a scheme, each exact; what does not apply is None."""

    scheme: Scheme
    order: Order
    embedded: Order | None
    stage_order: int | None
    effective_step: Expr | None
    zero_stable: bool
    stiffly_accurate: bool | None
    fsal: bool | None

    def to_dict(self) -> dict[str, Any]:
        """The object that ``show --json`` prints: exact numbers as ``{"exact", "value"}``, trees as level sequences."""
        s = self.scheme
        step = lower(s)
        return {
            "name": s.name,
            "title": s.title,
            "family": s.family,
            "reference": s.reference,
            "stages": getattr(s, "stages", None),
            "steps": getattr(s, "steps", None),
            "parts": step.parts if step.parts > 1 else None,
            "explicit": getattr(s, "explicit", None),
            "parameters": [_parameter(p) for p in s.parameters],
            "coefficients": {n: exact_json(c) for n, c in s.coefficients.items() if not c.is_zero},
            "claims": dict(s.claims),
            "order": self.order.order,
            "order_kind": self.order.kind,
            "order_complete": self.order.complete,
            "autonomous_order": self.order.autonomous,
            "failing": residuals_json(self.order.failing),
            "embedded_order": self.embedded.order if self.embedded else None,
            "stage_order": self.stage_order,
            "effective_step": None if self.effective_step is None else exact_json(self.effective_step),
            "stability": {"zero_stable": self.zero_stable},
            "structure": {"stiffly_accurate": self.stiffly_accurate, "fsal": self.fsal},
        }


def report(scheme: Scheme) -> Report:
    """Analyse a scheme. Raises InputError when its coefficients lie outside what can be computed exactly."""
    has_estimate = lower(scheme).estimate is not None
    return Report(
        scheme=scheme,
        order=order_conditions(scheme),
        embedded=order_conditions(scheme, embedded=True) if has_estimate else None,
        stage_order=stage_order(scheme),
        effective_step=effective_step(scheme),
        zero_stable=zero_stable(scheme),
        stiffly_accurate=stiffly_accurate(scheme),
        fsal=fsal(scheme),
    )


def residuals_json(residuals: tuple[Residual, ...]) -> list[dict[str, Any]]:
    """Failing conditions as ``[{"tree": [1, 2, 2], "residual": {"exact", "value"}}]``."""
    return [
        {"tree": list(r.tree), "residual": exact_json(r.value)} | ({"colours": list(r.colours)} if r.colours else {})
        for r in residuals
    ]


def _parameter(p: Parameter) -> dict[str, Any]:
    return {
        "name": p.name,
        "value": exact_json(p.value),
        "range": None if p.range is None else [exact_json(x) for x in p.range],
        "init": None if p.init is None else {p.init.kind: [exact_json(p.init.first), exact_json(p.init.second)]},
    }
