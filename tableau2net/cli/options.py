"""What subcommands share."""

from __future__ import annotations

from collections.abc import Container, Sequence
from json import loads as json_value
from typing import Any, TypeVar

from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable

Table = TypeVar("Table", bound=CoefficientTable)


def labelled(schemes: Sequence[Table]) -> dict[str, Table]:
    """Schemes or stencils under their names; a name that comes twice is numbered."""
    found: dict[str, Table] = {}
    for scheme in schemes:
        name = scheme.name or "unnamed"
        n = sum(label == name or label.startswith(f"{name} (") for label in found)
        found[f"{name} ({n + 1})" if n else name] = scheme
    return found


def key_value(text: str, taken: Container[str] = ()) -> tuple[str, Any]:
    """KEY=VALUE of --option, the value as JSON where it is JSON, else as text.

    Raises InputError where there is no key, or one that is taken."""
    key, equals, value = text.partition("=")
    if key in taken:
        own = f"--{key.replace('_', '-')}"
        raise InputError(
            f"--option {text[:60]!r}: {key} is said elsewhere, see --help on {own}; write KEY=VALUE of another key"
        )
    if not equals or not key.isidentifier():
        raise InputError(f"--option {text[:60]!r}: write KEY=VALUE with the key an option of the network")
    try:
        return key, json_value(value)
    except ValueError:
        return key, value
