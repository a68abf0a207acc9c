"""Checks every table of public repositories against what they say of it.

    python -m tests.errata.sweep NAME PATH     one repository: a checkout, or a git directory
    python -m tests.errata.sweep FOLDER        each of FOLDER/NAME that is there; the others are skipped

NAME is a reader of this folder: they say which repository they read. Tables are read from its text by a parser;
nothing of it is run. What a reader cannot read is printed, never passed over. `--all` prints what holds as well.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from tests.errata.checkout import Checkout
from tests.errata.table import Finding, Unread, claims

READERS = tuple(
    path.stem for path in sorted(Path(__file__).parent.glob("*.py")) if "\nREPOSITORY = " in path.read_text("utf-8")
)


def sweep(name: str, checkout: Checkout) -> Iterator[Finding | Unread]:
    """Every claim of every table of one repository, and what could not be read."""
    for table in import_module(f"tests.errata.{name}").tables(checkout):
        if isinstance(table, Unread):
            yield table
        else:
            yield from claims(table)


def kind(found: Finding | Unread) -> str:
    """What is said of it in a word."""
    return "not read" if isinstance(found, Unread) else "holds" if found.ok else "refuted"


def report(name: str, path: Path, everything: bool) -> int:
    """Print one repository's; the number of claims that are refuted."""
    checkout, counts = Checkout(path), Counter[str]()
    print(f"{import_module(f'tests.errata.{name}').REPOSITORY} at {checkout.commit}")
    for found in sweep(name, checkout):
        counts[kind(found)] += 1
        if everything or kind(found) != "holds":
            print(f"  {kind(found):8}  {found}", flush=True)
    print(f"  {counts['holds']} hold, {counts['refuted']} refuted, {counts['not read']} not read")
    return counts["refuted"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=READERS, metavar="NAME", help=", ".join(READERS))
    parser.add_argument("path", type=Path)
    parser.add_argument("--all", action="store_true", help="print what holds as well")
    chosen = parser.parse_args(arguments)
    where = {chosen.name: chosen.path} if chosen.name else {name: chosen.path / name for name in READERS}
    present = {name: path for name, path in where.items() if path.is_dir()}
    if not present:
        parser.error(f"{chosen.path}: no checkout there")
    return int(sum(report(name, path, chosen.all) for name, path in present.items()) > 0)


if __name__ == "__main__":
    sys.exit(main())
