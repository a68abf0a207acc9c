"""Constructed families: against printed tables, the textbook's conditions, and a step in many digits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from sympy import Poly, Rational, Symbol, chebyshevt, expand, factorial, gegenbauer, jacobi, legendre

from tableau2net.analysis import check, order
from tableau2net.analysis.order.by_assumptions import order_by_simplifying, proved_by_simplifying
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.errors import InputError
from tableau2net.exact.surds import expression
from tableau2net.scheme import RungeKutta, load
from tableau2net.scheme.constructed import collocation, implicit, polynomial
from tableau2net.scheme.constructed import patterns as registry
from tableau2net.scheme.constructed.extrapolation import aitken_neville
from tableau2net.scheme.constructed.quadrature import is_exact, nodes
from tableau2net.scheme.file import read
from tableau2net.scheme.library import folder
from tests.reference import measured_order, number, one_step, runge_kutta_order

PRINTED = sorted((Path(__file__).parent / "printed").glob("*.toml"))
LISTED = registry.listed()
Z = Symbol("z")


@pytest.mark.parametrize("path", PRINTED, ids=lambda path: path.stem)
def test_the_tables_that_books_print(path):
    printed, made = read(path), load(path.stem)
    assert made.name == path.stem
    assert printed.coefficients.keys() == made.coefficients.keys()
    assert all(expand(x - made.coefficients[n]) == 0 for n, x in printed.coefficients.items())
    assert printed.claims.items() <= made.claims.items()


def exact_members():
    """Of the members that are listed, those that are settled in a moment."""
    slow = ("gauss-4", "lobatto-iiia-iiib-4", "lobatto-iiic-iii-4")
    return [name for name, (pattern, _) in LISTED.items() if pattern.kind != "stencil" and name not in slow]


@pytest.mark.parametrize("name", exact_members())
def test_claims_of_every_listed_member_are_proved(name):
    verdict = check(load(name))
    assert verdict.claims
    assert verdict.ok, verdict.claims


# ------------------------------------------------------------------ Gauss, Radau, Lobatto

NODES = [("gauss", 0), ("radau-left", 1), ("radau-right", 1), ("lobatto", 2)]


@pytest.mark.parametrize(("kind", "lost"), NODES)
@pytest.mark.parametrize("s", [2, 3, 4, 5, 6, 7, 11])
def test_quadrature_by_moments(kind, lost, s):
    """Σ b_i c_i^(k−1) = 1/k up to k = 2s − lost and not beyond, in decimals."""
    with mpmath.workdps(60):
        c = [number(expression(x)) if is_exact(kind, s) else x for x in nodes(kind, s)]
        b = [polynomial.integral(ell, 0, 1) for ell in polynomial.lagrange([mpmath.mpf(x) for x in c])]
        misses = [
            abs(sum(w * x ** (k - 1) for w, x in zip(b, c, strict=True)) - mpmath.mpf(1) / k) for k in range(1, 25)
        ]
    assert list(c) == sorted(c)
    assert (c[0] == 0, c[-1] == 1) == (kind in ("radau-left", "lobatto"), kind in ("radau-right", "lobatto"))
    assert [m < mpmath.mpf(10) ** -50 for m in misses[: 2 * s - lost + 1]] == [True] * (2 * s - lost) + [False]


@pytest.mark.parametrize("s", range(1, 9))
def test_nodes_are_roots_of_the_classical_polynomials(s):
    u = Symbol("u")
    for kind, classical in (
        ("gauss", legendre(s, u)),
        ("radau-right", (u - 1) * jacobi(s - 1, 1, 0, u)),
        ("lobatto", (u**2 - 1) * jacobi(s - 1, 1, 1, u)),
    ):
        with mpmath.workdps(60):
            for x in nodes(kind, s + (kind == "lobatto")):
                value = Poly(classical, u).eval(
                    2 * (expression(x) if not isinstance(x, mpmath.mpf) else Rational(str(x))) - 1
                )
                assert abs(number(value)) < 1e-45


@pytest.mark.parametrize("family", implicit.IMPLICIT, ids=lambda f: f.pattern)
def test_the_order_by_simplifying_assumptions(family):
    """Of decimals and of radicals, exact ones against trees where those are few."""
    if family.pattern.startswith("lobatto-iiid"):  # the assumptions do not settle it; trees do
        assert all(order_by_simplifying(family.member(s)) is None for s in (2, 3, 4))
        assert order_conditions(family.member(3)).order == family.member(3).claims["order"]
        return
    for s in (2, 3, 4, 6, 9, 12):
        made = family.member(s)
        if sum(made.A[0]) != made.c[0]:  # two stages of IIIB and of its mean with IIIA
            assert s == 2
            assert order_by_simplifying(made) is None
            continue
        assert order_by_simplifying(made) == made.claims["order"]
        if made.digits is None and s < 4:
            by_trees, proved = order_conditions(made), proved_by_simplifying(made)
            assert by_trees.order == proved.order
            assert set(proved.failing) <= set(by_trees.failing)


def test_decimals_are_close_to_what_they_stand_for():
    """A table of decimals agrees with the exact one, where both can be made."""
    exact = load("lobatto-iiic-6")
    p = polynomial.rodrigues(5, 5, 4)
    with mpmath.workdps(100):
        c = [mpmath.mpf(0), *nodes_by_newton(p), mpmath.mpf(1)]
        A = collocation.first_column(c, collocation.weights(c))
        for row, printed in zip(A, exact.A, strict=True):
            for x, a in zip(row, printed, strict=True):
                assert abs(x - number(a)) < mpmath.mpf(10) ** -90


def nodes_by_newton(p):
    """The roots of p inside (0, 1)."""
    roots = mpmath.polyroots([mpmath.mpf(int(x.numerator)) / int(x.denominator) for x in reversed(p)], extraprec=400)
    return sorted(r for r in roots if 0.001 < r < 0.999)


@pytest.mark.parametrize("s", [4, 9, 24])
def test_decimal_tables_are_consistent_exactly(s):
    for name in ("radau-iia", "lobatto-iiia"):
        made = load(f"{name}-{max(s, 8)}")
        assert made.digits == 50
        assert sum(made.b) == 1
        assert all(sum(row) == c for row, c in zip(made.A, made.c, strict=True))
        assert made.A[-1] == made.b


def test_butchers_theorem_claims_nothing_where_it_does_not_hold():
    for name in ("rk4", "kutta-5", "dormand-prince-54", "lobatto-iiid-4"):  # D or C is too low
        found = order_by_simplifying(load(name))
        assert found is None or found == order(load(name))
    assert order_by_simplifying(load("bdf-2")) is None
    for name in ("euler", "implicit-midpoint", "trapezoid", "backward-euler", "qin-zhang-2", "heun-3"):
        found = order_by_simplifying(load(name))
        assert found is None or found == order(load(name)), name


# ------------------------------------------------------------------ stabilised methods


def stability_polynomial(scheme: RungeKutta) -> Poly:
    """1 + z b (I + zA + z²A² + …) 1."""
    s = scheme.stages
    powers, total = [Rational(1)] * s, Poly(1, Z, domain="QQ")
    for k in range(1, s + 1):
        total += Poly(Z**k, Z) * sum(b * x for b, x in zip(scheme.b, powers, strict=True))
        powers = [sum(a * x for a, x in zip(row, powers, strict=True)) for row in scheme.A]
    return total


@pytest.mark.parametrize("s", [1, 2, 3, 5, 10])
def test_first_order_stability_polynomials(s):
    cases = [
        ("chebyshev", chebyshevt(s, Z), 0),
        ("rkc1", chebyshevt(s, Z), Rational(1, 20)),
        ("rkl1", legendre(s, Z), 0),
    ]
    cases.append(("rkg1", gegenbauer(s, Rational(3, 2), Z), 0))
    for name, p, damping in cases:
        p, w0 = Poly(p, Z), 1 + Rational(damping) / s**2
        w1 = p.eval(w0) / p.diff().eval(w0)
        expected = p.compose(Poly(w0 + w1 * Z, Z)) * (1 / p.eval(w0))
        assert stability_polynomial(load(f"{name}-{s}")).as_expr() == expected.as_expr()


@pytest.mark.parametrize("s", [2, 3, 7])
def test_second_order_stability_polynomials(s):
    for name, p, damping in (
        ("rkc2", chebyshevt(s, Z), Rational(2, 13)),
        ("rkl2", legendre(s, Z), 0),
        ("rkg2", gegenbauer(s, Rational(3, 2), Z), 0),
    ):
        p, w0 = Poly(p, Z), 1 + Rational(damping) / s**2
        first, second = p.diff().eval(w0), p.diff().diff().eval(w0)
        b = second / first**2
        expected = 1 - b * p.eval(w0) + b * p.compose(Poly(w0 + first / second * Z, Z))
        assert stability_polynomial(load(f"{name}-{s}")).as_expr() == expected.as_expr()


def test_undamped_chebyshev_reaches_two_s_squared():
    """|R| ≤ 1 on [−2s², 0], equality at the end."""
    for s in (2, 5, 8):
        R = stability_polynomial(load(f"chebyshev-{s}"))
        assert abs(R.eval(-2 * s * s)) == 1
        assert all(abs(R.eval(Rational(-2 * s * s * i, 97))) <= 1 for i in range(98))


@pytest.mark.parametrize("name", ["rkc1-30", "rkc2-30", "rkl1-21", "rkl2-21", "rkg2-17", "chebyshev-40"])
def test_long_stabilised_methods(name):
    assert check(load(name)).ok


# ------------------------------------------------------------------ extrapolation and deferred correction


def test_aitken_neville_weights():
    """HNW II.9: for n = 1, 2, 3 the weights 1/2, −4, 9/2; with h², 1/24, −16/15, 81/40."""
    assert aitken_neville([1, 2, 3], 1) == [Fraction(1, 2), -4, Fraction(9, 2)]
    assert aitken_neville([1, 2, 3], 2) == [Fraction(1, 24), Fraction(-16, 15), Fraction(81, 40)]


@pytest.mark.parametrize(
    "name", ["gbs-3", "extrapolated-euler-4", "extrapolated-midpoint-2", "idc-4", "extrapolated-backward-euler-3"]
)
def test_orders_by_classical_conditions(name):
    made = load(name)
    assert runge_kutta_order(made, made.claims["order"] + 1) == made.claims["order"]


@pytest.mark.parametrize(
    ("name", "p"), [("gbs-4", 8), ("sdc-7", 7), ("extrapolated-euler-8", 8), ("idc-7", 7), ("radau-iia-4", 7)]
)
def test_orders_as_measured(name, p):
    assert abs(measured_order(load(name)) - p) < 0.1


def test_extrapolated_euler_is_the_tableau_of_aitken_and_neville():
    """The scheme, step by step, on y' = f(t, y) with the test problem."""
    from tests.reference import axpy, field, solution

    with mpmath.workdps(40):
        t, h = mpmath.mpf("0.4"), mpmath.mpf("0.1")
        column = []
        for n in (1, 2, 3, 4):
            y = solution(t)
            for i in range(n):
                y = axpy(y, [(h / n, field(t + i * h / n, y))])
            column.append(y)
        for k in range(1, 4):  # T_{j,k+1} = T_{j,k} + (T_{j,k} − T_{j−1,k})/(n_j/n_{j−k} − 1)
            column = [
                [
                    a + (a - b) / (mpmath.mpf(j + k + 1) / (j + 1) - 1)
                    for a, b in zip(column[j + 1], column[j], strict=True)
                ]
                for j in range(len(column) - 1)
            ]
        made = one_step(load("extrapolated-euler-4"), h, t)
        assert max(abs(a - b) for a, b in zip(made, column[0], strict=True)) < 1e-35


# ------------------------------------------------------------------ multistep methods and pairs


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [  # HNW I, III.1 eqs. (1.15) and III.10 eqs. (10.9), (10.11); Ascher, Ruuth and Wetton 1995
        ("milne-simpson-2", "-1 0 1", "1/3 4/3 1/3"),
        ("milne-simpson-4", "0 0 -1 0 1", "-1/90 4/90 24/90 124/90 29/90"),
        ("stormer-3", "0 1 -2 1", "1/12 -2/12 13/12 0"),
        ("stormer-4", "0 0 1 -2 1", "-1/12 4/12 -5/12 14/12 0"),
        ("cowell-2", "1 -2 1", "1/12 10/12 1/12"),
        ("cowell-4", "0 0 1 -2 1", "-1/240 4/240 14/240 204/240 19/240"),
        ("extrapolated-bdf-1", "-1 1", "1 0"),
    ],
)
def test_multistep_tables(name, alpha, beta):
    scheme = load(name)
    assert list(scheme.alpha) == [Rational(a) for a in alpha.split()]
    assert list(scheme.beta) == [Rational(b) for b in beta.split()]


@pytest.mark.parametrize("k", [2, 3, 5, 12, 40])
def test_second_derivative_conditions(k):
    """Σ α_j j^q = q (q − 1) Σ β_j j^(q−2) for q up to the order plus one (HNW III.10, eq. 10.13)."""
    for name, p in (("stormer", k), ("cowell", max(k + 1, 4))):
        scheme = load(f"{name}-{k}")
        assert scheme.derivative == 2
        misses = [
            sum(a * Rational(j) ** q for j, a in enumerate(scheme.alpha))
            - sum(b * q * (q - 1) * Rational(j) ** max(q - 2, 0) for j, b in enumerate(scheme.beta))
            for q in range(p + 3)
        ]
        assert [m == 0 for m in misses] == [True] * (p + 2) + [False]


def test_implicit_explicit_pairs_are_their_parts():
    for k in (1, 2, 4):
        sbdf = load(f"imex-bdf-{k}")
        assert sbdf.betas == (load(f"extrapolated-bdf-{k}").beta, load(f"bdf-{k}").beta)
        assert sbdf.alpha == load(f"bdf-{k}").alpha
        adams = load(f"imex-adams-{k}")
        assert adams.betas[0] == load(f"adams-bashforth-{k}").beta
    assert load("cnab-2").betas == ((Rational(-1, 2), Rational(3, 2), 0), (0, Rational(1, 2), Rational(1, 2)))


@pytest.mark.parametrize("k", [1, 2, 4])
def test_pece_in_many_digits(k):
    """One step from exact values on the test problem: predict, evaluate, correct; order k + 1."""
    from tests.reference import axpy, field, solution

    scheme = load(f"abm-{k}")
    assert len(scheme.external) == k + 1
    predictor, corrector = (tuple(load(f"{f}-{k}").beta) for f in ("adams-bashforth", "adams-moulton"))
    assert scheme.U[0][1:] == tuple(reversed(predictor[:k]))
    errors = []
    with mpmath.workdps(80):
        for halvings in (12, 13):
            h, t = mpmath.mpf(2) ** -halvings, mpmath.mpf("0.4")
            fs = [field(t - a * h, solution(t - a * h)) for a in range(k)]
            stage: list = []
            for A, U in zip(scheme.A, scheme.U, strict=True):
                y = axpy(solution(t), [(h * number(u), f) for u, f in zip(U[1:], fs, strict=True)])
                y = axpy(y, [(h * number(a), f) for a, f in zip(A, stage, strict=False)])
                stage.append(field(t + h, y))
            # the corrected value is the last stage, and V and B say the same
            y_new = axpy(solution(t), [(h * number(v), f) for v, f in zip(scheme.V[0][1:], fs, strict=True)])
            y_new = axpy(y_new, [(h * number(x), f) for x, f in zip(scheme.B[0], stage, strict=True)])
            assert max(abs(a - b) for a, b in zip(y, y_new, strict=True)) < 1e-70
            errors.append(max(abs(a - b) for a, b in zip(y_new, solution(t + h), strict=True)))
    assert number(corrector[-1]) == number(scheme.A[1][0])
    assert abs(mpmath.log(errors[0] / errors[1], 2) - (k + 2)) < 0.1


@pytest.mark.parametrize("s", [2, 3, 4])
def test_pairs_are_symplectic(s):
    """b_i â_ij + b̂_j a_ji = b_i b̂_j (HLW VI.4, Theorem 4.6)."""
    for name in ("lobatto-iiia-iiib", "lobatto-iiic-iii"):
        p, q = load(f"{name}-{s}").parts
        for i in range(s):
            for j in range(s):
                assert expand(p.b[i] * q.A[i][j] + q.b[j] * p.A[j][i] - p.b[i] * q.b[j]) == 0


@pytest.mark.parametrize("outer", [2, 4])
def test_composition_weights(outer):
    """Σ γ = 1 and Σ γ^(p+1) = 0 for odd powers up to the order (HLW II.4, eq. 4.4)."""
    from tableau2net.scheme.constructed.composition import weights

    for order_ in (4, 6, 8):
        gammas = weights(outer, order_)
        assert expand(sum(gammas)) == 1
        assert gammas == gammas[::-1]
        with mpmath.workdps(60):
            assert abs(sum(number(w) ** 3 for w in gammas)) < 1e-50
    with mpmath.workdps(30):  # the triple jump of Yoshida
        assert abs(number(weights(2, 4)[0]) - 1 / (2 - mpmath.cbrt(2))) < 1e-25


def test_a_composition_of_order_six_in_decimals():
    assert abs(measured_order(load("yoshida-midpoint-6")) - 6) < 0.1


@pytest.mark.parametrize("s", [2, 3, 6])
def test_methods_of_full_linear_order(s):
    series = sum(Z**k / factorial(k) for k in range(s + 1))
    for name in ("jameson", "ssprk-linear"):
        assert expand(stability_polynomial(load(f"{name}-{s}")).as_expr() - series) == 0


# ------------------------------------------------------------------ names and bounds


def test_aliases():
    assert load("lobatto-iiic-star-3") == load("lobatto-iii-3")
    assert load("rkc-5") == load("rkc2-5")
    assert load("sbdf-3") == load("imex-bdf-3")
    assert load("numerov") == load("cowell-2")
    with pytest.raises(InputError):
        load("cnab-23")


def test_no_file_has_the_name_of_a_member():
    """It would stand in the member's place."""
    names = {path.stem for path in folder().rglob("*.toml")}
    taken = [(name, f.pattern) for name in names for f in registry.PATTERNS.values() if f.number(name) in f.members]
    assert taken == []


@pytest.mark.parametrize("family", registry.PATTERNS.values(), ids=lambda f: f.pattern)
def test_the_bounds_of_every_family(family):
    first, last = family.members[0], family.members[-1]
    made = family.member(last)
    assert (made.family, family.member(first).family) == (family.kind, family.kind)
    assert made.name == family.name(last)
    assert family.number(made.name) == last
    assert made.title.isprintable()
    assert made.reference
