"""How far a step is from the identity, read in absolute values: a bound on the Lipschitz constant of Φ − id."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sympy import Expr

from tableau2net.exact.text import float_of
from tableau2net.step.evaluate import Evaluate
from tableau2net.step.forms import Plain, forms
from tableau2net.step.program import Step


def contraction(step: Step, lipschitz: float, value: Callable[[Expr], float] = float_of) -> float | None:
    """A bound on the Lipschitz constant of what a step adds to its states, Φ − id, in the Euclidean norm of them all.

    lipschitz: h times that of each field, by all the states that it reads. value: coefficients as numbers.

    With Y_i = α_i y + h Σ a_ij k_j it is |α − 1| + Σ |b_j| l_j, where l_i = hL (|α_i| + Σ |a_ij| l_j): hL for Euler.
    Below 1 the step has an inverse, to which y ← y + z − Φ(y) converges from anywhere at that rate. None where the
    step is implicit or remembers something."""
    if step.history or step.derivative != 1 or not (step.explicit and step.plain):
        return None
    known = forms(step.flat(), Plain(value))
    names = [given.name for given in step.states]
    unit = dict(zip(names, np.eye(len(names)), strict=True))
    by_state: dict[str, np.ndarray] = dict(unit)  # of each input and evaluation, a bound by each of the states

    def bound(name: str, without: str = "") -> np.ndarray:
        form = dict(known.get(name, {name: 1.0}))
        if without:
            form[without] = form.get(without, 0.0) - 1
        return sum((abs(c) * by_state[atom] for atom, c in form.items()), np.zeros(len(names)))

    for op in step.flat():
        if isinstance(op, Evaluate):
            by_state[op.target] = lipschitz * sum(map(bound, op.values), np.zeros(len(names)))
    return float(np.linalg.norm(np.stack([bound(*pair) for pair in zip(step.results, names, strict=True)]), 2))
