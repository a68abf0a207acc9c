"""Processes of our own: another Python with this same package, which imports nothing from the current folder.

Python looks for modules in the folder where it is started, first of all: a ``sympy.py`` that came with somebody's
scheme files would be run.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SAFE = "PYTHONSAFEPATH"
# this package by its place: what else lies beside it, as in a checkout, cannot be imported by that
_LOAD = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("tableau2net", {init!r}, submodule_search_locations=[{folder!r}])
sys.modules["tableau2net"] = package = module_from_spec(spec)
spec.loader.exec_module(package)
"""


def command(code: str, *arguments: str) -> list[str]:
    """The command that runs `code` where tableau2net is this same package; `arguments` are its ``sys.argv[1:]``."""
    load = _LOAD.format(init=str(PACKAGE / "__init__.py"), folder=str(PACKAGE))
    return [sys.executable, "-P", "-c", load + code, *arguments]


def environment() -> dict[str, str]:
    """Our environment, for a child: its own children, whoever starts them, import nothing from the current folder."""
    found = os.environ | {SAFE: "1"}
    if "PYTHONPATH" in found:  # where an empty entry is the current folder, and is seldom meant to be
        found["PYTHONPATH"] = os.pathsep.join(filter(None, found["PYTHONPATH"].split(os.pathsep)))
    return found


@contextlib.contextmanager
def safely() -> Iterator[None]:
    """While others start processes for us: they import nothing from the current folder."""
    before = os.environ.get(SAFE)
    os.environ[SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE]
        else:
            os.environ[SAFE] = before
