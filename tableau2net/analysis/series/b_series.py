"""B-series as objects: exact coefficients by tree, and the two laws by which they make new ones.

A B-series is B(a, y) = a(∅) y + Σ_t h^|t|/σ(t) a(t) F(t)(y), cut off after an order (HLW III.1). Those with a(∅) = 1
are maps that start from y: they compose, and have an inverse (the Butcher group). Those with a(∅) = 0 are fields,
times h: another series may be taken over them, and their exact flow is a map again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

from sympy import Expr, S, Symbol, expand, factor, sympify

from tableau2net.analysis.backward.substitution import cuts, solve, substituted, trees_up_to
from tableau2net.analysis.reading.rooted_tree import RootedTree, tree_of
from tableau2net.analysis.reading.trees import Forest, forest
from tableau2net.analysis.series.butcher_group import composed, inverse
from tableau2net.analysis.series.on_field import Differentials, vectors
from tableau2net.analysis.series.tree_pictures import side_by_side
from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.text import parse, shown, text_of
from tableau2net.scheme import plain_numbers

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
Key = RootedTree | Sequence[int] | str
EMPTY: tuple[Any, ...] = ("∅", "", (), [])  # how the tree without a node is written


class BSeries:
    """A B-series cut off after `order`, its coefficients exact; with several fields or states its trees are coloured.

    ``a[tree]`` is a(t), the tree given as a `RootedTree`, a level sequence, or printed ("[τ,[τ]]"); ``a["∅"]``
    and ``a[()]`` are a(∅).
    ``len(a)``, ``for tree in a`` and ``a.items()`` are over the trees of 1 to `order` nodes.
    ``a + b``, ``a - b``, ``2 * a``, ``a == b``; ``a.then(b)`` and so on below. What two of them make is cut off where
    the shorter is. Raises InputError for a tree beyond the order, and where operands do not go together.

    order: the last order that is known.  colours: how many fields there are.  rest: a(∅).
    states: how many states the system has, 1 but for partitioned methods: each field is then that of a state.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, grown: Forest, domain: Domain, order: int, values: Sequence[Element], rest: Element, states: int = 1
    ) -> None:
        self.forest, self.domain, self.order, self.states = grown, domain, order, states
        self._values, self._rest = tuple(values), rest

    @classmethod
    @plain_numbers
    def of(
        cls, coefficients: Mapping[Any, Any], order: int, *, rest: object = 0, colours: int = 1, states: int = 1
    ) -> BSeries:
        """One from its coefficients by tree, those left out being 0: ``BSeries.of({"τ": 1, "[τ]": "1/2"}, 3, rest=1)``.

        Coefficients are numbers, symbols, or sympy's; no floats. Raises InputError."""
        if not isinstance(coefficients, Mapping):
            raise InputError(f"BSeries.of: a coefficient by tree is expected, {{'τ': 1}}, not {shown(coefficients)}")
        grown = forest(colours=colours)
        trees = trees_up_to(grown, _checked(order))
        given = {_number(grown, key, order): _exact(value) for key, value in coefficients.items()}
        domain = domain_of([*given.values(), _exact(rest)])
        values = [domain.convert(given.get(tree, S.Zero)) for tree in trees]
        return cls(grown, domain, order, values, domain.convert(_exact(rest)), states)

    # ------------------------------------------------------------------------------------------------ looked at

    @property
    def colours(self) -> int:
        return self.forest.colours

    @cached_property
    def rest(self) -> Expr:
        return self.domain.expression(self._rest)

    @cached_property
    def trees(self) -> tuple[RootedTree, ...]:
        """The trees of 1 to `order` nodes, in the order of the coefficients."""
        return tuple(tree_of(self.forest, number) for number in range(len(self._values)))

    def __getitem__(self, tree: Key) -> Expr:
        if not isinstance(tree, RootedTree) and tree in EMPTY:
            return self.rest
        return self._shown(self._values[_number(self.forest, tree, self.order)])

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[RootedTree]:
        return iter(self.trees)

    def items(self) -> Iterator[tuple[RootedTree, Expr]]:
        """Each tree and its coefficient."""
        return zip(self.trees, map(self._shown, self._values), strict=True)

    def element(self, tree: int) -> Element:
        """The coefficient at the tree of a number, in the domain."""
        return self._values[tree]

    def __eq__(self, other: object) -> bool:
        """Whether the order and all coefficients are the same."""
        return (
            isinstance(other, BSeries)
            and (self.order, self.colours, self.states) == (other.order, other.colours, other.states)
            and self.agrees(other) == self.order
        )

    def agrees(self, other: BSeries) -> int:
        """The largest n with equal coefficients at all trees of up to n nodes; −1 where a(∅) is not the same. A
        scheme's order is that with the exact solution."""
        _, (a, b), order = self._with(other)
        if a[-1] != b[-1]:
            return -1
        differs = (self.forest.order[t] for t in trees_up_to(self.forest, order) if a[t] != b[t])
        return next(differs, order + 1) - 1

    def __str__(self) -> str:
        """``y + h τ + h²/2 [τ] + …``, a tree standing for its F(t); what is 0 is left out."""
        text = "" if self.rest == 0 else "y" if self.rest == 1 else f"({text_of(self.rest)}) y"
        shown = [(t, c / t.symmetry) for t, c in self.items() if c != 0]
        for n, terms in groupby(shown, key=lambda term: term[0].order):
            parts = [(c, f"{tree}") for tree, c in terms]
            power = "h" if n == 1 else f"h{str(n).translate(_RAISED)}"
            inner = "".join(_signed(c, tree, first=i == 0) for i, (c, tree) in enumerate(parts))
            alone = len(parts) == 1 and parts[0][0] == 1
            text += f"{' + ' if text else ''}{power} {inner if alone else f'({inner})'}"
        return f"{text or '0'} + …"

    @plain_numbers
    def drawn(self, width: int = 100, *, zeros: bool = False) -> str:
        """The trees side by side in text, each over its coefficient; with those of coefficient 0 where asked."""
        known = {tree: value for tree, value in self.items() if zeros or value != 0}
        return side_by_side(known, width, lambda tree: f"{tree}\n{text_of(known[tree])}") if known else "0"

    def __repr__(self) -> str:
        return f"BSeries({self}, order={self.order})"

    def _shown(self, value: Element) -> Expr:
        exact = self.domain.expression(value)
        return factor(exact) if exact.free_symbols else expand(exact)

    # ------------------------------------------------------------------------------------------- of a given field

    def evaluate(
        self, f: Any, y: Any, h: Expr | None = None, *, simplify: Callable[[Expr], Expr] = factor
    ) -> tuple[Expr, ...]:
        """The series for a given field, as expressions in y and h, one a component.

        f: sympy expressions in y, one a component; with several fields, a list of them for each.
        y: as many symbols; for a partitioned scheme, a list of them for each state, and each field has as many.
        h: the step, by itself the symbol h.  simplify: what the factor of each power of h is put through.
        Raises InputError where the shapes do not fit."""
        step = Symbol("h") if h is None else h
        fields, symbols = vectors(f, y, self.colours, self.states)
        known = Differentials(self.forest, fields, symbols)
        sums = [[S.Zero] * len(symbols) for _ in range(self.order + 1)]
        sums[0] = [self.rest * s for s in symbols]
        for number, value in enumerate(self._values):
            if value:
                a = self._shown(value) / self.forest.sigma[number]
                row = sums[self.forest.order[number]]
                row[:] = [total + a * part for total, part in zip(row, known.of(number), strict=True)]
        columns = zip(*sums, strict=True)
        return tuple(sum((step**n * simplify(c) for n, c in enumerate(column)), S.Zero) for column in columns)

    # ------------------------------------------------------------------------------------------- a vector space

    def __add__(self, other: BSeries) -> BSeries:
        domain, (a, b), order = self._with(other)
        return self._made(domain, order, [x + y for x, y in zip(a[:-1], b[:-1], strict=False)], a[-1] + b[-1])

    def __neg__(self) -> BSeries:
        return self * -1

    def __sub__(self, other: BSeries) -> BSeries:
        return self + -other

    def __mul__(self, number: object) -> BSeries:
        """Every coefficient times a number."""
        domain, values, x = self._beside(number)
        return self._made(domain, self.order, [x * v for v in values[:-1]], x * values[-1])

    __rmul__ = __mul__

    def __truediv__(self, number: object) -> BSeries:
        if _exact(number).is_zero:
            raise InputError("a B-series is divided by 0")
        inverse: object = 1 / _exact(number)
        return self * inverse

    @plain_numbers
    def truncate(self, order: int) -> BSeries:
        """The same, cut off after a lower order."""
        if not 1 <= order <= self.order:
            raise InputError(f"order = {order}: this series is known from 1 to {self.order}")
        count = len(trees_up_to(self.forest, order))
        return self._made(self.domain, order, self._values[:count], self._rest)

    def scaled(self, factor: object) -> BSeries:
        """That of the step c·h in the place of h: a(t) c^|t|."""
        domain, values, x = self._beside(factor)
        powers = [domain.one]
        for _ in range(self.order):
            powers.append(powers[-1] * x)
        return self._made(
            domain, self.order, [v * powers[self.forest.order[t]] for t, v in enumerate(values[:-1])], values[-1]
        )

    # ------------------------------------------------------------------------------------------ the Butcher group

    def then(self, other: BSeries) -> BSeries:
        """First this map, then the other: B(other, B(self, y)); Butcher's product self·other. The other may be any
        series, h f after a map say."""
        self._starts("then")
        domain, (a, b), order = self._with(other)
        return self._made(domain, order, composed(self.forest, domain, order, a[:-1], b[:-1], b[-1]), b[-1])

    def inverse(self) -> BSeries:
        """The map that undoes this one."""
        self._starts("inverse")
        values = inverse(self.forest, self.domain, self.order, self._values)
        return self._made(self.domain, self.order, values, self._rest)

    def adjoint(self) -> BSeries:
        """Φ*_h, the inverse of Φ_−h; equal to the map itself where that is symmetric."""
        return self.inverse().scaled(-1)

    def __pow__(self, times: int) -> BSeries:
        """The map so many times over; a negative number undoes it."""
        if not isinstance(times, int):
            raise InputError(f"power {times}: a whole number; `log().flow(s)` is s steps, for any s")
        base = self if times >= 0 else self.inverse()
        made = self._identity()
        for _ in range(abs(times)):
            made = made.then(base)
        return made

    def conjugated(self, by: BSeries) -> BSeries:
        """χ∘Φ∘χ^{−1}, for Φ this map and χ the other: first χ^{−1}, then Φ, then χ."""
        return by.inverse().then(self).then(by)

    def _identity(self) -> BSeries:
        return self._made(self.domain, self.order, [self.domain.zero] * len(self), self.domain.one)

    # ------------------------------------------------------------------------------------------- the other law

    def over(self, field: BSeries) -> BSeries:
        """This series with the B-series h f̃ in the place of h f: the substitution law. f̃(∅) is 0."""
        field._is_field("over")
        domain, (a, b), order = self._with(field)
        values = substituted(self.forest, domain, order, a.__getitem__, b.__getitem__)
        return self._made(domain, order, values, a[-1])

    def log(self) -> BSeries:
        """The field h f̃ whose exact flow over one step this map is: the modified equation."""
        self._starts("log")
        flow = _gammas(self.forest, self.domain)
        values = solve(self.forest, self.domain, self.order, flow, self._values.__getitem__)
        return self._made(self.domain, self.order, list(values.values()), self.domain.zero)

    def exp(self) -> BSeries:
        """The exact flow of this field over one step."""
        return self.flow(1)

    def flow(self, time: object) -> BSeries:
        """The exact flow of this field for a time, in steps; any number or symbol."""
        self._is_field("flow")
        return exact_series(self.order, self.colours, self.states).over(self * time)

    def modifying(self) -> BSeries:
        """The field h f̃ for which this map gives the exact solution of y' = f: the modifying integrator."""
        self._starts("modifying")
        lead = self._values[0]
        if not lead or any(self._values[root] != lead for root in self.forest.of_order(1)):
            raise InputError("modifying: the map sees no field, or several at different strengths")
        domain, values = self.domain, list(self._values)
        if lead != domain.one and not domain.domain.is_Field:
            domain, values, _ = self._beside(1 / self.domain.expression(lead))
        found = solve(self.forest, domain, self.order, values.__getitem__, _gammas(self.forest, domain))
        powers = [2 * n - 1 for n in self.forest.order[: len(self)]]
        fields = [found[t] if lead == domain.one else found[t] / values[0] ** powers[t] for t in found]
        return self._made(domain, self.order, fields, domain.zero)

    # ---------------------------------------------------------------------------------------------- put together

    def _made(self, domain: Domain, order: int, values: Sequence[Element], rest: Element) -> BSeries:
        return BSeries(self.forest, domain, order, values, rest, self.states)

    def _with(self, other: BSeries) -> tuple[Domain, tuple[list[Element], list[Element]], int]:
        """Both in one domain, a(∅) last, as far as both are known."""
        if not isinstance(other, BSeries):
            raise InputError("a B-series is expected beside a B-series")
        if (self.colours, self.states) != (other.colours, other.states):  # trees are numbered alike in both
            raise InputError(f"these B-series have {self.colours} and {other.colours} fields, or other states")
        order = min(self.order, other.order)
        count = len(trees_up_to(self.forest, order))
        a, b = ([*series._values[:count], series._rest] for series in (self, other))
        if self.domain.domain == other.domain.domain:
            return self.domain, (a, b), order
        domain, (a, b) = _in_one([(self.domain, a), (other.domain, b)])
        return domain, (a, b), order

    def _beside(self, number: object) -> tuple[Domain, list[Element], Element]:
        """The coefficients, a(∅) last, and a number in one domain."""
        own, exact = [*self._values, self._rest], _exact(number)
        if exact.is_Rational:
            return self.domain, own, self.domain.convert(exact)
        other = domain_of([exact])
        domain, (values, (x,)) = _in_one([(self.domain, own), (other, [other.convert(exact)])])
        return domain, values, x

    def _starts(self, what: str) -> None:
        if self._rest != self.domain.one:
            raise InputError(f"{what}: a(∅) = {self.rest}, not 1: this is no map that starts from y")

    def _is_field(self, what: str) -> None:
        if self._rest:
            raise InputError(f"{what}: a(∅) = {self.rest}, not 0: this is no field")


@plain_numbers
def exact_series(order: int, colours: int = 1, states: int = 1) -> BSeries:
    """The exact solution after one step: 1/γ(t).  colours: the fields that there are; states: see `BSeries`.

    Raises InputError for an order below 1, or with more trees than are counted in reasonable time."""
    grown, domain = forest(colours=colours), domain_of([])
    flow = _gammas(grown, domain)
    values = [flow(tree) for tree in trees_up_to(grown, _checked(order))]
    return BSeries(grown, domain, order, values, domain.one, states)


def _gammas(grown: Forest, domain: Domain) -> Any:
    return lambda tree: domain.rational(1, grown.gamma[tree])


def _in_one(rows: Sequence[tuple[Domain, list[Element]]]) -> tuple[Domain, list[list[Element]]]:
    """Elements of several domains in one that holds them all."""
    written = [[old.expression(x) for x in row] for old, row in rows]
    domain = domain_of([x for row in written for x in row])
    return domain, [[domain.convert(x) for x in row] for row in written]


def _exact(value: object) -> Expr:
    if isinstance(value, float):
        raise InputError(f"{value}: a float; write an exact number, Rational(1, 2) or '1/2' say")
    try:
        exact = sympify(value) if not isinstance(value, str) else parse(value)
    except (TypeError, ValueError, SyntaxError):
        raise InputError(f"{value!r}: an exact number is expected") from None
    if not isinstance(exact, Expr):
        raise InputError(f"{value!r}: an exact number is expected")
    return exact


def _checked(order: int) -> int:
    if not isinstance(order, int) or order < 1:
        raise InputError(f"order = {order}: a whole number from 1 on")
    return order


def _number(grown: Forest, key: Key, order: int) -> int:
    """The number of a tree in a forest. Raises InputError where it has none, or is beyond an order."""
    tree = key if isinstance(key, RootedTree) else RootedTree(key)
    if tree.order > order:
        raise InputError(f"{tree}: {tree.order} nodes; this series is known to order {order}")
    if bool(tree.colours) != (grown.colours > 1) or max(tree.colours, default=1) > grown.colours:
        raise InputError(f"{tree}: colours from 1 to {grown.colours} are expected, none where there is one field")
    return _grown(grown, tree)


def _grown(grown: Forest, tree: RootedTree) -> int:
    number = tree.colour - 1
    for branch in tree.branches:
        number = cuts(grown).graft(number, _grown(grown, branch))
    return number


def _signed(coefficient: Expr, tree: str, *, first: bool) -> str:
    minus = not coefficient.is_Add and bool(coefficient.could_extract_minus_sign())
    size = -coefficient if minus else coefficient
    sign = ("−" if minus else "") if first else (" − " if minus else " + ")
    return sign + ("" if size == 1 else f"({text_of(size)}) " if size.is_Add else f"{text_of(size)} ") + tree
