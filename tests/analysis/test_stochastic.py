"""Stochastic Runge–Kutta methods: orders against published conditions, weights and moments against other routes."""

import time
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from sympy import Rational, S, Symbol, simplify, sympify

from tableau2net.analysis import check
from tableau2net.analysis.budget import budget
from tableau2net.analysis.reading.step_reading import Reading
from tableau2net.analysis.reading.trees import forest
from tableau2net.analysis.stochastic.elementary_weights import ElementaryWeights, stochastic_step
from tableau2net.analysis.stochastic.iterated_integrals import in_variables, mean, shuffled
from tableau2net.analysis.stochastic.linear_problems import linear_moments, mean_square_growth, mean_square_stable
from tableau2net.analysis.stochastic.random_polynomials import RandomPolynomials, written
from tableau2net.analysis.stochastic.stochastic_order import strong_order, weak_order
from tableau2net.analysis.stochastic.weighted_trees import weighted_forest
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import StochasticRungeKutta, as_scheme, load
from tableau2net.scheme.library import list_tables

BAD = Path(__file__).parents[1] / "known_bad" / "stochastic"
NAMES = list_tables(kind=StochasticRungeKutta)
SLOW = {"dri1", "rdi2wm", "rdi3wm", "rdi4wm", "rossler-ri1", "ri3", "ri5", "rs2", "sosri", "sosri2", "general-shark"}


def named(name):
    return load(name, StochasticRungeKutta)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in NAMES])
def test_every_claim_of_the_library_is_proved(name):
    verdict = check(named(name))
    assert verdict.claims
    assert verdict.ok, verdict


def test_there_are_more_than_thirty():
    assert len(NAMES) >= 40


@pytest.mark.parametrize(
    ("name", "claim", "found", "condition"),
    [
        ("torchsde-sra2", "strong_order", 1, "[t]₂: 2*H_1 + W_1"),
        ("torchsde-sra3", "strong_order", 1, "[t]₂: 2*H_1 + W_1"),
        ("stochasticdiffeq-ri1", "weak_order", 1, "[τ₃]₂ · [τ₄]₂: 1/4"),
        ("stochasticdiffeq-sieb", "weak_order", 1, "[τ₂]₂ · [τ₂]₂: 2/3"),
        ("stochasticdiffeq-smeb", "weak_order", 1, "[τ₂]₂ · [τ₂]₂: 2/3"),
        pytest.param("stochasticdiffeq-dri1", "weak_order", 1, "[τ₃]₂ · [τ₄]₂: 1/4", marks=pytest.mark.slow),
    ],
)
def test_tables_of_public_code_are_refuted(name, claim, found, condition):
    verdict = check(load(BAD / f"{name}.toml", StochasticRungeKutta))
    wrong = [c for c in verdict.claims if not c.ok]
    assert [(c.claim, c.found) for c in wrong] == [(claim, found)]
    assert condition in wrong[0].why


# ------------------------------------------------------------------ published conditions, by hand


def sri_conditions(A0, A1, B0, B1, alpha, betas):
    """Rößler 2010, Theorem 5.1: the conditions of strong order 3/2 for one noise, in float64."""
    A0, A1, B0, B1, alpha = (np.array(x, float) for x in (A0, A1, B0, B1, alpha))
    b1, b2, b3, b4 = (np.array(b, float) for b in betas)
    e = np.ones(len(alpha))
    return [
        *(alpha @ e - 1, b1 @ e - 1, b2 @ e, b3 @ e, b4 @ e, b1 @ B1 @ e, b2 @ B1 @ e - 1, b3 @ B1 @ e, b4 @ B1 @ e),
        *(alpha @ A0 @ e - 0.5, alpha @ B0 @ e - 1, alpha @ (B0 @ e) ** 2 - 1.5),
        *(b1 @ A1 @ e - 1, b2 @ A1 @ e, b3 @ A1 @ e + 1, b4 @ A1 @ e),
        *(b1 @ (B1 @ e) ** 2 - 1, b2 @ (B1 @ e) ** 2, b3 @ (B1 @ e) ** 2 + 1, b4 @ (B1 @ e) ** 2 - 2),
        *(b1 @ B1 @ B1 @ e, b2 @ B1 @ B1 @ e, b3 @ B1 @ B1 @ e, b4 @ B1 @ B1 @ e - 1),
        0.5 * b1 @ A1 @ B0 @ e + b3 @ A1 @ B0 @ e / 3,
    ]


SRIW1 = {
    "A0": [[0] * 4, ["3/4", 0, 0, 0], [0] * 4, [0] * 4],
    "A1": [[0] * 4, ["1/4", 0, 0, 0], [1, 0, 0, 0], [0, 0, "1/4", 0]],
    "B0": [[0] * 4, ["3/2", 0, 0, 0], [0] * 4, [0] * 4],
    "B1": [[0] * 4, ["1/2", 0, 0, 0], [-1, 0, 0, 0], [-5, 3, "1/2", 0]],
    "alpha": ["1/3", "2/3", 0, 0],
    "betas": [[-1, "4/3", "2/3", 0], [-1, "4/3", "-1/3", 0], [2, "-4/3", "-2/3", 0], [-2, "5/3", "-2/3", 1]],
}
INTEGRALS = [sympify(x) for x in ("W", "(W**2 - 1)/2", "W/2 + H", "(W**3 - 3*W)/6")]


def sri(A0, A1, B0, B1, alpha, betas):
    real = {Symbol(n): Symbol(n, real=True) for n in "WH"}
    integrals = [x.xreplace(real) for x in INTEGRALS]
    beta = [sum(Rational(b) * x for b, x in zip(row, integrals, strict=True)) for row in zip(*betas, strict=True)]
    B0 = [[Rational(b) * integrals[2] for b in row] for row in B0]
    return StochasticRungeKutta(A0=A0, B0=B0, A1=A1, B1=B1, alpha=alpha, beta=beta, noise="scalar")


CHANGES = [
    *(("A0", 1, 0), ("A1", 1, 0), ("A1", 3, 2), ("B0", 1, 0), ("B1", 1, 0), ("B1", 2, 0), ("B1", 3, 1), ("B1", 3, 0)),
    *(("betas", i, j) for i in range(4) for j in range(4)),
]


@settings(max_examples=25, deadline=None)
@given(change=st.sampled_from([None, *CHANGES]), by=st.sampled_from([Rational(1, 3), Rational(-2), Rational(0)]))
def test_strong_order_is_that_of_the_published_conditions(change, by):
    table = {
        key: [list(map(Rational, row)) if isinstance(row, list) else Rational(row) for row in rows]
        for key, rows in SRIW1.items()
    }
    if change:
        key, i, j = change
        table[key][i][j] += by
    holds = max(map(abs, sri_conditions(**table))) < 1e-12
    assert (strong_order(sri(**table)).order >= Rational(3, 2)) == holds


def test_diagonal_noise_is_checked_with_two_noises_and_general_noise_has_areas():
    sriw1 = named("sriw1")
    assert strong_order(replace(sriw1, noise="general")).order == Rational(1, 2)
    assert "A_1_2" in str(strong_order(replace(sriw1, noise="general")).failing[0])
    assert strong_order(replace(named("heun-stratonovich"), noise="diagonal")).order == 1


# ------------------------------------------------------------------ weights by the other reading


@pytest.mark.parametrize("name", ["sriw1", "heun-stratonovich", "implicit-midpoint-stratonovich", "theta-maruyama"])
def test_weights_are_those_of_the_b_series_reading(name):
    """The same step read over ℚ[W, H] by `analysis.reading.step_reading`: every tree of up to three nodes."""
    scheme = named(name)
    grown = weighted_forest(1, "scalar", 6)
    weights = ElementaryWeights(scheme, 1, grown)
    step, other = stochastic_step(scheme), forest(with_time=True, colours=2)
    reading = Reading(step, other)
    reading.extend(3)
    plain = {(grown.levels(t), grown.colouring(t)): t for t in range(len(grown.weight))}
    for n in range(1, 4):
        for tree in other.of_order(n):
            known = written(weights.at(plain[other.levels(tree), other.colouring(tree)]), weights.values.domain)
            exact = reading.residual(step.result, tree) + Rational(1, other.gamma[tree])
            assert simplify(sympify(str(exact)) - sympify(str(known))) == 0


def test_products_of_iterated_integrals_are_those_of_a_path():
    """Words and their (quasi-)shuffles against sums over a fine path of two noises."""
    rng, n = np.random.default_rng(0), 2**15
    steps = np.vstack([np.full(n, 1 / n), rng.standard_normal((2, n)) / n**0.5])

    def integral(word, calculus):
        value = np.ones(n + 1)
        for letter in word:
            inner = value[:-1] if calculus == "ito" else (value[:-1] + value[1:]) / 2
            value = np.concatenate([[0.0], np.cumsum(inner * steps[letter])])
        return value[-1]

    for calculus, u, v in product(("ito", "stratonovich"), [(1,), (0, 1), (1, 1), (2, 1)], [(1,), (1, 0), (1, 2)]):
        total = sum(k * integral(w, calculus) for w, k in shuffled(u, v, calculus).items())
        assert total == pytest.approx(integral(u, calculus) * integral(v, calculus), abs=0.03)


def test_means_of_words_are_those_of_their_polynomials():
    values = RandomPolynomials(domain_of([]), "gaussian")
    for calculus in ("ito", "stratonovich"):
        for word in [(0,), (1,), (1, 1), (1, 1, 1, 1), (1, 0), (0, 1), (1, 2), (1, 1, 1)]:
            found = values.expectation(in_variables(word, calculus, values))
            assert Fraction(str(found)) == Fraction(str(mean({word: 1}, calculus)))


# ------------------------------------------------------------------ exact moments by other routes


def ri1_step(x, h, w, v, A, Bs):
    """RI1 for m noises as in StochasticDiffEq.jl, with a sign for each pair: (l, k) of signs, l < k."""
    root, m = h**0.5, len(Bs)
    k1, g1 = A @ x, [B @ x for B in Bs]
    k2 = A @ (x + 2 / 3 * h * k1 + root * sum(wk * g for wk, g in zip(w, g1, strict=True)))
    k3 = A @ (x + h * (-1 / 3 * k1 + k2))
    y = x + h * (k1 / 4 + k2 / 2 + k3 / 4)
    for k in range(m):
        up, down = (Bs[k] @ (x + h * k1 + s * root * g1[k]) for s in (1, -1))
        y = y + root * (w[k] * (g1[k] / 2 + up / 4 + down / 4) + (w[k] ** 2 - 1) / 4 * (up - down))
        for j in range(m):
            if j != k:
                pair = (w[j] * w[k] + (v[j, k] if j < k else -v[k, j])) / 2
                up, down = (Bs[k] @ (x + s * root * g1[j]) for s in (1, -1))
                y = y + root * (w[k] * (-g1[k] / 2 + up / 4 + down / 4) + pair / 2 * (up - down))
    return y


def test_exact_moments_are_those_of_all_outcomes():
    """Two noises: nine increments, two signs, weighed one by one."""
    A, B1, B2 = np.array([[-1, 0.5], [0, -0.5]]), np.array([[0.25, 0], [0.5, 0]]), np.array([[0, 1], [-0.5, 0.5]])
    x0, h, root3 = np.array([1.0, -2.0]), 0.25, 3**0.5
    mean_, second = np.zeros(2), np.zeros((2, 2))
    chances = {0.0: 2 / 3, root3: 1 / 6, -root3: 1 / 6}
    for a, b, v in product(chances, chances, (-1, 1)):
        y, p = ri1_step(x0, h, (a, b), {(0, 1): v}, A, [B1, B2]), chances[a] * chances[b] / 2
        mean_ += p * y
        second += p * np.outer(y, y)
    exact = linear_moments(
        named("ri1"), [[-1, "1/2"], [0, "-1/2"]], [[["1/4", 0], ["1/2", 0]], [[0, 1], ["-1/2", "1/2"]]], [1, -2], "1/4"
    )
    assert np.allclose(np.array(exact[0], float).ravel(), mean_, atol=1e-13)
    assert np.allclose(np.array(exact[1], float), second, atol=1e-12)


def solution(A, Bs, x0, t, calculus="ito"):
    """E X Xᵀ of dX = A X dt + Σ B X dW: a linear equation for the second moment."""
    n, one = len(x0), np.eye(len(x0))
    A, Bs = np.array(A, float), [np.array(B, float) for B in Bs]
    if calculus != "ito":
        A = A + sum(B @ B for B in Bs) / 2
    L = np.kron(A, one) + np.kron(one, A) + sum(np.kron(B, B) for B in Bs)
    return (expm(L * t) @ np.outer(x0, x0).ravel()).reshape(n, n)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("euler-maruyama", 1),
        ("platen-milstein", 1),
        ("platen-weak-2", 2),
        ("ri6", 2),
        ("rs1", 2),
        ("siea", 2),
        ("heun-stratonovich", 1),
    ],
)
def test_weak_order_is_the_slope_of_exact_moments(name, order):
    """Second moments of an equation of two states, at two steps: no sampling."""
    scheme = named(name)
    A, Bs = [[-1, "1/2"], ["1/4", "-3/4"]], [[["1/2", "1/4"], [0, "3/4"]], [[0, "1/2"], ["-1/2", 0]]]
    Bs = Bs[:1] if scheme.noise in ("scalar", "diagonal") else Bs
    numbers = [np.array([[float(Fraction(x)) for x in row] for row in M]) for M in (A, *Bs)]
    exact = solution(numbers[0], numbers[1:], [1.0, -1.0], 0.5, scheme.calculus)
    errors = [
        np.abs(np.array(linear_moments(scheme, A, Bs, [1, -1], Fraction(1, 2 * n), n)[1], float) - exact).max()
        for n in (4, 8)
    ]
    assert order - 0.35 < np.log2(errors[0] / errors[1]) < order + 0.6


def test_signs_that_are_shared_leave_an_error_of_first_order():
    """dX₂ = dW₂, dX₃ = dW₃, dX₄ = X₂ dW₁, dX₅ = X₃ dW₁: E X₄ X₅ = 0, where one sign for both areas leaves t h/4."""
    zero = [[0] * 5 for _ in range(5)]

    def entry(*places):
        return [[int((i, j) in places) for j in range(5)] for i in range(5)]

    noises = [entry((3, 1), (4, 2)), entry((1, 0)), entry((2, 0))]
    for name, wrong in (("ri1", 0), (BAD / "stochasticdiffeq-ri1.toml", Rational(1, 16))):
        _, second = linear_moments(load(name, StochasticRungeKutta), zero, noises, [1, 0, 0, 0, 0], "1/4", 4)
        assert second[3, 4] == wrong
        assert second[3, 3] == S.Half


def test_areas_that_are_not_antisymmetric_cost_an_order(monkeypatch):
    """RS1 as StochasticDiffEq.jl draws for it: Ihat2(k, l) = ∓W_k Z_l."""

    def area(values, inside, outside):
        sign = values.number(Rational(-1 if outside < inside else 1, 2))
        return values.times(sign, values.times(values.of("V", inside), values.of("W", outside)))

    monkeypatch.setattr(RandomPolynomials, "area", area)
    found = weak_order(replace(named("rs1"), name="as-drawn"))
    assert found.order == 1
    assert [str(x) for x in found.failing] == ["in the mean of [τ₃]₂ · [τ₂]₃: 1/4"]


@pytest.mark.slow
def test_a_table_of_a_stranger_ends_in_time():
    """Twenty stages that all read each other, with powers of W: what takes too long is left out and said."""
    full = [["W**4 + H"] * 20 for _ in range(20)]
    scheme = StochasticRungeKutta(
        A0=[["1"] * 20] * 20, B0=full, A1=[["1"] * 20] * 20, B1=full, C1=full, alpha=["1/20"] * 20, beta=["W/20"] * 20
    )
    start = time.process_time()
    with budget():
        check(replace(scheme, claims={"weak_order": 2}))
    assert time.process_time() - start < 10


def test_second_moments_see_what_means_do_not():
    """SIEB as StochasticDiffEq.jl has it: E X of order 2, E X² of order 1."""
    scheme, errors = load(BAD / "stochasticdiffeq-sieb.toml", StochasticRungeKutta), []
    for n in (16, 32):
        mean_, second = linear_moments(scheme, [["-1"]], [[["1/2"]]], ["1"], Fraction(1, n), n)
        errors.append((abs(float(mean_[0]) - np.exp(-1)), abs(float(second[0]) - np.exp(-7 / 4))))
    slopes = np.log2(np.divide(*errors))
    assert slopes == pytest.approx([2.0, 1.2], abs=0.12)


# ------------------------------------------------------------------ stability in mean square


def test_mean_square_growth_is_that_by_hand():
    x, w, theta = Symbol("x", real=True), Symbol("w", real=True), Symbol("theta", real=True)
    assert simplify(mean_square_growth(named("euler-maruyama")) - ((1 + x) ** 2 + w)) == 0
    by_hand = ((1 + (1 - theta) * x) ** 2 + w) / (1 - theta * x) ** 2
    assert simplify(mean_square_growth(named("theta-maruyama")) - by_hand) == 0
    without_drift = 1 + 2 * w + 3 * w**2 / 4  # E(1 + v W + v² W²/2)²
    assert simplify(mean_square_growth(named("heun-stratonovich")).subs(x, 0) - without_drift) == 0


@pytest.mark.parametrize(
    ("theta", "stable"), [("0", False), ("49/100", False), ("1/2", True), ("3/4", True), ("1", True)]
)
def test_theta_methods_are_stable_in_mean_square_from_one_half_on(theta, stable):
    """Higham 2000: exactly for θ ≥ 1/2."""
    assert mean_square_stable(named("theta-maruyama").with_values(theta=theta)) is stable


@pytest.mark.parametrize("name", [n for n in NAMES if n not in SLOW])
def test_orders_and_implicit_stages_go_together(name):
    """A weak order is no less than the strong one; what is implicit is solved for in the step."""
    scheme, strong = named(name), strong_order(named(name))
    assert strong is None or weak_order(scheme).order >= strong.order
    assert scheme.explicit == stochastic_step(scheme, 1 if scheme.noise == "scalar" else 2).explicit


@pytest.mark.parametrize(
    ("name", "claim", "why"),
    [
        ("heun-stratonovich", {"strong_order": S(2)}, ""),
        ("sriw1", {"strong_order": S(2)}, "at least 3/2"),
        ("siea", {"weak_order": 3}, "at least 2"),
    ],
)
def test_what_was_not_asked_for_is_not_refuted(name, claim, why):
    (found,) = check(replace(named(name), claims=claim)).claims
    assert bool(found.undecided) == bool(why)
    assert why in found.undecided
    assert not found.ok


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"law": "cauchy"}, "law = cauchy: write one of gaussian"),
        ({"noise": "loud"}, "noise = loud"),
        ({"A0": [["W"]]}, "A0: W stands where no random variable may"),
        ({"beta": ["J"]}, "beta: J stands where of W, H may"),
        ({"beta": ["H"], "law": "three-point"}, "beta: H stands where of W may"),
        ({"beta": ["1/W"]}, "no polynomial"),
        ({"beta": ["W**9"]}, "degree 9"),
        ({"B0": [[], []]}, "B0: 1 rows"),
        ({"c1": ["0", "0"]}, "c1: 2 entries"),
        ({"beta": ["X"]}, "undeclared symbol"),
        ({"alpha": [], "A0": [], "B0": []}, "alpha: empty"),
    ],
)
def test_bad_tables_are_one_clear_line(changes, told):
    with pytest.raises(InputError) as error:
        StochasticRungeKutta(**({"A0": [[]], "B0": [[]], "alpha": ["1"], "beta": ["W"]} | changes))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_stochastic_scheme_is_no_scheme_of_ordinary_equations():
    with pytest.raises(InputError, match=r"^sriw1 is a stochastic scheme, where a scheme is needed; t2n\.compile_st"):
        as_scheme("lawson-sriw1")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": -2}, "steps = -2"),
        ({"steps": 2.5}, "steps = 2.5"),
        ({"h": "-1/4"}, "h = -1/4: a positive"),
        ({"h": "3/10"}, "take an h that is a square"),
        ({"drift": [["1", "0"]]}, "drift: 1 rows of 1"),
        ({"diffusions": [[["1"]], [["1"], ["0"]]]}, r"diffusions\[1\]: 1 rows of 1"),
    ],
)
def test_moments_of_what_does_not_go_together_are_refused(changes, told):
    given = {"drift": [["-1"]], "diffusions": [[["1/2"]]], "start": ["1"], "h": "1/4", "steps": 1}
    with pytest.raises(InputError, match=told):
        linear_moments(named("dri1"), **(given | changes))


def test_what_lies_beyond_is_said():
    with pytest.raises(InputError, match="implicit"):
        linear_moments(named("drift-implicit-euler"), [["-1"]], [[["1"]]], [1], "1/4")
    with pytest.raises(InputError, match="three-point law is for weak methods"):
        check(replace(named("ri1"), claims={"strong_order": S.One}))
    assert mean_square_growth(named("sra1")) is None
    assert mean_square_stable(named("implicit-midpoint-stratonovich")) is None
    assert weak_order(named("siea")).complete is False
