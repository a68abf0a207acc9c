"""Checkpoints that are damaged, cut short or of another kind are refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tableau2net.declared import differences
from tableau2net.errors import InputError
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import Recipe
from tableau2net.training.checkpoint import (
    FORMAT,
    Progress,
    find_checkpoint,
    read_checkpoint,
    tensors_of,
    write_checkpoint,
)
from tableau2net.training.level import Level
from tableau2net.training.resumed import check_tensors

RUN = RunSpec(seed=0, recipe=Recipe(lr=0.1))
Maker = Callable[[], nn.Module]


def level(model: nn.Module, recipe: Recipe, steps: int = 0) -> Level:
    """What is trained of a model, with so many steps behind it."""
    found = Level.of(model, recipe, torch.device("cpu"))
    torch.manual_seed(0)
    for _ in range(steps):
        found.optimiser.zero_grad()
        found.model(torch.randn(4, 3, 32, 32)).square().sum().backward()
        found.optimiser.step()
        if found.average:
            found.average.update(torch.tensor(0.25))
    return found


RECIPES = [Recipe(), Recipe(optimiser="adamw", lr=1e-3, ema=0.9), Recipe(momentum=0, ema=0.5)]


@pytest.fixture(params=RECIPES, ids=["momentum", "adamw, averaged", "plain, averaged"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


@pytest.fixture
def path(tmp_path: Path, network: Maker) -> Path:
    progress = Progress(RUN, {"k": [0.1]}, [{"epoch": 1}], seen=7, seconds=1.5)
    write_checkpoint(tmp_path / "c", progress, tensors_of(level(network(), Recipe(), 2)))
    return tmp_path / "c"


def test_everything_comes_back(tmp_path: Path, network: Maker, recipe: Recipe) -> None:
    """Three steps, and two steps, a file, and the third, are the same."""
    progress = Progress(RUN, {"k": [0.1]}, [{"epoch": 1}], seen=7, seconds=1.5, refinement={"epoch": 2})
    write_checkpoint(tmp_path / "c", progress, tensors_of(level(network(), recipe, 2)))
    checkpoint = read_checkpoint(tmp_path / "c", RUN)
    assert checkpoint.progress == progress
    assert checkpoint.progress.refinements == [{"epoch": 2}]
    restored, straight = level(network(), recipe), level(network(), recipe, 2)
    checkpoint.put_into(restored)
    for own in (restored, straight):
        torch.manual_seed(1)
        own.optimiser.zero_grad()
        own.model(torch.randn(4, 3, 32, 32)).square().sum().backward()
        own.optimiser.step()
    found, wanted = tensors_of(restored), tensors_of(straight)
    assert found.keys() == wanted.keys()
    assert any(name.startswith("optimiser.") for name in wanted) == bool(recipe.momentum or recipe.ema == 0.9)
    assert any(name.startswith("average.") for name in wanted) == bool(recipe.ema)
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_the_one_before_takes_over_where_the_last_is_damaged(tmp_path: Path, network: Maker) -> None:
    last, before = tmp_path / "checkpoint.safetensors", tmp_path / "checkpoint.before.safetensors"
    for epoch in (1, 2):
        rows = [{"epoch": 1 + i} for i in range(epoch)]
        write_checkpoint(last, Progress(RUN, {}, rows), tensors_of(level(network(), Recipe(), epoch)))
    found, doubt = find_checkpoint(tmp_path, RUN)
    assert (len(found.progress.rows), doubt) == (2, None)
    last.write_bytes(last.read_bytes()[:-1])
    found, doubt = find_checkpoint(tmp_path, RUN)
    assert len(found.progress.rows) == 1
    assert doubt is not None
    assert f"{last}: is damaged" in doubt
    last.unlink()  # killed between the two
    assert len(find_checkpoint(tmp_path, RUN)[0].progress.rows) == 1
    before.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be read"):
        find_checkpoint(tmp_path, RUN)


def refused(path: Path, model: nn.Module, words: str) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=words) as caught:
        read_checkpoint(path, RUN).put_into(level(model, Recipe()))
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
    save_file(model.state_dict(), tmp_path / "odd", {"format": FORMAT, "progress": "[1]"})
    refused(tmp_path / "odd", model, "damaged")
    (tmp_path / "text").write_text("hello")
    refused(tmp_path / "text", model, "damaged")


def test_another_network_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"does not fit this network \(model\.weight is not there"):
        check_tensors(read_checkpoint(path, RUN), level(nn.Linear(2, 2), Recipe()), 1)


def test_differences_are_named() -> None:
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 0}
    new = {"a": 1, "b": {"c": 2, "d": 4}, "come": 5}
    assert differences(old, new) == ["b.d: 3 there, 4 here", "gone: 0 there, None here", "come: None there, 5 here"]
    assert differences(old, old) == []
