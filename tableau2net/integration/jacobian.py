"""The Jacobian of a field as a matrix of real numbers, a complex one being two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tableau2net.integration.banded import Band, Banded
from tableau2net.runtime.dense_jacobian import by_autograd
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.runtime.vectors import Layout

DIFFERENCED = 10  # numbers in a state up to which so many evaluations cost less than autograd does
MIXED = 1e-6  # a number so small beside another that a difference of f may drown in rounding
MANY = 128  # numbers from which on it is worth to look whether a Jacobian is a band
DENSE_YET = 1024  # numbers up to which a Jacobian that is no band is a matrix all the same
LARGE = 4096  # numbers up to which every entry is looked at once; beyond, those near the diagonal as they are
NATURAL = 16  # from the diagonal, beyond
CHUNK = 256  # rows at once, where entries are looked at
ALIKE = 1e-6  # a product with a band, and with the Jacobian, where there are no entries elsewhere

Matrix = Tensor | Banded


class Jacobians:
    """∂f/∂y at one point after another. Of a large state the first one tells whether it is a band; each later one is
    asked for one more product, whether it still is."""

    def __init__(self, field: Callable[[Any, Tensor], Tensor]) -> None:
        self.field = field
        self.band: Band | None = None
        self.wide = False

    def at(self, t: Any, y: Tensor) -> Matrix:
        """At (t, y)."""
        y = y.detach()
        if self.band is None and not self.wide:
            self._look(t, y)
        if self.band is not None:
            found = self._banded(self.band, t, y)
            if found is not None:
                return found
            self.band, self.wide = None, True
            if y.numel() > DENSE_YET:
                raise ConvergenceError("implicit stages: the Jacobian is a narrow band no more")
        return jacobian(self.field, t, y)

    def narrow(self, t: Any, y: Tensor) -> bool:
        """Whether it is a band, at (t, y)."""
        y = y.detach()
        if self.band is None and not self.wide:
            self._look(t, y)
            if self.band is not None and self._banded(self.band, t, y) is None:
                self.band, self.wide = None, True
        return self.band is not None

    def _look(self, t: Any, y: Tensor) -> None:
        """Find the band, beside y: there no entry is 0 by chance, as that of y² is at 0."""
        numbers = y.numel() * (1 + y.is_complex())
        if numbers >= MANY and not torch.is_inference_mode_enabled():
            size = 0.1 * (y.abs() + y.norm() / numbers**0.5)
            beside = y + torch.rand_like(y) * size
            if numbers <= DENSE_YET:
                self.band = Band.of(jacobian(self.field, t, beside) != 0)
            elif numbers <= LARGE:
                self.band = self._in_parts(t, beside)
            else:
                self.band = Band(torch.arange(numbers, device=y.device), NATURAL)
        self.wide = self.band is None

    def _in_parts(self, t: Any, y: Tensor) -> Band | None:
        """The band, from some rows at a time; None where autograd does not see f."""
        layout = Layout.of((y,))
        point, entries = layout.join((y,)), []
        for rows in torch.split(torch.eye(len(point), dtype=point.dtype, device=point.device), CHUNK):
            found = by_autograd(lambda at: layout.join((self.field(t, layout.split(at)[0]),)), point, rows)
            if found is None:
                return None
            entries.append(found != 0)
        return Band.of(torch.cat(entries))

    def _banded(self, band: Band, t: Any, y: Tensor) -> Banded | None:
        layout = Layout.of((y,))
        point = layout.join((y,))
        any_row = torch.rand_like(point)
        rows = torch.cat((band.rows.to(point.dtype), any_row[None]))
        found = by_autograd(lambda at: layout.join((self.field(t, layout.split(at)[0]),)), point, rows)
        if found is None:
            return None
        sums, product = found[:-1], found[-1]
        off = (band.product(sums, any_row) - product).abs().max()
        return band.jacobian(sums) if bool(off <= ALIKE * product.abs().max()) else None


def jacobian(field: Callable[[Any, Tensor], Tensor], t: Any, y: Tensor) -> Tensor:
    """∂f/∂y at (t, y): by autograd, all rows in one pass where f allows it; by differences where the state is small,
    or f is nothing that autograd sees. It is Newton's matrix, and needs not be exact."""
    layout, y = Layout.of((y,)), y.detach()
    sizes = [abs(x) for x in layout.join((y,)).tolist()]
    exact = len(sizes) > DIFFERENCED or any(0 < x < MIXED * max(sizes) for x in sizes)
    if exact and not torch.is_inference_mode_enabled():
        found = by_autograd(lambda point: layout.join((field(t, layout.split(point)[0]),)), layout.join((y,)))
        if found is not None:
            return found
    return _by_differences(field, t, y, layout, _steps(sizes, y.shape)).detach()


def _steps(sizes: list[float], shape: torch.Size) -> list[float]:
    """By how much each number is moved to see a difference, in units of half the digits: by itself, or where it is 0
    by its neighbours."""
    width = len(sizes) // (shape[0] if len(shape) > 1 else 1)
    rows = [1e-3 * max(sizes[i : i + width]) for i in range(0, len(sizes), width)]
    return [max(x, rows[i // width]) or 1.0 for i, x in enumerate(sizes)]


def _by_differences(
    field: Callable[[Any, Tensor], Tensor], t: Any, y: Tensor, layout: Layout, sizes: list[float]
) -> Tensor:
    """Forward differences."""
    base, at = layout.join((field(t, y),)), layout.join((y,))
    steps = torch.tensor(sizes, dtype=at.dtype, device=at.device).mul_(torch.finfo(at.dtype).eps ** 0.5)
    moved = (field(t, layout.split(row)[0]) for row in (torch.diag(steps) + at).unbind(0))
    return (torch.stack([layout.join((k,)) for k in moved]).sub_(base).T / steps).contiguous()
