"""What integrate cannot be given is said in a line."""

import math

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.integration import integrate
from tableau2net.scheme import RungeKutta
from tests.integration.problems import D
from tests.integration.ways import Y0, plain

BAD = [
    ({"steps": 0}, "at least one"),
    ({"steps": -3}, "at least one"),
    ({"steps": 2.5}, "whole number"),
    ({"steps": "5"}, "whole"),
    ({"steps": True}, "whole"),
    ({"steps": 10**15}, "at most"),
    ({"steps": math.nan}, "whole"),
    ({"rtol": -1}, "not negative"),
    ({"rtol": math.inf}, "not negative"),
    ({"atol": math.nan}, "not negative"),
    ({"atol": [1e-3, -1]}, "not negative"),
    ({"atol": [1e-3, 1e-3, 1e-3]}, "like y"),
    ({"atol": "small"}, "number"),
    ({"rtol": [1e-3, 1e-3, 1e-3]}, "like y"),
    ({"rtol": 1e-3, "norm": "max"}, "norm"),
    ({"rtol": 1e-3, "min_step": -1}, "min_step"),
    ({"rtol": 1e-3, "min_step": 2, "max_step": 1}, "min_step"),
    ({"rtol": 1e-3, "factors": (0.9, 2, 10)}, "factors"),
    ({"rtol": 1e-3, "jumps": "everywhere"}, "jumps"),
    ({"rtol": 1e-3, "jumps": ["x"]}, "jumps"),
    ({"steps": 5, "stops": [0.5]}, "no step ends at 0.5"),
    ({"steps": 5, "callbacks": {"steps": print}}, "callbacks"),
    ({"rtol": 1e-3, "atol": [None, 1]}, "atol"),
    ({"rtol": 0, "atol": [1e-3, 0]}, "no step is small enough"),
    ({"steps": 5, "at": []}, "no times"),
    ({"steps": 5, "at": [0.5, 0.2]}, "in order"),
    ({"steps": 5, "at": [1.1]}, "in order"),
    ({"steps": 5, "at": [math.nan]}, "finite"),
    ({"steps": 5, "at": 0.5}, "list of times"),
    ({"steps": 5, "at": "abc"}, "list"),
    ({"steps": 5, "at": [[0.5]]}, "list of times"),
    ({"steps": 5, "t1": math.inf}, "finite"),
    ({"steps": 5, "t0": None}, "t0"),
    ({"steps": 5, "t1": torch.ones(2)}, "t1"),
    ({"steps": 5, "t1": 1j}, "t1"),
    ({"steps": 5, "rtol": 1e-3}, "give steps="),
    ({}, "none of them"),
    ({"grid": [0, 1, 1]}, "none of them twice"),
    ({"grid": [0, 2]}, "end at"),
    ({"grid": []}, "begin at"),
    ({"rtol": 1e-3, "first_step": math.nan}, "first_step"),
    ({"rtol": 1e-3, "first_step": "x"}, "first_step"),
    ({"rtol": 1e-3, "max_step": 0}, "max_step = 0.0: a positive size"),
    ({"rtol": 1e-3, "max_step": [1]}, "max_step: a number"),
    ({"steps": 5, "max_step": 0.1}, "max_step: of steps that a tolerance chooses"),
    ({"grid": [0, 1], "max_step": 0.1}, "max_step"),
    ({"steps": 5, "first_step": 0.1}, "first_step: of steps that a tolerance"),
    ({"grid": [0, 1], "max_steps": 7}, "max_steps: of steps that a tolerance"),
    ({"steps": 5, "norm": "each"}, "norm: of steps that a tolerance"),
    ({"rtol": 1e-3, "norm": "each", "scheme": "bdf"}, "and bdf is none"),
    ({"steps": 5, "scheme": "dopri5"}, "it is 'dormand-prince-54' here"),
    ({"steps": 5, "scheme": "fixed_adams"}, "it is 'adams-moulton-3' here"),
    ({"steps": 5, "f": lambda t, y: (-y, y)}, "tuple .several states: y0 as a dict"),
    ({"rtol": 1e-3, "max_steps": 2.5}, "whole"),
    ({"steps": 5, "solver": "magic"}, "write one of"),
    ({"steps": 5, "tolerance": -1}, "positive"),
    ({"steps": 5, "tolerance": "x"}, "tolerance"),
    ({"steps": 5, "f": None}, "function"),
    ({"steps": 5, "f": lambda t, y: 1.0}, "must return a tensor"),
    ({"steps": 5, "f": lambda t, y: y.float()}, "must return a tensor"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_in_one_line(change, message):
    given = {"scheme": "dormand-prince-54", "f": lambda t, y: -y, "y0": [1.0, 2.0], "t0": 0, "t1": 1} | change
    with pytest.raises(t2n.InputError, match=message) as caught:
        integrate(**given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


WRONG_FIELDS = {
    "takes no time": (lambda y: -y, "f is called as f"),
    "takes nothing": (lambda: 1.0, "f is called as f"),
    "takes too much": (lambda t, y, z: -y, "f is called as f"),
    "a module of the state": (torch.nn.Linear(3, 3), "f is called as f"),
    "sparse": (lambda t, y: (-y).to_sparse(), "sparse"),
}


@pytest.mark.parametrize("name", WRONG_FIELDS)
@pytest.mark.parametrize(
    ("scheme", "how"),
    [("rk4", {"steps": 4}), ("radau-iia-2", {"rtol": 1e-5}), ("bdf-2", {"steps": 4}), ("dimsim-2", {"steps": 4})],
)
def test_what_cannot_be_called_as_a_field_is_said_in_a_line(name, scheme, how):
    f, text = WRONG_FIELDS[name]
    with pytest.raises(t2n.InputError, match=text) as caught:
        integrate(scheme, f, Y0, 0, 1, **how)
    assert "\n" not in str(caught.value)


def test_errors_of_the_fields_own_pass_as_they_are():
    with pytest.raises(TypeError, match="unsupported operand"):
        integrate("rk4", lambda t, y: y + "a", Y0, 0, 1, steps=4)


WRONG_ARGUMENTS = [
    {"solver": []},
    {"solver": np.array([1.0, 2.0])},
    {"full": np.array([1.0, 2.0])},
    {"full": "no"},
    {"steps": None, "rtol": 1e-6, "norm": np.array([1.0, 2.0])},
    {"steps": None, "rtol": 10**400},
    {"steps": None, "atol": 10**400},
    {"steps": None, "atol": [10**400, 1, 1]},
]


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS, ids=repr)
def test_arguments_of_any_type_are_refused_in_a_line(wrong):
    with pytest.raises(t2n.InputError):
        integrate("sdirk-21", plain, Y0, 0, 1, **{"steps": 4, **wrong})


@pytest.mark.parametrize("start", [0, [], {}, False, np.array([1.0, 2.0])], ids=repr)
def test_a_start_that_is_no_scheme_is_not_taken_for_none(start):
    with pytest.raises(t2n.InputError):
        integrate("bdf-2", plain, Y0, 0, 1, steps=4, start=start)


@pytest.mark.parametrize(
    "y0", [Y0.to_sparse(), Y0.to("meta"), [None], [1.0, None], 10**400, [10**400]], ids=lambda y: str(y)[:20]
)
def test_states_without_numbers_are_refused(y0):
    with pytest.raises(t2n.InputError, match="y0"):
        integrate("rk4", plain, y0, 0, 1, steps=4)


def test_transforms_of_torch_func_see_through_given_steps_and_what_vmap_cannot_is_refused():
    y0 = torch.linspace(-1, 1, 6, dtype=D).reshape(2, 3)
    for how in ({"steps": 4}, {"grid": [0, 0.1, 0.4, 1], "at": [0, 0.7]}):
        for scheme in ("rk4", "adams-bashforth-3"):
            alone = torch.stack([integrate(scheme, plain, y, 0, 1, **how) for y in y0])
            found = torch.func.vmap(lambda y, s=scheme, h=how: integrate(s, plain, y, 0, 1, **h))(y0)
            torch.testing.assert_close(found, alone, rtol=1e-15, atol=1e-15)
    for scheme in ("dormand-prince-54", "rk4", "radau-iia-2", "bdf"):
        with pytest.raises(t2n.InputError, match="vmap"):
            torch.func.vmap(lambda y, s=scheme: integrate(s, plain, y, 0, 1, rtol=1e-4))(y0)
    with pytest.raises(t2n.InputError, match="vmap"):
        torch.func.vmap(lambda y: integrate("radau-iia-2", plain, y, 0, 1, steps=4))(y0)
    with pytest.raises(t2n.InputError, match="vmap"):
        torch.func.vmap(lambda y: integrate("rk4", plain, y, 0, 1, steps=4, event=lambda t, y: y[0] - 0.1))(y0)
    found = torch.func.jacrev(lambda y: integrate("rk4", plain, y, 0, 1, steps=20))(Y0)
    assert found.diagonal().numpy() == pytest.approx(math.exp(-1.5), rel=1e-5)


def test_a_pair_of_one_method_but_for_decimals_is_refused():
    rounded = RungeKutta(A=[[], ["1/2"]], b=["0", "1"], b_hat=["1e-14", "0.99999999999999"], name="rounded")
    assert "rounding" in useless_estimate(rounded)
    with pytest.raises(t2n.InputError, match="rounding"):
        integrate(rounded, plain, Y0, 0, 1, rtol=1e-6)


@pytest.mark.parametrize("size", ["1e309", "1e400"])
def test_coefficients_beyond_all_doubles_are_refused(size):
    scheme = RungeKutta(A=[[], ["1"]], b=[f"1-{size}", size])
    assert t2n.order(scheme) == 1
    with pytest.raises(t2n.InputError, match="beyond all"):
        integrate(scheme, plain, Y0, 0, 1, steps=4)
