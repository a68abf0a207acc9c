"""The step-size coefficient for strong stability preservation, exactly, of every family that has a general form.

With Y = S x + h T f(Y) (see `general_form`) and S 1 = 1, the step is a convex combination of forward Euler steps of
size h/r exactly when (I + rT)⁻¹ [S, rT] ≥ 0 (Spijker 2007, Theorem 2.2; Ferracina & Spijker 2004 and Higueras 2004 for
Runge–Kutta methods, where it is Kraaijevanger's 1991 radius of absolute monotonicity; min −α_j/β_j for multistep).

Those r form a closed interval from 0: with R = rT(I + rT)⁻¹ ≥ 0 and P = (I + rT)⁻¹S ≥ 0, whose row sums together are
1, and 0 < θ < 1, the same at θr are θR(I − (1−θ)R)⁻¹ and (I − (1−θ)R)⁻¹P, and (I − (1−θ)R)⁻¹ = Σ ((1−θ)R)^m ≥ 0; and
in a limit of r from below R stays bounded, so that I + rT = (I − R)⁻¹ stays regular.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from sympy import QQ, Expr, Poly, S

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.reading.general_form import GeneralForm, general_form, irreducible, row_times
from tableau2net.analysis.ssp.supremum import LARGE, Isolated, R, supremum
from tableau2net.exact.components import components
from tableau2net.exact.domain import Element
from tableau2net.exact.elimination import MAX_COUPLED, Rows, determinant, solved
from tableau2net.exact.enclosure import Enclosure, enclose, holds_zero
from tableau2net.exact.polynomials import sign_in
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import lower
from tableau2net.step.forms import Row

MAX_AT_INFINITY = 16  # states, for a proof over rational functions that every step size is allowed


@dataclass(frozen=True)
class SSP:
    """coefficient: C, the largest step in units of that of forward Euler under which every convex bound is kept.
    linear: R, the same where only linear problems are asked for (threshold factor; `threshold`).

    Exact, or an isolating interval narrower than 1e-12; None where it does not apply or was not decided."""

    coefficient: Expr | Isolated | None
    linear: Expr | Isolated | None


@by_name(Scheme)
def ssp(scheme: Scheme) -> SSP:
    """The step-size coefficients of a scheme at its declared parameter values, and of its irreducible form.

    Both are None for families without a general form (several fields or components, y'' = f) and for methods that
    do not reproduce a constant. Where a source printed decimals, they are the numbers meant."""
    from tableau2net.analysis.ssp.threshold import threshold  # it builds on this module's form

    form = ask("general form", lambda: canonical_form(scheme))
    if form is None:
        return SSP(None, None)
    return SSP(ssp_coefficient(scheme), ask("linear threshold", lambda: threshold(form)))


def ssp_coefficient(scheme: Scheme) -> Expr | Isolated | None:
    """The first of them alone."""
    form = ask("general form", lambda: canonical_form(scheme))
    return None if form is None else ask("SSP coefficient", lambda: step_size_coefficient(form))


def canonical_form(scheme: Scheme) -> GeneralForm | None:
    """The irreducible general form at the declared parameter values, where the coefficients are defined by it."""
    form = general_form(lower(scheme.at_defaults() if scheme.parameters else scheme))
    tolerance = 0.0 if scheme.digits is None else 10.0 ** (1 - scheme.digits)
    if form is None or not form.starts_from_states(tolerance):
        return None
    return irreducible(form)


def step_size_coefficient(form: GeneralForm) -> Expr | Isolated | None:
    """The largest r with (I + rT)⁻¹ [S, rT] ≥ 0; 0 where a coefficient is negative or an incidence condition fails.

    Raises TooMuch where over `elimination.MAX_COUPLED` states depend on each other."""
    if not any(form.T):
        return S.Infinity
    if not _positive(form):
        return S.Zero
    if max(map(len, components(form.T))) > MAX_COUPLED:
        raise TooMuch(f"more than {MAX_COUPLED} stages depend on each other")
    return supremum(_AbsoluteMonotonicity(form))


def _positive(form: GeneralForm) -> bool:
    """Whether some r > 0 is feasible: T ≥ 0, S ≥ 0, and T² and TS have no entry where T and S have none
    (Kraaijevanger 1991, Theorem 4.2; the first terms of S − rTS + … and T − rT² + …)."""
    sign = sign_in(form.domain.domain)
    if any(sign(x) < 0 for rows in (form.S, form.T) for row in rows for x in row.values()):
        return False
    return all(
        form.T[j].keys() <= form.T[i].keys() and form.S[j].keys() <= form.S[i].keys()
        for i in range(form.size)
        for j in form.T[i]
    )


class _AbsoluteMonotonicity:
    """The entries of (I + rT)⁻¹ [T, S], by row and column of [T, S]."""

    def __init__(self, form: GeneralForm) -> None:
        self.form = form
        self.field = form.domain.domain
        self.sign = sign_in(self.field)

    def _entries(
        self, r: Any, number: Callable[[Element], Any], nonzero: Callable[[Any], bool] = bool
    ) -> dict[Hashable, Any] | None:
        """All entries that are not zero by structure, over the kind of number that `number` makes of a coefficient."""
        n = self.form.size
        T: Rows = [{j: number(x) for j, x in row.items()} for row in self.form.T]
        right: Rows = [
            {**row, **{n + j: number(x) for j, x in known.items()}} for row, known in zip(T, self.form.S, strict=True)
        ]
        left: Rows = [{j: r * x for j, x in row.items()} for row in T]
        for i, row in enumerate(left):
            row[i] = row.get(i, 0) + number(self.form.domain.one)
        rows = solved(left, right, nonzero)
        return None if rows is None else {(i, j): x for i, row in enumerate(rows) for j, x in row.items()}

    def guess(self) -> float:
        floats = {x: _float(self.field, x) for x in self._coefficients}

        def feasible(r: float) -> bool:
            entries = self._entries(r, floats.__getitem__, lambda x: abs(x) > 1e-12)
            return entries is not None and all(x > -1e-12 for x in entries.values())

        low, high = 0.0, 1.0
        while feasible(high) and high < LARGE:
            low, high = high, 2 * high
        for _ in range(34):
            middle = (low + high) / 2
            low, high = (middle, high) if feasible(middle) else (low, middle)
        return low

    def violated(self, r: Fraction) -> dict[Hashable, float]:
        exact = self.form.domain.rational(r.numerator, r.denominator)
        entries = self._entries(exact, lambda x: x)
        if entries is None:
            return {None: -1.0}
        return {key: _float(self.field, x) for key, x in entries.items() if self.sign(x) < 0}

    def enclosures(self, r: Enclosure) -> Mapping[Hashable, Enclosure] | None:
        return self._entries(r, lambda x: enclose(self.form.domain.expression(x)), lambda x: not holds_zero(x))

    def unbounded(self) -> bool | None:
        """Elimination over rational functions of r, ordered by their sign as r grows."""
        if self.form.size > MAX_AT_INFINITY:
            return None
        functions = self.field.frac_field(R)
        convert = {x: functions.convert_from(x, self.field) for x in self._coefficients}
        entries = self._entries(functions.from_sympy(R), lambda x: convert[x])
        return entries is not None and all(
            self.sign(x.numer.LC) * self.sign(x.denom.LC) >= 0 for x in entries.values() if x
        )

    @cached_property
    def _coefficients(self) -> set[Element]:
        rows = [*self.form.T, *self.form.S]
        return {self.form.domain.one, *(x for row in rows for x in row.values())}

    @cached_property
    def _determinant(self) -> Poly | None:
        return determinant(self.form.T, self.form.domain, R)

    def numerator(self, key: Hashable) -> Poly | None:
        """det(I + rT) times Σ_m (−r)^m (T^m [T, S])_ij, which ends at the degree of the determinant's adjugate."""
        determinant_ = self._determinant
        if determinant_ is None or not isinstance(key, tuple):
            return None
        i, j = key
        if i not in self._series:
            self._series[i] = self._row_series(i)
        coefficients = [row.get(j, self.form.domain.zero) for row in self._series[i]]
        signed: list[Element] = [c * (-1) ** m for m, c in enumerate(coefficients)]
        series = Poly.from_list(signed[::-1], R, domain=self.field)
        product = (determinant_ * series).rep.to_list()[::-1][: len(coefficients)]
        return Poly.from_list(product[::-1], R, domain=self.field)

    @cached_property
    def _series(self) -> dict[int, list[Row]]:
        return {}

    def _row_series(self, i: int) -> list[Row]:
        """Row i of T^m [T, S] for m = 0..n."""
        n = self.form.size
        row: Row = {i: self.form.domain.one}
        series = []
        for _ in range(n + 1):
            after = row_times(row, self.form.T)
            series.append({**after, **{n + j: x for j, x in row_times(row, self.form.S).items()}})
            row = after
        return series


def _float(field: Any, x: Element) -> float:
    if field == QQ:
        return float(int(x.numerator) / int(x.denominator))
    return float(field.to_sympy(x))
