"""Exact readings of a scheme: trees, B-series, order, zero-stability, claims, and the report of them all."""

from tableau2net.analysis.claims import Claim, Verdict, check
from tableau2net.analysis.order import Order, Residual, order, order_conditions
from tableau2net.analysis.report import Report, report
from tableau2net.analysis.stability import effective_step, zero_stable
from tableau2net.analysis.structure import fsal, stage_order, stiffly_accurate
from tableau2net.analysis.trees import trees

__all__ = [
    "Claim",
    "Order",
    "Report",
    "Residual",
    "Verdict",
    "check",
    "effective_step",
    "fsal",
    "order",
    "order_conditions",
    "report",
    "stage_order",
    "stiffly_accurate",
    "trees",
    "zero_stable",
]
