"""Degenerate schemes of every family under every set of options: the class, the standalone file and `integrate` compute
the formula of the family and its gradient, or say in one line why there is no class."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings

from tableau2net import testing
from tableau2net.codegen import compile
from tableau2net.errors import InputError
from tableau2net.scheme import (
    AdditiveMultistep,
    AdditiveRungeKutta,
    GeneralLinear,
    Multistep,
    PartitionedRungeKutta,
    RungeKutta,
)
from tableau2net.testing.module import SOLVING
from tests.codegen.drawn import UNBOUNDED, Case, cases, disagreement, integration_disagreement

drawn = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
REVERSIBLE = {"backward": "reversible", "growth_limit": UNBOUNDED}
TWICE = RungeKutta(A=[[], ["0"]], b=["1/2", "1/2"])
KNOWN = [
    # stages 1 and 2, and the states of 3 and 4, are the same: two weights of one evaluation add up
    Case(RungeKutta(A=[[], ["0"], ["1/4"], ["1/4", "1/4"]], b=["1/6", "1/6", "1/3", "1/3"])),
    Case(GeneralLinear(A=[[], ["0"]], U=[["1"], ["1"]], B=[["1/2", "1/2"]], V=[["0"]])),
    Case(PartitionedRungeKutta(parts=[TWICE, TWICE], reads=[[2], [1]]), {**REVERSIBLE, "coupling": "1"}),
    # the weights of a field whose value reaches no state on the way back have a gradient all the same
    Case(GeneralLinear(A=[[], ["1/4"]], U=[["0"], ["0"]], B=[["1/3", "1/3"]], V=[["1/8"]]), REVERSIBLE),
    Case(GeneralLinear(A=[[]], U=[["0"]], B=[["1"]], V=[["0"]]), {**REVERSIBLE, "coupling": "1/2"}),
    # a state that is handed on as it was
    Case(GeneralLinear(A=[[]], U=[["1"]], B=[["0"]], V=[["1"]]), {**REVERSIBLE, "coupling": "1"}),
    # no slope at all, or at one end alone
    Case(Multistep(alpha=["1/8", "1"], beta=["0", "0"]), REVERSIBLE),
    Case(Multistep(alpha=["1/8", "1"], beta=["0", "0"]), {**REVERSIBLE, "coupling": "1/2"}),
    Case(Multistep(alpha=["-1", "0", "0", "1"], beta=["0"] * 4), REVERSIBLE, given=1),
    Case(Multistep(alpha=["-1", "0", "0", "1"], beta=["1/2", "0", "0", "0"]), {"coefficients": "free"}),
    # a slope at the end alone is not remembered: a step of start-up asks its own field
    Case(Multistep(alpha=["-2/3", "1/4", "1/4", "1"], beta=["0", "0", "0", "-2/3"]), SOLVING),
    # parts that nothing reads, alone and with a start-up step
    Case(AdditiveMultistep(alpha=["0", "0", "1"], betas=[["0"] * 3, ["1/4", "1/4", "0"]])),
    Case(AdditiveMultistep(alpha=["0", "1"], betas=[["0", "0"], ["1/8", "0"], ["0", "0"]]), {"step_weights": "shared"}),
    Case(AdditiveRungeKutta(parts=[RungeKutta(A=[[]], b=["0"]), RungeKutta(A=[[]], b=["1"])])),
    Case(PartitionedRungeKutta(parts=[RungeKutta(A=[[]], b=[b]) for b in ("0", "0", "1")])),
    # what is remembered is made ready, where it is not handed in
    Case(
        GeneralLinear(A=[["0"]], U=[["1", "0"]], B=[["1"], ["1"]], V=[["1", "1/2"], ["0", "0"]], external=["y", [0, 1]])
    ),
    Case(
        GeneralLinear(
            A=[["0"]], U=[["1", "0", "0"]], B=[["1"]] * 3, V=[["1", "1", "1"]] * 3, external=["y", "y-1", [0, 1, "1/2"]]
        ),
        {"start": "rk4"},
    ),
    # no step of the scheme itself is taken
    Case(Multistep(alpha=["-1", "0", "1"], beta=["0", "1", "0"]), {"coefficients": "free", **REVERSIBLE}, steps=1),
]


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.scheme.family)
def test_what_has_been_wrong_once(case):
    assert disagreement(case) is None
    with suppress(ArithmeticError):  # its start is made of more than past states
        assert integration_disagreement(case.scheme) is None


def holds(check, *arguments):
    """It agrees, or it is refused in one line, or there is no formula to compare with."""
    refused = ""
    with suppress(ArithmeticError):
        try:
            assert check(*arguments) is None
        except InputError as error:
            refused = str(error)
    assert "\n" not in refused


@settings(drawn, max_examples=40)
@given(cases())
def test_degenerate_schemes_under_any_options(case):
    holds(disagreement, case)


@settings(drawn, max_examples=40)
@given(testing.degenerate())
def test_degenerate_schemes_integrated(scheme):
    holds(integration_disagreement, scheme)


@pytest.mark.slow
@pytest.mark.parametrize("family", testing.FAMILIES)
def test_many_degenerate_schemes_of_each_family(family):
    @settings(drawn, max_examples=170, backend="hypothesis-urandom")  # each draw by itself, none from another
    @given(cases([family]))
    def hold(case):
        holds(disagreement, case)
        holds(integration_disagreement, case.scheme)

    hold()


@pytest.mark.parametrize(
    ("scheme", "options", "says"),
    [
        (
            Multistep(alpha=["1/4", "1"], beta=["1", "0"], name="off"),
            {"coefficients": "free", "keep_stable": True},
            "keep_stable: off starts at alpha0 = 1/4, where constants are not kept",
        ),
        (
            GeneralLinear(A=[[]], U=[["1", "0"]], B=[["1"], ["0"]], V=[["1", "0"], ["1", "0"]], external=["y", "y-2"]),
            {},
            "y-2 is remembered and y-1 is not",
        ),
        (
            AdditiveMultistep(alpha=["0", "-1", "1"], betas=[["1", "0", "0"]] * 3),
            {"start": "ars-343"},
            "is for 2 fields, the scheme has 3",
        ),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(scheme, options, says):
    with pytest.raises(InputError, match=says) as caught:
        compile(scheme, **options)
    assert "\n" not in str(caught.value)
