"""What a block is made of is looked at before it is made: one line says what is wanted and what came."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import tableau2net as t2n

STEPS = "fields: a list of modules, one a step"
STAGES = "fields: for each step a list of 2 modules, f1, f2"
LISTED = [
    (nn.Linear(2, 2), "a Linear"),
    ([1, 2], "one with 1 in it"),
    (5, "5"),
    ("f", "'f'"),
    (None, "a NoneType"),
    (nn.Linear, "the class Linear"),
    ([nn.Linear], "one with the class Linear in it"),
    ([[nn.Linear(2, 2)]], "one with a list in it"),
    ([torch.tanh], "one with a builtin_function_or_method in it"),
]
OPTIONS = {
    STEPS: {},
    STAGES: {"stage_weights": "independent"},
    "field: a module": {"step_weights": "shared"},
    "field: a list of 2 modules, f1, f2": {"step_weights": "shared", "stage_weights": "independent"},
}


def made(what, fields, **more):
    steps = {"steps": 3} if what.startswith("field:") else {}
    return t2n.compile("rk2", **OPTIONS[what])(fields, **steps, **more)


@pytest.mark.parametrize(("fields", "got"), LISTED)
def test_fields_of_steps(fields, got):
    with pytest.raises(TypeError, match=f"^{re.escape(f'{STEPS}; got {got}')}$"):
        made(STEPS, fields)


@pytest.mark.parametrize("what", OPTIONS)
@pytest.mark.parametrize("fields", [5, "f", None, [1, 2], [[1]], nn.Linear, {"a": 1}])
def test_fields_of_any_kind(what, fields):
    with pytest.raises((TypeError, ValueError), match=f"^{re.escape(what)}; got "):
        made(what, fields)


def test_how_many_for_a_step():
    with pytest.raises(ValueError, match=f"^{STAGES}; got 3$"):
        made(STAGES, [[nn.Identity()] * 2, [nn.Identity()] * 3])


def test_no_steps_are_no_change():
    y = torch.randn(2, 2)
    assert made(STEPS, [])(y) is y
    assert made(STAGES, [])(y) is y


@pytest.mark.parametrize(
    ("h", "kind", "says"),
    [
        ("x", TypeError, "a number; got 'x'"),
        ("1", TypeError, "a number; got '1'"),
        (None, TypeError, "a number; got a NoneType"),
        ([1.0], TypeError, "a number; got a list"),
        (1j, TypeError, "a number; got a complex"),
        (torch.ones(2), TypeError, "a number; got a Tensor"),
        (torch.ones((), requires_grad=True), TypeError, "a number; a tensor would get no gradient"),
        (float("nan"), ValueError, "a finite number; got nan"),
        (float("-inf"), ValueError, "a finite number; got -inf"),
    ],
)
def test_the_step_size(h, kind, says):
    for what in OPTIONS:
        fields = {"fields: a": [nn.Identity()], "fields: f": [[nn.Identity()] * 2], "field: a m": nn.Identity()}
        given = next((f for start, f in fields.items() if what.startswith(start)), [nn.Identity()] * 2)
        with pytest.raises(kind, match=f"^h: {re.escape(says)}"):
            made(what, given, h=h)


@pytest.mark.parametrize("h", [1, 2, np.float32(0.5), np.int64(3), torch.tensor(0.25)])
def test_a_number_of_any_kind_is_a_float(h):
    block = made(STEPS, [nn.Identity()], h=h)
    assert type(block.h) is float
    assert block.h == float(h)
