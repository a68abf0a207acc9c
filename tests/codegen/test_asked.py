"""What a block is asked for that it cannot do, or would do otherwise than it reads, is one line."""

import math

import pytest
import torch
from torch import nn

import tableau2net as t2n

NO_OPTIONS = [
    {"keep_order": "2"},
    {"keep_stable": "yes"},
    {"time_dependent": "yes"},
    {"tolerance": "1e-3"},
    {"tolerance": None},
    {"tolerance": math.inf},
    {"iterations": 2.5},
    {"iterations": None},
    {"growth_limit": "3"},
    {"growth_limit": None},
    {"reveal": True},
    {"reveal": 3},
    {"reveal": "error"},
]


@pytest.mark.parametrize("options", NO_OPTIONS)
def test_options_of_another_kind(options):
    (name,) = options
    with pytest.raises(t2n.InputError, match=f"^{name}="):
        t2n.compile("bdf-2", coefficients="free", **options)


@pytest.mark.parametrize("steps", [-1, 2.5, None, "3", True])
def test_steps_that_are_no_number_of_steps(steps):
    with pytest.raises((TypeError, ValueError), match=r"^steps: a whole number"):
        t2n.compile("rk4", step_weights="shared")(nn.Identity(), steps=steps)


@pytest.mark.parametrize("given", [-1, 2, 1.5, "1", None, True])
def test_a_past_that_is_no_number_of_steps(given):
    with pytest.raises((TypeError, ValueError), match=r"^given: a whole number"):
        t2n.compile("adams-bashforth-2")([nn.Identity()], given=given)


@pytest.mark.parametrize("scheme", ["adams-bashforth-2", "leapfrog-2", "stormer-2"])
def test_a_past_that_would_not_be_read(scheme):
    y = torch.randn(2, 3)
    with pytest.raises(ValueError, match=r"^given=0: the call must hand in that many past steps, no more$"):
        t2n.compile(scheme)([nn.Identity()] * 3)(y, y)
    with pytest.raises(ValueError, match=r"^given=1: the call must hand in that many"):
        t2n.compile(scheme)([nn.Identity()] * 3, given=1)(y)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (1, 3, 4, 5), (2, 3, 1, 2, 2)])
@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_a_coefficient_a_channel_counts_along_dimension_1(shape, backward):
    torch.manual_seed(0)
    Block = t2n.compile("euler", coefficients="free", sharing="channel", backward=backward)
    block = Block([nn.Tanh(), nn.Tanh()], h=0.5, channels=3).double()
    nn.init.normal_(block.b1)
    y = torch.randn(shape, dtype=torch.float64)
    expected = y
    for factors in block.b1.flatten(1):
        expected = expected + 0.5 * (torch.tanh(expected).movedim(1, -1) * factors).movedim(-1, 1)
    torch.testing.assert_close(block(y), expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (1, 2, 3), ()])
def test_a_state_of_other_channels(shape):
    block = t2n.compile("euler", coefficients="free", sharing="channel")([nn.Tanh()], channels=3)
    with pytest.raises(ValueError, match=r"^a state of 3 channels in dimension 1 is wanted; got "):
        block(torch.randn(shape))


@pytest.mark.parametrize("returned", [None, (torch.ones(2),), 1.0])
def test_a_field_that_returns_no_tensor(returned):
    class Odd(nn.Module):
        def forward(self, y):
            return returned

    with pytest.raises(TypeError, match=r"^the field Odd returns a "):
        t2n.compile("rk4")([Odd()])(torch.ones(2))


def test_a_field_without_a_solver():
    with pytest.raises(TypeError, match=r"^solver='field': Tanh needs a solver"):
        t2n.compile("backward-euler", solver="field")([nn.Tanh()])(torch.ones(2))


def test_networks_that_are_none():
    for ask in (lambda: t2n.refine(None), lambda: t2n.create_model(None), lambda: t2n.list_models(3)):
        with pytest.raises(t2n.InputError):
            ask()
    net = t2n.create_model("dynamic_rk4_double", widths=(2, 4))
    for bounds in (("a", 1), (-1, 1), (1, math.nan)):
        with pytest.raises(t2n.InputError, match="write a bound, a number above 0"):
            net.clip_(*bounds)
    other = t2n.create_model("dynamic_rk4_double", widths=(2, 4), num_classes=3)
    with pytest.raises(t2n.InputError, match="no two of one network"):
        t2n.nn.compare_outputs(net, other, torch.randn(1, 3, 8, 8))
    for decay in (-1, "a", math.nan):
        with pytest.raises(t2n.InputError, match=r"^weight_decay="):
            t2n.nn.parameter_groups(net, decay)


def test_a_field_may_have_coefficients_of_its_own():
    class Polynomial(nn.Module):
        def __init__(self):
            super().__init__()
            self.coefficients, self.raw = nn.Parameter(torch.ones(3)), [1, 2]

        def forward(self, y):
            return self.coefficients[0] + self.coefficients[1] * y

    block = t2n.compile("lm", coefficients="learnable")([Polynomial(), Polynomial()])
    weights, coefficients = t2n.nn.parameter_groups(block, 0.1)
    assert [len(group["params"]) for group in (weights, coefficients)] == [2, 1]
    assert list(t2n.nn.coefficient_values(block)) == ["k"]
