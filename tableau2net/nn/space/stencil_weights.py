"""The weights of all derivatives of a field as one tensor, fixed or learnt: w = w₀ + N z, with N exact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import torch
from sympy import S
from torch import Tensor, nn

from tableau2net.analysis.space.order_set import free_moments, moment_basis
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.space.derivatives import Derivative, Offset
from tableau2net.nn.space.sign_kept import Doubles, SignedPart, signed_part

Learn = Literal["frozen", "constrained", "free"]


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
    keep_order: the order that each derivative keeps.  symmetric: see `free_moments`.  signed: each is along one axis,
        and its symbol keeps the sign of its real part, see `tableau2net.nn.space.sign_kept`.
    size: the points of a box that a learnt stencil may use along each axis (None: from its first weight to its last).

    z, q: what is learnt, None where nothing is.  low, high: the box.  own: the points of each derivative.
    """

    start: Tensor
    directions: Tensor
    index: Tensor
    factor: Tensor
    squares: Tensor
    q_index: Tensor
    q_rows: Tensor

    def __init__(
        self,
        derivatives: Sequence[Derivative],
        learn: Learn = "frozen",
        keep_order: Sequence[int] = (),
        *,
        symmetric: bool = False,
        signed: bool = False,
        size: int | None = None,
    ) -> None:
        super().__init__()
        self.derivatives = tuple(derivatives)
        self.learn, self.symmetric, self.signed = learn, symmetric, signed
        self.keep_order = tuple(keep_order)
        self.own = tuple(_points(each, learn, size, signed) for each in derivatives)
        every = [at for points in self.own for at in points]
        d = len(derivatives[0].orders)
        self.low = tuple(min([0, *(at[a] for at in every)]) for a in range(d))
        self.high = tuple(max([0, *(at[a] for at in every)]) for a in range(d))
        self.box = tuple(b - a + 1 for a, b in zip(self.low, self.high, strict=True))
        parts = {i: self._signed(i) for i, each in enumerate(derivatives) if signed and each.parts}
        start = np.zeros((len(self.own), *self.box))
        for i, each in enumerate(derivatives):
            for at, weight in each.points.items() if i not in parts else zip(self.own[i], parts[i].fixed, strict=True):
                start[(i, *self._place(at))] = weight if i in parts else float_of(weight)
        self.hold("start", start.reshape(len(self.own), -1))
        self._learnt([self._free(i) for i in range(len(self.own))])
        self._squared(parts)

    def _place(self, at: Offset) -> Offset:
        """Where an offset stands in the box."""
        return tuple(j - low for j, low in zip(at, self.low, strict=True))

    def _free(self, i: int) -> list[int]:
        """What of a derivative moves linearly: moments of its basis, or with "free" points."""
        if self.learn == "frozen" or not self.derivatives[i].parts:
            return []
        if self.learn == "free":
            return list(range(len(self.own[i])))
        orders = self.derivatives[i].orders
        found = free_moments(orders, self.keep_order[i], self.own[i], symmetric=self.symmetric)
        indices = moment_basis(self.own[i]).indices
        return [n for n in found if not self.signed or sum(indices[n]) % 2]

    def _signed(self, i: int) -> SignedPart:
        derivative = self.derivatives[i]
        axis = next(a for a, m in enumerate(derivative.orders) if m)
        return signed_part(derivative, axis, self.keep_order[i], max(at[axis] for at in self.own[i]))

    def _learnt(self, free: list[list[int]]) -> None:
        """What is learnt linearly, in one vector z: `directions` of entries, and their `index` for each derivative."""
        self.free = free
        total, width = sum(map(len, free)), max(map(len, free))
        self.z = nn.Parameter(torch.zeros(total)) if total else None
        directions = np.zeros((len(free), *self.box, width))
        index = np.zeros((len(free), width), dtype=np.int64)
        first = 0
        for i, found in enumerate(free):
            basis = moment_basis(self.own[i]) if self.learn == "constrained" and found else None
            for column, n in enumerate(found):
                index[i, column] = first + column
                for row, at in enumerate(self.own[i]):
                    value = float(row == n) if basis is None else float(basis.inverse[row][n])
                    directions[(i, *self._place(at), column)] = value
            first += len(found)
        if total:
            self.hold("directions", directions.reshape(len(free), -1, width))
            self.register_buffer("index", torch.from_numpy(index), persistent=False)

    def _squared(self, parts: dict[int, SignedPart]) -> None:
        """What is learnt by squares, in one vector q: a = (1 − z)^r q by `factor`, and |a|² as weights by `squares`."""
        self.q = None
        if not parts:
            return
        self.q = nn.Parameter(torch.from_numpy(np.concatenate([p.start for p in parts.values()])).to(self.start.dtype))
        width = max(len(p.start) for p in parts.values())
        length = max(len(p.start) + p.power for p in parts.values())
        factor, squares = np.zeros((len(parts), length, width)), np.zeros((len(parts), length, length, *self.box))
        index, first = np.zeros((len(parts), width), dtype=np.int64), 0
        for row, (i, part) in enumerate(parts.items()):
            own, axis = part.factor(), next(a for a, m in enumerate(self.derivatives[i].orders) if m)
            factor[row, : len(own), : len(part.start)] = own
            index[row, : len(part.start)] = range(first, first + len(part.start))
            first += len(part.start)
            for k, j in product(range(len(own)), repeat=2):
                at = tuple((k - j) * (a == axis) for a in range(len(self.box)))
                squares[(row, k, j, *self._place(at))] = part.sign
        self.hold("factor", factor)
        self.hold("squares", squares.reshape(len(parts), length * length, -1))
        self.register_buffer("q_index", torch.from_numpy(index), persistent=False)
        self.register_buffer("q_rows", torch.tensor(list(parts)), persistent=False)

    def learns(self, i: int) -> bool:
        """Whether the weights of a derivative move."""
        return bool(self.free[i]) or (self.signed and bool(self.derivatives[i].parts))

    @property
    def moving(self) -> bool:
        """Whether anything is learnt."""
        return self.z is not None or self.q is not None

    def forward(self) -> Tensor:
        """The weights, (n, points of the box)."""
        weights = self.start
        if self.z is not None:
            weights = torch.baddbmm(weights.unsqueeze(2), self.directions, self.z[self.index].unsqueeze(2)).squeeze(2)
        if self.q is not None:
            a = torch.bmm(self.factor, self.q[self.q_index].unsqueeze(2))
            even = torch.bmm((a * a.mT).flatten(1).unsqueeze(1), self.squares).squeeze(1)
            weights = weights.index_add(0, self.q_rows, even)
        return weights

    def free_moments(self) -> Tensor:
        """Of "constrained" weights the moments that are learnt, by derivative, then by degree: where they are now.

        Raises InputError for others."""
        if self.learn != "constrained" or self.z is None:
            raise InputError('free_moments: of learn="constrained", where an order is kept')
        begun = [self._moments(i)[n] for i, found in enumerate(self.free) for n in found]
        return self.z + torch.tensor(begun, dtype=self.z.dtype, device=self.z.device)

    def _moments(self, i: int) -> list[float]:
        """The moments of the basis at the start."""
        points = self.derivatives[i].points
        weights = [points.get(at, 0) for at in self.own[i]]
        return [
            float_of(sum((w * r for w, r in zip(weights, row, strict=True) if w and r), start=S.Zero))
            for row in moment_basis(self.own[i]).rows
        ]


def _points(derivative: Derivative, learn: Learn, size: int | None, signed: bool) -> tuple[Offset, ...]:
    """The points that the weights of a derivative may stand on."""
    points = derivative.points
    axes = [a for a, m in enumerate(derivative.orders) if m]
    if signed and (len(axes) > 1 or len(derivative.terms) > 1):
        raise InputError(f"keep_dissipative: {derivative.name} is along several axes, where its symbol has no one sign")
    if learn == "frozen" or not derivative.parts:
        return tuple(points)
    if size is None and not signed:
        return tuple(product(*(range(min(js), max(js) + 1) for js in zip(*points, strict=True))))
    reach = max(abs(j) for at in points for j in at)
    half = reach if size is None else (size - 1) // 2
    if reach > half or 2 * half + 1 != (size or 2 * half + 1):
        raise InputError(f"size = {size}: an odd number, {2 * reach + 1} at least for the stencil of {derivative.name}")
    along = range(-half, half + 1)
    return tuple(product(*(along if a in axes or not signed else (0,) for a in range(len(derivative.orders)))))
