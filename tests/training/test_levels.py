"""Training in levels: against a loop by hand, to the bit; stopped anywhere; what it writes; and what it refuses."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy

import tableau2net as t2n
from tableau2net.declared import plain
from tableau2net.errors import InputError
from tableau2net.nn import parameter_groups
from tableau2net.nn.refinement import refine, steps_of
from tableau2net.training import ImageData, Recipe, Result, load_data, train
from tableau2net.training.evaluation import compare_accuracy
from tableau2net.training.progress import ProgressDisplay


@pytest.fixture(scope="module")
def few() -> ImageData:
    """60 digits to train on, 20 held out, 20 to test on."""
    return load_data("glyphs:80:20", validation=20)


def lm(depth: int = 14) -> nn.Module:
    torch.manual_seed(2)
    return t2n.create_model(f"lm_resnet{depth}", widths=(4, 8, 16))


def dynamic() -> nn.Module:
    torch.manual_seed(3)
    return t2n.create_model("dynamic_rk1_double", widths=(4, 4), states=(0, 1), controls=(0, 0.5, 1), norm="batch")


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def images(data: ImageData) -> torch.Tensor:
    scale = [1 / s for s in data.std]
    offset = [-m / s for m, s in zip(data.mean, data.std, strict=True)]
    first, second = (torch.tensor(v, dtype=torch.float32).view(3, 1, 1) for v in (scale, offset))
    return torch.addcmul(second, data.x_train.float(), first).contiguous()  # as images of few channels are trained on


def by_hand(net: nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float, seed: int, epochs: dict[int, float]) -> None:
    """Plain SGD for some epochs, each with its rate times the given."""
    net.train()
    now = torch.tensor(lr)
    optimiser = torch.optim.SGD(parameter_groups(net, 1e-4), now, momentum=0.9, fused=True)
    for epoch, rate in epochs.items():
        now.fill_(lr * rate)
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(y)))
        for index in order.split(25):
            optimiser.zero_grad()
            cross_entropy(net(x[index]), y[index]).backward()
            optimiser.step()


def test_two_levels_are_a_loop_by_hand_to_the_bit(tmp_path: Path, few: ImageData) -> None:
    recipe = Recipe(epochs=4, batch_size=25, lr=0.05, refine=(0.5,), augment=False)
    given = lm()
    net = copy.deepcopy(given)
    result = train(model=given, out=tmp_path, data=few, recipe=recipe, seed=7, quiet=True)
    x, y = images(few), few.y_train
    by_hand(net, x, y, 0.05, 7, {0: 1.0, 1: 0.1})
    assert_same(net.state_dict(), given.state_dict())  # what was given is what the first level made of it
    fine = refine(net)
    before, after = (1 - a for a in accuracies(net, fine, few))
    by_hand(fine, x, y, 0.05, 7, {2: 1.0, 3: 0.1})
    assert_same({k: v.contiguous() for k, v in fine.state_dict().items()}, load_file(tmp_path / "model.safetensors"))
    assert result.parameters == sum(p.numel() for p in fine.parameters())
    (found,) = result.refinements
    assert (found["epoch"], found["steps_before"], found["steps"], found["measured_on"]) == (3, 4, 8, "validation")
    assert (found["error_before"], found["error_after"]) == pytest.approx((100 * before, 100 * after))
    log = rows(tmp_path)
    assert found == log[2]["refinement"]
    assert found["error_before"] == log[1]["validation_error"]
    assert ["refinement" in row for row in log] == [False, False, True, False]
    assert [row["lr"] for row in log] == pytest.approx([0.05, 0.005, 0.05, 0.005])
    assert len(log[0]["coefficients"]["blocks.0.k"]) == 1  # the other of two steps is the start-up's
    assert len(log[3]["coefficients"]["blocks.0.k"]) == 3
    assert Result.read(tmp_path / "result.json") == result


def accuracies(before: nn.Module, after: nn.Module, data: ImageData) -> list[float]:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (data.mean, data.std))
    found = []
    for net in (before, after):
        net.eval()
        with torch.no_grad():
            scores = net((data.x_validation - mean) / std)
        found.append(float((scores.argmax(1) == data.y_validation).double().mean()))
    return found


THREE_LEVELS = Recipe(epochs=4, batch_size=30, lr=0.01, refine=(0.25, 0.75), augment=True)
DYNAMIC = Recipe(epochs=3, batch_size=30, lr=0.01, refine=(0.5,), smoothness=1e-3, clip=(0.3, 1.1))


def stop_at(batches: int, patch: pytest.MonkeyPatch) -> None:
    left = iter(range(batches))

    def advance(*_: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    patch.setattr(ProgressDisplay, "advance", advance)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "recipe"), [(lambda: lm(8), THREE_LEVELS), (dynamic, DYNAMIC)])
def test_stopped_anywhere_and_resumed(
    make: Callable[[], nn.Module], recipe: Recipe, tmp_path: Path, few: ImageData
) -> None:
    """In the middle of every epoch, and at the start of one: before a refinement, behind one, between two.

    The only step of lm_resnet8 is the start-up's: its k is drawn when the steps become two, by chance that must be the
    same each time.
    """
    straight = train(model=make(), out=tmp_path / "straight", data=few, recipe=recipe, quiet=True)
    assert len(straight.refinements) == len(recipe.refine)
    for batches in (2, *range(1, 2 * recipe.epochs, 2)):
        folder = tmp_path / str(batches)
        with pytest.MonkeyPatch.context() as patch:
            stop_at(batches, patch)
            with pytest.raises(KeyboardInterrupt):
                train(model=make(), out=folder, data=few, recipe=recipe, quiet=True)
        assert len(rows(folder)) == batches // 2
        torch.rand(batches)  # what chance has come to elsewhere does not matter
        resumed = train(model=make(), out=folder, data=few, recipe=recipe, resume=True, quiet=True)
        assert_same(*(load_file(f / "model.safetensors") for f in (tmp_path / "straight", folder)))
        assert resumed.refinements == straight.refinements
        assert [r["train_loss"] for r in rows(folder)] == [r["train_loss"] for r in rows(tmp_path / "straight")]


def test_a_dynamic_network_refines_both_grids(
    tmp_path: Path, few: ImageData, capsys: pytest.CaptureFixture[str]
) -> None:
    net = dynamic()
    result = train(model=net, out=tmp_path, data=few, recipe=DYNAMIC)
    state = load_file(tmp_path / "model.safetensors")
    fine = net.refine(2, 2)  # type: ignore[operator]
    fine.load_state_dict(state)  # the structure is that, and the weights fit
    assert fine.blocks[0].states == (0, 0.5, 1)
    assert fine.blocks[0].own_controls()[0].knots == (0, 0.25, 0.5, 0.75, 1)
    for name, value in state.items():  # clipped after the last update, as after each
        if name.endswith("weight"):
            assert value.abs().max() <= (0.3 if value.dim() == 4 else 1.1), name
    assert rows(tmp_path)[-1]["smoothness"] == pytest.approx(fine.smoothness().item(), rel=1e-6)
    (found,) = result.refinements
    assert "refined before epoch 3: 1 → 2 steps, " in capsys.readouterr().err
    assert found["parameters"] - found["parameters_before"] == 2 * (2 * 4 * 4 * 9 + 2 * 4 + 4 * 4)  # two knots more


def test_the_penalty_and_its_gradient_by_hand(tmp_path: Path, few: ImageData) -> None:
    """With it, an update has besides lr · weight · (h_{k−1} sgn(θ_k − θ_{k−1}) − h_k sgn(θ_{k+1} − θ_k))."""
    plain = Recipe(epochs=1, batch_size=60, lr=0.25, momentum=0, weight_decay=0, augment=False)
    nets = {}
    torch.manual_seed(4)
    start = t2n.create_model("dynamic_rk1_parabolic", widths=(4, 4), states=(0, 1, 3), controls=(0, 1, 3), norm="none")
    for weight in (0.0, 0.01):
        nets[weight] = copy.deepcopy(start)
        recipe = Recipe(**{**asdict(plain), "smoothness": weight})
        train(model=nets[weight], out=tmp_path / str(weight), data=few, recipe=recipe, quiet=True)
    knots = {
        w: [dict(layer.named_parameters()) for layer in net.blocks[0].controls[0].layers] for w, net in nets.items()
    }
    theta = [dict(layer.named_parameters()) for layer in start.blocks[0].controls[0].layers]
    for name in theta[0]:
        first, second = (torch.sign(theta[k + 1][name] - theta[k][name]) for k in (0, 1))
        for k, gradient in enumerate((-first, first - 2 * second, 2 * second)):
            moved = knots[0.01][k][name] - knots[0.0][k][name]
            torch.testing.assert_close(moved, -0.25 * 0.01 * gradient, rtol=0, atol=1e-6)
    outside = [dict(net.head.named_parameters()) for net in nets.values()]
    assert all(torch.equal(outside[0][name], outside[1][name]) for name in outside[0])
    losses = [rows(tmp_path / str(weight))[0] for weight in (0.0, 0.01)]
    assert losses[0]["train_loss"] == losses[1]["train_loss"]  # that of the images alone
    assert "smoothness" not in losses[0]


def test_weights_start_to_be_clipped_with_the_first_update(tmp_path: Path, few: ImageData) -> None:
    recipe = Recipe(epochs=1, batch_size=60, lr=0.1, momentum=0, weight_decay=0, augment=False, clip=(0.05, 0.9))
    net = dynamic()
    copies = copy.deepcopy(net)
    train(model=net, out=tmp_path, data=few, recipe=recipe, quiet=True)
    copies.to(memory_format=torch.channels_last)
    order = np.random.default_rng([0, 0]).permutation(60)
    cross_entropy(copies(images(few)[order]), few.y_train[order]).backward()
    with torch.no_grad():
        for parameter in copies.parameters():
            parameter -= 0.1 * (0 if parameter.grad is None else parameter.grad)
    for (name, value), expected in zip(net.named_parameters(), copies.parameters(), strict=True):
        bound = {True: 0.05, False: 0.9}[value.dim() == 4] if name.endswith("weight") else float("inf")
        torch.testing.assert_close(value, expected.clamp(-bound, bound), rtol=1e-5, atol=1e-6, msg=name)


def test_a_run_on_a_scheme_is_refined_too(tmp_path: Path, few: ImageData) -> None:
    recipe = Recipe(epochs=2, batch_size=60, refine=(0.5,))
    result = train("adams-bashforth-2", depth=8, out=tmp_path, data=few, recipe=recipe, quiet=True)
    assert result.refinements[0]["steps"] == 2 * result.refinements[0]["steps_before"] == 2
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("make", "changes", "words"),
    [
        (lm, {"smoothness": 1e-4}, r"smoothness is 0.0001, but a ResidualNetwork has no smoothness\(\)"),
        (lm, {"clip": (0.5, 1.5)}, r"clip is \(0.5, 1.5\), but a ResidualNetwork has no clip_\(\)"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), {"refine": (0.5,)}, "no compiled block"),
    ],
)
def test_a_recipe_that_does_not_suit_leaves_no_folder(
    make: Callable[[], nn.Module], changes: dict[str, Any], words: str, tmp_path: Path, few: ImageData
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        train(model=make(), out=tmp_path / "run", data=few, recipe=Recipe(epochs=2, **changes), quiet=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_was_changed_is_another_run(tmp_path: Path, few: ImageData) -> None:
    train(model=dynamic(), out=tmp_path, data=few, recipe=Recipe(epochs=2, refine=(0.5,)), quiet=True)
    with pytest.raises(InputError, match=r"recipe.refine: \[0.5\] there, \[\] here"):
        train(model=dynamic(), out=tmp_path, data=few, recipe=Recipe(epochs=2), resume=True, quiet=True)


def test_a_run_of_before_there_were_levels_goes_on(tmp_path: Path, few: ImageData, monkeypatch: Any) -> None:
    """Its checkpoint and its result have a recipe without the newer numbers."""
    import tableau2net.training.checkpoint as checkpoint

    old = {
        "refine",
        "smoothness",
        "clip",
        "optimiser",
        "nesterov",
        "betas",
        "schedule",
        "warmup",
        "cutout",
        "mixup",
        "ema",
    }

    def older(own: Any) -> Any:
        told = plain(own)
        told["run"]["recipe"] = {k: v for k, v in told["run"]["recipe"].items() if k not in old}
        return told

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "plain", older)
        stop_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            train(model=lm(8), out=tmp_path, data=few, recipe=Recipe(epochs=2, batch_size=30), quiet=True)
    result = train(model=lm(8), out=tmp_path, data=few, recipe=Recipe(epochs=2, batch_size=30), resume=True, quiet=True)
    assert result.epochs == 2
    found = json.loads((tmp_path / "result.json").read_text())
    del found["refinements"]
    assert Result.of(found, "old").refinements == []


def test_accuracy_is_compared_and_nothing_else_changes(few: ImageData) -> None:
    net = dynamic().train()
    net.opening.norm.eval()
    state = copy.deepcopy(net.state_dict())
    same = compare_accuracy(net, net.refine(1, 3), few)
    assert (same.steps_before, same.steps, same.error_before) == (1, 1, same.error_after)
    assert_same(net.state_dict(), state)
    assert net.training
    assert not net.opening.norm.training
    assert compare_accuracy(net, net, load_data("glyphs:20:10")).measured_on == "test"


def test_steps_are_counted() -> None:
    assert [steps_of(lm(depth)) for depth in (8, 14, 20)] == [1, 4, 7]
    assert steps_of(t2n.create_model("dynamic_rk4_parabolic")) == 12
    assert steps_of(nn.Linear(1, 1)) == 0
