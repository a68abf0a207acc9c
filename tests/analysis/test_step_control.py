"""Step control at the boundary of stability: against eigenvalues, and against steps that are really taken."""

from dataclasses import replace

import numpy as np
import pytest

import tableau2net as t2n
from tableau2net.analysis.stability.step_control import LAWS, law, step_control
from tableau2net.errors import InputError
from tableau2net.integration.control import Controller
from tableau2net.scheme import RungeKutta, load


def polynomials(scheme):
    """R and E = R − R̂ of an explicit pair in float64."""
    A = np.array(scheme.A, dtype=float)
    difference = np.array(scheme.b, dtype=float) - np.array(scheme.b_hat, dtype=float)
    powers = [np.ones(len(A))]
    for _ in range(len(A) - 1):
        powers.append(A @ powers[-1])
    R = np.poly1d([*(np.array(scheme.b, dtype=float) @ p for p in powers[::-1]), 1.0])
    return R, np.poly1d([*(difference @ p for p in powers[::-1]), 0.0])


def test_hall_s_matrix_has_the_eigenvalues_inside_where_it_is_said():
    """I and PI as matrices on (η, χ, log err of the step before): HW II, IV.2, eq. 2.35 and 2.43."""
    for name in ("dormand-prince-54", "higham-hall-54-stable", "bogacki-shampine-32", "merson-45"):
        found, (R, E) = step_control(load(name)), polynomials(load(name))
        for i, point in enumerate(found.points):
            z = -float(point.size.low) * np.exp(-1j * np.radians(point.angle))
            u, v = (z * p.deriv()(z) / p(z) for p in (R, E))
            assert abs(abs(R(z)) - 1) < 1e-9
            for which in ("I", "PI", "PI.3.4"):
                b1, b2 = (*map(float, LAWS[which].betas(found.order)), 0.0)[:2]
                C = np.array([[1, u.real, 0], [-b1, 1 - b1 * v.real, -b2], [1, v.real, 0]])
                assert found.stable[which][i] == (max(abs(np.linalg.eigvals(C))) < 1)


@pytest.mark.parametrize(
    ("name", "which", "calm"),
    [
        ("dormand-prince-54", "I", False),
        ("dormand-prince-54", "PI", True),
        ("higham-hall-54-stable", "I", True),
        ("cash-karp-54", "I", False),
    ],
)
def test_steps_along_a_decaying_solution_do_what_is_said(name, which, calm):
    """y' = −y with an absolute tolerance: in the end stability alone limits the step, which rests or swings."""
    found, (R, E) = step_control(load(name)), polynomials(load(name))
    assert found.stable[which][0] is calm
    betas = [float(b) for b in LAWS[which].betas(found.order)]
    y, h, errors, steps = 1.0, 0.5, [1.0, 1.0], []
    for _ in range(900):
        errors = [max(abs(E(-h) * y) / 1e-6, 1e-12), *errors[:1]]
        y *= R(-h)
        steps.append(h)
        h *= np.prod([e**-b for e, b in zip(errors, betas, strict=False)])
    swing = np.ptp(np.log(steps[-150:]))
    assert swing < 1e-6 if calm else swing > 1e-2


def test_the_law_is_that_of_the_integrator():
    for k in (2, 3, 5, 8):
        ours = Controller(k)
        first, second = map(float, LAWS["PI"].betas(k))
        size, before = 0.3, ours.old
        assert ours.accepted(size) == pytest.approx(0.9 * size**-first * before**-second)


def test_what_has_none():
    for scheme in (load("rk4"), load("kvaerno-32"), load("bdf-2")):
        assert step_control(scheme) is None
    pair = load("heun-euler-21")
    same = replace(pair, b_hat=pair.b, claims={})
    assert step_control(same) is None  # an estimate that is 0
    assert step_control(RungeKutta(A=[[]], b=["0"], b_hat=["1"])) is None
    for betas in (["x"], [None]):
        with pytest.raises(InputError, match="numbers are expected"):
            law(betas)
    mine = step_control(pair, {"mine": law(["0.7", "-0.4"])})
    assert mine.stable["mine"] == step_control(pair).stable["PI.3.4"]
    record = t2n.report(load("heun-euler-21"), further=True).to_dict()["step_control"]
    assert record["stable"]["I"][0] is False
    assert record["order"] == 2
    assert t2n.report(load("dormand-prince-54"))["step_control"] is None


@pytest.mark.slow
def test_in_a_terminal(run):
    out = " ".join(run("show", "dormand-prince-54", "--further")[1].split())
    assert "PI.3.4 everywhere" in out
    assert "I at 41, 74–82°" in out
