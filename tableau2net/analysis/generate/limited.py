"""A computation under a limit of time and memory, in a process of its own that is ended when it runs over.

Exact elimination can take longer than the age of the universe, inside one call that nothing interrupts.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tableau2net.children import command, environment

P = ParamSpec("P")
T = TypeVar("T")

MEMORY = 4 * 2**30  # bytes


class OutOfTimeError(Exception):
    """The computation did not end in the time, or the memory, that it had."""


def within(seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``function(*args, **kwargs)``, given `seconds`; everything is pickled, so the function is a module's own.

    Raises OutOfTimeError when it does not end in time or is short of memory, else what the function raises."""
    try:
        done = subprocess.run(
            command("from tableau2net.analysis.generate.limited import answer; answer()"),
            input=pickle.dumps((function, args, kwargs)),
            capture_output=True,
            timeout=seconds,
            check=False,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        raise OutOfTimeError(f"not done after {seconds:.0f} seconds") from None
    if done.returncode:
        if b"MemoryError" in done.stderr or done.returncode < 0:
            raise OutOfTimeError("short of memory")
        raise RuntimeError(done.stderr.decode(errors="replace"))
    outcome, value = pickle.loads(done.stdout)
    if outcome == "raised":
        raise value
    result: T = value
    return result


def answer() -> None:
    """The child: read the call from standard input, write its outcome to standard output."""
    _bound_memory()
    function, args, kwargs = pickle.load(sys.stdin.buffer)
    outcome: tuple[str, Any]
    try:
        outcome = ("returned", function(*args, **kwargs))
    except MemoryError:
        raise
    except Exception as error:
        outcome = ("raised", error)
    sys.stdout.buffer.write(pickle.dumps(outcome))


def _bound_memory() -> None:
    """Only POSIX systems can; elsewhere the limit of time alone must do."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
