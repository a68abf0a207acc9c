"""Rooted trees drawn: in a terminal, as SVG, and for TikZ. The root is below, as in Butcher's books.

Nodes of several colours: ● ○ ◆ ◇, then numbers; black, white, and so on in a figure, numbered where they are more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.errors import InputError

FILLS = ("black", "white", "#c2410c", "#2563eb")
BETWEEN = "   "
MAX_DRAWN = 2000  # trees of a picture

Point = tuple[float, float]  # to the right, and up
Caption = Callable[[RootedTree], str]


def side_by_side(trees: Iterable[RootedTree], width: int = 100, caption: Caption = str) -> str:
    """Several trees on one ground, each over its caption, in as many rows as the width asks for."""
    cells = [_captioned(tree, caption(tree)) for tree in _few(trees)]
    rows: list[list[list[str]]] = [[]]
    for cell in cells:
        used = sum(len(c[0]) + len(BETWEEN) for c in rows[-1])
        if rows[-1] and used + len(cell[0]) > width:
            rows.append([])
        rows[-1].append(cell)
    return "\n\n".join(_on_one_ground(row) for row in rows if row)


def _captioned(tree: RootedTree, caption: str) -> list[str]:
    lines, below = tree.art.split("\n"), caption.split("\n")
    width = max(map(len, [lines[0], *below]))
    left = (width - len(lines[0])) // 2
    return [(" " * left + line).ljust(width) for line in lines] + [line.center(width) for line in below]


def _on_one_ground(cells: Sequence[list[str]]) -> str:
    height = max(map(len, cells))
    padded = [[" " * len(cell[0])] * (height - len(cell)) + cell for cell in cells]
    return "\n".join(BETWEEN.join(row).rstrip() for row in zip(*padded, strict=True))


# --------------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True)
class _Laid:
    """Where the nodes of a tree are, one unit from leaf to leaf and from level to level, and the edges."""

    nodes: list[tuple[Point, int]]
    edges: list[tuple[Point, Point]]

    @property
    def width(self) -> float:
        return max(x for (x, _), _ in self.nodes)

    @property
    def height(self) -> float:
        return max(y for (_, y), _ in self.nodes)


def laid_out(tree: RootedTree) -> _Laid:
    """A root in the middle above which its branches stand side by side."""
    nodes: list[tuple[Point, int]] = []
    edges: list[tuple[Point, Point]] = []
    free = 0.0

    def place(part: RootedTree, level: int) -> Point:
        nonlocal free
        above = [place(branch, level + 1) for branch in part.branches]
        if not above:
            free += 1.0
        at = ((above[0][0] + above[-1][0]) / 2 if above else free - 1.0, float(level))
        nodes.append((at, part.colour))
        edges.extend((at, end) for end in above)
        return at

    place(tree, 0)
    return _Laid(nodes, edges)


def svg(trees: Iterable[RootedTree], caption: Caption = str, *, width: float = 1000) -> str:
    """The trees as one SVG picture of at most this width where a tree has room in it, each over its caption."""
    drawn = [(laid_out(tree), caption(tree).split("\n")) for tree in _few(trees)]
    unit, margin, line = 26, 16, 15
    cell = max(max(unit * laid.width, 7.5 * max(map(len, text))) for laid, text in drawn) + 2 * margin
    columns = max(1, int(width // cell))
    rows = [drawn[i : i + columns] for i in range(0, len(drawn), columns)]
    parts: list[str] = []
    top = 0.0
    for row in rows:
        ground = top + margin + unit * max(laid.height for laid, _ in row) + 6
        for column, (laid, text) in enumerate(row):
            left = column * cell + (cell - unit * laid.width) / 2
            parts += _svg_tree(laid, left, ground, unit)
            middle = column * cell + cell / 2
            parts += [
                f'<text x="{middle:g}" y="{ground + 24 + i * line:g}">{escape(words)}</text>'
                for i, words in enumerate(text)
            ]
        top = ground + 24 + line * max(len(text) for _, text in row)
    wide, high = cell * max(map(len, rows)), top + margin
    style = 'font-family="serif" font-size="13" text-anchor="middle" stroke-width="1.4"'
    size = f'viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}'
    return "\n".join([f"{head} {style}>", '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def _svg_tree(laid: _Laid, left: float, ground: float, unit: float) -> Iterator[str]:
    def at(point: Point) -> tuple[float, float]:
        return left + unit * point[0], ground - unit * point[1]

    for start, end in laid.edges:
        (x1, y1), (x2, y2) = at(start), at(end)
        yield f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="black"/>'
    for point, colour in laid.nodes:
        x, y = at(point)
        fill = FILLS[(colour - 1) % len(FILLS)]
        yield f'<circle cx="{x:g}" cy="{y:g}" r="4.5" fill="{fill}" stroke="black"/>'


def tikz(trees: Iterable[RootedTree], caption: Caption = lambda tree: f"${tree.latex}$") -> str:
    r"""The trees for LaTeX with ``\usepackage{tikz}``: a `tikzpicture` each, on one ground, captions below."""
    return "\n\\quad\n".join(_tikz_tree(tree, caption(tree)) for tree in _few(trees)) + "\n"


def _tikz_tree(tree: RootedTree, caption: str) -> str:
    laid = laid_out(tree)
    middle = laid.nodes[-1][0][0]  # the root is placed last
    lines = [r"\begin{tikzpicture}[scale=0.45, baseline=0]"]
    lines += [rf"  \draw {_tikz_at(start)} -- {_tikz_at(end)};" for start, end in laid.edges]
    fills = ("black", "white", "gray", "lightgray")
    lines += [rf"  \filldraw[fill={fills[(c - 1) % 4]}] {_tikz_at(p)} circle (4pt);" for p, c in laid.nodes]
    lines.append(rf"  \node[below=3pt] at ({middle:g},0) {{{caption}}};")
    return "\n".join([*lines, r"\end{tikzpicture}"])


def _tikz_at(point: Point) -> str:
    return f"({point[0]:g},{point[1]:g})"


def _few(trees: Iterable[RootedTree]) -> list[RootedTree]:
    found = list(trees)
    if not 1 <= len(found) <= MAX_DRAWN:
        raise InputError(f"{len(found)} trees: from 1 to {MAX_DRAWN} are drawn in one picture")
    return found
