"""A table as cells of text: which columns there are, what is the same in all rows and told once, and the pivot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tableau2net.comparison.assembled import Table
from tableau2net.comparison.baseline import Against
from tableau2net.comparison.protocol import measured_by
from tableau2net.comparison.rows import Row
from tableau2net.recipes.task import ERROR, PARTS, Measure

NONE = "–"
NETWORK, DEPTH = "network", "depth"


@dataclass(frozen=True)
class Sheet:
    """Headings, rows of cells below them, what is the same in all rows by its heading, and the caption's sentences.

    strong: places (row, column) of cells that stand out.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    same: dict[str, str]
    caption: tuple[str, ...]
    strong: frozenset[tuple[int, int]] = frozenset()

    def right(self, column: int) -> bool:
        """Whether a column is of numbers, which end below each other."""
        return all(re.match(r"(–$|none$|[<+−]? ?\d)", row[column]) for row in self.rows)

    def without(self, headings: Iterable[str]) -> Sheet:
        """The same with some columns left out."""
        left = set(headings)
        kept = [column for column, heading in enumerate(self.headings) if heading not in left]
        strong = frozenset((row, kept.index(column)) for row, column in self.strong if column in kept)
        rows = tuple(tuple(row[column] for column in kept) for row in self.rows)
        return Sheet(tuple(self.headings[column] for column in kept), rows, self.same, self.caption, strong)


Text = Callable[[Row, Against], object]
TESTED, PUBLISHED = "tested", "published"  # places of columns whose headings tell the measure

# Where these are the same in all rows, the caption has them; so it has the test.
PROTOCOL: dict[str, Text] = {
    "data": lambda row, _: row.data,
    "train images": lambda row, _: None if row.train is None else f"{row.train:,}",
    "epochs": lambda row, _: row.epochs,
}
COLUMNS: dict[str, Text] = {
    NETWORK: lambda row, _: row.network,
    "scheme": lambda row, _: row.scheme,
    "order": lambda row, _: "none" if row.order == -1 else row.order,
    DEPTH: lambda row, _: row.depth if row.labelled else None,
    "depth matched": lambda row, _: None if row.column == row.depth else row.column,
    "coefficients": lambda row, _: row.coefficients,
    "parameters": lambda row, _: f"{row.parameters:,}",
    "FLOPs": lambda row, _: row.flops and short_number(row.flops),
    "evaluations": lambda row, _: row.evaluations,
    **PROTOCOL,
    "preset": lambda row, _: row.preset,
    "precision": lambda row, _: row.precision,
    "task": lambda row, _: row.learnt,
    "adversary": lambda row, _: row.adversary,
    "seeds": lambda row, _: len(row.seeds),
    TESTED: lambda row, _: row.tested,  # and the other figures
    PUBLISHED: lambda row, _: None if row.published is None else format(row.published, row.task.main.form),
    "difference": lambda row, found: difference(found, row.task.main),
    "p": lambda _, found: p_value(found.p_holm),
    "test": lambda _, found: used(found),
    "seconds/run": lambda row, _: f"{row.seconds:,.{0 if row.seconds >= 10 else 1}f}",
    "images/s": lambda row, _: f"{row.images_per_second:,.0f}",
    "device": lambda row, _: row.device,
}
ALWAYS = {NETWORK, DEPTH, "difference", "p"}


def sheet(table: Table) -> Sheet:
    """A line for each row. Columns of which nothing is known are left out, those that are the same told once."""
    pairs = list(zip(table.rows, table.against, strict=True))
    test = f"test {table.measure.axis}"
    columns: dict[str, list[str]] = {}
    for name, text in COLUMNS.items():
        if name == TESTED:
            columns |= _figures(table)
        else:
            heading = f"published, {table.measure.unit}".rstrip(", ") if name == PUBLISHED else name
            columns[heading] = [_cell(text(row, found)) for row, found in pairs]
    robust = _under_attack(table)
    last = ("seconds/run", "images/s", "device")
    columns = {**columns, **robust, **{name: columns.pop(name) for name in last}}
    always = {*ALWAYS, *robust, *_figures(table), f"published, {table.measure.unit}".rstrip(", ")}
    known = {name: cells for name, cells in columns.items() if set(cells) != {NONE} or name == test}
    same = {name: cells[0] for name, cells in known.items() if len(set(cells)) == 1 and name not in always}
    if len(set(known.get("test", ())) - {NONE}) == 1:  # a test, or a dash
        same["test"] = ""
    kept = {name: cells for name, cells in known.items() if name not in same}
    told = {name: cell for name, cell in same.items() if name not in (*PROTOCOL, "test")}
    strong = frozenset((row, list(kept).index(test)) for row in table.best)
    return Sheet(tuple(kept), tuple(zip(*kept.values(), strict=True)), told, table.caption, strong)


def _figures(table: Table) -> dict[str, list[str]]:
    """Columns of what is held out, and of the test, by each measure of the task."""
    found = {}
    for part in PARTS[1:]:
        for measure in table.task.measures:
            spreads = [row.figure(part, measure) for row in table.rows]
            found[f"{part} {measure.axis}"] = [NONE if each is None else each.shown(measure.form) for each in spreads]
    return found


def _under_attack(table: Table) -> dict[str, list[str]]:
    """Columns of each attack that any row has been measured under: the error, and the difference and p of it."""
    found: dict[str, list[str]] = {}
    for attack, against in zip(table.attacks, table.differences[1:], strict=True):
        found[f"{attack} error, %"] = [_cell(row.robust.get(attack)) for row in table.rows]
        found[f"{attack} difference"] = [_cell(difference(each, table.measure)) for each in against]
        found[f"{attack} p"] = [_cell(p_value(each.p_holm)) for each in against]
    return found


# What makes two rows lines of their own in a pivot; what comes second does so where the first leaves two for one cell.
_LINES = (NETWORK, "coefficients", "scheme", *PROTOCOL, "preset", "adversary")
_MORE = ("order", "precision", "device")


def pivot(table: Table) -> Sheet:
    """A line for each network, a column for each depth: test error, published figure in brackets, * where significant
    against the baseline."""
    lines = _lines(table, _LINES)
    if _clash(table, lines):
        lines = _lines(table, (*_LINES, *_MORE))
    cells: dict[tuple[tuple[str, ...], int], dict[int | None, int]] = {}
    for index, (line, row) in enumerate(zip(lines, table.rows, strict=True)):
        again = next(n for n in range(len(lines)) if row.column not in cells.get((line, n), {}))
        cells.setdefault((line, again), {})[row.column] = index
    depths = sorted({row.column for row in table.rows}, key=lambda depth: depth or 0)
    names = [name for column, name in enumerate(_LINES + _MORE) if column < len(lines[0])]
    differing = _telling(lines, names)
    strong, rows = set(), []
    for number, ((line, _), found) in enumerate(cells.items()):
        strong |= {(number, len(differing) + depths.index(d)) for d, index in found.items() if index in table.best}
        told = [_pivoted(table, found[d]) if d in found else NONE for d in depths]
        rows.append((*(line[column] for column in differing), *told))
    headings = (*(names[column] for column in differing), *("no depth" if d is None else f"depth {d}" for d in depths))
    first = 0 if table.title is None else 1
    no_column = "" if table.baseline is None else measured_by(table.baseline, table.measure)
    rest = (sentence for sentence in table.caption[first:] if sentence != no_column)
    caption = (*table.caption[:first], *_pivot_says(table), *rest)
    return Sheet(headings, tuple(rows), {}, caption, frozenset(strong))


def _lines(table: Table, names: Sequence[str]) -> list[tuple[str, ...]]:
    none = Against()
    texts: dict[str, Text] = {**COLUMNS, NETWORK: lambda row, _: family(row)}
    return [tuple(_cell(texts[name](row, none)) for name in names) for row in table.rows]


def _telling(lines: Sequence[tuple[str, ...]], names: Sequence[str]) -> list[int]:
    """The columns that tell lines apart: the network's name, what differs in protocol, of the rest what it takes."""
    kept = [column for column, name in enumerate(names) if name == NETWORK or len({line[column] for line in lines}) > 1]
    for column in kept[:0:-1]:
        rest = [other for other in kept if other != column]
        if names[column] not in PROTOCOL and len({tuple(line[c] for c in rest) for line in lines}) == len(set(lines)):
            kept = rest
    return kept


def _clash(table: Table, lines: Sequence[tuple[str, ...]]) -> bool:
    return len({(line, row.column) for line, row in zip(lines, table.rows, strict=True)}) < len(lines)


def family(row: Row) -> str:
    """The name of a network without its depth; a label as it is."""
    if row.labelled or row.depth is None:
        return row.network
    return re.sub(rf"_?(?<!\d){row.depth}(?!\d)", "", row.network, count=1) or row.network


def _pivoted(table: Table, index: int) -> str:
    row = table.rows[index]
    star = "*" if table.against[index].significant else ""
    form = table.measure.form
    return f"{row.tested.shown(form)}{star}" + ("" if row.published is None else f" [{row.published:{form}}]")


def _pivot_says(table: Table) -> list[str]:
    said = [f"Test {table.measure.axis}"]
    if any(row.published is not None for row in table.rows):
        said.append("in brackets as published")
    if any(found.significant for found in table.against):
        said.append(f"* where it differs significantly from {table.baseline}")
    return [f"{', '.join(said)}."]


def _cell(value: object) -> str:
    return NONE if value is None else str(value)


def short_number(value: int) -> str:
    """Three digits and a letter: 41.2 M."""
    for power, letter in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        part = value / 10**power
        if part >= 1:
            return f"{part:,.{2 if part < 9.995 else 1 if part < 99.95 else 0}f} {letter}"
    return str(value)


def difference(found: Against, measure: Measure = ERROR) -> str | None:
    """Points, or what the measure is in, with their sign, and the standard deviation where there is one."""
    if found.difference is None:
        return None
    spread = "" if found.std is None else f" ± {found.std:{measure.form}}"
    return f"{found.difference:+{measure.form}}".replace("-", "−") + spread


def p_value(p: float | None) -> str | None:
    """Two digits, or that it is below a thousandth."""
    return None if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def used(found: Against) -> str | None:
    """The test, and on how many pairs."""
    return None if found.p is None else f"{found.test}, n = {found.n:,}"
