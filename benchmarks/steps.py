"""Steps of schemes beside their peers, over both fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack, cast

import torch
from torch import Tensor, nn

import tableau2net as t2n
from benchmarks.candidate import Candidate
from benchmarks.fields import CHANNELS, FIELDS, Cheap, MakeField
from benchmarks.libraries import adaptive_dopri5, fixed_rk4
from benchmarks.peers import CarefulLoop, MixedSteps, MultistepLoop, TableauLoop
from tableau2net.codegen import CompileOptions
from tableau2net.scheme import Multistep, RungeKutta, Scheme

SHAPE = (128, CHANNELS, 32, 32)
STEPS = 6


@dataclass(frozen=True)
class Work:
    """A step, or six, on one field: `candidates(y)` are the ways to do it, ours first."""

    name: str
    candidates: Callable[[Tensor], list[Candidate]]


def state(shape: tuple[int, ...] = SHAPE, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, device=device, dtype=dtype).requires_grad_()


def works() -> list[Work]:
    """The reference work: a step of rk4 and of dormand-prince-54, six steps of adams-bashforth-3 and of lm."""
    found = []
    for label, make in FIELDS.items():
        found += [
            Work(f"one step of rk4, {label}", one_step("rk4", make)),
            Work(f"one step of dormand-prince-54, {label}", one_step("dormand-prince-54", make)),
            Work(f"six steps of adams-bashforth-3, {label}", six_steps(t2n.load("adams-bashforth-3"), make)),
            Work(f"six steps of lm, k = −1/10, {label}", six_steps(t2n.load("lm").with_values(k="-1/10"), make)),
            Work(f"six steps of lm, k learnt a step, {label}", six_learnt_steps(make)),
        ]
    return found


def generated(scheme: Scheme | str, fields: list[nn.Module], **options: Unpack[CompileOptions]) -> nn.Module:
    return t2n.compile(scheme, **options)(fields)


def on(y: Tensor, module: nn.Module) -> nn.Module:
    return module.to(y.device, y.dtype)


def called(name: str, module: nn.Module, y: Tensor) -> Candidate:
    on(y, module)
    return Candidate(name, lambda: cast(Tensor, module(y)), (module,))


def one_step(name: str, make: MakeField) -> Callable[[Tensor], list[Candidate]]:
    scheme = t2n.load(name)
    assert isinstance(scheme, RungeKutta)

    def candidates(y: Tensor) -> list[Candidate]:
        field = on(y, make())
        libraries = fixed_rk4(y, field) if name == "rk4" else {}
        if isinstance(field, Cheap):  # the costly one takes most of the time itself, and nine runs minutes
            libraries |= adaptive_dopri5(y, field)
        return [
            called("generated", generated(scheme, [field]), y),
            called("loop over tableau tensors", TableauLoop(scheme, field), y),
            called("careful loop", CarefulLoop(scheme, field), y),
            *(Candidate(library, forward, (field,)) for library, forward in libraries.items()),
        ]

    return candidates


def six_steps(scheme: Scheme, make: MakeField) -> Callable[[Tensor], list[Candidate]]:
    assert isinstance(scheme, Multistep)

    def candidates(y: Tensor) -> list[Candidate]:
        fields = [on(y, make()) for _ in range(STEPS)]
        return [
            called("generated", generated(scheme, fields), y),
            called("loop over coefficient tensors", MultistepLoop(scheme, fields, careful=False), y),
            called("careful loop", MultistepLoop(scheme, fields, careful=True), y),
        ]

    return candidates


def six_learnt_steps(make: MakeField) -> Callable[[Tensor], list[Candidate]]:
    def candidates(y: Tensor) -> list[Candidate]:
        fields = [on(y, make()) for _ in range(STEPS)]
        ours = generated("lm", fields, coefficients="learnable")
        return [
            called("generated", ours, y),
            called("hand-written", MixedSteps(fields, careful=False), y),
            called("hand-written with lerp", MixedSteps(fields, careful=True), y),
        ]

    return candidates
