"""How large the leading error of a scheme is, exactly: error norms, the metrics of pairs, multistep error constants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import factorial

import sympy
from sympy import Expr

from tableau2net.analysis.budget import ask, remembered
from tableau2net.analysis.order.conditions import nodes_are_row_sums, order_conditions
from tableau2net.analysis.order.error_norms import Norm, Sizes, largest
from tableau2net.exact.balls import Balls
from tableau2net.exact.domain import Element, domain_of
from tableau2net.scheme import Scheme, by_name
from tableau2net.scheme.layout import Recurrence
from tableau2net.step import lower

__all__ = ["Errors", "Norm", "errors"]


@dataclass(frozen=True)
class Errors:
    """Error constants of a scheme; what does not apply is None.

    The coefficients are τ(t) = (a(t) − 1/γ(t))/σ(t), so that one step errs by Σ_t h^|t| τ(t) F(t) (HNW II.3, Theorem
    3.2; Prince and Dormand 1981), and ‖τ^(q)‖ runs over all trees of order q: coloured ones where there are several
    fields, of every component where there are several states. p and p̂ are the orders of the method and of the
    embedded one, and a hat marks the latter.

    principal: A^(p+1) = ‖τ^(p+1)‖.    second: A^(p+2).    embedded: Â^(p̂+1).
    B: Â^(p̂+2)/Â^(p̂+1).    C: ‖τ̂^(p̂+2) − τ^(p̂+2)‖/Â^(p̂+1).    E: ‖τ^(p̂+2)‖/Â^(p̂+1).
    D: the largest modulus of a coefficient of the pair.
    (Prince and Dormand 1981; Kennedy, Carpenter and Lewis 2000. Ratios are of like norms. None for an order that has
    more than 2000 trees, as 12 has.)
    leading_coefficient: C_(p+1) of a linear multistep method Σ α_j y_(n+j) = h^d Σ β_j f_(n+j), the first of
        C_(q+d−1) = Σ_j α_j j^(q+d−1)/(q+d−1)! − Σ_j β_j j^(q−1)/(q−1)! that is not zero; with α_k = 1, its local error
        is C_(p+1) h^(p+d) y^(p+d) (HNW III.2, (2.6); III.10 for d = 2, where the index is p + 2).
    error_constant: that divided by σ(1), which no scaling of the method changes and the global error follows
        (HNW III.2, (2.13)); None where σ(1) = 0.
    """

    principal: Norm | None = None
    second: Norm | None = None
    embedded: Norm | None = None
    B: Norm | None = None
    C: Norm | None = None
    D: Expr | None = None
    E: Norm | None = None
    leading_coefficient: Expr | None = None
    error_constant: Expr | None = None


@by_name(Scheme)
@remembered
def errors(scheme: Scheme) -> Errors:
    """The error constants of a scheme: norms for one-step methods, the metrics of a pair, the constant of a linear
    multistep method. Everything is None for a scheme that keeps not even constants, and for other families.

    Exact, but for two kinds of tables, whose norms are floats, right to 15 digits or to what the table allows: those
    with `digits`, and those of fractions so long that an exact norm would have thousands of digits.
    Raises InputError when the coefficients lie outside what can be computed exactly.
    """
    method = scheme.formula()
    if method is not None and len(method.betas) == 1:
        return Errors(*(None,) * 7, *_multistep(method, scheme.digits))
    step = lower(scheme)
    found = order_conditions(scheme)
    if step.history or found.kind == "linear" or not found.complete or found.order < 0:
        return Errors()
    sizes = Sizes(step, found.order, with_time=not nodes_are_row_sums(scheme), digits=scheme.digits)
    result = _of_result(sizes, found.order)
    if step.estimate is None:
        return result
    estimate = order_conditions(scheme, embedded=True)
    complete = estimate.complete and estimate.order >= 0
    if not complete:
        return result
    domain = domain_of(scheme.coefficients.values())
    result = replace(result, D=ask("largest coefficient", lambda: largest(domain, scheme.coefficients.values())))
    return ask("pair metrics", lambda: _of_pair(sizes, estimate.order, result)) or result


def _of_result(sizes: Sizes, p: int) -> Errors:
    return Errors(
        ask("principal error norm", lambda: sizes.of(p + 1).norm), ask("next error norm", lambda: sizes.of(p + 2).norm)
    )


def _of_pair(sizes: Sizes, q: int, result: Errors) -> Errors:
    """The same with what belongs to the pair, whose embedded method is of order q."""
    sizes.within_reach(q + 2)
    embedded = sizes.of(q + 1, embedded=True)
    return replace(
        result,
        embedded=embedded.norm,
        B=sizes.of(q + 2, embedded=True).over(embedded),
        C=sizes.of_difference(q + 2).over(embedded),
        E=sizes.of(q + 2).over(embedded),
    )


def _multistep(method: Recurrence, digits: int | None) -> tuple[Expr | None, Expr | None]:
    """C_(p+1), or C_(p+2) for a second derivative, and that over σ(1)."""
    derivative, rows = method.derivative, (method.alpha, *method.betas)
    domain = domain_of([x for row in rows for x in row]) if digits is None else Balls(digits)
    alpha, beta = ([domain.convert(x) for x in row] for row in rows)

    def moment(coefficients: list[Element], q: int) -> Element:
        """Σ c_j j^q/q!"""
        total = sum((c * j**q for j, c in enumerate(coefficients)), domain.zero)
        return total * domain.rational(1, factorial(q))

    if any(moment(alpha, q) for q in range(derivative)):
        return None, None
    sigma = moment(beta, 0)
    for q in range(derivative, derivative + 2 * len(alpha) + 2):
        leading = moment(alpha, q) - moment(beta, q - derivative)
        if leading:
            constant = domain.expression(leading)
            return constant, sympy.cancel(constant / domain.expression(sigma)) if sigma else None
    return None, None
