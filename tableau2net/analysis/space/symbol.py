"""The symbol of a stencil: what it does to e^{iθ·j}, exactly, as polynomials in the cosines.

ŝ(θ) = Σ_j w_j e^{ij·θ} / Σ_l a_l e^{il·θ}. With e^{ijθ} = T_|j|(x) ± i sin θ U_{|j|−1}(x), x = cos θ (Chebyshev's
polynomials), it is a sum over sets S of axes of i^|S| Π_{k ∈ S} sin θ_k · P_S(x_1, …, x_d): in one dimension
P(x) + i sin θ Q(x).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sympy import Expr, Poly
from sympy import Symbol as Variable

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, Element, domain_of
from tableau2net.exact.polynomials import X
from tableau2net.exact.text import float_of
from tableau2net.scheme import Stencil, by_name

COSINES = (X, Variable("y"), Variable("z"))  # cos θ along each axis

Axes = tuple[int, ...]
Points = Mapping[tuple[int, ...], Expr]


@dataclass(frozen=True)
class Waves:
    """Σ_S i^|S| Π_{k ∈ S} sin θ_k · P_S(cos θ): a finite Fourier sum. parts: P_S by S, zeros left out."""

    parts: Mapping[Axes, Poly]

    def __mul__(self, other: Waves) -> Waves:
        """Where both have sin θ_k, its square is 1 − x_k² and i² is −1."""
        found: dict[Axes, Poly] = {}
        for (a, p), (b, q) in product(self.parts.items(), other.parts.items()):
            axes = tuple(sorted({*a} ^ {*b}))
            term = reduce(lambda t, k: t * (COSINES[k] ** 2 - 1), {*a} & {*b}, p * q)
            found[axes] = found[axes] + term if axes in found else term
        return Waves({axes: p for axes, p in found.items() if not p.is_zero})

    def conjugate(self) -> Waves:
        """Its complex conjugate, which is the sum at −θ."""
        return Waves({axes: -p if len(axes) % 2 else p for axes, p in self.parts.items()})


@dataclass(frozen=True)
class StencilSymbol:
    """ŝ(θ) of a stencil of d axes, so that D e^{iθ·j} = h^−m ŝ(θ) e^{iθ·j}.

    parts: the polynomials P_S, in the cosines `COSINES` of the angles, zeros left out.
    denominator: what each is over: 1 of an explicit stencil; of a compact one the left side where that is real, else
    its |·|², on one axis without what all have in common. Where it vanishes ŝ has no bound: see `poles`."""

    dimension: int
    parts: Mapping[Axes, Poly]
    denominator: Poly

    def part(self, *axes: int) -> Poly:
        """P_S for the set S of these axes, of which there is a sine each: ``part()`` is free of sines."""
        return self.parts.get(axes, self.denominator.zero)

    @property
    def real(self) -> Poly:
        """P of Re ŝ = P(cos θ)/denominator, in one dimension."""
        return self._one(())

    @property
    def imaginary(self) -> Poly:
        """Q of Im ŝ = sin θ · Q(cos θ)/denominator, in one dimension."""
        return self._one((0,))

    @property
    def is_real(self) -> bool:
        """Whether ŝ is real at every θ: the stencil is symmetric."""
        return all(len(axes) % 2 == 0 for axes in self.parts)

    @property
    def is_imaginary(self) -> bool:
        """Whether ŝ is imaginary at every θ: the stencil is antisymmetric."""
        return all(len(axes) % 2 for axes in self.parts)

    def _one(self, axes: Axes) -> Poly:
        if self.dimension != 1:
            raise InputError(f"a symbol of {self.dimension} angles has no single real and imaginary polynomial")
        return self.parts.get(axes, self.denominator.zero)


@by_name(Stencil)
@lru_cache(maxsize=256)
def symbol(stencil: Stencil) -> StencilSymbol:
    """The symbol of a stencil with constant coefficients on an endless or periodic grid, exactly; parameters stay open.

    Raises InputError where the weights lie in no field that can be computed in."""
    points, left = stencil.points, stencil.left_points
    domain = domain_of([*points.values(), *left.values()])
    above, below = waves(points, stencil.dimension, domain), waves(left, stencil.dimension, domain)
    if below.parts.keys() != {()}:
        above, below = above * below.conjugate(), below * below.conjugate()
    above, denominator = _reduced(above, below.parts[()])
    if domain.domain.is_QQ and not denominator.eval(dict.fromkeys(denominator.gens, 1)) > 0:
        above, denominator = Waves({axes: -p for axes, p in above.parts.items()}), -denominator
    return StencilSymbol(stencil.dimension, above.parts, denominator)


def _reduced(above: Waves, below: Poly) -> tuple[Waves, Poly]:
    """The quotient on one axis, without common factors in x: (−2 + 2x²)/(1 + x) is −2 + 2x, and has no pole."""
    common = reduce(Poly.gcd, above.parts.values(), below) if len(below.gens) == 1 and below.degree() > 0 else below
    if len(below.gens) > 1 or common.degree() < 1 or not above.parts:
        return above, below
    parts, left = {axes: p.quo(common) for axes, p in above.parts.items()}, below.quo(common)
    if left.degree() < 1:
        return Waves({axes: p.quo(left) for axes, p in parts.items()}), left.one
    return Waves(parts), left


def waves(points: Points, dimension: int, domain: Domain) -> Waves:
    """Σ_j w_j e^{ij·θ} of weights by offset."""
    found: dict[Axes, dict[tuple[int, ...], Element]] = {}
    for offset, weight in points.items():
        value = domain.convert(weight)
        for factors in product(*map(_factors, offset)):
            axes = tuple(k for k, (sine, _) in enumerate(factors) if sine)
            terms = found.setdefault(axes, {})
            for powers in product(*(polynomial for _, polynomial in factors)):
                at = tuple(n for n, _ in powers)
                terms[at] = terms.get(at, domain.zero) + value * prod(c for _, c in powers)
    variables = COSINES[:dimension]
    polys = {axes: Poly.from_dict(terms, *variables, domain=domain.domain) for axes, terms in found.items()}
    return Waves({axes: p for axes, p in polys.items() if not p.is_zero})


@lru_cache(maxsize=256)
def _factors(j: int) -> tuple[tuple[bool, tuple[tuple[int, int], ...]], ...]:
    """e^{ijθ} as T(x) + i sin θ U(x): each by whether it has the sine, and its (power, coefficient)s."""
    cosine = (False, tuple(_chebyshev(abs(j), 1)))
    return (cosine, (True, tuple((n, c if j > 0 else -c) for n, c in _chebyshev(abs(j) - 1, 2)))) if j else (cosine,)


def _chebyshev(n: int, kind: int) -> Iterable[tuple[int, int]]:
    """T_n (kind 1) or U_n (kind 2) by its nonzero coefficients."""
    before, last = [1], [0, kind]
    for _ in range(n):
        before, last = last, [a - b for a, b in zip([0, *(2 * c for c in last)], [*before, 0, 0], strict=True)]
    return ((k, c) for k, c in enumerate(before) if c)


def sampled(stencil: Stencil, *angles: NDArray[np.float64]) -> NDArray[np.complex128]:
    """ŝ at angles, an array each axis (they broadcast), in floats: straight from the weights."""
    return np.asarray(_sum(stencil.points, angles) / _sum(stencil.left_points, angles))


def _sum(points: Points, angles: Sequence[NDArray[np.float64]]) -> Any:
    waves = (float_of(w) * np.exp(1j * sum(j * a for j, a in zip(at, angles, strict=True))) for at, w in points.items())
    return sum(waves, np.complex128(0))
