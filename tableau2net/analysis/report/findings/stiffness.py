"""What is found of the order that stiffness leaves."""

from __future__ import annotations

from collections.abc import Iterator

from tableau2net.analysis.order.stiff import stiff_order, weak_stage_order
from tableau2net.analysis.report.finding import Finding, Findings
from tableau2net.analysis.report.pieces import Fact


def _weak(value: int | None, found: Findings) -> Iterator[Fact]:
    if value is not None and value != found["stage_order"]:
        yield Fact("weak stage order", (str(value),))


STIFF = (
    Finding("weak_stage_order", "weak stage order", weak_stage_order, tell=_weak),
    Finding("stiff_order", "stiff order", stiff_order),
)
