"""Orders of stiff problems: against the error that is measured, and of the same method written otherwise."""

from dataclasses import replace

import numpy as np
import pytest

import tableau2net as t2n
from tableau2net.analysis.order.stiff import stiff_order, weak_stage_order
from tableau2net.analysis.structure.algebraic import b_convergence
from tableau2net.analysis.structure.tableau import globally_stiffly_accurate, imex_type, stage_order
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, load


def worst_slope(scheme, steps=(6, 12, 24)):
    """The slope of the largest error at t = 1 on y' = λ(y − φ) + φ', φ = sin(t + 0.3), over λ from −1 to −1e5 and
    beside the axis, |λ| e^(1.65i), in float64."""
    A, b, c = (np.array(x, dtype=float) for x in (scheme.A, scheme.b, scheme.c))
    lambdas = np.concatenate([-np.logspace(0, 5, 41), np.logspace(0, 5, 41) * np.exp(1.65j)])
    worst = []
    for n in steps:
        h, y = 1 / n, np.full(len(lambdas), np.sin(0.3), dtype=complex)
        z = h * lambdas[:, None, None]
        inverse = np.linalg.inv(np.eye(len(b)) - z * A)
        errors = []
        for k in range(n):
            t = k * h + c * h
            forcing = h * np.cos(t + 0.3) - h * lambdas[:, None] * np.sin(t + 0.3)
            Y = np.einsum("lij,lj->li", inverse, y[:, None] + forcing @ A.T)
            y = y + (z[:, 0] * Y + forcing) @ b
            errors.append(abs(y - np.sin((k + 1) * h + 0.3)))
        worst.append(np.max(errors))
    return np.log2(worst[-2] / worst[-1])


@pytest.mark.parametrize(
    ("name", "q"),
    {
        "hairer-wanner-sdirk-43": 2,
        "wso-dirk-4-3": 4,
        "wso-dirk-3-2": 3,
        "radau-iia-2": 3,
        "radau-ia-2": 2,
        "gauss-2": 2,
    }.items(),
)
def test_the_stiff_order_is_the_slope_of_the_worst_error(name, q):
    scheme = load(name)
    assert stiff_order(scheme) == q
    assert worst_slope(scheme) == pytest.approx(q, abs=0.25)


def test_weak_stage_order_is_what_the_designers_say():
    for p, q in ((3, 2), (3, 3), (4, 3), (4, 4), (5, 4), (5, 5)):
        scheme = load(f"wso-dirk-{p}-{q}")
        assert (weak_stage_order(scheme), stage_order(scheme)) == (q, 1)
        claims = {claim.claim: claim.ok for claim in t2n.check(scheme).claims}
        assert claims["weak_stage_order"]


@pytest.mark.parametrize("name", ["radau-iia-2", "wso-dirk-4-3", "rk4", "norsett-4"])
def test_it_is_of_the_method_however_it_is_written(name):
    scheme = load(name)
    s = scheme.stages
    idle = replace(
        scheme, A=(*scheme.A, ("1",) + ("2",) * s), b=(*scheme.b, 0), b_hat=None, c=(*scheme.c, 1 + 2 * s), claims={}
    )
    order = list(reversed(range(s)))
    turned = replace(
        scheme,
        A=tuple(tuple(scheme.A[i][j] for j in order) for i in order),
        b=tuple(scheme.b[i] for i in order),
        c=tuple(scheme.c[i] for i in order),
        b_hat=None,
        claims={},
    )
    for same in (idle, turned):
        assert weak_stage_order(same) == weak_stage_order(scheme)
        assert stiff_order(same) == stiff_order(scheme)
    assert stage_order(scheme) <= weak_stage_order(scheme) <= t2n.order(scheme)


def test_degenerate_tables():
    nothing = RungeKutta(A=[["1"]], b=["0"])
    assert (weak_stage_order(nothing), stiff_order(nothing)) == (0, 0)
    assert weak_stage_order(load("euler")) == 1
    assert stiff_order(load("euler")) is None
    assert weak_stage_order(load("lm")) is None
    assert stiff_order(load("bdf-2")) is None
    off = RungeKutta(A=[["1/2"]], b=["1"], c=["1/3"])  # nodes that are not the row sums
    assert weak_stage_order(off) == 0


def test_types_of_pairs():
    known = {
        "ars-222": ("ARS", True),
        "ars-232": ("ARS", False),
        "ark-436l2sa": ("CK", False),
        "petsc-l2": ("A", False),
    }
    for name, facts in known.items():
        pair = load(name)
        assert (imex_type(pair), globally_stiffly_accurate(pair)) == facts
        assert imex_type(replace(pair, parts=pair.parts[::-1], claims={})) == facts[0]
    explicit = RungeKutta(A=[[], ["1"]], b=["1", "0"])
    assert imex_type(AdditiveRungeKutta(parts=(explicit, explicit))) is None
    idle = RungeKutta(A=[[], ["1/2", "0"], ["0", "0", "1"]], b=["0", "0", "1"])  # regular nowhere
    three = RungeKutta(A=[[], ["1"], ["1"]], b=["0", "1", "0"])
    pair = AdditiveRungeKutta(parts=(three, idle))
    assert (imex_type(pair), globally_stiffly_accurate(pair)) == ("none", False)
    assert imex_type(load("rk4")) is None
    assert globally_stiffly_accurate(load("radau-iia-2")) is None


def test_b_convergence_is_that_of_the_book_and_no_more_than_the_order_on_linear_problems():
    """HW II, IV.15: Gauss and Radau of s stages s, Radau IA s − 1; every D that is taken, in eigenvalues."""
    for s in (1, 2, 3):
        assert [b_convergence(load(f"{name}-{s}")) for name in ("gauss", "radau-iia", "radau-ia")] == [s, s, s - 1]
    for name in ("gauss-3", "radau-ia-3", "radau-iia-3", "sdirk-21", "crouzeix-3", "lobatto-iiic-2"):
        scheme = load(name)
        assert 1 <= b_convergence(scheme) <= stiff_order(scheme)
        A, b, c = (np.array(x, dtype=float) for x in (scheme.A, scheme.b, scheme.c))
        with np.errstate(divide="ignore"):
            candidates = [b, b / c, b * (1 - c), b * (1 / c - 1), 100.0 ** -np.arange(len(b))]
        found = [
            np.linalg.eigvalsh(np.diag(d) @ A + (np.diag(d) @ A).T).min() for d in candidates if np.isfinite(d).all()
        ]
        assert max(found) > 0
    for name in ("lobatto-iiic-3", "hairer-wanner-sdirk-43", "trapezoid", "rk4", "bdf-2"):
        assert b_convergence(load(name)) is None
