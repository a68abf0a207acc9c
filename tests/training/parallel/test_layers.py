"""Processes share the steps of blocks: any number trains to the same bits, and what cannot be is said in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.nn.depth_parallel import DepthParallel, check_depth
from tableau2net.training import Recipe, load_network, train
from tableau2net.training.parallel import Ranks
from tests.training.parallel import shared_steps

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}
RUN = (
    "train --scheme rk2 --depth 38 --data glyphs:90:20 --epochs 1 --batch-size 16 --lr 0.01 --device cpu --quiet "
    "--option widths=[4,8,16] --option survival=0.8 --layer-parallel 2"
)


def torchrun(count: int, *command: str) -> subprocess.CompletedProcess[str]:
    """So many processes, which have ended."""
    whole = [*TORCHRUN, str(count), "-m", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=240, env=ONE_THREAD)


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, Tensor]]:
    """What one process comes to."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {name: shared_steps.trained(name) for name in shared_steps.CASES}
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="torchrun of Linux")
@pytest.mark.parametrize("count", [2, 4])
def test_equal_bits(count: int, alone: dict[str, dict[str, Tensor]], tmp_path: Path) -> None:
    ended = torchrun(count, shared_steps.__name__, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    for rank in range(count):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, values in alone.items():
            assert found[name].keys() == values.keys()
            for key, value in values.items():
                assert torch.equal(found[name][key], value), (name, key)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="torchrun of Linux")
def test_a_run_goes_from_three_processes_to_one(run, tmp_path: Path) -> None:
    """Stopped in its first epoch, with chance in it: the weights are those of one process that was not stopped."""
    straight, folder = tmp_path / "straight", tmp_path / "stopped"
    stopped = torchrun(3, "tableau2net", *RUN.split(), "--out", str(folder), "--max-seconds", "1e-9")
    assert stopped.returncode == 0, stopped.stderr
    assert "stopped (time)" in stopped.stdout
    for more in (("--out", straight), ("--out", folder, "--resume")):
        status, _, err = run(*RUN.split(), "--num-threads", 1, *more)
        assert status == 0, err
    weights = [load_file(each / "model.safetensors") for each in (straight, folder)]
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())


def test_after_the_counted_cycles_a_network_is_itself() -> None:
    torch.manual_seed(0)
    net = t2n.create_model("resnet38", widths=(4, 8, 16))
    x = torch.randn(4, 3, 16, 16)
    called = DepthParallel(net, Plan(2, cycles=(2, 2)))
    loss, same = net(x).square().mean(), called(x).square().mean()
    assert torch.equal(loss, same)
    for a, b in zip(*(torch.autograd.grad(each, list(net.parameters())) for each in (loss, same)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
    assert all("forward" not in vars(module) for module in net.modules())


@pytest.mark.usefixtures("undrawn")
def test_a_run_in_one_process(tmp_path: Path) -> None:
    """What decides a run is the plan, and it is told with nothing left open."""
    common = {"scheme": "euler", "depth": 38, "widths": (4, 8, 16), "data": "glyphs:32:10", "device": "cpu"}
    result = train(**common, recipe=Recipe(epochs=1), out=tmp_path / "run", quiet=True, layer_parallel="2")
    assert result.run.execution.layer_parallel == "2:2:FCF:2,1"
    assert load_network(tmp_path / "run")(torch.randn(2, 3, 28, 28)).shape == (2, 10)
    serial = replace(result.run, execution=replace(result.run.execution, layer_parallel=None))
    same = replace(result.run, execution=replace(result.run.execution, layer_parallel="2:2"))
    assert (serial == result.run, same == result.run) == (False, True)
    assert serial.differences(result.run) == ["layer_parallel: None there, 2:2:FCF:2,1 here"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--scheme euler --depth 38 --layer-parallel four", "--layer-parallel 'four': write M:LEVELS"),
        ("--scheme euler --depth 38 --layer-parallel 1", "coarsening=1"),
        ("--scheme euler --depth 38 --layer-parallel 2:2:FCF:0,1", "cycles"),
        ("--scheme euler --depth 20 --layer-parallel 2", "blocks.1: levels=2, coarsening=2: 2 steps are then a single"),
        ("--scheme lm --depth 38 --layer-parallel 2", "blocks.0: lm: what a step remembers"),
        ("--scheme gauss-2 --depth 38 --layer-parallel 2", "blocks.0: gauss-2: its implicit stages"),
        ("--model dynamic_rk4_parabolic --layer-parallel 2", "a DynamicBlock is no block of layer-parallel steps"),
        ("--scheme euler --depth 38 --layer-parallel 2 --engine compile", "--engine compile: with --layer-parallel"),
    ],
)
def test_what_cannot_be_trained_so(options: str, words: str, run, tmp_path: Path) -> None:
    data = "--data glyphs:40:20 --device cpu --quiet --out"
    status, out, err = run("train", *options.split(), *data.split(), tmp_path / "run")
    assert (status, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_network_without_blocks() -> None:
    with pytest.raises(InputError, match="Linear has no compiled block"):
        check_depth(nn.Linear(2, 2), Plan(2))


def test_who_shares_what() -> None:
    assert Ranks(2, 4, 2).sharing == Ranks(2, 4, 2)
    assert Ranks(2, 4, 2, layers=True).sharing == Ranks()
