"""The options of a compilation: everything beside the scheme that decides what code is written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from tableau2net.errors import InputError
from tableau2net.scheme import Multistep, RungeKutta, Scheme, load

Coefficients = Literal["fixed", "learnable", "free"]
Sharing = Literal["shared", "step", "channel"]
StageWeights = Literal["shared", "independent"]


@dataclass(frozen=True)
class Options:
    """How a scheme becomes a module.

    coefficients: "fixed" (parameters at their declared values, literals in the code), "learnable" (the scheme's own
        parameters, starting from their declared distribution), "free" (each nonzero coefficient by itself).
    sharing: a learnt coefficient is one number for the whole block ("shared"), one a step ("step"), or one for each
        step and channel ("channel"; the block is then told its channel count).
    stage_weights: "shared" (one field a step, used by all its stages) or "independent" (a field for each stage).
    start: the one-step method that a multistep scheme takes until its history is there; the plain residual step
        ("euler") is what networks do, an accurate start for an ODE needs a Runge–Kutta method of nearly the order.
    time_dependent: whether fields are called as f(t, y) instead of f(y).
    """

    coefficients: Coefficients = "fixed"
    sharing: Sharing = "step"
    stage_weights: StageWeights = "shared"
    start: Scheme | str = "euler"
    time_dependent: bool = False

    def __post_init__(self) -> None:
        hints = get_type_hints(Options)
        for field in fields(self):
            allowed = get_args(hints[field.name])
            value = getattr(self, field.name)
            if allowed and all(isinstance(a, str) for a in allowed) and value not in allowed:
                raise InputError(f"{field.name}={value!r}: write one of {', '.join(map(repr, allowed))}")
        if not isinstance(self.start, Scheme):
            object.__setattr__(self, "start", load(self.start))

    @property
    def start_scheme(self) -> RungeKutta:
        """The scheme of the start-up steps; InputError unless it is an explicit Runge–Kutta method with no open
        parameter whose first stage is y itself."""
        assert isinstance(self.start, Scheme)  # a name was loaded when the options were made
        start = self.start.at_defaults()
        if not isinstance(start, RungeKutta) or not start.explicit or not start.c[0].is_zero:
            raise InputError(f"start={start.name!r}: an explicit Runge–Kutta method is needed to start a multistep one")
        return start


def prepared(scheme: Scheme, options: Options) -> Scheme:
    """The scheme whose parameters are exactly what is learnt. InputError when there is nothing to compile."""
    if not isinstance(scheme, RungeKutta | Multistep) or getattr(scheme, "derivative", 1) != 1:
        raise InputError(
            f"{scheme.name or scheme.family}: only Runge–Kutta and multistep schemes of one field and one state, for "
            "y' = f, become modules so far"
        )
    if not scheme.explicit:
        raise InputError(f"{scheme.name or scheme.family} is implicit: only explicit schemes become modules")
    if options.coefficients == "fixed":
        return scheme.at_defaults()
    if options.coefficients == "free":
        return scheme.freed()
    if not scheme.parameters:
        raise InputError(
            f"{scheme.name or scheme.family} declares no parameters to learn: use coefficients='free' to learn "
            "each coefficient, or 'fixed'"
        )
    return scheme
