"""Predictor–corrector pairs of Adams methods in PECE mode, as general linear methods (HNW I, III.1 and III.8).

What is handed from step to step is y and h·f at the last k points; the two stages are the predicted and the corrected
value, and the corrected one is evaluated for the next step.
"""

from __future__ import annotations

from sympy import Expr, S

from tableau2net.scheme.constructed.linear_multistep import adams_bashforth, adams_moulton
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.general_linear import GeneralLinear

MAX_STEPS = 12


def abm(k: int) -> GeneralLinear:
    """Adams–Bashforth predicts through the last k field values, Adams–Moulton corrects through them and the predicted
    one; order k + 1."""
    predictor = list(reversed(adams_bashforth(k).beta[:k]))  # newest first
    corrector = list(reversed(adams_moulton(k).beta[: k + 1]))
    known = corrector[1:]
    unit = [_unit(i, k + 1) for i in range(k + 1)]
    shift = [(S.Zero,) * (k + 1), *unit[1:k]]  # what becomes f, f-1, …, f-(k−1): the new value comes from B
    return GeneralLinear(
        A=((S.Zero, S.Zero), (corrector[0], S.Zero)),
        U=((S.One, *predictor), (S.One, *known)),
        B=((corrector[0], S.Zero), (S.Zero, S.One), *((S.Zero, S.Zero),) * (k - 1)),
        V=((S.One, *known), *shift),
        external=("y", "f", *(f"f-{age}" for age in range(1, k))),
    )


def _unit(i: int, length: int) -> tuple[Expr, ...]:
    return tuple(S.One if j == i else S.Zero for j in range(length))


register_scheme_patterns(
    SchemePattern(
        pattern="abm-{}",
        members=range(1, MAX_STEPS + 1),
        build=abm,
        title=lambda k: f"Adams–Bashforth–Moulton predictor–corrector (PECE), {k} step{'s' * (k > 1)}",
        reference="HNW I, III.1; Shampine and Gordon 1975",
        claims=lambda k: {"order": k + 1, "zero_stable": True, "explicit": True},
        kind="general-linear",
    ),
)
