"""A scheme under options, as a class against the formula: what `test_degenerate.py` asserts and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from tableau2net import InputError, testing
from tableau2net.codegen import write_source
from tableau2net.integration.interface import integrate
from tableau2net.integration.solution import IntegrationError
from tableau2net.scheme import AdditiveMultistep, GeneralLinear, Multistep, PartitionedRungeKutta, Scheme
from tableau2net.testing.module import SOLVING, T0, Compared, H, SmoothField, check_unique, gradients
from tableau2net.testing.network_formula import UnrolledNetwork, computed

STEPS = 4
UNBOUNDED = 1e300


@dataclass(frozen=True)
class Case:
    """A scheme, the options of its compilation, and how many past steps are handed in."""

    scheme: Scheme
    options: dict[str, Any] = field(default_factory=dict)
    given: int = 0
    steps: int = STEPS


@st.composite
def options(draw: st.DrawFn, scheme: Scheme) -> dict[str, Any]:
    """Options of `compile`, as often as not those that a scheme can be compiled with."""
    found: dict[str, Any] = {"time_dependent": draw(st.booleans()), **SOLVING}
    if draw(st.booleans()):
        found["coefficients"] = draw(st.sampled_from(("learnable", "free") if scheme.parameters else ("free",)))
        found["sharing"] = draw(st.sampled_from(("shared", "step", "channel")))
        if isinstance(scheme, Multistep | AdditiveMultistep) and draw(st.integers(0, 3)) == 0:
            found["keep_stable"] = True
        if draw(st.integers(0, 4)) == 0:
            found["keep_order"] = 1
    found["stage_weights"] = draw(st.sampled_from(("shared", "independent")))
    found["step_weights"] = draw(st.sampled_from(("independent", "shared")))
    ways = ("reversible", "reversible") if scheme.explicit else ()  # type: ignore[attr-defined]
    found["backward"] = draw(st.sampled_from(("store", "checkpoint", *ways)))
    if found["backward"] == "reversible":
        found["growth_limit"] = UNBOUNDED
        if draw(st.booleans()):
            found["coupling"] = draw(st.sampled_from(("1", "999/1000", "1/2")))
    found["start"] = draw(st.sampled_from(("euler", "euler", "explicit-midpoint", "rk4", "ssprk-104")))
    found["solver"] = draw(st.sampled_from(("newton-krylov", "anderson", "fixed-point")))
    return found


@st.composite
def cases(draw: st.DrawFn, families: Any = testing.FAMILIES) -> Case:
    """Degenerate schemes under any options."""
    scheme = draw(testing.degenerate(families))
    return Case(scheme, draw(options(scheme)), draw(st.integers(0, 3)), draw(st.sampled_from((STEPS, STEPS, 0, 1, 2))))


def disagreement(case: Case) -> str | None:
    """What the class gets wrong, None where nothing. InputError where it is refused, as it may be in one line;
    ArithmeticError where there is nothing to compare it with."""
    try:
        made = Compared(case.scheme, case.options, steps=case.steps, given=case.given)
    except ValueError as error:  # parameters at which a state is not handed on: nothing takes that back
        if "a rounding error grows inf times" in str(error):
            raise InputError(str(error)) from error
        raise
    found = made.differences()
    if found:
        return "; ".join(found)
    return standalone_disagreement(case, made)


def standalone_disagreement(case: Case, made: Compared) -> str | None:
    """The file that needs torch alone computes the same bits."""
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(write_source(case.scheme, **case.options), namespace)
    alone = made.instance(namespace[made.cls.__name__])
    alone.load_state_dict(made.block.state_dict())
    left, right = (block(*made.arguments) for block in (alone, made.block))
    left, right = (x if isinstance(x, tuple) else (x,) for x in (left, right))
    same = all(torch.equal(a, b) for a, b in zip(left, right, strict=True))
    return None if same else "the standalone file computes something else"


def integration_disagreement(scheme: Scheme, steps: int = 6) -> str | None:
    """What `integrate` with equal steps gets wrong, in value and in gradient. Raises as `disagreement` does."""
    scheme = scheme.at_defaults()
    second = getattr(scheme, "derivative", 1) == 2
    parts = len(getattr(scheme, "betas", getattr(scheme, "parts", ((),))))
    several = isinstance(scheme, PartitionedRungeKutta) and parts > 1
    fields = [SmoothField(part, True) for part in range(parts)]
    y = [torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(i)) for i in range(2 + parts)]
    check_unique(scheme, fields, H)
    start = [x.requires_grad_() for x in y[: parts if several else 1 + second]]
    end = T0 + steps * H
    expected = _integrated(scheme, fields, start, steps)
    if not max(float(x.detach().abs().max()) for x in expected) < 1e6:
        raise ArithmeticError("the states grow out of all bounds")
    f: Any = tuple(fields) if parts > 1 else fields[0]
    try:
        found = integrate(
            scheme, f, tuple(start) if len(start) > 1 else start[0], T0, end, steps=steps, start="rk4", tolerance=1e-15
        )
    except IntegrationError as error:
        raise ArithmeticError(str(error)) from None
    found = found if isinstance(found, tuple) else (found,)
    leaves = {f"y{i}": x for i, x in enumerate(start)} | {f"weights of {n}": g.weight for n, g in enumerate(fields)}
    names = [*(f"state {i}" for i in range(len(found))), *leaves]
    left, right = ([*ends, *gradients(ends, leaves)] for ends in (found, expected))
    for name, a, b in zip(names, left, right, strict=True):
        if not float((a - b).detach().abs().max()) <= 1e-11 * (1 + float(b.detach().abs().max())):
            return f"integrate: {name} is {float((a - b).detach().abs().max()):.1e} away"
    return None


def _integrated(scheme: Scheme, fields: list[Any], start: list[Tensor], steps: int) -> tuple[Tensor, ...]:
    """By the formula: the classical method until there are past states enough, then the scheme."""

    def at(n: int) -> float:
        return T0 + n * H

    keys = remembered(scheme)
    points = min(max((age for _, age, _ in keys), default=0), steps)
    states = start
    path = [start[0]]
    for n in range(points):
        states = _classical(fields, states, at(n), isinstance(scheme, Multistep) and scheme.derivative == 2)
        path.append(states[0])
    past = {}
    for kind, age, part in keys if points < steps else ():
        y = path[points - age]
        past[kind, age, part] = y if kind == "y" else fields[part](at(points - age), y)
    network = UnrolledNetwork(
        scheme, steps - points, lambda n, part, stage: fields[part], H, at(points), past, given=points
    )
    if isinstance(scheme, PartitionedRungeKutta):
        return computed(network, *states)
    return computed(network, path[-1])


def remembered(scheme: Scheme) -> list[tuple[str, int, int]]:
    """What a scheme remembers beside the state; ArithmeticError for what cannot be made of past states alone."""
    if isinstance(scheme, GeneralLinear):
        if not all(isinstance(x, str) and x[0] in "yf" for x in scheme.external):
            raise ArithmeticError("made of more than past states")
        return [(x[0], int(x[2:] or 0), 0) for x in map(str, scheme.external[1:])]
    if not isinstance(scheme, Multistep | AdditiveMultistep):
        return []
    betas, k = (scheme.beta,) if isinstance(scheme, Multistep) else scheme.betas, scheme.steps
    found = [("y", k - 1 - j, 0) for j in range(k - 1) if any(not a.is_zero for a in scheme.alpha[: j + 1])]
    for part, beta in enumerate(betas):
        for j in range(k if not beta[k].is_zero else k - 1):
            if any(not b.is_zero for b in beta[: j + 1]):
                found.append(("f", k - 1 - j, part))
    return found


def _classical(fields: list[Any], states: list[Tensor], t: float, second: bool) -> list[Tensor]:
    """A step of the classical Runge–Kutta method, of y' = v, v' = f(t, y) where there is a velocity."""

    def slopes(time: float, y: list[Tensor]) -> list[Tensor]:
        return [y[1], fields[0](time, y[0])] if second else [sum((f(time, y[0]) for f in fields), 0 * y[0])]

    def moved(k: list[Tensor], h: float) -> list[Tensor]:
        return [y + h * s for y, s in zip(states, k, strict=True)]

    k1 = slopes(t, states)
    k2 = slopes(t + H / 2, moved(k1, H / 2))
    k3 = slopes(t + H / 2, moved(k2, H / 2))
    k4 = slopes(t + H, moved(k3, H))
    return [y + H / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip(states, k1, k2, k3, k4, strict=True)]
