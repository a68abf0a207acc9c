"""Everything known of a scheme or a stencil, in one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

from tableau2net.analysis.budget import budget, left_out
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.error_constants import Errors
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.report.catalogue import in_time_or_space, sections, wings
from tableau2net.analysis.report.finding import Evidence, Findings
from tableau2net.analysis.report.findings.orders import embedded_order, error_sizes
from tableau2net.analysis.report.notebook import html, latex
from tableau2net.analysis.report.record import record
from tableau2net.analysis.space.moments import SpaceOrder, space_order
from tableau2net.analysis.ssp.coefficient import SSP, ssp
from tableau2net.analysis.stability.verdicts import Stability, stability
from tableau2net.scheme import CoefficientTable, Scheme, by_name

T = TypeVar("T")


class Structure(SimpleNamespace):
    """The structural properties of a scheme, each by the last part of its key in the JSON, such as `symmetric`; None
    where it does not apply, or where there is no such form.

    At the declared parameter values, but `invertible`, which keeps them open."""


@dataclass(frozen=True)
class Report(Findings):
    """The facts of a scheme or a stencil, each exact unless it says otherwise; what does not apply is None.

    ``report["ssp.linear"]`` is the finding of this key in the JSON, and ``report.stage_order`` that of such a key.
    left_out: what is not there because it is more work than a report may be, and why; its values are None then.
    """

    @property
    def order(self) -> Order | SpaceOrder:
        """The order, with the conditions, or moments, that end it."""
        return self._evidence(space_order) if space_order in self.evidence else self._evidence(order_conditions)

    @property
    def embedded(self) -> Order | None:
        """The order of the embedded method, where there is one."""
        return self._evidence(embedded_order)

    @property
    def errors(self) -> Errors:
        """The error constants."""
        return self._evidence(error_sizes)

    @property
    def stability(self) -> Stability:
        """What the scheme does to y' = λy."""
        return self._evidence(stability)

    @property
    def ssp(self) -> SSP:
        """The step-size coefficients of strong stability preservation."""
        return self._evidence(ssp)

    @property
    def structure(self) -> Structure:
        """The structural properties."""
        return Structure(**{row.short: self[row.key] for row in sections(type(self.table))["structure"]})

    def _evidence(self, of: Callable[[Any], T]) -> T:
        if of not in self.evidence:
            raise AttributeError(f"a report of a {self.table.called()} has nothing by this name")
        return self.evidence[of]  # type: ignore[no-any-return]

    def __getattr__(self, key: str) -> Any:
        values = vars(self).get("values", {})  # none yet in a copy that is being made
        if key not in values:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {key!r}")
        return values[key]

    def to_dict(self) -> dict[str, object]:
        """The object that ``show --json`` prints: exact numbers as ``{"exact", "value"}``, trees as level sequences."""
        return record(self)

    def _repr_html_(self) -> str:
        return html(self)

    def _repr_latex_(self) -> str:
        return latex(self)


@by_name(CoefficientTable)
def report(table: CoefficientTable, terms: int = 0, *, further: bool = False) -> Report:
    """Analyse a scheme or a stencil.

    terms: the order up to which the modified equation and the modifying integrator are given, of a stencil the operator
        that it is; 0 leaves them out.
    further: whether to add what takes longer (internal stability, step control, strong stability of pairs).
    Each part has its share of a `budget`, and what does not fit is left out and said.
    Raises InputError when its coefficients lie outside what can be computed exactly, or `terms` is out of bounds.
    """
    in_time_or_space(table)
    with budget():
        evidence: dict[Evidence, Any] = {}
        rows = [row for rows in wings(terms, type(table), more=further).values() for row in rows]
        return Report(table, {row.key: row.asked(table, evidence) for row in rows}, evidence, left_out())


@by_name(Scheme)
def structure(scheme: Scheme) -> Structure:
    """Everything that is known of a scheme by its coefficients alone; see the function of each name."""
    return Structure(**{row.short: row.asked(scheme, {}) for row in sections()["structure"]})
