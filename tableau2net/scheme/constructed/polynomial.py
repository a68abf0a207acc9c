"""Polynomials in one variable over any field, as lists of coefficients, lowest power first."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb
from typing import Any

Number = Any  # Fraction, Surd or mpf: a field element that takes + - * / with integers; never an int itself
Polynomial = list[Number]


def value(p: Polynomial, x: Number) -> Number:
    """p(x), by Horner's rule."""
    total: Number = 0
    for coefficient in reversed(p):
        total = total * x + coefficient
    return total


def derivative(p: Polynomial) -> Polynomial:
    """p'."""
    return [i * c for i, c in enumerate(p)][1:]


def primitive(p: Polynomial) -> Polynomial:
    """The antiderivative that is 0 at 0."""
    return [0 * p[0], *(c / (i + 1) for i, c in enumerate(p))]


def integral(p: Polynomial, a: Number, b: Number) -> Number:
    """∫_a^b p."""
    antiderivative = primitive(p)
    return value(antiderivative, b) - value(antiderivative, a)


def product(p: Polynomial, q: Polynomial) -> Polynomial:
    """p·q."""
    result: Polynomial = [0] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            result[i + j] = result[i + j] + a * b
    return result


def lagrange(nodes: Sequence[Number]) -> list[Polynomial]:
    """The Lagrange basis: the i-th polynomial is 1 at the i-th node and 0 at the others."""
    basis = []
    for i, node in enumerate(nodes):
        p: Polynomial = [0 * node + 1]
        for other in (*nodes[:i], *nodes[i + 1 :]):
            p = product(p, [-other / (node - other), 1 / (node - other)])
        basis.append(p)
    return basis


def legendre(n: int) -> Polynomial:
    """Legendre's polynomial of degree n on [0, 1], by Rodrigues' formula up to a factor: d^n/dx^n x^n (x − 1)^n."""
    return rodrigues(n, n, n)


def rodrigues(a: int, b: int, times: int) -> Polynomial:
    """The derivative of x^a (x − 1)^b, taken so many times, over the factorial of that."""
    p = [0] * a + [(-1) ** (b - i) * comb(b, i) for i in range(b + 1)]
    return [Fraction(c * comb(i + times, times)) for i, c in enumerate(p[times:])]
