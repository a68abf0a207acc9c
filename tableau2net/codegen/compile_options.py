"""The options of a compilation: everything beside the scheme that decides what code is written."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from typing import Literal, TypedDict, get_args, get_type_hints

from sympy import Expr

from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, Scheme, as_scheme
from tableau2net.step.lower import lower

Coefficients = Literal["fixed", "learnable", "free"]
Sharing = Literal["shared", "step", "channel"]
StageWeights = Literal["shared", "independent"]
StepWeights = Literal["independent", "shared"]
Backward = Literal["store", "checkpoint", "reversible", "adjoint"]
Method = Literal["newton-krylov", "anderson", "fixed-point", "gradient", "resolvent", "field"]
Gradient = Literal["implicit", "unrolled", "start"]
Statistics = Literal["evaluation", "shared"]

KEPT = ("keep_order", "keep_stable", "keep_range")  # what learnt coefficients may be held to


def check_names(given: Iterable[str], own: Iterable[str] = ()) -> None:
    """InputError, with the nearest names, where one is no option: neither of a compilation nor one of the `own`."""
    own = tuple(own)
    known = [*own, *Options.__dataclass_fields__]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            every = f"{', '.join(own)}, and the options of t2n.compile" if own else ", ".join(known)
            hint = f"did you mean {', '.join(near)}?" if near else f"known: {every}"
            raise InputError(f"{name[:60]}: unknown option; {hint}")


def _is(kind: type, value: object) -> bool:
    """Whether a value is a number of a kind, which True and False are not."""
    return isinstance(value, kind) and not isinstance(value, bool)


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    """The options that are one of a few words, and the words."""
    words = {name: get_args(hint) for name, hint in get_type_hints(Options).items()}
    return {name: allowed for name, allowed in words.items() if allowed and all(isinstance(a, str) for a in allowed)}


@dataclass(frozen=True)
class Options:
    """How a scheme becomes a module.

    coefficients: "fixed" (parameters at their declared values, literals in the code), "learnable" (the scheme's own
        parameters, starting from their declared distribution), "free" (each nonzero coefficient by itself).
    keep_order: learnt coefficients move only where all conditions up to this order hold.
    keep_stable: learnt coefficients of a multistep scheme stay where it is zero-stable.
    keep_range: learnt parameters stay within the ranges that they declare, cut off at the ends as by a ReLU.
    sharing: a learnt coefficient is one number for the whole block ("shared"), one a step ("step"), or one for each
        step and channel ("channel"; the block is then told its channel count).
    stage_weights: "shared" (one field a step, used by all its stages) or "independent" (a field for each stage).
    step_weights: "independent" (a field for each step) or "shared" (one field for all: ``Block(field, steps=N)``).
    start: the one-step method that a multistep scheme takes until its history is there; the plain residual step
        ("euler") is what networks do, an accurate start for an ODE needs a Runge–Kutta method of nearly the order.
        Nordsieck vectors that are not handed in start from y and h f(y), derivatives beyond counting as 0.
    time_dependent: whether fields are called as f(t, y) instead of f(y).
    backward: what the backward pass has at hand. "store": all that autograd keeps. "checkpoint": the state before each
        step, which is taken again. "reversible": the last state, the others by the inverse of the step, derived from
        it, or of its coupled form. "adjoint": the adjoint differential equation, solved by torchdiffeq; inexact.
    coupling: λ of the coupled form that is reversible for every explicit one-step scheme (McCallum & Foster 2024);
        None where the scheme has an inverse of its own.
    growth_limit: how many times a rounding error may grow on the way back.
    solver, tolerance, iterations, gradient, descent: of implicit stages, see `tableau2net.runtime.stage_solve`. With
        solver="resolvent" a field solves its own: ``f.resolvent(known, c)`` is the y with y = known + c·f(y), as a
        linear field knows (IMEXnet); for diagonally implicit schemes, each stage implicit in one field. With
        solver="field" the stages are handed to ``f.solver(stages, guess, fields, of, weights, times)``, which may
        keep what it likes between steps: see `tableau2net.integration.newton.StageSolver`.
    statistics: of BatchNorm in a field that is evaluated more than once with the same weights, in a step or in several:
        the running ones of each evaluation ("evaluation"), in the order of the evaluations, or of all of them together
        ("shared"). A fixed number of iterations (tolerance=0) are as many evaluations; a search for implicit stages is
        one of each, at the solution. With solver="field" they are shared.
    reveal: names of further values of a step that its `step` returns, "error" or "k1" say.
    """

    coefficients: Coefficients = "fixed"
    keep_order: int | None = None
    keep_stable: bool = False
    keep_range: bool = False
    sharing: Sharing = "step"
    stage_weights: StageWeights = "shared"
    step_weights: StepWeights = "independent"
    start: Scheme | str = "euler"
    time_dependent: bool = False
    backward: Backward = "store"
    coupling: Expr | str | int | None = None
    growth_limit: float = 1e4
    solver: Method = "newton-krylov"
    tolerance: float = 1e-6
    iterations: int = 50
    gradient: Gradient = "implicit"
    descent: float = 0.1
    statistics: Statistics = "evaluation"
    reveal: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, allowed in _choices().items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name}={value!r}: write one of {', '.join(map(repr, allowed))}")
        if not isinstance(self.start, Scheme):
            object.__setattr__(self, "start", as_scheme(self.start))
        if self.coupling is not None and not isinstance(self.coupling, Expr):
            object.__setattr__(self, "coupling", parse(self.coupling))
        if not isinstance(self.reveal, tuple | list):
            raise InputError(f"reveal={self.reveal!r}: write a list of names, ['k1'] say")
        object.__setattr__(self, "reveal", tuple(self.reveal))
        self._check_numbers()

    def _check_numbers(self) -> None:
        tolerance, iterations, limit, order = self.tolerance, self.iterations, self.growth_limit, self.keep_order
        rules = (
            ("keep_stable", isinstance(self.keep_stable, bool), "True or False"),
            ("keep_range", isinstance(self.keep_range, bool), "True or False"),
            ("time_dependent", isinstance(self.time_dependent, bool), "True or False"),
            ("tolerance", _is(Real, tolerance) and 0 <= tolerance < math.inf, "a finite number, at least 0"),
            ("iterations", _is(Integral, iterations) and iterations >= 1, "at least 1, a whole number"),
            ("descent", _is(Real, self.descent) and 0 < self.descent < math.inf, "a finite number, above 0"),
            ("growth_limit", _is(Real, limit) and limit >= 1, "at least 1; math.inf for no limit"),
            ("keep_order", order is None or (_is(Real, order) and order >= 1), "an order, at least 1, or None"),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"{name}={getattr(self, name)!r}: it is {wanted}")
        kept = [name for name in KEPT if getattr(self, name) not in (None, False)]
        if kept and self.coefficients == "fixed":
            raise InputError(f"{kept[0]}: fixed coefficients move nowhere; write coefficients='free' or 'learnable'")
        if self.coupling is not None and self.backward != "reversible":
            raise InputError("coupling: it is what makes a step reversible; write backward='reversible' too")
        if self.reveal and self.backward == "reversible":
            raise InputError("reveal: a step that is taken back returns what it hands on, no more; drop one of the two")
        if self.solver == "field" and self.coefficients != "fixed":
            raise InputError("solver='field': it is given factors as numbers; write coefficients='fixed'")
        if self.solver == "newton-krylov" and self.gradient == "unrolled":
            raise InputError("gradient='unrolled': Newton's iterations are not unrolled; write solver='fixed-point'")
        if self.gradient == "start" and self.solver != "gradient":
            raise InputError("gradient='start': it is of where a descent starts; write solver='gradient' too")

    @property
    def start_scheme(self) -> RungeKutta | AdditiveRungeKutta:
        """The scheme of the start-up steps, without open parameters; InputError unless it is a Runge–Kutta method."""
        assert isinstance(self.start, Scheme)  # a name was loaded when the options were made
        if not isinstance(self.start, RungeKutta | AdditiveRungeKutta):
            raise InputError(f"start={self.start.name!r}: a Runge–Kutta method is needed to start a multistep one")
        return self.start.at_defaults()

    def searches(self, scheme: Scheme) -> bool:
        """Whether a scheme's implicit stages are searched for as long as the data want it, up to a tolerance."""
        if self.tolerance == 0 or self.solver == "resolvent":
            return False
        return not all(lower(each).explicit for each in (scheme, self.start_scheme))


class StepOptions(TypedDict, total=False):
    """Of the options those that say how steps are started, solved and taken back, whatever their fields are."""

    backward: Backward
    coupling: Expr | str | int | None
    growth_limit: float
    solver: Method
    tolerance: float
    iterations: int
    gradient: Gradient
    descent: float
    start: Scheme | str


class CompileOptions(StepOptions, total=False):
    """The options by name, for type checkers and editors: what `Options` takes, whose defaults they have."""

    coefficients: Coefficients
    keep_order: int | None
    keep_stable: bool
    keep_range: bool
    sharing: Sharing
    stage_weights: StageWeights
    step_weights: StepWeights
    time_dependent: bool
    statistics: Statistics
    reveal: Sequence[str]
