"""What a report may cost: each part of it has a share of a budget, and what does not fit is left out, and said.

What can be counted is counted before it is begun (trees, stages times trees, digits) and refused by `TooMuch`. How
numbers and polynomials swell under exact arithmetic cannot be counted beforehand: a part that takes more time of the
processor than is its share, or more memory, is stopped from outside. Without a budget (`stability(scheme)` called by
itself, say) every part takes what it takes.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

BUILT: list[Callable[[], None]] = []  # what forgets things that grow while they are used, and may be stopped half way

T = TypeVar("T")
P = ParamSpec("P")

SECONDS = 6.0  # of the processor, for a whole report
LEAST = 0.1  # seconds that any part has, whatever came before it
MEMORY = 192 * 2**20  # bytes that a part may add
TICK, AGAIN = 0.02, 0.5  # seconds between looks at the clock, and until a part that did not stop is stopped again


class TooMuch(Exception):
    """A question that is more work than it may be, as counted before it was begun; says what was counted."""


class _Stopped(BaseException):  # not an Exception: what is stopped must not take it for a failure of its own
    """Raised inside a part, from outside, when its share is used up."""


WHY = {_Stopped: "took too long", MemoryError: "more memory than there is", RecursionError: "nested too deeply"}


@dataclass(frozen=True)
class LeftOut:
    """A part of a report that is not there, and why."""

    part: str
    why: str

    def __str__(self) -> str:
        return f"{self.part}: {self.why}"


@dataclass
class _Share:
    """What the part that is under way may use: until when, and how large the process may become."""

    until: float
    size: int
    why: str = ""


@dataclass
class Budget:
    """The time of one report, shared out to its parts: each may use half of what is left. left_out: what did not fit.

    A part is known by its name and what it is about: asked again, the answer is the same."""

    seconds: float = SECONDS
    left_out: list[LeftOut] = field(default_factory=list)
    _known: dict[tuple[object, ...], object] = field(default_factory=dict)
    _shares: list[_Share] = field(default_factory=list)
    _closed: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # whoever stops a part, or leaves it

    def ask(self, name: str, question: Callable[[], T], *about: object, silent: bool = False) -> T | None:
        """The answer, or None where it is left out."""
        key = (name, *about)
        if key not in self._known:
            self._known[key] = self._answered(name, question, silent)
        return self._known[key]  # type: ignore[return-value]

    def _answered(self, name: str, question: Callable[[], T], silent: bool) -> T | None:
        depth, now = len(self._shares), self._clock()
        end = self._shares[-1].until if self._shares else self._end
        share = _Share(max(now + LEAST, (now + end) / 2), _size() + MEMORY)
        try:
            self._shares.append(share)
            try:
                return question()
            finally:
                self._leave(depth)
        except TooMuch as counted:
            why = str(counted)
        except (_Stopped, MemoryError, RecursionError) as stop:
            self._leave(depth)  # once more: it may have come while the first was under way
            why = share.why or WHY[type(stop)]
            for forget in BUILT:
                forget()
        if not silent:
            self.left_out.append(LeftOut(name, why))
        return None

    def _leave(self, depth: int) -> None:
        with self._lock:
            del self._shares[depth:]
        _arrive()

    def __post_init__(self) -> None:
        self._thread = threading.get_ident()
        self._end = self._clock() + self.seconds
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        with suppress(RuntimeError):  # no thread is to be had: then nothing is stopped
            self._watcher.start()

    def _clock(self) -> float:
        """Seconds of the processor that the thread which asks has used; where that is not known, of the day."""
        if hasattr(time, "pthread_getcpuclockid"):
            return time.clock_gettime(time.pthread_getcpuclockid(self._thread))
        return time.monotonic()

    def _watch(self) -> None:
        wait = TICK
        while not self._closed.wait(wait):
            wait = TICK
            with self._lock:
                if self._shares and self._used_up(self._shares[-1]):
                    _raise_in(self._thread)
                    wait = AGAIN

    def _used_up(self, share: _Share) -> bool:
        if _size() > share.size:
            share.why = f"more than {MEMORY // 2**20} MiB of memory"
        elif self._clock() > share.until:
            share.why = "took too long"
        return bool(share.why)

    def close(self) -> None:
        """Nothing is stopped any more."""
        self._closed.set()
        if self._watcher.ident is not None:
            self._watcher.join()


def _raise_in(thread: int) -> None:
    """Raise `_Stopped` in a thread, at its next bytecode that looks. It must arrive: what is withdrawn (by NULL) leaves
    the interpreter looking for it for ever, and under a debugger nothing else is done then (CPython 3.11's ceval.c)."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Stopped))


def _arrive() -> None:
    """What has been raised in this thread and has not arrived yet arrives here: the end of a loop looks for it."""
    for _ in range(3):
        pass


_CURRENT: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def budget(seconds: float = SECONDS) -> Iterator[Budget]:
    """The budget of what is done within: the one that there is, or else a new one."""
    current = _CURRENT.get()
    if current is not None:
        yield current
        return
    made = Budget(seconds)
    token = _CURRENT.set(made)
    try:
        yield made
    finally:
        _CURRENT.reset(token)
        made.close()


def ask(name: str, question: Callable[[], T], *about: object, silent: bool = False) -> T | None:
    """The answer to a question that is part of a report: None where it is left out. Without a budget only what is
    counted as too much is.

    about: what the question is asked of, where one report asks it of several things. silent: it is not told."""
    current = _CURRENT.get()
    if current is not None:
        return current.ask(name, question, *about, silent=silent)
    try:
        return question()
    except TooMuch:
        return None


def left_out() -> tuple[LeftOut, ...]:
    """What has been left out of the report that is being made."""
    current = _CURRENT.get()
    return tuple(current.left_out) if current else ()


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose answers are kept, but for those from which a part was left out."""
    kept: dict[object, T] = {}

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(sorted(kwargs.items())))
        if key not in kept:
            before = left_out()
            found = function(*args, **kwargs)
            if left_out() != before:
                return found
            kept[key] = found
        return kept[key]

    return asked


def _size() -> int:
    """Bytes of this process that are in memory; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0
