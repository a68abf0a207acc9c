"""Linear multistep methods on uneven grids: the coefficients that keep the order, step by step.

The order conditions Σ_j α_j x_j^q = q!/(q − d)! Σ_j β_j x_j^(q−d), q = 0 … p + d − 1, at the actual points x_j (in
steps from t_n; HNW I, III.5) are linear in the coefficients. Where a table has as many that are not 0 as there are
conditions, they determine them: Adams methods, BDF. In several fields, or where α is that of BDF and β extrapolates,
the conditions of one field (of BDF itself) give α, and each of the others gives its β.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import perm

import numpy as np

from tableau2net.analysis import order
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.words import one

Floats = np.ndarray
ALIKE = 1e-9  # how well the table itself must come out on an even grid


@dataclass(frozen=True)
class Pattern:
    """Which coefficients of a method there are, and from which conditions they come.

    conditions: p + d, for a method of order p.  d: the derivative in y^(d) = f.
    k: steps.  alpha: the nonzero j < k.  betas: the nonzero j of each field.
    first: the j of the β's that α is found together with.
    table: α and the β's where they are the same on every grid."""

    conditions: int
    d: int
    k: int
    alpha: tuple[int, ...]
    betas: tuple[tuple[int, ...], ...]
    first: tuple[int, ...]
    table: tuple[list[float], list[list[float]]] | None = None

    def coefficients(self, x: Sequence[float]) -> tuple[list[float], list[list[float]]]:
        """α_j for j < k, and β_j of each field, where the points are x_0 … x_k, in steps of size x_k − x_(k−1) = 1."""
        if self.table:
            return self.table
        points = np.asarray(x, dtype=float)
        slopes = {j: self._slopes(points[j]) for j in range(self.k + 1)}
        powers = {j: points[j] ** np.arange(self.conditions) for j in range(self.k + 1)}
        columns = [powers[j] for j in self.alpha] + [-slopes[j] for j in self.first]
        found = np.linalg.solve(np.stack(columns, 1), -powers[self.k])
        alpha = np.zeros(self.k)
        alpha[list(self.alpha)] = found[: len(self.alpha)]
        total = powers[self.k] + sum((alpha[j] * powers[j] for j in self.alpha), np.zeros(self.conditions))
        betas = []
        for own in self.betas:
            beta = np.zeros(self.k + 1)
            if own == self.first:
                beta[list(own)] = found[len(self.alpha) :]
            else:
                matrix = np.stack([slopes[j][self.d :] for j in own], 1)
                beta[list(own)] = np.linalg.solve(matrix, total[self.d :])
            betas.append(beta.tolist())
        return alpha.tolist(), betas

    def _slopes(self, x: float) -> Floats:
        """The d-th derivatives of the powers."""
        return np.array([perm(q, self.d) * x ** (q - self.d) if q >= self.d else 0.0 for q in range(self.conditions)])


def pattern(scheme: Scheme) -> Pattern:
    """The pattern of a linear multistep method. Raises InputError where the conditions do not determine it."""
    formula = scheme.formula()
    if formula is None:
        raise InputError(f"{scheme.name}: steps must be equal for {one(scheme.family)} scheme; give steps=")
    k, d = formula.steps, formula.derivative
    conditions = order(scheme) + d
    alpha = tuple(j for j in range(k) if not formula.alpha[j].is_zero)
    betas = tuple(tuple(j for j, b in enumerate(beta) if not b.is_zero) for beta in formula.betas)
    wanted = [float(a) for a in formula.alpha[:k]], [[float(b) for b in beta] for beta in formula.betas]
    if k == 1:
        return Pattern(conditions, d, k, alpha, betas, (), wanted)
    for first in (*betas, (k,)):
        others = [own for own in betas if own != first]
        if len(alpha) + len(first) != conditions or any(len(own) != conditions - d for own in others):
            continue
        found = Pattern(conditions, d, k, alpha, betas, first)
        try:
            made = found.coefficients(range(1 - k, 2))
        except np.linalg.LinAlgError:
            continue
        if np.allclose(np.hstack([made[0], *made[1]]), np.hstack([wanted[0], *wanted[1]]), rtol=0, atol=ALIKE):
            return found
    raise InputError(
        f"{scheme.name}: its order does not determine its coefficients on an uneven grid; give equal steps, steps="
    )
