"""The B-series of a scheme."""

from __future__ import annotations

from tableau2net.analysis.backward.modified import modified_equation, step_series
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.series.b_series import BSeries
from tableau2net.errors import InputError
from tableau2net.scheme import PartitionedRungeKutta, Scheme, as_scheme, plain_numbers


@plain_numbers
def bseries(scheme: Scheme | str, order: int = 5) -> BSeries:
    """The B-series of one step of a scheme, exact, with its parameters in it.

    Trees are coloured where there are several fields; a tree whose root has colour ν belongs to the state ν of a
    partitioned scheme. That of a linear multistep method is its underlying one-step method (Kirchgraber 1986; HLW
    XV.2): the map that takes the smooth solution one step on.
    Raises InputError where there is none in this form (general linear methods, y'' = f, fields and operators that are
    not f's own), and for more trees than are counted in reasonable time.
    """
    scheme = as_scheme(scheme)
    if order < 1:
        raise InputError(f"order = {order}: a whole number from 1 on")
    if (formula := scheme.formula()) is not None:
        terms, colours = modified_equation(scheme, order), len(formula.betas)
        if terms is not None:
            field = {RootedTree(t.tree, t.colours): t.coefficient for t in terms}
            return BSeries.of(field, order, colours=colours).exp()
    found = None if formula is not None else step_series(scheme, order)
    if found is None:
        raise InputError(
            f"{scheme.name or scheme.family}: one step is no B-series of f; Runge–Kutta, additive, partitioned and "
            "linear multistep schemes for y' = f have one"
        )
    grown, domain, values = found
    states = len(scheme.parts) if isinstance(scheme, PartitionedRungeKutta) else 1
    return BSeries(grown, domain, order, list(values.values()), domain.one, states)
