"""A rooted tree as an object: what is known of it, how it is written, and its number in a forest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, total_ordering
from itertools import pairwise
from math import factorial, prod

from tableau2net.analysis.reading.trees import Forest, bracket
from tableau2net.errors import InputError
from tableau2net.exact.text import shown

MAX_NODES = 60  # of a tree that is written down
MAX_COLOURS = 9
LONGEST = 60  # characters of what is no tree that an error repeats
MARKS = "●○◆◇"
_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹", "01234567890123456789")
_TOKEN = re.compile(
    r"\s*(?:(?P<open>\[)|(?P<close>\])|(?P<comma>,)|(?P<leaf>τ)|(?P<colour>[₀-₉]{1,2})|(?P<power>[⁰¹²³⁴-⁹]{1,3}))"
)

Nodes = tuple[tuple[int, int], ...]  # level and colour of each node, in preorder


@total_ordering
@dataclass(frozen=True)
class RootedTree:
    """A rooted tree, its nodes coloured where a system has several fields.

    levels: the depth of each node in preorder, as `trees` lists them: ``(1, 2, 3, 3)``, the root with one child that
        has two; the root may be counted from any number.  Or the tree as it is printed: ``"[[τ²]]"``, ``"[τ₁]₂"``.
    colours: which field each node is, from 1; () where there is one field.
    Branches may be given in any order: equal trees are equal. Raises InputError for what is no tree.
    """

    levels: tuple[int, ...]
    colours: tuple[int, ...] = ()

    def __init__(self, levels: Sequence[int] | str, colours: Sequence[int] = ()) -> None:
        nodes = _read(levels) if isinstance(levels, str) else _checked(levels, colours)
        nodes = _sorted(nodes)
        object.__setattr__(self, "levels", tuple(level for level, _ in nodes))
        object.__setattr__(self, "colours", tuple(c for _, c in nodes) if any(c for _, c in nodes) else ())

    def __lt__(self, other: RootedTree) -> bool:
        """By the number of nodes, then as level sequences."""
        return (self.order, self.levels, self.colours) < (other.order, other.levels, other.colours)

    def __str__(self) -> str:
        return bracket(self.levels, self.colours)

    def __repr__(self) -> str:
        return f"RootedTree({str(self)!r})"

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    @property
    def order(self) -> int:
        """|t|: the number of nodes."""
        return len(self.levels)

    @cached_property
    def branches(self) -> tuple[RootedTree, ...]:
        """The trees that are left when the root is taken away."""
        nodes = tuple(zip(self.levels, self.colours or [0] * self.order, strict=True))
        return tuple(_made(branch) for branch in _branches(nodes))

    @property
    def colour(self) -> int:
        """That of the root, from 1; 1 where there is one field."""
        return self.colours[0] if self.colours else 1

    @cached_property
    def density(self) -> int:
        """γ(t): the order times the densities of the branches."""
        return self.order * prod(branch.density for branch in self.branches)

    @cached_property
    def symmetry(self) -> int:
        """σ(t): how many ways there are to map the tree to itself."""
        repeats = Counter(self.branches)
        return prod(factorial(n) * branch.symmetry**n for branch, n in repeats.items())

    @property
    def alpha(self) -> int:
        """α(t) = |t|!/(σ(t) γ(t)): how often F(t) comes in the derivative y^(|t|) of the solution."""
        return factorial(self.order) // (self.symmetry * self.density)

    @property
    def height(self) -> int:
        """The nodes on the longest way up from the root."""
        return max(self.levels)

    @property
    def bracket(self) -> str:
        """In the notation of Butcher, as reports write trees: ``[τ,[τ]]``."""
        return str(self)

    @property
    def latex(self) -> str:
        r"""The same for math mode: ``[\tau^{2},[\tau]]``."""
        text = re.sub("[⁰¹²³⁴-⁹]+", lambda m: f"^{{{m[0].translate(_PLAIN)}}}", str(self))
        text = re.sub("[₀-₉]+", lambda m: f"_{{{m[0].translate(_PLAIN)}}}", text)
        return text.replace("τ", r"\tau ").replace("\\tau ^", r"\tau^").replace("\\tau _", r"\tau_")

    @property
    def art(self) -> str:
        """The tree in lines of text as wide as each other, the root below; nodes of several colours are ● ○ ◆ ◇."""
        return "\n".join(_block(self)[0])

    @property
    def differential(self) -> str:
        """F(t) in f and its derivatives: ``f''(f, f'f)``, ``f₁'f₂``."""
        letter = "f" + (f"{self.colour}".translate(str.maketrans("123456789", "₁₂₃₄₅₆₇₈₉")) if self.colours else "")
        inner = [branch.differential for branch in self.branches]
        primes = "'" * len(inner) if len(inner) < 4 else f"⁽{len(inner)}⁾".translate(str.maketrans("456789", "⁴⁵⁶⁷⁸⁹"))
        if len(inner) == 1:
            return f"{letter}'{inner[0]}"
        return f"{letter}{primes}({', '.join(inner)})" if inner else letter

    def times(self, other: RootedTree) -> RootedTree:
        """The Butcher product u∘v: the other grafted onto the root of this one as one more branch."""
        own, grafted = (zip(t.levels, t.colours or [0] * t.order, strict=True) for t in (self, other))
        return _made((*own, *((level + 1, colour) for level, colour in grafted)))

    def rerooted(self) -> Iterator[tuple[RootedTree, int]]:
        """The trees with another node as the root, and how far that is from the root of this one; itself first."""
        yield from _rerooted(self, None, 0)


def tree_of(forest: Forest, number: int) -> RootedTree:
    """The tree of a number in a forest."""
    return RootedTree(forest.levels(number), forest.colouring(number))


def _made(nodes: Nodes) -> RootedTree:
    return RootedTree([level for level, _ in nodes], [c for _, c in nodes] if nodes[0][1] else ())


def _rerooted(tree: RootedTree, above: RootedTree | None, distance: int) -> Iterator[tuple[RootedTree, int]]:
    """`tree` hangs on `above`, which is all that is seen through the edge below its root."""
    yield tree if above is None else tree.times(above), distance
    root = _made(((1, tree.colours[0] if tree.colours else 0),))
    for i, branch in enumerate(tree.branches):
        rest = root if above is None else root.times(above)
        for other in (*tree.branches[:i], *tree.branches[i + 1 :]):
            rest = rest.times(other)
        yield from _rerooted(branch, rest, distance + 1)


def _branches(nodes: Nodes) -> list[Nodes]:
    """The nodes of each branch, in their order."""
    starts = [i for i, (level, _) in enumerate(nodes) if level == nodes[0][0] + 1] + [len(nodes)]
    return [nodes[i:j] for i, j in pairwise(starts)]


def _sorted(nodes: Nodes, level: int = 1) -> Nodes:
    """Largest branches first, as `Forest.levels` has them, the root at a level."""
    inner = [_sorted(branch, level + 1) for branch in _branches(nodes)]
    inner.sort(key=lambda branch: ([n for n, _ in branch], [-c for _, c in branch]), reverse=True)
    return ((level, nodes[0][1]), *(node for branch in inner for node in branch))


def _checked(levels: Sequence[int], colours: Sequence[int]) -> Nodes:
    if not isinstance(levels, Sequence):
        raise InputError(f"tree {shown(levels)}: write it as it is printed, [τ,[τ]] say, or its levels, (1, 2, 2, 3)")
    told = f"tree {str(list(levels)[:MAX_NODES])[:LONGEST]}"
    if not 1 <= len(levels) <= MAX_NODES or not all(isinstance(n, int) for n in levels):
        raise InputError(f"{told}: levels are 1 to {MAX_NODES} whole numbers, the depth of each node in preorder")
    if any(not levels[0] < new <= old + 1 for old, new in pairwise(levels)):
        raise InputError(f"{told}: each level is below the root's, and one deeper than the one before it at most")
    fit = isinstance(colours, Sequence) and all(isinstance(c, int) and 1 <= c <= MAX_COLOURS for c in colours)
    if not fit or (colours and len(colours) != len(levels)):
        raise InputError(f"{told}: colours are one a node, from 1 to {MAX_COLOURS}")
    return tuple(zip(levels, colours or [0] * len(levels), strict=True))


def _read(text: str) -> Nodes:
    """The nodes of a tree in Butcher's notation. Raises InputError."""
    told = f"tree {text[:LONGEST]!r}: write τ, and [..] for branches on a root, such as [τ,[τ]] or [τ₁]₂"
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or len(tokens) > 4 * MAX_NODES:
            raise InputError(told)
        tokens.append((str(match.lastgroup), match[0].strip().translate(_PLAIN)))
        at = match.end()
    nodes, left = _parsed(tokens[::-1], 1, told)
    if left or len(nodes) > MAX_NODES:
        raise InputError(told)
    colours = [c for _, c in nodes]
    return _checked([n for n, _ in nodes], colours if any(colours) else ())


def _parsed(tokens: list[tuple[str, str]], level: int, told: str) -> tuple[Nodes, list[tuple[str, str]]]:
    """One tree from the end of the tokens, which are in reverse, and what is left of them."""

    def next_is(kind: str) -> bool:
        return bool(tokens) and tokens[-1][0] == kind

    inner: list[Nodes] = []
    if next_is("leaf"):
        tokens.pop()
    elif next_is("open"):
        tokens.pop()
        while not next_is("close"):
            branch, tokens = _parsed(tokens, level + 1, told)
            inner += [branch] * (min(int(tokens.pop()[1]), MAX_NODES) if next_is("power") else 1)
            if next_is("comma"):
                tokens.pop()
        tokens.pop()
    else:
        raise InputError(told)
    colour = int(tokens.pop()[1]) if next_is("colour") else 0
    return ((level, colour), *(node for branch in inner for node in branch)), tokens


def mark(colour: int) -> str:
    """The sign of a node of this colour, counted from 1."""
    return MARKS[colour - 1] if colour <= len(MARKS) else str(colour)


def _block(tree: RootedTree) -> tuple[list[str], int]:
    """The lines, and the column of the root."""
    node = mark(tree.colour)
    if not tree.branches:
        return [node], 0
    blocks = [_block(branch) for branch in tree.branches]
    height = max(len(lines) for lines, _ in blocks)
    padded = [[" " * len(lines[0])] * (height - len(lines)) + lines for lines, _ in blocks]
    rows = [" ".join(row) for row in zip(*padded, strict=True)]
    starts = [sum(len(lines[0]) + 1 for lines, _ in blocks[:i]) for i in range(len(blocks))]
    tops = [start + root for start, (_, root) in zip(starts, blocks, strict=True)]
    root = (tops[0] + tops[-1]) // 2
    width = len(rows[0])
    return [*rows, _edges(tops, root, width), " " * root + node + " " * (width - root - 1)], root


def _edges(tops: Sequence[int], root: int, width: int) -> str:
    """The line between a root and its branches: └─┴┬─┘."""
    if len(tops) == 1:
        return " " * root + "│" + " " * (width - root - 1)

    def sign(x: int) -> str:
        if not tops[0] <= x <= tops[-1]:
            return " "
        above, below = x in tops, x == root
        if x == tops[0]:
            return "├" if below else "└"
        if x == tops[-1]:
            return "┘"
        return "┼" if above and below else "┴" if above else "┬" if below else "─"

    return "".join(map(sign, range(width)))
