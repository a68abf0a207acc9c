"""Whether learnt stencils leave the coefficients of an equation a meaning: an exact check, before anything is trained.

A stencil of ∂^o whose moment M_k is free is a mixture, D_o = ∂^o + M_k h^{|k|−|o|} ∂^k + …: where the equation has
terms of order |k| with unknown coefficients, these and c_o M_k are one number. So the coefficients of terms up to total
order K have a meaning only if each D_o keeps order K + 1 − |o|. PDE-Net's default keeps order 1, and there u_xx may
come out as anything.
"""

from __future__ import annotations

from tableau2net.analysis.space.moments import moment_name
from tableau2net.analysis.space.order_set import moment_basis
from tableau2net.exact.text import symbol
from tableau2net.nn.space.space_field import SpaceField
from tableau2net.scheme.derivative_letters import total_order


def unknown_order(field: SpaceField) -> int:
    """The highest order of a derivative in a term whose coefficient is learnt, and with a function of all of them."""
    if field.split is None or field.equation is None:
        return max(sum(each.orders) for each in field.stencils.derivatives)
    learnt = {symbol(name) for name in field.coefficients.learnt}
    orders = {symbol(name): total_order(letters) for name, (_, letters) in field.equation.derivatives.items()}
    linear = (total_order(letters) for (_, _, letters), c in field.split.linear.items() if c.free_symbols & learnt)
    terms = (what for rest in field.split.rest for what, c in rest.items() if c.free_symbols & learnt)
    return max([0, *linear, *(orders.get(x, 0) for what in terms for x in what.free_symbols)])


def unidentified(field: SpaceField) -> str:
    """A line that names the derivatives whose stencils may stand for others; empty where the coefficients of a field
    have a meaning, or are not learnt."""
    stencils, highest = field.stencils, unknown_order(field)
    if stencils.z is None or not highest:
        return ""
    told = []
    for i, each in enumerate(stencils.derivatives):
        wanted = highest + 1 - sum(each.orders)
        if stencils.learn == "free" and each.parts:
            told.append(f"{each.name} (keeps no order, {wanted} is needed)")
            continue
        loose = [k for n in stencils.free[i] if sum(k := moment_basis(stencils.own[i]).indices[n]) <= highest]
        if loose:
            told.append(f"{each.name} ({moment_name(loose[0])} is free, order {wanted} is needed)")
    if not told:
        return ""
    return (
        f"the coefficients of terms up to order {highest} are not identifiable: learnt stencils may stand for other "
        f'derivatives: {", ".join(told)}; write keep_order={highest}, or learn="frozen"'
    )
