"""A finding: one thing that is known of a table, as a row: where it stands, how it is asked, told and claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sympy import Expr, Poly, oo

from tableau2net.analysis.budget import LeftOut, ask
from tableau2net.analysis.report.pieces import Fact, Piece, yes
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.exact.text import exact_json
from tableau2net.scheme import CoefficientTable, Scheme

Json: TypeAlias = dict[str, Any]
Words: TypeAlias = Piece | tuple[Piece, ...]
Evidence: TypeAlias = Callable[[Any], Any]
ABSENT = object()  # in the place of a value of the JSON: its key is not there


def piece(value: Any) -> Piece:
    """A value as it stands in a line."""
    if isinstance(value, bool):
        return yes(value)
    return value if isinstance(value, Expr | Poly) else str(value)


def json_of(value: Any) -> Any:
    """An exact number, or a plain fact as it is. Infinity has the value "inf"; an isolated number, its
    interval."""
    if isinstance(value, Isolated):
        return {"exact": None, "value": float(value), "interval": [str(value.low), str(value.high)]}
    if value is oo:
        return {"exact": "oo", "value": "inf"}
    if isinstance(value, Poly):
        value = value.as_expr()
    return exact_json(value) if isinstance(value, Expr) else value


def where_there(json: Callable[[Any], Any] = json_of) -> Callable[[Any], Any]:
    """The JSON of a finding whose key is not there where its value is None."""
    return lambda value: ABSENT if value is None else json(value)


@dataclass(frozen=True)
class Findings:
    """What is known of a table: the value of each finding by its key, and the evidence that several of them read.

    left_out: what is None because it is more work than a report may be, and why."""

    table: CoefficientTable
    values: Mapping[str, Any]
    evidence: Mapping[Evidence, Any]
    left_out: tuple[LeftOut, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.values[key]


@dataclass(frozen=True)
class Finding:
    """One thing that is known of a table: a row, which the report, its JSON, `compare` and claims of files read.

    key: where it stands in the JSON: "order", or "structure.symmetric" inside an object; its last part is `short`.
    name: as printed, and as it is called where it is left out; "" for what only the JSON has.
    find: what it is, of a table, asked within the budget of a report; None where it does not apply.
    reads: the kind of table that it is a finding of: schemes, stencils, or any.
    of: evidence of the table that `find` reads in its place, such as `stability`; it asks for its parts by itself.
    words: what stands behind the name in its line, of a value that is not None.  detail: see `Fact`.
    tell: its lines, where there are several, or other findings make them: given the value and all that is found.
    json: the value in the JSON.
    after: the key of the finding that its lines come after, where that is not the row before.
    claim: the name under which a file claims it, where that is not `short` (see `scheme.claimable`).
    claimed, reach: given a table and what is claimed, what is found, where `find` alone would not do, and how far that
        reaches (see `Claim`).
    why: what shows that a claim is refuted, in a line.
    of_what: what a claim is a statement about, where not every table of a kind is that.
    """

    key: str
    name: str
    find: Callable[[Any], Any]
    reads: type[CoefficientTable] = Scheme
    of: Evidence | None = None
    words: Callable[[Any], Words] = piece
    detail: bool = False
    tell: Callable[[Any, Findings], Iterable[Fact]] | None = None
    json: Callable[[Any], Any] = json_of
    after: str = ""
    claim: str = ""
    claimed: Callable[[Any, Any], Any] | None = None
    reach: Callable[[Any, Any], str] | None = None
    why: Callable[[Any], str] | None = None
    of_what: str = ""

    @property
    def short(self) -> str:
        return self.key.rpartition(".")[2]

    def value(self, table: CoefficientTable) -> Any:
        """What it is, whatever that takes."""
        return self.find(self.of(table) if self.of else table)

    def asked(self, table: CoefficientTable, evidence: dict[Evidence, Any]) -> Any:
        """What it is, as a part of a report whose `evidence` is kept."""
        if self.of is None:
            return ask(self.name, lambda: self.find(table), self.key)
        if self.of not in evidence:
            evidence[self.of] = self.of(table)
        return self.find(evidence[self.of])

    def facts(self, found: Findings) -> Iterable[Fact]:
        """Its lines in a report."""
        value = found[self.key]
        if self.tell is not None:
            return self.tell(value, found)
        if value is None or not self.name:
            return ()
        written = self.words(value)
        return (Fact(self.name, written if isinstance(written, tuple) else (written,), self.detail),)


def silent(value: Any, found: Findings) -> Iterable[Fact]:
    """No line: for what another finding tells."""
    return ()
