"""A stochastic scheme on linear equations dX = A X dt + Σ_k B_k X dW_k: exact means and second moments.

A step multiplies by a random matrix, R = Σ (monomial in W, H, …) · matrix, so that E X⁺ = E R · E X and
E X⁺X⁺ᵀ = E R (E X Xᵀ) Rᵀ are finite sums of exact moments: the weak error of a scheme is computed, not sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from sympy import Expr, Matrix, Poly, Rational, S, Symbol, cancel, floor, sign, sqrt
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.budget import BUILT
from tableau2net.analysis.stochastic.elementary_weights import numbers_in, stochastic_step
from tableau2net.analysis.stochastic.random_polynomials import Monomial, RandomPolynomials, moment_of, product_of
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.exact.text import shown
from tableau2net.scheme import StochasticRungeKutta, by_name
from tableau2net.scheme.exact_rows import exact_matrix, named, whole_number
from tableau2net.step.combine import Combine
from tableau2net.step.operation import Call, Solve

Propagator = dict[Monomial, Any]
X, V, SQUARE = Symbol("x", real=True), Symbol("v", real=True), Symbol("w", real=True)


def _propagated(
    scheme: StochasticRungeKutta, values: RandomPolynomials, one: Any, fields: Sequence[Any], solve: Callable[..., Any]
) -> Propagator:
    """R: what a step makes of the unit, where field k multiplies by `fields`[k], a power of h in it. solve: of a stage
    that is implicit in the drift alone, what it is from what is known and the coefficient."""
    step = stochastic_step(scheme, len(fields) - 1)
    known: dict[str, Propagator] = {step.states[0].name: {(): one}}

    def added(total: Propagator, factor: dict[Monomial, Any], state: Propagator) -> None:
        for m, c in factor.items():
            for n, matrix in state.items():
                at, term = product_of(m, n), matrix * c
                total[at] = total[at] + term if at in total else term

    for op in step.operations:
        sums = [o for o in op.members if isinstance(o, Combine)]
        calls = {o.target: o for o in op.members if isinstance(o, Call)}
        if isinstance(op, Solve) and (len(sums) != 1 or any(call.part for call in calls.values())):
            raise InputError(f"{scheme.name or 'the scheme'}: its stages are implicit in more than their own drift")
        own: Any = None
        for o in sums:
            total: Propagator = {}
            for coefficient, value in o.terms:
                if value in calls:
                    own = values.convert(coefficient).get((), values.domain.zero)
                else:
                    added(total, values.convert(coefficient), known[value])
            known[o.target] = {m: solve(x, own) for m, x in total.items()} if own is not None else total
        for name, call in calls.items():
            known[name] = {m: fields[call.part] * x for m, x in known[call.value].items()}
    return known[step.result]


@by_name(StochasticRungeKutta)
def linear_moments(
    scheme: StochasticRungeKutta,
    drift: Sequence[Sequence[object]],
    diffusions: Sequence[Sequence[Sequence[object]]],
    start: Sequence[object],
    h: object,
    steps: int = 1,
) -> tuple[Matrix, Matrix]:
    """E X and E X Xᵀ after some steps of an explicit scheme on dX = A X dt + Σ_k B_k X dW_k from a known X.

    Exact: the numbers are rational (text, fractions). √h is adjoined to them and to those of the scheme, which may lead
    to a number field that is too large: h = 1/4 or any other square does not. The calculus is the scheme's.
    Raises InputError for an implicit scheme, for numbers and shapes that do not go together, and where a moment of Lévy
    areas is needed that is not known."""
    if not scheme.explicit:
        raise InputError(f"{scheme.name or 'the scheme'} is implicit: moments are exact for explicit schemes")
    x0, length = Matrix([named("start", x) for x in start]), named("h", h)
    A, *Bs = (_square(what, M, x0.rows) for what, M in _each(drift, diffusions))
    if whole_number(steps, "steps") < 1:
        raise InputError(f"steps = {steps}: at least 1")
    if not length.is_positive:
        raise InputError(f"h = {shown(h)}: a positive number is expected, noise runs forward in time")
    numbers = [c for value in scheme.at_defaults().coefficients.values() for c in numbers_in(value)]
    domain = _with_root(length, [*numbers, *A, *x0, *(x for B in Bs for x in B)])
    values = RandomPolynomials(domain, scheme.law)

    def exact(M: Matrix) -> DomainMatrix:
        rows = [[domain.convert(M[i, j]) for j in range(M.cols)] for i in range(M.rows)]
        return DomainMatrix(rows, M.shape, domain.domain).to_sparse()

    fields = [exact(A * length), *(exact(B * sqrt(length)) for B in Bs)]
    R = _propagated(scheme.at_defaults(), values, exact(Matrix.eye(A.rows)), fields, lambda known, own: known)
    means = [(m, domain.rational(int(e.p), int(e.q))) for m in R if (e := moment_of(m, scheme.law))]
    pairs = [
        (R[m], R[n].transpose(), domain.rational(int(e.p), int(e.q)))
        for m in R
        for n in R
        if (e := moment_of(product_of(m, n), scheme.law))
    ]
    mean, second = exact(x0), exact(x0 * x0.T)
    for _ in range(steps):
        mean = sum((R[m] * mean * e for m, e in means[1:]), R[means[0][0]] * mean * means[0][1])
        first, *more = ((left * second * right) * e for left, right, e in pairs)
        second = sum(more, first)
    return mean.to_Matrix(), second.to_Matrix()


def _each(drift: object, diffusions: Sequence[object]) -> Iterator[tuple[str, Any]]:
    yield "drift", drift
    yield from ((f"diffusions[{k}]", B) for k, B in enumerate(diffusions))


def _square(what: str, rows: Any, size: int) -> Matrix:
    read = exact_matrix(rows, what, {})
    if len(read) != size or any(len(row) != size for row in read):
        raise InputError(f"{what}: {size} rows of {size} numbers are expected, as many as start has")
    return Matrix(read)


def _with_root(h: Expr, numbers: Sequence[Expr]) -> Any:
    """The domain of the numbers and of √h."""
    try:
        return domain_of([*numbers, sqrt(h)])
    except InputError as error:
        told = f"h = {shown(h)}: its root, with the numbers of the scheme, is in no field that is computed in ({error})"
        raise InputError(f"{told}; take an h that is a square, 1/4 say") from None


@cache
def mean_square_growth(scheme: StochasticRungeKutta) -> Expr | None:
    """E|R|² of dX = λX dt + μX dW, a function of x = λh and w = μ²h. None for additive noise, for which there is no
    such equation, for printed decimals, and where stages are implicit in their noise: E is then of no polynomial."""
    if scheme.noise == "additive" or scheme.digits:
        return None
    numbers = [c for value in scheme.coefficients.values() for c in numbers_in(value)]
    poles = [1 / (1 - a * X) for a in {scheme.A0[i][i] for i in range(len(scheme.alpha))} if not a.is_zero]
    domain = domain_of([*numbers, X, V, *poles])
    values = RandomPolynomials(domain, scheme.law)
    x = domain.convert(X)
    try:
        R = _propagated(
            scheme, values, domain.one, (x, domain.convert(V)), lambda known, own: known / (domain.one - own * x)
        )
    except InputError:
        return None
    found = domain.expression(values.expectation(values.times(R, R)))
    top, bottom = cancel(found).as_numer_denom()
    squares = sum((c * SQUARE ** (n // 2) for (n,), c in Poly(top, V).terms()), S.Zero)
    return squares / bottom


BUILT.append(mean_square_growth.cache_clear)


def mean_square_stable(scheme: StochasticRungeKutta) -> bool | None:
    """Whether E X² goes to 0 for every real λ, μ and h for which that of the solution does: 2λ + μ² < 0 in Itô's sense,
    λ + μ² < 0 in Stratonovich's (Higham 2000; Saito and Mitsui 1996). None where it is not decided."""
    growth = mean_square_growth(scheme.at_defaults())
    if growth is None:
        return False if scheme.explicit and scheme.noise != "additive" else None
    top, bottom = growth.as_numer_denom()
    if not bottom.has(X):
        return False  # a polynomial grows with x
    margin = Poly(bottom - top, SQUARE)
    if margin.degree() > 1 or Poly(bottom, X).count_roots(None, 0):
        return None if margin.degree() > 1 else False
    without, ends = (Poly(margin.as_expr().subs(SQUARE, w), X) for w in (S.Zero, -2 * X if _is_ito(scheme) else -X))
    return _signs(without) == {1} and -1 not in _signs(ends)  # linear in w, which lies between


def _is_ito(scheme: StochasticRungeKutta) -> bool:
    return scheme.calculus == "ito"


def _signs(p: Poly) -> set[int]:
    """The signs of p for x < 0: 1, 0, −1."""
    roots = sorted({r for r in p.real_roots() if r < 0}, key=lambda r: r.evalf()) if p.degree() > 0 else []
    between = [(Rational(str(a.evalf(30))) + Rational(str(b.evalf(30)))) / 2 for a, b in pairwise([*roots, S.Zero])]
    points = [floor(roots[0]) - 1 if roots else S.NegativeOne, *between]
    return {int(sign(p.as_expr().subs(X, at))) for at in points} | ({0} if roots else set())
