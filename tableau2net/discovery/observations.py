"""States of a partial differential equation at equal times on a uniform grid: of a name, or of a user's own file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tableau2net.data.npz import read_arrays
from tableau2net.discovery.problems import PROBLEMS, Drawn, KnownEquation, known
from tableau2net.errors import InputError

MAX_AXES, MAX_STATES, LEAST_POINTS = 3, 8, 8
SIZES = (1e-25, 1e25)  # of states: of degree 4, and squared, they are numbers still
BOUNDARIES = ("periodic", "dirichlet")
_STATE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}")


@dataclass(frozen=True)
class Observations:
    """u: float64, (trajectories, times, states, *space), times Δt and points h apart along each axis.

    boundary: "periodic", or "dirichlet", the inner points of a grid at whose ends the state is 0.
    test: trajectories that nothing is fitted to.  problem: where it comes from a name, with its truth.
    noise: the deviation that was added, over that of the initial states; `test` and `clean`, u itself, have none."""

    name: str
    u: Tensor
    test: Tensor
    dt: float
    h: tuple[float, ...]
    states: tuple[str, ...] = ("u",)
    boundary: str = "periodic"
    problem: KnownEquation | None = None
    noise: float = 0.0
    clean: Tensor | None = None

    @property
    def space(self) -> tuple[int, ...]:
        """The points along each axis."""
        return tuple(self.u.shape[3:])

    @property
    def coordinates(self) -> tuple[Tensor, ...]:
        """Of the points, along each axis; on an inner grid the first is h."""
        first = 0 if self.boundary == "periodic" else 1
        axes = [(torch.arange(n, dtype=torch.float64) + first) * h for n, h in zip(self.space, self.h, strict=True)]
        return tuple(torch.meshgrid(*axes, indexing="ij"))

    def windows(self, steps: int, pairs: int) -> Tensor:
        """`pairs` stretches of steps + 1 times, (pairs, steps + 1, states, *space): of all trajectories, from starts as
        far apart as there are times. Raises InputError where there are too few times."""
        trajectories, times = self.u.shape[:2]
        last = times - 1 - steps
        if last < 0:
            raise InputError(
                f"{self.name}: {times} times, blocks of {steps} steps need {steps + 1}; give fewer --blocks"
            )
        many = min(last + 1, math.ceil(pairs / trajectories))
        starts = sorted({round(last * n / max(many - 1, 1)) for n in range(many)})
        return torch.cat([self.u[:, n : n + steps + 1] for n in starts])[:pairs]


@dataclass(frozen=True)
class Asked:
    """What a named problem is drawn with; None as the problem has it.  tests: trajectories of `rollout` steps that are
    drawn besides, without noise."""

    trajectories: int | None = None
    steps: int = 20
    dt: float | None = None
    points: int | None = None
    noise: float | None = None
    seed: int = 0
    tests: int = 4
    rollout: int = 80


def observe(data: str, asked: Asked) -> Observations:
    """The observations of a name or a .npz file. Raises InputError, one line, for what does not fit."""
    return read_observations(Path(data), asked) if data.endswith(".npz") else simulate(data, asked)


def simulate(name: str, asked: Asked) -> Observations:
    """A named problem, solved from random states; the same numbers for the same seed."""
    problem = known(name)
    generator = torch.Generator().manual_seed(asked.seed)
    drawn = Drawn(
        asked.trajectories or problem.trajectories, asked.steps, asked.dt or problem.dt,
        asked.points or problem.points, problem.finer, problem.highest, generator,
    )  # fmt: skip
    clean = problem.solve(drawn)
    test = problem.solve(replace(drawn, trajectories=asked.tests, steps=asked.rollout))
    noise = problem.noise if asked.noise is None else asked.noise
    noisy = with_noise(clean, noise, generator)
    h = (2 * math.pi / drawn.points,) * problem.axes
    return Observations(name, noisy, test, drawn.dt, h, problem.states, problem.boundary, problem, noise, clean)


def outline(name: str, asked: Asked) -> Observations:
    """What `simulate` would give, with nothing in it: for what can be refused before it is solved."""
    problem = known(name)
    points = asked.points or problem.points
    inner = points - (problem.boundary == "dirichlet")
    trajectories = asked.trajectories or problem.trajectories
    u = torch.zeros(()).expand(trajectories, asked.steps + 1, len(problem.states), *(inner,) * problem.axes)
    h = (2 * math.pi / points,) * problem.axes
    return Observations(name, u, u, asked.dt or problem.dt, h, problem.states, problem.boundary, problem)


def with_noise(u: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Normal noise of `noise` times the deviation of each trajectory's first states, on all times."""
    if not noise:
        return u
    space = tuple(range(3, u.ndim))
    deviation = u[:, :1].std(dim=space, keepdim=True, correction=0)
    drawn: Tensor = torch.randn(u.shape, generator=generator, dtype=u.dtype)
    return u + noise * deviation * drawn


def read_observations(path: Path, asked: Asked) -> Observations:
    """A .npz file with `u`, (trajectories, times, [states,] *space), `dt` and `h`, one number or one an axis; optional
    `states`, their names, and `boundary`, periodic or dirichlet.

    A fifth of the trajectories, one at least, is kept for tests; where there is one alone, the last fifth of its times.
    Raises InputError, one line, for what does not fit."""
    found = read_arrays(path, CHECKS, optional=("states", "boundary"))
    u = np.asarray(found["u"], dtype=np.float64)
    h = tuple(float(step) for step in np.atleast_1d(found["h"]))
    named = "states" in found
    axes = len(h) if found["h"].ndim else u.ndim - 2 - named
    axes = max(axes, 1)
    if u.ndim == 2 + axes:  # without an axis of states: it holds one
        u = u[:, :, None]
    if u.ndim != 3 + axes or not 1 <= axes <= MAX_AXES:
        raise InputError(
            f"{path}: u of shape {found['u'].shape} is not (trajectories, times, [states,] *space) with {axes} axes of "
            "space; give h one number an axis, and states their names where there are several"
        )
    h = h * axes if len(h) == 1 else h
    states = _names(path, found.get("states"), u.shape[2])
    boundary = str(found.get("boundary", "periodic"))
    _check_numbers(path, u, float(found["dt"]), h, boundary)
    fitted, test = _split(torch.from_numpy(u), asked.rollout)
    return Observations(str(path), fitted, test, float(found["dt"]), h, states, boundary)


def _names(path: Path, given: NDArray[Any] | None, many: int) -> tuple[str, ...]:
    if many > MAX_STATES:
        raise InputError(
            f"{path}: u has {many} states, at most {MAX_STATES} are read; its axes are (…, times, states, *space)"
        )
    usual = ("u", "v", "w")[:many] if many <= 3 else tuple(f"u{n + 1}" for n in range(many))
    names = usual if given is None else tuple(map(str, np.atleast_1d(given)))
    if len(names) != many:
        raise InputError(f"{path}: states names {len(names)}, u holds {many}; write a name for each")
    for n, name in enumerate(names):
        if name in names[:n] or not _STATE.fullmatch(name):
            raise InputError(
                f"{path}: states {name[:40]!r}: write {many} different names of letters and digits, a letter first"
            )
    return names


def _check_numbers(path: Path, u: NDArray[Any], dt: float, h: tuple[float, ...], boundary: str) -> None:
    if boundary not in BOUNDARIES:
        raise InputError(f"{path}: boundary {boundary[:40]!r}: write {' or '.join(BOUNDARIES)}")
    for key, steps in (("dt", (dt,)), ("h", h)):
        if not all(math.isfinite(step) and step > 0 for step in steps):
            raise InputError(
                f"{path}: {key} = {', '.join(f'{step:g}' for step in steps)}: a positive number is expected"
            )
    if u.shape[1] < 3 or u.shape[0] < 1:
        raise InputError(f"{path}: u has {u.shape[0]} trajectories of {u.shape[1]} times; at least 1 of 3 are needed")
    if min(u.shape[3:]) < LEAST_POINTS:
        raise InputError(f"{path}: u has {min(u.shape[3:])} points along an axis, at least {LEAST_POINTS} are needed")
    if not np.isfinite(u).all():
        raise InputError(f"{path}: u holds numbers that are not finite; leave those trajectories out")
    if not np.ptp(u):
        raise InputError(f"{path}: u is one number everywhere; nothing is to be found in it")
    if not np.ptp(u, axis=1).any():
        raise InputError(f"{path}: u does not change in time; nothing is to be found in it")
    for n in range(u.shape[2]):
        size = float(np.abs(u[:, :, n]).max())
        if size and not SIZES[0] <= size <= SIZES[1]:
            raise InputError(
                f"{path}: u is of size {size:.1e}, squares of terms leave what numbers can be; give it in other units, "
                f"from {SIZES[0]:g} to {SIZES[1]:g}"
            )


def _split(u: Tensor, rollout: int) -> tuple[Tensor, Tensor]:
    if len(u) > 1:
        tests = max(1, len(u) // 5)
        return u[:-tests], u[-tests:, : rollout + 1]
    tail = max(1, u.shape[1] // 5)
    return u[:, :-tail] if u.shape[1] - tail >= 2 else u, u[:, -tail - 1 :][:, : rollout + 1]


def _numbers(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise InputError(f"{path}: {key} is of type {dtype}; real numbers of at most 8 bytes are expected")


def _check_u(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    _numbers(path, key, dtype, shape)
    if not 3 <= len(shape) <= 3 + MAX_AXES:
        raise InputError(f"{path}: u has shape {shape}; (trajectories, times, [states,] *space) is expected")


def _one(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    _numbers(path, key, dtype, shape)
    if shape != ():
        raise InputError(f"{path}: {key} has shape {shape}; one number is expected")


def _few(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    _numbers(path, key, dtype, shape)
    if len(shape) > 1 or math.prod(shape) not in range(1, MAX_AXES + 1):
        raise InputError(f"{path}: {key} has shape {shape}; one number, or one an axis, is expected")


def _words(path: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.kind != "U" or len(shape) > 1 or math.prod(shape) > MAX_STATES or dtype.itemsize > 256:
        raise InputError(f"{path}: {key} is {dtype} of shape {shape}; short texts are expected")


CHECKS = {"u": _check_u, "dt": _one, "h": _few, "states": _words, "boundary": _words}

__all__ = ["PROBLEMS", "Asked", "Observations", "observe", "read_observations", "simulate", "with_noise"]
