"""What other installed packages add: their entry points, loaded when a name is looked for that is not our own.

A package says in its pyproject.toml which of its modules register something::

    [project.entry-points."tableau2net.models"]
    mine = "my_package.networks"

Importing the module is all that happens; `register_model` and its like are called in it. The groups are
``tableau2net.schemes``, ``tableau2net.models``, ``tableau2net.sources`` and ``tableau2net.findings``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tableau2net.errors import InputError
from tableau2net.sinks import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

loaded: dict[str, tuple[ModuleType, ...]] = {}
_lock = RLock()
_changes: list[str] = []


def load_extensions(group: str) -> tuple[ModuleType, ...]:
    """The modules that installed packages name under ``tableau2net.{group}``, imported; once a process.

    One that cannot be imported is left out, with a RuntimeWarning that names it: what another package does wrong
    must not keep anybody from a scheme of ours.
    """
    with _lock:
        if group not in loaded:
            loaded[group] = ()  # a module that asks for names while it is imported sees those that are there
            loaded[group] = tuple(found for point in _points(group) if (found := _imported(point)) is not None)
        return loaded[group]


def _points(group: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points  # 10 ms, for which only a name that is not ours waits

    return sorted(entry_points(group=f"tableau2net.{group}"), key=lambda point: (point.name, point.value))


def _imported(point: EntryPoint) -> ModuleType | None:
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module does when it is imported
        warnings.warn(f"{_told(point)} cannot be imported: {one_line(str(error))}", RuntimeWarning, stacklevel=4)
        return None
    if not isinstance(found, ModuleType):
        warnings.warn(f"{_told(point)} is no module; name the one that registers", RuntimeWarning, stacklevel=4)
        return None
    return found


def _told(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "a package"
    return one_line(f"entry point {point.name} = {point.value!r} ({point.group}) of {package}")


def origin(thing: Any) -> str:
    """Where a class or a function is written: a module that is loaded again, a cell that is run again, has the same."""
    thing = _whole(thing)
    return f"{thing.__module__}.{getattr(thing, '__qualname__', type(thing).__name__)}"


def _whole(thing: Any) -> Any:
    """The function of which it may be a part."""
    return _whole(thing.func) if isinstance(thing, partial) else thing


def check_free(told: str, name: str, new: Any, known: Any | None) -> None:
    """Raises InputError, beginning with `told`, where a name is another's; the same from the same place may take it.

    new, known: the class or function that is to have the name, and that which has it."""
    if known is None or known is new:
        return
    if origin(known) != origin(new):
        raise InputError(f"{told}: {name!r} is {origin(known)}'s already; choose another name")
    note_change(name)


def note_change(name: str) -> None:
    """A name stands for something else than before."""
    _changes.append(name)


def changes() -> int:
    """How often one did: what is kept by name is of no use from then on."""
    return len(_changes)


@contextmanager
def told_of(code: Any, name: str) -> Iterator[None]:
    """What a stranger's class or function raises is said in one line that names it, its cause kept.

    code: what runs.  name: what it is called.  Faults of our own code stay what they are. Raises InputError."""
    try:
        yield
    except (InputError, MemoryError, RecursionError):
        raise
    except Exception as error:
        module = _whole(code).__module__
        if module.partition(".")[0] == __package__:
            raise
        frames = [(f, line) for f, line in walk_tb(error.__traceback__) if f.f_globals.get("__name__") == module]
        place = "".join(f" ({Path(f.f_code.co_filename).name}, line {line})" for f, line in frames[-1:])
        raise InputError(one_line(f"{name}{place} raises {type(error).__name__}: {error}")) from error
