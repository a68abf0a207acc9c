"""What stands for the derivatives of an equation, and the order that it has in space with that."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from tableau2net.analysis.space.moments import SpaceOrder, space_order
from tableau2net.errors import InputError
from tableau2net.scheme import Equation, Stencil, as_stencil
from tableau2net.scheme.derivative_letters import in_order, sum_of_orders, total_order

CENTRAL = 4  # the order of the stencils that stand for derivatives without one of their own
Placed = tuple[tuple[int | None, Stencil], ...]  # each along an axis, None of one that has all; their product


def stencils_used(equation: Equation, order: int = CENTRAL) -> dict[str, Placed]:
    """The stencils of each derivative that an equation reads, by its letters; central ones where it names none.

    Raises InputError for a stencil of another derivative."""
    read = {letters for _, letters in equation.derivatives.values() if letters}
    named = {in_order(use.of, equation.dimension): use for use in equation.stencils or ()}
    found: dict[str, Placed] = {}
    for letters in sorted(read, key=lambda each: (total_order(each), each)):
        terms = sum_of_orders(letters, equation.dimension)
        orders, use = terms[0], named.get(letters)
        if use is None:
            found[letters] = tuple((a, as_stencil(f"central-{m}-{order}")) for a, m in enumerate(orders) if m)
            continue
        stencil = (use.inline(equation.dimension) if use.weights else as_stencil(use.stencil)).at_defaults()
        whole = stencil.dimension > 1
        along = ((None, stencil),) if whole else tuple((a, stencil) for a, m in enumerate(orders) if m)
        own = tuple(sorted(stencil.terms, reverse=True))
        if own != terms if whole else len(terms) > 1 or any(own != ((m,),) for m in orders if m):
            raise InputError(f"stencils: {letters}: {stencil.name or 'the stencil'} is of another derivative")
        found[letters] = along
    return found


@lru_cache(maxsize=64)
def equation_order(equation: Equation) -> SpaceOrder:
    """The order in space of an equation with its stencils: that of the least, with the moments that end it.

    Raises InputError for one without derivatives."""
    orders = [
        (space_order(stencil), f"{letters} ({stencil.name or 'its stencil'})")
        for letters, placed in stencils_used(equation).items()
        for _, stencil in placed
    ]
    if not orders:
        raise InputError(f"{equation.name or 'equation'}: it reads no derivative, so it has no order in space")
    least, where = min(orders, key=lambda each: each[0].order)
    return replace(least, failing=tuple(replace(r, of=where) for r in least.failing))
