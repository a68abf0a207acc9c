"""What learnable coefficients cost, and what reversible backward passes save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

import tableau2net as t2n
from benchmarks.candidate import Candidate, Row, measured
from benchmarks.counting import held_bytes, saved_bytes, saved_tensors
from benchmarks.fields import MakeField, branch
from benchmarks.goals import Goal
from benchmarks.optimised import with_compiled
from benchmarks.sheet import Sheet, number
from benchmarks.steps import called, generated, on
from tableau2net.codegen.compile_options import Backward, Coefficients

STAGES = 4  # of rk4
DRAWS = 5  # networks over which the worst gradient counts
REMARK = "reversible keeps two states and, of the one start-up step, what autograd keeps"


def learnable(y: Tensor, label: str, make: MakeField, runs: int, compiling: bool) -> tuple[list[Row], list[Goal]]:
    """One step of rk4 with fixed coefficients and with each of them learnt, and both compiled; and the goals."""
    field = on(y, make())
    names: dict[Coefficients, str] = {"fixed": "fixed coefficients", "free": "each coefficient learnt"}
    candidates = [called(name, generated("rk4", [field], coefficients=kind), y) for kind, name in names.items()]
    if compiling:
        candidates, _ = with_compiled(candidates, names.values())
    saved = {c.name: saved_tensors(c.forward, c.modules, y) for c in candidates}

    def more(suffix: str) -> float:
        few, many = (saved.get(name + suffix, math.nan) for name in names.values())
        return (many - few) / STAGES

    goals = [
        Goal(f"learnt rk4, {label}: more saved tensors a stage, eager", more(""), 1),
        Goal(f"learnt rk4, {label}: more saved tensors a stage, compiled", more(", compiled"), 0.25),
    ]
    return measured(candidates, y, runs), goals


@dataclass(frozen=True)
class TwoStep:
    """A two-step scheme by both backward passes over the same fields."""

    name: str
    scheme: Any

    def block(self, fields: Sequence[nn.Module], backward: Backward) -> nn.Module:
        return generated(self.scheme, list(fields), backward=backward)

    def candidates(self, y: Tensor, steps: int) -> list[Candidate]:
        fields = [on(y, branch()) for _ in range(steps)]
        ways: tuple[Backward, ...] = ("store", "reversible")
        return [called(backward, self.block(fields, backward), y) for backward in ways]


def two_step_schemes() -> list[TwoStep]:
    """Leapfrog, whose inverse lets rounding errors be, and LM where they grow by 10/9 a step."""
    return [TwoStep("leapfrog-2", "leapfrog-2"), TwoStep("lm, k = 9/10", t2n.load("lm").with_values(k="9/10"))]


def depth_free(two: TwoStep, y: Tensor, depths: tuple[int, int] = (6, 24)) -> dict[str, tuple[float, float]]:
    """Bytes saved (hooks) and held (weak references) as multiples of the state's, by backward pass and depth."""
    found, size = {}, y.untyped_storage().nbytes()
    for steps in depths:
        for c in two.candidates(y, steps):
            found[f"{c.name}, {steps} steps"] = (
                saved_bytes(c.forward, c.modules) / size,
                held_bytes(c.forward, c.modules) / size,
            )
    return found


def gradient_error(two: TwoStep, y: Tensor, steps: int = 6) -> float:
    """The relative error of reversible gradients against stored ones, in the norm over all parameters and the input."""
    store, reversible = (gradients(c, y) for c in two.candidates(y, steps))
    return float((store - reversible).norm() / store.norm())


def gradients(c: Candidate, y: Tensor) -> Tensor:
    """All gradients of the sum of squares in one vector, in float64."""
    leaves = [y, *(p for m in c.modules for p in m.parameters())]
    c.forward().square().sum().backward()  # type: ignore[no-untyped-call]
    found = torch.cat([cast(Tensor, leaf.grad).flatten().double() for leaf in leaves])
    for leaf in leaves:
        leaf.grad = None
    return found


def reversible(y: Tensor, small: Tensor, runs: int) -> tuple[list[Sheet], list[Goal]]:
    """Times and bytes of both backward passes, gradients, and the goals; `small` is a state for what is counted."""
    sheets, goals = [], []
    for two in two_step_schemes():
        rows = measured(two.candidates(y, 6), y, runs)
        kept, error = depth_free(two, small), max(gradient_error(two, small) for _ in range(DRAWS))
        lines = [(name, number(saved, "{:.2f}"), number(held, "{:.2f}"), "") for name, (saved, held) in kept.items()]
        lines += [(r.name, "", "", f"{r.both_ms:.1f}") for r in rows if runs]
        title = f"Backward passes of {two.name}, BN-ReLU-conv twice; bytes as multiples of a state"
        head = ("", "saved", "held by anyone", "six steps with backward, ms")
        sheets.append(
            Sheet(
                title,
                head,
                tuple(lines),
                (REMARK, f"relative error of float32 gradients, six steps, worst of {DRAWS} networks: {error:.1e}"),
            )
        )
        few, many = (kept[f"reversible, {steps} steps"] for steps in (6, 24))
        if many >= kept["store, 24 steps"]:  # it stores after all, so its time and gradients say nothing
            error = math.nan
            rows = [replace(r, both_ms=math.nan) for r in rows]
        goals += [
            Goal(f"{two.name}, reversible: saved bytes of 24 steps over those of 6", many[0] / few[0], 1.01),
            Goal(f"{two.name}, reversible: held bytes of 24 steps over those of 6", many[1] / few[1], 1.01),
            Goal(f"{two.name}, reversible: time over store, six steps", rows[1].both_ms / rows[0].both_ms, 1.35),
            Goal(f"{two.name}, reversible: error of float32 gradients, six steps", error, 1e-5, form="{:.1e}"),
        ]
    return sheets, goals
