"""`tableau2net trees`: rooted trees drawn, and the order condition that belongs to each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from sympy import Rational

from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.series.b_series import BSeries
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.analysis.series.order_code import MultistepConditions, Notation, OrderConditions, order_conditions_of
from tableau2net.analysis.series.tree_pictures import side_by_side, svg, tikz
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json, text_of
from tableau2net.exact.typeset_numbers import latex_number
from tableau2net.files import write_atomically
from tableau2net.scheme import PartitionedRungeKutta, as_scheme

Form = Literal["art", "text", "latex", "equations", "python", "julia", "svg", "tikz", "json"]
WRITTEN = ("text", "latex", "python", "julia", "equations")  # what conditions without trees have too
FORMS = {  # by the ending of a file, the first what it is by itself
    ".svg": ("svg",),
    ".tikz": ("tikz",),
    ".tex": ("tikz", "latex"),
    ".json": ("json",),
    ".py": ("python",),
    ".jl": ("julia",),
    **dict.fromkeys((".txt", ".md"), ("art", "text", "equations")),
}
Caption = Callable[[RootedTree], str]


def trees_command(
    order: Annotated[int, typer.Argument(help="Trees of up to so many nodes: at most 10; 6 with two fields.")],
    scheme: Annotated[
        str | None, typer.Option(help="A scheme, by name or file: its coefficient a(t) at each tree beside 1/γ(t).")
    ] = None,
    family: Annotated[
        str, typer.Option(help="runge-kutta, additive-runge-kutta, partitioned-runge-kutta, [additive-]multistep.")
    ] = "runge-kutta",
    fields: Annotated[int | None, typer.Option(help="How many fields there are, of several: 2 by itself.")] = None,
    separable: Annotated[
        bool, typer.Option("--separable", help="Of partitioned schemes for y1' = f1(y2), y2' = f2(y1) alone.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--as", help="art, text, latex, equations, python, julia, svg, tikz or json; of a file by its ending."
        ),
    ] = None,
    matrix: Annotated[bool, typer.Option("--matrix", help="Conditions by matrices, bᵀ A c, not by indices.")] = False,
    stages: Annotated[
        int | None, typer.Option(help="With --as equations: in so many stages (or steps), in symbols b1, a21, c2.")
    ] = None,
    implicit: Annotated[bool, typer.Option("--implicit", help="With --as equations: A is a full matrix.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file.")] = None,
) -> None:
    """Rooted trees, drawn with the root below, each with its order condition Σ b_i … = 1/γ(t).

    Or the conditions of a whole family: as text, LaTeX, equations in so many stages, a function in Python or Julia.
    """
    form = _form(form, output)
    if form not in get_args(Form):
        raise InputError(f"--as {form}: write one of {', '.join(get_args(Form))}")
    if (stages is not None) != (form == "equations") or (implicit and form != "equations"):
        raise InputError("--as equations needs --stages, and --stages and --implicit go with nothing else")
    series = None
    reads: tuple[tuple[int, ...], ...] | None = ((2,), (1,)) if separable else None
    if scheme is not None:
        if family != "runge-kutta" or fields is not None or separable or form in WRITTEN:
            raise InputError(f"--scheme: goes with pictures of its own trees alone, without {_beside(form)}")
        table = as_scheme(scheme)
        series = bseries(table, order)
        fields = series.colours if series.colours > 1 else None
        reads = table.reads if isinstance(table, PartitionedRungeKutta) else None
        family = ("partitioned-" * (series.states > 1) or "additive-" * bool(fields)) + "runge-kutta"
    found = order_conditions_of(family, order, fields=fields, reads=reads)
    notation: Notation = "matrix" if matrix else "index"
    if form == "json":
        rows = _json(found, series, notation)
        if output is None:
            print_json(rows)
            return
        text = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    else:
        text = _written(found, form, notation, stages, implicit) or _drawn(found, form, notation, series)
    if output is None:
        print(text, end="")
    else:
        write_atomically(output, text)


def _form(form: str | None, output: Path | None) -> str:
    """What is written: as asked, or as the file's ending says. Raises InputError where these do not agree."""
    ending = "" if output is None else output.suffix.lower()
    if not ending or (form is not None and form not in get_args(Form)):
        return form or "art"
    if ending not in FORMS:
        raise InputError(f"{output}: trees are written as {', '.join(FORMS)}; end the file's name so")
    if form is not None and form not in FORMS[ending]:
        fitting = [known for known, forms in FORMS.items() if form in forms]
        raise InputError(f"{output}: --as {form} is written as {' or '.join(fitting)}; end the file's name so")
    return form or FORMS[ending][0]


def _beside(form: str) -> str:
    return f"--as {form}" if form in WRITTEN else "--family, --fields and --separable"


def _written(
    found: OrderConditions | MultistepConditions, form: str, notation: Notation, stages: int | None, implicit: bool
) -> str:
    """Conditions as text or code; "" for a picture."""
    if form == "text":
        return found.text(notation) + "\n"
    if form == "latex":
        return found.latex(notation) + "\n"
    if form == "python":
        return found.python()
    if form == "julia":
        return found.julia()
    if stages is None:
        return ""
    rows = found.equations(stages, explicit=not implicit)
    return "".join(f"{text_of(row.lhs)} = {text_of(row.rhs)}\n" for row in rows)


def _drawn(found: OrderConditions | MultistepConditions, form: str, notation: Notation, series: BSeries | None) -> str:
    if not isinstance(found, OrderConditions):
        raise InputError(f"--as {form}: multistep conditions have no trees; write --as {', '.join(WRITTEN)}")

    def latex_caption(tree: RootedTree) -> str:
        second = found.formula(tree, notation, latex=True) if series is None else _value(series, tree, latex=True)
        return rf"\shortstack{{${tree.latex}$\\${second}$}}"

    def caption(tree: RootedTree) -> str:
        return f"{tree}\n{found.formula(tree, notation) if series is None else _value(series, tree)}"

    if form == "tikz":
        return tikz(found, latex_caption)
    if form == "svg":
        return svg(found, caption)
    from tableau2net.cli.terminal import Terminal

    return side_by_side(found, Terminal().width, caption) + "\n"


def _value(series: BSeries, tree: RootedTree, *, latex: bool = False) -> str:
    """The coefficient, and beside it what it should be where it is not."""
    value, gamma = series[tree], tree.density
    written = latex_number(value) if latex else text_of(value)
    if value == Rational(1, gamma):
        return written
    return rf"{written} \neq 1/{gamma}" if latex else f"{written} ≠ 1/{gamma}"


def _json(
    found: OrderConditions | MultistepConditions, series: BSeries | None, notation: Notation
) -> dict[str, object]:
    if not isinstance(found, OrderConditions):
        raise InputError("--as json: conditions of multistep methods have no trees; write --as text")
    rows = [
        {
            "tree": list(t.levels),
            "bracket": str(t),
            "order": t.order,
            "density": t.density,
            "symmetry": t.symmetry,
            "alpha": t.alpha,
            "condition": found.formula(t, notation),
            **({"colours": list(t.colours)} if t.colours else {}),
            **({} if series is None else {"coefficient": exact_json(series[t])}),
        }
        for t in found
    ]
    return {"family": found.family, "order": found.order, "trees": rows}
