"""`tableau2net table`: finished runs side by side, for a terminal, a README or a program."""

import json as text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tableau2net.training.comparison import Row

HEADINGS = (
    "network", "scheme", "order", "coefficients", "parameters", "data", "train images", "epochs", "seeds",
    "validation error, %", "test error, %", "images/s", "device",
)  # fmt: skip

# The first to go where a terminal is too narrow for all.
LEAST = (
    "device", "data", "images/s", "seeds", "train images", "epochs", "parameters", "coefficients",
    "validation error, %",
)  # fmt: skip

ALWAYS = ("network", "scheme", "order", "validation error, %", "test error, %")


def table(
    folders: Annotated[list[Path], typer.Argument(help="Folders with result.json in or below them.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """Compare finished runs: what was trained on what, and how well. Runs that differ by seed alone share a line."""
    from tableau2net.training.comparison import compare, read_results

    rows = compare(read_results(folders))
    if json:
        print(text.dumps([row.to_dict() for row in rows], indent=2, ensure_ascii=False))
    elif markdown:
        lines = [HEADINGS, ["---"] * len(HEADINGS), *map(_cells, rows)]
        print("\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines))
    else:
        _show([_cells(row) for row in rows])


def _show(rows: list[list[str]]) -> None:
    """For a terminal: what is the same in every row is told once, so that the rest has room."""
    from rich.table import Table

    from tableau2net.cli.terminal import Terminal

    console = Terminal()
    columns = dict(zip(HEADINGS, zip(*rows, strict=True), strict=True))
    same = {heading: cells[0] for heading, cells in columns.items() if len(set(cells)) == 1 and heading not in ALWAYS}
    shown = Table(header_style="bold", box=None, pad_edge=False)
    widths = {h: max(len(text) for text in (*h.split(), *cells)) for h, cells in columns.items() if h not in same}
    left_out = []
    for heading in LEAST:
        if heading in widths and sum(widths.values()) + 2 * (len(widths) - 1) > console.width:
            left_out.append(heading)
            del widths[heading]
    kept = [heading for heading in HEADINGS if heading in widths]
    for heading in kept:
        right = columns[heading][0][0] in "–0123456789"
        shown.add_column(
            heading, justify="right" if right else "left", min_width=1 if heading == "network" else widths[heading]
        )
    for cells in zip(*(columns[heading] for heading in kept), strict=True):
        shown.add_row(*cells)
    console.print(shown)
    if same:
        console.print("\nall: " + ", ".join(f"{heading} {cell}" for heading, cell in same.items()), soft_wrap=True)
    if left_out:
        console.print(
            f"no room for {', '.join(left_out)}: a wider terminal, --markdown or --json show them", soft_wrap=True
        )


def _cells(row: "Row") -> list[str]:
    """A row as text, in the order of HEADINGS; what does not apply is a dash."""
    cells = (
        row.network, row.scheme, "none" if row.order == -1 else row.order, row.coefficients, f"{row.parameters:,}",
        row.data, f"{row.train:,}", row.epochs, len(row.seeds), row.validation_error, row.test_error,
        f"{row.images_per_second:,.0f}", row.device,
    )  # fmt: skip
    return ["–" if cell is None else str(cell) for cell in cells]
