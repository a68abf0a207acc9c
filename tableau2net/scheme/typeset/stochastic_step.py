r"""A stochastic scheme for a paper: its tableau, and the step in LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sympy import Expr, S, Symbol, expand

from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.scheme.stochastic_runge_kutta import RANDOM, StochasticRungeKutta
from tableau2net.scheme.typeset.latex import latex, linear_combination

ALL, OTHERS = r"\sum_k ", r"\sum_{l \ne k} "
LETTERS = {"W": "W_k", "H": "H_k", "J": "J_{(l,k)}", "A": "A_{(l,k)}"}


def document(scheme: StochasticRungeKutta) -> str:
    """What goes into a paper: a comment with name and source, the tableau displayed, and its step for any noises."""
    about = [part for part in (scheme.name, scheme.title, scheme.reference) if part]
    comment = "".join(f"% {' '.join(part.split())}\n" for part in about)
    body = " \\\\\n".join(_lines(scheme))
    return f"{comment}\\[\n{latex(scheme)}\n\\]\n\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _lines(scheme: StochasticRungeKutta) -> Iterator[str]:
    for i, (a, b) in enumerate(zip(scheme.A0, scheme.B0, strict=True), 1):
        yield f"Y_{{{i}}} &= {_sum(_drift(scheme, a), ALL, _noise(scheme, b))}"
    for i, (a, b, c) in enumerate(zip(scheme.A1, scheme.B1, scheme.C1, strict=True), 1):
        mixed = _mixed(_noise(scheme, c).replace("_{k}", "_{l}").replace("^k", "^l"))
        yield f"Z^k_{{{i}}} &= {_sum(_drift(scheme, a), '', _noise(scheme, b))}{mixed}"
    pairs = (
        (x, f"g^k({_time(c)}, Z^l_{{{i}}})") for i, (x, c) in enumerate(zip(scheme.gamma, scheme.c1, strict=True), 1)
    )
    mixed = _mixed(_weights(pairs))
    yield f"y_{{n+1}} &= {_sum(_drift(scheme, scheme.alpha), ALL, _noise(scheme, scheme.beta))}{mixed}"


def _sum(drift: str, over: str, noise: str) -> str:
    parts = ["y_n", *([rf"h \left({drift}\right)"] if drift != "0" else [])]
    return " + ".join([*parts, *([rf"\sqrt h {over}\left({noise}\right)"] if noise != "0" else [])])


def _mixed(inside: str) -> str:
    """What of the other noises there is."""
    return rf" + \sqrt h {OTHERS}\left({inside}\right)" if inside != "0" else ""


def _drift(scheme: StochasticRungeKutta, row: Sequence[Expr]) -> str:
    return linear_combination(
        [(x, f"f({_time(c)}, Y_{{{j}}})") for j, (x, c) in enumerate(zip(row, scheme.c0, strict=True), 1)]
    )


def _noise(scheme: StochasticRungeKutta, row: Sequence[Expr]) -> str:
    return _weights(
        (x, f"g^k({_time(c)}, Z^k_{{{j}}})") for j, (x, c) in enumerate(zip(row, scheme.c1, strict=True), 1)
    )


def _weights(terms: Iterable[tuple[Expr, str]]) -> str:
    letters = {RANDOM[name]: Symbol(text) for name, text in LETTERS.items()}
    return linear_combination([(expand(x).xreplace(letters), value) for x, value in terms if x != S.Zero])


def _time(c: Expr) -> str:
    return "t_n" if c.is_zero else "t_n + h" if c == 1 else f"t_n + {latex_number(c)} h"
