"""Images in folders: what is listed, what a feed gives, and that neither processes nor a stop change a bit of it."""

import copy
import io
import multiprocessing
import os
import shutil
import signal
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tableau2net.data.augment import EpochDraw
from tableau2net.data.data import Data
from tableau2net.data.feed import whole
from tableau2net.data.glyphs import draw_glyphs
from tableau2net.data.image_folder import FolderData
from tableau2net.errors import InputError
from tableau2net.nn import create_model
from tableau2net.recipes.recipe import Recipe
from tableau2net.training import load_data

CPU = torch.device("cpu")
CLASSES = tuple(f"digit {i}" for i in range(4))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 digits as JPEGs to train on and 12 to test on, of four classes and of many sizes; and what is none of them."""
    folder = tmp_path_factory.mktemp("images")
    for part, count in (("train", 160), ("val", 48)):
        images, labels = draw_glyphs(count, split="train" if part == "train" else "test", seed=1)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            own = folder / part / f"digit {label}"
            if label < len(CLASSES) and len(list(own.glob("*"))) < (12 if part == "train" else 3):
                own.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).resize((40 + i % 7, 36 + i % 5)).save(own / f"{i:03}.JPEG", quality=90)
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    (folder / "train" / CLASSES[0] / "._000.JPEG").write_bytes(b"what macOS leaves")
    (folder / "train" / CLASSES[0] / "notes.txt").write_bytes(b"no image")
    (folder / "test").mkdir()  # ImageNet's has no labels
    (folder / "test" / "ILSVRC2012_test_1.JPEG").write_bytes(b"never looked at")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """One that may be changed."""
    return Path(shutil.copytree(made, tmp_path / "images"))


def loaded(folder: Path, **options: Any) -> FolderData:
    data: Data = load_data(folder, **{"size": 32, "workers": 0, **options})
    assert isinstance(data, FolderData)
    return data


def paths(listing: Any) -> list[str]:
    return [os.fsdecode(listing.relative(i)) for i in range(len(listing))]


def test_what_is_listed_is_what_torchvision_lists(made: Path) -> None:
    from torchvision.datasets import ImageFolder

    class Theirs(ImageFolder):  # takes hidden folders for classes
        def find_classes(self, _: Any) -> tuple[list[str], dict[str, int]]:
            return list(CLASSES), {name: i for i, name in enumerate(CLASSES)}

    data = loaded(made)
    assert data.counts() == {"train": 48, "validation": 0, "test": 12}
    assert (data.class_names, data.classes, data.flip) == (CLASSES, 4, True)
    assert not data.has("validation")
    for part, listing in (("train", data.train), ("val", data.test)):
        theirs = [(p, label) for p, label in Theirs(str(made / part)).samples if "/._" not in p]
        assert [(str(listing.path(i)), int(listing.labels[i])) for i in range(len(listing))] == theirs
        assert listing.sizes.tolist() == [os.path.getsize(p) for p, _ in theirs]


def test_a_split_is_spread_over_the_classes(made: Path) -> None:
    data = loaded(made, validation=8, limit_train=20)
    assert data.counts() == {"train": 20, "validation": 8, "test": 12}
    assert data.validation is not None
    assert np.bincount(data.validation.labels).tolist() == [2, 2, 2, 2]
    assert np.bincount(data.train.labels).tolist() == [5, 5, 5, 5]
    assert not set(paths(data.validation)) & set(paths(data.train))
    assert set(paths(loaded(made, validation=8).train)) | set(paths(data.validation)) == set(paths(loaded(made).train))


def test_beside_test_val_is_held_out(folder: Path) -> None:
    shutil.rmtree(folder / "test")
    shutil.copytree(folder / "val", folder / "test")
    shutil.rmtree(folder / "val" / CLASSES[1])
    data = loaded(folder)
    assert data.counts() == {"train": 48, "validation": 9, "test": 12}
    assert data.validation is not None
    assert sorted(set(data.validation.labels.tolist())) == [0, 2, 3]
    with pytest.raises(InputError, match=r"--validation 3: .* has val/ held out"):
        loaded(folder, validation=3)


def test_the_digest_says_which_part_has_changed(folder: Path) -> None:
    first = loaded(folder, validation=4).digest().split()
    assert loaded(folder, validation=4, workers=2).digest().split() == first
    assert [part.partition(":")[0] for part in first[1:]] == ["train", "validation", "test"]

    def changed(**options: Any) -> list[int]:
        found = loaded(folder, **{"validation": 4, **options}).digest().split()
        return [i for i, (a, b) in enumerate(zip(first, found, strict=True)) if a != b]

    assert changed(size=48) == [0]
    victim = next((folder / "val" / CLASSES[2]).iterdir())
    kept = victim.read_bytes()
    victim.write_bytes(kept + b"x")
    assert changed() == [3]
    victim.write_bytes(kept)
    assert changed() == []
    victim.rename(victim.with_name("other.jpg"))
    assert changed() == [3]
    victim.with_name("other.jpg").rename(folder / "train" / CLASSES[2] / "more.jpg")
    assert 1 in changed()


def test_evaluation_is_torchvisions_own(made: Path) -> None:
    from torchvision.transforms._presets import ImageClassification

    theirs = ImageClassification(crop_size=32, resize_size=37)
    data = loaded(made, validation=6)
    for part, listing in (("test", data.test), ("validation", data.validation)):
        assert listing is not None
        ((x, y),) = data.batches(part, CPU)  # type: ignore[arg-type]
        expected = torch.stack([theirs(Image.open(listing.path(i))) for i in range(len(listing))])
        torch.testing.assert_close(x, expected, rtol=1e-5, atol=1e-5)
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert y.tolist() == listing.labels.tolist()


def drawn(
    data: FolderData, epoch: int = 0, first: int = 0, recipe: Recipe | None = None, **options: Any
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """An epoch from an image on, in batches."""
    recipe = recipe or Recipe(batch_size=20)
    feed = data.feed(recipe, 7, CPU, **{"share": whole, **options})
    feed.start(epoch, first)
    found = []
    for at in range(first, feed.count, recipe.batch_size):
        size = min(recipe.batch_size, feed.count - at)
        feed.advance(size)
        found.append([t.clone() for t in feed.take(size)])
    return [x for x, _ in found], [y for _, y in found]


def same(a: Any, b: Any) -> bool:
    return all(len(p) == len(q) and all(map(torch.equal, p, q)) for p, q in zip(a, b, strict=True))


def test_each_epoch_has_an_order_and_crops_of_its_own(made: Path) -> None:
    data = loaded(made)
    x, y = drawn(data)
    assert [len(labels) for labels in y] == [20, 20, 8]
    assert torch.cat(y).bincount().tolist() == [12, 12, 12, 12]
    assert same(drawn(data), (x, y))
    other_x, other_y = drawn(data, epoch=1)
    assert not torch.equal(torch.cat(y), torch.cat(other_y))
    assert not torch.equal(torch.cat(x).mean((1, 2, 3)).sort()[0], torch.cat(other_x).mean((1, 2, 3)).sort()[0])


def test_the_number_of_processes_changes_no_bit(made: Path) -> None:
    alone = drawn(loaded(made))
    assert same(drawn(loaded(made, workers=1)), alone)
    assert same(drawn(loaded(made, workers=2)), alone)


def test_an_epoch_goes_on_to_the_bit_from_any_image(made: Path) -> None:
    data = loaded(made, workers=2)
    feed = data.feed(Recipe(batch_size=20), 7, CPU, whole)
    expected = drawn(data, epoch=3)
    feed.start(3)
    feed.advance(20)  # what was on its way then is forgotten
    seed = feed.start(3, 20)
    for i, size in ((1, 20), (2, 8)):
        feed.advance(size)
        assert same([[t] for t in feed.take(size)], [[expected[0][i]], [expected[1][i]]])
        assert same([[t] for t in feed.take(size)], [[expected[0][i]], [expected[1][i]]])  # taken again
    assert feed.start(3) == seed
    assert feed.start(4) != seed
    x, y = drawn(data, epoch=3, first=13)  # where batches were of another size
    assert torch.equal(torch.cat(x), torch.cat(expected[0])[13:])
    assert torch.equal(torch.cat(y), torch.cat(expected[1])[13:])


def test_the_chance_of_others_is_left_alone(made: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn(loaded(made))
    assert torch.equal(torch.get_rng_state(), before)


def test_two_processes_share_each_batch(made: Path) -> None:
    data = loaded(made)
    whole = drawn(data)
    halves = [drawn(data, share=share) for share in (lambda n: slice(0, n // 2), lambda n: slice(n // 2, n))]
    for k in range(2):
        assert same([[torch.cat(pair) for pair in zip(halves[0][k], halves[1][k], strict=True)]], [whole[k]])


def test_without_augmentation_the_middle_is_seen(made: Path) -> None:
    data = loaded(made)
    x, y = drawn(data, recipe=Recipe(batch_size=48, augment=False))
    order = EpochDraw.of(48, seed=7, epoch=0, flip=False, size=(32, 32)).order
    ((expected, labels),) = replace(data, test=data.train).batches("test", CPU)
    assert torch.equal(x[0], expected[order])
    assert torch.equal(y[0], labels[order])


def test_cutout_cuts_a_square(made: Path) -> None:
    x, _ = drawn(loaded(made), recipe=Recipe(batch_size=48))
    cut, _ = drawn(loaded(made), recipe=Recipe(batch_size=48, cutout=8))
    gone = (cut[0] == 0).all(1)
    assert torch.equal(cut[0], torch.where(gone[:, None], 0, x[0]))
    assert ((gone.sum((1, 2)) >= 16) & (gone.sum((1, 2)) <= 64)).all()
    assert len({int(g.flatten().nonzero()[0]) for g in gone}) > 20


def test_crops_are_of_the_published_areas_and_shapes(tmp_path: Path) -> None:
    """Where a crop was is read off an image whose red says how far right a pixel is, its green how far down."""
    right, down = np.meshgrid(np.linspace(0, 255, 400), np.linspace(0, 255, 300))
    image = np.stack([right, down, np.zeros_like(right)], 2).round().astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "slope.png", compress_level=0)
    for part, count in (("train", 400), ("val", 1)):
        (tmp_path / part / "slope").mkdir(parents=True)
        for i in range(count):
            os.link(tmp_path / "slope.png", tmp_path / part / "slope" / f"{i}.png")
    data = loaded(tmp_path, size=64)
    x = torch.cat(drawn(data, recipe=Recipe(batch_size=200))[0])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (data.mean, data.std))
    place = (x * std + mean) / 255
    wide = (place[:, 0, 32, -3] - place[:, 0, 32, 2]) / 59 * 64
    high = (place[:, 1, -3, 32] - place[:, 1, 2, 32]) / 59 * 64
    mirrored = (wide < 0).double().mean().item()
    assert 0.4 < mirrored < 0.6
    assert (high > 0).all()
    area, ratio = wide.abs() * high, wide.abs() * 400 / (high * 300)
    assert 0.07 < area.min() < 0.15
    assert 0.9 < area.max() < 1.03
    assert 0.37 < area.median() < 0.48  # evenly from 0.08 to what fits: 9/16 (3 : 4) to 1 (4 : 3)
    assert 0.72 < ratio.min() < 0.78
    assert 1.28 < ratio.max() < 1.38
    left = place[:, 0, 32].min(1).values  # anywhere
    assert left.min() < 0.02
    assert left.max() > 0.5


def bomb() -> bytes:
    """A small file that says it is an image of ten thousand million pixels."""
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def large() -> bytes:
    """Of a hundred million pixels, where PIL would only warn."""
    file = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"no image", "cannot identify"),
        (b"", "cannot identify"),
        ("half", "truncated"),
        (bomb(), "decompression bomb"),
        (large(), "decompression bomb"),
        (None, "No such file"),
    ],
    ids=["text", "empty", "cut", "bomb", "large", "gone"],
)
def test_an_image_that_cannot_be_read_is_named_in_a_line(folder: Path, content: Any, says: str, workers: int) -> None:
    data = loaded(folder, workers=workers)
    for listing in (data.train, data.test):
        victim = listing.path(3)
        whole = victim.read_bytes()
        victim.unlink()
        if content is not None:
            victim.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
        with pytest.raises(InputError, match=says) as caught:
            _ = drawn(data) if listing is data.train else list(data.batches("test", CPU))
        assert str(caught.value).startswith(f"{victim}: cannot be read as an image")
        assert "\n" not in str(caught.value)


def test_a_process_that_dies_is_said_in_a_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)
    data = loaded(made, workers=1)
    feed = data.feed(Recipe(batch_size=2), 7, CPU, whole)
    before = set(multiprocessing.active_children())
    feed.start(0)
    feed.advance(2)
    (worker,) = set(multiprocessing.active_children()) - before
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    with pytest.raises(InputError, match=r"a process that decodes images died .*--workers 0") as caught:
        _ = [feed.advance(2) for _ in range(23)]
    assert "\n" not in str(caught.value)


def test_gray_and_other_modes_are_seen_in_colour(folder: Path) -> None:
    own = folder / "train" / CLASSES[0]
    for name, mode in (("a.png", "L"), ("b.png", "RGBA"), ("c.png", "P"), ("d.jpg", "CMYK"), ("e.png", "I;16")):
        Image.new(mode, (20, 20)).save(own / name)
    x, _ = drawn(loaded(folder))
    assert torch.cat(x).shape == (53, 3, 32, 32)


def test_folders_that_are_laid_out_otherwise_are_refused(folder: Path) -> None:
    def refused(says: str, **options: Any) -> None:
        with pytest.raises(InputError, match=says) as caught:
            loaded(folder, **options)
        assert "\n" not in str(caught.value)

    refused("--validation 48", validation=48)
    refused("--limit-train 49", limit_train=49)
    refused("--size 4", size=4)
    refused("--workers -1", workers=-1)
    (folder / "val" / "digit 8").mkdir()
    refused("val/digit 8: is no class of .*train")
    (folder / "val" / "digit 8").rmdir()
    (folder / "train" / "digit 8").mkdir()
    refused("train/digit 8: holds no image")
    (folder / "train" / "digit 8").rmdir()
    (folder / "val").rename(folder / "valid")
    refused("no folders of images in val/ or test/")
    (folder / "train").rename(folder / "training")
    refused("no folders of images in train/")


def test_links_are_followed_to_classes_and_images_but_not_in_a_circle(folder: Path) -> None:
    one = folder / "train" / CLASSES[0]
    one.rename(folder / "elsewhere")
    one.symlink_to(folder / "elsewhere")
    (one / "round").symlink_to(folder / "train")
    inner = folder / "train" / CLASSES[1] / "inner"
    inner.mkdir()
    (inner / "linked.jpg").symlink_to(loaded(folder).train.path(0))
    data = loaded(folder)
    assert data.counts()["train"] == 49
    assert f"{CLASSES[1]}/inner/linked.jpg" in paths(data.train)


def test_a_step_of_a_converted_network(made: Path) -> None:
    """The feed and the network together: a step of SGD, the same whether the epoch was gone on with or not."""

    torch.manual_seed(0)
    made_once = create_model("torchvision/resnet18", scheme="lm", num_classes=4).to(memory_format=torch.channels_last)

    def trained(first: int) -> dict[str, torch.Tensor]:
        net = copy.deepcopy(made_once)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        feed = loaded(made).feed(Recipe(batch_size=16), 7, CPU, whole)
        feed.start(2, first)
        for _ in range(first, 32, 16):
            feed.advance(16)
        x, y = feed.take(16)
        loss = torch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimiser.step()
        assert torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]).isfinite().all()
        return net.state_dict()

    straight, resumed = trained(0), trained(16)
    for name, tensor in straight.items():
        assert torch.equal(tensor, resumed[name]), name


@pytest.mark.slow
def test_lm_resnet50_takes_a_step(made: Path) -> None:
    torch.manual_seed(0)
    net = create_model("torchvision/resnet50", scheme="lm", num_classes=4)
    feed = loaded(made, size=64, workers=2).feed(Recipe(batch_size=16), 0, CPU, whole)
    feed.start(0)
    feed.advance(16)
    x, y = feed.take(16)
    assert x.shape == (16, 3, 64, 64)
    before = torch.nn.functional.cross_entropy(net(x), y)
    before.backward()
    steepness = sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None)
    torch.optim.SGD(net.parameters(), lr=1e-3 * float(before) / steepness).step()  # a thousandth less, to first order
    assert torch.nn.functional.cross_entropy(net(x), y) < before
