"""Checkpoints that are damaged, cut short or of another kind are refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim import SGD

from tableau2net.errors import InputError
from tableau2net.training.checkpoint import Progress, differences, read_checkpoint, write_checkpoint

RUN = {"seed": 0, "recipe": {"lr": 0.1}}
Maker = Callable[[], nn.Module]


def stepped(model: nn.Module, count: int) -> SGD:
    """An optimiser that has made so many steps on `model`."""
    optimiser = SGD(model.parameters(), lr=0.1, momentum=0.9)
    torch.manual_seed(0)
    for _ in range(count):
        optimiser.zero_grad()
        model(torch.randn(4, 3, 32, 32)).square().sum().backward()
        optimiser.step()
    return optimiser


@pytest.fixture
def path(tmp_path: Path, network: Maker) -> Path:
    model = network()
    write_checkpoint(tmp_path / "c", Progress(RUN, {"k": [0.1]}, [{"epoch": 1}]), model, stepped(model, 2))
    return tmp_path / "c"


def test_everything_comes_back(path: Path, network: Maker) -> None:
    straight = network()
    optimiser = stepped(straight, 2)
    model = network()
    restored = SGD(model.parameters(), lr=0.1, momentum=0.9)
    checkpoint = read_checkpoint(path, RUN)
    assert checkpoint.progress == Progress(RUN, {"k": [0.1]}, [{"epoch": 1}])
    checkpoint.put_into(model, restored)
    for name, value in straight.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    for a, b in zip(straight.parameters(), model.parameters(), strict=True):
        assert torch.equal(optimiser.state[a]["momentum_buffer"], restored.state[b]["momentum_buffer"])


def refused(path: Path, model: nn.Module, words: str) -> None:
    optimiser = SGD(model.parameters(), lr=0.1, momentum=0.9)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=words) as caught:
        read_checkpoint(path, RUN).put_into(model, optimiser)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    for name, value in model.state_dict().items():
        assert torch.equal(before[name], value)


def test_a_truncated_checkpoint_is_refused(path: Path, network: Maker) -> None:
    whole = path.read_bytes()
    for kept in (0, 4, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        refused(path, network(), "damaged or cut short")


@pytest.mark.parametrize("where", [-1, -3000, 300])
def test_a_flipped_bit_is_noticed(where: int, path: Path, network: Maker) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    refused(path, network(), "damaged|another run|not a checkpoint")


def test_other_safetensors_files_are_refused(tmp_path: Path, network: Maker) -> None:
    model = network()
    save_file(model.state_dict(), tmp_path / "weights")
    refused(tmp_path / "weights", model, "not a checkpoint")
    save_file(model.state_dict(), tmp_path / "odd", {"format": "tableau2net-checkpoint-1", "progress": "[1]"})
    refused(tmp_path / "odd", model, "damaged")
    (tmp_path / "text").write_text("hello")
    refused(tmp_path / "text", model, "damaged")


def test_another_network_is_refused(path: Path) -> None:
    refused(path, nn.Linear(2, 2), "does not fit this network")


def test_differences_are_named() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 0}
    new = {"a": 1, "b": {"c": 2, "d": 4}, "come": 5}
    assert differences(old, new) == ["b.d: 3 there, 4 here", "gone: 0 there, None here", "come: None there, 5 here"]
    assert differences(old, old) == []
