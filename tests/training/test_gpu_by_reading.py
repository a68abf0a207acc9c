"""What a GPU would be told, where there is none: a whole step on memory that has shapes and a place, and no contents.

On the meta device a number that is asked for (the host would wait) is an error, and so is a tensor that was made on the
CPU in the middle of a step. What stays open here are the kernels themselves: see test_gpu.py.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.nn import create_model
from tableau2net.recipes.adversary import AdversarySpec
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import ImageData, Recipe
from tableau2net.training.adversary import update_for
from tableau2net.training.average import Average
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.network import groups
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update
from tests.training.waits import Waits

META = torch.device("meta")
EVERYTHING = Recipe(
    epochs=2, batch_size=50, lr=0.2, nesterov=True, label_smoothing=0.1, cutout=8, mixup=0.3, ema=0.9
)  # fmt: skip


def moved(value: Any) -> Any:
    """The same with every tensor in it without contents, strides as they were."""
    if isinstance(value, Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=META)
    if isinstance(value, tuple | list):
        return type(value)(moved(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{own.name: moved(getattr(value, own.name)) for own in fields(value)})
    return value


class OnNothing(SGD):
    """SGD whose gradients reach its weights' memory and form, as its fused kernel wants to find them."""

    steps = 0

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    assert weight.grad.device == META
                    assert weight.grad.dtype == weight.dtype
                    apart = zip(weight.shape, weight.stride(), weight.grad.stride(), strict=True)
                    assert all(own == its for size, own, its in apart if size > 1)
        self.steps += 1


def update_of(model: nn.Module, data: ImageData, recipe: Recipe, spec: AdversarySpec | None = None) -> Update:
    feed = ResidentFeed(data, recipe, 3)
    for name, value in vars(feed).items():
        if name not in ("labels", "recipe"):
            setattr(feed, name, moved(value))
    for name, value in vars(feed.normalise).items():
        setattr(feed.normalise, name, moved(value))
    feed.state = (feed.cursor,)
    model.to(memory_format=torch.channels_last)
    model.to(META)
    optimiser = OnNothing(groups(model, recipe.weight_decay), lr=recipe.lr, momentum=recipe.momentum)
    level = Level(model, optimiser, torch.empty((), device=META), Average(model) if recipe.ema else None)
    run = RunSpec(recipe=recipe, adversary=AdversarySpec() if spec is None else spec, seed=3)
    return update_for(level, feed, run, data, Execution(META, "float32", "eager", False, Ranks()))


SEEN = [
    ("resnet14", {"survival": 0.5, "drop": "sample"}, {}),
    ("lm_resnet14", {"keep_stable": True}, {}),
    ("adamnet3_20", {"keep_order": 2, "backward": "checkpoint"}, {}),
    ("resnet8", {"scheme": "rk4"}, {}),
    ("fractalnet8", {"widths": (4, 6)}, {}),
    ("dynamic_rk1_parabolic", {}, {"smoothness": 1e-4, "clip": (1.0, 1.0)}),
]


@pytest.mark.parametrize(("name", "options", "changes"), SEEN)
def test_a_step_asks_for_no_number(
    name: str, options: dict[str, Any], changes: dict[str, Any], data: ImageData
) -> None:
    recipe = replace(EVERYTHING, **changes)
    update = update_of(create_model(name, **options), data, recipe)
    update.start(0)
    for size in (50, 30):
        update.feed.advance(size)
        update(size)
    assert update.level.optimiser.steps == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("adversary", ["yopo-2-2", "pgd-2", "free-2", "fgsm", "trades-2"])
def test_an_adversary_asks_for_no_number(adversary: str, data: ImageData) -> None:
    """Nor does it make a tensor on the CPU in the middle of a step."""
    update = update_of(create_model("lm_resnet14"), data, EVERYTHING, AdversarySpec(adversary, ramp=1.0))
    update.start(0)
    for size in (50, 30):
        update.feed.advance(size)
        update(size)
    assert update.level.optimiser.steps == (4 if adversary == "free-2" else 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("revnet26", {"widths": (4, 4, 6)}),
        ("leapfrog14", {}),
        ("resnet8", {"scheme": "implicit-midpoint", "widths": (2, 2, 2), "tolerance": 0.1}),
    ],
)
def test_steps_that_look_at_what_came_out_wait(name: str, options: dict[str, Any], data: ImageData) -> None:
    """Networks that undo steps, or search for stages, are not captured: on a GPU that is found out before a capture,
    and their steps are called."""
    device = torch.device("cpu")
    recipe = Recipe(epochs=2, batch_size=2)
    level = Level.of(create_model(name, **options), recipe, device)
    update = Update(level, ResidentFeed(data, recipe, 3), recipe, 3, Execution.of(device, None, None, Ranks()))
    update.start(0)
    with Waits() as waits:
        update(2)
    assert waits.found


@pytest.mark.parametrize("asks", [lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: x + torch.arange(32)])
def test_it_can_see_one_that_does(asks: Callable[[Tensor], Any], data: ImageData) -> None:
    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 10)

        def forward(self, x: Tensor) -> Tensor:
            asks(x)
            found: Tensor = self.head(x.mean((2, 3)))
            return found

    update = update_of(Asking(), data, Recipe(epochs=2))
    update.start(0)
    with pytest.raises((RuntimeError, NotImplementedError)):
        update(50)
