"""Declarations: what a field is for, whether it decides a result, its default and its bounds, said once, at the field.

The command line, the files of tables, checkpoints and results read what stands there. Types and bounds are those of the
annotations, which msgspec holds a value against.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from tableau2net.errors import InputError

Declaration = TypeVar("Declaration")
LARGEST = 2**64  # of whole numbers: what is longer may be too long to be written at all
SHOWN = 40  # characters of a refused value


@dataclass(frozen=True)
class Setting:
    """What is said of a field. help: a line.  option: its name on the command line, where that is not its own.

    usual: in words, what stands for None.  ranged: the command line shows its bounds.  switch: it can only be turned on
    there.  metavar, kind: how it is written, where its type does not say it.
    """

    help: str
    option: str | None = None
    usual: str | None = None
    ranged: bool = False
    switch: bool = False
    metavar: str | None = None
    kind: type | None = None


def setting(default: Any, help: str, *, decides: bool = True, **more: Any) -> Any:
    """A field that can be set by its name. decides: whether what comes of a run depends on it; `more` as `Setting`."""
    return field(default=default, compare=decides, metadata={"setting": Setting(help, **more)})


@dataclass(frozen=True)
class Declared:
    """A field that can be set: its name, its type (with bounds, without None), its default, what is said of it."""

    name: str
    hint: Any
    optional: bool
    default: Any
    said: Setting

    def check(self, value: object, where: str) -> None:
        """Raises InputError, one line, where the field cannot have this value."""
        if self.hint is str and not (isinstance(value, str) and value and value.isprintable()):
            raise InputError(f"{where} = {_short(value, str)}: one line of text is expected")
        try:
            converted(self.hint, value)
        except ValueError:
            raise InputError(f"{where} = {_short(value, str)}: {wanted(self.hint)} is expected") from None


@cache
def declared(kind: Any) -> dict[str, Declared]:
    """The fields of a declaration that can be set, by their names."""
    return {own.name: made for own in fields(kind) if (made := _declared(own, hints(kind)[own.name])) is not None}


def _declared(own: Field[Any], hint: Any) -> Declared | None:
    if "setting" not in own.metadata:
        return None
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    (bare,) = (part for part in parts if part is not NoneType)
    default = own.default_factory() if own.default_factory is not MISSING else own.default
    return Declared(own.name, bare, NoneType in parts, default, own.metadata["setting"])


def hints(kind: Any) -> dict[str, Any]:
    """The types of a dataclass's fields, with their bounds."""
    return _hints(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def bounds(hint: Any) -> tuple[Any, Any]:
    """The least and the largest value that an annotation allows, None where there is no such bound."""
    metas = [each for each in get_args(hint)[1:] if isinstance(each, msgspec.Meta)]
    return next(((meta.ge, meta.le) for meta in metas), (None, None))


def bare(hint: Any) -> Any:
    """A type without its bounds."""
    return hint.__origin__ if hasattr(hint, "__metadata__") else hint


def wanted(hint: Any) -> str:
    """The values that an annotation allows, in words."""
    least, most = bounds(hint)
    if get_origin(bare(hint)) is tuple:
        return "a list of names" if get_args(bare(hint))[0] is str else "a list of numbers"
    said = {int: "a whole number", float: "a number", bool: "true or false", str: "a name"}[bare(hint)]
    if most is not None:
        return f"{said} from {least} to {most}"
    return said if least is None else f"{said}, at least {least},"


def converted(hint: Any, value: object) -> Any:
    """A value as a field of this type holds it: lists are tuples, whole numbers may stand for others. Raises ValueError
    for a value of another type, or out of bounds."""
    if isinstance(value, int) and abs(value) >= LARGEST:
        raise ValueError("too large a number")
    if isinstance(value, str) and "/" in value and float in (bare(hint), *get_args(hint)):
        value = fraction(value)
    try:
        return msgspec.convert(_builtin(value), hint)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def fraction(text: str) -> float:
    """A number that is written 0.5 or 2/3. Raises ValueError for what is neither."""
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except ZeroDivisionError:
        raise ValueError("divided by 0") from None


def _builtin(value: object) -> object:
    """Floats of numpy's as Python's."""
    if isinstance(value, list | tuple):
        return [_builtin(item) for item in value]
    return float(value) if isinstance(value, float) else value


def hold_types(own: Any, called: str) -> None:
    """For a declaration that is being made: its values as their fields hold them. Raises InputError for another."""
    kind: Any = type(own)
    for name, known in declared(kind).items():
        value = getattr(own, name)
        try:
            object.__setattr__(own, name, converted(hints(kind)[name], value))
        except ValueError:
            raise InputError(f"{called}: {name} is {_short(value)}; write {wanted(known.hint)}") from None


def changed(own: Declaration, changes: Mapping[str, Any], called: str) -> Mapping[str, Any]:
    """The changes, if each is of a field. Raises InputError with the nearest names."""
    kind: Any = type(own)
    known = declared(kind)
    for name in changes:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or tuple(known)[:3]
            raise InputError(f"{called}: has no {name[:SHOWN]!r}; did you mean {', '.join(near)}?")
    return changes


def _short(value: object, written: Any = repr) -> str:
    """A value as a line quotes it; a long whole number is not written at all."""
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "too large a number"
    try:
        text = " ".join(repr(value if written is repr else written(value)).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "too large a number"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


# ------------------------------------------------------------------------------------------------------------ JSON


def plain(own: object) -> Any:
    """A declaration as JSON has it."""
    return json.loads(json.dumps(msgspec.to_builtins(own)))


def read(kind: type[Declaration], found: object, where: str) -> Declaration:
    """A declaration from JSON; fields that it leaves out have their defaults.

    Raises InputError, one line with `where` it is from and the key, for an unknown key and for what cannot be."""
    try:
        for key, known in _unknown(kind, found):
            raise InputError(f"{where}: unknown key {key[:90]!r}; known here: {', '.join(known)}")
        return msgspec.convert(found, kind)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        said, _, place = str(error).partition(" - at `$")
        said = f"{place.strip('.`')}: {said}" if place and said.startswith(("Expected", "Number", "Object")) else said
        raise InputError(f"{where}: {said[:300]}") from None


def _unknown(kind: Any, found: object, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Keys that are no fields, each by its path, with those that are."""
    if not (is_dataclass(kind) and isinstance(found, Mapping)):
        return
    known = hints(kind) if isinstance(kind, type) else {}
    for key, value in found.items():
        if key in known:
            yield from _unknown(known[key], value, f"{path}{key}.")
        else:
            yield f"{path}{key}", list(known)


def deciding(own: Any) -> dict[str, Any]:
    """The fields of a declaration that a result depends on, as JSON has them."""
    return {each.name: plain(getattr(own, each.name)) for each in fields(own) if each.compare}


def canonical(value: Any) -> str:
    """JSON in one form: keys sorted, whole numbers written so."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _whole(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(own) for own in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Every setting that is not the same in both, as "recipe.lr: 0.1 there, 0.2 here"."""
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{key}.")
        elif canonical(a) != canonical(b):
            found.append(f"{prefix}{key}: {_told(a)} there, {_told(b)} here")
        elif (key in old) != (key in new):
            found.append(
                f"{prefix}{key}: {'None' if key in old else 'nothing'} there, "
                f"{'None' if key in new else 'nothing'} here"
            )
    return found


def _told(value: Any) -> str:
    """A value in a line; of a text of several lines, how it begins."""
    return f"{value.splitlines()[0][:SHOWN]}…" if isinstance(value, str) and "\n" in value else str(value)
