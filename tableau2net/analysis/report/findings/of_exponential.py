"""What is found of exponential integrators beside what is found of every scheme."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr

from tableau2net.analysis.order.exponential_order import exponential_stiff_order
from tableau2net.analysis.report.finding import Finding, Findings, json_of, where_there
from tableau2net.analysis.report.pieces import Fact, yes
from tableau2net.analysis.stability.exponential_growth import damps, exponential_function
from tableau2net.scheme import ExponentialMultistep, ExponentialRungeKutta, Scheme

SHOWN = 4  # conditions
READ = 600  # letters of a function, beyond which nobody reads it


def _strong(scheme: Scheme) -> int | None:
    found = exponential_stiff_order(scheme)
    return None if found is None else found.strong


def _failing(scheme: Scheme) -> tuple[str, ...] | None:
    found = exponential_stiff_order(scheme)
    return None if found is None else found.failing


def _told_strong(order: int | None, found: Findings) -> Iterator[Fact]:
    if order is not None and order != found["stiff_order"]:
        yield Fact("strong stiff order", (f"{order}: the last conditions hold with b(0) in the place of b(z)",))


def _told_failing(failing: tuple[str, ...] | None, found: Findings) -> Iterator[Fact]:
    if failing:
        more = f", {len(failing) - SHOWN} more" if len(failing) > SHOWN else ""
        words = f"{', '.join(failing[:SHOWN])}{more}"
        yield Fact(f"stiff order {found['stiff_order'] + 1} needs", (words,), detail=True)


_present = where_there(lambda value: list(value) if isinstance(value, tuple) else json_of(value))


def _function(function: Expr | None, found: Findings) -> Iterator[Fact]:
    if function is not None:
        steps = isinstance(found.table, ExponentialMultistep)
        name, letters = ("characteristic", "Φ(ζ; z₁, z₂)") if steps else ("stability function", "R(z₁, z₂)")
        short = len(str(function)) <= READ
        told = (f"{letters} = ", function) if short else (f"{letters} = …, a page long: in the JSON of the report",)
        yield Fact(name, told, detail=True)


def _told_damps(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if holds is not None:
        yield Fact(DAMPED, (f"{yes(holds)}, R(z₁, z₂) → {'0' if holds else 'no 0'} as Re z₁ → −∞",))
    elif isinstance(found.table, ExponentialRungeKutta):
        yield Fact(DAMPED, ("not asked of a family, only of its members: give values to its parameters",), detail=True)


DAMPED = "stiff modes damped"
EXPONENTIAL_ORDER = (
    Finding("stiff_order_strong", "strong stiff order", _strong, tell=_told_strong, json=_present),
    Finding("stiff_failing", "stiff order conditions", _failing, tell=_told_failing, json=_present),
)
EXPONENTIAL_STABILITY = (
    Finding("exponential_function", "stability function of two", exponential_function, tell=_function, json=_present),
    Finding(
        "damps_stiff",
        DAMPED,
        damps,
        tell=_told_damps,
        json=_present,
    ),
)
