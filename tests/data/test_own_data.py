"""Data of one's own train like any other; an object that lacks something is refused in a line, before anything is
built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.training import FetchedFeed, ImageData, Recipe, Stopped, load_data, train
from tableau2net.training.stop import Stop

RECIPE = Recipe(epochs=3, batch_size=32, lr=0.05)
NAMES = ("name", "classes", "flip", "shape", "counts", "digest", "to", "has", "batches", "feed")
pytestmark = pytest.mark.usefixtures("undrawn")


class Stripes:
    """Images of stripes that lie down, stand up or lean, made up when they are asked for."""

    name = "stripes"
    classes = 3
    flip = False
    shape = (3, 12, 12)

    def __init__(self, train: int = 96, test: int = 30, validation: int = 0) -> None:
        self.sizes = {"train": train, "validation": validation, "test": test}

    def counts(self) -> dict[str, int]:
        return self.sizes

    def digest(self) -> str:
        return f"stripes {self.sizes}"

    def to(self, device: torch.device) -> Stripes:
        return self

    def has(self, part: str) -> bool:
        return self.sizes[part] > 0

    def draw(self, first: int, numbers: list[int]) -> tuple[Tensor, Tensor]:
        y = torch.tensor([n % 3 for n in numbers])
        rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(12.0), indexing="ij")
        ways = torch.stack([rows, columns, (rows + columns) / 2**0.5])
        phase = torch.tensor([(first + n) * 0.7 for n in numbers])
        return (ways[y] * 1.5 + phase[:, None, None]).sin()[:, None].repeat(1, 3, 1, 1), y

    def numbered(self, epoch: int, numbers: list[int]) -> tuple[Tensor, Tensor]:
        return self.draw(0, numbers)

    def batches(self, part: str, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, self.sizes[part], 20):
            x, y = self.draw(10_000, list(range(first, min(first + 20, self.sizes[part]))))
            yield x.to(device), y.to(device)

    def feed(self, recipe: Recipe, seed: int, device: torch.device, share: Callable[[int], slice]) -> Any:
        return FetchedFeed(self, self.numbered, recipe, seed, device, share)


def small() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 3)
    )


def test_they_train_a_network_by_name(tmp_path: Path) -> None:
    result = train("rk2", depth=8, out=tmp_path, data=Stripes(validation=9), recipe=RECIPE, quiet=True)
    assert result.data["source"] == "stripes"
    assert {part: result.data[part] for part in ("train", "validation", "test")} == Stripes(validation=9).sizes
    assert result.test_error < 20  # chance is 67


def test_a_stopped_run_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(model=small(), out=tmp_path / "straight", data=Stripes(), recipe=RECIPE, quiet=True)
    with monkeypatch.context() as patch:
        asked = iter([None] * 4 + ["SIGTERM"])
        patch.setattr(Stop, "__call__", lambda _: next(asked))
        with pytest.raises(Stopped):
            train(model=small(), out=tmp_path / "stopped", data=Stripes(), recipe=RECIPE, quiet=True)
    train(model=small(), out=tmp_path / "stopped", data=Stripes(), recipe=RECIPE, quiet=True, resume=True)
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in ("straight", "stopped"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    with pytest.raises(InputError, match=r"data\.digest"):
        train(model=small(), out=tmp_path / "stopped", data=Stripes(99), recipe=RECIPE, quiet=True, resume=True)


@pytest.mark.parametrize("share", [lambda n: slice(0, n // 2), lambda n: slice(n // 2, n)])
def test_processes_and_shares_change_no_bit_of_what_is_fetched(share: Callable[[int], slice]) -> None:
    """97 images in batches of 32: of the last, which is one image, the first share is empty."""

    def batches(**options: Any) -> list[tuple[Tensor, Tensor]]:
        data, recipe, cpu = Stripes(97), Recipe(batch_size=32, cutout=4), torch.device("cpu")
        feed = FetchedFeed(data, data.numbered, recipe, 5, cpu, **options)
        feed.start(2)
        found = []
        for size in (32, 32, 32, 1):
            feed.advance(size)
            x, y = feed.take(size)
            found.append((x.clone(), y.clone()))
        return found

    whole = batches()
    for given in ({}, {"workers": 2}):
        for (x, y), (all_x, all_y) in zip(batches(share=share, **given), whole, strict=True):
            own = share(len(all_y))
            assert torch.equal(x, all_x[own])
            assert torch.equal(y, all_y[own])


def refused(folder: Path, data: Any, **options: Any) -> str:
    """The line that is said; and nothing has been written."""
    with pytest.raises(InputError) as caught:
        train(out=folder / "run", data=data, **{"recipe": RECIPE, "quiet": True, "model": small(), **options})
    assert not (folder / "run").exists()
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 300
    return line


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_named(name: str, tmp_path: Path) -> None:
    lacks = type("Lacking", (), {key: value for key, value in vars(Stripes).items() if key != name})
    assert f"a Lacking has no {name}; it must be" in refused(tmp_path, lacks())


WRONG = {
    "name": ["", 3, None, "two\nlines"],
    "classes": [0, -1, 2.0, True, "3"],
    "flip": [1, None, "no"],
    "shape": [(3, 12), [3, 12, 12], (3, 12, 0), (3.0, 12, 12), 3],
    "counts": [3, None, {}],
    "digest": [3, "text"],
    "to": [None],
    "has": [None, True],
    "batches": [None, []],
    "feed": [None, "feed"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in NAMES for value in WRONG[name]])
def test_what_is_of_a_wrong_kind_is_named(name: str, value: Any, tmp_path: Path) -> None:
    data = Stripes()
    setattr(data, name, value)
    assert f"data: {name} of a Stripes is " in refused(tmp_path, data)


GIVES = {
    "counts": [
        None, 3, {"train": 9}, {"train": 0, "validation": 0, "test": 3}, {"train": 9.0, "validation": 0, "test": 3},
    ],
    "digest": [None, b"bytes", 3],
    "has": [False],
    "batches": [
        [], [None], [3], [(torch.zeros(2, 3, 12, 12),)], [(torch.zeros(2, 3, 12, 12), [0, 1])],
        [(torch.zeros(2, 3, 12, 12).double(), torch.zeros(2).long())],
        [(torch.zeros(2, 12, 12, 3), torch.zeros(2).long())],
        [(torch.zeros(2, 3, 12, 12), torch.zeros(3).long())],
        [(torch.zeros(2, 3, 12, 12), torch.zeros(2))],
        [(torch.zeros(2, 3, 12, 12), torch.tensor([0, 3]))],
        [(torch.zeros(2, 3, 12, 12), torch.tensor([0, -1]))],
        [(torch.tensor(1.0), torch.tensor(1))],
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in GIVES for value in GIVES[name]])
def test_what_a_method_gives_is_looked_at(name: str, value: Any, tmp_path: Path) -> None:
    data = Stripes()
    setattr(data, name, lambda *_: value)
    line = refused(tmp_path, data)
    assert line.startswith("data: ")
    assert name in line


FETCHED = [
    None,
    (torch.zeros(32, 3, 12, 12), torch.zeros(32)),
    (torch.zeros(31, 3, 12, 12), torch.zeros(31).long()),
    (torch.zeros(32, 3, 12, 12).byte(), torch.zeros(32).long()),
    (torch.zeros(32, 3, 12, 12), torch.full((32,), 3)),
]


@pytest.mark.parametrize("value", FETCHED)
def test_what_is_fetched_is_looked_at(value: Any, tmp_path: Path) -> None:
    data = Stripes()
    data.draw = lambda first, numbers: value if first == 0 else Stripes.draw(data, first, numbers)  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"^data: fetch of a Stripes gives ") as caught:
        train(model=small(), out=tmp_path / "run", data=data, recipe=RECIPE, quiet=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["count", "state", "start", "advance", "take"])
def test_what_a_feed_lacks_is_named(name: str, tmp_path: Path) -> None:
    data = Stripes()

    def lacking(*given: Any) -> Any:
        feed = Stripes.feed(data, *given)
        own = {key: getattr(feed, key) for key in ("count", "state", "start", "advance", "take") if key != name}
        return type("Half", (), own)()

    data.feed = lacking  # type: ignore[method-assign]
    assert refused(tmp_path, data).startswith(f"data: the feed of a Stripes: a Half has no {name}; it must be")


@pytest.mark.parametrize("data", [None, 3, [], {"x": 1}, torch.zeros(3), Stripes])
def test_what_is_no_data_at_all(data: Any, tmp_path: Path) -> None:
    assert refused(tmp_path, data).startswith("data: ")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (nn.Linear(3, 3), "does not take images (2, 3, 12, 12)"),
        (nn.Flatten(), "a Flatten has no weight that requires a gradient"),
        (nn.Sequential(nn.Flatten(), nn.Linear(432, 3)).requires_grad_(False), "nothing to train"),
        (nn.Sequential(nn.Flatten(), nn.Linear(432, 6), nn.Unflatten(1, (2, 3))), "it must give scores (2, 3)"),
        (nn.Sequential(nn.Flatten(), nn.Linear(432, 2)), "float32 (2, 2); it must give scores (2, 3)"),
        (nn.Conv2d(3, 3, 3), "it must give scores"),
        (nn.Conv2d(3, 3, 3, padding=1), "a Conv2d gives images, not scores of 3 classes; write --task denoise"),
        ("resnet20", "model: is a str"),
        (nn.Linear, "model: is a type"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(model: Any, says: str, tmp_path: Path) -> None:
    assert says in refused(tmp_path, Stripes(), model=model)


def test_images_of_one_channel_need_a_network_of_ones_own(tmp_path: Path) -> None:
    data = Stripes()
    data.shape = (1, 12, 12)  # type: ignore[assignment]
    data.draw = lambda first, numbers: (lambda x, y: (x[:, :1], y))(*Stripes.draw(data, first, numbers))  # type: ignore[method-assign]
    assert "1 channels; a network by name takes 3" in refused(tmp_path, data, model=None, scheme="euler", depth=8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    assert train(model=model, out=tmp_path / "run", data=data, recipe=RECIPE, quiet=True).epochs == 3


def images(**changes: Any) -> ImageData:
    good = load_data("glyphs:20:10", validation=4)
    assert isinstance(good, ImageData)
    return ImageData(**{**vars(good), **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_train": torch.zeros(16, 3, 32, 32)}, "x_train is float32 (16, 3, 32, 32)"),
        ({"x_train": None}, "x_train is a NoneType"),
        ({"x_train": torch.zeros(16, 1, 32, 32, dtype=torch.uint8)}, "3 channels"),
        ({"x_test": torch.zeros(10, 3, 16, 16, dtype=torch.uint8)}, "as large as x_train"),
        ({"y_train": torch.zeros(15, dtype=torch.int64)}, "y_train is int64 (15,)"),
        ({"y_train": torch.zeros(16, dtype=torch.int32)}, "y_train is int32"),
        ({"y_test": torch.full((10,), 10)}, "y_test has labels from 10 to 10"),
        ({"y_test": torch.full((10,), -1)}, "y_test has labels from -1 to -1"),
        ({"x_validation": None}, "give both"),
        ({"std": (0.0, 1.0, 1.0)}, "std is"),
        ({"mean": (float("nan"), 1.0, 1.0)}, "mean is"),
    ],
)
def test_tensors_of_ones_own_are_looked_at(changes: dict[str, Any], says: str) -> None:
    images()
    with pytest.raises(InputError) as caught:
        images(**changes)
    assert says in str(caught.value)
