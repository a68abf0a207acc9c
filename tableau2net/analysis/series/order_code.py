"""The order conditions of a whole family, generic, as text, LaTeX, equations and code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from sympy import Eq, Expr, Rational, S

from tableau2net.analysis.backward.substitution import MAX_TREES, most_nodes, trees_up_to
from tableau2net.analysis.reading.rooted_tree import RootedTree, tree_of
from tableau2net.analysis.reading.trees import forest
from tableau2net.analysis.series.order_formulas import Script, by_matrices, colour_of, leaves, stems, with_indices
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import plain_numbers
from tableau2net.scheme.base import MAX_PARTS

Notation = Literal["index", "matrix"]
TABLES = {"runge-kutta": 1, "additive-runge-kutta": 2, "partitioned-runge-kutta": 2}
MULTISTEP = {"multistep": 1, "additive-multistep": 2}
MAX_STAGES, MAX_STEPS, MAX_PRODUCTS = 12, 40, 200_000


@dataclass(frozen=True)
class OrderConditions:
    """What a member of a family must fulfil to be of an order: Σ_i b_i … = 1/γ(t) at each of the `trees`.

    fields: how many there are.  reads: for each the states that it depends on, of a partitioned scheme.
    c stands for the row sums of A, whatever nodes a table has: those are conditions where the field depends on time."""

    family: str
    order: int
    fields: int
    reads: tuple[tuple[int, ...], ...] | None
    trees: tuple[RootedTree, ...]

    def __len__(self) -> int:
        return len(self.trees)

    def __iter__(self) -> Iterator[RootedTree]:
        return iter(self.trees)

    def __str__(self) -> str:
        return self.text()

    def text(self, notation: Notation = "index") -> str:
        """A line a condition, its tree behind: ``Σ_ij b_i a_ij c_j = 1/6``, ``bᵀ A c = 1/6`` by notation "matrix"."""
        rows = [(self.formula(tree, notation), f"{tree}") for tree in self.trees]
        width = max(len(left) for left, _ in rows)
        return "\n".join(f"{left:{width}}   {tree}" for left, tree in rows)

    def latex(self, notation: Notation = "index") -> str:
        """The same as an `align*` of LaTeX."""
        rows = [self.formula(tree, notation, latex=True).replace(" = ", " &= ") for tree in self.trees]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def formula(self, tree: RootedTree, notation: Notation = "index", *, latex: bool = False) -> str:
        """One condition."""
        return f"{_written(notation)(tree, latex=latex)} = {Script(latex).of_one(tree.density)}"

    @plain_numbers
    def equations(self, stages: int, *, explicit: bool = True) -> tuple[Eq, ...]:
        """The conditions on so many stages written out, in symbols a21, b1, c2 (``a21_p1`` of the first of several).

        explicit: a_ij = 0 for j ≥ i, and c1 = 0. Raises InputError where that would be too long."""
        if not 1 <= stages <= MAX_STAGES:
            raise InputError(f"stages = {stages}: from 1 to {MAX_STAGES}")
        if stages ** (self.order - 1) * len(self.trees) > MAX_PRODUCTS:
            raise InputError(
                f"order {self.order} in {stages} stages is too long to be written out; ask for code instead"
            )
        table = _Symbols(stages, explicit, several=self.fields > 1)
        return tuple(Eq(table.weight(tree), Rational(1, tree.density), evaluate=False) for tree in self.trees)

    def python(self) -> str:
        """A Python function of numpy arrays: the residuals a(t) − 1/γ(t), as `order_conditions` has them."""
        return _code(self, _PYTHON)

    def julia(self) -> str:
        """The same in Julia."""
        return _code(self, _JULIA)


@dataclass(frozen=True)
class MultistepConditions:
    """What a linear multistep method must fulfil to be of an order: Σ_j α_j = 0 and, for q = 1 … p and each field,
    Σ_j j^q α_j = q Σ_j j^(q−1) β_j (HNW I, III.2, eq. 2.6)."""

    family: str
    order: int
    fields: int

    def __len__(self) -> int:
        return 1 + self.order * self.fields

    def __str__(self) -> str:
        return self.text()

    def text(self, notation: Notation = "index") -> str:
        """A line a condition."""
        return "\n".join(self._lines(Script(False), notation))

    def latex(self, notation: Notation = "index") -> str:
        """The same as an `align*` of LaTeX."""
        rows = [row.replace(" = ", " &= ") for row in self._lines(Script(True), notation)]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def _lines(self, script: Script, notation: Notation) -> Iterator[str]:
        _written(notation)  # refused here as everywhere, though sums over j have one way to be written
        alpha, beta, total = (r"\alpha", r"\beta", r"\sum_j ") if script.latex else ("α", "β", "Σ_j ")

        def moment(q: int, letter: str) -> str:
            return total + (f"{script.power('j', q)} " if q else "") + letter

        yield f"{moment(0, script.letter(alpha, 0, 'j'))} = 0"
        for q, field in product(range(1, self.order + 1), range(self.fields)):
            right = moment(q - 1, script.letter(beta, field + 1 if self.fields > 1 else 0, "j"))
            yield f"{moment(q, script.letter(alpha, 0, 'j'))} = {f'{q} ' if q > 1 else ''}{right}"

    @plain_numbers
    def equations(self, stages: int, *, explicit: bool = True) -> tuple[Eq, ...]:
        """The conditions on so many steps written out, in symbols alpha0, beta0 (``beta0_p1`` of several).

        stages: the steps k.  explicit: β_k = 0."""
        if not 1 <= stages <= MAX_STEPS:
            raise InputError(f"steps = {stages}: from 1 to {MAX_STEPS}")

        def moment(q: int, name: str) -> Expr:
            last = stages + (not explicit or name.startswith("alpha"))
            return sum((j**q * symbol(name.format(j)) for j in range(last)), S.Zero)

        rows = [Eq(moment(0, "alpha{}"), 0, evaluate=False)]
        for q, field in product(range(1, self.order + 1), range(1, self.fields + 1)):
            beta = f"beta{{}}_p{field}" if self.fields > 1 else "beta{}"
            rows.append(Eq(moment(q, "alpha{}"), q * moment(q - 1, beta), evaluate=False))
        return tuple(rows)

    def python(self) -> str:
        """A Python function: by how much each condition is missed."""
        return _PYTHON_MULTISTEP.format(p=self.order, loop="for b in beta" if self.fields > 1 else "for b in [beta]")

    def julia(self) -> str:
        """The same in Julia."""
        return _JULIA_MULTISTEP.format(p=self.order, loop="b in beta" if self.fields > 1 else "b in (beta,)")


@plain_numbers
def order_conditions_of(
    family: str, order: int, *, fields: int | None = None, reads: tuple[tuple[int, ...], ...] | None = None
) -> OrderConditions | MultistepConditions:
    """The generic order conditions of a family up to an order, to be written as text, LaTeX, equations or code.

    family: "runge-kutta", "additive-runge-kutta", "partitioned-runge-kutta", "multistep", "additive-multistep".
    fields: of the additive and partitioned ones, 2 by itself.  reads: of partitioned ones, for each field the states
    that it depends on, counted from 1; ``((2,), (1,))`` for separable systems.
    Raises InputError for another family, an order below 1, and more than 1,300 trees.
    """
    known = TABLES | MULTISTEP
    if family not in known:
        raise InputError(f"family = {family!r}: write one of {', '.join(known)}")
    if order < 1:
        raise InputError(f"order = {order}: a whole number from 1 on")
    several = known[family] > 1
    count = known[family] if fields is None else fields
    if not (1 <= count <= MAX_PARTS if several else count == 1):
        raise InputError(f"fields = {count}: {f'from 1 to {MAX_PARTS}' if several else f'a {family} scheme has one'}")
    if reads is not None and (family != "partitioned-runge-kutta" or not _are_reads(reads, count)):
        raise InputError(f"reads: of a partitioned scheme, for each of {count} fields the states it reads, from 1")
    if family in MULTISTEP:
        if order > 2 * MAX_STEPS:
            raise InputError(f"order = {order}: at most {2 * MAX_STEPS}")
        return MultistepConditions(family, order, count)
    grown = forest(colours=count, reads=None if reads is None else tuple(tuple(s - 1 for s in row) for row in reads))
    if (most := most_nodes(grown)) < order:
        raise InputError(f"order = {order}: more than {MAX_TREES:,} trees, ask for {most} at most")
    found = tuple(tree_of(grown, number) for number in trees_up_to(grown, order))
    return OrderConditions(family, order, count, reads, found)


def _are_reads(reads: tuple[tuple[int, ...], ...], count: int) -> bool:
    rows = isinstance(reads, Sequence) and all(isinstance(row, Sequence) and row for row in reads)
    return rows and len(reads) == count and all(s in range(1, count + 1) for row in reads for s in row)


def _written(notation: str) -> Callable[..., str]:
    written = {"index": with_indices, "matrix": by_matrices}
    if notation not in written:
        raise InputError(f"notation = {notation!r}: write index or matrix")
    return written[notation]


# ------------------------------------------------------------------------------------------------------- equations


class _Symbols:
    """A tableau of symbols, and what its stages have of a tree."""

    def __init__(self, stages: int, explicit: bool, *, several: bool) -> None:
        self._stages, self._explicit, self._several = range(1, stages + 1), explicit, several
        self._wide = stages > 9

    def weight(self, tree: RootedTree) -> Expr:
        """Σ_i b_i …, sorted out."""
        total = sum((self._named("b", colour_of(tree), i) * self._stage(tree, i) for i in self._stages), S.Zero)
        return total.expand()

    def _stage(self, tree: RootedTree, i: int) -> Expr:
        value = S.One
        for colour, n in leaves(tree):
            value *= S.Zero if self._explicit and i == 1 else self._named("c", colour, i) ** n
        for stem, n in stems(tree):
            below = range(1, i) if self._explicit else self._stages
            inner = ((self._named("a", colour_of(stem), i, j), self._stage(stem, j)) for j in below)
            value *= sum((a * u for a, u in inner), S.Zero) ** n
        return value

    def _named(self, letter: str, colour: int, *indices: int) -> Expr:
        text = ("_" if self._wide else "").join(map(str, indices))
        return symbol(f"{letter}{text}" + (f"_p{colour}" if self._several else ""))


# ------------------------------------------------------------------------------------------------------------ code


@dataclass(frozen=True)
class _Language:
    """How vectors are written. head, tail: of the function, in which lines stand four columns in."""

    head: str
    tail: str
    times: str
    matrix: str
    power: str
    dot: str
    one: str
    index: str
    row: str
    start: str
    sums: str
    each: str
    comment: str


_PYTHON = _Language(
    head='def order_conditions(A, b, one=1):\n    """Residuals {of}\n\n    A, b: numpy arrays{several}.  one: a 1 of '
    'their kind, Fraction(1) say, where they are exact."""\n',
    tail="    return rows\n",
    times=" * ",
    matrix="{A} @ {u}",
    power="{u}**{n}",
    dot="{b} @ {u}",
    one="one / {n}",
    index="{x}[{zero}]",
    row="    rows.append({left} - {right})  {comment}{tree}\n",
    start="    c = {c}\n    rows = []\n",
    sums="{A}.sum(axis=1)",
    each="[{sums} for a in A]",
    comment="# ",
)
_JULIA = _Language(
    head='using LinearAlgebra: dot\n\n"""\nResiduals {of}\n\nA: a matrix, b: a vector{several}.\n"""\n'
    "function order_conditions(A, b)\n",
    tail="    return rows\nend\n",
    times=" .* ",
    matrix="{A} * {u}",
    power="{u} .^ {n}",
    dot="dot({b}, {u})",
    one="1 // {n}",
    index="{x}[{one}]",
    row="    push!(rows, {left} - {right})  {comment}{tree}\n",
    start="    c = {c}\n    rows = Any[]\n",
    sums="vec(sum({A}; dims = 2))",
    each="[{sums} for a in A]",
    comment="# ",
)


_PYTHON_MULTISTEP = '''def order_conditions(alpha, beta):
    """By how much a linear multistep method misses each condition up to order {p}.

    alpha: k + 1 numbers, oldest first; beta: as many, where there are several fields a row for each."""
    rows = [sum(alpha)]
    for q in range(1, {p} + 1):
        {loop}:
            rows.append(sum(j**q * x - q * j ** (q - 1) * y for j, (x, y) in enumerate(zip(alpha, b, strict=True))))
    return rows
'''
_JULIA_MULTISTEP = '''"""By how much a linear multistep method misses each condition up to order {p}."""
function order_conditions(alpha, beta)
    rows = Any[sum(alpha)]
    for q in 1:{p}, {loop}
        push!(rows, sum(j^q * alpha[j + 1] - q * j^(q - 1) * b[j + 1] for j in 0:(length(alpha) - 1)))
    end
    return rows
end
'''


def _code(found: OrderConditions, language: _Language) -> str:
    """A line for each vector A u that several conditions share, and one for each condition."""
    several = " of each field, in lists" if found.fields > 1 else ""
    of = f"a(t) - 1/gamma(t) of the {len(found)} conditions up to order {found.order}, {found.family}."
    names: dict[RootedTree, str] = {}
    lines = [language.head.format(of=of, several=several)]
    sums = language.sums.format(A="a" if found.fields > 1 else "A")
    lines.append(language.start.format(c=language.each.format(sums=sums) if found.fields > 1 else sums))
    for tree in found.trees:
        for stem, _ in stems(tree):
            if stem not in names:
                names[stem] = f"u{len(names) + 1}"
                matrix = _indexed(language, "A", colour_of(stem))
                value = language.matrix.format(A=matrix, u=_operand(_product(stem, names, language), language))
                lines.append(f"    {names[stem]} = {value}\n")
        weights = _indexed(language, "b", colour_of(tree))
        product = _product(tree, names, language)
        argument = product if language.dot.endswith(")") else _operand(product, language)
        left = language.dot.format(b=weights, u=argument) if product else f"sum({weights})"
        right = "1" if tree.density == 1 else language.one.format(n=tree.density)
        lines.append(language.row.format(left=left, right=right, comment=language.comment, tree=tree))
    return "".join([*lines, language.tail])


def _product(tree: RootedTree, names: dict[RootedTree, str], language: _Language) -> str:
    """What the stages have of a tree, entry by entry."""
    factors = [(_indexed(language, "c", colour), n) for colour, n in leaves(tree)]
    factors += [(names[stem], n) for stem, n in stems(tree)]
    return language.times.join(u if n == 1 else language.power.format(u=u, n=n) for u, n in factors)


def _operand(text: str, language: _Language) -> str:
    return f"({text})" if language.times in text or language.power[3:-3] in text else text


def _indexed(language: _Language, letter: str, colour: int) -> str:
    return language.index.format(x=letter, zero=colour - 1, one=colour) if colour else letter
