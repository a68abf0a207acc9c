"""A stencil as the formula that it is, in LaTeX and as text: ``(Du)[i] = (u[i-2] - 8 u[i-1] + …) / (12 h)``."""

from __future__ import annotations

from sympy import Expr

from tableau2net.exact.text import text_of
from tableau2net.scheme.stencil import Stencil
from tableau2net.scheme.typeset.latex import common_factor, latex, linear_combination

INDICES = "ijk"
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def difference_latex(stencil: Stencil) -> str:
    """The formula at a point of the inside, for math mode."""
    factor, inner = common_factor([(w, _at("u", at, "_{{{}}}")) for at, w in sorted(stencil.points.items())])
    terms = linear_combination(inner)
    numerator, denominator = str(factor.p), f"{'' if factor.q == 1 else f'{factor.q} '}{_step(stencil)}".strip()
    scaled = rf"\frac{{{numerator}}}{{{denominator}}} " if denominator else "" if numerator == "1" else f"{numerator} "
    body = terms if len(inner) == 1 or not scaled else rf"\left({terms}\right)"
    return f"{_left(stencil)} = {scaled}{body}"


def _left(stencil: Stencil) -> str:
    return linear_combination([(a, _at("(Du)", at, "_{{{}}}")) for at, a in sorted(stencil.left_points.items())])


def difference_text(stencil: Stencil) -> str:
    """The same in a line of text: ``(Du)[i] = (u[i-2] - 8 u[i-1] + 8 u[i+1] - u[i+2]) / (12 h)``."""
    factor, inner = common_factor([(w, _at("u", at, "[{}]")) for at, w in sorted(stencil.points.items())])
    left = _sum([(a, _at("(Du)", at, "[{}]")) for at, a in sorted(stencil.left_points.items())])
    below = " ".join(filter(None, (str(factor.q) if factor.q != 1 else "", _step(stencil, latex=False))))
    above = _sum(inner) if len(inner) == 1 else f"({_sum(inner)})"
    times = "" if factor.p == 1 else f"{factor.p} "
    return f"{left} = {times}{above}" + (f" / ({below})" if " " in below else f" / {below}" if below else "")


def _sum(terms: list[tuple[Expr, str]]) -> str:
    text = ""
    for c, value in terms:
        minus = not c.is_Add and bool(c.could_extract_minus_sign())
        size = -c if minus else c
        factor = "" if size == 1 else f"({text_of(size)}) " if size.is_Add else f"{text_of(size)} "
        text += f"{(' - ' if minus else ' + ') if text else '-' if minus else ''}{factor}{value}"
    return text or "0"


def _at(letter: str, offset: tuple[int, ...], form: str) -> str:
    """u_{i+1,j-2}"""
    places = ",".join(f"{INDICES[k]}{j:+d}" if j else INDICES[k] for k, j in enumerate(offset))
    return letter + form.format(places)


def _step(stencil: Stencil, latex: bool = True) -> str:
    """h^m; a step of its own along each axis that is differentiated, where one derivative is meant."""
    orders = stencil.orders
    if len(stencil.terms) > 1 or len(orders) == 1:
        return _power("h", sum(orders), latex)
    steps = [f"h_{k}" if latex else f"h{str(k).translate(LOWERED)}" for k in range(len(orders))]
    return " ".join(_power(h, m, latex) for h, m in zip(steps, orders, strict=True) if m)


def _power(h: str, m: int, latex: bool) -> str:
    return "" if m == 0 else h if m == 1 else f"{h}^{{{m}}}" if latex else h + str(m).translate(RAISED)


def document(stencil: Stencil) -> str:
    """What goes into a paper: a comment with name and source, the table displayed, and the formula."""
    about = [part for part in (stencil.name, stencil.title, stencil.reference) if part]
    comment = "".join(f"% {' '.join(part.split())}\n" for part in about)
    return f"{comment}\\[\n{latex(stencil)}\n\\]\n\\[\n{difference_latex(stencil)}\n\\]"
