"""Rosenbrock, W- and two-derivative methods: their order by the conditions of the books, in fractions; their stability
by formulas; what a file of theirs may not say."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis import order_conditions
from tableau2net.analysis.reading.linear import stability_function
from tableau2net.analysis.report.findings.orders import order_with_any_jacobian, order_with_exact_jacobian
from tableau2net.scheme import Rosenbrock, TransformedRosenbrock, TwoDerivativeMultistep, TwoDerivativeRungeKutta
from tableau2net.testing import measured_order

small = st.fractions(-2, 2, max_denominator=4)


def lower(s, diagonal):
    return st.lists(small, min_size=s * s, max_size=s * s).map(
        lambda x: [[x[i * s + j] for j in range(i + diagonal)] for i in range(s)]
    )


@st.composite
def methods(draw):
    """With weights that fulfil Σ b = 1, Σ b β = 1/2 where the stages let them, and a diagonal that may be 0."""
    s = draw(st.integers(1, 3))
    alpha, Gamma, b = draw(lower(s, 0)), draw(lower(s, 1)), draw(st.lists(small, min_size=s, max_size=s))
    beta = [sum(a, Fraction()) + sum(g, Fraction()) for a, g in zip(alpha, Gamma, strict=True)]
    b[-1] = 1 - sum(b[:-1])
    if s > 1 and beta[-1] != beta[-2] and draw(st.booleans()):
        rest = sum(x * y for x, y in zip(b[:-2], beta[:-2], strict=True))
        free = 1 - sum(b[:-2])
        b[-2] = (Fraction(1, 2) - rest - free * beta[-1]) / (beta[-2] - beta[-1])
        b[-1] = free - b[-2]
    return Rosenbrock(alpha, Gamma, b)


def by_hand(method, jacobian):
    """The order up to 3, by the conditions of HW II, Table IV.7.1, and of W-methods (Hairer & Wanner, eq. 7.11 ff.):
    those of all trees whose nodes are f, f' or the matrix."""
    alpha, G, b = (
        [[Fraction(int(x.p), int(x.q)) for x in r] for r in m] for m in (method.alpha, method.Gamma, [method.b])
    )
    s, b = range(len(b[0])), b[0]
    A, C = np.array(alpha, dtype=object), np.array(G, dtype=object)
    one = np.array([Fraction(1)] * len(s), dtype=object)
    a, g, w = A @ one, C @ one, np.array(b, dtype=object)
    B = A + C
    first = [w @ one - 1]
    exact = [w @ (B @ one) - Fraction(1, 2)]
    free = [w @ a - Fraction(1, 2), w @ g]
    third = [w @ (a * a) - Fraction(1, 3)]
    exact3 = [w @ (B @ (B @ one)) - Fraction(1, 6)]
    free3 = [w @ (A @ a) - Fraction(1, 6), w @ (A @ g), w @ (C @ a), w @ (C @ g)]
    by_order = [first, exact if jacobian == "exact" else free, third + (exact3 if jacobian == "exact" else free3)]
    return next((n for n, conditions in enumerate(by_order) if any(conditions)), 3)


@settings(max_examples=25, deadline=None)
@given(methods(), st.sampled_from(["exact", "any"]))
def test_random_methods_fulfil_the_conditions_of_the_book(method, jacobian):
    found = order_conditions(replace(method, jacobian=jacobian), 3)
    # of the autonomous problem; with row sums as nodes time counts as one more state
    assert min(found.autonomous, 3) == by_hand(method, jacobian)
    assert jacobian == "any" or found.order == found.autonomous


@settings(max_examples=12, deadline=None)
@given(methods())
def test_the_two_forms_are_one_method(method):
    if any(method.Gamma[i][i] != method.Gamma[0][0] or method.Gamma[0][0] == 0 for i in range(method.stages)):
        return
    told = method.transformed()
    same = TransformedRosenbrock(gamma=method.Gamma[0][0], a=told.a, C=told.C, m=told.m)
    assert (same.c, same.d) == (method.c, method.d)
    back = same.expanded()
    assert (back.alpha, back.Gamma, back.b) == (method.alpha, method.Gamma, method.b)
    assert stability_function(same) == stability_function(method)


@settings(max_examples=12, deadline=None)
@given(methods(), st.complex_numbers(max_magnitude=3))
def test_stability_is_that_of_the_formula(method, z):
    """R(z) = 1 + z bᵀ (I − zB)^{-1} 1, B = (α_ij + γ_ij) (HW II, eq. IV.7.14)."""
    B = np.array(
        [[float(x + y) for x, y in zip(*rows, strict=True)] for rows in zip(method.alpha, method.Gamma, strict=True)]
    )
    system = np.eye(len(B)) - z * B
    if np.linalg.cond(system) > 1e6:
        return
    expected = 1 + z * np.array([float(x) for x in method.b]) @ np.linalg.solve(system, np.ones(len(B)))
    P, Q = stability_function(method)
    found = np.polyval([complex(x) for x in P.all_coeffs()], z) / np.polyval([complex(x) for x in Q.all_coeffs()], z)
    assert found == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("name", ["rosenbrock-23", "rosw-llssp3p4s2c", "rodas3"])
def test_the_order_shows_with_each_kind_of_jacobian(name):
    scheme = replace(t2n.load(name).at_defaults(), claims={})
    for member in (replace(scheme, jacobian="exact"), replace(scheme, jacobian="any")):
        assert measured_order(member) == pytest.approx(t2n.order(member), abs=0.1)


def test_orders_with_the_other_jacobian_are_told():
    assert (order_with_any_jacobian(t2n.load("ros3p")), order_with_exact_jacobian(t2n.load("ros3p"))) == (1, None)
    assert (order_with_any_jacobian(t2n.load("ros34pw3")), order_with_exact_jacobian(t2n.load("ros34pw3"))) == (None, 4)
    assert t2n.report(t2n.load("ros34pw3")).to_dict()["jacobian_order"] == 4


def test_time_that_is_left_out_lowers_the_order():
    """Without h² d f_t a Rosenbrock method is of a W-method's order where f depends on time."""
    scheme = t2n.load("rodas3")
    blind = replace(scheme, d=("0",) * 4, claims={})
    found = order_conditions(blind)
    assert (found.autonomous, found.order) == (3, 1)
    assert measured_order(blind) == pytest.approx(1, abs=0.1)


def test_second_derivatives():
    """Order 4 of one f and two g; Enright's of order k + 2; Hermite's formula, whose R(z) is Padé's (2, 2)."""
    explicit = TwoDerivativeRungeKutta(A=[[], ["1/2"]], Adot=[[], ["1/8"]], b=[1, 0], bdot=["1/6", "1/3"])
    assert (t2n.order(explicit), explicit.explicit, measured_order(explicit)) == (4, True, pytest.approx(4, abs=0.1))
    enright = TwoDerivativeMultistep(alpha=[0, -1, 1], beta=["-1/48", "5/12", "29/48"], gamma=[0, 0, "-1/8"])
    assert t2n.order(enright) == 4
    assert measured_order(enright) == pytest.approx(4, abs=0.1)
    one_step = TwoDerivativeMultistep(alpha=[-1, 1], beta=["1/2", "1/2"], gamma=["1/12", "-1/12"])
    two_stages = TwoDerivativeRungeKutta(
        A=[[], ["1/2", "1/2"]], Adot=[[], ["1/12", "-1/12"]], b=["1/2", "1/2"], bdot=["1/12", "-1/12"]
    )
    assert t2n.report(two_stages).to_dict()["structure"]["stiffly_accurate"]
    for scheme in (one_step, two_stages):
        assert (t2n.order(scheme), scheme.explicit) == (4, False)
        stability = t2n.report(scheme).to_dict()["stability"]
        assert (stability["a_stable"], stability["l_stable"]) == (True, False)


WRONG = [
    (lambda: Rosenbrock([[], [1]], [[1], [1, 1, 1]], [1, 0]), "Gamma.1. has 3 entries but there are 2 stages"),
    (lambda: Rosenbrock([[], [1]], [[1, 2], [1, 1]], [1, 0]), "Gamma.0..1. = 2: Gamma is lower triangular"),
    (lambda: Rosenbrock([[1], [1]], [[1], [1, 1]], [1, 0]), "alpha.0..0. = 1: alpha is strictly lower triangular"),
    (lambda: Rosenbrock([[]], [[1]], [1], jacobian="some"), "jacobian = 'some': write one of exact, any"),
    (lambda: Rosenbrock([[]], [[1]], [1], c=[0, 1]), "c has 2 entries but there are 1 stages"),
    (lambda: Rosenbrock([[]], [[1]], [1], b_hat=[1, 1]), "b_hat has 2 entries but there are 1 stages"),
    (lambda: Rosenbrock([[]], [[1]], []), "b: a method has at least one stage"),
    (lambda: TransformedRosenbrock(0, [[]], [[]], [1]), "gamma = 0: the variables u need one"),
    (lambda: TransformedRosenbrock(1, [[]], [[1]], [1]), "C.0..0. = 1: C is strictly lower triangular"),
    (lambda: TwoDerivativeRungeKutta([[]], [[], []], [1], [1]), "Adot has 2 rows but b has 1 weights"),
    (lambda: TwoDerivativeRungeKutta([[]], [[]], [1], [1, 1]), "bdot has 2 entries but there are 1 stages"),
    (lambda: TwoDerivativeMultistep([-1, 1], [1, 0], [1]), "gamma has 1 entries but alpha has 2"),
    (lambda: TwoDerivativeMultistep([-1, 2], [1, 0], [1, 0]), "alpha: the last entry must be 1, not 2"),
]


@pytest.mark.parametrize(("make", "told"), WRONG)
def test_wrong_shapes_are_named(make, told):
    with pytest.raises(t2n.InputError, match=told) as error:
        make()
    assert "\n" not in str(error.value)


BAD = Path(__file__).parents[1] / "known_bad" / "rosenbrock"
REFUTED = {
    "ordinarydiffeq-rosenbrock32": ("a_stable", False),
    "ordinarydiffeq-w6s4os": ("l_stable", False),
    "petsc-rosw-4l": ("l_stable", False),
    "ordinarydiffeq-rok4a-w": ("order", 2),
    "ordinarydiffeq-ros34pw3-w": ("order", 3),
    "petsc-ra3pw": ("order", 2),
    "ordinarydiffeq-rodas23w": ("order", 2),
    "ordinarydiffeq-ros3pr": ("stiffly_accurate", False),
}


@pytest.mark.parametrize("path", sorted(BAD.glob("*.toml")), ids=lambda path: path.stem)
def test_what_is_sold_and_does_not_hold(path):
    (claim,) = t2n.check(t2n.load(path)).claims
    assert (claim.claim, claim.found, claim.ok) == (*REFUTED[path.stem], False)


def test_all_that_is_refuted_is_there():
    assert {path.stem for path in BAD.glob("*.toml")} == set(REFUTED)


@pytest.mark.parametrize(("name", "at", "expected"), [("rosenbrock-32", -1e9, 1.60948), ("ros4l", -1e9, -1.519e-5)])
def test_growth_by_a_formula_in_floats(name, at, expected):
    scheme = t2n.load(name)
    method = scheme if isinstance(scheme, Rosenbrock) else scheme.expanded()
    B = np.array(
        [[float(x + y) for x, y in zip(*rows, strict=True)] for rows in zip(method.alpha, method.Gamma, strict=True)]
    )
    b, one = np.array([float(x) for x in method.b]), np.ones(len(B))
    assert 1 + at * b @ np.linalg.solve(np.eye(len(B)) - at * B, one) == pytest.approx(expected, rel=1e-3)


def test_a_w_method_grows_on_the_imaginary_axis():
    method = t2n.load("rosenbrock-w6s4os").expanded()
    B = np.array(
        [[float(x + y) for x, y in zip(*rows, strict=True)] for rows in zip(method.alpha, method.Gamma, strict=True)]
    )
    b, z = np.array([float(x) for x in method.b]), 3.515j
    assert abs(1 + z * b @ np.linalg.solve(np.eye(len(B)) - z * B, np.ones(len(B)))) > 1.006


ANGLES = {  # HW II, Tables V.3.1 and V.3.2
    "enright-1": 90,
    "enright-2": 90,
    "enright-3": 87.88,
    "enright-4": 82.03,
    "second-derivative-bdf-3": 90,
    "second-derivative-bdf-4": 89.36,
}


@pytest.mark.parametrize("name", ANGLES)
def test_angles_of_second_derivative_methods_are_those_of_the_book(name):
    scheme = t2n.load(name)
    assert t2n.check(scheme).ok
    assert t2n.report(scheme).to_dict()["stability"]["alpha_degrees"] == pytest.approx(ANGLES[name], abs=0.006)


@pytest.mark.parametrize(
    "name", ["enright-3", "second-derivative-bdf-2", "hermite-collocation-3", "tdrk-53", "obreshkov-4"]
)
def test_constructed_methods_show_their_order(name):
    scheme = t2n.load(name)
    assert t2n.check(scheme).ok
    assert measured_order(scheme) == pytest.approx(t2n.order(scheme), abs=0.1)
