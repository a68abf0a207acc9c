"""What is found of a stochastic scheme: its orders, the law of its variables, and what it does to a linear equation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Rational

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.report.finding import Finding, Findings, Json
from tableau2net.analysis.report.pieces import Fact
from tableau2net.analysis.stochastic.linear_problems import mean_square_growth, mean_square_stable
from tableau2net.analysis.stochastic.stochastic_order import StochasticOrder, strong_order, weak_order
from tableau2net.errors import InputError
from tableau2net.scheme import StochasticRungeKutta

SHOWN = 3


def _of(key: str, name: str, find: Any, **row: Any) -> Finding:
    return Finding(key, name, find, reads=StochasticRungeKutta, **row)


def _order_row(key: str, name: str, of: Any) -> tuple[Finding, Finding]:
    """A strong or a weak order, and the conditions that end it."""

    def told(value: Rational | None, found: Findings) -> Iterator[Fact]:
        order: StochasticOrder | None = found.evidence[of]
        if order is not None:
            yield Fact(name, (str(order),))
            shown = [str(condition) for condition in order.failing[:SHOWN]]
            more = [f"{len(order.failing) - SHOWN} more"] * (len(order.failing) > SHOWN)
            if shown:
                yield Fact(f"{name} ends at", ("; ".join([*shown, *more]),), detail=True)

    def first(scheme: StochasticRungeKutta) -> str:
        order = of(scheme)
        return f"{name} ends at {order.failing[0]}" if order and order.failing else ""

    def known(scheme: StochasticRungeKutta, declared: Any) -> Rational | None:
        """As far as a claim needs it. Raises TooMuch where conditions of what is declared were not asked for."""
        order = of(scheme)
        if order is None and scheme.law != "gaussian" and of is strong_order:
            raise InputError(f"claims.{key}: the {scheme.law} law is for weak methods, which have none; drop the claim")
        if order and not order.complete and getattr(declared, "value", declared) > order.order:
            raise TooMuch(f"it is {order}, and conditions beyond are not asked for")
        return order and order.order

    return (
        _of(key, name, lambda order: order and order.order, of=of, tell=told, why=first, claimed=known),
        _of(f"{key}_failing", "", lambda order: order and order.failing, of=of, json=conditions_json),
    )


def conditions_json(failing: tuple[Any, ...] | None) -> list[Json] | None:
    """Conditions that fail: ``[{"trees": [{"tree": [1, 2], "fields": [2, 1]}], "mean": true, "residual": "1/4"}]``."""
    if failing is None:
        return None
    return [
        {
            "trees": [{"tree": list(tree), "fields": list(colours)} for tree, colours in condition.trees],
            "mean": condition.mean,
            "residual": None if condition.lacking else str(condition.value),
        }
        for condition in failing
    ]


def drift_order(scheme: StochasticRungeKutta) -> Order:
    """The order where there is no noise."""
    return order_conditions(scheme.drift)


def _growth(value: Expr | None, found: Findings) -> Iterator[Fact]:
    if value is not None:
        yield Fact("E|R|² of λX dt + μX dW", (f"{value}, x = λh, w = μ²h",), detail=True)


OF_STOCHASTIC = (
    *(_of(key, "", lambda scheme, key=key: getattr(scheme, key)) for key in ("calculus", "noise", "law")),
    _of("randoms", "random variables", lambda scheme: ", ".join(scheme.randoms) or None),
    *_order_row("strong_order", "strong order", strong_order),
    *_order_row("weak_order", "weak order", weak_order),
    _of("deterministic_order", "order without noise", lambda order: order.order, of=drift_order),
    _of("mean_square_growth", "", mean_square_growth, tell=_growth, json=lambda e: None if e is None else str(e)),
    _of("mean_square_stable", "stable in mean square", mean_square_stable),
    _of("explicit", "", lambda scheme: scheme.explicit),
)
