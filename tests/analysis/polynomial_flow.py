"""Schemes on polynomial fields in the plane, as power series with exact coefficients: no trees, no step program.

Everything is known modulo the terms of more than some degree in u, v and h together: a step, or a derivative along a
field times h, never lowers that degree."""

from __future__ import annotations

from itertools import pairwise, product
from math import prod

from sympy import QQ, ring

R, U, V, H = ring("u, v, h", QQ)
Y = (U, V)
# two fields in the plane, with every derivative up to the third
ONE = (1 - U + 2 * V + U * V - U**3 + V**2 * U, 2 + U - V**2 + U**2 * QQ(1, 2) - U**2 * V + V**3)
TWO = (QQ(1, 2) - V + U**2 + V**2 * QQ(1, 3) + U * V**2, -1 + U + 2 * V - U * V + V**2 - U**3)


def cut(p, degree):
    """p without its terms of more than `degree`."""
    return R.from_dict({m: c for m, c in p.items() if sum(m) <= degree})


def at(p, point, degree):
    """p with u and v replaced by polynomials, cut off."""
    powers = [[R.one], [R.one]]
    total = R.zero
    for (i, j, k), c in p.items():
        for n, base, known in ((i, point[0], powers[0]), (j, point[1], powers[1])):
            while len(known) <= n:
                known.append(cut(known[-1] * base, degree))
        total += cut(c * H**k * powers[0][i] * powers[1][j], degree)
    return total


def lie(field, g, degree):
    """The derivative of g along a field."""
    return cut(sum((f * g.diff(x) for f, x in zip(field, Y, strict=True)), R.zero), degree)


def flow(field, degree, time=1):
    """Where the field moves a point in `time` steps of h, to h^degree: exp(time·h·L) y."""
    found = []
    for y in Y:
        term = total = y
        for j in range(1, degree + 1):
            term = lie(field, term, degree - j) * QQ(time, j)
            total += term * H**j
        found.append(cut(total, degree))
    return found


def one_step(scheme, fields, degree):
    """A Runge–Kutta step, additive ones too, by iterating its stages; each sweep is right in one more power of h."""
    parts = getattr(scheme, "parts", (scheme,))
    number = {c: QQ(int(c.p), int(c.q)) for part in parts for c in (*sum(part.A, ()), *part.b)}
    stages = range(parts[0].stages)
    ks = dict.fromkeys(product(range(len(parts)), stages), (R.zero, R.zero))

    def state(rows, component):
        slope = sum((number[a] * ks[p, j][component] for p, row in enumerate(rows) for j, a in enumerate(row)), R.zero)
        return cut(Y[component] + H * slope, degree)

    for _ in range(degree + 1):
        points = [[state([part.A[i] for part in parts], x) for x in (0, 1)] for i in stages]
        ks = {(p, j): tuple(at(f, points[j], degree) for f in fields[p]) for p, j in ks}
    return [state([part.b for part in parts], x) for x in (0, 1)]


def elementary(levels, colours, fields):
    """F(t): each node's field differentiated once for each of its branches (HNW II.2)."""
    colours = colours or (1,) * len(levels)
    starts = [i for i, level in enumerate(levels) if level == 2] + [len(levels)]
    inner = [elementary([n - 1 for n in levels[a:b]], colours[a:b], fields) for a, b in pairwise(starts)]
    found = []
    for component in (0, 1):
        total = R.zero
        for directions in product((0, 1), repeat=len(inner)):
            derivative = fields[colours[0] - 1][component]
            for x in directions:
                derivative = derivative.diff(Y[x])
            total += prod((branch[x] for branch, x in zip(inner, directions, strict=True)), start=derivative)
        found.append(total)
    return found


def total_field(terms, fields, part=None):
    """f̃, or the part of it whose trees have a root of one colour."""
    found = [R.zero, R.zero]
    for term in terms:
        if part is None or (term.colours or (1,))[0] == part:
            value = QQ(int(term.factor.p), int(term.factor.q)) * H ** (len(term.tree) - 1)
            differential = elementary(term.tree, term.colours, fields)
            found = [a + value * b for a, b in zip(found, differential, strict=True)]
    return found


def partitioned_step(first, second, degree):
    ks = [[R.zero] * first.stages for _ in (0, 1)]

    def state(x, row):
        slope = sum((QQ(int(a.p), int(a.q)) * k for a, k in zip(row, ks[x], strict=True)), R.zero)
        return cut(Y[x] + H * slope, degree)

    for _ in range(degree + 1):
        points = [[state(0, first.A[i]), state(1, second.A[i])] for i in range(first.stages)]
        ks = [[at(ONE[x], point, degree) for point in points] for x in (0, 1)]
    return [state(0, first.b), state(1, second.b)]


def defect(alpha, betas, fields, field, degree):
    """Σ α_j u(jh) − h Σ_ν Σ_j β^ν_j f^ν(u(jh)) along a field."""
    points = [flow(field, degree, j) for j in range(len(alpha))]
    total = []
    for x in (0, 1):
        left = sum((QQ(int(a.p), int(a.q)) * p[x] for a, p in zip(alpha, points, strict=True)), R.zero)
        for beta, f in zip(betas, fields, strict=True):
            for b, p in zip(beta, points, strict=True):
                left -= QQ(int(b.p), int(b.q)) * H * at(f[x], p, degree) if b else R.zero
        total.append(cut(left, degree))
    return total
