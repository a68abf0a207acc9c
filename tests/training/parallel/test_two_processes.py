"""Two processes do what one does with the whole batch, and where something is wrong one of them says so."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from tableau2net.training.parallel import Ranks
from tests.training.parallel import work

Found = list[dict[str, Any]]

pytestmark = pytest.mark.slow  # four processes import torch


@dataclass(frozen=True)
class Done:
    """What each of the processes has found, and what torchrun and they have said."""

    found: list[dict[str, Any]]
    said: str
    status: int


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two processes that torchrun has started have done their work."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", work.__name__, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert (folder / "1.pt").exists(), ended.stderr
    found = [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]
    return Done(found, ended.stderr, ended.returncode)


@pytest.fixture(scope="module")
def found(done: Done) -> Found:
    return done.found


@pytest.mark.parametrize("name", work.CASES)
def test_training_is_that_of_one_process(name: str, found: Found) -> None:
    case = work.CASES[name]
    alone = work.trained(case, Ranks())
    tolerance = 1e-10 if case[2] == torch.float64 else 1e-4
    first, second = (each["trained"][name] for each in found)
    assert first.keys() == second.keys() == alone.keys()
    for key, value in alone.items():
        assert torch.equal(first[key], second[key]), key
        torch.testing.assert_close(first[key], value, rtol=tolerance, atol=tolerance, msg=lambda m, k=key: f"{k}: {m}")


@pytest.mark.parametrize("name", work.norms())
def test_normalisation_is_that_of_the_whole_batch(name: str, found: Found) -> None:
    """Value, gradient, statistics: those of torch's own layer in one process."""
    norm = work.norms()[name]
    alone = work.normalised(name, norm, Ranks())
    parts = [each["norms"][name] for each in found]
    assert parts[0].keys() == parts[1].keys() == alone.keys()
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-3 if name == "far" else 1e-5, torch.bfloat16: 2e-2}[norm[2]]
    for key, value in alone.items():
        shared = key[-1].isdigit()  # y and ∂x of the images of each
        got: Tensor = torch.cat([part[key] for part in parts]) if shared else parts[0][key]
        assert got.dtype == value.dtype
        assert shared or torch.equal(got, parts[1][key])
        torch.testing.assert_close(got, value, rtol=tolerance, atol=tolerance, msg=lambda m, k=key: f"{k}: {m}")


def test_what_goes_from_process_to_process(found: Found) -> None:
    for rank, each in enumerate(found):
        told = each["told"]
        assert told["total"] == [1, 3, 5]
        assert told["gathered"] == [[0, 255], [1, 255]]
        assert told["any"] == [False, True, True]
        assert told["spread"] == [1.0] * 7
        assert told["names"]
        assert told["kinds"] == ["SynchronisedBatchNorm2d"] * 3
        assert told["nested"]
        assert told["after"]
        assert (told["agreed"], told["ahead"]) == (10 + rank, 20 + rank)
        for key, words in (
            ("unknown", "Another: cannot be trained by several processes"),
            ("implicit", "backward-euler: its implicit stages"),
            ("moving", "backward-euler: its implicit stages"),
        ):
            said, kinds = told[key]
            assert said.startswith(words)
            assert "\n" not in said
            assert "SynchronisedBatchNorm2d" not in kinds  # nothing has changed
        assert told["repeated"][0] == ""
        assert "BatchNorm2d" not in told["repeated"][1]
        assert each["left"]


@pytest.mark.parametrize("kind", work.KINDS)
def test_what_is_wrong_is_said_once(kind: str, found: Found) -> None:
    ends = [each["failed"][kind] for each in found]
    if kind == "bug":
        assert ends[1].startswith("ZeroDivisionError")
        assert ends[0].startswith(("RuntimeError", "DistBackendError", "DistNetworkError"))
        return
    speakers = [int(kind[-1])] if kind[-1].isdigit() else [0, 1]
    told = [["SaidElsewhere: 2"] * 2 for _ in speakers]
    for each, speaker in zip(told, speakers, strict=True):
        each[speaker] = f"InputError: {kind}: of {speaker}"
    assert ends in told


def test_torchrun_sees_the_one_that_said_it(done: Done) -> None:
    assert done.status != 0
    assert done.said.count("tableau2net: alone-1: of 1\n") == 1
    assert done.said.count("Traceback") <= 1  # torchrun's own
    assert "exitcode  : 2" in done.said
