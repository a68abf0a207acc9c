"""Draw the README's figure: a tableau on the left, the step that the compiler writes for it on the right.

python examples/tableau_to_code.py docs/images/tableau-to-code.png
"""

import sys
import textwrap

from matplotlib.figure import Figure
from sympy import latex

import tableau2net as t2n

NAME = "rk4"


def main(target: str) -> None:
    figure = Figure(figsize=(10, 3.6), dpi=160, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 3.6)
    draw_tableau(axes, t2n.load(NAME))
    axes.annotate("", (3.95, 1.65), (3.15, 1.65), arrowprops={"arrowstyle": "-|>", "lw": 2, "color": "#b5442a"})
    axes.text(3.55, 1.85, f"compile(“{NAME}”)", ha="center", size=9, color="#b5442a")
    axes.text(4.35, 1.75, step_of(NAME), family="monospace", size=9.5, va="center", color="#1f2933", linespacing=1.45)
    order = t2n.order(t2n.load(NAME))
    axes.text(0.25, 0.22, f"verified: order {order}, every condition exactly", size=9.5, color="#2f6f4f")
    figure.savefig(target)


def draw_tableau(axes, scheme) -> None:
    """Nodes, coefficients and weights with their two rules, as Butcher writes them."""
    rows = [[scheme.c[i], *(scheme.A[i][:i])] for i in range(scheme.stages)]
    for i, row in enumerate([*rows, ["", *scheme.b]]):
        for j, entry in enumerate(row):
            text = "" if entry == "" else f"${latex(entry)}$"
            axes.text(0.5 + 0.55 * j, 2.95 - 0.5 * i, text, ha="center", va="center", size=14, color="#1f2933")
    bottom, right = 2.95 - 0.5 * scheme.stages, 0.5 + 0.55 * scheme.stages
    axes.plot([0.78, 0.78], [bottom - 0.25, 3.2], color="#1f2933", lw=1)
    axes.plot([0.25, right + 0.3], [bottom + 0.25, bottom + 0.25], color="#1f2933", lw=1)


def step_of(name: str) -> str:
    """The generated ``step``, as it stands in the class, without its docstring."""
    lines = t2n.codegen.write_source(name).splitlines()
    first = next(i for i, line in enumerate(lines) if line.strip().startswith("def step("))
    last = next(i for i, line in enumerate(lines) if i > first and line.strip().startswith("return "))
    body = [line for line in lines[first : last + 1] if '"""' not in line]
    return textwrap.dedent("\n".join(body))


if __name__ == "__main__":
    main(sys.argv[1])
