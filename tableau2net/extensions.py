"""What other installed packages add: their entry points, loaded when a name is looked for that is not our own.

A package says in its pyproject.toml which of its modules register something::

    [project.entry-points."tableau2net.models"]
    mine = "my_package.networks"

Importing the module is all that happens; `register_model` and its like are called in it. The groups are
``tableau2net.schemes``, ``tableau2net.models``, ``tableau2net.sources`` and ``tableau2net.findings``.
"""

from __future__ import annotations

import warnings
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

from tableau2net.sinks import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

loaded: dict[str, tuple[ModuleType, ...]] = {}
_lock = RLock()


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
