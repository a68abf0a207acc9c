"""A generated module against the formula of its family, in float64: what it computes, and its gradient."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from sympy import Add
from torch import Tensor, nn

from tableau2net.codegen import CompileOptions, Options, compile
from tableau2net.codegen.learnable import learning
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.runtime.phi_sums import Terms, phi_sum_of_matrix
from tableau2net.runtime.stage_solve import ConvergenceError
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKuttaNystrom,
    Scheme,
)
from tableau2net.step import lower
from tableau2net.testing.network_formula import FAMILIES, Steps, UnrolledNetwork, computed, evaluated, live_stages

H, T0 = 0.125, 0.25
TOLERANCE = 1e-12
LARGEST = 1e6  # states beyond are not compared: a step amplifies their rounding
SOLVING: CompileOptions = {"tolerance": 1e-15, "iterations": 200}
Key = tuple[str, int, int]  # something remembered, as `UnrolledNetwork.past` has it


class SmoothField(nn.Module):
    """A small smooth field of some states, random but the same each time; of time too, where it is called with that."""

    def __init__(self, seed: int, timed: bool) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.timed, self.shift = timed, seed
        self.weight = nn.Parameter(0.5 * torch.randn(3, 3, dtype=torch.float64, generator=random))

    def forward(self, *given: Any) -> Tensor:
        t, states = (given[0], given[1:]) if self.timed else (0.0, given)
        mixed = states[0] @ self.weight
        for i, y in enumerate(states[1:], 1):
            mixed = mixed + y @ self.weight.roll(i, 0)
        return torch.tanh(mixed + torch.cos(torch.as_tensor(t, dtype=torch.float64) + self.shift))


class LinearField(SmoothField):
    """A linear one, with the functions of itself."""

    def forward(self, *given: Any) -> Tensor:
        product: Tensor = given[-1] @ self.weight
        return product

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        columns = v.reshape(-1, 3).mT
        return phi_sum_of_matrix(h * self.weight.mT, terms, columns).mT.reshape(v.shape)


def check_unique(scheme: Scheme, fields: Iterable[SmoothField], h: float) -> None:
    """ArithmeticError unless implicit stages have one solution for certain: h |A| L < 1, so that a sweep over them is a
    contraction (Banach). Where there are several, two solvers may find two, both right. L: of the fields, of which each
    component of a system is read at most once."""
    if lower(scheme).explicit:
        return
    if not isinstance(scheme, (*FAMILIES, RungeKuttaNystrom)):
        raise ArithmeticError(f"no formula says when the implicit stages of a {scheme.family} scheme have one solution")
    start = scheme.at_defaults()
    steep = max((float(torch.linalg.matrix_norm(f.weight.detach(), 2)) for f in fields), default=0.0)
    if isinstance(start, Multistep | AdditiveMultistep):
        if h**start.derivative * steep * sum(abs(float_of(beta[-1])) for beta in start.betas) >= 1:
            raise ArithmeticError("the implicit stage may have more than one solution")
        return
    if isinstance(start, RungeKuttaNystrom):
        bounds = [sum(abs(float_of(a)) for a in row) * h * h for row in start.A_bar]
        bounds += [sum(abs(float_of(a)) for a in row) * h for row in start.A or ()]
        if steep * 2 * max(bounds) >= 1:
            raise ArithmeticError("the implicit stages may have more than one solution")
        return
    tables: Any = start.parts if isinstance(start, AdditiveRungeKutta | PartitionedRungeKutta) else (start,)
    rows = ([abs(float_of(a)) for table in tables for a in table.A[i]] for i in range(tables[0].stages))
    largest = max(map(sum, rows))
    if h * steep * largest >= 1:
        raise ArithmeticError("the implicit stages may have more than one solution")


class Compared:
    """A block of a scheme under options, and the formula for it.

    steps: how many steps it takes.  given: how many past steps the call hands in, as far as the scheme looks back.
    Raises InputError where the scheme cannot be compiled under the options."""

    def __init__(self, scheme: Scheme, options: CompileOptions, *, steps: int, given: int = 0, h: float = H) -> None:
        self.scheme, self.steps, self.h = scheme, steps, h
        self.cls = compile(scheme, **options)
        self.options = o = Options(**options)
        self.one_field = o.step_weights == "shared"
        names, linear = self.cls.field_names, {f"f_{part + 1}" for part in lower(scheme).operators("linear")}
        self.fields = [
            {
                name: (LinearField if name in linear else SmoothField)(10 * n + i, o.time_dependent)
                for i, name in enumerate(names)
            }
            for n in range(1 if self.one_field else steps)
        ]
        self.given = min(given, self.cls.lookback)
        self.block = self.instance(self.cls)
        self.learning = learning(
            scheme,
            coefficients=o.coefficients,
            keep_order=o.keep_order,
            keep_stable=o.keep_stable,
            keep_range=o.keep_range,
        )
        self.shape = (2, 2, 1, 3) if o.sharing == "channel" and self.learning.raw else (2, 3)
        self.y = [self._random(99 - i) for i in range(len(self.cls.states))]
        keys = [_key(name) for name in self.cls.history]
        self.past = {key: self._random(200 + i) for i, key in enumerate(keys) if self._handed_in(key)}
        history = [self.past.get(key) for key in keys]
        while history and history[-1] is None:
            history.pop()
        self.arguments = (*self.y, *history)

    def _random(self, seed: int) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return torch.randn(self.shape, dtype=torch.float64, generator=random).requires_grad_()

    def instance(self, cls: Any) -> Any:
        """A block of a class, with the fields."""
        each = [[*fields.values()] if len(fields) > 1 else next(iter(fields.values())) for fields in self.fields]
        more: dict[str, Any] = {"t0": T0} if self.options.time_dependent else {}
        more |= {"given": self.given} if cls.lookback else {}
        raw = self.cls.raw
        more |= {"channels": 2} if raw and self.options.sharing == "channel" else {}
        block = cls(*((each[0], self.steps) if self.one_field else (each,)), h=self.h, **more).double()
        if raw:
            block.reset_coefficients()  # in double precision
        return block

    def _handed_in(self, key: Key) -> bool:
        """What the call hands in: all that is young enough, but what the compiler alone remembers."""
        kind, age, part = key
        if self.options.coupling is not None or self.given < max(1 if kind == "k" else age if kind != "z" else 0, 1):
            return False
        scheme = self.learning.scheme
        if kind != "f" or isinstance(scheme, GeneralLinear):
            return kind != "f" or {f"f-{age}", "f" if age == 0 else ""} & set(map(str, scheme.external)) != set()  # type: ignore[attr-defined]
        if not isinstance(scheme, Steps):
            return False
        return age > 0 or not scheme.betas[part][-1].is_zero

    def formula(self) -> tuple[Tensor, ...]:
        """The states after all steps. Raises ArithmeticError where implicit stages do not settle, or may have more than
        one solution."""
        scheme, o = self.learning.scheme, self.options
        check_unique(self.scheme, [f for own in self.fields for f in own.values()], self.h)
        live = live_stages(scheme)
        learnt = self.block.learnt() if self.learning.raw else {}
        by_part = any("_" in name for name in self.cls.field_names)

        def fields(n: int, part: int, stage: int) -> Any:
            own = self.fields[0 if self.one_field else n]
            mark = f"_{part + 1}" if by_part else ""
            slot = live.index(stage) + 1 if stage in live else 1
            f = own.get(f"f{slot}{mark}") or own.get(f"f{mark}")
            if f is None:  # nothing reads what it gives
                return lambda t, *y: 0 * y[0]
            return f if o.time_dependent else lambda t, *y: f(*y)

        network = UnrolledNetwork(
            scheme,
            self.steps,
            fields,
            self.h,
            T0,
            self.past,
            self.given,
            o.start_scheme,
            lambda n: {name: x if x.dim() == 0 else x[n] for name, x in learnt.items()},
            None if o.coupling is None else float_of(o.coupling),
        )
        return computed(network, *self.y)

    def leaves(self) -> dict[str, Tensor]:
        """What is differentiated by: states, what is handed in, weights, what is learnt."""
        found = dict(zip(self.cls.states, self.y, strict=True)) | {str(key): x for key, x in self.past.items()}
        for n, own in enumerate(self.fields):
            found |= {f"weights of {name} in step {n}": f.weight for name, f in own.items()}
        return found | {name: p for name, p in self.block._parameters.items() if p.numel()}

    def moved(self) -> Iterator[str]:
        """Coefficients that do not start where they are declared, a line each."""
        wanted = self.scheme.at_defaults().coefficients
        learnt = self.block.learnt() if self.learning.raw and not any(p.init for p in self.learning.raw) else {}
        values = {name: float(x.detach().flatten()[0]) for name, x in learnt.items() if x.numel()}
        for name, c in self.learning.scheme.coefficients.items() if values else ():
            if not wanted[name].is_number:  # a function of hL
                continue
            start = evaluated(c, values)
            if abs(start - float_of(wanted[name])) > TOLERANCE * (1 + abs(float_of(wanted[name]))):
                yield f"{name} starts at {start}, declared is {wanted[name]}"

    def differences(self, tolerance: float = TOLERANCE) -> list[str]:
        """What the block gets wrong, a line each; none where it computes the formula and its gradient to rounding.

        Raises ArithmeticError where implicit stages do not settle, or the states grow out of all bounds."""
        found = list(self.moved())
        expected = self.formula()
        size = max(1.0, *(float(y.detach().abs().max()) for y in expected))
        if not size < LARGEST:
            raise ArithmeticError("the states grow out of all bounds")
        # of a function of hL, the weights of its terms
        terms = (x for c in self.scheme.at_defaults().coefficients.values() for x in Add.make_args(c))
        size *= max([1.0, *(abs(float_of(x if x.is_number else x.as_coeff_Mul()[0])) for x in terms)])
        try:
            outputs = self.block(*self.arguments)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            leaves = self.leaves()
            got, want = gradients(outputs, leaves), gradients(expected, leaves)
        except ConvergenceError as error:
            raise ArithmeticError(str(error)) from None
        for y, a, b in zip(self.cls.states, outputs, expected, strict=True):
            what = f"{y} of a generated module" if len(outputs) > 1 else "a generated module"
            found += _difference(what, a, b, tolerance * size)
        wide = max(1.0, *(float(x.abs().max()) for x in want))
        for name, a, b in zip(leaves, got, want, strict=True):
            found += _difference(f"its gradient in {name}", a, b, 10 * tolerance * size * wide)
        return found


def differences(scheme: Scheme) -> list[str]:
    """What the generated module gets wrong, a line each; none where it computes the formula to 1e-12.

    Open parameters are learnt coefficients, whose gradient is compared too.
    Raises InputError for a scheme that cannot be compiled, or has nothing to be compared with."""
    options: CompileOptions = {"time_dependent": True}
    if scheme.parameters:
        options.update({"coefficients": "learnable", "sharing": "shared"})
    if not lower(scheme).explicit:
        options.update(SOLVING)
    steps = compile(scheme, **options).lookback + 3
    try:
        return Compared(scheme, options, steps=steps, given=steps).differences()
    except ArithmeticError as error:
        raise InputError(f"there is nothing to compare a module with: {error}") from None


def _key(name: str) -> Key:
    """``y_prev2`` is the state two steps ago, ``f_n_2`` the second field here, ``k1_prev`` the first stage of the step
    before, ``z2`` the second external value, ``hv`` h·y'; ``z`` or ``z1`` is the other state of the coupled form."""
    if found := re.fullmatch(r"y_prev(\d*)", name):
        return ("y", int(found[1] or 1), 0)
    if found := re.fullmatch(r"f_(n|prev)(\d*)(?:_(\d+))?", name):
        return ("f", 0 if found[1] == "n" else int(found[2] or 1), int(found[3] or 1) - 1)
    if name == "hv":
        return ("v", 0, 0)
    if found := re.fullmatch(r"k(\d+)_prev", name):
        return ("k", int(found[1]), 0)
    return ("z", int(name[1:] or 1) - 1, 0)


def gradients(outputs: tuple[Tensor, ...], leaves: dict[str, Tensor]) -> list[Tensor]:
    """The gradient of a loss of several outputs in each of the leaves."""
    loss = torch.stack([torch.sin(y * (i + 2)).sum() for i, y in enumerate(outputs)]).sum()
    if not loss.requires_grad:
        return [torch.zeros_like(x) for x in leaves.values()]
    inputs = list(leaves.values())
    return list(torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True, retain_graph=True))


def _difference(what: str, generated: Tensor, expected: Tensor, allowed: float) -> list[str]:
    error = float((generated - expected).detach().abs().max())
    return [] if error <= allowed else [f"{what} is {error:.2g} away from the formula, {allowed:.2g} is allowed"]
