"""A function of many things, on all the cores that this process may use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
FEW = 32  # things for which processes of their own are not worth it


def spread(function: Callable[[T], R], things: Sequence[T], few: int = FEW) -> Iterator[R]:
    """``function(thing)`` of each, in their order, each as soon as it and those before it are known.

    Where there is more than one core, and more than `few` things, in processes that are copies of this one: nothing is
    imported again. Where copies are not safe (threads run, or the system is not Linux), one after another."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    if cores < 2 or len(things) <= few or threading.active_count() > 1:
        yield from map(function, things)
        return
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("fork"), initializer=_leave_interrupts)
    try:
        yield from pool.map(function, things, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is for the process that asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
