"""The best member of a Runge–Kutta family: sought in floats, certified exactly at simple numbers nearby."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from sympy import CRootOf, Expr, Rational, oo

from tableau2net.analysis.budget import budget
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.order.error_constants import errors
from tableau2net.analysis.search import member_worth
from tableau2net.analysis.search.member_worth import Array, Objective, tableau_of
from tableau2net.analysis.ssp import ssp
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.analysis.stability import stability
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import RungeKutta, Scheme, as_scheme, plain_numbers
from tableau2net.scheme.claimable import CLAIMS
from tableau2net.scheme.exact_rows import as_list, named

MINIMISED = ("principal-error-norm",)
MAXIMISED = ("ssp", "real-interval", "imaginary-interval")
GOALS = (*MINIMISED, *MAXIMISED)
SAMPLES, STARTS = 1500, 3
SHORTEST = (8, 32, 128, 1024, 16384, 10**6)  # denominators of the numbers that are tried
LOSS = 1e-4  # relative, that a number with a smaller denominator may cost
MOST_PARAMETERS = 6
NOTHING = 1e-9  # a norm that is less vanishes


@dataclass(frozen=True)
class Optimum:
    """The best member that was found.

    table: at rational parameter values.  value: what it is worth, exact (or isolated between rationals).
    floats, float_value: the optimum in floats, which nothing proves: it is local where the search was unlucky."""

    goal: str
    table: RungeKutta
    values: Mapping[str, Expr]
    value: Expr | Isolated
    floats: Mapping[str, float]
    float_value: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON, numbers exact."""
        value = {"value": float(self.value)} if isinstance(self.value, Isolated) else exact_json(self.value)
        return {
            "goal": self.goal,
            "values": {n: exact_json(v) for n, v in self.values.items()},
            "certified": value,
            "float_optimum": {"values": dict(self.floats), "value": self.float_value},
        }

    def __str__(self) -> str:
        at = ", ".join(f"{n} = {v}" for n, v in self.values.items())
        floats = ", ".join(f"{n} ≈ {v:.8g}" for n, v in self.floats.items())
        exactly = str(self.value)
        exactly = exactly if len(exactly) <= 60 else "exactly a longer number"
        shown = f"{exactly} ≈ {float(self.value):.8g}" if not _short(self.value) else exactly
        return f"{self.goal} {shown} at {at}, certified; float optimum {self.float_value:.8g} at {floats}"


def _short(value: Expr | Isolated) -> bool:
    return isinstance(value, Isolated) or bool(value.is_Integer) or bool(value.is_infinite)


@plain_numbers
def optimise(
    family: Scheme | str, goal: str, *, bounds: Mapping[str, tuple[object, object]] | None = None, seed: int = 0
) -> Optimum:
    """The member of a Runge–Kutta family that is best for a goal: ``principal-error-norm`` (the least), ``ssp``,
    ``real-interval`` or ``imaginary-interval`` (the largest).

    bounds: by parameter, where it is sought; else its declared range, or [0, 1] for nodes and [−2, 2] for others.
    The search in floats draws points and goes on from the best of them (Nelder, Mead 1965); what is handed back are
    rational values near the optimum, with small denominators, whose worth is computed exactly.
    Raises InputError for another family, without parameters, for bounds that are none.
    """
    if bounds is not None and not isinstance(bounds, Mapping):
        raise InputError('bounds: by the name of a parameter two numbers, {"c2": (0, 1)} say')
    scheme = as_scheme(family)
    if not isinstance(scheme, RungeKutta):
        raise InputError(f"{scheme.name or scheme.family}: only Runge–Kutta families are optimised")
    if goal not in GOALS:
        raise InputError(f"goal {goal!r}: one of {', '.join(GOALS)}")
    if not 1 <= len(scheme.parameters) <= MOST_PARAMETERS:
        raise InputError(
            f"{scheme.name or 'the family'} has {len(scheme.parameters)} parameters; of 1 to "
            f"{MOST_PARAMETERS} the best values are sought, fix some"
        )
    box = _box(scheme, bounds or {})
    order = order_conditions(scheme).order
    worth = _worth(scheme, _objective(goal, order), box)
    best = _searched(worth, box, random.Random(seed))
    if best is None:
        raise InputError(f"{goal}: no member within the bounds has finite coefficients; give other bounds")
    names = list(scheme.symbols)
    if goal in MINIMISED and -worth(best) < NOTHING:
        raise InputError(
            f"{goal}: it vanishes near {_listed(names, best)}, order {order + 1} is reached there; "
            f"`show FILE --solve-order {order + 1}` tells where exactly"
        )
    certified = _certified(scheme, goal, order, best, worth, box)
    if certified is None:
        raise InputError(f"{goal}: nothing near {_listed(names, best)} could be certified; give other bounds")
    values, table, value = certified
    floats = dict(zip(names, map(float, best), strict=True))
    table = replace(table, **_about(scheme, goal, order, value))
    return Optimum(goal, table, dict(zip(names, values, strict=True)), value, floats, abs(worth(best)))


def _about(scheme: RungeKutta, goal: str, order: int, value: Expr | Isolated) -> dict[str, Any]:
    """What a file of the member says of it, its worth among the claims where a file can hold that."""
    base = (scheme.title or scheme.name).partition(", family in")[0]
    claims: dict[str, Any] = {"order": order}
    key = goal.replace("-", "_")
    if key in CLAIMS and isinstance(value, Expr) and (value == oo or not value.has(CRootOf)):
        claims[key] = value
    name = "-".join([scheme.name or "member", goal])
    title = f"{base}, the {'least' if goal in MINIMISED else 'largest'} {goal.replace('-', ' ')}"
    title += " of this family" if ", with " in base else ""
    return {"name": name, "title": title, "claims": claims}


def _listed(names: list[str], point: Array) -> str:
    return ", ".join(f"{n} = {x:.6g}" for n, x in zip(names, point, strict=True))


def _box(scheme: RungeKutta, bounds: Mapping[str, tuple[object, object]]) -> list[tuple[Rational, Rational]]:
    for name in bounds:
        if name not in scheme.symbols:
            raise InputError(f"bounds of {name}: no such parameter; there are {', '.join(scheme.symbols)}")
    found = []
    for p in scheme.parameters:
        low, high = (Rational(0), Rational(1)) if p.name.startswith("c") else (Rational(-2), Rational(2))
        if p.range is not None:
            low, high = (end if end.is_Rational else Rational(str(end.evalf(15))) for end in p.range)
        if p.name in bounds:
            ends = low, high
            low, high = _ends(p.name, bounds[p.name])
            if p.range is not None and low.is_Rational and high.is_Rational and low < high:
                low, high = max(low, ends[0]), min(high, ends[1])
                if not low < high:
                    raise InputError(f"bounds of {p.name}: outside its range, {ends[0]} to {ends[1]}")
        if not (low.is_Rational and high.is_Rational and low < high):
            raise InputError(f"bounds of {p.name}: two fractions, the lower first, as in {p.name}=0:1")
        found.append((low, high))
    return found


def _ends(name: str, given: object) -> tuple[Expr, Expr]:
    ends = as_list(given, told := f"bounds of {name}: two numbers are expected, the lower first, as in (0, 1)")
    if len(ends) != 2:
        raise InputError(told)
    return named(f"bounds of {name}", ends[0]), named(f"bounds of {name}", ends[1])


def _objective(goal: str, order: int) -> Objective:
    if goal == "principal-error-norm":
        return member_worth.error_norm(order)
    reach: dict[str, Objective] = {
        "ssp": member_worth.ssp_radius,
        "real-interval": member_worth.real_reach,
        "imaginary-interval": member_worth.imaginary_reach,
    }
    return reach[goal]


def _worth(scheme: RungeKutta, objective: Objective, box: list[tuple[Rational, Rational]]) -> Callable[[Array], float]:
    at = tableau_of(scheme)
    low, high = (np.array([float(end[i]) for end in box]) for i in (0, 1))

    def worth(point: Array) -> float:
        if (point < low - 1e-12).any() or (point > high + 1e-12).any():
            return -np.inf
        tableau = at(np.clip(point, low, high))
        return -np.inf if tableau is None else objective(*tableau)

    return worth


# ------------------------------------------------------------------------------------------------------ in floats


def _searched(
    worth: Callable[[Array], float], box: list[tuple[Rational, Rational]], draw: random.Random
) -> Array | None:
    grid = {1: 161, 2: 25}.get(len(box), 0)
    ends = [(float(a), float(b)) for a, b in box]
    points = [np.array(p) for p in product(*(np.linspace(a, b, grid) for a, b in ends))] if grid else []
    points += [np.array([draw.uniform(a, b) for a, b in ends]) for _ in range(0 if grid else SAMPLES)]
    ranked = sorted(((worth(p), i) for i, p in enumerate(points)), reverse=True)
    if not np.isfinite(ranked[0][0]):
        return None
    sizes = np.array([b - a for a, b in ends]) / (grid or 10)
    found = [_climbed(worth, points[i], sizes) for _, i in ranked[:STARTS]]
    return max(found, key=worth)


def _climbed(worth: Callable[[Array], float], start: Array, sizes: Array, rounds: int = 3) -> Array:
    """Nelder and Mead's simplex, begun anew at its end: it stalls at edges."""
    for _ in range(rounds):
        start = _simplex(worth, start, sizes)
        sizes = sizes / 8
    return start


def _simplex(worth: Callable[[Array], float], start: Array, sizes: Array, most: int = 160) -> Array:
    corners = [start, *(start + size * unit for size, unit in zip(sizes, np.eye(len(start)), strict=True))]
    values = [worth(p) for p in corners]
    for _ in range(most):
        order = sorted(range(len(corners)), key=lambda i: -values[i])
        corners, values = [corners[i] for i in order], [values[i] for i in order]
        if max(np.abs(p - corners[0]).max() for p in corners) < 1e-11:
            break
        middle = np.mean(corners[:-1], axis=0)
        away = middle - corners[-1]
        tried = [(worth(p), p) for p in (middle + away, middle + 2 * away)]
        if tried[0][0] <= values[-1]:
            tried = [(worth(p), p) for p in (middle - away / 2, middle + away / 2)]
        value, point = max(tried, key=lambda t: t[0])
        if value > values[-1]:
            corners[-1], values[-1] = point, value
        else:
            corners = [corners[0], *((p + corners[0]) / 2 for p in corners[1:])]
            values = [values[0], *(worth(p) for p in corners[1:])]
    best: Array = corners[int(np.argmax(values))]
    return best


# ------------------------------------------------------------------------------------------------------- exactly


def _certified(
    scheme: RungeKutta,
    goal: str,
    order: int,
    best: Array,
    worth: Callable[[Array], float],
    box: list[tuple[Rational, Rational]],
) -> tuple[tuple[Rational, ...], RungeKutta, Expr | Isolated] | None:
    """The exact worth at the simplest rational values that lose little; where none does, at those that lose least."""
    sign = -1 if goal in MINIMISED else 1
    wanted = worth(best)
    kept: tuple[float, tuple[Rational, ...], RungeKutta, Expr | Isolated] | None = None
    for values in _nearby(best, worth, box):
        try:
            member = scheme.with_values(**dict(zip(scheme.symbols, values, strict=True)))
        except InputError:  # a pole that floats do not see
            continue
        if order_conditions(member, order).order < order:
            continue
        with budget():
            value = _exact(member, goal)
        if value is None:
            continue
        number = sign * float(value)
        if kept is None or number > kept[0]:
            kept = number, values, member, value
        if number >= wanted - LOSS * abs(wanted):
            break
    return kept[1:] if kept else None


def _nearby(
    best: Array, worth: Callable[[Array], float], box: list[tuple[Rational, Rational]]
) -> Iterator[tuple[Rational, ...]]:
    """Rational points near the optimum, the shortest first; of one length the best in floats. At an edge of what is
    stable one side is worth much more than the other, so both neighbours of each coordinate are there."""
    seen = set()
    for denominator in SHORTEST:
        axes = []
        for x, (low, high) in zip(best, box, strict=True):
            near = {Fraction(float(x)).limit_denominator(denominator)}
            below = Fraction(int(np.floor(x * denominator)), denominator)
            near |= {below, below + Fraction(1, denominator)}
            axes.append([Rational(f.numerator, f.denominator) for f in sorted(near) if low <= f <= high])
        points = [p for p in product(*axes) if p not in seen]
        seen.update(points)
        ranked = sorted((-worth(np.array(list(map(float, p)))), i) for i, p in enumerate(points))
        yield from (points[i] for cost, i in ranked[:3] if cost < np.inf)  # where it is infinite there is a pole


def _exact(member: RungeKutta, goal: str) -> Expr | Isolated | None:
    if goal == "principal-error-norm":
        norm = errors(member).principal
        return None if norm is None else norm.euclidean
    if goal == "ssp":
        return ssp(member).coefficient
    found = stability(member)
    return found.real_interval if goal == "real-interval" else found.imaginary_interval
