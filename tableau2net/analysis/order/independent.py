"""What is left of an order when a network gives each stage weights of its own.

The order of a tableau is that for one field. With fields f_1, …, f_s that have nothing to do with each other the step
can only follow y' = Σ_i b_i f_i(t, y), and the tableau is a splitting of that: a tree with nodes of the colours i, j, …
has b_i b_j …/γ(t) on the side of the solution and b_i a_ij … on that of the step. The order of the tableau is then
*nominal*: it is real where the weights are samples θ(t + c_i h) of one smooth θ(t).
"""

from __future__ import annotations

from sympy import Rational

from tableau2net.analysis.order.conditions import order
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import RungeKutta, Scheme, by_name


@by_name(Scheme)
def independent_order(scheme: Scheme) -> int | None:
    """The order towards y' = Σ_i b_i f_i when stage i evaluates a field f_i of its own; None without stages.

    The conditions of order 2 are b_i a_ij = b_i b_j/2 for all i, j. They leave nothing free, and those of order 3,
    b_i a_ij a_ik = b_i b_j b_k/3, contradict them: so the answer is 2 where they hold and 1 elsewhere, unless only one
    stage counts, where there is one field again."""
    if not isinstance(scheme, RungeKutta):
        return None
    nominal = order(scheme)
    domain = domain_of([*(a for row in scheme.A for a in row), *scheme.b])
    A = [[domain.convert(a) for a in row] for row in scheme.A]
    b = [domain.convert(x) for x in scheme.b]
    half = domain.convert(Rational(1, 2))
    if scheme.stages == 1 or nominal < 1:
        return nominal
    splits = all(not (x * (a - y * half)) for x, row in zip(b, A, strict=True) for a, y in zip(row, b, strict=True))
    return min(nominal, 2 if splits else 1)
