"""Methods for y' = v, v' = f(y) as Nyström's."""

from __future__ import annotations

from tableau2net.errors import InputError
from tableau2net.scheme.library import as_scheme
from tableau2net.scheme.nystrom import RungeKuttaNystrom, second_order_form
from tableau2net.scheme.parts import PartitionedRungeKutta
from tableau2net.scheme.runge_kutta import RungeKutta


def nystrom_of(scheme: RungeKutta | PartitionedRungeKutta | str, *, position: int | None = None) -> RungeKuttaNystrom:
    """What a method does to y' = v, v' = f, written for y'' = f: Ā = A^y A^v, b̄ = b^y A^v (HNW I, II.14.12).

    A Runge–Kutta method, or the name of one: for f(t, y, y').  A partitioned one of two states that read each other
    alone, as splittings are written: for f(t, y).
    position: which of its states, 1 or 2, is y. Without it the second, as in p' = f(q), q' = p, which is how splittings
        ship; the first where the nodes of the second alone forbid it.
    Raises InputError for others, and where the nodes of y are not its row sums, so that it would not move with t."""
    found = as_scheme(scheme)
    name = found.name or "the scheme"
    if position not in (None, 1, 2):
        raise InputError(f"position = {position}: 1 or 2 is expected, which state is y")
    if isinstance(found, RungeKutta):
        return second_order_form(found, found, found)
    if not isinstance(found, PartitionedRungeKutta) or found.reads != ((2,), (1,)):
        raise InputError(f"{name}: a Runge–Kutta method, or two states that read each other, y and y', are needed")
    if position is not None:
        return second_order_form(found, found.parts[position - 1], found.parts[2 - position])
    first, second = found.parts
    try:
        return second_order_form(found, second, first)
    except InputError:
        return second_order_form(found, first, second)
