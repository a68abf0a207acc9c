"""Reading the data sets that torchvision knows."""

import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.data.arrays import Arrays
from tableau2net.errors import InputError

PATIENCE = 20.0  # seconds without an answer before a download counts as failed


@dataclass(frozen=True)
class TorchvisionSource:
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
    "cifar10": TorchvisionSource("CIFAR10", 10, True, **_CIFAR, addresses=(f"{_TORONTO}/cifar-10-python.tar.gz",)),
    "cifar100": TorchvisionSource("CIFAR100", 100, True, **_CIFAR, addresses=(f"{_TORONTO}/cifar-100-python.tar.gz",)),
    "stl10": TorchvisionSource(
        "STL10", 10, True, **_SPLIT, addresses=("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",)
    ),
    "svhn": TorchvisionSource(  # a mirrored digit is no digit
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
    return Arrays(*_of_reader(train), *_of_reader(test), published.classes, published.flip)


def _of_reader(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and labels of a reader of torchvision; some have channels first, some call labels targets."""
    x = part.data if part.data.shape[-1] == 3 else part.data.transpose(0, 2, 3, 1)
    return x, np.asarray(part.targets if hasattr(part, "targets") else part.labels, np.int64)
