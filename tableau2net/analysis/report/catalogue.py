"""All findings, wing by wing, and those that other packages have added."""

from __future__ import annotations

from collections.abc import Mapping

from tableau2net.analysis.report.finding import Finding
from tableau2net.analysis.report.findings.about import ABOUT
from tableau2net.analysis.report.findings.modified_equation import equations
from tableau2net.analysis.report.findings.orders import ERROR, ORDER
from tableau2net.analysis.report.findings.stability import STABILITY, STRONG_STABILITY
from tableau2net.analysis.report.findings.structural import STRUCTURE
from tableau2net.errors import InputError
from tableau2net.extensions import load_extensions
from tableau2net.scheme.claimable import CLAIMS, add_claim

WINGS: Mapping[str, tuple[Finding, ...]] = {
    "scheme": ABOUT,
    "order": ORDER,
    "error": ERROR,
    "stability": STABILITY,
    "ssp": STRONG_STABILITY,
    "structure": STRUCTURE,
}
LEFT_OUT = "left_out"

_added: dict[str, Finding] = {}
_claimed = {name: row for rows in WINGS.values() for row in rows if (name := row.claim or row.short) in CLAIMS}


def wings(terms: int = 0) -> dict[str, tuple[Finding, ...]]:
    """All findings by wing, in the order of the JSON. terms: the order up to which modified equations are asked for."""
    load_extensions("findings")
    return {**WINGS, "modified": equations(terms), "added": tuple(_added.values())}


def sections() -> dict[str, list[Finding]]:
    """All findings by section of a report, in the order in which they are told."""
    known = wings()
    told = {name: [row for row in rows if not row.after] for name, rows in known.items()}
    for row in (row for rows in known.values() for row in rows if row.after):
        rows, place = next((rows, i) for rows in told.values() for i, x in enumerate(rows, 1) if x.key == row.after)
        rows.insert(place, row)
    return told


def claimed(name: str) -> Finding:
    """The finding that is claimed under a name. Raises InputError where there is none."""
    if name not in _claimed:
        load_extensions("findings")
    if name not in _claimed:
        raise InputError(f"claims.{name}: nothing is claimed by this name; known here: {', '.join(_claimed)}")
    return _claimed[name]


def known_keys() -> set[str]:
    """The keys of all findings that there are so far, and of what else stands in the JSON beside them."""
    return {row.key for rows in (*WINGS.values(), equations(0), _added.values()) for row in rows} | {LEFT_OUT}


def add(row: Finding, claim: type | None) -> None:
    """Add a finding of another package's, which files may claim where it is said what they write then."""
    _added[row.key] = row
    if claim is not None:
        add_claim(row.short, claim)
        _claimed[row.short] = row
