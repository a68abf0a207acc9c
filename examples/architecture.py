"""Draw the figures of docs/architecture.md: the tower of rooms, and a step's life from its file to the code.

python examples/architecture.py docs/images
"""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tableau2net.codegen import write_source

ROOT = Path(__file__).parents[1]
NAME = "ssprk-33"
INK, RULE, ACCENT, PAPER = "#1f2933", "#9aa5b1", "#b5442a", "#f6f4ef"


def tower(target: Path) -> None:
    """The floors of the table in docs/architecture.md, the ground at the bottom, with the files of each room."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    figure = Figure(figsize=(10, 0.36 * len(floors) + 0.3), dpi=160, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(0.4, len(floors) + 0.9)
    for number, rooms, what in floors:
        y = int(number)
        names = re.findall(r"`(\w+)`", rooms)
        width = 3.6 / len(names)
        for i, name in enumerate(names):
            left = 0.2 + i * width
            box = FancyBboxPatch(
                (left, y - 0.36), width - 0.1, 0.72, boxstyle="round,pad=0,rounding_size=0.08", fc=PAPER, ec=RULE
            )
            axes.add_patch(box)
            axes.text(left + 0.12, y, name, size=9, family="monospace", color=INK, va="center")
            if files := len(list((ROOT / "tableau2net" / name).rglob("*.py"))):
                axes.text(left + width - 0.2, y, files, size=7.5, color=ACCENT, va="center", ha="right")
        axes.text(4.0, y, what.replace("`", ""), size=8.5, color=INK, va="center")
    figure.savefig(target / "tower.png")


def life(target: Path) -> None:
    """One scheme in its four forms, row by row, with what an evaluation of each costs below."""
    file = "\n".join(line for line in scheme_text().splitlines() if re.match(r"family|A|b|\[claims|order", line))
    (lowered, first), *_, (emitted, last) = explained()
    panels = [
        ("its file", file, "exact numbers; a file cannot run code"),
        ("lowered", lowered, first),
        ("after the passes: the same, proved", emitted, last),
        ("the code", code(), "inspect.getsource(Block) shows it"),
    ]
    figure = Figure(figsize=(10, 5), dpi=160, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 5)
    for place, (title, text, told) in enumerate(panels):
        left, top = 0.25 + 4.9 * (place % 2), 4.75 - 2.45 * (place // 2)
        axes.text(left, top, f"{place + 1}  {title}", size=11, weight="bold", color=ACCENT, va="top")
        axes.text(left, top - 0.3, text, size=8.2, family="monospace", color=INK, va="top", linespacing=1.5)
        axes.text(left, top - 2.08, told, size=9, color="#2f6f4f")
    axes.plot([4.95, 4.95], [0.2, 4.8], color=RULE, lw=0.8)
    axes.plot([0.2, 9.8], [2.45, 2.45], color=RULE, lw=0.8)
    figure.savefig(target / "life-of-a-step.png")


def scheme_text() -> str:
    """The file of the scheme, as it stands in the library."""
    return next((ROOT / "schemes").rglob(f"{NAME}.toml")).read_text(encoding="utf-8")


def explained() -> list[tuple[str, str]]:
    """The program as it is lowered, and after each pass that changes it; and what each costs, in a few words."""
    command = [sys.executable, "-m", "tableau2net", "compile", NAME, "--explain"]
    shown = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"COLUMNS": "120"}
    ).stdout
    programs = [
        "\n".join(re.sub(r"^ *\+? *", "", line) for line in found.splitlines())
        for found in re.findall(r"^    given y\n(.+?)\n    hand on", shown, re.MULTILINE | re.DOTALL)
    ]
    rows = [line.split() for line in shown.splitlines() if re.match(r"\w+ +\d+ +\d+ +\d+ +\d+", line)]
    told = [f"{row[1]} evaluations, {row[2]} kernels, {row[4]} tensors alive" for row in (rows[0], rows[-1])]
    return [(programs[0], told[0]), (programs[-1], told[1])]


def code() -> str:
    """The generated ``step``, as it stands in the class, without its docstring."""
    lines = write_source(NAME).splitlines()
    first = max(i for i, line in enumerate(lines) if line.strip().startswith("def step("))
    last = next(i for i, line in enumerate(lines) if i > first and line.strip().startswith("return "))
    return textwrap.dedent("\n".join(line for line in lines[first : last + 1] if '"""' not in line))


if __name__ == "__main__":
    tower(Path(sys.argv[1]))
    life(Path(sys.argv[1]))
