"""Tasks without labels go through the same loop: clean images of noisy ones, later states of states."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file
from torch import Tensor, nn

from tableau2net.data.noisy import turned
from tableau2net.errors import InputError
from tableau2net.recipes.task import LOSSES, TASKS, TaskSpec
from tableau2net.training import (
    Arrays,
    ImageData,
    Recipe,
    Result,
    SourceRequest,
    Stopped,
    load_data,
    load_network,
    train,
)
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.objectives import Values
from tableau2net.training.parallel import Ranks
from tableau2net.training.progress import ProgressDisplay
from tableau2net.training.update import Update
from tests.training.restored import RECIPE, Smoother, asked, noise_free
from tests.training.waits import Waits

pytestmark = pytest.mark.usefixtures("undrawn")


def rows(folder: Path) -> list[dict[str, Any]]:
    """The log, without what a clock says in it."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key not in ("seconds", "images_per_second")} for row in found]


def after(patch: pytest.MonkeyPatch, batches: int) -> None:
    """Stop as the clock would, after so many batches."""
    seen = iter(range(batches - 1))

    def advance(*_: object) -> None:
        if next(seen, None) is None:
            patch.setattr("tableau2net.training.stop.Stop.__call__", lambda _: "time")

    patch.setattr(ProgressDisplay, "advance", advance)


def states(path: Path, count: int = 12, shape: tuple[int, ...] = (2, 8, 8), factor: float = 0.5) -> Path:
    """A later state is a fraction of a state."""
    random = np.random.default_rng(0)
    x = {part: random.standard_normal((n, *shape)) for part, n in (("train", count), ("test", 5))}
    np.savez(path, **{f"x_{part}": v for part, v in x.items()}, **{f"y_{part}": factor * v for part, v in x.items()})
    return path


class Scaled(nn.Module):
    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


# ----------------------------------------------------------------------------------------------------- what is told


def test_figures_are_those_of_its_images(tmp_path: Path) -> None:
    """By hand, image by image, in double precision, with the noise as it is said to be drawn."""
    result = train(out=tmp_path / "run", **asked(tmp_path / "data", validation=2, test_sigma=(10, 40)))
    network = load_network(tmp_path / "run").double()
    task, data = TaskSpec("denoise", patch=16, test_sigma=(10, 40)), tmp_path / "data"
    found = []
    for sigma in (10, 40):
        for i, clean in enumerate(load_data(data, task=task).test):
            noise = np.random.default_rng([6, 1, i]).standard_normal((1, *clean.shape[:2]), np.float32)
            y = torch.tensor(clean[None, None, ..., 0] / 255)
            said = network(y + sigma / 255 * torch.tensor(noise[None]).double())
            found.append(-10 * torch.log10((said.clamp(0, 1) - y).square().mean()).item())
    each = load_file(tmp_path / "run" / "predictions.safetensors")
    assert each["psnr"].dtype == np.float64
    assert each["psnr"] == pytest.approx(found, abs=1e-4)
    assert result.figures["test_psnr"] == pytest.approx(np.mean(found), abs=1e-4)
    assert result.figures["test_ssim"] == pytest.approx(each["ssim"].mean())
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [key for key in told if key.split("_")[0] in ("train", "validation", "test")] == [
        "train_loss", *TASKS["denoise"].keys
    ]  # fmt: skip
    assert (told["run"]["task"]["clamp"], told["data"]["channels"]) == (True, 1)
    assert (told["data"]["train"], told["data"]["validation"], told["data"]["test"]) == (4 * 4, 2 * 2, 3 * 2)
    assert Result.read(tmp_path / "run" / "result.json") == result


def test_clamped_or_not(tmp_path: Path) -> None:
    """At the largest deviations what leaves black and white counts."""
    network = Smoother(1)
    nn.init.zeros_(network.second.weight)
    nn.init.zeros_(network.second.bias)
    own = {"model_name": None, "model": network, "recipe": replace(RECIPE, epochs=1, lr=1e-12, weight_decay=0, ema=0)}
    free, held = (
        train(out=tmp_path / name, **asked(tmp_path / "data", sigma=200, clamp=name == "held", **own))
        for name in ("free", "held")
    )
    assert free.figures["test_mse"] == pytest.approx((200 / 255) ** 2, rel=0.1)
    assert held.figures["test_psnr"] > free.figures["test_psnr"] + 1


def test_a_network_is_told_the_deviation_that_asks_for_it(tmp_path: Path) -> None:
    wide = {"sigma": 60, "sigma_from": 5, "test_sigma": (5, 60)}
    trained = {
        name: train(out=tmp_path / name, **asked(tmp_path / "data", model_name=name, **wide))
        for name in ("smoother", "smoother_told")
    }
    assert trained["smoother"].figures != trained["smoother_told"].figures
    again = Smoother(1, takes_sigma=True)
    again.load_state_dict(load_network(tmp_path / "smoother_told").state_dict())
    (x, y, sigma), *_ = load_data(tmp_path / "data", task=TaskSpec("denoise", patch=16, **wide)).batches("test", CPU)
    wrong = (again(x, sigma).clamp(0, 1) - y).square().flatten(1).mean(1)
    psnr = load_file(tmp_path / "smoother_told" / "predictions.safetensors")["psnr"]
    assert psnr[: len(x)] == pytest.approx((-10 * wrong.log10()).tolist(), abs=1e-4)


CPU = torch.device("cpu")


def test_a_later_state(tmp_path: Path) -> None:
    recipe = Recipe(epochs=8, batch_size=1, lr=0.1, optimiser="adamw", weight_decay=0, schedule="cosine")
    own: dict[str, Any] = {"data": states(tmp_path / "s.npz"), "task": "next-state", "recipe": recipe, "quiet": True}
    network = Scaled()
    result = train(out=tmp_path / "run", model=network, validation=2, device="cpu", **own)
    assert network.factor.item() == pytest.approx(0.5, abs=0.02)
    assert result.figures.keys() == set(TASKS["next-state"].keys)
    assert result.figures["test_relative"] == pytest.approx(200 * abs(network.factor.item() - 0.5), rel=1e-3)
    with np.load(tmp_path / "s.npz") as file:
        wrong = ((network.factor.item() * file["x_test"] - file["y_test"]) ** 2).mean()
    assert result.figures["test_mse"] == pytest.approx(wrong, rel=1e-3)
    for shape in ((3, 9), (1, 4, 5, 6)):
        path = states(tmp_path / f"{len(shape)}.npz", shape=shape)
        few = own | {"data": path, "recipe": replace(recipe, epochs=1)}
        found = train(out=tmp_path / f"run{len(shape)}", model=Scaled(), device="cpu", loss="l1", **few)
        assert found.data["channels"] == shape[0]


# --------------------------------------------------------------------------------------------------- stopped, gone on


@pytest.mark.parametrize("batches", [1, 5])
def test_stopped_it_ends_the_same(batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an epoch, at its end and behind it: the same crops, turns and noise come again."""
    own = asked(tmp_path / "data", sigma=50, sigma_from=10, seed=3, validation=1, patches=2)
    straight = train(out=tmp_path / "straight", **own)
    with monkeypatch.context() as patch:
        after(patch, batches)
        with pytest.raises(Stopped):
            train(out=tmp_path / "stopped", **own)
    resumed = train(out=tmp_path / "stopped", resume=True, **own)
    assert resumed.figures == straight.figures
    assert rows(tmp_path / "stopped") == rows(tmp_path / "straight")
    for name in ("model.safetensors", "predictions.safetensors"):
        first, second = (load_file(tmp_path / folder / name) for folder in ("straight", "stopped"))
        assert all(np.array_equal(first[key], second[key]) for key in first | second)


def test_stopped_behind_a_refinement_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = asked(tmp_path / "data", model_name="restoring2", recipe=replace(RECIPE, refine=(0.5,), ema=0), patches=2)
    straight = train(out=tmp_path / "straight", **own)
    (found,) = straight.refinements
    assert (found["steps_before"], found["steps"], found["measured_on"]) == (2, 4, "test")
    assert found["psnr_before"] == rows(tmp_path / "straight")[0]["test_psnr"]
    with monkeypatch.context() as patch:
        after(patch, 5)
        with pytest.raises(Stopped):
            train(out=tmp_path / "stopped", **own)
    assert train(out=tmp_path / "stopped", resume=True, **own).figures == straight.figures
    assert rows(tmp_path / "stopped") == rows(tmp_path / "straight")


def test_another_noise_is_another_run(tmp_path: Path) -> None:
    own = asked(tmp_path / "data")
    train(out=tmp_path / "run", **own)
    assert train(out=tmp_path / "run", resume=True, **own).figures
    with pytest.raises(InputError, match=r"sigma: 25 there, 30 here|sigma: 25\.0 there, 30\.0 here"):
        train(out=tmp_path / "run", resume=True, **own | {"sigma": 30})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").rename(tmp_path / "elsewhere" / "data")
    moved = own | {"data": tmp_path / "elsewhere" / "data" / "train", "test_data": tmp_path / "elsewhere/data/test"}
    with pytest.raises(InputError, match="belongs to another run"):  # of other names
        train(out=tmp_path / "run", resume=True, **moved)


# ----------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"recipe": replace(RECIPE, mixup=0.1)}, "mixup is 0.1: it means nothing to --task denoise"),
        ({"recipe": replace(RECIPE, cutout=2)}, "cutout is 2: it means nothing"),
        ({"recipe": replace(RECIPE, label_smoothing=0.1)}, "label_smoothing is 0.1: it means nothing"),
        ({"adversary": "pgd-2"}, "--adversary: is of --task classify, this is denoise"),
        ({"evaluate": ("fgsm",)}, "--evaluate: is of --task classify"),
        ({"task": "classify"}, "--patch: is of --task denoise"),
        ({"task": "next-state"}, "--patch: is of --task denoise"),
        ({"task": "sharpen"}, "--task sharpen: must be one of classify, denoise, next-state"),
        ({"sigma": -1}, "--sigma -1: must be from 0 to 1000"),
        ({"sigma_from": 30}, "--sigma-from 30: must be at most --sigma, 25"),
        ({"test_sigma": (5, 5)}, "--test-sigma 5, 5: one is named twice"),
        ({"loss": "huber"}, "--loss huber: must be mse or l1"),
        ({"patch": 64}, "--patch 64: .* has an image of 24×30 pixels; write a number of pixels up to 24"),
        ({"patch": 0}, "--patch 0: .* has images of 24×30 and of 30×36 pixels"),
        ({"model_name": "resnet20"}, r"resnet20 does not take images \(2, 1, 16, 16\); write --model tnrd5_5x5, say"),
        ({"model_name": None, "scheme": "rk4", "depth": 8}, r"resnet8 does not take .*; write --model tnrd5_5x5, say"),
        ({"model_name": "neural_ode_euler_10"}, r"does not take images .*; write --model tnrd5_5x5"),
        ({"model_name": None, "model": nn.Conv2d(1, 2, 3)}, r"a Conv2d answers \(2, 1, 16, 16\) with float32 \(2, 2"),
        ({"size": 32}, "--size: is of labelled images"),
        ({"test_data": "nothere"}, "--test-data nothere: there is no such folder"),
        ({"limit_train": 7}, "--limit-train 7: .* has 6 images to train on"),
        ({"data": "nowhere"}, "--data nowhere: expected"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(own: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said) as raised:
        train(out=tmp_path / "run", **asked(tmp_path / "data", **own))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_network_that_gives_images_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tnrd1_3x3 gives images, not scores of 10 classes; write --task denoise"):
        train(model_name="tnrd1_3x3", data="glyphs:20:10", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Labelled:
    name, classes, flip = "mine", 4, False


def test_labels_are_not_images(tmp_path: Path) -> None:
    images, labels = np.zeros((4, 8, 8, 3), np.uint8), np.arange(4)
    labelled = ImageData.of(SourceRequest("mine"), Arrays(images, labels, images, labels))
    with pytest.raises(InputError, match="--task denoise: mine has 4 classes"):
        train(out=tmp_path / "run", **asked(tmp_path / "data", data=labelled))
    with pytest.raises(InputError, match="data: classes of a Labelled is 4; it must be 0, there are no labels"):
        train(out=tmp_path / "run", **asked(tmp_path / "data", data=Labelled()))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.pop("y_test"), "has no y_test; it needs x_train, y_train, x_test and y_test"),
        (lambda found: found.update(x_train=found["x_train"][:5]), r"y_train is \(12, 2, 8, 8\) beside"),
        (lambda found: found.update(y_test=found["y_test"][..., :4]), r"y_test is \(5, 2, 8, 4\) beside"),
        (
            lambda found: found.update(x_test=found["x_test"].astype(int)),
            "x_test is int64 .* it must be states",
        ),
        (lambda found: found.update(x_test=found["x_test"] + np.nan), "x_test has values that are not finite"),
        (lambda found: found.update(x_test=found["x_test"] * 1e300), "x_test has values that are not finite"),
    ],
)
def test_states_that_are_none(change: Callable[[dict[str, Any]], Any], said: str, tmp_path: Path) -> None:
    with np.load(states(tmp_path / "s.npz")) as file:
        found = dict(file)
    change(found)
    np.savez(tmp_path / "t.npz", **found)
    with pytest.raises(InputError, match=said):
        load_data(tmp_path / "t.npz", task=TaskSpec("next-state"))


def test_folders_that_are_none(tmp_path: Path) -> None:
    task = TaskSpec("denoise", patch=16)
    images = noise_free(tmp_path / "images", 2)
    with pytest.raises(InputError, match="which images are to test on"):
        load_data(images, task=task)
    (images / "02.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^--test-data .*02\.png: cannot be read as an image"):
        load_data(images, task=replace(task, test_data=str(images)))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"^--test-data .*none: holds no image"):
        load_data(images, task=replace(task, test_data=str(tmp_path / "none")))
    (images / "02.png").unlink()
    Image.new("RGB", (8, 8)).save(tmp_path / "none" / "a.png")
    with pytest.raises(InputError, match=r"^--test-data .*none: has an image of 8×8 pixels"):
        load_data(images, task=replace(task, test_data=str(tmp_path / "none")))


# ------------------------------------------------------------------------------------------- who makes a batch, and how


def test_whoever_makes_a_batch_it_is_the_same(tmp_path: Path) -> None:
    """Alone or with others, and the parts of two processes are the whole."""
    noise_free(tmp_path / "train", 4)
    noise_free(tmp_path / "test", 1)
    data = load_data(tmp_path, task=TaskSpec("denoise", patch=16, sigma=50, sigma_from=5))
    fetch = data.fetch(3, augment=True)
    together = fetch(1, range(8))
    assert len({tuple(square.flatten().tolist()) for square in together[0]}) == 8
    for number in range(8):
        alone = fetch(1, [number])
        assert all(torch.equal(whole[number], own[0]) for whole, own in zip(together, alone, strict=True))
    assert not torch.equal(fetch(2, [0])[0], fetch(1, [0])[0])
    shares = [data.feed(RECIPE, 3, CPU, Ranks(rank, 2, rank).share) for rank in range(2)]
    whole = data.feed(RECIPE, 3, CPU, Ranks().share)
    batches = []
    for feed in (*shares, whole):
        feed.start(0, 4)
        feed.advance(4)
        batches.append([part.clone() for part in feed.take(4)])
    for first, second, both in zip(*batches, strict=True):
        assert torch.equal(torch.cat([first, second]), both)


def test_the_gradients_of_parts_add_up_in_double_precision() -> None:
    network, objective = Smoother(2).double(), Values("l1", task=TASKS["next-state"])
    x, y = torch.randn(2, 5, 2, 6, 7, dtype=torch.float64)

    def gradient(part: slice) -> list[Tensor]:
        loss = objective.loss(network(x[part]), y[part]) / 5
        return list(torch.autograd.grad(loss, list(network.parameters())))

    parts = zip(gradient(slice(0, 2)), gradient(slice(2, 5)), gradient(slice(0, 5)), strict=True)
    for first, second, whole in parts:
        torch.testing.assert_close(first + second, whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("criterion", LOSSES)
def test_a_step_waits_for_nothing(criterion: str, tmp_path: Path) -> None:
    """So it can be captured."""
    noise_free(tmp_path / "train", 4)
    noise_free(tmp_path / "test", 1)
    data = load_data(tmp_path, task=TaskSpec("denoise", patch=16))
    level = Level.of(Smoother(1, takes_sigma=True), RECIPE, CPU)
    feed = data.feed(RECIPE, 3, CPU, Ranks().share)
    execution = Execution.of(CPU, None, None, Ranks())
    update = Update(level, feed, RECIPE, 3, execution, Values(criterion))
    update.start(0)
    feed.advance(4)
    with Waits() as waits:
        update(4)
    assert not waits.found


def test_turns_are_the_eight_of_a_square() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert len({turned(image, way).tobytes() for way in range(8)}) == 8
    strip = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert {turned(strip, way).shape for way in range(8)} == {(1, 2, 3)}
