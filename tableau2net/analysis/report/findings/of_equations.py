"""What is found of an equation: how it reads, and what stands for each of its derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tableau2net.analysis.report.finding import Finding, Findings, Json, json_of
from tableau2net.analysis.report.pieces import Fact
from tableau2net.analysis.space.equations import Placed, equation_order, stencils_used
from tableau2net.analysis.space.moments import SpaceOrder, space_order
from tableau2net.scheme import Equation
from tableau2net.scheme.derivative_letters import AXES


def _of(key: str, name: str, find: Any, **row: Any) -> Finding:
    return Finding(key, name, find, reads=Equation, **row)


def _rates(value: tuple[str, ...], found: Findings) -> Iterator[Fact]:
    assert isinstance(found.table, Equation)
    return (Fact(f"{state}_t", (text,)) for state, text in zip(found.table.states, value, strict=True))


def _grid(value: tuple[str, ...], found: Findings) -> Iterator[Fact]:
    axes = ", ".join(f"{axis} {word}" for axis, word in zip(AXES, value, strict=False))
    yield Fact("ends", (axes,))


def _stencils(value: dict[str, Placed], found: Findings) -> Iterator[Fact]:
    for letters, placed in value.items():
        each = (f"{stencil.name or 'its own'}, order {space_order(stencil).order}" for _, stencil in placed)
        yield Fact(letters, (" times ".join(dict.fromkeys(each)),))


def _stencils_json(value: dict[str, Placed]) -> Json:
    return {
        letters: [{"axis": axis, "stencil": s.name, "order": space_order(s).order} for axis, s in placed]
        for letters, placed in value.items()
    }


def _order_facts(value: int, found: Findings) -> Iterator[Fact]:
    order: SpaceOrder = found.evidence[equation_order]
    yield Fact("order in space", (str(value),))
    if order.failing:
        yield Fact("ends with", (str(order.failing[0]),), detail=True)


OF_EQUATIONS = (
    _of("states", "", lambda e: e.states, json=list),
    _of("dimension", "", lambda e: e.dimension),
    _of("right", "", lambda e: e.right, tell=_rates, json=list),
    _of("boundary", "", lambda e: e.boundary, tell=_grid, json=list),
    _of("stencils", "", stencils_used, tell=_stencils, json=_stencils_json),
    _of("order", "order in space", lambda order: order.order, of=equation_order, tell=_order_facts, json=json_of),
)
