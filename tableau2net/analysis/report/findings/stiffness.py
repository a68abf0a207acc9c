"""What is found of the order that stiffness leaves."""

from __future__ import annotations

from collections.abc import Iterator

from tableau2net.analysis.order.exponential_order import exponential_stiff_order
from tableau2net.analysis.order.stiff import stiff_order, weak_stage_order
from tableau2net.analysis.report.finding import Finding, Findings
from tableau2net.analysis.report.pieces import Fact
from tableau2net.scheme import Scheme


def _weak(value: int | None, found: Findings) -> Iterator[Fact]:
    if value is not None and value != found["stage_order"]:
        yield Fact("weak stage order", (str(value),))


def _stiff_order(scheme: Scheme) -> int | None:
    """Of an exponential integrator that for every L, of others that on Prothero and Robinson's problem."""
    exponential = exponential_stiff_order(scheme)
    return stiff_order(scheme) if exponential is None else exponential.order


STIFF = (
    Finding("weak_stage_order", "weak stage order", weak_stage_order, tell=_weak),
    Finding("stiff_order", "stiff order", _stiff_order),
)
