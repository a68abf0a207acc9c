"""What is found on demand: facts that take longer than a report may."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tableau2net.analysis.order.conditions import order
from tableau2net.analysis.report.finding import Finding, Json, Words, json_of, where_there
from tableau2net.analysis.series.conjugacy import (
    Reached,
    conjugate_symplectic_order,
    effective_order,
    energy_order,
    symplectic_order,
)
from tableau2net.analysis.stability.internal import Amplification, internal_amplification
from tableau2net.analysis.stability.step_control import StepControl, step_control
from tableau2net.errors import InputError
from tableau2net.scheme import RungeKutta, Scheme

BEYOND, HIGHEST = 2, 8  # orders that properties of the flow are looked for at


def further(asked: bool) -> tuple[Finding, ...]:
    """The rows, whose values are None, and not in the JSON, where they are not asked for."""

    def row(key: str, name: str, find: Callable[[Scheme], Any], **about: Any) -> Finding:
        return Finding(key, name, lambda scheme: find(scheme) if asked else None, **about)

    return (
        row(
            "internal_amplification",
            "internal amplification",
            _internal,
            words=_amplified,
            json=where_there(_amplified_json),
        ),
        row(
            "step_control",
            "step control at rest",
            step_control,
            words=_resting,
            json=where_there(_control_json),
        ),
        *(
            row(
                key,
                name,
                partial(_reached, find),
                words=str,
                json=where_there(_far),
            )
            for key, name, find in (
                ("effective_order", "effective order", effective_order),
                ("symplectic_order", "symplectic to order", symplectic_order),
                ("conjugate_symplectic_order", "symplectic in other coordinates", conjugate_symplectic_order),
                ("energy_order", "energy kept to order", energy_order),
            )
        ),
    )


def _reached(find: Callable[[Scheme, int], Reached], scheme: Scheme) -> Reached | None:
    """How far a property goes, looked for two orders beyond the scheme's own; None where it is not told."""
    own = order(scheme)
    if own < 1:
        return None
    try:
        return find(scheme, min(own + BEYOND, HIGHEST))
    except InputError:  # its step is no B-series, or not of one field
        return None


def _far(found: Reached) -> Json:
    return {"order": found.order, "complete": found.complete}


def _internal(scheme: Scheme) -> Amplification | None:
    if not isinstance(scheme, RungeKutta) or not scheme.explicit or all(b.is_zero for b in scheme.b):
        return None
    return internal_amplification(scheme)


def _amplified(found: Amplification) -> Words:
    return f"≈ {float(found.largest):.7g}, of stage {found.stage} at z ≈ {found.at.real:.4g} + {found.at.imag:.4g}i"


def _amplified_json(found: Amplification) -> Json:
    at = [found.at.real, found.at.imag]
    return {"largest": json_of(found.largest), "at": at, "stage": found.stage}


def _resting(found: StepControl) -> Words:
    """``I at 41, 74–82°; PI everywhere``: where on the boundary of stability, by the angle from the negative axis."""
    return "; ".join(f"{name} {_where(found, stable)}" for name, stable in found.stable.items())


def _where(found: StepControl, stable: Sequence[bool | None]) -> str:
    if all(stable):
        return "everywhere"
    runs: list[list[float]] = []
    before: bool | None = False
    for point, holds in zip(found.points, stable, strict=True):
        if holds:
            runs = [*runs[:-1], [*runs[-1], point.angle]] if before else [*runs, [point.angle]]
        before = holds
    spans = (f"{run[0]:.0f}–{run[-1]:.0f}" if len(run) > 1 else f"{run[0]:.0f}" for run in runs)
    return f"at {', '.join(spans)}°" if runs else "nowhere"


def _control_json(found: StepControl) -> Json:
    stable = {name: list(row) for name, row in found.stable.items()}
    return {"order": found.order, "angles": [p.angle for p in found.points], "stable": stable}
