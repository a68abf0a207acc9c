"""Everything known of a scheme, in one object, and the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr

from tableau2net.analysis.backward.differential import DifferentialForm, differential_form
from tableau2net.analysis.backward.modified import Term, modified_equation
from tableau2net.analysis.backward.modified import modifying_integrator as modifying
from tableau2net.analysis.errors import Errors, errors
from tableau2net.analysis.nominal import independent_order
from tableau2net.analysis.order import Order, order_conditions
from tableau2net.analysis.region.regions import Region, zero_stable_region
from tableau2net.analysis.simplifying import Simplifying, simplifying
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
    modified_equation: tuple[Term, ...] | None = None
    modifying_integrator: tuple[Term, ...] | None = None
    differential_form: DifferentialForm | None = None

    def to_dict(self) -> dict[str, object]:
        """The object that ``show --json`` prints: exact numbers as ``{"exact", "value"}``, trees as level sequences."""
        from tableau2net.analysis.record import record

        return record(self)

    def _repr_html_(self) -> str:
        from tableau2net.analysis.facts.notebook import html

        return html(self)

    def _repr_latex_(self) -> str:
        from tableau2net.analysis.facts.notebook import latex

        return latex(self)


def report(scheme: Scheme, terms: int = 0) -> Report:
    """Analyse a scheme.

    terms: the order up to which the modified equation and the modifying integrator are given; 0 leaves them out.
    Raises InputError when its coefficients lie outside what can be computed exactly, or `terms` is out of bounds.
    """
    backward = (modified_equation(scheme, terms), modifying(scheme, terms)) if terms else (None, None)
    return Report(
        scheme=scheme,
        order=order_conditions(scheme),
        embedded=order_conditions(scheme, embedded=True) if lower(scheme).estimate else None,
        stage_order=stage_order(scheme),
        independent_order=independent_order(scheme),
        simplifying=simplifying(scheme),
        errors=errors(scheme),
        effective_step=effective_step(scheme),
        stability=stability(scheme),
        zero_stable_region=zero_stable_region(scheme) if scheme.parameters else None,
        ssp=ssp(scheme),
        structure=structure(scheme),
        modified_equation=backward[0],
        modifying_integrator=backward[1],
        differential_form=differential_form(scheme, terms or max(2, min(order_conditions(scheme).order + 1, 20))),
    )
