"""What is found on demand: facts that take longer than a report may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tableau2net.analysis.report.finding import ABSENT, Finding, Json, Words, json_of
from tableau2net.analysis.stability.internal import Amplification, internal_amplification
from tableau2net.scheme import RungeKutta, Scheme


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
            json=lambda found: ABSENT if found is None else _amplified_json(found),
        ),
    )


def _internal(scheme: Scheme) -> Amplification | None:
    if not isinstance(scheme, RungeKutta) or not scheme.explicit or all(b.is_zero for b in scheme.b):
        return None
    return internal_amplification(scheme)


def _amplified(found: Amplification) -> Words:
    return f"≈ {float(found.largest):.7g}, of stage {found.stage} at z ≈ {found.at.real:.4g} + {found.at.imag:.4g}i"


def _amplified_json(found: Amplification) -> Json:
    at = [found.at.real, found.at.imag]
    return {"largest": json_of(found.largest), "at": at, "stage": found.stage}
