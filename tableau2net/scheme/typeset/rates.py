r"""An equation in LaTeX: ``\partial_t u = - u u_{x} + \nu u_{xx}``, a line for each state."""

from __future__ import annotations

import sympy
from sympy import Expr

from tableau2net.exact.text import symbol
from tableau2net.scheme.derivative_letters import LAPLACIAN
from tableau2net.scheme.equation import Equation


def document(equation: Equation) -> str:
    """What goes into a paper: a comment with name and source, and the equation displayed."""
    about = [part for part in (equation.name, equation.title, equation.reference) if part]
    comment = "".join(f"% {' '.join(part.split())}\n" for part in about)
    named = zip(equation.states, equation.rates, strict=True)
    lines = [rf"\partial_t {sympy.latex(symbol(state))} &= {_rate(equation, rate)}" for state, rate in named]
    return f"{comment}\\begin{{align*}}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def _rate(equation: Equation, rate: Expr) -> str:
    powers = {power.base for power in rate.atoms(sympy.Pow)}
    names = {s: rf"\mathit{{{s.name}}}" for s in equation.symbols.values() if sympy.latex(s) == s.name != s.name[:1]}
    for name, (state, letters) in equation.derivatives.items():
        raised = symbol(name) in powers
        names[symbol(name)] = _derivative(sympy.latex(symbol(state)), letters, raised)
    text: str = sympy.latex(rate, symbol_names=names)
    return text


def _derivative(state: str, letters: str, raised: bool) -> str:
    r"""u_{xx}, \Delta u_{x}; in parentheses where a power of it is meant."""
    laplacians = letters.count(LAPLACIAN)
    single = letters.replace(LAPLACIAN, "")
    text = f"{state}_{{{single}}}" if single else state
    if laplacians:
        text = rf"\Delta{f'^{{{laplacians}}}' if laplacians > 1 else ''} {text}"
    return rf"\left({text}\right)" if raised and letters else text
