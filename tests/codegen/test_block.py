"""The type of compiled blocks: what it promises every class has, and the options are those of `Options`."""

import dataclasses
import typing

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import CompiledBlock, CompileOptions, Options
from tableau2net.nn.blocks import fields_of, specification_of

CASES = [  # a scheme, options, and what Block(…) is called with
    ("rk4", {}, lambda: ([nn.Identity()] * 3, 0.1)),
    ("rk4", {"step_weights": "shared", "time_dependent": True}, lambda: (nn.Identity(), 3, 0.1)),
    ("lm", {"coefficients": "learnable"}, lambda: ([nn.Identity()] * 3, 0.1)),
    ("lm", {"coefficients": "learnable", "keep_stable": True}, lambda: ([nn.Identity()] * 3, 0.1)),
    ("revnet", {"backward": "reversible"}, lambda: ([(nn.Identity(), nn.Identity())] * 3, 0.1)),
    ("gauss-2", {}, lambda: ([nn.Identity()] * 3, 0.1)),
]


@pytest.mark.parametrize(("scheme", "options", "arguments"), CASES)
def test_what_the_type_promises_is_there(scheme, options, arguments):
    block = t2n.compile(scheme, **options)(*arguments())
    assert isinstance(block, CompiledBlock)
    assert isinstance(block, nn.Module)
    one_field = options.get("step_weights") == "shared"
    absent = {"fields"} if one_field else {"field", "steps"}
    absent |= {"t0"} if not options.get("time_dependent") else set()
    absent |= {"given"} if not block.lookback else set()
    names = set(CompiledBlock.__annotations__) | {"step"}
    assert {name for name in names if not hasattr(block, name)} == absent
    assert specification_of(block).steps == 3
    assert len(fields_of(block)) == (1 if one_field else 3 * len(block.field_names))
    methods = {"start": bool(block.lookback), "learnt": bool(block.raw), "growth": options.get("backward")}
    assert all(hasattr(block, name) == bool(there) for name, there in methods.items())


def test_what_is_a_block_and_what_is_none():
    Block = t2n.compile("euler")

    class Mine(Block):
        """Of a user's own."""

    assert isinstance(Mine([]), CompiledBlock)
    assert issubclass(Mine, CompiledBlock)
    assert not any(isinstance(other, CompiledBlock) for other in (nn.Identity(), Block, None, "euler"))
    with pytest.raises(TypeError, match="makes their classes"):
        CompiledBlock([])


def test_the_options_for_type_checkers_are_those_of_the_compilation():
    """Each by its name and type; that Options takes what is given for `start` and `coupling` is its own matter."""
    told, own = typing.get_type_hints(CompileOptions), typing.get_type_hints(Options)
    assert told == own
    assert all(f.default is not dataclasses.MISSING for f in dataclasses.fields(Options))
    assert not CompileOptions.__required_keys__
    assert torch.equal(t2n.compile("euler", **CompileOptions())([])(torch.ones(1)), torch.ones(1))
