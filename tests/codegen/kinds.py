"""A block of each kind that the code generator knows."""

import pytest
import torch

import tableau2net as t2n
from tests.fields import Convolved

FREE, CHANNEL = {"coefficients": "free"}, {"coefficients": "free", "sharing": "channel"}
KINDS = [
    ("euler", {}),
    ("rk4", {}),
    ("rk4", {"step_weights": "shared"}),
    ("rk4", CHANNEL),
    ("rk4", {"coefficients": "free", "keep_order": 3}),
    ("rk4", {"backward": "checkpoint"}),
    ("lm", {"coefficients": "learnable"}),
    ("adamnet-3", {"coefficients": "learnable", "sharing": "shared"}),
    ("adams-bashforth-3", {"coefficients": "free", "keep_stable": True}),
    ("heun-3", {"stage_weights": "independent"}),
    ("bogacki-shampine-32", FREE),
    ("revnet", CHANNEL),
    ("stormer-2", {}),
    ("polynet-2", {}),
    ("leapfrog-2", {"backward": "reversible"}),
    ("backward-euler", {"solver": "fixed-point", "gradient": "unrolled", "iterations": 4, "tolerance": 0.0}),
]
kinds = pytest.mark.parametrize(("name", "options"), KINDS, ids=lambda value: str(value).replace("'", ""))


def block_of(name, options, steps=4, field=Convolved):
    cls = t2n.compile(name, **options)
    several = len(cls.field_names)
    channels = {"channels": 4} if options.get("sharing") == "channel" else {}

    def one():
        return field() if several == 1 else [field() for _ in range(several)]

    if options.get("step_weights") == "shared":
        return cls(one(), steps, h=0.3, **channels)
    return cls([one() for _ in range(steps)], h=0.3, **channels)


def states_of(block, **kind):
    torch.manual_seed(1)
    return tuple(torch.randn(2, 4, 6, 6).to(**kind) for _ in block.states)


def flat(result):
    return result if isinstance(result, tuple) else (result,)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(flat(a), flat(b), strict=True))
