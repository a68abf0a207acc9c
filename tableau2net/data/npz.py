"""Reading arrays from a .npz archive of anybody's: what it says of itself is checked before memory is taken."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tableau2net.data.arrays import CHECKS, Arrays
from tableau2net.errors import InputError
from tableau2net.files import check_file

Check = Callable[[Path, str, np.dtype[Any], tuple[int, ...]], None]


def read_npz(path: Path) -> Arrays:
    """The images of a .npz file. Raises InputError as `read_arrays`."""
    x_train, y_train, x_test, y_test = read_arrays(path, CHECKS).values()
    return Arrays(x_train, y_train, x_test, y_test, flip=True)


def read_arrays(path: Path, checks: Mapping[str, Check], optional: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file that have a check, each as it says it is: headers are read first, and what they say is
    checked before memory is taken. Those that are optional may be missing.

    Raises InputError naming the file, the key and the fix when something is missing, of a wrong type or shape, or
    unreadable."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the path of an existing .npz")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path}: not a .npz archive, or cut short; write it again with numpy.savez")
    try:
        return _arrays(path, checks, optional)
    except InputError:
        raise
    except Exception as error:  # whatever readers make of a stranger's bytes
        raise InputError(f"{path}: cannot be read ({_reason(error)}); write it again with numpy.savez") from error


def _arrays(path: Path, checks: Mapping[str, Check], optional: Collection[str]) -> dict[str, NDArray[Any]]:
    check_file(path, 2**40)
    with zipfile.ZipFile(path) as archive:
        total, there = 0, archive.namelist()
        if optional and (unknown := {name.removesuffix(".npy") for name in there} - set(checks)):
            raise InputError(
                f"{path}: has {min(unknown)[:40]!r}, which means nothing; it may hold {', '.join(checks)}, leave it out"
            )
        wanted = [key for key in checks if key not in optional or not {key, f"{key}.npy"}.isdisjoint(there)]
        needed = [key for key in checks if key not in optional]
        for key in wanted:
            header = _header(path, archive, key, needed)
            checks[key](path, key, header.dtype, header.shape)
            total += header.bytes
        if total > (memory := machine_memory()):
            raise InputError(
                f"{path}: its arrays are {total / 1e9:,.1f} GB, this machine has {memory / 1e9:,.1f} GB of memory; "
                "keep fewer of what it holds"
            )
    with np.load(path, allow_pickle=False) as file:
        return {key: _array(path, file, key) for key in wanted}


@dataclass(frozen=True)
class _Header:
    """What an array says of itself, and how many bytes its values are."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    bytes: int


def _header(path: Path, archive: zipfile.ZipFile, key: str, needed: Sequence[str]) -> _Header:
    names = archive.namelist()
    if f"{key}.npy" not in names:
        if key in names:
            raise InputError(f"{path}: {key} is not an array; write the file with numpy.savez")
        raise InputError(f"{path}: has no {key}; it needs {', '.join(needed[:-1])} and {needed[-1]}")
    try:
        with archive.open(f"{key}.npy") as member:
            version = np.lib.format.read_magic(member)
            if version not in _READERS:
                raise ValueError(f"version {version} of its format is not read")
            shape, _, dtype = _READERS[version](member)
            size = math.prod(shape) * dtype.itemsize
            if dtype.kind != "O" and member.tell() + size != archive.getinfo(f"{key}.npy").file_size:
                raise ValueError(f"its header says {size:,} bytes of {dtype}, there are others")
    except Exception as error:  # whatever readers make of a stranger's bytes
        raise _unreadable(path, key, error) from error
    return _Header(dtype, shape, size)


_READERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def _unreadable(path: Path, key: str, error: BaseException) -> InputError:
    return InputError(f"{path}: {key} cannot be read ({_reason(error)}); save it as a plain number array")


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _array(path: Path, archive: Any, key: str) -> NDArray[Any]:
    try:
        value = archive[key]
    except Exception as error:  # whatever readers make of a stranger's bytes
        raise _unreadable(path, key, error) from error
    if not isinstance(value, np.ndarray):  # a member that is no .npy file comes back as bytes
        raise InputError(f"{path}: {key} is not an array; write the file with numpy.savez")
    return value


def machine_memory() -> int:
    """Bytes of memory that this machine has; where it does not tell, as many as there can be."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 1 << 63
