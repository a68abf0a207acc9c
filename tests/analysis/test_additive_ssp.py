"""Regions of strong stability of pairs against the condition in float64 beside the boundary, and known ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from sympy import Rational, oo, sqrt

import tableau2net as t2n
from tableau2net.analysis.ssp.additive import additive_ssp, ssp_region
from tableau2net.errors import InputError
from tableau2net.plot.schemes.ssp_region import draw_ssp_region
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, load
from tests.strategies import explicit_runge_kutta


def inside(scheme, r1, r2):
    """(I + Σ r_ν T_ν)⁻¹ [T_1, T_2, 1] ≥ 0, of all stages."""
    s = scheme.stages
    Ts = []
    for part in scheme.parts:
        T = np.zeros((s + 1, s + 1))
        T[:s, :s], T[s, :s] = np.array(part.A, dtype=float), np.array(part.b, dtype=float)
        Ts.append(T)
    left = np.eye(s + 1) + r1 * Ts[0] + r2 * Ts[1]
    return np.linalg.solve(left, np.hstack([*Ts, np.ones((s + 1, 1))])).min() > -1e-11


NAMES = ["ars-111", "pareschi-russo-ssp2-222", "heun-trapezoid-222", "boscarino-sa-222", "ars-443"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_boundary_lies_between_what_holds_and_what_does_not(name):
    scheme = load(name)
    for r, w1, w2 in ssp_region(scheme, 4):
        near, far = (float(r) * float(f) for f in (0.999, 1.001)) if r != oo else (1e6, None)
        assert inside(scheme, near * float(w1), near * float(w2)) or r == 0
        if far is not None:
            assert not inside(scheme, max(far, 1e-3) * float(w1), max(far, 1e-3) * float(w2))


def test_known_ones():
    euler = load("ars-111")  # forward in the first field, backward in the second
    assert [additive_ssp(euler, (1, w)) for w in (1, 100, Rational(1, 7))] == [1, 1, 1]
    assert additive_ssp(load("pareschi-russo-ssp2-222")) == 2 - sqrt(2)
    twice = AdditiveRungeKutta(parts=(RungeKutta(A=[["1"]], b=["1"]),) * 2)
    assert additive_ssp(twice) is oo or additive_ssp(twice) == oo
    for name in ("rk4", "ssprk-33", "sspirk-22"):  # one table for both fields: r_1 + r_2 ≤ C
        one = load(name)
        pair = AdditiveRungeKutta(parts=(one, one))
        assert additive_ssp(pair, (1, 3)) * 4 == t2n.analysis.ssp(one).coefficient
    report = t2n.report(load("petsc-l2"))
    assert report.to_dict()["ssp"]["additive"]["exact"] == "2 - sqrt(2)"
    assert t2n.check(replace(load("petsc-l2"), claims={"additive_ssp": 2 - sqrt(2)})).ok


@pytest.mark.slow
@settings(max_examples=25)
@given(explicit_runge_kutta(3))
def test_of_any_table_given_twice(one):
    pair = AdditiveRungeKutta(parts=(one, one))
    expected = t2n.analysis.ssp(one).coefficient
    found = additive_ssp(pair, (Rational(1, 3), Rational(2, 3)))
    assert float(found) == pytest.approx(float(expected), rel=1e-9)
    if any(not b.is_zero for b in one.b):
        idle = [RungeKutta(A=(*one.A, ("-1",) * (one.stages + 1)), b=(*one.b, 0), c=(*one.c, 5)) for _ in range(2)]
        assert float(additive_ssp(AdditiveRungeKutta(parts=tuple(idle)))) * 2 == pytest.approx(
            float(expected), rel=1e-9
        )


def test_what_is_refused():
    assert additive_ssp(load("rk4")) is None
    assert ssp_region(load("rk4")) is None
    for weights in ((1,), (1, 0), (1, -1), (1, 1, 1), (1, "x")):
        with pytest.raises(InputError, match="positive number"):
            additive_ssp(load("ars-111"), weights)
    with pytest.raises(InputError, match="at least 1"):
        ssp_region(load("ars-111"), 0)


@pytest.mark.slow
def test_a_region_is_drawn(run, tmp_path):
    target = tmp_path / "a.png"
    assert run("plot", "ssp-region", "ars-111", "heun-trapezoid-222", "-o", target)[0] == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    for name, words in (("rk4", "for two fields"), ("ars-443", "0 alone")):
        with pytest.raises(InputError, match=words):
            draw_ssp_region({name: load(name)})
