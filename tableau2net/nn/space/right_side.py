"""The right-hand side of an equation as torch: what is linear goes into the convolution, the rest is written out.

u_t = L u + rest: L are the terms with one derivative and a coefficient that is one number, which are one stencil
together; the rest is the code that a person would write, ``linear_u - u * u_x``.
"""

from __future__ import annotations

import keyword
import linecache
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Symbol
from torch import nn

from tableau2net.codegen.expressions import scalar
from tableau2net.exact.text import symbol
from tableau2net.scheme.equation import Equation


@dataclass(frozen=True)
class Split:
    """An equation taken apart.

    linear: by state and derivative (state, the state that is read, letters) the coefficient, in `scalars` alone.
    rest: of each state the other terms, each what is multiplied and its coefficient."""

    linear: Mapping[tuple[int, int, str], Expr]
    rest: tuple[Mapping[Expr, Expr], ...]

    @property
    def reads(self) -> set[str]:
        """The names that the rest reads."""
        return {s.name for terms in self.rest for pair in terms.items() for part in pair for s in part.free_symbols}

    @property
    def text(self) -> str:
        """The rest, as a reader of an error sees it."""
        return ", ".join(str(c * rest) for terms in self.rest for rest, c in terms.items())


def split_of(equation: Equation, scalars: Iterable[str]) -> Split:
    """What of an equation is linear with coefficients that are numbers or made of `scalars`. The state itself counts
    to it where there is a derivative beside it."""
    known = {symbol(name) for name in scalars}
    derivatives = equation.derivatives
    linear: dict[tuple[int, int, str], Expr] = {}
    rests: list[dict[Expr, Expr]] = []
    for i, terms in enumerate(equation.terms.values()):
        rest = {}
        for what, coefficient in terms.items():
            if what.is_Symbol and what.name in derivatives and coefficient.free_symbols <= known:
                state, letters = derivatives[what.name]
                linear[i, equation.states.index(state), letters] = coefficient
            else:
                rest[what] = coefficient
        rests.append(rest)
    if not any(letters for _, _, letters in linear):  # nothing to convolve
        for (i, j, _), coefficient in linear.items():
            rests[i][symbol(equation.states[j])] = coefficient
        linear = {}
    return Split(linear, tuple(rests))


def sum_of(terms: Mapping[Expr, Expr], first: str = "") -> str:
    """Terms as text, after what stands first; 0 where there are none."""
    text = first
    for term in sorted((c * what for what, c in terms.items()), key=lambda t: t.could_extract_minus_sign()):
        if not text:
            text = scalar(term)
        elif term.could_extract_minus_sign():
            text += f" - {_factor(-term)}"
        else:
            text += f" + {scalar(term)}"
    return text or "0.0"


def _factor(term: Expr) -> str:
    return f"({scalar(term)})" if term.is_Add else scalar(term)


class WrittenFunction(nn.Module):
    """A function of tensors that is written as text: ``function(u, u_x)``. Its source is shown by `inspect`, and is
    what is copied and pickled."""

    def __init__(self, name: str, arguments: Sequence[str], results: Sequence[str]) -> None:
        super().__init__()
        returned = results[0] if len(results) == 1 else f"({', '.join(results)},)"
        self.source = f"def {name}({', '.join(arguments)}):\n    return {returned}\n"
        self._function = _made(self.source, name)

    def forward(self, *values: Any) -> Any:
        return self._function(*values)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_function"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._function = _made(self.source, self.source.split("(")[0].removeprefix("def "))

    def extra_repr(self) -> str:
        return self.source.strip()


def _made(source: str, name: str) -> Callable[..., Any]:
    """The function of a source that was written by `scalar`, from parsed expressions: there are but names, numbers and
    torch's functions in it."""
    import torch

    file = f"<tableau2net.generated.{name}_{abs(hash(source)):x}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"torch": torch}
    exec(compile(source, file, "exec"), space)
    function: Callable[..., Any] = space[name]
    return function


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """The names as arguments of a function: those that Python or torch has are changed."""
    taken = set(names)
    found = {}
    for name in names:
        called = name
        while keyword.iskeyword(called) or called == "torch" or (called != name and called in taken):
            called += "_"
        found[name] = called
        taken.add(called)
    return found


def renamed(value: Expr, names: Mapping[str, str]) -> Expr:
    """An expression in other names."""
    return value.xreplace({symbol(a): Symbol(b, real=True) for a, b in names.items() if a != b})
