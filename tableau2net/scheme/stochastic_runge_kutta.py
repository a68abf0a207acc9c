"""Stochastic Runge–Kutta methods: dy = f(t, y) dt + Σ_k g^k(t, y) dW^k, in Itô's or Stratonovich's sense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from sympy import Expr, Poly, PolynomialError, S, Symbol, expand

from tableau2net.errors import InputError
from tableau2net.exact.text import shown, symbol
from tableau2net.scheme.coefficient_table import About, CoefficientTable
from tableau2net.scheme.keys import Matrix, Numbers
from tableau2net.scheme.layout import CellGrid, Label
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.registered import register_family
from tableau2net.scheme.runge_kutta import RungeKutta

CALCULUS = ("ito", "stratonovich")
NOISE = ("additive", "scalar", "diagonal", "general")
LAW = ("gaussian", "three-point", "three-point-shared", "three-point-products")
OWN, PAIR = ("W", "H"), ("W", "H", "J", "A")  # the random variables of a noise, and of two
RANDOM = {name: symbol(name) for name in PAIR}
MAX_DEGREE = 8  # of a coefficient in the random variables
MAX_NOISES = 8


@dataclass(frozen=True, kw_only=True)
class StochasticRungeKutta(CoefficientTable):
    """A step of a stochastic Runge–Kutta method, for any number of noises::

        Y_i   = y + h Σ A0_ij f(t + c0_j h, Y_j) + √h Σ_k Σ_j B0_ij g^k(t + c1_j h, Z^k_j)
        Z^k_i = y + h Σ A1_ij f(t + c0_j h, Y_j) + √h Σ_j B1_ij g^k(t + c1_j h, Z^k_j)
                                                 + √h Σ_(l≠k) Σ_j C1_ij g^l(t + c1_j h, Z^l_j)
        y⁺    = y + h Σ alpha_i f(Y_i) + √h Σ_k Σ_i beta_i g^k(Z^k_i) + √h Σ_k Σ_(l≠k) Σ_i gamma_i g^k(Z^l_i)

    What stands before a g is a polynomial in random variables that have no unit: W = ΔW/√h and H, the space-time Lévy
    area over √h (so that I_(k,0)/h = √h (W/2 + H)), of that g's noise; in C1 and gamma also J = I_(l,k)/h, l the noise
    of what is inside and k that of what is outside, and A = J − W_l W_k/2, the Lévy area. The published I_(k,k)/√h and
    I_(k,k,k)/h are (W**2 − 1)/2 and (W**3 − 3*W)/6.

    law: "gaussian"; or "three-point", for weak methods: W is ±√3 with probability 1/6 each and else 0, and A_(l,k) =
    −A_(k,l) is V/2, l < k, with a sign V = ±1 for each pair of noises (Kloeden and Platen 1992, 14.2), for each l
    ("three-point-shared"), or W_k V_l/2 with a sign for each l ("three-point-products").
    noise: for which noise the claims are made. c0, c1: row sums by themselves.
    """

    family: ClassVar[str] = "stochastic-runge-kutta"
    stands_for: ClassVar[str] = "stage"

    A0: Matrix
    B0: Matrix
    alpha: tuple[Expr, ...]
    beta: tuple[Expr, ...]
    A1: Matrix = ()
    B1: Matrix = ()
    C1: Matrix = ()
    gamma: tuple[Expr, ...] = ()
    c0: tuple[Expr, ...] = ()
    c1: tuple[Expr, ...] = ()
    calculus: str = "ito"
    noise: str = "general"
    law: str = "gaussian"

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            A0: Iterable[Numbers],
            B0: Iterable[Numbers],
            alpha: Numbers,
            beta: Numbers,
            A1: Iterable[Numbers] = (),
            B1: Iterable[Numbers] = (),
            C1: Iterable[Numbers] = (),
            gamma: Numbers = (),
            c0: Numbers = (),
            c1: Numbers = (),
            calculus: str = "ito",
            noise: str = "general",
            law: str = "gaussian",
            **about: Unpack[About],
        ) -> None: ...

    def __post_init__(self) -> None:
        for key, known in (("calculus", CALCULUS), ("noise", NOISE), ("law", LAW)):
            if getattr(self, key) not in known:
                raise InputError(f"{key} = {shown(getattr(self, key))}: write one of {', '.join(known)}")
        super().__post_init__()
        s, r = len(self.alpha), len(self.beta)
        if not (s and r):
            raise InputError(f"{'beta' if s else 'alpha'}: empty, where a weight is expected for each stage")
        for key, rows, columns in (("A0", s, s), ("B0", s, r), ("A1", r, s), ("B1", r, r), ("C1", r, r)):
            object.__setattr__(self, key, self._filled(key, rows, columns))
        for key, length, sums in (("gamma", r, ()), ("c0", s, self.A0), ("c1", r, self.A1)):
            given = getattr(self, key)
            if given and len(given) != length:
                raise InputError(f"{key}: {len(given)} entries, where there are {length} stages of its kind")
            default = tuple(expand(sum(row, S.Zero)) for row in sums) if sums else (S.Zero,) * length
            object.__setattr__(self, key, given or default)
        self._check_random()

    def _filled(self, key: str, rows: int, columns: int) -> Matrix:
        """Rows may stop early, or be left out altogether; the rest is 0."""
        given: Matrix = getattr(self, key) or ((),) * rows
        if len(given) != rows or any(len(row) > columns for row in given):
            raise InputError(
                f"{key}: {rows} rows of at most {columns} entries are expected, as many as there are stages"
            )
        return tuple((*row, *[S.Zero] * (columns - len(row))) for row in given)

    def _check_random(self) -> None:
        """Random variables stand only where there is a g, as polynomials, and those of a law in which they are."""
        for name in RANDOM:
            if any(p.name == name for p in self.parameters):
                raise InputError(f"parameters.{name}: {name} is a random variable here; call the parameter otherwise")
        allowed = {"B0": OWN, "B1": OWN, "beta": OWN, "C1": PAIR, "gamma": PAIR}
        for key in (key.name for key in self.file_keys() if key.kind == "number"):
            names = [n for n in allowed.get(key, ()) if not (n == "H" and self.law != "gaussian")]
            for value in _entries(getattr(self, key)):
                if value.is_number:
                    continue
                if stray := value.free_symbols & ({*RANDOM.values()} - {RANDOM[n] for n in names}):
                    known = f"of {', '.join(names)}" if names else "no random variable"
                    raise InputError(f"{key}: {', '.join(map(str, stray))} stands where {known} may ({self.law} law)")
                try:
                    degree = Poly(value, *RANDOM.values()).total_degree()
                except PolynomialError:
                    raise InputError(f"{key}: {shown(value)} is no polynomial in {', '.join(names)}") from None
                if degree > MAX_DEGREE:
                    raise InputError(f"{key}: degree {degree} in the random variables, at most {MAX_DEGREE} is read")

    @classmethod
    def called(cls) -> str:
        return "stochastic scheme"

    @classmethod
    def letters(cls) -> Mapping[str, Expr]:
        return RANDOM

    def following(self) -> Sequence[str]:
        own = {"c0": self.A0, "c1": self.A1}
        return [key for key, A in own.items() if getattr(self, key) == tuple(expand(sum(row, S.Zero)) for row in A)]

    @property
    def drift(self) -> RungeKutta:
        """What it is where there is no noise: the Runge–Kutta method of A0, alpha and c0."""
        return RungeKutta(A=self.A0, b=self.alpha, c=self.c0, parameters=self.parameters, digits=self.digits)

    @property
    def explicit(self) -> bool:
        """Whether no stage has to be solved for: none reads itself, through whichever others. A stage of f may
        read the stage of g that has its number."""
        mixed = () if self.noise == "scalar" else self.C1
        read = [("Y", self.A0, "Y"), ("Y", self.B0, "Z"), ("Z", self.A1, "Y"), ("Z", self.B1, "Z"), ("Z", mixed, "Z")]
        graph: dict[tuple[str, int], set[tuple[str, int]]] = {}
        for kind, matrix, other in read:
            for i, row in enumerate(matrix):
                graph.setdefault((kind, i), set()).update((other, j) for j, a in enumerate(row) if not a.is_zero)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError:
            return False
        return True

    @property
    def randoms(self) -> tuple[str, ...]:
        """Which of the random variables its coefficients hold."""
        held = {s for key, value in self.coefficients.items() for s in value.free_symbols}
        return tuple(name for name, s in RANDOM.items() if s in held)

    def lower(self, step: StepWriter, noises: int = 1) -> None:
        """Tell one step for so many noises. Fields: f is part 0 and g^k part k. The random variables are symbols, and
        what stands before a g counts with √h, not with h."""
        if not 1 <= noises <= MAX_NOISES:
            raise InputError(f"noises = {noises}: 1 to {MAX_NOISES} of them are written out")
        y, ks = step.state("y"), range(1, noises + 1)
        s, r = range(len(self.alpha)), range(len(self.beta))

        def mark(*numbers: int) -> str:
            return "".join(f"_{n}" for n in numbers) if noises > 1 else ""

        def drift(row: Sequence[Expr]) -> Iterator[tuple[Expr, str]]:
            return ((row[j], f"k{j + 1}") for j in s)

        def noise(row: Sequence[Expr], k: int, outside: int = 0) -> Iterator[tuple[Expr, str]]:
            return ((_of(row[j], k, outside or k), f"s{j + 1}{mark(k)}") for j in r)

        def others(row: Sequence[Expr], k: int) -> Iterator[tuple[Expr, str]]:
            return (term for inside in ks if inside != k for term in noise(row, inside, k))

        for i in s:
            terms = [(S.One, y), *drift(self.A0[i]), *(term for k in ks for term in noise(self.B0[i], k))]
            step.evaluate(f"k{i + 1}", step.value(f"y{i + 1}", terms), self.c0[i], i)
        result: list[tuple[Expr, str]] = [(S.One, y), *drift(self.alpha)]
        for k in ks:
            for i in r:
                terms = [(S.One, y), *drift(self.A1[i]), *noise(self.B1[i], k), *others(self.C1[i], k)]
                at = step.value(f"z{i + 1}{mark(k)}", terms)
                step.evaluate(f"s{i + 1}{mark(k)}", at, self.c1[i], i, part=k)
                for field in ks if not self.gamma[i].is_zero else ():
                    if field != k:
                        pair = step.evaluate(f"s{i + 1}{mark(field, k)}", at, self.c1[i], i, part=field)
                        result.append((_of(self.gamma[i], field, field, k), pair))
            result += noise(self.beta, k)
        step.fields = noises + 1
        step.hand_on(y, step.combine("y_new", result))

    def grids(self) -> tuple[CellGrid, ...]:
        """f's stages with their nodes, then g's: what they take of f, of their own g, and of the others'."""
        weights: list[tuple[Any, ...]] = [(Label("", ""), *self.alpha, *self.beta)]
        if any(self.gamma):
            weights.append((Label("γ", r"\gamma"), *[None] * len(self.alpha), *self.gamma))
        rows = tuple((c, *a, *b) for c, a, b in zip(self.c0, self.A0, self.B0, strict=True))
        below = tuple((c, *a, *b) for c, a, b in zip(self.c1, self.A1, self.B1, strict=True))
        columns = (1, len(self.alpha), len(self.beta))
        found = [CellGrid(columns, (rows, below, *((row,) for row in weights)))]
        if any(x for row in self.C1 for x in row):
            mixed = tuple((c, *row) for c, row in zip(self.c1, self.C1, strict=True))
            found.append(CellGrid((1, len(self.beta)), (mixed,), Label("C1", "C_1")))
        return tuple(found)


def random_symbol(name: str, *noises: int) -> Symbol:
    """The symbol of a random variable in a step: ``W_2`` that of the second noise, ``J_1_2`` that of two."""
    return symbol("_".join([name, *map(str, noises)]))


def _of(value: Expr, k: int, outside: int, inside: int = 0) -> Expr:
    """A coefficient of g^k with the symbols of its noise, and J and A of what is inside (k by itself) and outside."""
    if not value.free_symbols:
        return value
    own = {RANDOM[name]: random_symbol(name, k) for name in OWN}
    pair = {RANDOM[name]: random_symbol(name, inside or k, outside) for name in PAIR[len(OWN) :]}
    return value.xreplace({**own, **pair})


def _entries(value: Any) -> Iterator[Expr]:
    if isinstance(value, tuple):
        for entry in value:
            yield from _entries(entry)
    else:
        yield value


register_family(StochasticRungeKutta)
