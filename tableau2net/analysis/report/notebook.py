"""A report for notebooks and papers: the coefficients and the facts, in HTML and in LaTeX."""

from __future__ import annotations

import re
from html import escape

from sympy import Expr, Float, Poly
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.report.finding import Findings
from tableau2net.analysis.report.pieces import LONGEST, Fact, Piece, number, polynomial
from tableau2net.exact.text import is_long, text_of
from tableau2net.exact.typeset_numbers import html_number, latex_number
from tableau2net.scheme.typeset import html as scheme_html
from tableau2net.scheme.typeset import latex as scheme_latex
from tableau2net.scheme.typeset.latex import linear_combination

SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\^{}"}
SYMBOLS = {
    "f̃": r"\tilde{f}", "τ": r"\tau", "α": r"\alpha", "β": r"\beta", "λ": r"\lambda", "ζ": r"\zeta", "Φ": r"\Phi",
    "≈": r"\approx", "≤": r"\le", "≥": r"\ge", "∞": r"\infty", "·": r"\cdot", "−": "-", "∅": r"\emptyset",
    "…": r"\ldots", "°": r"^\circ", "θ": r"\theta", "π": r"\pi", "ν": r"\nu", "ŝ": r"\hat{s}", "∂": r"\partial",
}  # fmt: skip
RAISED, LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
TOKEN = re.compile(f"({'|'.join(SYMBOLS)}|[{RAISED}]+|[{LOWERED}]+)")


def html(found: Findings) -> str:
    """The scheme as `typeset.html`, and under it the facts, a row each."""
    cell = 'style="text-align:left;background:none;padding:.1em .8em .1em 0;vertical-align:top"'
    rows = "".join(
        f"<tr><td {cell}>{escape(fact.name)}</td><td {cell}>{_html(fact)}</td></tr>" for fact in facts(found)
    )
    table = f'<table style="border-collapse:collapse;width:auto"><tbody>{rows}</tbody></table>'
    return f"<div>{scheme_html(found.table)}{table}</div>"


def latex(found: Findings) -> str:
    """The scheme as `typeset.latex` over an array of the facts, in displayed math."""
    rows = " \\\\\n".join(f"{_latex_text(fact.name)} & {_latex(fact)}" for fact in facts(found))
    about = f"\\begin{{array}}{{ll}}\n{rows}\n\\end{{array}}"
    return f"$$\n\\begin{{array}}{{l}}\n{scheme_latex(found.table)} \\\\[3ex]\n{about}\n\\end{{array}}\n$$"


def _html(fact: Fact) -> str:
    return "".join(_html_piece(piece) for piece in fact.value)


def _html_piece(piece: Piece) -> str:
    if isinstance(piece, str):
        return escape(piece)
    if isinstance(piece, Poly) or not _short(piece):
        return escape(polynomial(piece) if isinstance(piece, Poly) else number(piece))
    return html_number(piece) + _decimal(piece)


def _latex(fact: Fact) -> str:
    return "".join(_latex_piece(piece) for piece in fact.value)


def _latex_piece(piece: Piece) -> str:
    if isinstance(piece, str):
        return _latex_text(piece)
    if isinstance(piece, Poly):
        return _latex_text(polynomial(piece)) if any(map(is_long, piece.coeffs())) else _latex_polynomial(piece)
    return latex_number(piece) + _latex_text(_decimal(piece)) if _short(piece) else _latex_text(number(piece))


def _short(value: Expr) -> bool:
    """Whether a number is written out exactly."""
    return not (is_long(value) or value.atoms(ComplexRootOf, Float)) and len(text_of(value)) <= LONGEST


def _decimal(value: Expr) -> str:
    """What `number` puts behind the exact form."""
    _, separator, decimal = number(value).partition(" ≈ ")
    return separator + decimal


def _latex_text(text: str) -> str:
    r"""Words as ``\text{…}``; Greek letters, raised and lowered digits and signs as the math they are."""
    return " ".join(map(_latex_token, filter(None, TOKEN.split(text))))


def _latex_token(token: str) -> str:
    if token in SYMBOLS:
        return SYMBOLS[token]
    for digits, sign in ((RAISED, "^"), (LOWERED, "_")):
        if token[0] in digits:
            return f"{sign}{{{''.join(str(digits.index(c)) for c in token)}}}"
    return f"\\text{{{''.join(SPECIAL.get(c, c) for c in token)}}}"


def _latex_polynomial(p: Poly) -> str:
    """Of one variable: lowest power first."""
    if len(p.gens) > 1:
        return latex_number(p.as_expr())
    name = latex_number(p.gens[0])
    terms = [(c, name if n == 1 else f"{name}^{{{n}}}") for (n,), c in sorted(p.terms()) if n]
    constant, rest = p.nth(0), linear_combination(terms)
    if constant.is_zero or not terms:
        return rest if terms else latex_number(constant)
    return f"{latex_number(constant)} {rest.replace('-', '- ', 1) if rest.startswith('-') else f'+ {rest}'}"
