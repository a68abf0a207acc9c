"""A family of schemes: explicit Runge–Kutta methods in Shu–Osher form, each stage a combination of forward Euler steps.

y⁽ⁱ⁾ = Σ_{k<i} α_ik y⁽ᵏ⁾ + h β_ik f(y⁽ᵏ⁾), i = 1..s, y⁽⁰⁾ = y_n, y_{n+1} = y⁽ˢ⁾ (Shu and Osher 1988,
J. Comput. Phys. 77, pp. 439-471). With α, β ≥ 0 it is strong stability preserving wherever Euler's method is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sympy import Expr, S

from tableau2net import InputError, Scheme, register_scheme_family
from tableau2net.scheme import Matrix, StepWriter, register_scheme_folder


@register_scheme_family
@dataclass(frozen=True)
class ShuOsher(Scheme):
    """alpha, beta: s rows, row i with i numbers; each row of alpha sums to 1. Raises InputError on another shape."""

    family: ClassVar[str] = "shu-osher"

    alpha: Matrix
    beta: Matrix

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, rows in (("alpha", self.alpha), ("beta", self.beta)):
            if not rows or [len(row) for row in rows] != list(range(1, len(self.alpha) + 1)):
                raise InputError(f"{key}: row i of {len(self.alpha)} has i numbers, of the values before stage i")
        for i, row in enumerate(self.alpha):
            if not (sum(row, S.Zero) - 1).is_zero:
                raise InputError(f"alpha[{i}] sums to {sum(row, S.Zero)}; a constant is kept where it sums to 1")

    def lower(self, step: StepWriter) -> None:
        """The stages in order: the field at the value before, then the next value."""
        values, slopes, times = [step.state("y")], [], [S.Zero]
        for i, (alpha, beta) in enumerate(zip(self.alpha, self.beta, strict=True)):
            slopes.append(step.evaluate(f"k{i + 1}", values[-1], times[-1], i))
            times.append(_sum(alpha, times) + sum(beta, S.Zero))
            name = "y_new" if i + 1 == len(self.alpha) else f"y{i + 2}"
            terms = [*zip(alpha, values, strict=True), *zip(beta, slopes, strict=True)]
            values.append(step.combine(name, terms))
        step.hand_on(values[0], values[-1])


def _sum(row: tuple[Expr, ...], times: list[Expr]) -> Expr:
    return sum((a * t for a, t in zip(row, times, strict=True)), S.Zero)


register_scheme_folder(Path(__file__).parent / "schemes")
