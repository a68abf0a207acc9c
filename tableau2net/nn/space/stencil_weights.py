"""The weights of all derivatives of a field as one tensor, fixed or learnt: w = w₀ + N z, with N exact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.space.derivatives import Derivative, Offset
from tableau2net.nn.space.order_set import free_moments, moment_basis

Learn = Literal["frozen", "constrained", "free"]
Doubles = NDArray[np.float64]


class ExactBuffers(nn.Module):
    """A module whose constants are known exactly: changing its precision rounds them anew, and does not pass on what
    was rounded before. They are no part of the state that is stored."""

    def __init__(self) -> None:
        super().__init__()
        self._exact: dict[str, Tensor] = {}

    def hold(self, name: str, values: Doubles) -> None:
        """Doubles as a buffer in the precision of the module."""
        self._exact[name] = torch.from_numpy(np.ascontiguousarray(values))
        self.register_buffer(name, self._exact[name].to(torch.get_default_dtype()), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, exact in self._exact.items():
            now = getattr(self, name)
            setattr(self, name, exact.to(now.device, now.dtype))
        return self


class StencilWeights(ExactBuffers):
    """The weights of n derivatives on a common box of points, (n, *box), on a grid of step 1.

    learn: "frozen"; "constrained", where the moments that the order fixes stay and the others are learnt, as
        deviations from where they start; "free", where each weight is.
    keep_order: the order that each derivative keeps, one for all or one each.  symmetric: see `free_moments`.
    size: the points of a box that a learnt stencil may use along each axis, of the axes of the derivative or all
        (None: the points where it has weights)."""

    start: Tensor
    directions: Tensor
    index: Tensor

    def __init__(
        self,
        derivatives: Sequence[Derivative],
        learn: Learn = "frozen",
        keep_order: Sequence[int] = (),
        *,
        symmetric: bool = False,
        size: int | None = None,
    ) -> None:
        super().__init__()
        self.derivatives = tuple(derivatives)
        self.learn, self.symmetric = learn, symmetric
        self.keep_order = tuple(keep_order)
        own = [_points(each, size if learn != "frozen" else None) for each in derivatives]
        every = [at for points in own for at in points]
        d = len(derivatives[0].orders)
        self.low = tuple(min([0, *(at[a] for at in every)]) for a in range(d))
        self.high = tuple(max([0, *(at[a] for at in every)]) for a in range(d))
        self.box = tuple(b - a + 1 for a, b in zip(self.low, self.high, strict=True))
        self.own = tuple(own)
        start = np.zeros((len(own), *self.box))
        for i, each in enumerate(derivatives):
            for at, weight in each.points.items():
                start[(i, *self.place(at))] = float_of(weight)
        self.hold("start", start.reshape(len(own), -1))
        self.free = [self._free(i) for i in range(len(own))] if learn != "frozen" else [[] for _ in own]
        self._learnt()

    def place(self, at: Offset) -> Offset:
        """Where an offset stands in the box."""
        return tuple(j - low for j, low in zip(at, self.low, strict=True))

    def _free(self, i: int) -> list[int]:
        """What of a derivative is learnt: moments of its basis, or with "free" points."""
        if not sum(self.derivatives[i].orders):
            return []  # the state itself
        if self.learn == "free":
            return list(range(len(self.own[i])))
        orders = self.derivatives[i].orders
        return free_moments(orders, self.keep_order[i], self.own[i], symmetric=self.symmetric)

    def _learnt(self) -> None:
        counts = [len(found) for found in self.free]
        total, width = sum(counts), max(counts)
        self.z = nn.Parameter(torch.zeros(total)) if total else None
        if not total:
            return
        directions = np.zeros((len(self.own), *self.box, width))
        index = np.zeros((len(self.own), width), dtype=np.int64)
        first = 0
        for i, found in enumerate(self.free):
            basis = moment_basis(self.own[i]) if self.learn == "constrained" and found else None
            for column, n in enumerate(found):
                index[i, column] = first + column
                for row, at in enumerate(self.own[i]):
                    value = float(row == n) if basis is None else float(basis.inverse[row][n])
                    directions[(i, *self.place(at), column)] = value
            first += len(found)
        self.hold("directions", directions.reshape(len(self.own), -1, width))
        self.register_buffer("index", torch.from_numpy(index), persistent=False)

    def forward(self) -> Tensor:
        """The weights, (n, points of the box)."""
        if self.z is None:
            return self.start
        return torch.baddbmm(self.start.unsqueeze(2), self.directions, self.z[self.index].unsqueeze(2)).squeeze(2)

    def free_moments(self) -> Tensor:
        """Of "constrained" weights the moments that are learnt, by derivative, then by degree: where they are now."""
        if self.learn != "constrained" or self.z is None:
            raise InputError('free_moments: of learn="constrained", where an order is kept')
        begun = np.concatenate([self._moments(i)[found] for i, found in enumerate(self.free)])
        return self.z + torch.as_tensor(begun, dtype=self.z.dtype, device=self.z.device)

    def _moments(self, i: int) -> Doubles:
        """The moments of the basis at the start, where derivatives may not be 0 to rounding: exact sums in doubles."""
        basis = moment_basis(self.own[i])
        weights = [self.derivatives[i].points.get(at, 0) for at in self.own[i]]
        return np.array(
            [
                float_of(sum((w * r for w, r in zip(weights, row, strict=True)), start=0 * weights[0] + 0))
                if any(weights)
                else 0.0
                for row in basis.rows
            ]
        )


def _points(derivative: Derivative, size: int | None) -> tuple[Offset, ...]:
    """The points that the weights of a derivative may stand on."""
    points = derivative.points
    if size is None or not sum(derivative.orders):
        return tuple(points)
    half = (size - 1) // 2
    reach = max(abs(j) for at in points for j in at)
    if size < 1 or size % 2 == 0 or reach > half:
        raise InputError(f"size = {size}: an odd number, {2 * reach + 1} at least for the stencil of {derivative.name}")
    return tuple(product(range(-half, half + 1), repeat=len(derivative.orders)))
