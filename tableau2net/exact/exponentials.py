"""Exponential sums: Σ w · z^n e^{cz} with exact numbers w, c, where φ-functions live, and identities among them are
decided.

φ_0(z) = e^z, φ_{k+1}(z) = (φ_k(z) − 1/k!)/z (Hochbruck & Ostermann, Acta Numerica 19, 2010, eq. 2.10), so that a φ of
cz is e^{cz}/(cz)^k less a polynomial in 1/z. The functions z^n e^{cz} of different n and c are linearly independent: a
sum of them is zero exactly where every coefficient is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from math import factorial
from typing import Any, TypeAlias

import sympy
from sympy import Expr, Function, Integer, Pow, Rational, S, Symbol

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, domain_of

Z = Symbol("z")
MAX_INDEX = 12  # of φ
MAX_SUM_TERMS = 20_000  # of a product, multiplied out
Key: TypeAlias = tuple[Any, int]  # c, an element of the domain, and n
Sum: TypeAlias = dict[Key, Any]  # w by (c, n)
Term: TypeAlias = tuple[Expr, int, Expr]  # w, k, c of w · φ_k(cz)


class PhiFunction(Function):
    """φ_k(x), ``phi(1, z/2)`` in sympy and ``phi1(z/2)`` as text."""

    nargs = 2

    @classmethod
    def eval(cls, k: Expr, x: Expr) -> Expr | None:
        return sympy.exp(x) if k.is_zero else Rational(1, factorial(int(k))) if x.is_zero else None

    def _sympystr(self, printer: Any) -> str:
        return f"phi{self.args[0]}({printer._print(self.args[1])})"

    def _sympyhtml(self, printer: Any) -> str:
        return f"φ<sub>{self.args[0]}</sub>({printer._print(self.args[1])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\varphi_{{{self.args[0]}}}{power}\left({printer._print(self.args[1])}\right)"


phi = PhiFunction
# what text may call
FUNCTIONS: Mapping[str, Callable[[Expr], Expr]] = {
    "exp": sympy.exp,
    **{f"phi{k}": partial(phi, Integer(k)) for k in range(MAX_INDEX + 1)},
}


class Exponentials:
    """The ring of exponential sums over the numbers of some expressions."""

    def __init__(self, expressions: Iterable[Expr], numbers: Iterable[Expr] = ()) -> None:
        scales = [x for e in expressions for f in e.atoms(PhiFunction, sympy.exp) for x in [_scale(f)]]
        weights = [w for e in expressions for w in _numbers(e)]
        moving = [1 / c for c in {*scales, *numbers} if c.free_symbols]
        self.domain: Domain = domain_of([*scales, *weights, *numbers, *moving])
        self.zero, self.one = self.domain.zero, self.domain.one

    def number(self, value: Expr) -> Any:
        return self.domain.convert(value)

    def read(self, value: Expr) -> Sum:
        """An expression in z, φ and exp. Raises InputError where it is no exponential sum."""
        if value == Z:
            return {(self.zero, 1): self.one}
        if Z not in value.free_symbols:
            return self._nonzero({(self.zero, 0): self.number(value)})
        if value.is_Add:
            return self.sum(self.read(term) for term in value.args)
        if value.is_Mul:
            product = {(self.zero, 0): self.one}
            for factor in value.args:
                product = self.times(product, self.read(factor))
            return product
        if isinstance(value, PhiFunction):
            return self.phi(int(value.args[0]), _scale(value))
        if isinstance(value, sympy.exp):
            return self.phi(0, _scale(value))
        if isinstance(value, Pow) and value.exp.is_Integer and value.exp > 0:
            return self._power(value)
        if isinstance(value, Pow) and value.exp.is_Integer:
            below = list(self.read(1 / value).items())
            if len(below) == 1 and not below[0][0][0]:
                return {(self.zero, -below[0][0][1]): self.one / below[0][1]}
        raise InputError(f"{value}: a sum of products of numbers, z, exp and phi is expected, divided by powers of z")

    def _power(self, value: Pow) -> Sum:
        base, product = self.read(value.base), {(self.zero, 0): self.one}
        for _ in range(int(value.exp)):
            product = self.times(product, base)
        return product

    def phi(self, k: int, c: Expr) -> Sum:
        """φ_k(cz)."""
        scale = self.number(c)
        if not scale:
            return {(self.zero, 0): self._over(k)}
        inverse = self.one / scale
        tail = {(self.zero, m - k): -self._over(m) * inverse ** (k - m) for m in range(k)}
        return {(scale, -k): inverse**k, **tail}

    def exp(self, c: Expr) -> Sum:
        return self.phi(0, c)

    def sum(self, sums: Iterable[Sum]) -> Sum:
        total: Sum = {}
        for each in sums:
            for key, w in each.items():
                total[key] = total[key] + w if key in total else w
        return self._nonzero(total)

    def scaled(self, factor: Expr, value: Sum) -> Sum:
        w = self.number(factor)
        return self._nonzero({key: w * x for key, x in value.items()})

    def times(self, a: Sum, b: Sum) -> Sum:
        if len(a) * len(b) > MAX_SUM_TERMS:
            raise InputError(f"a product of more than {MAX_SUM_TERMS} terms, multiplied out")
        total: Sum = {}
        for (c, n), w in a.items():
            for (d, m), x in b.items():
                key = (c + d, n + m)
                total[key] = total[key] + w * x if key in total else w * x
        return self._nonzero(total)

    def _nonzero(self, value: Sum) -> Sum:
        return {key: w for key, w in value.items() if w}

    def laurent(self, value: Sum, power: int) -> Any:
        """The coefficient of z^power in its expansion at 0."""
        found = self.zero
        for (c, n), w in value.items():
            if power >= n:
                found = found + w * (c ** (power - n) if power > n else self.one) * self._over(power - n)
        return found

    def _over(self, k: int) -> Any:
        return self.domain.rational(1, factorial(k))

    def at_zero(self, value: Sum) -> Sum:
        """Its value at z = 0, as a constant."""
        return self._nonzero({(self.zero, 0): self.laurent(value, 0)})

    def as_phi(self, value: Sum) -> tuple[Term, ...]:
        """The sum as Σ w · φ_k(cz). Raises InputError where it is not, as z e^z or 1/z: unbounded, or no function of a
        matrix."""
        rest, terms = dict(value), []
        for (c, n), w in sorted(value.items(), key=lambda item: (item[0][1], str(item[0][0]))):
            if c and n <= 0:
                terms.append((w * c**-n if n else w, -n, c))
                rest = self.sum([rest, {key: -terms[-1][0] * x for key, x in self._of(c, -n).items()}])
        constant = rest.pop((self.zero, 0), self.zero)
        if rest:
            what = "it has a pole at z = 0" if all(n < 0 for _, n in rest) else "it grows as a power of z"
            raise InputError(f"no sum of phi functions: {what}")
        found = [(self.domain.expression(w), k, self.domain.expression(c)) for w, k, c in terms]
        return (*found, *([(self.domain.expression(constant), 0, S.Zero)] if constant else []))

    def _of(self, c: Any, k: int) -> Sum:
        return self.phi(k, self.domain.expression(c))

    def expression(self, value: Sum) -> Expr:
        """The sum in z and exp, where φ is not written."""
        shown = self.domain.expression
        return sum((shown(w) * Z**n * sympy.exp(shown(c) * Z) for (c, n), w in value.items()), S.Zero)

    @cached_property
    def unit(self) -> Sum:
        return {(self.zero, 0): self.one}


def _scale(function: Expr) -> Expr:
    """c of φ_k(cz) or exp(cz). Raises InputError."""
    argument = function.args[-1]
    c = sympy.cancel(argument / Z) if Z in argument.free_symbols else S.Zero
    if Z in c.free_symbols or not argument.free_symbols:
        raise InputError(f"{function}: a number times z is expected in the brackets")
    return c


def _numbers(value: Expr) -> list[Expr]:
    """The numbers outside functions, and powers of z."""
    if not value.has(Z):
        return [value]
    if isinstance(value, PhiFunction | sympy.exp):
        return []
    return [x for argument in value.args for x in _numbers(argument)]
