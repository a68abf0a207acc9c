"""Implicit stages: the states that a map leaves where they are, and the gradient through them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tableau2net.runtime.anderson import AndersonMixing, Found, PlainMixing, VectorMap, relax, repeat
from tableau2net.runtime.descent import StatesMap, descend
from tableau2net.runtime.evaluations import Counts, InOrder
from tableau2net.runtime.implicit_gradient import Stages, Tensors, with_implicit_gradient
from tableau2net.runtime.krylov import gmres, newton_krylov
from tableau2net.runtime.random_state import RandomState
from tableau2net.runtime.solve_residuals import watch
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.runtime.transforms import one_at_a_time
from tableau2net.runtime.vectors import Layout, StateMeasure, length

SOLVER_METHODS = {
    "fixed-point": "a smaller h, more iterations, solver='anderson' or solver='newton-krylov'",
    "anderson": "a smaller h, more iterations or solver='newton-krylov'",
    "gradient": "a smaller h, more iterations, another descent or solver='newton-krylov'",
    "newton-krylov": "a smaller h, more iterations, a larger tolerance or float64",
}


class ConvergenceError(RuntimeError):
    """Implicit stages that were not solved to the tolerance, forward or backward; the text says how far it came."""


@dataclass(frozen=True)
class Solver:
    """How implicit stages are solved, and how the gradient gets through them.

    method: "fixed-point"; "anderson", the same accelerated by the last few points; "newton-krylov", Newton's method
        with the Jacobian known by its products alone; "gradient", descent on the square of the residual, by `descent`
        a step, from the first image of the guess.
    tolerance: of the residual G(y) − y: its root mean square over all states and the whole batch at once, each entry
        relative to |y| and the root mean square of its row, the entry of the first dimension that it is in (of the
        whole state, where that has one dimension). Of the backward solve: of its residual, relative to the root mean
        square of each row of its right side.
        What rounding does not let it reach is not asked for: it is at least 7e-15 in float64, 4e-6 in float32, 0.03
        in bfloat16 and under its autocast. 0, unless the gradient is "implicit": exactly `iterations` evaluations, or
        steps of descent, and how far the states are from a solution is for `residuals` to say.
    iterations: at most so many: evaluations of the map, steps of Newton's method; the backward solve of the latter
        may take as many cycles of 30 products.
    gradient: "implicit", of the solution, by the implicit function theorem; "unrolled", of the iterations made;
        "start", of where a descent starts, its steps counting as constants (IE-ResNet).

    Raises ValueError where these do not go together.
    """

    method: str
    tolerance: float
    iterations: int
    gradient: str
    descent: float = 0.1

    def __post_init__(self) -> None:
        rules = (
            (self.method in SOLVER_METHODS, f"method={self.method!r}: write one of {', '.join(SOLVER_METHODS)}"),
            (
                self.gradient in ("implicit", "unrolled", "start"),
                f"gradient={self.gradient!r}: write 'implicit', 'unrolled' or 'start'",
            ),
            (
                self.tolerance >= 0 and math.isfinite(self.tolerance),
                f"tolerance={self.tolerance}: it is a finite number, at least 0",
            ),
            (self.iterations >= 1, f"iterations={self.iterations}: it is at least 1"),
            (
                self.method != "newton-krylov" or self.gradient != "unrolled",
                "gradient='unrolled': Newton's iterations are not unrolled; use method='fixed-point'",
            ),
            (
                self.tolerance > 0 or self.gradient != "implicit",
                "tolerance=0 means a fixed number of iterations, which goes with gradient='unrolled' or 'start'",
            ),
            (
                self.method == "gradient" or self.gradient != "start",
                "gradient='start': it is for method='gradient', whose steps then count as constants",
            ),
            (
                self.descent > 0 and math.isfinite(self.descent),
                f"descent={self.descent}: it is a finite number, above 0",
            ),
        )
        for holds, fault in rules:
            if not holds:
                raise ValueError(fault)


def solve(
    stages: Stages,
    guess: Tensors,
    solver: Solver,
    modules: Sequence[Any] = (),
    measure: StateMeasure | None = None,
    slopes: bool = True,
) -> tuple[Tensors, Tensors]:
    """States y with G(y) = y, and the field values at them, where ``stages(*y)`` is ``(G(y), field values)``.

    guess: where the search begins; it gives shapes, dtypes and device, and has no part in an implicit gradient.
    modules: the fields. Their running statistics are updated by one evaluation, the last, and by none before it; where
        a fixed number of iterations is made and each has its own, by all.
    measure: what the tolerance is measured by, if not by the state.
    slopes: whether field values are asked for; a descent that counts as constants then evaluates the field once less.

    What is returned is one plain evaluation of `stages` at the point found, so that the new states fit the field
    values exactly; after a descent that is not implicit, the point itself and the field values there. Raises
    ConvergenceError, never returns a point whose residual is above the tolerance; so does the backward pass. The
    implicit gradient is exact for the solution, keeps the graph of that one evaluation alone, and cannot be
    differentiated again or in forward mode: it says so.

    torch's random numbers are the same in every evaluation (dropout masks stand still, and afterwards the generators
    are where one evaluation leaves them); other generators, and randomness that depends on the values, are not held.
    Under ``torch.compile`` a fixed number of iterations is traced, and then each draws its own random numbers; the
    other solves run as they are, between the graphs.
    """
    found: Callable[..., tuple[Tensors, Tensors]] = _searched
    if solver.method == "gradient" and solver.gradient != "implicit":
        found = partial(_descended, slopes=slopes)
    elif solver.tolerance == 0 and solver.method == "fixed-point":
        found = _repeated
    if torch.compiler.is_compiling() and (solver.tolerance > 0 or solver.method == "anderson"):
        found = torch.compiler.disable(found)  # type: ignore[no-untyped-call]
    before = Counts(modules)
    states, values = found(stages, guess, solver, modules, measure)
    with before.last(solver.iterations if _apart(solver) else 1):
        watch(stages, guess, states, modules)
    return states, values


def _apart(solver: Solver) -> bool:
    """Whether each iteration is an evaluation of its own, with running statistics of its own."""
    return solver.tolerance == 0 and solver.method != "gradient"


def _repeated(
    stages: Stages, guess: Tensors, solver: Solver, modules: Sequence[Any], measure: StateMeasure | None
) -> tuple[Tensors, Tensors]:
    """The image of the image … of the guess."""
    random = None if torch.compiler.is_compiling() else RandomState(guess[0].device)
    states = guess
    with frozen_statistics(_together(modules, solver)):
        for _ in range(solver.iterations - 1):
            states, _ = stages(*states)
            if random:
                random.restore()
    return stages(*states)


def _descended(
    stages: Stages, guess: Tensors, solver: Solver, modules: Sequence[Any], measure: StateMeasure | None, slopes: bool
) -> tuple[Tensors, Tensors]:
    """The first image of the guess, and a descent from there.

    RuntimeError under torch.export, that would keep derivatives that are taken forward as constants without numbers."""
    if torch.compiler.is_exporting():
        raise RuntimeError("solver='gradient' takes derivatives on its way forward, which torch.export cannot record")
    random = None if torch.compiler.is_compiling() else RandomState(guess[0].device)
    before = Counts(modules)

    def image_of(*states: Tensor) -> Tensors:
        if random:
            random.restore()
        before.restore()
        return stages(*states)[0]

    constant = solver.gradient == "start"
    with frozen_statistics(modules if slopes else ()):
        start = image_of(*guess)
    compiling = torch.compiler.is_compiling()
    inferring = not compiling and torch.is_inference_mode_enabled()
    down = partial(_descent, image_of, solver=solver, measure=measure, traced=compiling or inferring)
    with frozen_statistics(modules):
        if inferring:
            with torch.inference_mode(False), torch.no_grad():
                states = down(tuple(s.clone() for s in start))
        elif constant:
            with torch.no_grad():
                states = down(tuple(s.detach() for s in start))
        else:
            states = down(start)
    if constant:
        states = tuple(first + (last - first.detach()) for first, last in zip(start, states, strict=True))
    if not slopes:
        return states, ()
    if random:
        random.restore()
    before.restore()
    return states, stages(*states)[1]


def _descent(
    image_of: StatesMap, states: Tensors, solver: Solver, measure: StateMeasure | None, traced: bool
) -> Tensors:
    """States down from others: so many steps, or until they are solved for."""
    if solver.tolerance == 0:
        return descend(image_of, states, solver.descent, solver.iterations, traced=traced)[0]
    layout = Layout.of(states)
    enough, seen = _enough(solver, layout, states[0].device), measure or StateMeasure(layout)

    def measured(left: Tensors, at: Tensors) -> float:
        return seen(-layout.join(left).detach(), layout.join(at).detach())

    found, taken, residual = descend(image_of, states, solver.descent, solver.iterations, enough, measured, traced)
    _checked(Found(found[0], taken, residual), solver, enough, "")
    return found


def _searched(
    stages: Stages, guess: Tensors, solver: Solver, modules: Sequence[Any], measure: StateMeasure | None
) -> tuple[Tensors, Tensors]:
    layout = Layout.of(guess)
    random, enough = RandomState(guess[0].device), _enough(solver, layout, guess[0].device)

    before = Counts(() if _apart(solver) else modules)

    def image_of(vector: Tensor) -> Tensor:
        random.restore()
        before.restore()
        return layout.join(stages(*layout.split(vector))[0])

    def at(states: Tensors) -> tuple[Tensors, Tensors]:
        random.restore()
        before.restore()
        return stages(*states)

    implicit, traced, known = solver.gradient == "implicit", torch.is_inference_mode_enabled(), guess
    with ExitStack() as stack:
        if implicit:  # forward mode is switched off in inference mode, but Newton's method needs it
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.no_grad())
            guess = tuple(s.clone() if s.is_inference() else s.detach() for s in guess)
        stack.enter_context(frozen_statistics(_together(modules, solver)))
        point = _search(image_of, layout.join(guess), solver, enough, measure or StateMeasure(layout), traced)
    states = layout.split(point)
    if not implicit:
        return at(states)
    return with_implicit_gradient(at, states, partial(adjoint, solver, enough, layout), known)


def _together(modules: Sequence[Any], solver: Solver) -> Sequence[Any]:
    """The fields whose evaluations in a solve count as one."""
    return [m for m in modules if not isinstance(m, InOrder)] if _apart(solver) else modules


def _enough(solver: Solver, layout: Layout, device: torch.device) -> float:
    if solver.tolerance == 0:
        return 0.0
    cast = (torch.get_autocast_dtype(device.type),) if torch.is_autocast_enabled(device.type) else ()
    return max(solver.tolerance, layout.reachable(*cast))


def _search(
    image_of: VectorMap, point: Tensor, solver: Solver, enough: float, measure: StateMeasure, traced: bool
) -> Tensor:
    if solver.tolerance == 0:  # one evaluation, the last, is still to come
        return repeat(image_of, point, _mixing(solver), solver.iterations - 1)
    if solver.method == "newton-krylov":
        found = newton_krylov(image_of, point, enough, solver.iterations, measure)
    elif solver.method == "gradient":
        found = _down(image_of, point, solver, enough, measure, traced)
    else:
        found = relax(image_of, point, _mixing(solver), enough, solver.iterations, measure)
    return _checked(found, solver, enough, "")


def _down(
    image_of: VectorMap, point: Tensor, solver: Solver, enough: float, measure: StateMeasure, traced: bool
) -> Found:
    """Where descent ends from the first image of a point."""

    def measured(left: Tensors, at: Tensors) -> float:
        return measure(-left[0], at[0])

    (end,), taken, residual = descend(
        lambda y: (image_of(y),), (image_of(point),), solver.descent, solver.iterations, enough, measured, traced
    )
    return Found(end, taken, residual)


def _mixing(solver: Solver) -> PlainMixing:
    return AndersonMixing() if solver.method == "anderson" else PlainMixing()


def _checked(found: Found, solver: Solver, enough: float, where: str) -> Tensor:
    if not found.residual <= enough:
        raise ConvergenceError(
            f"implicit stages{where}: {solver.method} reached a residual of {found.residual:.1e} in "
            f"{found.iterations} iterations, not the tolerance {enough:.1e}; try {SOLVER_METHODS[solver.method]}"
        )
    return found.point


def adjoint(solver: Solver, enough: float, layout: Layout, transposed: VectorMap, right: Tensor) -> Tensor:
    """u = right + Jᵀu by the method that solved the stages, each row relative to its own right side. A gradient that
    is no number (a loss scaled too far, say) is handed on as one that is none anywhere."""
    one_at_a_time((right,), "the gradient of implicit stages")
    if not right.any():
        return right
    scale = layout.row_means(right)
    scale = torch.where(scale > 0, scale, scale.max())
    if not math.isfinite(length(right / scale)):
        return torch.full_like(right, math.nan)
    pulled: VectorMap = lambda u: transposed(u * scale) / scale  # noqa: E731
    right = right / scale
    if solver.method in ("newton-krylov", "gradient"):
        found = gmres(lambda u: u - pulled(u), right, enough, solver.iterations)
    else:
        size = length(right)

        def measure(residual: Tensor, u: Tensor) -> float:
            return length(residual) / size

        found = relax(lambda u: right + pulled(u), right, _mixing(solver), enough, solver.iterations, measure)
    return _checked(found, solver, enough, " in the backward pass") * scale
