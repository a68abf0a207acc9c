"""What is found of order and error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any

from sympy import Expr

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.order.as_nystrom import nystrom_order, nystrom_state
from tableau2net.analysis.order.assumptions import Simplifying, simplifying
from tableau2net.analysis.order.claimed import claimed_order
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.dense_output import dense_order
from tableau2net.analysis.order.error_constants import Errors, errors
from tableau2net.analysis.order.evidence import KINDS, Order, Residual
from tableau2net.analysis.order.independent import independent_order
from tableau2net.analysis.order.optimal_control import Control, control_order
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.analysis.reading.trees import bracket
from tableau2net.analysis.report.finding import Finding, Findings, Json, where_there
from tableau2net.analysis.report.pieces import Fact, Piece, decimal
from tableau2net.analysis.series.exact_integrals import continuous_order
from tableau2net.analysis.stability.verdicts import effective_step
from tableau2net.analysis.structure.tableau import stage_order
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import ContinuousRungeKutta, Rosenbrock, Scheme, TransformedRosenbrock
from tableau2net.step import lower

SHOWN_RESIDUALS = 4

# ----------------------------------------------------------------------------------------------------------- order


def embedded_order(scheme: Scheme) -> Order | None:
    """Of the embedded method; None where there is none."""
    return order_conditions(scheme, embedded=True) if lower(scheme).estimate else None


def _own_weights(scheme: Scheme) -> tuple[int | None, int | None]:
    """The order that is nominal where each stage has weights of its own, and what is left of it then."""
    own = ask("order with weights of a stage's own", lambda: independent_order(scheme))
    nominal = own is not None and (getattr(scheme, "stages", None) or 0) > 1
    return order_conditions(scheme).order if nominal else None, own


def _simplifying_json(found: Simplifying | None) -> Json | None:
    """Where one holds for every number, its letter under `always`, and as its number the last that was tried."""
    if found is None:
        return None
    numbers: dict[str, Any] = {x: getattr(found, x) for x in "BCD"}
    return numbers | ({"always": list(found.always)} if found.always else {})


def _order_facts(value: int, found: Findings) -> Iterator[Fact]:
    """The order, and why it is not one more."""
    order: Order = found.evidence[order_conditions]
    yield Fact("order", (_order(order),))
    if order.failing:
        yield _next_order(order)


def _order(order: Order) -> str:
    if order.order < 0:
        return "none: a constant solution is not kept"
    found = str(order.order) if order.complete else f"at least {order.order}"
    found += f", {KINDS[order.kind].alone}"
    if order.autonomous > order.order:
        found += f" ({order.autonomous} without time: the nodes c are not the row sums)"
    return found


def _next_order(order: Order, of: str = "") -> Fact:
    """Why it is not one more: equations in the parameters, or the numbers that should be 0, each with its tree."""
    equations = any(r.value.free_symbols for r in order.failing)
    pieces: list[Piece] = []
    for residual in order.failing[:SHOWN_RESIDUALS]:
        pieces += [", " if pieces else "", residual.value, " = 0" if equations else ""]
        pieces.append(f" at {bracket(residual.tree, residual.colours)}{f' of {residual.of}' if residual.of else ''}")
    more = len(order.failing) - SHOWN_RESIDUALS
    if more > 0:
        pieces.append(f", {more} more")
    return Fact(f"{of}order {order.order + 1} {'needs' if equations else 'misses by'}", tuple(pieces), detail=True)


def _own_weights_fact(own: int | None, found: Findings) -> Iterator[Fact]:
    if own is not None and own != found["order"]:
        yield Fact("order, own weights", (str(own),))


def _embedded_facts(value: int | None, found: Findings) -> Iterator[Fact]:
    embedded = found.evidence[embedded_order]
    if embedded:
        yield Fact("embedded order", (_order(embedded),))
        if (why := useless_estimate(found.table)) is not None:
            yield Fact("error estimate", (f"none: {why}",))


def _control_facts(value: int | None, found: Findings) -> Iterator[Fact]:
    """The order with the control eliminated, beside that of gradients where it is given; or why there is none."""
    control: Control | None = found.evidence[control_order]
    if control is None:
        return
    if control.order is None:
        if control.why:
            yield Fact("order as optimal control", (f"none: {control.why}",))
        return
    lower = control.order.order < control.fixed
    nowhere = " at which no weight is 0" * (control.order.kind == "all parameters")
    fixed = f"; {control.fixed} with it fixed" * lower
    words = f"{_order(control.order)}{nowhere}, with the control eliminated{fixed}"
    yield Fact("order as optimal control", (words,))
    if lower and control.order.failing:
        yield _next_order(control.order, "control ")


def _nystrom_fact(order: int | None, found: Findings) -> Iterator[Fact]:
    """Told where it is higher than for all separable systems, and of which state as y."""
    if order is not None and order > found["order"]:
        yield Fact("order for y'' = f(t, y)", (f"{order}, y the {nystrom_state(found.table)} state",))


def _claimed_control(scheme: Scheme, declared: int) -> int | None:
    known = control_order(scheme)
    if known is None or known.why:
        raise InputError(f"claims.control_order: {known.why if known else 'a Runge–Kutta scheme has one'}")
    return None if known.order is None else known.order.order


def _claimed_dense(scheme: Scheme, declared: int) -> int:
    found = dense_order(scheme)
    if found is None:
        raise InputError("claims.dense_order: the scheme has no dense_b; add its polynomials or drop the claim")
    return found


def _claimed_embedded(scheme: Scheme, declared: int) -> int:
    if lower(scheme).estimate is None:
        raise InputError("claims.embedded_order: the scheme has no b_hat; add the weights or drop the claim")
    return _settled(claimed_order(scheme, declared, embedded=True), declared)


def _claimed_order(scheme: Scheme, declared: int) -> int:
    return _settled(claimed_order(scheme, declared), declared)


def _settled(found: Order, declared: int) -> int:
    """The order, where it is known well enough to say whether it is the declared one. Raises TooMuch elsewhere."""
    if not found.complete and found.order <= declared:
        raise TooMuch(f"it is {found.order} at least, and to know more is more work than a check may be")
    return found.order


def _with_jacobian(scheme: Scheme, jacobian: str) -> Scheme | None:
    """A Rosenbrock method with another Jacobian; None of a scheme that has none, or has this one."""
    if not isinstance(scheme, Rosenbrock | TransformedRosenbrock) or scheme.jacobian == jacobian:
        return None
    return replace(scheme, jacobian=jacobian, name="", title="", reference="", claims={})


def order_with_any_jacobian(scheme: Scheme) -> int | None:
    """The order that a Rosenbrock method keeps where J is any matrix (a W-method's; HW II, IV.7)."""
    other = _with_jacobian(scheme, "any")
    return None if other is None else order_conditions(other).order


def order_with_exact_jacobian(scheme: Scheme) -> int | None:
    """The order of a W-method where J is ∂f/∂y."""
    other = _with_jacobian(scheme, "exact")
    return None if other is None else order_conditions(other).order


def _with_other_jacobians(family: type[Scheme]) -> tuple[Finding, ...]:
    return (
        Finding(
            "w_order",
            "order, any Jacobian",
            order_with_any_jacobian,
            reads=family,
            claimed=lambda scheme, declared: order_with_any_jacobian(scheme),
        ),
        Finding(
            "jacobian_order",
            "order, exact Jacobian",
            order_with_exact_jacobian,
            reads=family,
            claimed=lambda scheme, declared: order_with_exact_jacobian(scheme),
        ),
    )


def residuals_json(residuals: tuple[Residual, ...]) -> list[Json]:
    """Failing conditions as ``[{"tree": [1, 2, 2], "residual": {"exact", "value"}}]``; with several fields, the
    colours of the nodes beside; with several values handed on, which of them misses it."""
    return [
        {"tree": list(r.tree), "residual": exact_json(r.value)}
        | ({"colours": list(r.colours)} if r.colours else {})
        | ({"of": r.of} if r.of else {})
        for r in residuals
    ]


ORDER = (
    Finding(
        "order",
        "order",
        attrgetter("order"),
        of=order_conditions,
        tell=_order_facts,
        claimed=_claimed_order,
        reach=lambda scheme, declared: claimed_order(scheme, declared).kind,
    ),
    Finding("continuous_order", "order, exact integrals", continuous_order, reads=ContinuousRungeKutta),
    Finding("order_kind", "", attrgetter("kind"), of=order_conditions),
    Finding("order_complete", "", attrgetter("complete"), of=order_conditions),
    Finding("autonomous_order", "", attrgetter("autonomous"), of=order_conditions),
    Finding("failing", "", attrgetter("failing"), of=order_conditions, json=residuals_json),
    Finding("nominal_order", "", itemgetter(0), of=_own_weights),
    Finding("independent_order", "order, own weights", itemgetter(1), of=_own_weights, tell=_own_weights_fact),
    Finding(
        "embedded_order",
        "embedded order",
        lambda embedded: embedded and embedded.order,
        of=embedded_order,
        tell=_embedded_facts,
        claimed=_claimed_embedded,
        reach=lambda scheme, declared: claimed_order(scheme, declared, embedded=True).kind,
    ),
    Finding(
        "dense_order",
        "dense output order",
        dense_order,
        json=where_there(),
        claimed=_claimed_dense,
        reach=lambda *_: "decimal",
    ),
    Finding(
        "control_order",
        "order as optimal control",
        lambda control: control and control.order and control.order.order,
        of=control_order,
        tell=_control_facts,
        claimed=_claimed_control,
    ),
    Finding(
        "control_failing",
        "",
        lambda control: control and control.order and control.order.failing,
        of=control_order,
        json=lambda failing: failing and residuals_json(failing),
    ),
    Finding("no_control_order", "", lambda control: (control and control.why) or None, of=control_order),
    *(row for family in (Rosenbrock, TransformedRosenbrock) for row in _with_other_jacobians(family)),
    Finding(
        "nystrom_order",
        "order for y'' = f(t, y)",
        nystrom_order,
        tell=_nystrom_fact,
        json=where_there(),
        after="order",
    ),
    Finding("stage_order", "stage order", stage_order),
    Finding(
        "simplifying",
        "simplifying",
        simplifying,
        words=str,
        json=_simplifying_json,
    ),
)

# ----------------------------------------------------------------------------------------------------------- error


def error_sizes(scheme: Scheme) -> Errors:
    """The error constants, none where they are left out."""
    return ask("error norms", lambda: errors(scheme)) or Errors()


def _size(key: str, name: str, what: str, **row: Any) -> Finding:
    """A norm, or a number."""

    def find(found: Errors) -> Expr | None:
        size = getattr(found, what)
        return size if size is None or isinstance(size, Expr) else size.euclidean

    return Finding(key, name, find, of=error_sizes, **row)


def _pair_metrics(value: Expr | None, found: Findings) -> Iterator[Fact]:
    metrics = [(n, x) for n in "BCDE" if (x := found[f"errors.{n}"]) is not None]
    if metrics and not any(x.free_symbols for _, x in metrics):
        yield Fact("pair metrics", (", ".join(f"{n} ≈ {decimal(x)}" for n, x in metrics),))


def _effective_step(step: Expr | None, _: Findings) -> Iterator[Fact]:
    if step is not None and step != 1:
        yield Fact("effective step", (step, " h"))


ERROR = (
    _size("principal_error_norm", "principal error norm", "principal"),
    _size("errors.second", "next error norm", "second"),
    _size("errors.embedded", "embedded error norm", "embedded"),
    _size("errors.B", "pair metrics", "B", tell=_pair_metrics),
    *(_size(f"errors.{what}", "", what) for what in ("C", "D", "E", "leading_coefficient")),
    _size("error_constant", "error constant", "error_constant"),
    Finding("effective_step", "effective step", effective_step, tell=_effective_step, after="simplifying"),
)
