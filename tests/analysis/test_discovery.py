"""Whether f can be found from y by a multistep method: against roots in floats, and against finding it on a grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import Poly, Rational, Symbol

import tableau2net as t2n
from tableau2net.analysis import discovery_stable
from tableau2net.errors import InputError
from tableau2net.scheme import Multistep
from tests.strategies import rationals

Z = Symbol("z")
KINDS = """adam* bdf-* cowell-* dahlquist-2 extrapolated-bdf-* hamming-3 *in-resnet leapfrog-2 lm* mcn-2 milne*
    momentum-resnet nystrom-* quade-4 sspms-* stormer-* two-step-*"""


def of_sigma(beta):
    """A method with this β, oldest first; α has nothing to say."""
    return Multistep(alpha=[0] * (len(beta) - 2) + [-1, 1], beta=beta)


def by_floats(scheme):
    """The root condition of σ, its roots in floats; those on the circle simple."""
    beta = [float(b) for b in scheme.at_defaults().beta]
    roots = np.roots(beta[::-1])
    on_circle = [r for r in roots if abs(abs(r) - 1) < 1e-6]
    double = any(abs(a - b) < 1e-4 for i, a in enumerate(on_circle) for b in on_circle[:i])
    return any(beta) and all(abs(r) < 1 + 1e-6 for r in roots) and not double


def test_adams_bashforth_to_six_steps_adams_moulton_of_one_and_bdf():  # Keller, Du 2021, abstract
    def stable(name):
        return [k for k in range(1, 13) if discovery_stable(t2n.load(f"{name}-{k}"))]

    assert (stable("adams-bashforth"), stable("adams-moulton"), stable("bdf")) == (
        [1, 2, 3, 4, 5, 6],
        [1],
        list(range(1, 13)),
    )


def test_every_listed_multistep_method_is_as_its_roots_in_floats_say():
    listed = [t2n.load(name) for kind in KINDS.split() for name in t2n.list_schemes(kind)]
    listed = [scheme for scheme in listed if isinstance(scheme, Multistep)]
    assert len(listed) > 60
    assert [s.name for s in listed if discovery_stable(s) is not by_floats(s)] == []
    assert {discovery_stable(s) for s in listed} == {True, False}


@given(st.lists(rationals, min_size=2, max_size=6))
def test_random_ones_too(beta):
    scheme = of_sigma(beta)
    assert discovery_stable(scheme) is by_floats(scheme)


@pytest.mark.parametrize(
    ("sigma", "stable"),
    [
        (Poly(0, Z), False),  # there is no f
        (Poly(3, Z), True),
        (Poly(Z**4, Z), True),
        (Poly(Z**2 + 1, Z), True),
        (Poly((Z**2 + 1) ** 2, Z), False),
        (Poly((Z - 1) ** 2, Z), False),
        (Poly(Z**2 * (2 * Z - 1) ** 2 * (Z + 1), Z), True),
        (Poly((Z + 1) * (Z**2 + Z + 1), Z), True),
        (Poly(Z + 1 + Rational(1, 10**20), Z), False),
        (Poly(Z + 1 - Rational(1, 10**20), Z), True),
    ],
)
@pytest.mark.parametrize("zeros", [0, 1, 3])  # leading ones: older fields alone are known; the same recursion later
def test_degenerate_ones(sigma, stable, zeros):
    beta = [*reversed(sigma.all_coeffs()), *[0] * (zeros + 1)]
    assert discovery_stable(of_sigma(beta)) is stable


def test_parameters_are_at_their_declared_values():
    assert [discovery_stable(t2n.load("adamnet-2").with_values(beta_1=b)) for b in ("3/2", "1/4")] == [True, False]


def test_what_is_no_such_formula_has_none():
    assert [discovery_stable(t2n.load(name)) for name in ("rk4", "imex-bdf-2", "abm-2", "ars-111")] == [None] * 4
    with pytest.raises(InputError, match=r"claims\.discovery_stable does not apply to a runge-kutta scheme"):
        t2n.check(t2n.RungeKutta(A=[[]], b=["1"], claims={"discovery_stable": True}))


def test_a_file_claims_it_and_a_report_says_it():
    right = Multistep(alpha=[0, -1, 1], beta=["-1/2", "3/2", 0], claims={"discovery_stable": True})
    wrong = Multistep(alpha=[0, -1, 1], beta=["-1/12", "2/3", "5/12"], claims={"discovery_stable": True})
    assert (t2n.check(right).ok, t2n.check(wrong).ok) == (True, False)
    found = t2n.report(wrong).to_dict()["stability"]
    assert (found["zero_stable"], found["discovery_stable"]) == (True, False)


def error_of_found(scheme, n):
    """max |f_found − f| on n steps of [0, 1], y = exp(sin 3t), the first values of f exact: forward by the formula."""
    t = np.linspace(0, 1, n + 1)
    y = np.exp(np.sin(3 * t))
    f = 3 * np.cos(3 * t) * y
    alpha, beta = ([float(c) for c in row] for row in (scheme.alpha, scheme.beta))
    newest = max(j for j, b in enumerate(beta) if b)
    found = f.copy()
    for i in range(n - len(beta) + 2):
        known = sum(a * y[i + j] for j, a in enumerate(alpha)) * n
        found[i + newest] = (known - sum(beta[j] * found[i + j] for j in range(newest))) / beta[newest]
    return np.abs(found - f)[: n - len(beta) + 2 + newest].max()


@pytest.mark.parametrize(
    "name",
    [
        *(f"adams-bashforth-{k}" for k in range(1, 9)),
        *(f"adams-moulton-{k}" for k in range(1, 5)),
        *(f"bdf-{k}" for k in (1, 2, 5, 8)),
        *(f"nystrom-{k}" for k in range(2, 8)),
    ],
)
def test_f_is_found_on_a_grid_where_it_is_stable_and_else_the_error_grows(name):
    scheme = t2n.load(name)
    coarse, fine = error_of_found(scheme, 40), error_of_found(scheme, 320)
    if discovery_stable(scheme):
        assert fine < max(coarse / 4, 1e-8)  # eight times as many steps, order 1 at least, until rounding
    else:
        assert fine > 10 * coarse
