"""A table as a file: Markdown, LaTeX, CSV (RFC 4180) and JSON. Nothing in a cell is taken for markup or a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tableau2net.comparison.assembled import Table
from tableau2net.comparison.protocol import row_note
from tableau2net.comparison.sheet import Sheet, pivot, sheet
from tableau2net.recipes.task import TASKS


def markdown(found: Sheet) -> str:
    """As GitHub reads it; numbers to the right, the caption below."""
    rule = ["---:" if found.right(column) else "---" for column in range(len(found.headings))]
    rows = [
        [f"**{markdown_text(cell)}**" if (r, c) in found.strong else markdown_text(cell) for c, cell in enumerate(row)]
        for r, row in enumerate(found.rows)
    ]
    lines = [f"| {' | '.join(line)} |" for line in (map(markdown_text, found.headings), rule, *rows)]
    return "\n".join([*lines, "", " ".join(map(markdown_text, sentences(found)))]) + "\n"


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is; what stands between letters or digits is no markup there."""
    text = re.sub(r"([\\`|<\[\]*~&$])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def sentences(found: Sheet) -> list[str]:
    """The caption, with what is the same in all rows before it."""
    same = ", ".join(f"{heading} {cell}" for heading, cell in found.same.items())
    return [*([f"All rows: {same}."] if same else []), *found.caption]


# ----------------------------------------------------------------------------------------------------------- LaTeX

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "varphi", "chi", "psi", "omega",
)  # fmt: skip
_TEX = {
    **{chr(0x3B1 + n): f"$\\{name}$" for n, name in enumerate(_GREEK) if name != "omicron"},
    **{letter: f"$\\{name}$" for letter, name in zip("ΓΔΘΛΞΠΣΦΨΩ", (
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"), strict=True)},
    **dict(zip("&%$#_{}", map("\\{}".format, "&%$#_{}"), strict=True)),
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "<": "$<$", ">": "$>$", "|": "$|$", "−": "$-$", "±": "$\\pm$", "×": "$\\times$", "≥": "$\\ge$", "≤": "$\\le$",
    "→": "$\\to$", "∞": "$\\infty$", "·": "$\\cdot$",
    "–": "{--}", "—": "{---}", "…": "\\dots{}", "’": "{'}", "“": "{``}", "”": "{''}",
    "[": "{[}", "]": "{]}", "*": "{*}", '"': "{''}", "'": "{'}", "`": "{`}",
}  # fmt: skip


def latex(found: Sheet) -> str:
    """A `table` with the rules of the package booktabs, which is all that it needs; the caption says what is said."""
    shape = "".join("r" if found.right(column) else "l" for column in range(len(found.headings)))
    rows = [
        [f"\\textbf{{{tex(cell)}}}" if (r, c) in found.strong else tex(cell) for c, cell in enumerate(row)]
        for r, row in enumerate(found.rows)
    ]
    return "\n".join([
        "% \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{' '.join(map(tex, sentences(found)))}}}",
        f"\\begin{{tabular}}{{@{{}}{shape}@{{}}}}",
        "\\toprule",
        f"{' & '.join(map(tex, found.headings))} \\\\",
        "\\midrule",
        *(f"{' & '.join(row)} \\\\" for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]) + "\n"  # fmt: skip


def tex(text: str) -> str:
    """Text that LaTeX sets as it is, with no package: ASCII, letters of Latin 1, Greek and the signs that tables have;
    another character is told by its code."""
    pairs = zip(text, [*text[1:], ""], strict=False)
    return "".join(_letter(c) + ("{}" if c == after == "-" else "") for c, after in pairs)  # -- is another sign


def _letter(c: str) -> str:
    return _TEX.get(c) or (c if " " <= c <= "~" or _accented(c) else f"U+{ord(c):04X}")


def _accented(letter: str) -> bool:
    return "À" <= letter <= "ÿ" and letter not in "×÷"


# -------------------------------------------------------------------------------------------------- for programs


def records(table: Table) -> list[dict[str, Any]]:
    """The rows, each with what it is against the baseline."""
    found = []
    for index, (row, against) in enumerate(zip(table.rows, table.against, strict=True)):
        versus = {"against": {"baseline": table.baseline, **against.to_dict()}} if table.baseline is not None else {}
        note = row_note(row, table.published)
        found.append({**row.to_dict(), "robust": _robust(table, index), **versus, "note": note})
    return found


def _robust(table: Table, index: int) -> dict[str, Any]:
    """What a row is under each attack that any row has been measured under."""
    found = {}
    for attack, against in zip(table.attacks, table.differences[1:], strict=True):
        spread = table.rows[index].robust.get(attack)
        own: dict[str, Any] = asdict(spread) if spread else {"mean": None, "std": None}
        found[attack] = own | ({} if table.baseline is None else {"against": against[index].to_dict()})
    return found


def json_text(table: Table) -> str:
    """One object: the caption's sentences, what was published, and the rows."""
    printed = table.published and asdict(table.published)
    whole = {"caption": table.caption, "published": printed, "rows": records(table)}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


FIGURES = {key for task in TASKS.values() for key in task.keys}


def csv_text(table: Table) -> str:
    """A line for each row, numbers plain, mean and standard deviation in columns of their own; the last column is the
    note on the row's training."""
    out = io.StringIO()
    lines = [_flat(record) for record in records(table)]
    writer = csv.DictWriter(out, list(lines[0]))  # with \r\n, as RFC 4180 has it
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in record.items():
        if key in FIGURES:
            value = value or {"mean": None, "std": None}
        if isinstance(value, dict):
            found |= {f"{key}_{name}": inner for name, inner in _flat(value).items()}
        elif isinstance(value, list | tuple):
            found[key] = " ".join(map(str, value))
        else:
            found[key] = safe(value) if isinstance(value, str) else value
    return found


def safe(text: str) -> str:
    """Text that a spreadsheet takes for text: with a ' before it where it would be a formula."""
    return f"'{text}" if re.match(r"\s*[=+\-@＝＋－＠]|[\t\r\n]", text) else text


# By the ending of a file's name; the last two have a line for each row, pivot or not.
FORMATS: dict[str, Callable[[Table, bool], str]] = {
    ".md": lambda table, turned: markdown(pivot(table) if turned else sheet(table)),
    ".tex": lambda table, turned: latex(pivot(table) if turned else sheet(table)),
    ".csv": lambda table, _: csv_text(table),
    ".json": lambda table, _: json_text(table),
}
