"""What a network of steps computes, by the formula of each family: no step program, no generated code.

A block takes N steps of size h, each with fields of its own; what a scheme remembers, it remembers under the weights
that it was computed with. Until the history is there, steps of a Runge–Kutta method stand in. Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy
import torch
from sympy import Expr
from torch import Tensor

from tableau2net.exact.text import float_of
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    ExponentialMultistep,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
    RungeKuttaNystrom,
    Scheme,
    lawson,
    load,
)
from tableau2net.step import lower, prune
from tableau2net.testing import exponential_formula  # noqa: F401  # registers its formulas
from tableau2net.testing.advanced import Advanced
from tableau2net.testing.formula import advance

SETTLED = 1e-15  # of a sweep over implicit stages, relative to the states
OneStep = RungeKutta | AdditiveRungeKutta
Steps = Multistep | AdditiveMultistep | ExponentialMultistep
FAMILIES: tuple[type[Scheme], ...] = (  # whose formulas are written here
    *(RungeKutta, AdditiveRungeKutta, PartitionedRungeKutta, Multistep, AdditiveMultistep, GeneralLinear),
)
Fields = Callable[[int, int, int], Callable[..., Tensor]]


@dataclass(frozen=True)
class UnrolledNetwork:
    """Some steps of a scheme, for `computed`.

    fields: the field of a step, a part and a stage, each counted from 0; it is called with t and the states it reads.
    past: what the call hands in, by (kind, age, part): ("y", 1, 0) is the state a step ago, ("f", 0, 0) the field here;
        ("k", i, 0) the field at stage i (from 1) of the step before, ("z", i, 0) the external value i (from 0).
    given: how many past steps are handed in; those that are missing are made by `start`.
    values: the parameters' values in a step that is not one of start-up, by its number among these.
    coupling: λ of the coupled form.
    """

    scheme: Scheme
    steps: int
    fields: Fields
    h: float
    t0: float = 0.0
    past: Mapping[tuple[str, int, int], Tensor] = field(default_factory=dict)
    given: int = 0
    start: OneStep | None = None
    values: Callable[[int], Mapping[str, Any]] = lambda n: {}
    coupling: float | None = None


@dataclass(frozen=True)
class _At:
    """One step of a network (a `formula.Given`)."""

    network: UnrolledNetwork
    n: int
    time: float
    h: float
    states: Sequence[Tensor]
    known: Mapping[tuple[str, int, int], Tensor] = field(default_factory=dict)
    number_of_values: Mapping[str, Any] = field(default_factory=dict)
    reads: Sequence[Sequence[int]] | None = None
    stage_weights: bool = True

    @property
    def tolerance(self) -> float:
        return SETTLED

    def number(self, value: Expr) -> Any:
        return evaluated(value, self.number_of_values)

    def distance(self, a: Tensor, b: Tensor) -> float:
        return float(((a - b).abs() / (1 + b.abs())).detach().max())

    def field(self, part: int, time: Any, states: list[Tensor], stage: int = 0) -> Tensor:
        chosen = [states[q] for q in self.reads[part]] if self.reads else states
        f = self.network.fields(self.n, part, stage)
        result: Tensor = f(self.time + time * self.h, *chosen)
        return result

    def along(self, time: Any, state: Tensor, u: Tensor, moved: Any) -> Tensor:
        at, f = state.new_tensor(self.time + time * self.h), self.network.fields(self.n, 0, 0)
        tangents = (state.new_tensor(float(moved)), u)
        result: Tensor = torch.func.jvp(f, (at, state), tangents)[1]
        return self.h * result

    def matrix(self, u: Tensor) -> Tensor:
        linear = lower(self.network.scheme).operators("linear")
        if not linear:
            return self.along(0, self.states[0], u, 0)
        product: Tensor = self.h * self.network.fields(self.n, min(linear), 0)(self.time, u)
        return product

    def y(self, component: int, age: int) -> Tensor:
        return self.states[component] if age == 0 else self.known["y", age, 0]

    def f(self, part: int, age: int) -> Tensor:
        if ("f", age, part) in self.known or age:
            return self.known["f", age, part]
        return self.field(part, 0, [self.states[0]])

    def nordsieck(self, q: tuple[Expr, ...]) -> Tensor:
        if isinstance(self.network.scheme, RungeKuttaNystrom):
            return self.known["v", 0, 0]
        assert isinstance(self.network.scheme, GeneralLinear)
        return self.known["z", self.network.scheme.external.index(q), 0]

    def k(self, stage: int) -> Tensor:
        return self.known["k", stage + 1, 0]


def evaluated(value: Expr, values: Mapping[str, Any]) -> Any:
    """A coefficient in double precision, or as a tensor where parameters have tensors for values."""
    if not value.free_symbols:
        return float_of(value)
    names = sorted(map(str, value.free_symbols))
    return sympy.lambdify(names, value, "math")(*(values[name] for name in names))


def computed(network: UnrolledNetwork, *y: Tensor) -> tuple[Tensor, ...]:
    """The states after all steps. Raises ArithmeticError where implicit stages do not settle by sweeping."""
    scheme = network.scheme
    if network.coupling is not None:
        return _coupled(network, y)
    if isinstance(scheme, Steps):
        return (_multistep(network, scheme, *y),)
    if isinstance(scheme, GeneralLinear):
        return (_general_linear(network, scheme, *y),)
    if isinstance(scheme, RungeKuttaNystrom):
        return (_nystrom(network, scheme, *y),)
    if lower(scheme).history:
        raise ArithmeticError(f"no formula says how a {scheme.family} scheme goes on from step to step")
    for n in range(network.steps):
        y = tuple(advance(scheme, _at(network, n, y)).states)
    return y


def _nystrom(network: UnrolledNetwork, scheme: RungeKuttaNystrom, y: Tensor) -> Tensor:
    """From rest, where nothing else is handed in; h·y' is remembered."""
    hv = network.past.get(("v", 0, 0), 0 * y)
    for n in range(network.steps):
        done = advance(scheme, replace(_at(network, n, (y,)), known={("v", 0, 0): hv}))
        assert done.velocity is not None
        (y,), hv = done.states, done.velocity
    return y


def _at(network: UnrolledNetwork, n: int, y: Sequence[Tensor], values: Mapping[str, Any] | None = None) -> _At:
    reads = lower(network.scheme).reads
    numbers = network.values(n) if values is None else values
    return _At(network, n, network.t0 + n * network.h, network.h, y, {}, numbers, reads)


def _coupled(network: UnrolledNetwork, y: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """y⁺ = λ y + (1 − λ) z + Ψ_h(z), z⁺ = z − Ψ_{−h}(y⁺), Ψ_h(x) what a step adds to x (McCallum & Foster 2024)."""
    assert network.coupling is not None
    strength, z, y = network.coupling, list(y), list(y)
    for n in range(network.steps):
        forth = _at(network, n, z)
        new = advance(network.scheme, forth).states
        y = [strength * a + (1 - strength) * b + (c - b) for a, b, c in zip(y, z, new, strict=True)]
        back = replace(_at(network, n, y), time=forth.time + network.h, h=-network.h)
        old = advance(network.scheme, back).states
        z = [b - (c - a) for a, b, c in zip(y, z, old, strict=True)]
    return tuple(y)


def _started(network: UnrolledNetwork, n: int, y: Tensor, remembered: Mapping[int, Tensor]) -> Tensor:
    """A start-up step: the same tableau for each part, whose first field serves all stages; what is remembered of the
    field at y is not evaluated again, but has the weights that it had."""
    assert network.start is not None
    scheme = network.scheme
    live = sorted({part for part, _ in live_evaluations(scheme)}) or [0]
    method = network.start
    whole = [method] * (live[-1] + 1) if isinstance(method, RungeKutta) else method.parts
    method = AdditiveRungeKutta(parts=tuple(whole[part] for part in live))

    def fields(_: int, number: int, stage: int) -> Callable[..., Tensor]:
        part = live[number]
        plain = network.fields(n, part, first_stage(scheme))

        def f(t: Any, state: Tensor) -> Tensor:
            here = part in remembered and state is y and float(t) == network.t0 + n * network.h
            return remembered[part] if here else plain(t, state)

        return f

    own = replace(network, scheme=method, fields=fields)
    return advance(method, _at(own, n, (y,), {})).states[0]  # type: ignore[no-any-return]


def first_stage(scheme: Scheme) -> int:
    """The first stage that anything is made of: its field serves steps of start-up."""
    alive = live_stages(scheme)
    return min(alive, default=0)


def live_stages(scheme: Scheme) -> list[int]:
    """The stages that what is handed on depends on: the others have no field."""
    return sorted({stage for _, stage in live_evaluations(scheme)})


def live_evaluations(scheme: Scheme) -> set[tuple[int, int]]:
    """The same as pairs of part and stage; of another package's family by its step."""
    if not isinstance(scheme, FAMILIES):
        return {(call.part, call.slot) for call in prune(lower(scheme)).calls}
    if isinstance(scheme, Multistep | AdditiveMultistep):
        return {(part, 0) for part, beta in enumerate(scheme.betas) if any(not b.is_zero for b in beta)}
    tables = (scheme,) if isinstance(scheme, RungeKutta | GeneralLinear) else scheme.parts  # type: ignore[attr-defined]
    rows = (
        [(0, row) for row in scheme.B]
        if isinstance(scheme, GeneralLinear)
        else [(p, t.b) for p, t in enumerate(tables)]
    )
    found = {(p, i) for p, row in rows for i, b in enumerate(row) if not b.is_zero}
    reads = [range(1, len(tables) + 1)] * len(tables) if not isinstance(scheme, PartitionedRungeKutta) else scheme.reads
    assert reads is not None
    while True:
        more = {
            (q - 1, j) for p, i in found for q in reads[p] for j, a in enumerate(tables[q - 1].A[i]) if not a.is_zero
        }
        if more <= found:
            return found
        found |= more


def _multistep(network: UnrolledNetwork, scheme: Steps, y: Tensor) -> Tensor:
    betas = scheme.betas
    k, parts = scheme.steps, range(len(betas))
    implicit = [not beta[k].is_zero for beta in betas]
    # a slope that no later step reads is not remembered
    remembered = [not beta[k].is_zero and any(not b.is_zero for b in beta[:k]) for beta in betas]
    states: dict[int, Tensor] = {0: y}
    slopes: dict[tuple[int, int], Tensor] = {}
    for (kind, age, part), x in network.past.items():
        if kind == "y":
            states[age] = x
        else:
            slopes[part, age] = x
    oldest = max(
        (k - 1 - j for j in range(k) if not scheme.alpha[j].is_zero or any(not b[j].is_zero for b in betas)), default=0
    )
    for n in range(network.steps):
        at = _at(network, n, (states[0],), {})
        for part in parts:
            if (part, 0) not in slopes and (n == 0 or not implicit[part]) and any(not b.is_zero for b in betas[part]):
                slopes[part, 0] = at.field(part, 0, [states[0]])
        if n < oldest - network.given:
            here = {p: slopes[p, 0] for p in parts if remembered[p] and (p, 0) in slopes}
            new = _start_multistep(network, scheme, n, states[0], here)
        else:
            known = {("y", age, 0): x for age, x in states.items()}
            known |= {("f", age, part): x for (part, age), x in slopes.items()}
            values = network.values(n - max(0, oldest - network.given))
            new = advance(scheme, replace(at, known=known, number_of_values=values)).states[0]
        states = {0: new, **{age + 1: x for age, x in states.items()}}
        slopes = {(part, age + 1): x for (part, age), x in slopes.items()}
        for part in parts:
            if implicit[part]:
                slopes[part, 0] = at.field(part, 1, [new])
    return states[0]


def _start_multistep(
    network: UnrolledNetwork, scheme: Steps, n: int, y: Tensor, remembered: Mapping[int, Tensor]
) -> Tensor:
    if isinstance(scheme, ExponentialMultistep):
        assert isinstance(network.start, RungeKutta)
        method = load("etd-1") if network.start.stages == 1 else lawson(network.start)
        return advance(method, _at(network, n, (y,), {})).states[0]  # type: ignore[no-any-return]
    if getattr(scheme, "derivative", 1) == 1:
        return _started(network, n, y, remembered)
    f = remembered.get(0)  # from rest: y'(t) = 0
    slope = network.fields(n, 0, 0)(network.t0 + n * network.h, y) if f is None else f
    return y + network.h**2 / 2 * slope


def _general_linear(network: UnrolledNetwork, scheme: GeneralLinear, y: Tensor) -> Tensor:
    """The external values as they are handed on, made ready by what each stands for until all are there."""
    first = first_stage(scheme)
    known: dict[tuple[str, int, int], Tensor] = dict(network.past)
    keys = [_key(i, meaning) for i, meaning in enumerate(scheme.external)]
    depth = max(_age(key) for key in keys)
    for n in range(network.steps):
        at = _at(network, n, (y,), {})
        f = network.fields(n, 0, first)
        here = [at.field(0, 0, [y], first)] if n == 0 else []
        for i, key in enumerate(keys):
            if n == 0 and key not in known and key[0] in "fz" and _age(key) == 0:
                known[key] = here[0] if key[0] == "f" else _taylor(scheme.external[i], y, here[0], network.h)
        if n < depth - network.given:
            remembered = {0: known["f", 0, 0]} if ("f", 0, 0) in known else {}
            new = _started(network, n, y, remembered)
            slope = remembered[0] if remembered else f(at.time, y)
            after = f(at.time + at.h, new)
            fresh: dict[tuple[str, int, int], Tensor] = {}
            for i, key in enumerate(keys):
                kind, age, _ = key
                if kind == "z":
                    fresh[key] = _taylor(scheme.external[i], new, after, network.h)
                elif kind == "k":
                    fresh[key] = _at_node(network, scheme, n, y, new, age - 1)
                elif key == ("f", 0, 0):
                    fresh[key] = after
                elif key in (("y", 1, 0), ("f", 1, 0)):
                    fresh[key] = y if kind == "y" else slope
                elif age and (kind, age - 1, 0) in known:
                    fresh[key] = known[kind, age - 1, 0]
            known, y = fresh, new
            continue
        values = network.values(n - max(0, depth - network.given))
        done = advance(scheme, replace(at, known=known, number_of_values=values))
        known, y = _handed_on(scheme, keys, done, network.h), done.states[0]
    return y


def _handed_on(
    scheme: GeneralLinear, keys: list[tuple[str, int, int]], done: Advanced, h: float
) -> dict[tuple[str, int, int], Tensor]:
    pairs = zip(keys, done.external, strict=True)
    return {key: x / h if key[0] in "fk" else x for key, x in pairs}


def _at_node(network: UnrolledNetwork, scheme: GeneralLinear, n: int, y: Tensor, new: Tensor, stage: int) -> Tensor:
    """The field where a stage would be: at the end of a start-up step of that length."""
    t = network.t0 + n * network.h
    own = {p.name: float_of(p.value) for p in scheme.parameters}
    node = evaluated(scheme.c[stage], own)
    f = network.fields(n, 0, first_stage(scheme))
    if node == 0:
        return f(t, y)
    if node == 1:
        return f(t + network.h, new)
    shorter = replace(network, h=node * network.h, t0=t - n * node * network.h)
    return f(t + node * network.h, _started(shorter, n, y, {}))


def _taylor(meaning: Any, y: Tensor, slope: Tensor, h: float) -> Tensor:
    """Σ q_k h^k y^(k) as far as y and f tell it."""
    q = [float_of(x) for x in meaning]
    return q[0] * y + (q[1] * h * slope if len(q) > 1 else 0 * y)


def _key(i: int, meaning: Any) -> tuple[str, int, int]:
    if not isinstance(meaning, str):
        return ("z", i, 0)
    return (meaning[0], int(meaning[1:]) if meaning[0] == "k" else int(meaning[2:] or 0), 0)


def _age(key: tuple[str, int, int]) -> int:
    return {"k": 1, "z": 0}.get(key[0], key[1])
