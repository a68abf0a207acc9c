"""What the registry knows of a family of networks, and how a family comes into it: `register_model`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, overload

from torch import nn

from tableau2net.errors import InputError
from tableau2net.extensions import check_free, origin

Build = TypeVar("Build", bound=Callable[..., nn.Module])
Said = dict[str, int | str]  # what a name says


@dataclass(frozen=True)
class ModelEntry:
    """Networks that go by one pattern of names.

    pattern: a regular expression that a whole name matches; `build` gets its named groups as integers where they are
        digits, else as text, and leaves out those that did not take part.
    published: the names that `list_models` shows, each a match of the pattern.
    build: ``build(**groups, **options) -> network``; takes at least ``num_classes=10``.
    scheme: the library scheme that the network's steps are; "" where an option or the name says which.
    about: one line, what it is and the paper it comes from.
    """

    pattern: str
    published: tuple[str, ...]
    build: Callable[..., nn.Module]
    scheme: str
    about: str

    def groups(self, name: str) -> Said | None:
        """What the name says to `build`; None where it is no name of this family."""
        match = re.fullmatch(self.pattern, name, re.ASCII)
        if match is None:
            return None
        said = {key: text for key, text in match.groupdict().items() if text is not None}
        return {key: int(text) if text.isdigit() else text for key, text in said.items()}


REGISTERED: dict[str, ModelEntry] = {}  # by pattern, in the order in which names are looked for


@overload
def register_model(pattern: Build, /) -> Build: ...


@overload
def register_model(
    pattern: str, /, *, published: Iterable[str] = (), scheme: str = "", about: str = ""
) -> Callable[[Build], Build]: ...


def register_model(
    pattern: str | Build, /, *, published: Iterable[str] = (), scheme: str = "", about: str = ""
) -> Build | Callable[[Build], Build]:
    """A decorator: networks of these names are made by the function. It is given back as it is.

    ``@register_model`` alone takes the name of the function and the first line of its docstring; else the arguments are
    those of `ModelEntry`::

        @register_model(r"plain(?P<depth>\\d+)", published=("plain20",), scheme="euler", about="a ResNet of mine")
        def plain(depth: int, *, num_classes: int = 10, **options: Unpack[CompileOptions]) -> nn.Module: ...

    What `create_model` is called with, what the command line is (``--model plain32 --option h=0.1``) and what is stored
    with a run is handed on as `options`. The network may be any nn.Module; of one that is made of compiled blocks
    `summary`, `refine` and ``check RUN`` know what they are. The same function again takes its own place: a module may
    be loaded anew.

    Raises InputError for a pattern that is none, a name that does not match it, one without a published name, and names
    that another family answers to.
    """
    if not isinstance(pattern, str):
        build = pattern
        about = (build.__doc__ or "").strip().partition("\n")[0]
        _register(ModelEntry(re.escape(build.__name__), (build.__name__,), build, scheme, about))
        return build
    given = pattern

    def decorate(build: Build) -> Build:
        names = (published,) if isinstance(published, str) else tuple(published)
        _register(ModelEntry(given, names, build, scheme, about))
        return build

    return decorate


def _register(entry: ModelEntry) -> None:
    try:
        re.compile(entry.pattern)
    except re.error as error:
        raise InputError(f"register_model: {entry.pattern!r} is no regular expression: {error}") from None
    if not entry.published:
        raise InputError(f"register_model: {entry.pattern!r} has no published name; list_models shows one at least")
    before = REGISTERED.get(entry.pattern)
    check_free("register_model", entry.pattern, entry.build, before and before.build)
    for name in entry.published:
        if entry.groups(name) is None:
            raise InputError(f"register_model: {name!r} does not match {entry.pattern!r}")
        other = next((e for e in REGISTERED.values() if e is not before and e.groups(name) is not None), None)
        if other is not None:
            raise InputError(f"register_model: {name!r} is a name of {origin(other.build)} already")
    REGISTERED[entry.pattern] = entry
