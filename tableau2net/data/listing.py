"""The images of a folder with a folder for each class: their paths, sizes and classes, compactly; none is opened."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tableau2net.errors import InputError

ENDINGS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
_ENDINGS = tuple(map(os.fsencode, ENDINGS))


@dataclass(frozen=True, eq=False)
class Listing:
    """N images below a folder, in the order of their classes and paths.

    names: their paths relative to the folder, one after another; path i is names[starts[i]:ends[i]]. So a million of
    them are a handful of arrays, which a process is sent in no time.
    labels: int64 (N,).  sizes: of the files, in bytes, int64 (N,).
    """

    folder: Path
    names: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Path, int]:
        """The path of image i, and its label."""
        return self.path(i), int(self.labels[i])

    def relative(self, i: int) -> bytes:
        """The path of image i below the folder."""
        return self.names[self.starts[i] : self.ends[i]]

    def path(self, i: int) -> Path:
        """The path of image i."""
        return self.folder / os.fsdecode(self.relative(i))

    def chosen(self, index: NDArray[np.int64]) -> Listing:
        """Those of the images alone."""
        return replace(self, **{name: getattr(self, name)[index] for name in ("starts", "ends", "labels", "sizes")})

    def digest(self) -> str:
        """A fingerprint of the paths, sizes and labels."""
        sha = hashlib.sha256(b"\0".join(map(self.relative, range(len(self)))))
        sha.update(np.stack([self.sizes, self.labels]).astype("<i8").tobytes())
        return sha.hexdigest()[:12]


def class_names(folder: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted as bytes; hidden ones are none. Raises InputError where it cannot be read."""
    try:
        return tuple(sorted((e.name for e in _visible(folder) if e.is_dir()), key=os.fsencode))
    except OSError as error:
        raise _unreadable(error) from error


def list_images(folder: Path, classes: tuple[str, ...], known: tuple[str, ...]) -> Listing:
    """The images below a folder in the folders of some `classes`, labelled by their place among the `known` ones.

    Raises InputError where a folder holds no image or cannot be read."""
    names, sizes, labels = [], [], []
    number = {name: i for i, name in enumerate(known)}
    for name in classes:
        try:
            found = sorted(_images(folder / name, os.fsencode(name)))
        except OSError as error:
            raise _unreadable(error) from error
        if not found:
            raise InputError(f"{folder / name}: holds no image ({', '.join(ENDINGS)}); put some there, or remove it")
        names += [path for path, _ in found]
        sizes += [size for _, size in found]
        labels += [number[name]] * len(found)
    ends = np.cumsum([len(path) for path in names], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return Listing(folder, b"".join(names), starts, ends, np.asarray(labels, np.int64), np.asarray(sizes, np.int64))


def images_below(folder: Path) -> list[Path]:
    """The images in and below a folder, in the order of their paths. Raises InputError where it cannot be read."""
    try:
        return [folder / os.fsdecode(path)[1:] for path, _ in sorted(_images(folder, b""))]
    except OSError as error:
        raise _unreadable(error) from error


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, without what systems and editors hide there (._*.JPEG, .ipynb_checkpoints)."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _images(folder: Path, below: bytes) -> Iterator[tuple[bytes, int]]:
    """Relative paths and sizes of the images in a folder and in those inside it; links to folders are not followed,
    which could lead round in a circle."""
    for entry in _visible(folder):
        path = below + b"/" + os.fsencode(entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _images(Path(entry.path), path)
        elif path.lower().endswith(_ENDINGS) and entry.is_file():
            yield path, entry.stat().st_size
        elif path.lower().endswith(_ENDINGS) and entry.is_symlink() and not os.path.exists(entry.path):
            raise FileNotFoundError(errno.ENOENT, "a link to nothing", entry.path)


def _unreadable(error: OSError) -> InputError:
    return InputError(f"{error.filename}: cannot be read ({error.strerror}); make it readable, or give another --data")
