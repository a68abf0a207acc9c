"""Data by the text that names their source, and the sources that are built in."""

from __future__ import annotations

from pathlib import Path

from tableau2net.data.arrays import Arrays
from tableau2net.data.clean import load_noisy
from tableau2net.data.data import Data
from tableau2net.data.disk import DiskData
from tableau2net.data.given import checked_data
from tableau2net.data.glyphs import draw_glyphs
from tableau2net.data.image_folder import FolderData
from tableau2net.data.images import ImageData
from tableau2net.data.npz import read_npz
from tableau2net.data.sources import SourceRequest, find_source, register_source
from tableau2net.data.states import StateData
from tableau2net.data.torchvision_sets import TORCHVISION, read_torchvision
from tableau2net.errors import InputError
from tableau2net.recipes.task import DENOISE, NEXT_STATE, TaskSpec

LABELS = TaskSpec()
GLYPHS_SIZES = (10_000, 2_000)  # images to train and to test on, where the source does not say


def load_data(
    source: str | Path,
    *,
    data_dir: str | Path = SourceRequest.data_dir,
    validation: int = SourceRequest.validation,
    limit_train: int | None = SourceRequest.limit_train,
    seed: int = SourceRequest.seed,
    size: int = SourceRequest.size,
    workers: int | None = SourceRequest.workers,
    task: TaskSpec = LABELS,
) -> Data:
    """The data set that `source` names, of labelled images unless a task says otherwise.

    `source` is "cifar10", "cifar100", "stl10" or "svhn" (torchvision's, in `data_dir`), a path ending in ".npz"
    (x_train, y_train, x_test, y_test; images uint8 (N, H, W, 3)), or "glyphs", which is drawn from `seed`;
    "glyphs:TRAIN" and "glyphs:TRAIN:TEST" set how many. These are held in memory, an `ImageData`: the last
    `validation` of the training images are held out, then the first `limit_train` of what remains are kept.

    A folder with train/CLASS/… and val/ or test/ is a `FolderData`: images stay on disk, are seen at `size` pixels
    and decoded by `workers` processes (as many as there are cores, at most 8, unless given; 0 is none), and both parts
    are spread over its classes. As many of them as a few seconds allow are decoded once, so that what is wrong with
    them is said now.

    `register_source` adds others.

    To denoise, `source` is a folder of images (with train/ and test/ in it, or one of others in `task.test_data`), or
    any of those in memory, whose labels are left aside: a `NoisyData`. To find a next state it is a .npz of floats
    (N, C, …): a `StateData`.

    Raises InputError, one line, when the source cannot be found, read or split that way.
    """
    request = SourceRequest(str(source), Path(data_dir), validation, limit_train, seed, size, workers)
    if task.kind is DENOISE:
        return load_noisy(request, task)
    if task.kind is NEXT_STATE:
        return StateData.read(request)
    found = find_source(request.source).load(request)
    if isinstance(found, Arrays):
        return ImageData.of(request, found)
    if isinstance(found, DiskData):
        found.look()
        return found
    return found if isinstance(found, ImageData) else checked_data(found)


def _torchvision(request: SourceRequest) -> Arrays:
    return read_torchvision(request.source, request.data_dir)


for name in TORCHVISION:
    register_source(name)(_torchvision)


@register_source("glyphs, glyphs:TRAIN, glyphs:TRAIN:TEST", matches=lambda text: text.split(":")[0] == "glyphs")
def _glyphs(request: SourceRequest) -> Arrays:
    train, test = _glyphs_sizes(request.source)
    drawn = draw_glyphs(train, split="train", seed=request.seed), draw_glyphs(test, split="test", seed=request.seed)
    return Arrays(*drawn[0], *drawn[1], classes=10)  # a mirrored digit is no digit


@register_source("the path of a .npz file", matches=lambda text: text.endswith(".npz"))
def _npz(request: SourceRequest) -> Arrays:
    return read_npz(Path(request.source))


@register_source("that of a folder with train/ and val/ or test/ in it", matches=lambda text: Path(text).is_dir())
def _folder(request: SourceRequest) -> FolderData:
    return FolderData.read(request)


def _glyphs_sizes(source: str) -> tuple[int, int]:
    parts = source.split(":")[1:]
    if len(parts) > 2 or not all(
        part.isascii() and part.isdigit() and len(part) < 10 and 0 < int(part) <= 10**7 for part in parts
    ):
        raise InputError(
            f"--data {source[:60]}: write glyphs, glyphs:TRAIN or glyphs:TRAIN:TEST, as in glyphs:10000:2000"
        )
    sizes = [int(part) for part in parts]
    return sizes[0] if sizes else GLYPHS_SIZES[0], sizes[1] if len(sizes) > 1 else GLYPHS_SIZES[1]
