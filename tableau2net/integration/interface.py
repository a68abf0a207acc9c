"""`integrate`: an ordinary differential equation by any scheme, through the same generated code as a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import Tensor

from tableau2net.analysis import order
from tableau2net.analysis.order.pairs import blind_on_linear, mistaken_pair
from tableau2net.errors import InputError
from tableau2net.integration.adaptive import StepBounds, Stepper, adaptive
from tableau2net.integration.by_member import by_member, check_members
from tableau2net.integration.captured import Captured
from tableau2net.integration.continuous_adjoint import Back
from tableau2net.integration.control import FACTORS, Factors, NormName, Tolerance, tolerance_of
from tableau2net.integration.events import Event, Watch, events_of
from tableau2net.integration.fixed import fixed
from tableau2net.integration.kept import Backward, Kept, kept
from tableau2net.integration.method_names import own_scheme
from tableau2net.integration.moving import Moving
from tableau2net.integration.newton import NOT_TRANSFORMED, RESOLVENT, StageSolver
from tableau2net.integration.one_formula import UNCONTROLLED, OneFormula
from tableau2net.integration.one_step import Doubled, OneStep
from tableau2net.integration.output import Outputs, times_of
from tableau2net.integration.passage import Callbacks, Jumps, Passage, passage_of
from tableau2net.integration.pytrees import Packed, is_tree, through
from tableau2net.integration.solution import IntegrationError, Solution
from tableau2net.integration.step_arguments import chosen_by_nothing, real, sizes_given, steps_given
from tableau2net.integration.step_checks import warn_of_steps
from tableau2net.integration.system import States, System, is_finite, system_of, with_tensor_time
from tableau2net.integration.varying import varying
from tableau2net.integration.with_history import multistep
from tableau2net.runtime.linearised import NO_TANGENT
from tableau2net.runtime.stage_solve import SOLVER_METHODS, ConvergenceError
from tableau2net.runtime.transforms import transforming
from tableau2net.scheme import VARIABLE_ORDER, Scheme, VariableOrder
from tableau2net.step import lower

MAX_STEPS = 100_000
UNDER_VMAP = (
    "under torch.func.vmap no error can be read: explicit schemes with steps= or grid=; or leave it, a batch is a "
    'dimension of y0, whose members norm="batch" or norm="each" keep apart'
)
Fields = Callable[..., Any] | Sequence[Callable[..., Any]]


def integrate(
    scheme: Scheme | VariableOrder | str | Path,
    f: Fields,
    y0: Any,
    t0: Any,
    t1: Any,
    steps: Any = None,
    *,
    grid: Any = None,
    rtol: Any = None,
    atol: Any = None,
    at: Any = None,
    event: Event | Callable[..., Any] | Sequence[Event | Callable[..., Any]] | None = None,
    start: Scheme | str | None = None,
    first_step: float | None = None,
    max_step: float | None = None,
    min_step: float = 0.0,
    max_steps: int = MAX_STEPS,
    factors: Factors = FACTORS,
    norm: NormName | Callable[..., Any] = "rms",
    jumps: Jumps = None,
    stops: Any = None,
    callbacks: Callbacks | None = None,
    tensor_time: bool = False,
    solver: str = "auto",
    tolerance: float | None = None,
    backward: Backward = "store",
    parameters: Sequence[Tensor] | None = None,
    coupling: str | None = None,
    full: bool = False,
) -> Any:
    """The solution of y' = f(t, y), y(t0) = y0, at t1 or at the times `at`, by any scheme with a step.

    One of these says where steps end:
    steps: so many equal ones.
    grid: from t0 to t1 these times. Multistep schemes then get the coefficients that keep their order.
    rtol, atol: as large steps as keep the root mean square of error/(atol + rtol·|y|) below 1, by the scheme's embedded
        method, or without one by step doubling; what is left out of the two is taken the same. norm="batch" takes the
        mean over each entry of the first dimension by itself, and the largest of these; with norm="each" each of them
        has steps of its own, and t in f is a tensor with a time for each (explicit pairs, y(t1) alone); or it is a
        function of the weighted error, like y, to a number. first_step: the first step's size; max_step: the largest
        that any may have; min_step: a step is not made smaller, its error may be what it is; max_steps: how many may be
        tried; factors: of a step over the last: safety, the least, the largest. rtol and atol may be one for each entry
        of y, or one for each of several states.

    y0: a tensor (its dtype and device are kept) or numbers (then float64). Any shape, batches included. A dict or named
        tuple, nested at will, is one state: f takes and returns such, y, the tolerances and a function `norm` too.
        A partitioned scheme takes a tuple, one a state; a scheme for y'' = f takes (y, v), and one that hands on y'
        gives both back.
    f: a function of a float and tensors like the states, for y'' = f of y, and of v too where the scheme is for
        f(t, y, y'); or a tuple of such: one a part of an additive scheme (y' = f_1 + f_2), one a state of a partitioned
        one, which is called with the states that the scheme reads. tensor_time: with t as a tensor, of no dimension and
        of y's precision and device.
    jumps: times at which f jumps. A step ends at each, and f is asked at the nearest number on the step's side; "grid":
        that is so wherever a step ends. stops: times at which steps end and nothing else happens.
    callbacks: functions of (t, y, h): "step" before a step is tried, "accept" and "reject" after it.
    at: times from t0 to t1, in order. Inside steps the solution is the tableau's dense output, where that is of the
        scheme's order p or of p − 1; else a shorter step of the same scheme; for schemes with a history, the polynomial
        through p + 1 neighbouring values.
    event: a function of (t, y) whose first zero ends the integration, an `Event` where it must rise or fall through
        zero, or several. Where its sign differs at the two ends of a step, the zero is found in the values inside (as
        for `at`), to rounding; what begins at zero does not end there. One that gives a number for each entry of y's
        first dimension ends each by itself, and y has each where it ended, or at t1. full=True says where that was.
    start: the one-step method of the first steps of a multistep scheme; by default one accurate enough for it.
    solver, tolerance: of implicit stages. "auto": Newton's method, with a Jacobian that is kept over steps for a state
        of up to 256 numbers, without a matrix above (until that takes long, up to 1024 or where it is a narrow band);
        "resolvent": a linear f has a method ``resolvent(known, c)``, the y with y = known + c·f(y); the others see
        `compile`. By default stages take a hundredth of what rtol and atol allow, and with given steps are solved
        nearly to rounding.
    backward: what is kept for the gradient. "store": what autograd keeps. "checkpoint": the states at the ends of steps
        (of implicit ones, and of schemes with a history, what f is evaluated at), and steps are taken again: the same
        gradient, to the bit. "reversible": the last states; steps are undone by their inverse, of explicit schemes that
        have none by that of their coupled form (coupling="999/1000"), at twice the evaluations. "adjoint": the last
        states; the adjoint equation is integrated back by the same scheme and tolerance, and the gradient is that of
        the exact solution, off by what the steps are. The last two find what f is made of by an evaluation at t0; what
        that does not show is named in `parameters`, or a RuntimeError says so.
    full: return a `Solution`, which counts steps and evaluations, instead of the tensor.

    Gradients flow through the steps to y0 and to whatever f is made of; the step sizes count as constants. Those by t0,
    t1 and `at`, where they are tensors that want one, are of the solution itself, dy/dt = f at an evaluation each. The
    time at which an event has ended it moves as the event and the solution do.
    Open parameters of the scheme are set to their declared values.
    Returns a tensor of the shape of y0, with `at` one more dimension in front; tuples of these for several states.
    Raises InputError for input that cannot be integrated, IntegrationError where the integration does not arrive.
    """
    family = VARIABLE_ORDER.get(scheme) if isinstance(scheme, str) else scheme
    family = family if isinstance(family, VariableOrder) else None
    scheme = own_scheme(family.member(1) if family else scheme)
    scheme = scheme.at_defaults() if scheme.parameters else scheme
    tree = Packed(y0, rows=norm in ("batch", "each")) if is_tree(y0) and takes_one(scheme) else None
    if tree is not None:
        f, y0, event = tree.fields(f), tree.joined, tree.events(event)
        rtol, atol = tree.tolerance(rtol, "rtol"), tree.tolerance(atol, "atol")
        norm = through(norm, tree) if callable(norm) else norm
    f = with_tensor_time(f) if tensor_time else f
    if backward == "adjoint" and transforming():
        raise InputError("backward='adjoint': torch.func and forward mode do not see through it; write 'store'")
    moving = Moving(t0, t1, at)
    t0, t1 = real(t0, "t0"), real(t1, "t1")
    system = system_of(scheme, f, y0)
    keeping = kept(backward, family or scheme, parameters, coupling, watched=event is not None)
    if keeping.backward == "checkpoint":
        system.take_again()
    system = moving.begun(system, t0, order(scheme))
    looked_at = keeping.fields(system, t0)
    if not isinstance(full, bool):
        raise InputError(f"full = {full!r}: True or False")
    given = [
        name for name, value in (("steps", steps), ("grid", grid), ("rtol", rtol), ("atol", atol)) if value is not None
    ]
    if not given or (len(given) > 1 and given != ["rtol", "atol"]):
        raise InputError(f"give steps=, grid=, or rtol= and atol= (given: {', '.join(given) or 'none of them'})")
    times = None if at is None else times_of(at, t0, t1)
    try:
        outputs = Outputs(
            times or (), t0, system.states, _watch(events_of(event), system, t0, t1, order(scheme), times)
        )
        passage = passage_of(jumps, stops, callbacks, system, t0, t1, tree, tensor_time)
        if jumps is not None and backward != "store":
            raise InputError(
                f"jumps: with backward='store', not {backward!r}, which asks f again when sides are forgotten"
            )
        problem = _Problem(scheme, system, t0, t1, outputs, start, family, keeping, passage, looked_at)
        if steps is None and grid is None:
            wanted = tolerance_of(rtol, atol, norm, system.states)
            if norm == "each":
                check_members(family or scheme, system, wanted=at is not None or event is not None, full=full)
                if backward != "store" or family is not None or passage is not None:
                    raise InputError("norm='each': with backward='store', for explicit pairs; write norm='batch'")
            system.solve_by(_solver(solver, tolerance, wanted))
            found = problem.controlled(wanted, sizes_given(first_step, max_step, max_steps, min_step, factors))
        else:
            chosen_by_nothing(
                max_step=max_step is not None,
                first_step=first_step is not None,
                max_steps=max_steps != MAX_STEPS,
                norm=norm == "each",
            )
            wanted = None
            system.solve_by(_solver(solver, tolerance, None))
            found = problem.on_grid(*steps_given(steps, grid, t0, t1))
    except ConvergenceError as error:
        raise IntegrationError(str(error)) from None
    except RuntimeError as error:
        raise _in_a_line(error, backward, system.step.plain) from None
    if keeping.backward == "adjoint":

        def back(functions: Any, vector: Tensor, begin: float, end: float, norm: Any) -> Any:
            how: dict[str, Any] = {"grid": _cut(found.grid, begin, end)}
            if wanted is not None:
                how = {"rtol": wanted.finest, "atol": wanted.floor, "norm": norm, "max_steps": max_steps}
            f = functions if len(functions) > 1 else functions[0]
            return integrate(family or scheme, f, vector, begin, end, solver=solver, tolerance=tolerance, **how)

        problem, found = problem.by_the_adjoint(found, back, wanted.finest or 1e-3 if wanted is not None else 1.0)
    return _result(problem, moving, found, times, full, tree)


def _in_a_line(error: RuntimeError, backward: str, plain: bool) -> Exception:
    """An error of torch as one line, where transforms of torch.func or forward mode are what it is about."""
    text = str(error)
    if not transforming():
        return error
    if text.startswith(("vmap:", "Cannot access data pointer")):
        return InputError(UNDER_VMAP)
    if text.startswith("implicit stages"):
        return InputError(NOT_TRANSFORMED)
    if not plain and text.startswith("You are attempting to call Tensor.requires_grad_()"):
        return InputError(NO_TANGENT)
    if text == NO_TANGENT:
        return InputError(NO_TANGENT)
    if backward != "store" and text.startswith(
        ("torch.func.", "In order to use an autograd.Function", "You must impl")
    ):
        return InputError(f"backward={backward!r}: torch.func and forward mode do not see through it; write 'store'")
    return error


def _cut(grid: tuple[float, ...], begin: float, end: float) -> tuple[float, ...]:
    """The part of a grid between two times, the other way round."""
    low, high = min(begin, end), max(begin, end)
    return (begin, *(t for t in reversed(grid) if low < t < high), end)


@dataclass
class _Found:
    """How an integration went."""

    states: tuple[Tensor, ...]
    grid: tuple[float, ...]
    rejected: int = 0


@dataclass(frozen=True)
class _Problem:
    """What is to be integrated, however the steps are chosen."""

    scheme: Scheme
    system: System
    t0: float
    t1: float
    outputs: Outputs
    start: Scheme | str | None
    family: VariableOrder | None
    kept: Kept
    passage: Passage | None
    looked_at: tuple[Captured, ...]

    def controlled(self, tolerance: Tolerance, sizes: StepBounds) -> _Found:
        """With steps as large as the tolerance allows."""
        remembers = self.family is None and not one_step(self.scheme)
        if remembers and self.scheme.formula() is None:
            raise InputError(f"{self.scheme.name} {UNCONTROLLED}")
        if (why := mistaken_pair(self.scheme)) is not None:
            raise InputError(f"{self.scheme.name or 'scheme'}: {why}; drop b_hat, or give steps=")
        outputs = None if self.kept.undone else self.outputs
        output = outputs is not None and outputs.pending
        if self.family is not None:
            stepper: Stepper = varying(self.family, self.system, tolerance)
        elif remembers:
            stepper = OneFormula(self.scheme, self.system, tolerance, self.start)
        elif lower(self.scheme).estimate is None or blind_on_linear(self.scheme):
            stepper = Doubled(self.scheme, self.system)
        else:
            stepper = OneStep(self.scheme, self.system, controlled=True, output=output)
        if self.t0 == self.t1:
            return _Found(self.system.states, (self.t0,))
        if tolerance.norm == "each" and isinstance(stepper, OneStep):
            y, tried = by_member(stepper, self.system, self.t0, self.t1, tolerance, sizes)
            return _Found((y,), (self.t0, self.t1), tried)
        with self.kept.running():
            states, ends, rejected = adaptive(
                stepper, self.system, self.t0, self.t1, outputs, tolerance, sizes, self.passage
            )
        if self.kept.undone:
            halves = [(a + b) / 2 for a, b in pairwise(ends)] if isinstance(stepper, Doubled) else []
            grid = tuple(sorted({*ends, *halves, *self.outputs.times}, reverse=self.t1 < self.t0))
            return _Found(self.undone(grid, None), grid, rejected)
        return _Found(states, self.outputs.cut(tuple(ends)), rejected)

    def on_grid(self, uniform: float | None, grid: tuple[float, ...]) -> _Found:
        """With steps that are given."""
        if self.family is not None:
            told = f"{self.family.name} chooses its steps and its order"
            raise InputError(f"{told}: give rtol=, or one formula of it, {self.family.member(self.family.orders).name}")
        if self.t0 == self.t1:
            return _Found(self.system.states, (self.t0,))
        if self.passage is not None:
            self.passage.fits(grid)
        if len(self.system.fields) == 1:
            largest = max(abs(b - a) for a, b in pairwise(grid)) if uniform is None else uniform
            warn_of_steps(self.system.fields[0].function, self.scheme, largest)
        if self.kept.undone:
            states = self.undone(grid, uniform)
        else:
            with self.kept.running():
                states = self._taken(uniform, grid)
        if not all(map(is_finite, states)):
            raise IntegrationError(
                f"the solution is not finite at t = {self.t1:.6g}: f is not, or steps are too large for the problem"
            )
        return _Found(states, self.outputs.cut(grid))

    def _taken(self, uniform: float | None, grid: tuple[float, ...]) -> States:
        if not one_step(self.scheme):
            return multistep(self.scheme, self.system, grid, uniform, self.outputs, self.start, self.passage)
        stepper = OneStep(self.scheme, self.system, output=self.outputs.pending)
        sizes = [b - a if uniform is None else uniform for a, b in pairwise(grid)]
        return fixed(stepper, self.system.states, sizes, grid, self.outputs, self.passage)

    def undone(self, grid: tuple[float, ...], h: float | None) -> States:
        """The same by steps that are undone for the gradient."""
        return self.kept.undo(self.system, self.looked_at, grid, h, self.outputs)

    def by_the_adjoint(self, found: _Found, back: Back, tolerance: float) -> tuple[_Problem, _Found]:
        """What was found with the gradient of the exact solution."""
        known = [y for (y,) in self.outputs.values]
        times = (*self.outputs.times[: len(known)], self.t1)
        values = self.kept.adjoint(
            self.system, self.looked_at, times, (*known, *found.states), self.t0, back, tolerance
        )
        outputs = self.outputs.replaced([(y,) for y in values[:-1]])
        return replace(self, outputs=outputs), replace(found, states=(values[-1],))


def takes_one(scheme: Scheme) -> bool:
    """Whether a scheme has one state."""
    step = lower(scheme)
    return step.derivative == 1 and len(step.states) <= 1


def one_step(scheme: Scheme) -> bool:
    """Whether a step starts from the state alone, of y'' = f with its velocity."""
    step = lower(scheme)
    known = (step.velocity,) if step.velocity else ()
    return step.history == known and (step.derivative == 1 or bool(known))


def _watch(
    events: tuple[Event, ...], system: System, t0: float, t1: float, order: int, times: tuple[float, ...] | None
) -> Watch | None:
    """What looks for events, where there are any."""
    if not events:
        return None
    watch = Watch(events, system, t0, t1, moves=system.moves and order > 0)
    if watch.batched and times is not None:
        raise InputError("at: with an event for each entry of y's first dimension there are no times for all; leave it")
    return watch


def _solver(method: str, tolerance: Any, wanted: Tolerance | None) -> StageSolver:
    """What solves implicit stages, for this integration."""
    if not isinstance(method, str) or method not in ("auto", RESOLVENT, *SOLVER_METHODS):
        raise InputError(f"solver = {method!r}: write one of auto, {RESOLVENT}, {', '.join(SOLVER_METHODS)}")
    tolerance = None if tolerance is None else real(tolerance, "tolerance")
    if tolerance is not None and not tolerance > 0:
        raise InputError(f"tolerance = {tolerance}: of implicit stages, a positive number")
    return StageSolver(method, tolerance, wanted)


def _result(
    problem: _Problem, moving: Moving, found: _Found, times: tuple[float, ...] | None, full: bool, tree: Packed | None
) -> Any:
    outputs, system = problem.outputs, problem.system
    states = moving.ended(system, problem.t1, found.states) if outputs.goes_on else found.states
    ending = outputs.watch.ending(states) if outputs.watch else None
    if times is not None:
        times = times[: outputs.found]
        y: Any = moving.at_times(system, times, outputs).stacked()
    else:
        states = states if ending is None else ending.states
        y = states if len(states) > 1 else states[0]
    if tree is not None:
        y, ending = tree.split(y), ending and replace(ending, states=(tree.split(ending.states[0]),))
    if not full:
        return y
    return Solution(
        y,
        (found.grid[-1],) if times is None else times,
        found.grid,
        len(found.grid) - 1,
        found.rejected,
        system.evaluations,
        problem.family.orders if problem.family else order(problem.scheme),
        ending,
    )
