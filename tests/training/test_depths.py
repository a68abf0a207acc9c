"""Training of learnt depths: sorted once an epoch, gone on with, averaged, refined, captured anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import tableau2net as t2n
from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.nn.around.depths import Depths
from tableau2net.training import ImageData, Recipe, train
from tableau2net.training.capture import CapturedSteps, Launch
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.update import Update

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=3, batch_size=100, lr=0.05, ema=0.5)


def network(rate: float = 60.0) -> nn.Module:
    """With depths so quick that they pass each other in a few batches."""
    torch.manual_seed(2)
    return t2n.create_model("meanfield_resnet20", widths=(4, 4, 4), depth_rate=rate)


def orders(net: nn.Module) -> list[tuple[int, ...]]:
    return [module.order for module in net.modules() if isinstance(module, Depths)]


def started(net: nn.Module, data: ImageData) -> Update:
    data = replace(data, x_train=data.x_train[:120], y_train=data.y_train[:120])
    execution = Execution.of(CPU, None, None, Ranks())
    return Update(Level.of(net, RECIPE, CPU), ResidentFeed(data, RECIPE, 3), RECIPE, 3, execution)


def epochs(step: Callable[[int], None], update: Update) -> list[list[tuple[int, ...]]]:
    """The orders of each epoch, three of 120 images."""
    seen = []
    for epoch in range(3):
        update.start(epoch)
        seen.append(orders(update.level.model))
        for size in (100, 20):
            step(size)
            assert orders(update.level.model) == seen[-1]  # of an epoch it is one
    return seen


def test_blocks_move_and_steps_are_captured_anew(data: ImageData) -> None:
    captured: list[list[tuple[int, ...]]] = []

    def capture(run: Launch, back: Launch) -> Launch:
        order = orders(replayed.level.model)
        captured.append(order)
        for _ in range(2):
            run()
            back()

        def replay() -> None:
            assert orders(replayed.level.model) == order
            run()

        return replay

    called, replayed = started(network(3000.0), data), started(network(3000.0), data)
    found = epochs(called, called)
    assert found[0] == [(0, 1, 2), (0, 1), (0, 1)]
    assert len({str(each) for each in found}) > 1  # they did move
    assert epochs(CapturedSteps(replayed, capture), replayed) == found
    assert captured == [
        order for before, order in zip([None, *found], found, strict=False) if order != before for _ in (100, 30)
    ]
    for (name, a), b in zip(
        called.level.model.state_dict().items(), replayed.level.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


@pytest.mark.slow
@pytest.mark.parametrize("batches", [4, 6])
def test_a_run_that_is_gone_on_with_has_its_order(batches: int, tmp_path: Path, data: ImageData) -> None:
    straight = train(model=network(), out=tmp_path / "straight", data=data, recipe=RECIPE, quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        left = [batches]

        def count(*_: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        patch.setattr(ProgressDisplay, "advance", count)
        with pytest.raises(KeyboardInterrupt):
            train(model=network(), out=tmp_path / "stopped", data=data, recipe=RECIPE, quiet=True)
    resumed = train(model=network(), out=tmp_path / "stopped", data=data, recipe=RECIPE, resume=True, quiet=True)
    assert resumed.test_error == straight.test_error
    kept = [load_file(tmp_path / name / "model.safetensors") for name in ("straight", "stopped")]
    assert kept[0].keys() == kept[1].keys()
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])
    net = network()
    net.load_state_dict(kept[0])
    assert [list(order) for order in orders(net)] == [
        kept[0][f"blocks.{i}.depths._extra_state"].tolist() for i in range(3)
    ]
    rows = [json.loads(line) for line in (tmp_path / "straight" / "log.jsonl").read_text().splitlines()]
    depths = [row["coefficients"]["blocks.0.depths.t"] for row in rows]
    assert all(0 <= t <= 1 for row in depths for t in row)
    assert depths[0] != depths[1]


@pytest.mark.slow
def test_a_run_that_is_refined_on_its_way(tmp_path: Path, data: ImageData) -> None:
    recipe = Recipe(epochs=2, batch_size=100, refine=(0.5,))
    train(model=network(), out=tmp_path, data=data, recipe=recipe, quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [len(row["coefficients"]["blocks.0.depths.t"]) for row in rows] == [3, 6]
