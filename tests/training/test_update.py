"""A training step against one written by hand, captured against called, and without waiting for the device."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.errors import InputError
from tableau2net.nn import create_model
from tableau2net.training import ImageData, Recipe
from tableau2net.training.capture import CapturedSteps, Launch
from tableau2net.training.execution import Execution, choose_engine
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update
from tests.training.trained import trained
from tests.training.waits import Waits

CPU = torch.device("cpu")
EVERYTHING = Recipe(
    epochs=2, batch_size=50, lr=0.2, nesterov=True, schedule="one-cycle", warmup=0.5, label_smoothing=0.1, cutout=8,
    mixup=0.3, ema=0.9,
)  # fmt: skip
RECIPES = {
    "published": Recipe(epochs=2, batch_size=50),
    "everything": EVERYTHING,
    "adamw": Recipe(epochs=2, batch_size=50, optimiser="adamw", lr=1e-3, schedule="cosine"),
}
EXECUTION = Execution.of(CPU, None, None, Ranks())


def update_of(model: nn.Module, data: ImageData, recipe: Recipe, execution: Execution = EXECUTION) -> Update:
    return Update(Level.of(model, recipe, CPU), ResidentFeed(data, recipe, 3), recipe, 3, execution)


@pytest.fixture
def few(data: ImageData) -> ImageData:
    from dataclasses import replace

    return replace(data, x_train=data.x_train[:120], y_train=data.y_train[:120])


@pytest.mark.parametrize("name", RECIPES)
def test_steps_are_those_of_a_loop_by_hand(name: str, few: ImageData, network: Callable[[], nn.Module]) -> None:
    recipe = RECIPES[name]
    update = update_of(network(), few, recipe)
    trained(update, update)
    net = network()
    optimiser: Any
    if recipe.optimiser == "adamw":
        optimiser = torch.optim.AdamW(net.parameters(), recipe.lr, recipe.betas, weight_decay=recipe.weight_decay)
    else:
        optimiser = torch.optim.SGD(
            net.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
        )
    average = copy.deepcopy(net)
    feed = ResidentFeed(few, recipe, 3)
    count = 0
    for epoch in range(2):
        seed = feed.start(epoch)
        torch.manual_seed(seed)
        shares = np.random.default_rng([3, epoch, 2]).beta(0.3, 0.3, 3)
        loss_sum = wrong = 0.0
        for step, size in enumerate((50, 50, 20)):
            x, y = feed.take(size)
            moment = epoch + (step + 0.5) / 3
            for group in optimiser.param_groups:
                group["lr"] = {
                    "published": 0.1 if epoch == 0 else 0.01,
                    "everything": 0.2 * min(moment / 0.5, (2 - moment) / 1.5),
                    "adamw": 1e-3 * (1 + np.cos(np.pi * moment / 2)) / 2,
                }[name]
            labels = one_hot(y, 10).float()
            if recipe.mixup:
                share = float(shares[step])
                x = share * x + (1 - share) * x.flip(0)
                labels = share * labels + (1 - share) * labels.flip(0)
            labels = (1 - recipe.label_smoothing) * labels + recipe.label_smoothing / 10
            scores = net(x)
            loss = cross_entropy(scores, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            weight = 1 - min(recipe.ema, (1 + count) / (10 + count))
            with torch.no_grad():
                for own, other in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
                    own.copy_(own + weight * (other - own) if own.is_floating_point() else other)
            count += 1
            loss_sum += loss.item() * size
            wrong += int((scores.argmax(1) != y).sum())
    for key, value in net.state_dict().items():
        torch.testing.assert_close(update.level.model.state_dict()[key], value, rtol=2e-4, atol=2e-5)
    if recipe.ema:
        for key, value in average.state_dict().items():
            torch.testing.assert_close(update.level.measured.state_dict()[key], value, rtol=2e-4, atol=2e-5)
    row = update.row()
    assert row["train_loss"] == pytest.approx(loss_sum / 120, rel=1e-4)
    assert row["train_error"] == pytest.approx(100 * wrong / 120)


@pytest.mark.parametrize("name", RECIPES)
def test_captured_steps_are_called_ones(name: str, few: ImageData, network: Callable[[], nn.Module]) -> None:
    """What is done before a step is captured leaves no trace: not in weights, sums, places in the epoch, nor chance."""

    def capture(run: Launch, back: Launch) -> Launch:
        for _ in range(4):
            run()
            back()
        return run

    called = update_of(network(), few, RECIPES[name])
    replayed = update_of(network(), few, RECIPES[name])
    wanted, found = trained(called, called), trained(CapturedSteps(replayed, capture), replayed)
    assert wanted.keys() == found.keys()
    for key, value in wanted.items():
        assert torch.equal(found[key], value), key


def test_a_step_that_cannot_be_captured_is_called(few: ImageData, network: Callable[[], nn.Module]) -> None:
    def capture(run: Launch, _: Launch) -> Launch:
        run()
        raise InputError("it waits")

    called, refused = (update_of(network(), few, EVERYTHING) for _ in range(2))
    said: list[str] = []
    found = trained(CapturedSteps(refused, capture, said.append), refused)
    for key, value in trained(called, called).items():
        assert torch.equal(found[key], value), key
    assert said == ["it waits"]
    with pytest.raises(InputError, match="it waits"):
        trained(CapturedSteps(refused, capture), refused)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet14", {"survival": 0.5}), ("lm_resnet14", {"keep_stable": True}), ("adamnet2_14", {}),
        ("adamnet3_20", {"keep_order": 2, "backward": "checkpoint"}), ("polynet_poly2_14", {}),
        ("resnet8", {"scheme": "rk4"}),
    ],
)  # fmt: skip
def test_a_step_never_waits_for_the_device(name: str, options: dict[str, Any], few: ImageData) -> None:
    update = update_of(create_model(name, **options), few, EVERYTHING)
    update.start(0)
    with Waits() as waits:
        update(50)
    assert waits.calls > 100
    assert waits.found == []
    with Waits() as waits:
        update.sums[0].item()
    assert waits.found  # it can see one


@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_auxiliary_scores_count_as_the_network_says(mixup: float, few: ImageData) -> None:
    """In the gradient, and not in the loss that is told."""
    recipe = Recipe(epochs=1, batch_size=120, mixup=mixup, label_smoothing=0.1)
    torch.manual_seed(0)
    net: Any = create_model("fractalnet8", widths=(4, 6), drop=0.0)
    update = update_of(copy.deepcopy(net), few, recipe)
    update.start(0)
    update(120)
    feed = ResidentFeed(few, recipe, 3)
    feed.start(0)
    x, y = feed.take(120)
    share = np.random.default_rng([3, 0, 2]).beta(mixup, mixup, 1)[0] if mixup else 1.0
    x, other = share * x + (1 - share) * x.flip(0), y.flip(0)
    net.to(memory_format=torch.channels_last).train()
    told: list[Tensor] = []
    for scores in (net(x), *(net.column(number)(x) for number in range(3))):
        told.append(share * cross_entropy(scores, y, label_smoothing=0.1))
        told[-1] = told[-1] + (1 - share) * cross_entropy(scores, other, label_smoothing=0.1)
    optimiser = torch.optim.SGD(net.parameters(), recipe.rates(0, 1)[0], 0.9, weight_decay=recipe.weight_decay)
    (told[0] + sum(told[1:]) / 3).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    torch.testing.assert_close(dict(update.level.model.state_dict()), net.state_dict(), rtol=1e-4, atol=1e-5)
    assert update.row()["train_loss"] == pytest.approx(told[0].item(), rel=1e-5)


@pytest.mark.slow
def test_narrow_strides_of_one_pixel_are_trained_on_a_cpu(tmp_path: Path) -> None:
    """In a process of its own: with images last in memory, two threads wrote into what is somebody else's."""
    asked = "--scheme euler --depth 14 --option widths=[4,8,16] --shortcut conv --data glyphs:100:20 --batch-size 25"
    command = [sys.executable, "-m", "tableau2net", "train", *asked.split(), "--epochs", "2", "--num-threads", "2"]
    command += ["--device", "cpu", "--out", str(tmp_path / "run")]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "options", "narrow"),
    [
        ("resnet14", {"widths": (4, 8, 16), "shortcut": "conv"}, True),
        ("resnet14", {"widths": (16, 32, 65), "shortcut": "conv-bn", "preactivation": False}, True),
        ("resnet14", {"widths": (4, 8, 16), "shortcut": "pad"}, False),
        ("resnet14", {}, False),
        ("fractalnet8", {"widths": (4, 6)}, False),
    ],
)
def test_images_lie_channels_last_but_where_that_is_wrong(name: str, options: dict[str, Any], narrow: bool) -> None:
    level = Level.of(create_model(name, **options), Recipe(), CPU)
    kernels = [module.weight for module in level.model.modules() if isinstance(module, nn.Conv2d)]
    assert level.layout == (torch.contiguous_format if narrow else torch.channels_last)
    assert all(kernel.is_contiguous(memory_format=level.layout) for kernel in kernels)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("lm_resnet14", {}), ("fractalnet8", {"widths": (4, 6), "drop": 0.0})])
def test_a_compiled_network_trains_the_same(name: str, options: dict[str, Any], few: ImageData) -> None:
    torch.manual_seed(0)
    model = create_model(name, **options)
    other = copy.deepcopy(model)
    called, compiled = (
        update_of(model, few, EVERYTHING),
        update_of(other, few, EVERYTHING, Execution.of(CPU, None, "compile", Ranks())),
    )
    trained(called, called, 1)
    trained(compiled, compiled, 1)
    assert compiled.row()["train_loss"] == pytest.approx(called.row()["train_loss"], rel=1e-3)


def test_engines_are_for_their_devices() -> None:
    assert choose_engine(None, CPU) == "eager"
    assert choose_engine(None, torch.device("cuda")) == "compile-graph"
    for name in ("graph", "compile-graph"):
        with pytest.raises(InputError, match="has no graphs"):
            choose_engine(name, CPU)
    with pytest.raises(InputError, match="--engine fast: must be one of"):
        choose_engine("fast", CPU)
    with pytest.raises(InputError, match="--precision half"):
        Execution.of(CPU, "half", None, Ranks())
