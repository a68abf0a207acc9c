"""The right-hand side of a partial differential equation as a field: one convolution for all derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import torch
from sympy import Expr
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen.expressions import scalar
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.space.grid_coefficients import GridCoefficients
from tableau2net.nn.space.grid_ends import continued, end_rows, pads
from tableau2net.nn.space.grid_waves import check_left, symbols
from tableau2net.nn.space.linear_solves import solved
from tableau2net.nn.space.right_side import Split, WrittenFunction, renamed, safe_names, sum_of
from tableau2net.nn.space.stencil_weights import ExactBuffers, StencilWeights
from tableau2net.scheme.derivative_letters import AXES
from tableau2net.scheme.equation import Equation

CONVOLUTIONS: tuple[Callable[..., Tensor], ...] = (functional.conv1d, functional.conv2d, functional.conv3d)
Channel = tuple[int, str]  # a state, and the letters of a derivative of it


class SpaceField(ExactBuffers):
    """u ↦ u_t on a uniform grid, made by `field`.

    It is called as ``field(u)`` or ``field(t, u)`` with states (…, S, *grid); a single state may have any dimensions
    before the grid, each entry of which is a state by itself. The slope has the same shape.

    states, names: of the states, and of the derivatives that a callable right-hand side gets, in order.  h: the step of
    the grid along each axis.  boundary: a word for each axis.  stencils: the weights, see `StencilWeights`.
    coefficients: what stands for open parameters.  right: what is done with the derivatives.
    """

    mixing: Tensor
    kernel: Tensor
    weighed_rows: Tensor
    weighed_columns: Tensor
    weighed_scales: Tensor
    right: Callable[..., Any] | None

    def __init__(
        self,
        states: Sequence[str],
        stencils: StencilWeights,
        h: Sequence[float],
        boundary: Sequence[str],
        coefficients: GridCoefficients,
        right: Split | nn.Module | Callable[[Tensor], Tensor],
        equation: Equation | None = None,
    ) -> None:
        super().__init__()
        self.states, self.h, self.boundary = tuple(states), tuple(h), tuple(boundary)
        self.stencils, self.coefficients, self.equation = stencils, coefficients, equation
        derivatives = stencils.derivatives
        self._scales = [prod(step**-m for step, m in zip(self.h, o.orders, strict=True)) for o in derivatives]
        if len(set(self.h)) > 1 and (added := [each.name for each in derivatives if len(each.terms) > 1]):
            raise InputError(f"h: the stencil of {added[0]} adds derivatives on a grid of equal steps; write one step")
        self.split: Split | None = None
        self.linear_rows: tuple[int, ...] = ()
        if isinstance(right, Split):
            assert equation is not None
            self.split = right
            read = [at for name, at in equation.derivatives.items() if name in right.reads and at[1]]
            self.channels: tuple[Channel, ...] = tuple((self.states.index(state), letters) for state, letters in read)
            self.linear_rows = tuple(sorted({i for i, _, _ in right.linear}))
            self.right = self._written(right)
        else:
            self.channels = tuple(product(range(len(self.states)), self._letters))
            self.right = right
        self.names = tuple(self._name(channel) for channel in self.channels)
        self._mix()
        even = all(low == -high for low, high in zip(stencils.low, stencils.high, strict=True))
        self.zero_padded = even and set(self.boundary) <= {"zero", "sbp"}  # a convolution has that itself
        self.spectral = any(each.compact for each in stencils.derivatives)
        self._ends()
        self._group()
        if not self.changing:
            with torch.no_grad():
                kernel = self._exact["mixing"].numpy() @ self.stencils._exact["start"].numpy()
            kernel = kernel[self._rows] if self.groups > 1 else kernel
            self.hold("kernel", kernel.reshape(-1, len(self.states) // self.groups, *self.stencils.box))
        self._prepare()

    def _prepare(self) -> None:
        """What a call would look up each time."""
        self._convolve = CONVOLUTIONS[len(self.h) - 1]
        self._pads = pads(self.stencils.low, self.stencils.high)
        self._around = set(self.boundary) == {"periodic"}
        self._changing, self._dtype = self.changing, self.mixing.dtype

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self._dtype = self.mixing.dtype
        return self

    @property
    def _letters(self) -> list[str]:
        return [each.name for each in self.stencils.derivatives]

    def _name(self, channel: Channel) -> str:
        state, letters = self.states[channel[0]], channel[1]
        return f"{state}_{letters}" if letters else state

    @property
    def changing(self) -> bool:
        """Whether the kernel of the convolution is made of what is learnt."""
        return self.stencils.moving or self.weighing is not None

    @property
    def is_linear(self) -> bool:
        """Whether u_t = L u, with coefficients that are numbers."""
        return self.split is not None and not any(map(bool, self.split.rest)) and len(self.linear_rows) > 0

    @property
    def source(self) -> str:
        """The code that the terms which are no convolution are written out as; empty where there is none."""
        return self.right.source if isinstance(self.right, WrittenFunction) else ""

    # ------------------------------------------------------------------------------------------- what is made once

    def _mix(self) -> None:
        """How each channel that the convolution gives is made of the derivatives of each state: (channels·S, n)."""
        s, names = len(self.states), self._letters
        rows = len(self.channels) + len(self.linear_rows)
        mixing = np.zeros((rows, s, len(names)))
        for k, (state, o) in enumerate(self.channels):
            i = names.index(o)
            mixing[k, state, i] = self._scales[i]
        learnt: list[tuple[int, int, Expr]] = []
        for (equation, state, o), coefficient in (self.split.linear if self.split else {}).items():
            row, i = len(self.channels) + self.linear_rows.index(equation), names.index(o)
            if coefficient.is_number:
                mixing[row, state, i] = float_of(coefficient) * self._scales[i]
            else:
                learnt.append((row * s + state, i, coefficient))
        self.hold("mixing", mixing.reshape(rows * s, len(names)))
        self.weighing = None
        if learnt:
            names = sorted({x.name for _, _, c in learnt for x in c.free_symbols})
            safe = safe_names(names)
            results = [scalar(renamed(c, safe)) for _, _, c in learnt]
            self.weighing = WrittenFunction("coefficients", list(safe.values()), results)
            self.weighed = tuple(names)
            self.register_buffer("weighed_rows", torch.tensor([r for r, _, _ in learnt]), persistent=False)
            self.register_buffer("weighed_columns", torch.tensor([i for _, i, _ in learnt]), persistent=False)
            self.hold("weighed_scales", np.array([self._scales[i] for _, i, _ in learnt]))

    def _ends(self) -> None:
        """The rows that stencils have at the ends of axes."""
        self.bounded = tuple(a for a, word in enumerate(self.boundary) if word == "sbp")
        if self.bounded and self.stencils.moving:
            raise InputError('boundary = "sbp": rows at the ends belong to fixed stencils; write learn="frozen"')
        if self.spectral and set(self.boundary) != {"periodic"}:
            raise InputError('boundary: compact stencils are solved on a periodic grid; write boundary="periodic"')
        for a in self.bounded:
            for right in (False, True):
                self.hold(f"end{a}{int(right)}", end_rows(self.stencils.derivatives, a, right))

    def _group(self) -> None:
        """Where each channel reads one state alone, and all states equally many do, a group of the convolution for each
        state. The channels of the convolution are then in the order of states: `places` has that of each."""
        s = len(self.states)
        read: list[set[int]] = [{state} for state, _ in self.channels]
        linear = self.split.linear if self.split else {}
        read += [{j for i, j, _ in linear if i == row} for row in self.linear_rows]
        own = [min(states) for states in read if len(states) == 1]
        counts = {own.count(state) for state in range(s)}
        order = sorted(range(len(own)), key=lambda k: own[k])
        fits = s > 1 and len(own) == len(read) and len(counts) == 1 and not (self.bounded or self.spectral)
        fits = fits and (self.right is not None or order == list(range(len(order))))
        self.groups = s if fits else 1
        self.places = tuple(order.index(k) for k in range(len(order))) if fits else tuple(range(len(read)))
        self._rows = [k * s + own[k] for k in order] if fits else []

    def _written(self, split: Split) -> WrittenFunction | None:
        """The rest of the equation as a function of states, derivatives, what is linear, and coefficients."""
        if not any(split.rest):
            if len(self.linear_rows) != len(self.states):
                raise InputError("field: each state needs a rate of its own that is not 0")
            return None
        linear = [f"linear_{self.states[i]}" for i in self.linear_rows]
        derivatives = [self._name(channel) for channel in self.channels]
        self.called = tuple(name for name in self.coefficients.names if name in split.reads)
        names = [*self.states, *derivatives, *self.called]
        safe = safe_names(names)
        results = []
        for i, terms in enumerate(split.rest):
            first = f"linear_{self.states[i]}" if i in self.linear_rows else ""
            results.append(sum_of({renamed(w, safe): renamed(c, safe) for w, c in terms.items()}, first))
        arguments = [safe[name] for name in (*self.states, *derivatives)] + linear + [safe[n] for n in self.called]
        return WrittenFunction("rate" if len(self.states) == 1 else "rates", arguments, results)

    # ------------------------------------------------------------------------------------------- what a call does

    def mixed(self) -> Tensor:
        """How channels are made of derivatives, now."""
        if self.weighing is None:
            return self.mixing
        values = self.weighing(*(self.coefficients(name) for name in self.weighed))
        values = torch.stack(values if isinstance(values, tuple) else (values,))
        return self.mixing.index_put((self.weighed_rows, self.weighed_columns), values * self.weighed_scales)

    def kernels(self) -> Tensor:
        """The kernels of the convolution, (channels, S or with groups 1, *box), a step of the grid included."""
        if not self._changing:
            return self.kernel
        mixed = self.mixed()
        flat: Tensor = (mixed[self._rows] if self.groups > 1 else mixed) @ self.stencils()
        return flat.view(-1, len(self.states) // self.groups, *self.stencils.box)

    def differentiated(self, y: Tensor) -> Tensor:
        """All channels of states (N, S, *grid), in the order of `places`: (N, channels, *grid)."""
        if self.spectral:
            return self._by_waves(y)
        if self._around:
            padded = functional.pad(y, self._pads, mode="circular")
        elif not self.zero_padded:
            padded = continued(y, self.stencils.low, self.stencils.high, self.boundary)
        else:
            padded = y
        padding = self.stencils.high if self.zero_padded else 0
        found = self._convolve(padded, self.kernels(), padding=padding, groups=self.groups)
        for a in self.bounded:
            self._add_ends(found, y, a)
        return found

    def _add_ends(self, found: Tensor, y: Tensor, axis: int) -> None:
        at, n = 2 + axis, y.shape[2 + axis]
        for right in (False, True):
            rows = getattr(self, f"end{axis}{int(right)}")
            count, nodes = rows.shape[1:]
            if n < 2 * count or n < nodes:
                raise InputError(
                    f"the grid has {n} points along {AXES[axis]}: its ends alone take {max(2 * count, nodes)}"
                )
            mixed = torch.einsum("kn,nrc->krc", self.mixed(), rows).view(-1, len(self.states), count, nodes)
            near = y.narrow(at, n - nodes, nodes).flip(at) if right else y.narrow(at, 0, nodes)
            more = torch.einsum("ksrc,ns...c->nk...r", mixed, near.movedim(at, -1)).movedim(-1, at)
            place = found.narrow(at, n - count, count) if right else found.narrow(at, 0, count)
            place.add_(more.flip(at) if right else more)

    def _by_waves(self, y: Tensor) -> Tensor:
        grid = y.shape[2:]
        axes = tuple(range(2, y.dim()))
        wave = torch.fft.rfftn(y, dim=axes)
        found = torch.einsum("ks...,ns...->nk...", self.symbols(grid, half=True), wave)
        back: Tensor = torch.fft.irfftn(found, s=tuple(grid), dim=axes)
        return back

    def symbols(self, grid: Sequence[int], *, half: bool = False) -> Tensor:
        """What each channel multiplies the waves of each state by: (channels, S, *grid), on a periodic grid; the last
        axis to its half where that is told."""
        stencils = self.stencils
        above = symbols(stencils().view(-1, *stencils.box), stencils.low, grid, half)
        if self.spectral:
            above = above / self._left_symbols(grid, half, above)
        mixed = self.mixed().to(above.dtype).view(-1, len(self.states), above.shape[0])
        return torch.einsum("ksn,n...->ks...", mixed, above)

    def _left_symbols(self, grid: Sequence[int], half: bool, like: Tensor) -> Tensor:
        found = []
        for each in self.stencils.derivatives:
            for axis, stencil in each.parts:
                if axis is not None:
                    check_left(stencil, grid[axis])
            points = each.left_points
            low = tuple(min(at[a] for at in points) for a in range(len(grid)))
            box = tuple(max(at[a] for at in points) - low[a] + 1 for a in range(len(grid)))
            weights = np.zeros(box)
            for at, weight in points.items():
                weights[tuple(j - b for j, b in zip(at, low, strict=True))] = float_of(weight)
            real = torch.as_tensor(weights, dtype=self.mixing.dtype, device=self.mixing.device)
            found.append(symbols(real.unsqueeze(0), low, grid, half)[0])
        return torch.stack(found).to(like.dtype)

    def forward(self, *arguments: Any) -> Tensor:
        y: Tensor = arguments[-1]
        d, s = len(self.h), len(self.states)
        if y.dim() < d or (s > 1 and (y.dim() == d or y.shape[-d - 1] != s)):
            raise ValueError(f"a state (…, {s}, *grid) of {d} axes is wanted; got {tuple(y.shape)}")
        if y.dtype != self._dtype:
            raise TypeError(f"the state is {y.dtype}, the field {self._dtype}: write field.to({y.dtype})")
        whole = y.dim() == d + 2 and y.shape[1] == s
        states = y if whole else y.reshape(-1, s, *y.shape[y.dim() - d :])
        rate = self._rate(states, self.differentiated(states) if self.channels or self.linear_rows else None)
        return rate if whole else rate.reshape(y.shape)

    def _rate(self, states: Tensor, found: Tensor | None) -> Tensor:
        if self.split is None:
            assert self.right is not None
            made: Tensor = self.right(found)
            return made
        if self.right is None:
            assert found is not None
            return found
        values = list(torch.split(states, 1, 1))
        if found is not None:
            channels = torch.split(found, 1, 1)
            values += [channels[place] for place in self.places]
        rates: Tensor | tuple[Tensor | float, ...] = self.right(*values, *map(self.coefficients, self.called))
        if isinstance(rates, Tensor):
            return rates
        like = values[0]
        full = (rate if isinstance(rate, Tensor) else torch.full_like(like, rate) for rate in rates)
        return torch.cat([rate.expand_as(like) for rate in full], 1)

    def linear_part(self, states: Tensor) -> Tensor:
        """L u of a linear field, of states (N, S, *grid)."""
        return self._rate(states, self.differentiated(states))

    def resolvent(self, known: Tensor, c: float | Tensor) -> Tensor:
        """The u with u = known + c·f(u), of a linear field. Raises InputError for another one."""
        if not self.is_linear:
            why = "u_t is a function" if self.split is None else f"of {self.split.text or 'no derivative'}"
            raise InputError(
                f"resolvent: only terms with one derivative and a number are solved for, not those {why}; "
                'take part="linear" and part="rest" as the two fields of an IMEX scheme'
            )
        states = known.reshape(-1, len(self.states), *known.shape[known.dim() - len(self.h) :])
        return solved(self, states, c).reshape(known.shape)

    def extra_repr(self) -> str:
        steps = ", ".join(f"{step:.6g}" for step in self.h)
        return f"h=({steps}), boundary={', '.join(self.boundary)}, derivatives={', '.join(self.names)}"
