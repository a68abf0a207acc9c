"""Reading pictures from files: torchvision's data sets and .npz archives, checked before they are used."""

import socket
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError

PATIENCE = 20.0  # seconds without an answer before a download counts as failed


@dataclass(frozen=True)
class Arrays:
    """Pictures uint8 (N, H, W, 3) and labels int64 (N,) from 0 to classes - 1, not yet split further."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    classes: int


@dataclass(frozen=True)
class Published:
    """A data set that torchvision reads: which of its classes, what the two parts are called, and its files."""

    reader: str
    classes: int
    flip: bool
    train: Mapping[str, Any]
    test: Mapping[str, Any]
    addresses: tuple[str, ...]

    def open(self, folder: Path) -> list[Any]:
        """The two parts, downloaded to the folder first if need be. Raises what torchvision does."""
        from torchvision import datasets

        make = getattr(datasets, self.reader)
        if self.reader == "STL10":  # of its 2.6 gigabytes, those without labels need not be there, nor be checked
            make = type("STL10", (make,), {"train_list": make.train_list[:2]})
        return [make(str(folder), **part, download=True) for part in (self.train, self.test)]


_CIFAR = {"train": {"train": True}, "test": {"train": False}}
_SPLIT = {"train": {"split": "train"}, "test": {"split": "test"}}
_TORONTO, _NUMBERS = "https://www.cs.toronto.edu/~kriz", "http://ufldl.stanford.edu/housenumbers"
TORCHVISION = {
    "cifar10": Published("CIFAR10", 10, True, **_CIFAR, addresses=(f"{_TORONTO}/cifar-10-python.tar.gz",)),
    "cifar100": Published("CIFAR100", 100, True, **_CIFAR, addresses=(f"{_TORONTO}/cifar-100-python.tar.gz",)),
    "stl10": Published(
        "STL10", 10, True, **_SPLIT, addresses=("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",)
    ),
    "svhn": Published(  # a mirrored digit is no digit
        "SVHN", 10, False, **_SPLIT, addresses=(f"{_NUMBERS}/train_32x32.mat", f"{_NUMBERS}/test_32x32.mat")
    ),
}


def read_torchvision(source: str, data_dir: Path) -> Arrays:
    """CIFAR-10, CIFAR-100, STL-10 (the labelled part) or SVHN from `data_dir`, downloaded there first if need be.

    Raises InputError when it is neither there nor to be had.
    """
    published = TORCHVISION[source]
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)  # torchvision's download has no limit of its own
    try:
        train, test = published.open(data_dir)
    except ImportError as error:  # of SVHN's reader
        raise InputError(f'{source}: its files are read by scipy; pip install "tableau2net[svhn]"') from error
    except (OSError, RuntimeError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        here = " and ".join(str(data_dir / address.rsplit("/", 1)[1]) for address in published.addresses)
        raise InputError(
            f"{source}: not complete in {data_dir} and could not be downloaded ({reason}); "
            f"fetch {' and '.join(published.addresses)} elsewhere and put it at {here}, "
            "or use --data FILE.npz or --data glyphs"
        ) from error
    finally:
        socket.setdefaulttimeout(patience)
    return Arrays(*_of_reader(train), *_of_reader(test), published.classes)


def _of_reader(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures and labels of a reader of torchvision; some have channels first, some call labels targets."""
    x = part.data if part.data.shape[-1] == 3 else part.data.transpose(0, 2, 3, 1)
    return x, np.asarray(part.targets if hasattr(part, "targets") else part.labels, np.int64)


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
