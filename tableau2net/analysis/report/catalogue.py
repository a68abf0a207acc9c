"""All findings, wing by wing, and those that other packages have added."""

from __future__ import annotations

from collections.abc import Mapping

from tableau2net.analysis.report.finding import Finding
from tableau2net.analysis.report.findings.about import ABOUT
from tableau2net.analysis.report.findings.further import further
from tableau2net.analysis.report.findings.modified_equation import equations
from tableau2net.analysis.report.findings.of_equations import OF_EQUATIONS
from tableau2net.analysis.report.findings.of_exponential import EXPONENTIAL_ORDER, EXPONENTIAL_STABILITY
from tableau2net.analysis.report.findings.of_stochastic import OF_STOCHASTIC
from tableau2net.analysis.report.findings.orders import ERROR, ORDER
from tableau2net.analysis.report.findings.stability import PHASE, STABILITY, STRONG_STABILITY
from tableau2net.analysis.report.findings.stencil_accuracy import ACCURACY, FORMULA, operators
from tableau2net.analysis.report.findings.stencil_structure import BOUNDARY, CLAIMED, SIGNS
from tableau2net.analysis.report.findings.stencil_waves import WAVES
from tableau2net.analysis.report.findings.stiffness import STIFF
from tableau2net.analysis.report.findings.structural import STRUCTURE
from tableau2net.errors import InputError
from tableau2net.extensions import check_free, load_extensions
from tableau2net.scheme import CoefficientTable, Equation, Scheme, Stencil, StochasticRungeKutta
from tableau2net.scheme.claimable import CLAIMS, add_claim, drop_claim
from tableau2net.words import one

WINGS: Mapping[str, tuple[Finding, ...]] = {
    "scheme": (*ABOUT, *FORMULA),
    "order": (*ORDER, *STIFF, *EXPONENTIAL_ORDER, *ACCURACY),
    "error": ERROR,
    "stability": (*STABILITY, *EXPONENTIAL_STABILITY),
    "phase": PHASE,
    "ssp": STRONG_STABILITY,
    "structure": (*STRUCTURE, *SIGNS, *BOUNDARY),
    "waves": WAVES,
    "claimed": CLAIMED,
    "equation": OF_EQUATIONS,
    "stochastic": OF_STOCHASTIC,
}
LEFT_OUT = "left_out"

_added: dict[str, Finding] = {}
_claimable: set[str] = set()  # the keys of those that files may claim


def wings(
    terms: int = 0, kind: type[CoefficientTable] = Scheme, *, more: bool = False
) -> dict[str, tuple[Finding, ...]]:
    """The findings of a kind of table by wing, in the order of the JSON. terms: the order up to which modified
    equations are asked for.  more: whether what takes longer is asked for."""
    load_extensions("findings")
    open_ended = {"modified": (*equations(terms), *operators(terms)), "further": further(more)}
    every = {**WINGS, **open_ended, "added": tuple(_added.values())}
    return {name: tuple(row for row in rows if issubclass(kind, row.reads)) for name, rows in every.items()}


def sections(kind: type[CoefficientTable] = Scheme) -> dict[str, list[Finding]]:
    """The findings of a kind of table by section of a report, in the order in which they are told."""
    known = wings(0, kind)
    told = {name: [row for row in rows if not row.after] for name, rows in known.items()}
    for row in (row for rows in known.values() for row in rows if row.after):
        places = ((rows, i) for rows in told.values() for i, x in enumerate(rows, 1) if x.key == row.after)
        rows, place = next(places, (told["added"], len(told["added"])))  # of another kind of table than this one
        rows.insert(place, row)
    return told


def claimed(name: str, kind: type[CoefficientTable] = Scheme) -> Finding:
    """The finding that a kind of table claims under a name. Raises InputError where there is none."""
    if name not in _claims_of(kind):
        load_extensions("findings")
    known = _claims_of(kind)
    if name not in known:
        every = (
            row for rows in WINGS.values() for row in rows if issubclass(row.reads, Scheme) and row.reads is not Scheme
        )
        others = [row.reads.family for row in every if name == (row.claim or row.short)]
        if others and issubclass(kind, Scheme):
            raise InputError(
                f"claims.{name} is a claim of {' and '.join(others)} schemes, not of {one(kind.called())}; drop it"
            )
        what = next((k.called() for k in (Stencil, Equation, StochasticRungeKutta) if issubclass(kind, k)), "scheme")
        raise InputError(f"claims.{name}: nothing is claimed by this name of a {what}; known here: {', '.join(known)}")
    return known[name]


def _claims_of(kind: type[CoefficientTable]) -> dict[str, Finding]:
    rows = (row for rows in (*WINGS.values(), _added.values()) for row in rows if issubclass(kind, row.reads))
    return {name: row for row in rows if (name := row.claim or row.short) in CLAIMS}


def in_time_or_space(table: CoefficientTable) -> CoefficientTable:
    """The table, if there are findings of its kind. Raises InputError."""
    if not isinstance(table, Scheme | Stencil | Equation | StochasticRungeKutta):
        what = f"a {table.called()}; a scheme, a stencil or an equation has a report and claims"
        raise InputError(f"{table.name or 'this'} is {what}")
    return table


def known_keys() -> set[str]:
    """The keys of all findings that there are so far, and of what else stands in the JSON beside them."""
    return {
        row.key
        for rows in (*WINGS.values(), equations(0), operators(0), further(False), _added.values())
        for row in rows
    } | {LEFT_OUT}


def add(row: Finding, claim: type | None) -> None:
    """Add a finding of another package's, which files may claim where it is said what they write then.

    One of the same key is replaced, with its claim. Raises InputError where that is another function's."""
    known = _added.get(row.key)
    check_free("register_finding", row.key, row.find, known and known.find)
    _added[row.key] = row
    if row.key in _claimable:
        _claimable.remove(row.key)
        drop_claim(row.short)
    if claim is not None:
        _claimable.add(row.key)
        add_claim(row.short, claim)


def is_added(key: str, *, claimable: bool = False) -> bool:
    """Whether another package's finding has the key, and may be claimed where that is asked."""
    return key in (_claimable if claimable else _added)
