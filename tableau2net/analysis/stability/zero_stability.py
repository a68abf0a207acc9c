"""Zero-stability, exactly: what a step does to its history when f = 0; and the step a multistep method really takes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from sympy import Expr, Poly, Rational, Symbol, cancel, sqrt
from sympy.polys.matrices import DomainMatrix

from tableau2net.analysis.stability.unit_disk import root_condition, split
from tableau2net.errors import InputError
from tableau2net.exact.components import components
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.exact.polynomials import evaluate
from tableau2net.exact.series import Ring, reversed_characteristic
from tableau2net.scheme import Scheme, by_name
from tableau2net.step import Combine, Step, lower
from tableau2net.step.forms import Row, linear_form, nonzero

Z = Symbol("z")


def characteristic(coefficients: tuple[Expr, ...]) -> Poly:
    """ρ(z) = Σ α_j z^j or σ(z) = Σ β_j z^j, over the exact domain of the coefficients."""
    return Poly(list(reversed(coefficients)), Z, domain=domain_of(coefficients).domain)


@by_name(Scheme)
def zero_stable(scheme: Scheme) -> bool:
    """Whether a scheme is zero-stable, decided in exact arithmetic; open parameters at their declared values.

    Multistep: ρ(1) = 0, the roots of ρ lie in the closed unit disk, those on the circle simple (Dahlquist's root
    condition; HNW I, III.3, Definition 3.2), or at most double for y'' = f (HNW I, III.10). ρ(1) = 0 is asked for
    because without it not even a constant solution is kept. General linear: V has the eigenvalue 1 and bounded powers
    (HNW I, III.8, Definition 8.8): a multiple eigenvalue on the circle has as many eigenvectors. One-step methods are,
    if y itself is kept. Where a source printed decimals, ρ(1) = 0 is asked for to these.
    """
    scheme = scheme.at_defaults() if scheme.parameters else scheme
    step = lower(scheme)
    return True if _keeps_its_states(step) else _power_bounded(step, scheme.digits)


def _with_root_one(rho: Poly, digits: int | None) -> Poly | None:
    """ρ if ρ(1) = 0. To decimals: with ρ(1) taken off, so that 1 is a root."""
    if not evaluate(rho, 1):
        return rho
    at_one = rho.eval(1)
    if digits is None or abs(at_one) > rho.degree() * Rational(10) ** -digits:
        return None
    return rho - Poly(at_one, Z, domain=rho.domain)


def _keeps_its_states(step: Step) -> bool:
    """Whether it is plain that f = 0 leaves everything as it is: one step, from y to y plus field values."""
    kinds = step.kinds
    new = {op.target: [(c, v) for c, v in op.at_rest if kinds[v] == "y"] for op in step.flat() if op.kind == "y"}

    def origin(name: str) -> str:
        """The state that a value is at rest, as far back as that is plain."""
        for _ in new:
            if len(new.get(name, ())) == 1 and new[name][0][0] == 1:
                name = new[name][0][1]
        return name

    pairs = zip(step.inputs, step.outputs, strict=True)
    return not step.history and all(origin(name) == given.name for given, name in pairs)


def _at_rest(step: Step) -> Step:
    """The step where every field is zero, and what its operators do then: of states and their combinations alone."""
    kinds = step.kinds
    known = [(i, new) for i, new in zip(step.inputs, step.outputs, strict=True) if i.kind == "y"]
    sums = [
        (op.target, tuple((c, v) for c, v in op.at_rest if kinds[v] == "y")) for op in step.flat() if op.kind == "y"
    ]
    return replace(
        step,
        inputs=tuple(i for i, _ in known),
        outputs=tuple(new for _, new in known),
        operations=tuple(Combine(target, terms) for target, terms in sums),
        estimate=None,
    )


def _power_bounded(step: Step, digits: int | None) -> bool:
    """Whether V has the eigenvalue 1 and a minimal polynomial that fulfils the root condition: on the circle roots are
    simple, or as many as there are derivatives in y'' = f."""
    reading = linear_form(_at_rest(step))
    if reading is None:
        raise InputError("zero-stability of several states with a history is not decided")
    assert isinstance(reading.arithmetic, Domain)
    domain, V = reading.arithmetic.domain, [nonzero(row) for row in reading.V]
    polynomial = _with_root_one(_product(V, reading.arithmetic), digits)
    if polynomial is None or not root_condition(polynomial, polynomial.degree()):
        return False
    dense = [[row.get(j, domain.zero) for j in range(len(V))] for row in V]
    for factor, times in polynomial.sqf_list()[1]:
        circle = split(factor)[1]
        if times > step.derivative and circle is not None and circle.degree() > 0:
            dimension = times * circle.degree()
            if _nullity(circle**step.derivative, dense) < dimension:
                return False
    return True


def _product(V: list[Row], arithmetic: Domain) -> Poly:
    """The characteristic polynomial, without roots 0 that are plain to see: of the classes of values that act on each
    other, one by one."""
    ring, product = Ring(arithmetic, 0), Poly(1, Z, domain=arithmetic.domain)
    for rows in components(V):
        inner = [[[V[i][j]] if j in V[i] else [] for j in reversed(rows)] for i in reversed(rows)]
        if any(map(any, inner)):
            found = [c[0] if c else ring.zero for c in reversed_characteristic(inner, ring)]
            product *= Poly(found, Z, domain=arithmetic.domain)
    return product


def _nullity(p: Poly, V: list[list[object]]) -> int:
    """The dimension of the kernel of p(V)."""
    r = len(V)
    matrix, identity = DomainMatrix(V, (r, r), p.domain), DomainMatrix.eye(r, p.domain)
    value = identity * p.domain.zero
    for c in p.rep.to_list():
        value = value * matrix + identity * p.domain.convert(c)
    return r - int(value.rank())


@by_name(Scheme)
@cache
def effective_step(scheme: Scheme) -> Expr | None:
    """The step that a multistep method really takes, in units of h: σ(1)/ρ'(1), and √(2σ(1)/ρ''(1)) for y'' = f.

    1 for a consistent method; LM's is 1/(1 + k), since it solves u' = f/(1 + k). None where it is not defined
    (ρ(1) ≠ 0 or ρ'(1) = 0 identically, σ(1)/ρ''(1) < 0) and for families to which it does not apply."""
    method = scheme.formula()
    if method is None or len(method.betas) > 1:
        return None
    (beta,) = method.betas
    slope = sum(j * a for j, a in enumerate(method.alpha))
    if cancel(sum(method.alpha)) != 0:
        return None
    if method.derivative == 1:
        return None if cancel(slope) == 0 else cancel(sum(beta) / slope)
    curvature = sum(j * (j - 1) * a for j, a in enumerate(method.alpha))
    if cancel(slope) != 0 or cancel(curvature) == 0:
        return None
    square = cancel(2 * sum(beta) / curvature)
    return None if square.is_negative else sqrt(square)
