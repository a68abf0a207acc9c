"""What a scheme makes of a right-hand side that is fitted through it: not the true one; by how much is known before.

A field that fits data at times Δt apart is the one whose steps are the flow. Of each wave it has the eigenvalue w of
Φ(e^z, w) = 0, z = Δt·λ, with Φ the scheme's characteristic polynomial. For Euler w = e^z − 1 = z + z²/2 + …, so that
with u_t = a u_x the data have Δt a²/2 of u_xx, however well it is trained. What its terms cannot hold falls on those
that they can.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from math import factorial

import torch
from torch import Tensor, nn

from tableau2net.analysis.reading.linear import curve
from tableau2net.discovery.curriculum import block_of
from tableau2net.discovery.differences import Order
from tableau2net.scheme import Scheme, load
from tableau2net.step import lower

TERMS = 8  # of the series in Δt
FINE = 8  # steps of RK4 that stand for the flow


@cache
def fitted_eigenvalue(scheme: Scheme, terms: int = TERMS) -> tuple[Fraction, ...] | None:
    """The series w = z + … of the eigenvalue whose steps are e^z: its coefficients from z⁰ to z^terms, exact.

    None where coefficients are no fractions, or the scheme has several states."""
    phi = curve(scheme.at_defaults() if scheme.parameters else scheme)
    if phi is None or not all(poly.domain.is_QQ or poly.domain.is_ZZ for poly in phi.coefficients):
        return None
    rows = [[Fraction(int(c.p), int(c.q)) for c in reversed(poly.all_coeffs())] for poly in phi.coefficients]
    growth = [[Fraction(k**n, factorial(n)) for n in range(terms + 1)] for k in range(len(rows))]  # e^{kz}
    slope = sum(row[1] for row in rows if len(row) > 1)
    if not slope:
        return None
    w = [Fraction(0)] * (terms + 1)
    for n in range(1, terms + 1):  # each coefficient is read off the first term that is left
        left = _residual(rows, growth, w, n)
        w[n] -= left / slope
    return tuple(w)


def _residual(rows: list[list[Fraction]], growth: list[list[Fraction]], w: list[Fraction], n: int) -> Fraction:
    """The coefficient of z^n of Φ(e^z, w)."""
    total = Fraction(0)
    for row, e in zip(rows, growth, strict=True):
        power, value = [Fraction(1)] + [Fraction(0)] * n, [Fraction(0)] * (n + 1)
        for c in row:
            value = [v + c * p for v, p in zip(value, power, strict=True)]
            power = _times(power, w[: n + 1])
        total += sum(value[i] * e[n - i] for i in range(n + 1))
    return total


def _times(a: list[Fraction], b: list[Fraction]) -> list[Fraction]:
    return [sum((a[i] * b[n - i] for i in range(n + 1)), Fraction(0)) for n in range(len(a))]


def modified_coefficients(
    scheme: Scheme, coefficients: Mapping[Order, Tensor], dt: float, highest: int
) -> dict[Order, Tensor] | None:
    """The coefficients that a linear right-hand side has when fitted through steps of Δt, up to derivatives `highest`.

    coefficients: the true ones, numbers or maps, which count as constant around each point."""
    series = fitted_eigenvalue(scheme)
    if series is None:
        return None
    axes = len(next(iter(coefficients)))
    power: dict[Order, Tensor] = {(0,) * axes: torch.ones((), dtype=torch.float64)}
    total: dict[Order, Tensor] = {}
    for c in series[1:]:
        power = _product(power, {order: dt * value for order, value in coefficients.items()}, highest)
        for order, value in power.items():
            total[order] = total.get(order, torch.zeros(())) + float(c) * value / dt
    return total


def _product(a: Mapping[Order, Tensor], b: Mapping[Order, Tensor], highest: int) -> dict[Order, Tensor]:
    found: dict[Order, Tensor] = {}
    for left, x in a.items():
        for right, y in b.items():
            order = tuple(i + j for i, j in zip(left, right, strict=True))
            if sum(order) <= highest:
                found[order] = found.get(order, torch.zeros(())) + x * y
    return found


def defect(scheme: Scheme, field: nn.Module, states: Tensor, dt: float) -> Tensor | None:
    """What a step of the scheme with the true field lacks of the flow, over Δt: to first order what the fitted field
    has besides. None for a scheme that looks back, or where a step leaves the numbers."""
    if lower(scheme).history:
        return None
    with torch.no_grad():
        flow = block_of(load("rk4"), field, FINE, dt / FINE)(states)
        stepped = block_of(scheme, field, 1, dt)(states)
    difference: Tensor = (flow - stepped) / dt
    return difference if bool(difference.isfinite().all()) else None


def projected(terms: Tensor, missing: Tensor, at_each_point: bool) -> Tensor:
    """The coefficients by which terms, (samples, terms, *space), best make up what is missing, (samples, *space): one
    for each term, or maps, (terms, *space)."""
    space = terms.shape[2:]
    if at_each_point:
        table, right = terms.flatten(2).permute(2, 0, 1), missing.flatten(1).T.unsqueeze(2)
        return torch.linalg.lstsq(table, right).solution[..., 0].T.reshape(-1, *space)  # type: ignore[no-any-return]
    table, right = terms.transpose(0, 1).flatten(1).T, missing.flatten()[:, None]
    return torch.linalg.lstsq(table, right).solution[:, 0]  # type: ignore[no-any-return]
