"""Functions g(z) of a linear operator, z = hA: what exponential integrators and Rosenbrock methods act with.

Each knows its Taylor coefficients exactly, which is all that order needs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import factorial

from sympy import Expr, Integer, Rational, S

from tableau2net.exact.exponentials import phi


class MatrixFunction(ABC):
    """g(z) = Σ g_k z^k, to be taken of hA."""

    @abstractmethod
    def taylor(self, k: int) -> Expr:
        """g_k."""

    @property
    @abstractmethod
    def coefficients(self) -> tuple[Expr, ...]:
        """The exact numbers in it: g_k lies in the field that they generate."""

    @abstractmethod
    def expression(self, z: Expr) -> Expr:
        """g(z), to be shown."""


@dataclass(frozen=True)
class Resolvent(MatrixFunction):
    """g(z) = 1/(1 − γz): a linear system with I − hγA."""

    gamma: Expr

    def taylor(self, k: int) -> Expr:
        return self.gamma**k

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return (self.gamma,)

    def expression(self, z: Expr) -> Expr:
        return 1 / (1 - self.gamma * z)


@dataclass(frozen=True)
class Identity(MatrixFunction):
    """g(z) = z: the operator itself, times h."""

    def taylor(self, k: int) -> Expr:
        return S.One if k == 1 else S.Zero

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return ()

    def expression(self, z: Expr) -> Expr:
        return z


@dataclass(frozen=True)
class Phi:
    """A term ``weight · φ_index(scale · z)``, φ_0(z) = e^z, φ_{k+1}(z) = (φ_k(z) − 1/k!)/z, φ_k(0) = 1/k! (Hochbruck
    & Ostermann, Acta Numerica 19, 2010, eq. 2.10)."""

    weight: Expr
    index: int
    scale: Expr = S.One

    def taylor(self, k: int) -> Expr:
        return self.weight * self.scale**k * Rational(1, factorial(k + self.index))


@dataclass(frozen=True)
class PhiSum(MatrixFunction):
    """g(z) = Σ weight · φ_index(scale · z)."""

    terms: tuple[Phi, ...]

    def taylor(self, k: int) -> Expr:
        return sum((term.taylor(k) for term in self.terms), Integer(0))

    @property
    def coefficients(self) -> tuple[Expr, ...]:
        return tuple(x for term in self.terms for x in (term.weight, term.scale))

    def expression(self, z: Expr) -> Expr:
        return sum((term.weight * phi(Integer(term.index), term.scale * z) for term in self.terms), S.Zero)
