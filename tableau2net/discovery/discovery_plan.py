"""What is to be found, by what, and how it is fitted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tableau2net.discovery.fields_found import FUNCTIONS
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme, load

Equation = Literal["library", "linear", "symnet"]
Kernels = Literal["frozen", "moment", "free"]
MAX_BLOCK, MAX_TERMS = 1000, 2000


@dataclass(frozen=True)
class DiscoveryPlan:
    """equation: "library", a sparse polynomial in the states and their derivatives; "linear", PDE-Net's sum of
    derivatives with coefficients that may depend on the place; "symnet", PDE-Net 2.0's network.

    schemes: each fitted on the same data.  kernels, keep_order, points: see `Differences`.  derivatives: the highest
    order in all.  degree: of the polynomial.  mesh: elements of the coefficients along each axis, 0 for constants.
    threshold: see `sparse`.  upwind: the order of one-sided first derivatives, 0 for none.  functions: of states, as
    further channels of a library.  blocks, pairs, iterations: see `Curriculum`.
    symbols: the layers of SymNet."""

    equation: Equation = "library"
    schemes: tuple[str, ...] = ("rk4",)
    kernels: Kernels = "frozen"
    keep_order: int = 1
    points: int = 5
    derivatives: int = 2
    degree: int = 2
    mesh: int = 0
    threshold: float = 0.05
    upwind: int = 0
    functions: tuple[str, ...] = ()
    blocks: tuple[int, ...] = (0, 1)
    pairs: int = 48
    iterations: int = 100
    seed: int = 0
    symbols: int = 5

    def __post_init__(self) -> None:
        for key, allowed in (("equation", get_args(Equation)), ("kernels", get_args(Kernels))):
            if getattr(self, key) not in allowed:
                raise InputError(f"{key} {getattr(self, key)!r}: write one of {', '.join(allowed)}")
        if self.points % 2 == 0 or not 3 <= self.points <= 9:
            raise InputError(f"points {self.points}: an odd number from 3 to 9, the points of a kernel along each axis")
        if not 1 <= self.derivatives < self.points:
            raise InputError(
                f"derivatives {self.derivatives}: from 1 to {self.points - 1}, kernels have {self.points} points"
            )
        for key, least, most in (
            ("keep_order", 1, 8), ("degree", 1, 4), ("mesh", 0, 200), ("upwind", 0, self.points - 1),
            ("pairs", 1, 100_000), ("iterations", 1, 100_000), ("symbols", 1, 20), ("seed", 0, 2**63 - 1),
        ):  # fmt: skip
            if not least <= getattr(self, key) <= most:
                raise InputError(f"{key.replace('_', '-')} {getattr(self, key)}: from {least} to {most}")
        if not 0 < self.threshold < 1:
            raise InputError(f"threshold {self.threshold:g}: between 0 and 1, a share of what the rate varies by")
        if self.equation == "linear" and self.upwind:
            raise InputError("upwind: one-sided kernels are of a library and of symnet; leave it out for linear")
        if self.mesh and self.equation != "linear":
            raise InputError("mesh: coefficients depend on the place in a linear equation; write --equation linear")
        if self.upwind > 3 and self.points < 7:
            raise InputError(f"upwind {self.upwind}: its table does not fit into {self.points} points")
        for name in self.functions:
            if name not in FUNCTIONS:
                raise InputError(f"--function {name[:40]}: write {' or '.join(FUNCTIONS)}")
        if len(set(self.functions)) < len(self.functions):
            raise InputError(f"--function {', '.join(self.functions)}: one is named twice")
        if not self.blocks or max(self.blocks) > MAX_BLOCK:
            raise InputError(f"blocks: numbers of steps from 0, the warm-up, to {MAX_BLOCK}")

    @property
    def learns_kernels(self) -> int | None:
        """What order learnt kernels keep: None where they are frozen, 0 where they are free."""
        return {"frozen": None, "moment": self.keep_order, "free": 0}[self.kernels]

    def tables(self) -> list[Scheme]:
        """The schemes. Raises InputError where one is none."""
        return [load(name, Scheme) for name in self.schemes]


def blocks_of(text: str) -> tuple[int, ...]:
    """0,1-6,9 as numbers that increase. Raises InputError for what is none."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})(?:-(\d{1,4}))?\s*", part, re.ASCII)
        if match is None:
            raise InputError(f"--blocks {text[:40]!r}: write numbers of steps, 0,1-6,9; 0 is the warm-up")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not found or found != sorted(set(found)):
        raise InputError(f"--blocks {text[:40]!r}: numbers of steps that increase, 0,1-6,9")
    return tuple(found)
