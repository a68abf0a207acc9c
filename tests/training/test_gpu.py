"""What only a GPU can show: that a captured step is the called one, draws anew each time, and never waits."""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.nn import create_model
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training import ImageData, Recipe, train
from tableau2net.training.capture import CapturedSteps, capture_cuda
from tableau2net.training.checkpoint import Checkpoint, Progress, random_state, tensors_of
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

SIZES = (128, 128, 74)  # of 330 images
RECIPES = {
    "published": Recipe(epochs=2, lr=0.02),
    "everything": Recipe(
        epochs=2, lr=0.02, nesterov=True, schedule="one-cycle", warmup=0.5, label_smoothing=0.1, cutout=8, mixup=0.3,
        ema=0.9,
    ),
    "adamw": Recipe(epochs=2, optimiser="adamw", lr=1e-3, schedule="cosine"),
}  # fmt: skip


def update_of(
    model: nn.Module,
    data: ImageData,
    recipe: Recipe,
    engine: str = "eager",
    precision: str = "float32",
    at: str = "cuda",
) -> Update:
    device = torch.device(at)
    execution = Execution(device, precision, engine, True, Ranks())
    return Update(Level.of(model, recipe, device), ResidentFeed(data.to(device), recipe, 3), recipe, 3, execution)


def trained(step: Callable[[int], None], update: Update, epochs: int = 2) -> dict[str, Tensor]:
    for epoch in range(epochs):
        update.start(epoch)
        for size in SIZES:
            step(size)
    return {str(i): tensor.clone() for i, tensor in enumerate(update.tensors())}


def close(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float = 2e-3) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=tolerance, atol=tolerance, msg=key)


def waiting(mode: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # of a prototype
        torch.cuda.set_sync_debug_mode(mode)


@pytest.fixture(autouse=True)
def exact() -> Any:
    """The same kernels each time, without TF32."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


@pytest.mark.parametrize("name", RECIPES)
def test_captured_epochs_are_called_ones(name: str, data: ImageData, network: Callable[[], nn.Module]) -> None:
    """Dropout draws the same in both: chance goes on from where it was before the capture."""
    called, replayed = (update_of(network(), data, RECIPES[name]) for _ in range(2))
    captured = CapturedSteps(replayed, capture_cuda)
    close(trained(captured, replayed), trained(called, called))
    assert sorted(captured.replays) == [74, 128]
    assert not captured.calls
    assert replayed.row()["train_loss"] == pytest.approx(called.row()["train_loss"], rel=1e-3)


def test_the_first_steps_of_a_gpu_are_those_of_a_cpu(data: ImageData, network: Callable[[], nn.Module]) -> None:
    model = network()
    model.register_module("3", nn.Identity())  # in the place of dropout, which a GPU draws otherwise
    recipe = RECIPES["everything"]
    there, here = (update_of(copy.deepcopy(model), data, recipe, at=at) for at in ("cuda", "cpu"))
    captured = CapturedSteps(there, capture_cuda)
    for update, step in ((there, captured), (here, here)):
        update.start(0)
        for size in SIZES:
            step(size)
    assert there.row()["train_loss"] == pytest.approx(here.row()["train_loss"], rel=1e-3)
    assert there.row()["train_error"] == pytest.approx(here.row()["train_error"], abs=1)


def test_batches_are_those_of_a_cpu(data: ImageData) -> None:
    recipe = RECIPES["everything"]
    there, here = (ResidentFeed(data.to(torch.device(at)), recipe, 3) for at in ("cuda", "cpu"))
    for feed in (there, here):
        feed.start(1)
    for size in (*SIZES[:2], 3):  # a few indices and many take different kernels
        (x, y), (p, q) = there.take(size), here.take(size)
        torch.testing.assert_close(x.cpu(), p, rtol=1e-6, atol=1e-6)
        assert torch.equal(y.cpu(), q)
        assert x.is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_never_waits(data: ImageData, network: Callable[[], nn.Module]) -> None:
    update = update_of(network(), data, RECIPES["everything"], precision="bfloat16")
    trained(update, update, 1)
    update.start(1)
    waiting("error")
    try:
        for size in SIZES:
            update(size)
        with pytest.raises(RuntimeError, match="synchroniz"):
            update.row()
    finally:
        waiting("default")


class Chance(nn.Module):
    """A head that keeps what it drew last, by dropout and by torch.rand."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 10)
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(2, 512))

    def forward(self, x: Tensor) -> Tensor:
        drawn = [nn.functional.dropout(torch.ones(512, device=x.device)), torch.rand(512, device=x.device)]
        self.seen.copy_(torch.stack(drawn))
        found: Tensor = self.head(x.mean((2, 3)) * drawn[0].mean())
        return found


def test_replayed_steps_draw_anew_and_follow_the_seed(data: ImageData) -> None:
    def draws(capture: bool, epochs: tuple[int, ...]) -> list[list[Tensor]]:
        update = update_of(Chance(), data, RECIPES["published"])
        step = CapturedSteps(update, capture_cuda) if capture else update
        found: list[list[Tensor]] = []
        for epoch in epochs:
            update.start(epoch)
            found.append([])
            for size in SIZES:
                step(size)
                found[-1].append(update.level.model.get_buffer("seen").clone())
        return found

    replayed, called = draws(True, (0, 1, 0)), draws(False, (0, 1, 0))
    for mine, its in zip(replayed, called, strict=True):
        for a, b in zip(mine, its, strict=True):
            assert torch.equal(a, b)
    first, other, again = replayed
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    each = [*first, *other]
    assert not any(torch.equal(a, b) for i, a in enumerate(each) for b in each[:i])


@pytest.mark.parametrize("name", RECIPES)
def test_a_captured_run_goes_on_in_mid_epoch(name: str, data: ImageData, network: Callable[[], nn.Module]) -> None:
    recipe = RECIPES[name]
    whole = update_of(network(), data, recipe)
    step = CapturedSteps(whole, capture_cuda)
    whole.start(0)
    step(SIZES[0])
    kept = tensors_of(whole.level) | {"sums": whole.sums, **random_state(whole.execution)}
    kept = {key: value.detach().cpu().clone() for key, value in kept.items()}
    for size in SIZES[1:]:
        step(size)
    other = update_of(network(), data, recipe)
    checkpoint = Checkpoint(Path("of-a-test"), Progress(RunSpec(), None, [], seen=SIZES[0]), kept)
    checkpoint.put_into(other.level)
    checkpoint.put_into_epoch(other, Ranks())
    other.start(0, SIZES[0])
    step = CapturedSteps(other, capture_cuda)
    for size in SIZES[1:]:
        step(size)
    for update in (whole, other):
        torch.cuda.synchronize()
        assert all(bool(tensor.isfinite().all()) for tensor in update.tensors())
    for (key, mine), its in zip(tensors_of(whole.level).items(), tensors_of(other.level).values(), strict=True):
        torch.testing.assert_close(its, mine, rtol=2e-3, atol=2e-3, msg=key)
    assert other.row()["train_error"] == pytest.approx(whole.row()["train_error"], abs=1)


NETWORKS = [
    ("resnet14", {"survival": 0.5}, True),
    ("lm_resnet14", {"keep_stable": True}, True),
    ("adamnet2_14", {}, True),
    ("resnet14", {"survival": 0.5, "backward": "checkpoint"}, None),
    ("ie_resnet14", {}, None),  # its iterations put the state of chance back
    ("adamnet3_20", {"keep_order": 2}, None),  # small systems of equations are solved: by libraries of many ways
    ("revnet38", {"widths": (4, 4, 8, 8)}, False),
]


@pytest.mark.parametrize(("name", "options", "capturable"), NETWORKS)
def test_networks_are_captured_or_called_and_said_so(
    name: str, options: dict[str, Any], capturable: bool | None, data: ImageData
) -> None:
    """None: whichever; it must come to the same as calling does."""
    torch.manual_seed(0)
    model = create_model(name, **options)
    called, replayed = (update_of(copy.deepcopy(model), data, RECIPES["published"]) for _ in range(2))
    said: list[str] = []
    captured = CapturedSteps(replayed, capture_cuda, said.append)
    close(trained(captured, replayed, 1), trained(called, called, 1), 2e-2)
    assert len(said) == (1 if captured.calls else 0)
    assert "\n" not in "".join(said)
    if capturable is not None:
        assert bool(captured.replays) == capturable
        assert captured.calls != capturable


def test_what_fails_in_the_capture_alone_is_called(data: ImageData, network: Callable[[], nn.Module]) -> None:
    """The stream is no longer capturing then, memory and chance are as they were."""

    class Refusing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def forward(self, x: Tensor) -> Tensor:
            if torch.cuda.is_current_stream_capturing():
                raise RuntimeError("not here")
            found: Tensor = self.inner(x)
            return found

    called, replayed = (update_of(Refusing(), data, RECIPES["published"]) for _ in range(2))
    said: list[str] = []
    stream = torch.cuda.current_stream()
    close(trained(CapturedSteps(replayed, capture_cuda, said.append), replayed), trained(called, called))
    assert torch.cuda.current_stream() == stream
    assert len(said) == 1
    assert "cannot be captured (not here)" in said[0]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there is one GPU")
def test_another_gpu_than_the_first(data: ImageData, network: Callable[[], nn.Module]) -> None:
    called, replayed = (update_of(network(), data, RECIPES["published"], at="cuda:1") for _ in range(2))
    close(trained(CapturedSteps(replayed, capture_cuda), replayed), trained(called, called))


@pytest.mark.slow
@pytest.mark.parametrize("engine", [None, "graph", "compile", "eager"])
def test_a_whole_run(engine: str | None, data: ImageData, tmp_path: Path) -> None:
    """With a level of its own behind the refinement, whose steps are captured anew; nothing is warned of."""
    recipe = Recipe(epochs=4, refine=(0.5,), lr=0.05)
    with warnings.catch_warnings(action="error", category=UserWarning):
        result = train("lm", out=tmp_path / "run", depth=14, data=data, recipe=recipe, engine=engine, quiet=True)
    assert result.engine == (engine or "compile-graph")
    assert result.precision == "bfloat16"
    assert len(result.refinements) == 1
    assert result.train_loss < 2.3
