"""`assert_consistent`: what agrees passes, and each thing that can disagree is told from the others."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.scheme import GeneralLinear, RungeKutta, load
from tableau2net.step import lower
from tableau2net.testing import (
    additive_multistep,
    additive_runge_kutta,
    assert_consistent,
    consistent,
    general_linear,
    measured_order,
    module,
    multistep,
    partitioned_runge_kutta,
    runge_kutta,
    schemes_in,
)
from tableau2net.testing.formula import advance
from tableau2net.testing.measured_order import ExactStart
from tableau2net.testing.problem import Problem
from tableau2net.testing.told_step import told_step

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_schemes"
TOLD = (
    *(
        "rk4",
        "gauss-2",
        "dormand-prince-54",
        "ars-222",
        "forest-ruth-4",
        "lobatto-iiia-iiib-3",
        "bdf-3",
        "lm",
        "stormer-3",
    ),
    *("imex-bdf-2", "abm-2", "byrne-lambert-3", "dimsim-2", "polynet-2"),
)


@settings(max_examples=20)
@given(
    st.one_of(
        runge_kutta(order=1, explicit=True, embedded=True),
        runge_kutta(order=2, explicit=True, with_parameter=True),
        multistep(explicit=True),
        multistep(order=1, explicit=True, with_parameter=True),
    )
)
def test_drawn_explicit_schemes_and_their_modules(scheme):
    found = assert_consistent(scheme)
    assert set(found.skipped) == {"claims"}
    assert {"module: as the formula says", "gradient: as the formula says"} < set(found.checked)


@settings(max_examples=15)
@given(
    st.one_of(
        runge_kutta(order=3, explicit=False),
        multistep(explicit=False),
        multistep(order=1, derivative=2),
        additive_multistep(explicit=(False, True)),
        additive_runge_kutta(order=1, shapes=("diagonal", "explicit")),
        partitioned_runge_kutta(order=2, shapes=("full", "explicit")),
        general_linear(explicit=False),
    )
)
def test_drawn_schemes_of_other_kinds_are_measured_all_the_same(scheme):
    found = assert_consistent(scheme)
    modules = {"module: as the formula says", "gradient: as the formula says"}
    assert modules < set(found.checked) or {"module", "gradient"} <= set(found.skipped)
    assert found.measured is not None


@pytest.mark.parametrize("name", ["rk4", "rk2", "dormand-prince-54", "lm", "adamnet-3", "bdf-3"])
def test_schemes_of_the_library(name):
    found = assert_consistent(name)
    assert found.order == t2n.order(load(name))
    assert any(line.startswith("claim order") for line in found.checked)


def test_a_refuted_claim_is_named_with_its_tree():
    with pytest.raises(AssertionError) as caught:
        assert_consistent(ROOT / "tests" / "known_bad" / "nodepy-sharp-smart-32.toml")
    assert str(caught.value).startswith("nodepy-sharp-smart-32: claims order = 3, but it is 2; [[τ]]: 361/30000")
    assert_consistent(ROOT / "tests" / "known_bad" / "nodepy-sharp-smart-32.toml", claims=False)


def test_an_order_that_does_not_show_is_named(monkeypatch):
    exact = consistent.order_conditions
    monkeypatch.setattr(consistent, "order_conditions", lambda s, **k: replace(exact(s, **k), order=5))
    with pytest.raises(AssertionError, match=r"rk4: order is 5 exactly, but 4\.00 measured; next .* \[\[\[\["):
        assert_consistent("rk4", module=False, gradient=False, claims=False)


def test_a_module_and_a_gradient_that_are_wrong_are_told_apart(monkeypatch):
    cls = module.compile("rk4", time_dependent=True)
    other = module.compile("rk4-38", time_dependent=True)
    monkeypatch.setattr(module, "compile", lambda scheme, **options: other)
    with pytest.raises(AssertionError, match=r"rk4: a generated module is .* away from the formula"):
        assert_consistent("rk4", gradient=False)

    class Detached(cls):
        def forward(self, y):
            return super().forward(y) + 0.1 * (y - y.detach())

    monkeypatch.setattr(module, "compile", lambda scheme, **options: Detached)
    with pytest.raises(AssertionError) as caught:
        assert_consistent("rk4")
    assert str(caught.value).count("\n") == 0
    assert re.match(r"rk4: its gradient in y is .* away", str(caught.value))
    assert_consistent("rk4", gradient=False)


def rounded(digits: int) -> RungeKutta:
    """Kutta's 3/8 rule as a source that prints decimals would have it."""

    def cut(x):
        return Fraction(round(Fraction(int(x.p), int(x.q)) * 10**digits), 10**digits)

    exact = load("rk4-38")
    return RungeKutta(A=[[cut(a) for a in row] for row in exact.A], b=[cut(b) for b in exact.b], digits=digits)


def test_printed_decimals_are_measured_above_their_rounding():
    assert measured_order(rounded(16)) == pytest.approx(4, abs=0.3)
    unsaid = replace(rounded(16), digits=None)  # a condition fails, by 1e-17
    assert measured_order(unsaid) == pytest.approx(t2n.order(unsaid), abs=0.1)
    assert t2n.order(unsaid) < 4
    found = assert_consistent(rounded(5))
    assert found.skipped["order"] == "the 5 printed decimals hide the slope"


def test_stages_of_an_earlier_step_and_stages_that_start_from_nothing():
    two_step = GeneralLinear(  # the order is 2 where k1 of the step before is f at y_{n−1}
        A=[["0"]], U=[["1", "0"]], B=[["3/2"], ["1"]], V=[["1", "-1/2"], ["0", "0"]], external=["y", "k1"]
    )
    assert t2n.order(two_step) == 2
    assert measured_order(two_step) == pytest.approx(2, abs=0.01)
    nothing = GeneralLinear(A=[["0"], ["1", "0"]], U=[["1"], ["0"]], B=[["1", "1/2"]], V=[["1"]])
    assert "linear" in assert_consistent(nothing).skipped["order"]


def test_schemes_in_a_folder(tmp_path):
    assert [p.stem for p in schemes_in(EXAMPLE)] == ["implicit-pair", "three-stage", "two-step"]
    assert schemes_in(EXAMPLE / "test_schemes.py") == schemes_in(str(EXAMPLE))
    with pytest.raises(InputError, match=r"no \.toml file"):
        schemes_in(tmp_path)


@pytest.mark.slow
def test_a_researchers_project_tests_its_own_folder(tmp_path):
    """Copied away from here; and it fails, naming the scheme, when a coefficient is changed."""
    project = shutil.copytree(EXAMPLE, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    lines = [line for line in (project / "test_schemes.py").read_text().splitlines() if line]
    assert len(lines) == 5
    (project / "wrong.toml").write_text((project / "three-stage.toml").read_text().replace("12/5", "11/5"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)
    assert "1 failed, 3 passed" in done.stdout
    assert "three-stage: claims order = 3, but it is 1" in done.stdout


def test_importing_it_needs_hypothesis_and_not_torch():
    code = "import sys, tableau2net.testing; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys; sys.modules['hypothesis'] = None; import tableau2net.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'tableau2net[testing]'" in done.stderr.splitlines()[-1]


def test_a_step_too_large_for_the_test_problem_tells_nothing():
    """Stages at 2.2 h and 5 h, taken from the stages before: with six decimals only large steps are left to measure."""
    found = assert_consistent("jackiewicz-tracogna-5", module=False, gradient=False)
    assert found.measured is None
    assert "hide the slope" in found.skipped["order"]


@pytest.mark.parametrize("name", TOLD)
def test_a_step_told_by_its_program_is_that_of_the_formula(name):
    """What stands for the formula of a family that has none here, for families that have one."""
    scheme = load(name).at_defaults()
    step = lower(scheme)
    with mpmath.workdps(60):
        at = ExactStart(Problem(step.parts, step.reads, step.derivative), mpmath.mpf("0.4"), mpmath.mpf(2) ** -9)
        told, formula = told_step(step, at), advance(scheme, at)
        pairs = [*zip(told.states, formula.states, strict=True), (told.embedded, formula.embedded)]
        assert all((a - b).size < 1e-40 for a, b in pairs if b is not None)
