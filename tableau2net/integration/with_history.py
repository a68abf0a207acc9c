"""Schemes that remember earlier steps: on even grids by the generated step, on uneven ones with coefficients of each
step's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from torch import Tensor

from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.integration.neighbours import Neighbours
from tableau2net.integration.one_step import called, generated
from tableau2net.integration.output import Outputs
from tableau2net.integration.passage import Passage
from tableau2net.integration.start import EXPONENTIAL_STARTS, Start, first_states, starter, sub_steps
from tableau2net.integration.system import States, System
from tableau2net.integration.variable import pattern
from tableau2net.scheme import Scheme, load


def multistep(
    scheme: Scheme,
    system: System,
    grid: Sequence[float],
    uniform: float | None,
    outputs: Outputs,
    start: Scheme | str | None,
    passage: Passage | None = None,
) -> States:
    """The states at the end of the grid, or where an event has ended it all. uniform: the step, where all are equal."""
    method = starter(scheme, start)
    kept = Neighbours(grid, outputs.times, max(order(scheme), 1), every=outputs.watch is not None)
    even = _Even(scheme, system, uniform) if uniform is not None else None
    uneven = _Uneven(scheme, system) if even is None else None
    points = min(even.start.points if even else uneven.steps - 1 if uneven else 0, len(grid) - 1)
    exponential = start is None and method.name == EXPONENTIAL_STARTS[-1][1]
    parts = sub_steps(scheme, method) if exponential else 1
    first = first_states(method, system, grid[: points + 1], parts, passage)
    rest: Iterable[States] = (even or uneven).run(first, grid) if points < len(grid) - 1 else ()  # type: ignore[union-attr]
    states, looked_at, ended = first[0], 0, False
    for n, states in enumerate(chain(first, rest)):
        kept.keep(n, states)
        while outputs.watch is not None and looked_at < n and not ended and kept.known(looked_at, n):
            ended = outputs.watch.passed(grid[looked_at + 1], kept.looked_at(looked_at), kept.at)
            looked_at += 1
        if ended:
            break
        if passage is not None and points <= n < len(grid) - 1:
            passage.begins(grid[n], grid[n + 1] - grid[n], states)
    beyond = outputs.watch.last if outputs.watch is not None and ended else grid[-1]
    for time in outputs.times[outputs.found :]:
        if (time - beyond) * (grid[-1] - grid[0]) > 0:
            break
        outputs.add(kept.at(time))
    return states


class _Even:
    """By the generated step."""

    def __init__(self, scheme: Scheme, system: System, h: float) -> None:
        made = generated(scheme)
        self.fields, self.h, self.step = called(made, system), h, made.step
        names = (*made.states, *made.history)
        self.alone = len(names) == 1
        self.start = Start(scheme, names, lambda *given: made.step(*self.fields, *given), system)

    def run(self, states: list[States], grid: Sequence[float]) -> Iterator[States]:
        """The states behind the first ones, one by one."""
        inputs: Any = self.start.made(states, grid, self.h)
        step, fields, h = self.step, self.fields, self.h
        for n in range(len(states) - 1, len(grid) - 1):
            out = step(*fields, h, grid[n], *inputs)
            inputs = (out,) if self.alone else out
            yield tuple(inputs[:1])


class _Uneven:
    """Σ_j α_j y_(n+j) = h^d Σ_ν Σ_j β_j f^ν_(n+j) with the coefficients that the grid asks for."""

    def __init__(self, scheme: Scheme, system: System) -> None:
        self.pattern = pattern(scheme)
        self.system, self.steps = system, self.pattern.k
        implicit = [part for part, own in enumerate(self.pattern.betas) if self.steps in own]
        if len(implicit) > 1:
            raise InputError(f"{scheme.name}: two fields are implicit, so steps must be equal; give steps=")
        self.implicit = implicit[0] if implicit else None
        made = generated(load("backward-euler"), reveal=("k1",))
        self._solve = made.step

    def run(self, states: list[States], grid: Sequence[float]) -> Iterator[States]:
        """The states behind the first ones, one by one."""
        k, fields = self.steps, self.system.fields
        ys = deque([y for (y,) in states], k)
        old = len(states) - k
        slopes: list[deque[Tensor]] = [deque(maxlen=k) for _ in fields]
        for part, own in enumerate(self.pattern.betas):
            oldest = min(own, default=k)
            for j in range(
                k if part == self.implicit else k - 1
            ):  # the youngest of an explicit part comes with its step
                slopes[part].append(fields[part](grid[old + j], ys[j]) if j >= oldest else ys[j])
        for n in range(len(states) - 1, len(grid) - 1):
            h = grid[n + 1] - grid[n]
            x = [(t - grid[n]) / h for t in grid[n - k + 1 : n + 2]]
            y = self._taken(grid[n], h, *self.pattern.coefficients(x), ys, slopes)
            ys.append(y)
            yield (y,)

    def _taken(
        self, t: float, h: float, alpha: list[float], betas: list[list[float]], ys: deque[Tensor], slopes: Any
    ) -> Tensor:
        k, fields, scale = self.steps, self.system.fields, h**self.pattern.d
        total = ys[k - 1] * -alpha[k - 1]
        for j in self.pattern.alpha:
            if j < k - 1:
                total = total.add_(ys[j], alpha=-alpha[j])
        for part, own in enumerate(self.pattern.betas):
            if part != self.implicit and own:
                slopes[part].append(fields[part](t, ys[k - 1]))
            for j in own:
                if j < k:
                    total = total.add_(slopes[part][j], alpha=scale * betas[part][j])
        if self.implicit is None:
            return total
        factor = scale * betas[self.implicit][k]
        y, slope = self._solve(fields[self.implicit], factor, t + h - factor, total)
        slopes[self.implicit].append(slope)
        return y  # type: ignore[no-any-return]
