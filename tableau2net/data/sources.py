"""Where data come from, by the text that names them: `register_source` adds a kind of source, ours as anybody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tableau2net.data.arrays import Arrays
from tableau2net.data.data import Data
from tableau2net.errors import InputError
from tableau2net.extensions import check_free, load_extensions
from tableau2net.sinks import one_line


@dataclass(frozen=True)
class SourceRequest:
    """What a source is asked for.

    source: the text that names the data, as it was written.  data_dir: where files are kept that have to be downloaded.
    validation: how many images to train on are held out.  limit_train: how many of the others are kept; None, all.
    seed: of data that are drawn.  size: in pixels, of images that are cut when they are decoded.
    workers: processes that decode; None, as many as there are cores, at most 8.
    """

    source: str
    data_dir: Path = Path("data")
    validation: int = 0
    limit_train: int | None = None
    seed: int = 0
    size: int = 224
    workers: int | None = None


Load = Callable[[SourceRequest], Arrays | Data]


@dataclass(frozen=True)
class DataSource:
    """One kind of source: how it is written, which texts are, and the data that one of them stands for."""

    written: str
    matches: Callable[[str], bool]
    load: Load


REGISTERED: dict[str, DataSource] = {}


def register_source(written: str, *, matches: Callable[[str], bool] | None = None) -> Callable[[Load], Load]:
    """A decorator of the function that loads a kind of data, so that ``--data``, tables and `train` know it by name.

    written: how it is written, for people: "plates", "plates:FOLDER".
    matches: whether a text is so written; by default, it is that name, or begins with it where it goes on with a colon.

    The function gets a `SourceRequest` and gives `Arrays`, which are split and normalised here and held in memory; or
    any object that has what `Data` asks for, a `DiskData` say, whose images stay where they are. An installed package
    is found by its entry point in the group ``tableau2net.sources``.

    Raises InputError for a text that cannot be shown, and one that another function has been registered by.
    """
    if not (isinstance(written, str) and written.strip() and written == one_line(written)):
        raise InputError(f"register_source({written!r:.80}): write how the source is named, in a line")

    def registered(load: Load) -> Load:
        known = REGISTERED.get(written)
        check_free("register_source", written, load, known and known.load)
        REGISTERED[written] = DataSource(written, matches or _by_name(written), load)
        return load

    return registered


def find_source(text: str) -> DataSource:
    """The kind of source that a text is written as. Ours come first; other packages are asked where no known one fits.

    Raises InputError, one line, that tells how each is written."""
    found = _known(text)
    if found is None:
        load_extensions("sources")
        found = _known(text)
    if found is None:
        *most, last = REGISTERED
        raise InputError(f"--data {text}: expected {', '.join(most)}, or {last}")
    return found


def _known(text: str) -> DataSource | None:
    return next((source for source in list(REGISTERED.values()) if source.matches(text)), None)


def _by_name(written: str) -> Callable[[str], bool]:
    name, colon, _ = written.partition(":")
    return lambda text: text.startswith(name + colon) if colon else text == name
