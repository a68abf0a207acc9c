r"""The step program in LaTeX: an ``align*`` block, a line an operation, as a paper would write the method out."""

from __future__ import annotations

import re
from typing import Literal

from sympy import Expr

from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.scheme import Scheme
from tableau2net.scheme.lowering import Operator
from tableau2net.scheme.typeset.latex import latex as scheme_latex
from tableau2net.scheme.typeset.latex import linear_combination
from tableau2net.step.lower import lower
from tableau2net.step.operation import Call, Solve, Terms
from tableau2net.step.program import Step
from tableau2net.step.transform import LETTERS


def latex(step: Step) -> str:
    r"""An ``align*`` environment (amsmath): stages and field values in order, then what the step hands on.

    Lines that have to be solved together end in the same mark, (1), (2), …"""
    writer = _Latex(step)
    lines = []
    solved = 0
    for op in step.operations:
        solved += isinstance(op, Solve)
        mark = f" && \\text{{solve ({solved})}}" if isinstance(op, Solve) else ""
        lines += [f"{writer.name(o.target)} &= {o.written(writer)}{mark}" for o in op.members]
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


class _Latex:
    """Operations in the letters of a paper."""

    language: Literal["latex"] = "latex"

    def __init__(self, step: Step) -> None:
        self.step, self.names = step, _names(step)

    def name(self, value: str) -> str:
        return self.names[value]

    def sum(self, terms: Terms) -> str:
        h = "h" if self.step.derivative == 1 else f"h^{self.step.derivative}"
        fields = {v for v, kind in self.step.kinds.items() if kind == "f"}
        return linear_combination([(c, f"{h} {self.names[v]}" if v in fields else self.names[v]) for c, v in terms])

    def field(self, call: Call) -> str:
        return f"f^{{[{call.part + 1}]}}" if self.step.parts > 1 else "f"

    def time(self, call: Call) -> str:
        return _time(call.time)

    def scaled(self, coefficient: Expr) -> str:
        number = latex_number(coefficient)
        return "h" if coefficient == 1 else rf"\left({number}\right) h" if coefficient.is_Add else f"{number} h"

    def operator(self, kind: Operator, part: int) -> str:
        return LETTERS[kind]

    def evaluation(self, call: Call) -> str:
        values = [self.name(value) for value in call.values]
        if self.step.derivative == 2:  # h Y' is what the step has, Y' what the field is called with
            values[1:] = [value.removeprefix("h ") for value in values[1:]]
        return f"{self.field(call)}\\left({self.time(call)}, {', '.join(values)}\\right)"

    def number(self, value: Expr) -> str:
        return latex_number(value)


def _time(time: Expr) -> str:
    if time.is_zero:
        return "t_n"
    if time == 1:
        return "t_{n+1}"
    if time.is_Add:
        return rf"t_n + \left({latex_number(time)}\right) h"
    minus = time.could_extract_minus_sign()
    size = -time if minus else time
    return f"t_n {'-' if minus else '+'} {'' if size == 1 else latex_number(size) + ' '}h"


def _names(step: Step) -> dict[str, str]:
    """What each value is called on paper: inputs by their age, new values at n + 1, stages by number."""
    names = {}
    for given in step.inputs:
        if given.stage is not None or given.nordsieck is not None:
            names[given.name] = _spelled(given.name)
        elif given.kind == "y":
            letter = f"y^{{[{given.component + 1}]}}" if len(step.states) > 1 else "y"
            names[given.name] = f"{letter}_{_index(-given.age)}"
        else:
            letter = f"f^{{[{given.part + 1}]}}" if step.parts > 1 else "f"
            names[given.name] = f"{letter}_{_index(-given.age)}"
    for op in step.flat():
        names.setdefault(op.target, _spelled(op.target))
    return names


def _index(age: int) -> str:
    return f"{{n{age:+d}}}" if age else "n"


SPELLINGS = (  # of the names that the lowering gives; \1 and \2 are numbers
    (r"k(\d+)", r"k_{\1}"),
    (r"k(\d+)_(\d+)", r"k^{[\2]}_{\1}"),
    (r"([guvr])(\d+)", r"\1_{\2}"),
    (r"k(\d+)_prev", r"k^{(n-1)}_{\1}"),
    (r"y(\d+)", r"Y_{\1}"),
    (r"y(\d+)_(\d+)", r"Y^{[\1]}_{\2}"),
    (r"y_new", r"y_{n+1}"),
    (r"y(\d+)_new", r"y^{[\1]}_{n+1}"),
    (r"y_hat", r"\\hat{y}_{n+1}"),
    (r"hv", r"h y'_n"),
    (r"hv(\d+)", r"h Y'_{\1}"),
    (r"hv_new", r"h y'_{n+1}"),
    (r"hv_hat", r"h \\hat{y}'_{n+1}"),
    (r"f_n", r"f_n"),
    (r"f_t", r"\\dot{f}_n"),
    (r"f_n_(\d+)", r"f^{[\1]}_n"),
    (r"f_new", r"f_{n+1}"),
    (r"f_new_(\d+)", r"f^{[\1]}_{n+1}"),
    (r"z(\d+)", r"z_{\1}^{(n)}"),
    (r"z(\d+)_new", r"z_{\1}^{(n+1)}"),
)


def _spelled(name: str) -> str:
    """``k12`` is k_{12}, ``y3`` the stage Y_3; a name of another make is set upright as it is."""
    for pattern, written in SPELLINGS:
        if found := re.fullmatch(pattern, name):
            return found.expand(written)
    return rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"


def document(scheme: Scheme) -> str:
    """What goes into a paper: a comment with name and source, the scheme displayed, and its step."""
    about = [part for part in (scheme.name, scheme.title, scheme.reference) if part]
    comment = "".join(f"% {' '.join(part.split())}\n" for part in about)
    return f"{comment}\\[\n{scheme_latex(scheme)}\n\\]\n{latex(lower(scheme))}"
