"""Linear multistep methods: Σ_j α_j y_{n+j} = h Σ_j β_j f_{n+j}, j = 0..k, oldest first, α_k = 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from sympy import Expr, S

from tableau2net.errors import InputError
from tableau2net.scheme.base import Scheme, exact_vector


@dataclass(frozen=True)
class Multistep(Scheme):
    """A linear k-step method with the signs of Hairer, Nørsett, Wanner I, III.2.

    alpha, beta: k + 1 numbers each, oldest first; alpha[k] is 1. Raises InputError on a wrong shape.
    """

    family: ClassVar[str] = "multistep"

    alpha: tuple[Expr, ...]
    beta: tuple[Expr, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        alpha = exact_vector(self.alpha, "alpha", self.symbols)
        beta = exact_vector(self.beta, "beta", self.symbols)
        if len(alpha) < 2:
            raise InputError("alpha: a k-step method has k + 1 entries, at least two")
        if len(beta) != len(alpha):
            raise InputError(f"beta has {len(beta)} entries but alpha has {len(alpha)}: both have k + 1, oldest first")
        if alpha[-1] != S.One:
            raise InputError(f"alpha: the last entry must be 1, not {alpha[-1]}; divide alpha and beta by it")
        object.__setattr__(self, "alpha", alpha)
        object.__setattr__(self, "beta", beta)

    @property
    def steps(self) -> int:
        """The number of steps k."""
        return len(self.alpha) - 1

    @property
    def explicit(self) -> bool:
        """Whether β_k = 0, so that the new f is not needed."""
        return bool(self.beta[-1].is_zero)

    @property
    def coefficients(self) -> dict[str, Expr]:
        return {f"alpha{j}": a for j, a in enumerate(self.alpha)} | {f"beta{j}": b for j, b in enumerate(self.beta)}

    def _free_names(self) -> list[str]:
        return [n for n in self.coefficients if n != f"alpha{self.steps}"]

    def _with_coefficients(self, coefficients: Mapping[str, Expr], **changes: Any) -> Self:
        j = range(self.steps + 1)
        return replace(
            self,
            alpha=tuple(coefficients[f"alpha{i}"] for i in j),
            beta=tuple(coefficients[f"beta{i}"] for i in j),
            **changes,
        )
