"""Polynomials in states and their derivatives: terms by name, and products without what is beyond a degree."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

Monomial = tuple[int, ...]  # of channels, in order; () is 1
Polynomial = dict[Monomial, float]


def monomials(channels: int, degree: int) -> list[Monomial]:
    """All products of at most `degree` channels, 1 first."""
    each = (itertools.combinations_with_replacement(range(channels), d) for d in range(degree + 1))
    return [term for terms in each for term in terms]


def text_of_monomial(term: Monomial, names: Sequence[str]) -> str:
    """u*u_x, u**2*v_y, 1."""
    powers = Counter(names[channel] for channel in term)
    return "*".join(name if power == 1 else f"{name}**{power}" for name, power in powers.items()) or "1"


def monomial_of(text: str, names: Sequence[str]) -> Monomial:
    """What `terms` of a problem mean by "u u_x": the channels of these names."""
    return tuple(sorted(names.index(name) for name in text.split()))


def evaluate(term: Monomial, channels: Tensor) -> Tensor:
    """The product of its channels, which are along dim 1."""
    if not term:
        return torch.ones_like(channels[:, 0])
    found = channels[:, term[0]]
    for channel in term[1:]:
        found = found * channels[:, channel]
    return found


def added(polynomials: Iterable[tuple[float, Mapping[Monomial, float]]]) -> Polynomial:
    """Σ c p."""
    total: Polynomial = {}
    for factor, polynomial in polynomials:
        for term, value in polynomial.items():
            total[term] = total.get(term, 0.0) + factor * value
    return total


def times(a: Mapping[Monomial, float], b: Mapping[Monomial, float], degree: int) -> Polynomial:
    """a·b without its terms beyond a degree. As degrees only add up in products, the others are those of a·b."""
    total: Polynomial = {}
    for (left, x), (right, y) in itertools.product(a.items(), b.items()):
        if len(left) + len(right) <= degree:
            term = tuple(sorted(left + right))
            total[term] = total.get(term, 0.0) + x * y
    return total
