r"""LaTeX of a scheme: the Butcher tableau as an array, a multistep method as the formula it is.

What comes back is for math mode (``$…$``, ``\[…\]``); it needs no package beyond amsmath, and MathJax and KaTeX
read it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm
from typing import Any

from sympy import Expr, Rational, S

from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.scheme.layout import Cell, CellGrid, Label, Recurrence, Tabulated


def latex(scheme: Tabulated) -> str:
    """The scheme in LaTeX, for math mode: tableaus side by side, or y_{n+k} = … where it has steps."""
    if formula := scheme.formula():
        return _recurrence(formula)
    return r" \qquad ".join(map(_array, scheme.grids()))


def _array(grid: CellGrid) -> str:
    columns = "|".join("c" * width for width in grid.columns)
    sections = [" \\\\\n".join(" & ".join(map(_cell, row)) for row in section) for section in grid.sections]
    body = " \\\\ \\hline\n".join(sections)
    name = "" if grid.name is None else f"{grid.name.latex}:\\;"
    stretch = r"\def\arraystretch{1.4}"  # KaTeX has nothing to renew
    return f"{{{stretch}{name}\\begin{{array}}{{{columns}}}\n{body}\n\\end{{array}}}}"


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.latex if isinstance(cell, Label) else latex_number(cell)


# ------------------------------------------------------------------ multistep formulas


def _recurrence(formula: Recurrence) -> str:
    """y_{n+k} = Σ −α_j y_{n+j} + h Σ β_j f_{n+j}, newest first."""
    h = "h" if formula.derivative == 1 else f"h^{formula.derivative}"
    *old, _ = (-a for a in formula.alpha)
    states = linear_combination([(a, _at("y", j)) for j, a in reversed(list(enumerate(old)))])
    parts = [states, *(_field_sum(beta, f, h) for beta, f in zip(formula.betas, formula.letters, strict=True))]
    return f"{_at('y', len(old))} = {' + '.join(part for part in parts if part != '0') or '0'}"


def _field_sum(beta: Sequence[Expr], f: str, h: str) -> str:
    """h Σ β_j f_{n+j} with what is common to the β drawn out: h/12 (23 f_{n+2} − 16 f_{n+1} + 5 f_n)."""
    factor, inner = common_factor([(b, _at(f, j)) for j, b in reversed(list(enumerate(beta)))])
    terms = linear_combination(inner)
    if terms == "0":
        return "0"
    above = h if factor.p == 1 else f"{factor.p} {h}"
    scaled = above if factor.q == 1 else rf"\frac{{{above}}}{{{factor.q}}}"
    return f"{scaled} {terms}" if terms.startswith(f) and " " not in terms else rf"{scaled} \left({terms}\right)"


def _at(letter: str, j: int) -> str:
    return f"{letter}_{{n+{j}}}" if j else f"{letter}_n"


def common_factor(terms: Sequence[tuple[Expr, str]]) -> tuple[Any, list[tuple[Expr, str]]]:
    """A positive rational, and what is left: 1/12 and (23, −16, 5). 1 where a coefficient is not rational."""
    numbers = [c for c, _ in terms if not c.is_zero]
    if not numbers or not all(isinstance(c, Rational) for c in numbers):
        return S.One, list(terms)
    factor = Rational(gcd(*(int(c.p) for c in numbers)), lcm(*(int(c.q) for c in numbers)))
    return factor, [(c / factor, value) for c, value in terms]


def linear_combination(terms: Sequence[tuple[Expr, str]]) -> str:
    r"""``\frac{4}{3} y_{n+1} - \frac{1}{3} y_n``: signs drawn out, ones left out, sums in brackets; "0" when empty."""
    text = ""
    for coefficient, value in terms:
        if coefficient.is_zero:
            continue
        minus = _is_negative(coefficient)
        size = -coefficient if minus else coefficient
        factor = "" if size == 1 else _factor(size) + " "
        sign = ("-" if minus else "") if not text else (" - " if minus else " + ")
        text += f"{sign}{factor}{value}"
    return text or "0"


def _factor(size: Expr) -> str:
    text = latex_number(size)
    return rf"\left({text}\right)" if size.is_Add else text


def _is_negative(coefficient: Expr) -> bool:
    """Whether it is written with a minus sign in front; a sum of several terms is not."""
    return not coefficient.is_Add and bool(coefficient.could_extract_minus_sign())
