"""Clean images by the text that names their source: a folder of them, or any source that is held in memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tableau2net.data.arrays import Arrays
from tableau2net.data.colour import FORMATS, decode
from tableau2net.data.listing import ENDINGS, images_below
from tableau2net.data.noisy import Bytes, NoisyData
from tableau2net.data.npz import machine_memory, read_arrays
from tableau2net.data.sources import SourceRequest, find_source
from tableau2net.errors import InputError
from tableau2net.recipes.task import TaskSpec

TESTED = ("test", "val")
SHARE = 4  # of this machine's memory, one part is for images


def load_noisy(request: SourceRequest, task: TaskSpec) -> NoisyData:
    """Clean images to train and to test on, with the noise of a task.

    Raises InputError, one line, where they cannot be found, read or split that way."""
    if request.size != SourceRequest.size:
        raise InputError("--size: is of labelled images that are read as they are wanted; leave it out")
    train, test = _images(request, task)
    grey = task.grey or all(_is_grey(image) for image in (*train, *test))
    train, test = ([_grey(image) if grey else image for image in images] for images in (train, test))
    return NoisyData.of(request, task, train, test)


def _images(request: SourceRequest, task: TaskSpec) -> tuple[Sequence[Bytes], Sequence[Bytes]]:
    """Images (H, W, 3) to train and to test on. A folder's images are all those in and below it; where it has train/,
    those, and those of test/ or val/ beside it."""
    source, named = Path(request.source), None if task.test_data is None else Path(task.test_data)
    if named is not None and not named.is_dir():
        raise InputError(f"--test-data {named}: there is no such folder; name a folder of images")
    tested = None if named is None else _tested(named)
    if source.is_dir():
        inside = source / "train" if (source / "train").is_dir() else source
        beside = next((source / name for name in TESTED if (source / name).is_dir()), None)
        if tested is None and (beside is None or inside is source):
            raise InputError(
                f"{source}: which images are to test on? name a folder of them by --test-data, or put them in "
                f"{source / 'test'} and the others in {source / 'train'}"
            )
        if tested is None:
            assert beside is not None
            tested = read_folder(beside)
        return read_folder(inside), tested
    if request.source.endswith(".npz"):
        found = read_arrays(source, dict.fromkeys(("x_train", "x_test"), _check_array))
        return list(map(_three, found["x_train"])), tested or list(map(_three, found["x_test"]))
    given = find_source(request.source).load(request)
    if not isinstance(given, Arrays):
        raise InputError(f"--data {request.source}: gives no images in memory; name a folder of images, or a .npz")
    found, _ = given.checked(request.source)
    return list(found["x_train"]), tested or list(found["x_test"])


def _tested(folder: Path) -> list[Bytes]:
    try:
        return read_folder(folder)
    except InputError as error:
        raise InputError(f"--test-data {error}") from error.__cause__


def read_folder(folder: Path) -> list[Bytes]:
    """The images in and below a folder, in the order of their paths, upright, (H, W, 3).

    Raises InputError, one line, for a folder without one, for one that cannot be read, and for more than memory holds,
    before any is decoded."""
    paths = images_below(folder)
    if not paths:
        raise InputError(f"{folder}: holds no image ({', '.join(ENDINGS)}); name a folder of images")
    total, most = 0, machine_memory() // SHARE
    for path in paths:
        total += 3 * _pixels(path)
        if total > most:
            raise InputError(
                f"{folder}: its images are over {most / 1e9:,.1f} GB, a quarter of this machine's memory; keep fewer"
            )
    return [_decoded(path) for path in paths]


def _pixels(path: Path) -> int:
    """How many a file says that it has; nothing is decoded."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as file:
            return file.width * file.height  # one too large for a file is refused where it is decoded
    except Exception as error:  # whatever a reader makes of a stranger's bytes
        raise _unreadable(path, error) from error


def _decoded(path: Path) -> Bytes:
    try:
        return np.asarray(decode(path))
    except Exception as error:  # whatever a decoder makes of a stranger's file
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__
    return InputError(f"{path}: cannot be read as an image ({reason}); mend it, or remove it")


def _is_grey(image: Bytes) -> bool:
    return bool((image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all())


def _grey(image: Bytes) -> Bytes:
    """Luminance (ITU-R 601), (H, W, 1)."""
    return np.asarray(Image.fromarray(image).convert("L"))[..., None]


def _three(image: NDArray[np.uint8]) -> Bytes:
    return np.repeat(image.reshape(*image.shape[:2], -1), 3 if image.ndim == 2 or image.shape[2] == 1 else 1, axis=2)


def _check_array(where: Path, key: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype != np.uint8 or len(shape) not in (3, 4) or not shape[0] or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise InputError(
            f"{where}: {key} is {dtype} {shape}; it must be clean images, uint8 (N, height, width) or with 1 or 3 "
            "channels behind"
        )
