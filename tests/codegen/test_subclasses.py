"""A subclass of a block's class is itself wherever a block is copied: what a class was made from says nothing of it."""

import copy
import io
import os
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

import tableau2net as t2n
from tableau2net.nn.around.steps import Survival
from tableau2net.nn.around.surrounded import surrounded
from tableau2net.nn.blocks import made_of
from tableau2net.training.average import Average

LM = t2n.compile("lm", coefficients="learnable")
AROUND = surrounded(t2n.load("lm"), t2n.codegen.Options(), Survival())


class Scaled(LM):
    """With an attribute, a parameter and a constructor of its own, twice the block."""

    def __init__(self, width, scale):
        super().__init__([nn.Linear(width, width) for _ in range(3)], h=0.5)
        self.scale = scale
        self.bias = nn.Parameter(torch.ones(width))

    def forward(self, y):
        return self.scale * super().forward(y) + self.bias


class Scaled2(Scaled):
    """A subclass of a subclass, that says itself what is kept of it."""

    def __getstate__(self):
        return {**vars(self), "kept": True}

    def __setstate__(self, state):
        super().__setstate__(state)


class ScaledAround(AROUND):
    def forward(self, y):
        return 2 * super().forward(y)


def saved(block):
    file = io.BytesIO()
    torch.save(block, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda block: pickle.loads(pickle.dumps(block)),
    "pickle, protocol 2": lambda block: pickle.loads(pickle.dumps(block, protocol=2)),
    "save": saved,
    "averaged": lambda block: AveragedModel(block).module,
    "in a network": lambda block: copy.deepcopy(nn.Sequential(block))[0],
}


def blocks():
    torch.manual_seed(0)
    return [
        Scaled(4, 3.0),
        Scaled2(4, 3.0),
        ScaledAround([nn.Linear(4, 4) for _ in range(2)]).eval(),
        LM([nn.Linear(4, 4)]),
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_of_the_same_class(way):
    y = torch.randn(2, 4)
    for block in blocks():
        copied = WAYS[way](block)
        assert type(copied) is type(block)
        assert torch.equal(copied(y), block(y))
        assert vars(copied).get("scale") == vars(block).get("scale")
        assert made_of(copied) == made_of(block)


def test_a_local_subclass_and_one_of_two_bases():
    class Mixed(nn.Identity, LM):
        def __init__(self):
            LM.__init__(self, [nn.Linear(4, 4)])

        def forward(self, y):
            return -LM.forward(self, y)

    block, y = Mixed(), torch.randn(2, 4)
    assert type(copy.deepcopy(block)) is Mixed
    assert torch.equal(copy.deepcopy(block)(y), block(y))


def test_refined_and_averaged_in_training():
    block, y = Scaled(4, 3.0), torch.randn(2, 4)
    plain = LM([nn.Linear(4, 4) for _ in range(3)], h=0.5)
    plain.load_state_dict(block.state_dict(), strict=False)
    refined = t2n.refine(nn.Sequential(block))[0]
    assert type(refined) is Scaled
    torch.testing.assert_close(refined(y), 3 * t2n.refine(plain)(y) + 1)
    average = Average(block).network
    assert type(average) is Scaled
    assert torch.equal(average(y), block(y))


def test_a_summary_takes_a_subclass_for_no_more_than_it_knows():
    """With another way back it would be a block of another base."""
    found = t2n.summary(Scaled(4, 3.0), (4,))
    assert [row.scheme for row in found.blocks] == ["lm"]


FILE = """
import pickle, sys
import torch
import tableau2net as t2n

class Mine(t2n.compile("rk4")):
    def forward(self, y):
        return -super().forward(y)
"""


@pytest.mark.slow
def test_another_process_imports_the_file_of_the_class(tmp_path):
    """As `multiprocessing` with spawn, or a loader of saved files, does."""
    (tmp_path / "own_blocks.py").write_text(FILE)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    save = "from own_blocks import *; torch.manual_seed(0); block = Mine([torch.nn.Linear(2, 2)])\n"
    save += "torch.save((block, block(torch.ones(2))), sys.argv[1])"
    load = "import sys, torch; block, y = torch.load(sys.argv[1], weights_only=False)\n"
    load += "assert type(block).__name__ == 'Mine' and torch.equal(block(torch.ones(2)), y)"
    for code in (save, load):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "block")], check=True, env=environment)
