"""All derivatives of a state by one row of kernels of n points along each axis, given by their moments.

Moments of a kernel w: M_k = Σ_j w_j j^k / k! over multi-indices k below n; it has as many as weights. It is a
difference for ∂^o of order p iff M_k = δ_{k,o} for |k| < |o| + p. Frozen kernels have no other moments; those that are
learnt keep an order and move their other moments (Z. Long, Y. Lu, X. Ma, B. Dong, ICML 2018, section 2).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import cache, reduce

import torch
from torch import Tensor, nn

from tableau2net.analysis.space.order_set import moment_basis
from tableau2net.scheme import Stencil
from tableau2net.scheme.constructed.stencils import interpolating
from tableau2net.scheme.constructed.stencils import upwind as upwind_table
from tableau2net.scheme.derivative_letters import letters_of

Order = tuple[int, ...]  # of a derivative along each axis


def orders_up_to(total: int, axes: int) -> list[Order]:
    """The orders of all derivatives up to a total order, 0 first, along axis 0 before axis 1 in each."""
    every = itertools.product(range(total + 1), repeat=axes)
    return sorted((o for o in every if sum(o) <= total), key=lambda o: (sum(o), [-k for k in o]))


def name_of(state: str, order: Order) -> str:
    """u, u_x, u_xxy."""
    return f"{state}_{letters_of(order)}" if any(order) else state


@cache
def along_axis(derivative: int, points: int, upwind: int = 0) -> Stencil:
    """The table of a derivative along one axis that has no other moments on its points; of the first one, `upwind` may
    name the order of a one-sided table instead."""
    reach = points // 2
    if derivative == 1 and upwind:
        return upwind_table(upwind)
    return interpolating(derivative, range(-reach, reach + 1))


class Differences(nn.Module):
    """D_o of every state and order: (batch, states, *space) to (batch, states, orders, *space).

    orders: those of the derivatives.  points: of a kernel along each axis, odd.  h: step of the grid along each axis.
    boundary: "periodic", or "dirichlet": the inner points of a grid at whose ends the state is 0 and odd.
    keep_order: None, kernels are frozen; 0, free; p, their moments below that order of accuracy are held.
    upwind: see `along_axis`; of the orders with a single first derivative."""

    start: Tensor
    free: Tensor  # where a moment is learnt
    inverse: Tensor
    scale: Tensor

    def __init__(
        self,
        orders: Sequence[Order],
        points: int,
        h: Sequence[float],
        boundary: str,
        keep_order: int | None = None,
        upwind: int = 0,
    ) -> None:
        super().__init__()
        self.orders, self.points, self.h, self.boundary = tuple(orders), points, tuple(h), boundary
        self.keep_order, self.upwind = keep_order, upwind
        self.register_buffer("start", torch.stack([self._start(order) for order in self.orders]))
        free = [[self._is_free(order, k) for k in self._moments] for order in self.orders]
        self.register_buffer("free", torch.tensor(free).reshape(self.start.shape))
        along = moment_basis(tuple((j,) for j in range(-(points // 2), points // 2 + 1)))
        inverse = [[float(entry) for entry in row] for row in along.inverse]  # an axis's weights from its moments
        self.register_buffer("inverse", torch.tensor(inverse, dtype=torch.float64))
        scale = [math.prod(step**-k for step, k in zip(self.h, order, strict=True)) for order in self.orders]
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float64))
        many = int(self.free.sum())
        self.learnt = nn.Parameter(torch.zeros(many, dtype=torch.float64)) if many else None

    @property
    def _moments(self) -> Iterator[Order]:
        return itertools.product(range(self.points), repeat=len(self.h))

    def tables(self, order: Order) -> tuple[Stencil, ...]:
        """The table along each axis whose product a kernel starts from."""
        upwind = self.upwind if sum(order) == 1 else 0
        return tuple(along_axis(k, self.points, upwind) for k in order)

    def _start(self, order: Order) -> Tensor:
        reach = self.points // 2
        rows = [[float(table.points.get((j,), 0)) for j in range(-reach, reach + 1)] for table in self.tables(order)]
        return reduce(lambda a, b: a[..., None] * b, (torch.tensor(row, dtype=torch.float64) for row in rows))

    def _is_free(self, order: Order, moment: Order) -> bool:
        if self.keep_order is None or not any(order):  # the state itself is no derivative that is learnt
            return False
        return self.keep_order == 0 or sum(moment) >= sum(order) + self.keep_order

    def weights(self) -> Tensor:
        """The kernels, of shape (orders, points, …), without their powers of h."""
        if self.learnt is None:
            return self.start
        moved = torch.zeros_like(self.start).masked_scatter(self.free, self.learnt)
        for axis in range(1, len(self.h) + 1):
            moved = torch.tensordot(self.inverse, moved, dims=([1], [axis])).movedim(0, axis)
        return self.start + moved

    def kernels(self) -> Tensor:
        """The kernels with their powers of h."""
        return self.weights() * self.scale.reshape(-1, *[1] * len(self.h))

    def padded(self, state: Tensor) -> Tensor:
        """A state with what lies beyond its ends, as far as a kernel reaches."""
        for axis in range(-len(self.h), 0):
            index, sign = beyond(state.shape[axis], self.points // 2, self.boundary)
            state = state.index_select(axis, index)
            if self.boundary != "periodic":
                state = state * sign.reshape(-1, *[1] * (-1 - axis))
        return state

    def forward(self, state: Tensor) -> Tensor:
        return self._correlated(state, self.kernels())

    def mirrored(self, state: Tensor) -> Tensor:
        """As `forward`, with each kernel turned about its centre and signed as its derivative."""
        kernels = self.kernels().flip(list(range(1, len(self.h) + 1)))
        sign = torch.tensor([(-1.0) ** sum(order) for order in self.orders], dtype=torch.float64)
        return self._correlated(state, kernels * sign.reshape(-1, *[1] * len(self.h)))

    def _correlated(self, state: Tensor, kernels: Tensor) -> Tensor:
        batch, states = state.shape[:2]
        found = correlate(self.padded(state).flatten(0, 1).unsqueeze(1), kernels.unsqueeze(1))
        return found.reshape(batch, states, len(self.orders), *state.shape[2:])


def correlate(state: Tensor, kernels: Tensor) -> Tensor:
    """A convolution of deep learning, offsets in order, along one axis to three."""
    along = (nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d)
    found: Tensor = along[kernels.ndim - 3](state, kernels)
    return found


def beyond(points: int, reach: int, boundary: str) -> tuple[Tensor, Tensor]:
    """Which point stands at −reach, …, points − 1 + reach, and with which sign."""
    place = torch.arange(-reach, points + reach)
    if boundary == "periodic":
        return place % points, torch.ones(len(place), dtype=torch.float64)
    node = (place + 1) % (2 * (points + 1))  # the ends are nodes 0 and points + 1
    mirrored = torch.minimum(node, 2 * (points + 1) - node)
    sign = torch.where(mirrored % (points + 1) == 0, 0.0, torch.where(node > points, -1.0, 1.0))
    return (mirrored - 1).clamp(0, points - 1), sign.double()
