"""Everything known of a scheme, in one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

from tableau2net.analysis.budget import budget, left_out
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.error_constants import Errors
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.report.catalogue import sections, wings
from tableau2net.analysis.report.finding import Evidence, Findings
from tableau2net.analysis.report.findings.orders import embedded_order, error_sizes
from tableau2net.analysis.report.notebook import html, latex
from tableau2net.analysis.report.record import record
from tableau2net.analysis.ssp.coefficient import SSP, ssp
from tableau2net.analysis.stability.verdicts import Stability, stability
from tableau2net.scheme import Scheme

T = TypeVar("T")


class Structure(SimpleNamespace):
    """The structural properties of a scheme, each by the last part of its key in the JSON, such as `symmetric`; None
    where it does not apply, or where there is no such form.

    At the declared parameter values, but `invertible`, which keeps them open."""


@dataclass(frozen=True)
class Report(Findings):
    """The facts of a scheme, each exact unless it says otherwise; what does not apply is None.

    ``report["ssp.linear"]`` is the finding of this key in the JSON, and ``report.stage_order`` that of such a key.
    left_out: what is not there because it is more work than a report may be, and why; its values are None then.
    """

    @property
    def order(self) -> Order:
        """The order, with the conditions that end it."""
        return self._evidence(order_conditions)

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
        return Structure(**{row.short: self[row.key] for row in sections()["structure"]})

    def _evidence(self, of: Callable[[Scheme], T]) -> T:
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


def report(scheme: Scheme, terms: int = 0) -> Report:
    """Analyse a scheme.

    terms: the order up to which the modified equation and the modifying integrator are given; 0 leaves them out.
    Each part has its share of a `budget`, and what does not fit is left out and said.
    Raises InputError when its coefficients lie outside what can be computed exactly, or `terms` is out of bounds.
    """
    with budget():
        evidence: dict[Evidence, Any] = {}
        values = {row.key: row.asked(scheme, evidence) for rows in wings(terms).values() for row in rows}
        return Report(scheme, values, evidence, left_out())


def structure(scheme: Scheme) -> Structure:
    """Everything that is known of a scheme by its coefficients alone; see the function of each name."""
    return Structure(**{row.short: row.asked(scheme, {}) for row in sections()["structure"]})
