"""What the compiler does with a scheme: the program before and after each pass, and what each pass saves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from textwrap import wrap
from typing import Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text
from sympy import Expr

from tableau2net.analysis.order.equality import Equality, equality
from tableau2net.codegen.compile_options import Options
from tableau2net.codegen.emitted import program
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, text_of
from tableau2net.scheme import Scheme
from tableau2net.scheme.lowering import Operator
from tableau2net.step import Call, Cost, Passed, Solve, Step, cost, in_place
from tableau2net.step.operation import Terms
from tableau2net.step.passes.share import MAX_TERMS, terms
from tableau2net.step.transform import LETTERS

STATE = (128, 16, 32, 32)  # a state whose bytes are told, in float32
BYTES = 4
LONG = 20  # characters of an exact number from which on it is shown rounded
ORDER = 6  # how far B-series are compared
PURPOSE = {
    "lower": "the step as the scheme says it",
    "prune": "drop zeros and what nothing reads",
    "unify": "one value for copies and for equal sums and evaluations",
    "fsal": "the last evaluation is the next step's first",
    "isolate": "sum what a solve already knows before it",
    "share": "partial sums in common, each computed once",
    "arrange": "accumulate early, so that few tensors are alive",
}


@dataclass(frozen=True)
class Explanation:
    """What is shown, and whether every pass left the scheme exactly what it was."""

    shown: RenderableType
    equal: bool


def explain(scheme: Scheme, options: Options | None = None) -> Explanation:
    """The passes over a scheme's step. Raises InputError when it cannot be compiled under these options."""
    options = options or Options()
    ready = program(scheme, options)
    passes, named = ready.passes, ready.numbers.named
    title = Text(scheme.name or "unnamed", style="bold")
    if scheme.title:
        title.append(f"  {scheme.title}", style="not bold")
    parts: list[RenderableType] = [title, Text()]
    equal = True
    for before, after in zip((None, *passes), passes, strict=False):
        verdict = None if before is None or before.step == after.step else _compared(passes[0], after, options)
        equal = equal and (not isinstance(verdict, Equality) or bool(verdict))
        lines = _lines(after.step, places=after is passes[-1], keep=options.reveal)
        parts.append(_pass(before, after, verdict, lines, named))
    if passes[-2].step == passes[-1].step:
        parts.append(Text())
    parts.append(_costs(passes, options))
    size = prod(STATE) * BYTES
    note = f"A state is {'×'.join(map(str, STATE))} float32, {_bytes(size)}; what a field saves inside is its own."
    if not passes[-1].step.explicit:
        note += " What is inside a solve counts once."
    parts += [Text(), Text(note, style="dim")]
    return Explanation(Group(*parts), equal)


def _compared(first: Passed, after: Passed, options: Options) -> Equality | str:
    keep = [name for name in options.reveal if any(op.target == name for op in first.step.flat())]
    try:
        return equality(first.step, after.step, order=ORDER, keep=keep)
    except InputError as error:
        return f"not compared: {error}"


def _pass(
    before: Passed | None,
    after: Passed,
    verdict: Equality | str | None,
    written: Iterator[tuple[str, str]],
    named: Callable[[str], str],
) -> RenderableType:
    """named: puts names in the place of numbered parameters."""
    heading = Text(f"{after.name:<8}", style="cyan").append(f" {PURPOSE[after.name]}", style="default")
    if before is not None and verdict is None:
        many = terms(before.step) if after.name == "share" else 0
        why = f"left out, {many:,} terms, at most {MAX_TERMS:,}" if many > MAX_TERMS else "nothing to do"
        return heading.append(f": {why}", style="dim")
    known = set() if before is None else {line for line, _ in _lines(before.step)}
    lines = [(named(line), note, before is not None and line not in known) for line, note in written]
    verdicts = [] if verdict is None else [_verdict(verdict, named)]
    return Group(heading, *verdicts, _Program(lines), Text())


class _Program:
    """The lines of a program, the new ones marked; long ones go on further in."""

    def __init__(self, lines: list[tuple[str, str, bool]]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line, note, new in self.lines:
            indent = " " * (len(line) - len(line.lstrip()) + 8)
            pieces = wrap(line, options.max_width - 4 - len(note), subsequent_indent=indent)
            for i, piece in enumerate(pieces):
                text = Text("  + " if new and not i else "    ", style="green" if new else "")
                yield text.append(piece).append(note if i == len(pieces) - 1 else "", style="dim")


def _verdict(verdict: Equality | str, named: Callable[[str], str]) -> Text:
    if isinstance(verdict, str):
        return Text(f"  {named(verdict)}", style="yellow")
    if not verdict:
        return Text(f"  NOT THE SAME SCHEME: {named(str(verdict.difference))}", style="bold red")
    series = f"over B-series to order {verdict.order} and " if verdict.order is not None else ""
    return Text(f"  equal to the step as lowered, {series}in normal form, exactly", style="green")


def _lines(step: Step, *, places: bool = False, keep: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The program as a person would write it, a line an operation; `places`: with what is accumulated in place."""
    over, writer = in_place(step, keep=keep) if places else {}, _Letters(step)
    yield f"given {', '.join(i.name for i in step.inputs)}", ""
    for op in step.operations:
        if isinstance(op, Solve):
            yield "solve", ""
        for o in op.members:
            indent = "    " if isinstance(op, Solve) else "  "
            yield f"{indent}{o.target} = {o.written(writer)}", "   in its place" if o.target in over else ""
    yield f"hand on {', '.join(step.outputs)}", ""


class _Letters:
    """Operations as a person would write them, long numbers rounded."""

    language: Literal["text"] = "text"

    def __init__(self, step: Step) -> None:
        self.step, self.kinds = step, step.kinds

    def name(self, value: str) -> str:
        return value

    def sum(self, terms: Terms) -> str:
        text = ""
        for coefficient, value in terms:
            negative = bool(not coefficient.is_Add and coefficient.is_number and coefficient.is_negative)
            sign = ("- " if negative else "+ ") if text else ("-" if negative else "")
            h = ("h" if self.step.derivative == 1 else f"h^{self.step.derivative}") if self.kinds[value] == "f" else ""
            factors = (_factor(-coefficient if negative else coefficient), h, value)
            text += f"{' ' * bool(text)}{sign}{' '.join(factor for factor in factors if factor not in ('', '1'))}"
        return text or "0"

    def field(self, call: Call) -> str:
        return f"f{call.part + 1}" if self.step.parts > 1 else "f"

    def time(self, call: Call) -> str:
        return {"0": "t", "1": "t + h", "-1": "t - h"}.get(str(call.time), f"t + {_factor(call.time)} h")

    def evaluation(self, call: Call) -> str:
        return f"{self.field(call)}({self.time(call)}, {', '.join(self.step.written_at(call))})"

    def scaled(self, coefficient: Expr) -> str:
        return f"{_factor(coefficient)} h"

    def operator(self, kind: Operator, part: int) -> str:
        return LETTERS[kind]

    def number(self, value: Expr) -> str:
        return _factor(value)


def _factor(value: Expr) -> str:
    """The exact number, or where it is long, a few of its digits and an ellipsis."""
    text = text_of(value)
    if value.is_number and len(text) > LONG:
        return f"{float_of(value):.8g}…"
    return f"({text})" if value.is_Add else text


def _costs(passes: tuple[Passed, ...], options: Options) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("after", style="cyan")
    headings = ("evaluations", "kernels", "tensor passes", "live tensors", "saved tensors", "saved bytes")
    for heading in headings:
        table.add_column(heading, justify="right")
    before: tuple[str, ...] = ()
    for passed in passes:
        cells = _cells(cost(passed.step, keep=options.reveal))
        marked = [
            Text(c, style="" if not before or c != b else "dim") for c, b in zip(cells, before or cells, strict=True)
        ]
        table.add_row(passed.name, *marked)
        before = cells
    return table


def _cells(found: Cost) -> tuple[str, ...]:
    counts = (found.evaluations, found.kernels, found.tensor_passes, found.live, found.saved)
    return (*map(str, counts), _bytes(found.saved * prod(STATE) * BYTES))


def _bytes(n: int) -> str:
    return f"{n / 2**20:g} MiB"
