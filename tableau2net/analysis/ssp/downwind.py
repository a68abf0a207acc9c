"""Downwind splittings: how far a method is strongly stable where it may take steps of a downwind operator too.

In Y = v x + α (Y + h/r f) + α̃ (Y − h/r f̃) with f̃ = f the step is Y = Sx + hTf exactly where

    α = rT N + α̃ (2N − I) ≥ 0,    v = (I − 2α̃) N S ≥ 0,    α̃ ≥ 0,    N = (I + rT)⁻¹

(Higueras, Ketcheson 2018; Ketcheson 2011). These are linear in α̃, a row by itself, so that for each r a linear program
decides, exactly, and finds the splitting with the fewest downwind steps. The r that allow one are an interval from 0,
as in `coefficient`, with α and α̃ side by side.

They are the step only where they define Y, I − α − α̃ = (I − 2α̃) N regular: Y_i = ½ (Y_i + h/r f) + ½ (Y_i − h/r f) is
true of any Y. Where T is lower triangular, Y_i = Z + h T_ii f(Y_i) with a mean Z of steps from earlier states: what
a stage takes of itself is of any size at every r, as (1 + m) Y_i = Z + m (Y_i + h/r f) with m = r T_ii, and the program
is of Z alone, that of a row with T_ii = 0. Where stages are solved for together none is looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from sympy import Expr, Rational, expand

from tableau2net.analysis.budget import TooMuch
from tableau2net.analysis.reading.general_form import GeneralForm
from tableau2net.analysis.ssp.supremum import LARGE, Isolated, simplest
from tableau2net.errors import InputError
from tableau2net.exact.elimination import Rows, solved
from tableau2net.exact.linear_programs import least_sum
from tableau2net.exact.polynomials import sign_in
from tableau2net.exact.text import float_of, text_of

Matrix = tuple[tuple[Expr, ...], ...]
MOST = 24  # states: beyond, exact programs take long
NEAR = 1e-9  # what floats count as zero
WIDTH = Fraction(1, 10**7)  # that a guess may be off, relative to it
NARROW = Fraction(1, 10**12)  # of the bounds that are proved


def splitting(form: GeneralForm, r: Expr | None) -> tuple[Isolated | None, Expr, tuple[Matrix, Matrix, Matrix]]:
    """Proved bounds around the largest r that a splitting allows (None where it is over 2^40, as for some implicit
    methods); the r that is used, if none is given a short one near it, or 1; and v, α, α̃ there.

    Raises InputError where there is none at the r that is asked for, or at any, and where none is looked for: of stages
    that are solved for together, or have a negative part of themselves; TooMuch for over `MOST` states."""
    if form.size > MOST:
        raise TooMuch(f"{form.size} states, at most {MOST} are split")
    if any(j > i for i, row in enumerate(form.T) for j in row):
        raise InputError(
            "downwind: splittings are looked for where a stage is solved for by itself, not of coupled stages"
        )
    programs = _Programs(form)
    if r is not None and not r.is_Rational:
        raise InputError(f"r = {text_of(r)}: a rational number is expected where downwind steps are looked for")
    largest, short = programs.largest()
    chosen = Fraction(int(r.p), int(r.q)) if r is not None else short
    if not chosen or (rows := programs.exact(chosen)) is None:
        most = "some larger than 1e12" if largest is None else str(largest) if largest.low else "0"
        raise InputError(
            f"r = {chosen}: no splitting has nonnegative coefficients there; the largest with one is {most}"
        )
    return largest, _rational(chosen), rows


class _Programs:
    def __init__(self, form: GeneralForm) -> None:
        self.form, self.n = form, form.size
        self.field_sign = sign_in(form.domain.domain)
        if any(self.field_sign(row.get(i, form.domain.zero)) < 0 for i, row in enumerate(form.T)):
            raise InputError("downwind: splittings are looked for where no stage has a negative part of itself")

    def largest(self) -> tuple[Isolated | None, Fraction]:
        """Bounds around the largest r, and one to use."""
        floats = {
            x: float_of(self.form.domain.expression(x)) for row in (*self.form.S, *self.form.T) for x in row.values()
        }

        def feasible(r: float) -> bool:
            return self._solved(r, floats.__getitem__, 1.0, lambda x: (x > NEAR) - (x < -NEAR)) is not None

        low, high = 0.0, 1.0
        while feasible(high):
            low, high = high, 2 * high
            if high > LARGE:
                return None, Fraction(1)
        for _ in range(44):
            middle = (low + high) / 2
            low, high = (middle, high) if feasible(middle) else (low, middle)
        return self._between(Fraction(low))

    def _between(self, guess: Fraction) -> tuple[Isolated, Fraction]:
        """Rational ends around a guess, each proved, and a short rational near the lower one that is feasible."""
        off = max(guess, Fraction(1)) * WIDTH
        short = simplest(max(Fraction(0), guess - off), guess + off)
        low, high = _short(guess - off), simplest(guess + off / 2, guess + off)
        while low and self.exact(low) is None:
            low, high, off = _short(low - 4 * off), low, off * 4
        while self.exact(high) is not None:
            low, high, off = high, high + 4 * off, off * 4
        if low < short < high and self.exact(short) is not None:
            low = short
        else:
            short = low
        while high - low > NARROW * max(Fraction(1), low):
            third = (high - low) / 3
            middle = simplest(low + third, high - third)
            low, high = (middle, high) if self.exact(middle) is not None else (low, middle)
        return Isolated(_rational(low), _rational(high)), short if low - short <= off else low

    def exact(self, r: Fraction) -> tuple[Matrix, Matrix, Matrix] | None:
        """v, α and α̃ at r; None where there are none."""
        domain = self.form.domain
        found = self._solved(domain.rational(r.numerator, r.denominator), lambda x: x, domain.one, self.field_sign)
        return found and tuple(  # type: ignore[return-value]
            tuple(tuple(expand(domain.expression(x)) for x in row) for row in rows) for rows in found
        )

    def _solved(
        self, r: Any, number: Callable[[Any], Any], one: Any, sign: Callable[[Any], int]
    ) -> tuple[list[list[Any]], list[list[Any]], list[list[Any]]] | None:
        n, zero, known = self.n, one - one, range(len(self.form.known))
        left: Rows = [{j: r * number(x) for j, x in row.items()} for row in self.form.T]
        for i, row in enumerate(left):
            row[i] = row.get(i, zero) + one
        wholes = [row[i] for i, row in enumerate(left)]
        inverse = solved(left, [{i: one} for i in range(n)], lambda x: sign(x) != 0)
        if inverse is None:
            return None
        N = [[row.get(j, zero) for j in range(n)] for row in inverse]
        NS = [
            [sum((N[i][k] * number(self.form.S[k][j]) for k in range(n) if j in self.form.S[k]), zero) for j in known]
            for i in range(n)
        ]
        v, up, down = [], [], []
        for i, whole in enumerate(wholes):  # 1 + r T_ii: times it, row i is that of T_ii = 0
            step = [[2 * N[k][j] - (one if j == k else zero) for k in range(i)] for j in range(n)]  # of α, by column
            start = [(one if j == i else zero) - whole * N[i][j] for j in range(n)]
            means = [[2 * NS[k][j] for k in range(i)] for j in known]
            at_first = [whole * x for x in NS[i]]
            z = least_sum([[-x for x in row] for row in step] + means, start + at_first, sign, one)
            if z is None:
                return None
            forward = [x + _product(row, z, zero) for x, row in zip(start, step, strict=True)]
            forward[i] = whole - one
            up.append([x / whole for x in forward])
            v.append([(x - _product(row, z, zero)) / whole for x, row in zip(at_first, means, strict=True)])
            down.append([*(x / whole for x in z), *[zero] * (n - i)])
        return v, up, down


def _product(row: list[Any], z: list[Any], zero: Any) -> Any:
    return sum((x * y for x, y in zip(row, z, strict=True)), zero)


def _short(x: Fraction) -> Fraction:
    """A short rational just above x, 0 at least."""
    return simplest(x, x * (1 + WIDTH / 2)) if x > 0 else Fraction(0)


def _rational(x: Fraction) -> Rational:
    return Rational(x.numerator, x.denominator)
