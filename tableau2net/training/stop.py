"""When a run is to stop before its end: its time is up, or the system asks for it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

Handler = Callable[[int, FrameType | None], Any] | int | None


class Stopped(Exception):
    """A run that was stopped before its end, and can go on: its folder, why, and how far it has come.

    reason: "time" (max_seconds), "SIGTERM" or "SIGINT".
    """

    def __init__(self, folder: object, reason: str, come: str) -> None:
        super().__init__(f"{folder}: stopped ({reason}) {come}; go on with --resume --out {folder}")
        self.folder, self.reason = folder, reason


class Stop:
    """Asked after each step, says why the run should stop there, or None. A context: signals are caught inside.

    The first SIGINT or SIGTERM is taken note of, so that a step is finished and kept; a second one does what it always
    did. Outside the main thread, where Python lets nobody catch signals, time alone is looked at.
    """

    def __init__(self, max_seconds: float | None) -> None:
        self.deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self.caught: str | None = None
        self.before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _catch(self, number: int, _: FrameType | None) -> None:
        self.caught = signal.Signals(number).name
        signal.signal(number, self.before[signal.Signals(number)])

    def __call__(self) -> str | None:
        if self.caught is None and self.deadline is not None and time.monotonic() >= self.deadline:
            return "time"
        return self.caught
