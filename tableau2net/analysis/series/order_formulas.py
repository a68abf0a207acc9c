"""The order condition of a tree as a formula in A, b, c: with indices, and by matrices.

Of a tree [t_1, …, t_r, τ^m] the stages have Π_k (A u_k) c^m, where u_k is what the stages have of t_k, and the weight
is bᵀ of that (Butcher 1963; HNW I, II.2). A leaf is a c, as far as c holds the row sums of A. With several fields a
branch of colour μ takes A and c of field μ, and the root b of its own (HNW I, II.15).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tableau2net.analysis.reading.rooted_tree import RootedTree

INDICES = "ijklmnpqrsuvwxyz"
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Script:
    """How a formula is written: plain text or LaTeX."""

    latex: bool

    def letter(self, name: str, colour: int, below: str = "") -> str:
        r"""b_i, a_ij, ``a^{[2]}_{ij}``; colour 0 where there is one field."""
        if self.latex:
            above = f"^{{[{colour}]}}" if colour else ""
            return f"{name}{above}" + (f"_{{{below}}}" if below else "")
        return name + (str(colour).translate(_LOWERED) if colour else "") + (f"_{below}" if below else "")

    def power(self, text: str, n: int) -> str:
        if n == 1:
            return text
        if self.latex:
            return f"{{{text}}}^{{{n}}}" if "^" in text else f"{text}^{{{n}}}"
        return text + str(n).translate(_RAISED)

    def of_one(self, n: int) -> str:
        """1/n."""
        return "1" if n == 1 else rf"\frac{{1}}{{{n}}}" if self.latex else f"1/{n}"


def leaves(tree: RootedTree) -> list[tuple[int, int]]:
    """The colours of the leaves at the root, 0 where there is one field, and how many there are of each."""
    found = Counter(b.colours[0] if b.colours else 0 for b in tree.branches if b.order == 1)
    return sorted(found.items())


def stems(tree: RootedTree) -> list[tuple[RootedTree, int]]:
    """The branches at the root that are no leaves, and how many there are of each."""
    return list(Counter(b for b in tree.branches if b.order > 1).items())


def colour_of(tree: RootedTree) -> int:
    """That of the root; 0 where there is one field."""
    return tree.colours[0] if tree.colours else 0


def with_indices(tree: RootedTree, *, latex: bool) -> str:
    """``Σ_ij b_i c_i a_ij c_j``: every index runs over the stages."""
    script, fresh = Script(latex), count(1)
    factors = [script.letter("b", colour_of(tree), "i"), *_factors(tree, 0, script, fresh)]
    used = INDICES[: next(fresh)]
    return (rf"\sum_{{{used}}} " if latex else f"Σ_{used} ") + " ".join(factors)


def _factors(tree: RootedTree, index: int, script: Script, fresh: count[int]) -> Iterator[str]:
    i = INDICES[index]
    for colour, n in leaves(tree):
        yield script.power(script.letter("c", colour, i), n)
    for stem, n in stems(tree):
        for _ in range(n):
            j = next(fresh)
            yield script.letter("a", colour_of(stem), i + INDICES[j])
            yield from _factors(stem, j, script, fresh)


def by_matrices(tree: RootedTree, *, latex: bool) -> str:
    """``bᵀ(c · A c)``: products of vectors are taken entry by entry, and e holds ones."""
    script = Script(latex)
    weights = script.letter("b", colour_of(tree))
    transposed = f"{{{weights}}}^{{T}}" if latex else f"{weights}ᵀ"
    return f"{transposed} {_vector(tree, script)}"


def _vector(tree: RootedTree, script: Script) -> str:
    """What the stages have of a tree, in brackets where it is a product."""
    parts = [script.power(script.letter("c", colour), n) for colour, n in leaves(tree)]
    for stem, n in stems(tree):
        product = f"{script.letter('A', colour_of(stem))} {_vector(stem, script)}"
        parts.append(product if n == 1 else script.power(f"({product})", n))
    joined = (r" \cdot " if script.latex else " · ").join(parts)
    return "e" if not parts else joined if len(parts) == 1 else f"({joined})"
