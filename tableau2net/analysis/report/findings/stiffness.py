"""What is found of the order that stiffness leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tableau2net.analysis.budget import ask
from tableau2net.analysis.order.differential_algebraic import AlgebraicOrders, algebraic_orders
from tableau2net.analysis.order.exponential_order import exponential_stiff_order
from tableau2net.analysis.order.stiff import stiff_order, weak_stage_order
from tableau2net.analysis.report.finding import Finding, Findings
from tableau2net.analysis.report.pieces import Fact
from tableau2net.analysis.structure.algebraic import b_convergence
from tableau2net.scheme import Scheme


def _weak(value: int | None, found: Findings) -> Iterator[Fact]:
    if value is not None and value != found["stage_order"]:
        yield Fact("weak stage order", (str(value),))


def _stiff_order(scheme: Scheme) -> int | None:
    """Of an exponential integrator that for every L, of others that on Prothero and Robinson's problem."""
    exponential = exponential_stiff_order(scheme)
    return stiff_order(scheme) if exponential is None else exponential.order


def _algebraic(found: AlgebraicOrders | None, _: Findings) -> Iterator[Fact]:
    if found is None:
        return
    told = []
    if found.index_1 is not None:
        told.append(f"index 1: z {found.index_1}")
    if found.index_2 is not None:
        told.append(f"index 2: y {found.index_2}, z {found.index_2_z}")
    yield Fact("order on DAEs", ("; ".join(told) or "none: an error in z grows",))


def _all_orders(_: int | None, found: Findings) -> Iterator[Fact]:
    return _algebraic(found.evidence[_orders], found)


def _orders(scheme: Scheme) -> AlgebraicOrders | None:
    """The orders, as a part of a report."""
    return ask("order on DAEs", lambda: algebraic_orders(scheme))


def _row(key: str, which: str, **about: Any) -> Finding:
    return Finding(f"dae.{key}", "", lambda found: found and getattr(found, which), of=_orders, **about)


ALGEBRAIC = "a statement about implicit methods that keep an error in z from growing"

STIFF = (
    Finding("weak_stage_order", "weak stage order", weak_stage_order, tell=_weak),
    Finding(
        "stiff_order",
        "stiff order",
        _stiff_order,
        of_what="a statement about A-stable Runge–Kutta methods and exponential integrators whose linear part is given "
        "(it is not decided for exponential Rosenbrock methods)",
    ),
    Finding("b_convergence", "B-convergence", b_convergence, words=lambda q: f"of order {q} at least"),
    _row(
        "index_1_order", "index_1", tell=lambda _, found: _algebraic(found.evidence[_orders], found), of_what=ALGEBRAIC
    ),
    _row("index_2_order", "index_2", of_what=ALGEBRAIC),
    _row("index_2_order_of_z", "index_2_z"),
)
