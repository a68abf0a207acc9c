"""Reading pictures from files: torchvision's CIFAR classes and .npz archives, checked before they are used."""

import socket
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError

CIFAR = {
    "cifar10": ("CIFAR10", 10, "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"),
    "cifar100": ("CIFAR100", 100, "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"),
}
PATIENCE = 20.0  # seconds without an answer before a download counts as failed


@dataclass(frozen=True)
class Arrays:
    """Pictures uint8 (N, H, W, 3) and labels int64 (N,) from 0 to classes - 1, not yet split further."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    classes: int


def read_torchvision(source: str, data_dir: Path) -> Arrays:
    """CIFAR-10 or CIFAR-100 from `data_dir`, downloaded there first if need be.

    Raises InputError when it is neither there nor to be had.
    """
    from torchvision import datasets

    name, classes, address = CIFAR[source]
    make = getattr(datasets, name)
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision's download has no limit of its own
    try:
        train, test = (make(str(data_dir), train=part, download=True) for part in (True, False))
    except (OSError, RuntimeError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        archive = data_dir / address.rsplit("/", 1)[1]
        raise InputError(
            f"{source}: not complete in {data_dir} and could not be downloaded ({reason}); "
            f"fetch {address} elsewhere and put it at {archive}, or use --data FILE.npz or --data glyphs"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    labels = (np.asarray(part.targets, np.int64) for part in (train, test))
    y_train, y_test = labels
    return Arrays(train.data, y_train, test.data, y_test, classes)


def read_npz(path: Path) -> Arrays:
    """The four arrays of a .npz file, each checked.

    The number of classes is one more than the largest label of y_train. Raises InputError naming the file,
    the key and the fix when something is missing, of a wrong type, shape or range, or unreadable.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give --data the path of an existing .npz")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a .npz archive, or cut short; write it again with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as archive:
            x_train, x_test = (_pictures(path, key, _array(path, archive, key)) for key in ("x_train", "x_test"))
            y_train, y_test = (_labels(path, key, _array(path, archive, key)) for key in ("y_train", "y_test"))
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); write it again with numpy.savez") from error
    for x, y, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
        if len(x) != len(y):
            raise InputError(f"{path}: x_{part} has {len(x)} pictures, y_{part} has {len(y)} labels; make them agree")
    if x_train.shape[1:] != x_test.shape[1:]:
        raise InputError(
            f"{path}: x_train has pictures of {x_train.shape[1]}×{x_train.shape[2]}, x_test of "
            f"{x_test.shape[1]}×{x_test.shape[2]}; make them the same size"
        )
    classes = int(y_train.max()) + 1
    if classes > len(y_train):
        raise InputError(
            f"{path}: y_train has the label {classes - 1} but only {len(y_train)} pictures; number the classes from 0"
        )
    if y_test.max() >= classes:
        raise InputError(f"{path}: y_test has the label {y_test.max()}, but the labels of y_train end at {classes - 1}")
    return Arrays(x_train, y_train, x_test, y_test, classes)


def _array(path: Path, archive: Any, key: str) -> NDArray[Any]:
    if key not in archive.files:
        raise InputError(f"{path}: has no {key}; it needs x_train, y_train, x_test and y_test")
    try:
        value = archive[key]
    except (ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: {key} cannot be read ({reason}); save it as a plain number array") from error
    if not isinstance(value, np.ndarray):  # a member that is no .npy file comes back as bytes
        raise InputError(f"{path}: {key} is not an array; write the file with numpy.savez")
    return value


def _pictures(path: Path, key: str, x: NDArray[Any]) -> NDArray[np.uint8]:
    if x.dtype != np.uint8:
        raise InputError(f"{path}: {key} is {x.dtype}; it must be uint8, 0 to 255")
    if x.ndim != 4 or x.shape[3] != 3 or min(x.shape[1:3]) < 8 or len(x) == 0:
        raise InputError(
            f"{path}: {key} has shape {x.shape}; it must be (N, height, width, 3), N at least 1, height and width 8"
        )
    return x


def _labels(path: Path, key: str, y: NDArray[Any]) -> NDArray[np.int64]:
    if not np.issubdtype(y.dtype, np.integer):
        raise InputError(f"{path}: {key} is {y.dtype}; labels must be integers")
    if y.ndim != 1 or len(y) == 0:
        raise InputError(f"{path}: {key} has shape {y.shape}; labels must be (N,), N at least 1")
    if y.min() < 0:
        raise InputError(f"{path}: {key} has the label {y.min()}; labels must count from 0")
    if y.max() > np.iinfo(np.int32).max:
        raise InputError(f"{path}: {key} has the label {y.max()}; labels must count from 0")
    return y.astype(np.int64)
