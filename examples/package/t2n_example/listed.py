"""A source of data on disk: ``--data listed:FILE.csv``, whose lines are ``part,path,class``; images stay there.

`part` is train, validation or test; a path is relative to the file's folder.
"""

from __future__ import annotations

import csv
from pathlib import Path

import tableau2net as t2n
from tableau2net.training import DiskData, SourceRequest

PARTS = ("train", "validation", "test")


class Listed(DiskData):
    """Images that a CSV file lists."""

    def fetch(self, item: tuple[str, str]) -> tuple[Path, int]:
        """The path of an image, which is decoded for us, and its label."""
        path, name = item
        return Path(path), self.class_names.index(name)


@t2n.register_source("listed:FILE.csv")
def listed(request: SourceRequest) -> Listed:
    """What a file lists. Held out are the lines that say so, else what is asked for."""
    file = Path(request.source.partition(":")[2])
    parts: dict[str, list[tuple[str, str]]] = {part: [] for part in PARTS}
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            for part, path, name in csv.reader(lines):
                parts[part].append((str(file.parent / path), name))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise t2n.InputError(f"{file}: cannot be read ({error}); give the path of a CSV file") from error
    except (KeyError, ValueError) as error:
        raise t2n.InputError(f"{file}: write part,path,class in each line, part one of {', '.join(PARTS)}") from error
    names = sorted({name for items in parts.values() for _, name in items})
    return Listed.of(request, names, train=parts["train"], validation=parts["validation"] or None, test=parts["test"])
