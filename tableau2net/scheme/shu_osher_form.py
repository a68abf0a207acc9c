"""Runge–Kutta methods as they are given in Shu–Osher form: from there to a tableau, and to a step."""

from __future__ import annotations

from sympy import Expr, S, cancel, expand

from tableau2net.errors import InputError
from tableau2net.exact.domain import Domain, domain_of
from tableau2net.exact.elimination import Rows, solved
from tableau2net.scheme.keys import Matrix
from tableau2net.scheme.lowering import StepWriter
from tableau2net.scheme.stage_shapes import filled

Vector = tuple[Expr, ...]


def as_form(alpha: Matrix | None, beta: Matrix | None) -> tuple[Matrix, Matrix]:
    """The two matrices with rows filled up. Raises InputError on a wrong shape."""
    if alpha is None or beta is None:
        given, missing = ("beta", "alpha") if alpha is None else ("alpha", "beta")
        raise InputError(f"{missing}: missing beside {given}; a Shu–Osher form has both")
    s = len(beta) - 1
    if s < 1 or len(alpha) != s + 1:
        raise InputError(
            f"alpha has {len(alpha)} rows and beta {len(beta)}: a row for each stage is expected, the first one "
            "too, and one for the new state"
        )
    return filled(alpha, "alpha", s), filled(beta, "beta", s)


def strictly_lower(alpha: Matrix) -> bool:
    """Whether each stage is a mean of those before it."""
    return all(x.is_zero for i, row in enumerate(alpha) for x in row[i:])


def butcher(alpha: Matrix, beta: Matrix) -> tuple[Matrix, Vector]:
    """A = (I − α)⁻¹ β over the stages, and b, the row of the new state put into them."""
    *inner, last = _by_substitution(alpha, beta) if strictly_lower(alpha) else _by_elimination(alpha, beta)
    return tuple(inner), last


def _by_substitution(alpha: Matrix, beta: Matrix) -> list[Vector]:
    rows: list[Vector] = []
    for means, slopes in zip(alpha, beta, strict=True):
        given = [(x, row) for x, row in zip(means, rows, strict=False) if not x.is_zero]
        rows.append(tuple(expand(own + sum((x * row[j] for x, row in given), S.Zero)) for j, own in enumerate(slopes)))
    return rows


def _by_elimination(alpha: Matrix, beta: Matrix) -> list[Vector]:
    domain = domain_of([x for rows in (alpha, beta) for row in rows for x in row])
    convert = domain.convert
    if any(x.free_symbols for row in alpha for x in row):  # 1 − α is divided by
        domain = Domain(domain.domain.get_field(), {})
        convert = domain.domain.from_sympy
    left: Rows = [{j: -convert(x) for j, x in enumerate(row) if not x.is_zero} for row in alpha]
    for i, row in enumerate(left):
        row[i] = row.get(i, domain.zero) + domain.one
    right: Rows = [{j: convert(x) for j, x in enumerate(row) if not x.is_zero} for row in beta]
    found = solved(left, right)
    if found is None:
        raise InputError(
            "alpha: stages define each other without an evaluation of the field between; I − α has no inverse"
        )
    return [tuple(expand(domain.expression(row.get(j, domain.zero))) for j in range(len(beta[0]))) for row in found]


def differ(given: Matrix, found: Matrix) -> bool:
    """Whether two tableaus are not the same, rows that stop early filled up."""
    s = len(found[0])
    if len(given) != len(found) or any(len(row) > s for row in given):
        return True
    pairs = ((x, y) for a, b in zip(given, found, strict=True) for x, y in zip((*a, *[S.Zero] * s), b, strict=False))
    return any(x != y and cancel(x - y) != 0 for x, y in pairs)


def lower_form(step: StepWriter, alpha: Matrix, beta: Matrix, c: Vector, b_hat: Vector | None) -> None:
    """Y_i = (1 − Σ α_ij) y + Σ α_ij Y_j + h Σ β_ij k_j, and the same of y⁺."""
    y = step.state("y")
    stages: list[str] = []
    ks = [f"k{i + 1}" for i in range(len(c))]

    def terms(i: int) -> list[tuple[Expr, str]]:
        rest = expand(1 - sum(alpha[i], S.Zero))
        return [(rest, y), *zip(alpha[i], stages, strict=False), *zip(beta[i], ks, strict=True)]

    for i, node in enumerate(c):
        stages.append(step.value(f"y{i + 1}", terms(i)))
        step.evaluate(ks[i], stages[i], node, i)
    step.hand_on(y, step.combine("y_new", terms(len(c))))
    if b_hat is not None:
        step.estimate = step.combine("y_hat", [(S.One, y), *zip(b_hat, ks, strict=True)])
