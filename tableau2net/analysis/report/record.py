"""The report as JSON: what other programs rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sympy import Expr, Poly, oo

from tableau2net.analysis.backward.modified import Term
from tableau2net.analysis.budget import ask, budget, left_out
from tableau2net.analysis.order.error_constants import Errors, Norm
from tableau2net.analysis.order.evidence import Residual
from tableau2net.analysis.region.regions import region_text
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.analysis.stability.verdicts import Stability
from tableau2net.analysis.structure import Structure
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Parameter
from tableau2net.step import lower

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report

Json = dict[str, Any]


def record(report: Report) -> Json:
    """The object that ``show --json`` prints. Exact numbers are ``{"exact", "value"}``, a tree is its level sequence,
    and what does not apply is null. left_out: what is null because it is more work than a report may be, and why."""
    with budget():
        found = {key: value for make in SECTIONS for key, value in (ask(*_named(make, report)) or {}).items()}
        missing = dict.fromkeys([*report.left_out, *left_out()])
    return found | {"left_out": [{"part": what.part, "why": what.why} for what in missing]}


def _named(make: Callable[[Report], Json], report: Report) -> tuple[str, Callable[[], Json]]:
    return f"{make.__name__.strip('_')} as JSON", lambda: make(report)


def _about(report: Report) -> Json:
    s, step = report.scheme, lower(report.scheme)
    return {
        "name": s.name,
        "title": s.title,
        "family": s.family,
        "reference": s.reference,
        "stages": getattr(s, "stages", None),
        "steps": getattr(s, "steps", None),
        "parts": step.parts if step.parts > 1 else None,
        "explicit": getattr(s, "explicit", None),
        "digits": s.digits,
        "parameters": [_parameter(p) for p in s.parameters],
        "coefficients": {n: exact_json(c) for n, c in s.coefficients.items() if not c.is_zero},
        "claims": {key: json_of(value) for key, value in s.claims.items()},
    }


def _orders(report: Report) -> Json:
    nominal = report.independent_order is not None and (getattr(report.scheme, "stages", None) or 0) > 1
    return {
        "order": report.order.order,
        "order_kind": report.order.kind,
        "order_complete": report.order.complete,
        "autonomous_order": report.order.autonomous,
        "failing": residuals_json(report.order.failing),
        "nominal_order": report.order.order if nominal else None,
        "independent_order": report.independent_order,
        "embedded_order": report.embedded.order if report.embedded else None,
        "stage_order": report.stage_order,
        "simplifying": _simplifying(report),
    }


def _sizes(report: Report) -> Json:
    return {
        "principal_error_norm": _norm(report.errors.principal),
        "errors": _errors(report.errors),
        "error_constant": json_of(report.errors.error_constant),
        "effective_step": json_of(report.effective_step),
    }


def _stable(report: Report) -> Json:
    region = report.zero_stable_region
    more = {
        "algebraically_stable": report.structure.algebraically_stable,
        "zero_stable_region": region and region_text(region),
    }
    return {"stability": _stability(report.stability) | more}


def _strongly_stable(report: Report) -> Json:
    return {"ssp": {"coefficient": json_of(report.ssp.coefficient), "linear": json_of(report.ssp.linear)}}


def _built(report: Report) -> Json:
    return {"structure": _structure(report.structure)}


def _equations(report: Report) -> Json:
    return {
        "differential_form": report.differential_form and str(report.differential_form),
        "modified_equation": _terms(report.modified_equation),
        "modifying_integrator": _terms(report.modifying_integrator),
    }


SECTIONS = (_about, _orders, _sizes, _stable, _strongly_stable, _built, _equations)


def residuals_json(residuals: tuple[Residual, ...]) -> list[Json]:
    """Failing conditions as ``[{"tree": [1, 2, 2], "residual": {"exact", "value"}}]``; with several fields, the
    colours of the nodes beside; with several values handed on, which of them misses it."""
    return [
        {"tree": list(r.tree), "residual": exact_json(r.value)}
        | ({"colours": list(r.colours)} if r.colours else {})
        | ({"of": r.of} if r.of else {})
        for r in residuals
    ]


def json_of(value: Any) -> Any:
    """An exact number, or a plain fact as it is. Infinity has the value "inf"; an isolated number, its
    interval."""
    if isinstance(value, Isolated):
        return {"exact": None, "value": float(value), "interval": [str(value.low), str(value.high)]}
    if value is oo:
        return {"exact": "oo", "value": "inf"}
    if isinstance(value, Poly):
        value = value.as_expr()
    return exact_json(value) if isinstance(value, Expr) else value


def _parameter(p: Parameter) -> Json:
    return {
        "name": p.name,
        "value": exact_json(p.value),
        "range": None if p.range is None else [exact_json(x) for x in p.range],
        "init": None if p.init is None else {p.init.kind: [exact_json(p.init.first), exact_json(p.init.second)]},
    }


def _simplifying(report: Report) -> Json | None:
    found = report.simplifying
    return None if found is None else {"B": found.B, "C": found.C, "D": found.D}


def _norm(norm: Norm | None) -> Any:
    return None if norm is None else json_of(norm.euclidean)


def _errors(found: Errors) -> Json:
    return {
        "second": _norm(found.second),
        "embedded": _norm(found.embedded),
        "B": _norm(found.B),
        "C": _norm(found.C),
        "D": json_of(found.D),
        "E": _norm(found.E),
        "leading_coefficient": json_of(found.leading_coefficient),
    }


def _stability(found: Stability) -> Json:
    keys = ("e_polynomial", "a_stable", "l_stable", "i_stable", "alpha_degrees", "real_interval", "imaginary_interval")
    facts = {"kind": found.kind, "function": json_of(found.function)} | {k: json_of(getattr(found, k)) for k in keys}
    parts = {"parts": [_stability(part) for part in found.parts]} if found.parts else {}
    return facts | {"zero_stable": found.zero_stable} | parts


def _structure(found: Structure) -> Json:
    plain = ("symplectic", "symplectic_separable", "symmetric", "stiffly_accurate", "fsal")
    low, redundant, inverse = found.low_storage, found.reducible, found.invertible
    return {key: getattr(found, key) for key in plain} | {
        "reducible": None
        if redundant is None
        else {
            "unused": list(redundant.unused),
            "equal": [list(c) for c in redundant.equal],
            "stages": redundant.stages,
        },
        "low_storage": None
        if low is None
        else {
            "kind": low.kind,
            "registers": low.registers,
            "coefficients": {n: [json_of(x) for x in row] for n, row in low.coefficients.items()},
        },
        "invertible": None
        if inverse is None
        else {"recovers": list(inverse.recovers), "amplification": json_of(inverse.amplification)},
    }


def _terms(terms: tuple[Term, ...] | None) -> list[Json] | None:
    if terms is None:
        return None
    return [
        {"tree": list(t.tree), "coefficient": exact_json(t.coefficient), "symmetry": t.symmetry}
        | ({"colours": list(t.colours)} if t.colours else {})
        for t in terms
    ]
