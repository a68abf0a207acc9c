"""Everything known of a scheme, in one object, and the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr

from tableau2net.analysis.backward.differential import DifferentialForm, differential_form
from tableau2net.analysis.backward.modified import Term, modified_equation
from tableau2net.analysis.backward.modified import modifying_integrator as modifying
from tableau2net.analysis.budget import LeftOut, ask, budget, left_out
from tableau2net.analysis.order.assumptions import Simplifying, simplifying
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.error_constants import Errors, errors
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.order.independent import independent_order
from tableau2net.analysis.region.regions import Region, zero_stable_region
from tableau2net.analysis.ssp.coefficient import SSP, ssp
from tableau2net.analysis.stability.verdicts import Stability, effective_step, stability
from tableau2net.analysis.structure import Structure, stage_order, structure
from tableau2net.scheme import Scheme
from tableau2net.step import lower


@dataclass(frozen=True)
class Report:
    """The facts of a scheme, each exact unless it says otherwise; what does not apply is None.

    independent_order: what is left of the order when each stage has weights of its own; `order` is nominal then.
    zero_stable_region: the parameter values where a multistep scheme with parameters is zero-stable.
    left_out: what is not there because it is more work than a report may be, and why; its fields are None then.
    modified_equation, modifying_integrator, differential_form: when terms were asked for.
    """

    scheme: Scheme
    order: Order
    embedded: Order | None
    stage_order: int | None
    independent_order: int | None
    simplifying: Simplifying | None
    errors: Errors
    effective_step: Expr | None
    stability: Stability
    zero_stable_region: Region | None
    ssp: SSP
    structure: Structure
    left_out: tuple[LeftOut, ...] = ()
    modified_equation: tuple[Term, ...] | None = None
    modifying_integrator: tuple[Term, ...] | None = None
    differential_form: DifferentialForm | None = None

    def to_dict(self) -> dict[str, object]:
        """The object that ``show --json`` prints: exact numbers as ``{"exact", "value"}``, trees as level sequences."""
        from tableau2net.analysis.report.record import record

        return record(self)

    def _repr_html_(self) -> str:
        from tableau2net.analysis.report.notebook import html

        return html(self)

    def _repr_latex_(self) -> str:
        from tableau2net.analysis.report.notebook import latex

        return latex(self)


def report(scheme: Scheme, terms: int = 0) -> Report:
    """Analyse a scheme.

    terms: the order up to which the modified equation and the modifying integrator are given; 0 leaves them out.
    Each part has its share of a `budget`, and what does not fit is left out and said.
    Raises InputError when its coefficients lie outside what can be computed exactly, or `terms` is out of bounds.
    """
    with budget():
        return _report(scheme, terms)


def _report(scheme: Scheme, terms: int) -> Report:
    found = order_conditions(scheme)
    embedded = order_conditions(scheme, embedded=True) if lower(scheme).estimate else None
    shown = terms or max(2, min(found.order + 1, 20))
    made = Report(
        scheme=scheme,
        order=found,
        embedded=embedded,
        stage_order=ask("stage order", lambda: stage_order(scheme)),
        independent_order=ask("order with weights of a stage's own", lambda: independent_order(scheme)),
        simplifying=ask("simplifying assumptions", lambda: simplifying(scheme)),
        errors=ask("error norms", lambda: errors(scheme)) or Errors(),
        effective_step=ask("effective step", lambda: effective_step(scheme)),
        stability=stability(scheme),
        zero_stable_region=ask("zero-stable region", lambda: zero_stable_region(scheme)) if scheme.parameters else None,
        ssp=ssp(scheme),
        structure=structure(scheme),
        modified_equation=ask("modified equation", lambda: modified_equation(scheme, terms)) if terms else None,
        modifying_integrator=ask("modifying integrator", lambda: modifying(scheme, terms)) if terms else None,
        differential_form=ask("smooth solution", lambda: differential_form(scheme, shown)),
    )
    return replace(made, left_out=left_out())
