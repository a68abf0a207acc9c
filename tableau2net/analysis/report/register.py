"""A finding of another package's: added in one call, kept within its share of a report, and told like ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.report.catalogue import LEFT_OUT, add, is_added, known_keys
from tableau2net.analysis.report.finding import Finding, Words, json_of, piece
from tableau2net.analysis.report.pieces import Fact, Piece
from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable, Scheme
from tableau2net.scheme.claimable import CLAIMS, KINDS
from tableau2net.sinks import one_line
from tableau2net.words import check_line, quoted

F = TypeVar("F", bound=Callable[[Any], Any])

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
LONGEST_NAME = 40


def register_finding(
    key: str,
    name: str,
    *,
    words: Callable[[Any], Words] = piece,
    json: Callable[[Any], Any] = json_of,
    claim: type | None = None,
    after: str = "",
    reads: type[CoefficientTable] = Scheme,
) -> Callable[[F], F]:
    """Add a finding: what the decorated function says of a scheme stands in reports, their JSON and `compare`.

    key: where in the JSON: "contractive", or "mine.contractive" inside an object of one's own.
    name: as printed, at most 40 characters.
    words: what stands behind it: a text, an exact number, or a tuple of these; by itself the value, yes or no.
    json: its value in the JSON; exact numbers are written as everywhere.
    claim: bool, int or sympy's Expr, where scheme files may claim it, under the last part of its key.
    after: the key of the finding that it is told after; by itself it is told last.
    reads: the class of what the function is given: `Scheme`, one family of them, `Stencil`, or `CoefficientTable`.

    The function returns None for a scheme that it does not apply to. It has its share of a report's time; what it
    raises is said in a line in its place. A cell of a notebook that is run again replaces what it has added.
    Raises InputError for a key that another has taken, and the like.
    """
    _check(key, name, claim, after)

    def register(find: F) -> F:
        row = Finding(
            key,
            name,
            find=_guarded(find, claim),
            reads=reads,
            tell=lambda value, _: ask(f"{name} in words", partial(_answer, _facts, name, words, value), key) or (),
            json=lambda value: ask(f"{name} as JSON", partial(_answer, _plain, json, value), key),
            after=after,
        )
        add(row, claim)
        return find

    return register


def _check(key: str, name: str, claim: type | None, after: str) -> None:
    if not isinstance(key, str) or not KEY.match(key):
        raise InputError(f"finding {quoted(key)}: a key is small letters, digits and underscores, with one dot at most")
    check_line(name, f"finding {key}: name", LONGEST_NAME)
    known = known_keys()
    objects = {k.partition(".")[0] for k in known if "." in k}
    if not is_added(key) and (key in known | objects or key.partition(".")[0] in known):
        raise InputError(f"finding {key}: there is one of this key; choose another")
    if claim is not None and claim not in KINDS:
        raise InputError(f"finding {key}: claim is bool, int or sympy.Expr, not {quoted(claim)}")
    if claim is not None and key.rpartition(".")[2] in CLAIMS and not is_added(key, claimable=True):
        raise InputError(f"finding {key}: claims.{key.rpartition('.')[2]} means something else; choose another key")
    if after and after not in known - {LEFT_OUT, key}:
        raise InputError(f"finding {key}: after = {quoted(after)} is the key of no finding")


def _guarded(find: Callable[[Any], Any], claim: type | None) -> Callable[[Any], Any]:
    """A stranger's function: what it raises, or returns that is not what may be claimed, is said and ends nothing."""

    @wraps(find)
    def found(table: CoefficientTable) -> Any:
        value = _answer(find, table)
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
    written = words(value)
    pieces = tuple(_printable(x) for x in (written if isinstance(written, tuple) else (written,)))
    fact = Fact(name, pieces)
    return (fact,) if fact.text else ()  # written now, within its share


def _printable(written: Any) -> Piece:
    value = piece(written)
    return one_line(value) if isinstance(value, str) else value


def _plain(to_json: Callable[[Any], Any], value: Any) -> Any:
    written = to_json(value)
    json.dumps(written, allow_nan=False)
    return written
