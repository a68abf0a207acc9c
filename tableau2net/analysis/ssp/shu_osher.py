"""The form of a method in which its strong stability is seen: convex combinations of forward Euler steps.

With Y = S x + h T f(Y) (see `general_form`) and any r > 0,

    Y_i = Σ_j v_ij x_j + Σ_j α_ij (Y_j + h/r f(Y_j)),    α = rT(I + rT)⁻¹,  v = (I + rT)⁻¹ S,

the canonical Shu–Osher form (Ferracina, Spijker 2005; Higueras 2005). At the SSP coefficient r = C, and at no larger r,
all coefficients are nonnegative: it is the optimal one. With steps of a downwind operator f̃, for which y − h f̃(y) is
stable as y + h f(y) is, there are forms Y = v x + α (Y + h/r f) + α̃ (Y − h/r f̃) of larger r; see `ssp.downwind`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Rational, S, expand, oo

from tableau2net.analysis.reading.general_form import GeneralForm
from tableau2net.analysis.report.finding import json_of
from tableau2net.analysis.ssp.coefficient import canonical_form, step_size_coefficient
from tableau2net.analysis.ssp.downwind import splitting
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.elimination import solved
from tableau2net.exact.text import exact_json, float_of, parse, text_of
from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, Scheme, as_scheme

Matrix = tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class ShuOsher:
    """Y = v x + α (Y + h/r f(Y)) + α̃ (Y − h/r f̃(Y)), of the irreducible method; exact.

    r: a forward Euler step is h/r.
    coefficient: the largest r with coefficients that are all nonnegative, or proved bounds around it; None where it is
        not decided.
    known, states: what the entries of x and Y are called; a state that is one of x is called as that.
    v, alpha, downwind: the matrices v, α and α̃, a row a state; downwind is () where there are no such steps."""

    r: Expr
    coefficient: Expr | Isolated | None
    known: tuple[str, ...]
    states: tuple[str, ...]
    v: Matrix
    alpha: Matrix
    downwind: Matrix = ()

    @property
    def beta(self) -> Matrix:
        """What multiplies h f(Y_j): α/r."""
        return _scaled(self.alpha, 1 / self.r)

    @property
    def beta_downwind(self) -> Matrix:
        """What multiplies −h f̃(Y_j): α̃/r."""
        return _scaled(self.downwind, 1 / self.r)

    @property
    def nonnegative(self) -> bool:
        """Whether each state is a convex combination."""
        return all(float_of(x) >= 0 for rows in (self.v, self.alpha, self.downwind) for row in rows for x in row)

    def text(self) -> str:
        """A line a state that is not known: ``y2 = 3/4 y + 1/4 (y1 + h f(y1))``."""
        step = "h" if self.r == 1 else f"{_brief(1 / self.r)} h"
        return "\n".join(
            f"{name} = {_sum(terms)}"
            for name, terms in self._rows(
                _brief, lambda y: f"({y} + {step} f({y}))", lambda y: f"({y} - {step} f~({y}))"
            )
        )

    def latex(self) -> str:
        r"""The same as an ``align*`` environment."""
        step = "h" if self.r == 1 else rf"{_latex(1 / self.r)} h"

        def up(y: str) -> str:
            return rf"\left({y} + {step} f({y})\right)"

        def down(y: str) -> str:
            return rf"\left({y} - {step} \tilde f({y})\right)"

        rows = self._rows(_latex, up, down, naming=_subscript)
        lines = [f"{_subscript(name)} &= {_sum(terms)}" for name, terms in rows]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers as ``{"exact": …, "value": …}``."""
        found: dict[str, Any] = {"r": exact_json(self.r), "coefficient": json_of(self.coefficient)}
        found |= {"known": list(self.known), "states": list(self.states)}
        matrices = {"v": self.v, "alpha": self.alpha, "beta": self.beta}
        if self.downwind:
            matrices |= {"alpha_downwind": self.downwind, "beta_downwind": self.beta_downwind}
        return found | {name: [[exact_json(x) for x in row] for row in rows] for name, rows in matrices.items()}

    def pair(self) -> AdditiveRungeKutta:
        """A Runge–Kutta method with downwind steps as code takes it: of two fields, f and f̃, whose weights are not
        positive. Where both are discretisations of one right side, f̃ = f, it is the method that was split; read as one
        for y' = f₁ + f₂ it has no order. Raises InputError for other methods."""
        if len(self.known) > 1 or "y_new" not in self.states or not self.downwind:
            raise InputError("pair: of the downwind form of a Runge–Kutta method")
        left = [[-a - d for a, d in zip(*rows, strict=True)] for rows in zip(self.alpha, self.downwind, strict=True)]
        for i, row in enumerate(left):
            row[i] += 1
        up, down = (_undone(left, rows) for rows in (self.beta, _scaled(self.downwind, -1 / self.r)))
        at = self.states.index("y_new")
        inner = [i for i in range(len(self.states)) if i != at or any(row[at] for row in (*up, *down))]
        parts = [
            RungeKutta(A=[[row[j] for j in inner] for row in (rows[i] for i in inner)], b=[rows[at][j] for j in inner])
            for rows in (up, down)
        ]
        nodes = [expand(sum((*a, *b), S.Zero)) for a, b in zip(parts[0].A, parts[1].A, strict=True)]
        return AdditiveRungeKutta(
            parts=tuple(RungeKutta(A=part.A, b=part.b, c=nodes) for part in parts),
            title="Fields f and downwind f, of one right side",
        )

    def _rows(
        self,
        number: Callable[[Expr], str],
        up: Callable[[str], str],
        down: Callable[[str], str],
        naming: Callable[[str], str] = str,
    ) -> list[tuple[str, list[tuple[str, bool]]]]:
        found = []
        for i, name in enumerate(self.states):
            if name in self.known:
                continue
            terms = [_term(x, naming(y), number) for x, y in zip(self.v[i], self.known, strict=True) if not x.is_zero]
            for rows, form in ((self.alpha, up), (self.downwind, down)):
                if rows:
                    pairs = zip(rows[i], self.states, strict=True)
                    terms += [_term(x, form(naming(y)), number) for x, y in pairs if not x.is_zero]
            found.append((name, terms))
        return found


def shu_osher(scheme: Scheme | str, r: object = None, *, downwind: bool = False) -> ShuOsher:
    """The canonical Shu–Osher form of a method that has a general form: Runge–Kutta, multistep, general linear.

    r: an exact number; without it the SSP coefficient C, where all coefficients are nonnegative, a rational just below
        where C has no closed form, and 1 where C is infinite.
    downwind: with steps of a downwind operator, as few of them as can be, and with r as large as that allows.
    Raises InputError where there is no such form."""
    scheme = as_scheme(scheme)
    form = canonical_form(scheme)
    if form is None:
        raise InputError(
            f"{scheme.name or scheme.family}: there is no Shu–Osher form of several fields or components, of y'' = f, "
            "of Nordsieck vectors, or of a method that does not keep a constant"
        )
    given = None if r is None else parse(r)
    if given is not None and not (given.is_number and float_of(given) > 0):
        raise InputError(f"r = {text_of(given)}: a positive number is expected")
    if downwind:
        coefficient, chosen, rows = splitting(form, given)
        return ShuOsher(chosen, coefficient, form.known, _names(form), *rows)
    largest = step_size_coefficient(form)
    chosen = _usable(form, _chosen(scheme, largest) if given is None else given)
    return ShuOsher(chosen, largest, form.known, _names(form), *_canonical(form, chosen))


def _chosen(scheme: Scheme, largest: Expr | Isolated | None) -> Expr:
    if largest is None or largest == 0:
        why = "is not decided" if largest is None else "is 0: a form with nonnegative coefficients takes downwind steps"
        raise InputError(f"{scheme.name or scheme.family}: its SSP coefficient {why}; or give r")
    if isinstance(largest, Isolated):
        return largest.low
    return S.One if largest is oo else largest


def _usable(form: GeneralForm, r: Expr) -> Expr:
    """r, or a rational just below a root of a polynomial that has no field with the coefficients."""
    try:
        domain_of([r, *_coefficients(form)])
    except InputError:
        return Rational(int(float_of(r) * 2**40), 2**40)
    return r


def _coefficients(form: GeneralForm) -> list[Expr]:
    return [form.domain.expression(x) for rows in (form.S, form.T) for row in rows for x in row.values()]


def _canonical(form: GeneralForm, r: Expr) -> tuple[Matrix, Matrix]:
    """v and α, over a field that holds r too."""
    expression = form.domain.expression
    S_, T = ([{j: expression(x) for j, x in row.items()} for row in rows] for rows in (form.S, form.T))
    domain = form.domain if r.is_Rational else domain_of([r, *_coefficients(form)])
    at, n = domain.convert(r), form.size
    scaled = [{j: at * domain.convert(x) for j, x in row.items()} for row in T]
    right = [
        {**row, **{n + j: domain.convert(x) for j, x in known.items()}} for row, known in zip(scaled, S_, strict=True)
    ]
    for i, row in enumerate(scaled):
        row[i] = row.get(i, domain.zero) + domain.one
    rows = solved([dict(row) for row in scaled], right)
    if rows is None:
        raise InputError(f"r = {text_of(r)}: I + rT has no inverse there; choose another r")
    width = len(form.known)

    def entries(first: int, count: int) -> Matrix:
        return tuple(
            tuple(expand(domain.expression(row[first + j])) if row.get(first + j) else S.Zero for j in range(count))
            for row in rows
        )

    return entries(n, width), entries(0, n)


def _names(form: GeneralForm) -> tuple[str, ...]:
    """y1, y2, … in turn, what is known by its name, y_new for the state that is handed on."""
    names = []
    for i in range(form.size):
        (j, x), *more = form.S[i].items() if form.S[i] else ((0, form.domain.zero),)
        known = not form.T[i] and not more and x == form.domain.one
        names.append(form.known[j] if known else "y_new" if i == form.results[0] else f"y{i + 1}")
    return tuple(names)


def _undone(left: Sequence[Sequence[Expr]], right: Matrix) -> Matrix:
    """left⁻¹ · right."""
    domain = domain_of([x for rows in (left, right) for row in rows for x in row])
    first, second = ([{j: domain.convert(x) for j, x in enumerate(row) if x != 0} for row in m] for m in (left, right))
    rows = solved(first, second)
    if rows is None:
        raise InputError("pair: the form defines its states by each other, without an evaluation")
    return tuple(
        tuple(expand(domain.expression(row[j])) if row.get(j) else S.Zero for j in range(len(right))) for row in rows
    )


def _scaled(rows: Matrix, factor: Expr) -> Matrix:
    return tuple(tuple(expand(x * factor) for x in row) for row in rows)


def _brief(value: Expr) -> str:
    """The number in full where that can be read, else ten digits of it."""
    exact = text_of(value)
    if len(exact) > 24:
        return f"{float_of(value):.10g}"
    return f"({exact})" if value.is_Add else exact


def _latex(value: Expr) -> str:
    """The same of a formula: a root of a polynomial, and a number of many digits, as ten digits."""
    if len(text_of(value)) > 60:
        return f"{float_of(value):.10g}"
    return rf"\left({latex_number(value)}\right)" if value.is_Add else latex_number(value)


def _term(x: Expr, what: str, number: Callable[[Expr], str]) -> tuple[str, bool]:
    """A term and whether it is subtracted."""
    if x.is_Add and not (text := number(x)).startswith("-"):  # in brackets, its own signs
        return f"{text} {what}", False
    minus = float_of(x) < 0
    size = -x if minus else x
    return (what if size == 1 else f"{number(size)} {what}"), minus


def _sum(terms: Sequence[tuple[str, bool]]) -> str:
    signed = [f"{'- ' if minus else '+ '}{term}" for term, minus in terms]
    return " ".join(signed).removeprefix("+ ") or "0"


def _subscript(name: str) -> str:
    """``y_{3}``, ``y_{n+1}``, ``y_n``, ``y_{n-1}``."""
    known: Mapping[str, str] = {"y": "y_n", "y_new": "y_{n+1}", "y_prev": "y_{n-1}"}
    if name.startswith("y_prev") and name not in known:
        return f"y_{{n-{name.removeprefix('y_prev')}}}"
    return known.get(name, f"Y_{{{name[1:]}}}" if name[1:].isdigit() else rf"\mathrm{{{name}}}")
