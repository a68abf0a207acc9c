"""Iterated integrals over one unit of time as words: (1, 0) is ∫∫ dW₁ ds, 0 the letter of time.

A product of iterated integrals is a sum of them: in Stratonovich's sense by the shuffle of their words, in Itô's by the
quasi-shuffle, where dW_k dW_k = dt (Kloeden and Platen 1992, 5.2; Gaines 1994).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from math import factorial

from sympy import Rational

from tableau2net.analysis.stochastic.random_polynomials import Polynomial, RandomPolynomials

Word = tuple[int, ...]
Words = dict[Word, int]


def product(a: Words, b: Words, calculus: str) -> Words:
    """The product of two sums of words."""
    total: Counter[Word] = Counter()
    for u, x in a.items():
        for v, y in b.items():
            for w, z in shuffled(u, v, calculus).items():
                total[w] += x * y * z
    return dict(total)


@cache
def shuffled(u: Word, v: Word, calculus: str) -> Words:
    """The product of two words, letter by letter from the end: u a ⧢ v b = (u ⧢ vb) a + (ua ⧢ v) b + (u ⧢ v) [a, b]."""
    if not u or not v:
        return {u + v: 1}
    a, b = u[-1], v[-1]
    total: Counter[Word] = Counter()
    for word, n in shuffled(u[:-1], v, calculus).items():
        total[(*word, a)] += n
    for word, n in shuffled(u, v[:-1], calculus).items():
        total[(*word, b)] += n
    if calculus == "ito" and a == b and a:
        for word, n in shuffled(u[:-1], v[:-1], calculus).items():
            total[(*word, 0)] += n
    return dict(total)


def mean(words: Words, calculus: str) -> Rational:
    """The expectation: of a word in Itô's sense 1/n! where all n letters are 0, in Stratonovich's that of its pieces 0
    and k k, which count 1 and 1/2."""
    return sum((n * _mean(w, calculus) for w, n in words.items()), Rational(0))


@cache
def _mean(word: Word, calculus: str) -> Rational:
    if calculus == "ito":
        return Rational(0) if any(word) else Rational(1, factorial(len(word)))
    pieces, pairs, i = 0, 0, 0
    while i < len(word):
        if word[i] and (i + 1 == len(word) or word[i + 1] != word[i]):
            return Rational(0)
        pairs += bool(word[i])
        i += 2 if word[i] else 1
        pieces += 1
    return Rational(1, 2**pairs * factorial(pieces))


def in_variables(word: Word, calculus: str, values: RandomPolynomials) -> Polynomial | None:
    """A word as a polynomial in W, H and the Lévy area; None where it takes other random variables."""
    number = values.number
    if not any(word):
        return number(Rational(1, factorial(len(word))))
    if len(set(word)) == 1:
        return _repeated(word[0], len(word), calculus, values)
    if len(word) != 2:
        return None
    if 0 not in word:
        return values.pair(*word)
    half = values.times(number(Rational(1, 2)), values.of("W", max(word)))
    return (values.plus if word[1] == 0 else values.minus)(half, values.of("H", max(word)))


def _repeated(k: int, n: int, calculus: str, values: RandomPolynomials) -> Polynomial:
    """W^n/n! in Stratonovich's sense, in Itô's Hermite's polynomial over n!: n I_n = W I_(n−1) − I_(n−2)."""
    before, found = values.number(Rational(0)), values.number(Rational(1))
    for i in range(1, n + 1):
        following = values.times(values.of("W", k), found)
        if calculus == "ito":
            following = values.minus(following, before)
        before, found = found, values.times(values.number(Rational(1, i)), following)
    return found
