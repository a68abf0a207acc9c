"""`tableau2net check --repair`: which changes of a table make its claimed order true."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tableau2net.analysis import check as prove
from tableau2net.analysis.budget import budget
from tableau2net.analysis.search.repairs import MOST_CHANGES, ORDERS, Repairs, repairs
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.files import check_writable, write_atomically
from tableau2net.scheme import CoefficientTable, as_table
from tableau2net.scheme.saved import dumps
from tableau2net.sinks import printable

SHOWN = 5


def mend(sources: list[str], *, json: bool, write: Path | None) -> int:
    """Tell what mends each table; the exit status: 0 where nothing is left to mend, 1 where something was."""
    if write is not None and len(sources) != 1:
        raise InputError("--repair --write FILE: one table at a time")
    files = [file for source in sources for file in _files(source)]
    if write is not None and len(files) != 1:
        raise InputError(f"--repair --write FILE: one table at a time, there are {len(files)} in {sources[0]}")
    tables = {file: as_table(file, CoefficientTable) for file in files}  # all are read before anything is told
    if write is not None:
        check_writable(write)
    records = [_one(str(file), table, json, write) for file, table in tables.items()]
    if json:
        print_json(records)
    return int(any(not record["ok"] for record in records))


def _files(source: str) -> list[str | Path]:
    path = Path(source)
    if not path.is_dir():
        return [source]
    found: list[str | Path] = sorted(path.rglob("*.toml"))
    if not found:
        raise InputError(f"{path}: no scheme file (.toml) in this folder")
    return found


def _one(source: str, table: CoefficientTable, json: bool, write: Path | None) -> dict[str, Any]:
    with budget():
        verdict = prove(table)
    refuted = [c.claim for c in verdict.claims if not c.ok]
    record: dict[str, Any] = {"source": source, "name": table.name, "ok": verdict.ok, "refuted": refuted}
    if not set(refuted) & set(ORDERS):
        left = f"not of an order: {', '.join(refuted)}; nothing is sought" if refuted else "ok"
        _say(json, f"{'REFUTED' if refuted else 'ok':8}{table.name or source}: {left}")
        return record | {"repairs": [], "complete": True}
    found = repairs(table)
    others = [name for name in refuted if name not in found.claims]
    for line in _lines(source, table, found, others):
        _say(json, line)
    record |= {"repairs": [r.to_dict() for r in found.found], "complete": found.complete}
    if write is not None and found.found:
        write_atomically(write, dumps(found.found[0].table))
        print(f"{printable(str(write))}: {printable(str(found.found[0]))}", file=sys.stderr)
        record |= {"written": str(write)}
    elif write is not None:
        print(f"tableau2net: {printable(source)}: nothing was found that mends it, nothing is written", file=sys.stderr)
    return record


def _lines(source: str, table: CoefficientTable, found: Repairs, others: list[str]) -> list[str]:
    claims = ", ".join(f"{claim} = {p}" for claim, p in found.claims.items())
    lines = [f"REFUTED {table.name or source}: claims {claims}"]
    lines += [f"{'':8}{repair}" for repair in found.found[:SHOWN]]
    if len(found.found) > SHOWN:
        lines.append(f"{'':8}and {len(found.found) - SHOWN} more, see --json")
    if not found.found:
        lines.append(
            f"{'':8}none found among single coefficients, exchanges, and up to {MOST_CHANGES} of these in a row"
        )
    if not found.complete:
        lines.append(f"{'':8}not every change was tried, the time was over")
    if others:
        lines.append(f"{'':8}also refuted, and not sought to mend: {', '.join(others)}; `check` tells what is found")
    return lines


def _say(json: bool, line: str) -> None:
    if not json:
        print("\n".join(map(printable, line.split("\n"))))
