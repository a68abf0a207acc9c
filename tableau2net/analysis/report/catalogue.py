"""All findings, wing by wing, those of other packages too, and how one of these is added."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.report.finding import Finding, Words, json_of, piece
from tableau2net.analysis.report.findings.about import ABOUT
from tableau2net.analysis.report.findings.modified_equation import equations
from tableau2net.analysis.report.findings.orders import ERROR, ORDER
from tableau2net.analysis.report.findings.stability import STABILITY, STRONG_STABILITY
from tableau2net.analysis.report.findings.structural import STRUCTURE
from tableau2net.analysis.report.pieces import Fact, Piece
from tableau2net.errors import InputError
from tableau2net.extensions import load_extensions
from tableau2net.scheme import Scheme
from tableau2net.scheme.claimable import CLAIMS, KINDS, add_claim
from tableau2net.sinks import one_line
from tableau2net.words import check_line, quoted

F = TypeVar("F", bound=Callable[[Scheme], Any])

WINGS: Mapping[str, tuple[Finding, ...]] = {
    "scheme": ABOUT,
    "order": ORDER,
    "error": ERROR,
    "stability": STABILITY,
    "ssp": STRONG_STABILITY,
    "structure": STRUCTURE,
}
LEFT_OUT = "left_out"
KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
LONGEST_NAME = 40

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


# --------------------------------------------------------------------------------------- those of other packages


def register_finding(
    key: str,
    name: str,
    *,
    words: Callable[[Any], Words] = piece,
    json: Callable[[Any], Any] = json_of,
    claim: type | None = None,
    after: str = "",
) -> Callable[[F], F]:
    """Add a finding: what the decorated function says of a scheme stands in reports, their JSON and `compare`.

    key: where in the JSON: "contractive", or "mine.contractive" inside an object of one's own.
    name: as printed, at most 40 characters.
    words: what stands behind it: a text, an exact number, or a tuple of these; by itself the value, yes or no.
    json: its value in the JSON; exact numbers are written as everywhere.
    claim: bool, int or sympy's Expr, where scheme files may claim it, under the last part of its key.
    after: the key of the finding that it is told after; by itself it is told last.

    The function returns None for a scheme that it does not apply to. It has its share of a report's time; what it
    raises is said in a line in its place. Raises InputError for a key that is taken, and the like.
    """
    _check(key, name, claim, after)

    def register(find: F) -> F:
        row = Finding(
            key,
            name,
            find=_guarded(find, claim),
            tell=lambda value, _: ask(f"{name} in words", lambda: _facts(name, words, value), key) or (),
            json=lambda value: ask(f"{name} as JSON", lambda: _plain(json, value), key),
            after=after,
        )
        _added[key] = row
        if claim is not None:
            add_claim(row.short, claim)
            _claimed[row.short] = row
        return find

    return register


def _check(key: str, name: str, claim: type | None, after: str) -> None:
    if not isinstance(key, str) or not KEY.match(key):
        raise InputError(f"finding {quoted(key)}: a key is small letters, digits and underscores, with one dot at most")
    check_line(name, f"finding {key}: name", LONGEST_NAME)
    known = {row.key for rows in (*WINGS.values(), equations(0), _added.values()) for row in rows} | {LEFT_OUT}
    objects = {k.partition(".")[0] for k in known if "." in k}
    if key in known | objects or key.partition(".")[0] in known:
        raise InputError(f"finding {key}: there is one of this key; choose another")
    if claim is not None and claim not in KINDS:
        raise InputError(f"finding {key}: claim is bool, int or sympy.Expr, not {quoted(claim)}")
    if claim is not None and key.rpartition(".")[2] in CLAIMS:
        raise InputError(f"finding {key}: claims.{key.rpartition('.')[2]} means something else; choose another key")
    if after and after not in known - {LEFT_OUT}:
        raise InputError(f"finding {key}: after = {quoted(after)} is the key of no finding")


def _guarded(find: Callable[[Scheme], Any], claim: type | None) -> Callable[[Scheme], Any]:
    """A stranger's function: what it raises, or returns that is not what may be claimed, is said and ends nothing."""

    @wraps(find)
    def found(scheme: Scheme) -> Any:
        value = _answer(find, scheme)
        if claim is not None and value is not None and not isinstance(value, claim):
            raise TooMuch(f"found a {type(value).__name__}, {KINDS[claim]} is expected")
        return value

    return found


def _answer(question: Callable[..., Any], *of: Any) -> Any:
    try:
        return question(*of)
    except (TooMuch, MemoryError, RecursionError):  # the budget knows these
        raise
    except Exception as error:
        raise TooMuch(one_line(f"{type(error).__name__}: {error}")) from None


def _facts(name: str, words: Callable[[Any], Words], value: Any) -> tuple[Fact, ...]:
    if value is None:
        return ()
    written = _answer(words, value)
    pieces = tuple(_printable(x) for x in (written if isinstance(written, tuple) else (written,)))
    fact = Fact(name, pieces)
    return (fact,) if fact.text else ()  # written now, within its share


def _printable(written: Any) -> Piece:
    value = piece(written)
    return one_line(value) if isinstance(value, str) else value


def _plain(to_json: Callable[[Any], Any], value: Any) -> Any:
    written = _answer(to_json, value)
    _answer(lambda: json.dumps(written, allow_nan=False))
    return written
