"""Writing files whole or not at all, and reading those of strangers within bounds."""

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tableau2net.errors import InputError

PARTIAL = ".partial"
MAX_BITS = 8192  # of a whole number: Python writes none of more than 4,300 digits, and TOML spells any in base 16


def check_file(path: Path, most: int) -> None:
    """Raises InputError, one line, for what is not a file of at most so many bytes: a folder, a pipe that nobody writes
    to, a device that never ends. OSError where there is none, or it may not be looked at."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: {'is a directory' if stat.S_ISDIR(found.st_mode) else 'not a file'}; name a file")
    if found.st_size > most:
        raise InputError(f"{path}: {found.st_size:,} bytes, at most {most:,} are read")


def read_text(path: Path, most: int) -> str:
    """The text of a file, as `check_file` allows it. Raises InputError, one line."""
    try:
        check_file(path, most)
        with path.open("rb") as file:
            return file.read(most + 1).decode("utf-8-sig")  # some editors begin a file with a mark
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: cannot be read (not UTF-8 text)") from None


def decode_toml(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """What a TOML text says. Raises InputError, one line, where it is none, or has whole numbers beyond all use."""
    try:
        found = tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not valid TOML: {error}") from None
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        long = "int_max_str_digits" in str(error)
        told = f"a whole number of more than {MAX_BITS} bits is not read" if long else f"not valid TOML: {error}"
        raise InputError(told) from None
    except RecursionError:
        raise InputError("not valid TOML: nested too deeply") from None
    waiting: list[Any] = [found]
    while waiting:  # no recursion: dotted keys nest deeper than Python calls
        match waiting.pop():
            case dict() as table:
                waiting += table.values()
            case list() as entries:
                waiting += entries
            case int() as number if number.bit_length() > MAX_BITS:
                raise InputError(f"a whole number of more than {MAX_BITS} bits is not read")
    return found


def check_writable(path: Path) -> None:
    """Raises InputError where `write_atomically` is sure to: asked before any work whose result is to be written."""
    if not path.name or path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if _is_device(path):
        raise InputError(f"{path}: not a file, it would be lost; name a file")
    there = next(folder for folder in path.absolute().parents if folder.exists())
    try:
        probe = there / f".{os.getpid()}{PARTIAL}"  # the one sure way to know
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        probe.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({there}: {error.strerror or error})") from None


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace the file at `path` by `content`; a reader sees the old file or the new one, never a part.

    Its folder is made if need be. Raises InputError when it cannot be written (a full disk, no permission); the
    old file is then untouched and nothing else is left behind.
    """
    if not path.name:
        raise InputError(f"{path}: is a folder; name a file in it")
    if _is_device(path):
        raise InputError(f"{path}: not a file, it would be lost; name a file")
    data = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(partial, "wb", opener=opened) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path}: cannot be written ({reason}); make room there, or use another folder") from error


def opened(path: str | Path, flags: int) -> int:
    """A handle of a file to be written that a folder may hold already, but of no link, which could lead anywhere, and
    of no pipe that nobody reads. OSError where it is one."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)


def _is_device(path: Path) -> bool:
    """Whether a device, a pipe or an open stream goes by that name, which a file would take the place of."""
    try:
        stream = path.is_symlink() and str(path.readlink()).startswith(("/proc/", "/dev/"))
        return stream or (path.exists() and not path.is_file() and not path.is_dir())
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut; only POSIX systems can open a folder for this."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
