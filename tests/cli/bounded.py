"""A command in a child of its own, with so much time and memory and no more."""

import io
import os
import resource
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from tableau2net.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status (negative: killed by a signal), what it cost (memory: more than the process
    that it was forked from holds), what it said on stderr."""

    status: int
    seconds: float
    mebibytes: float
    said: str


def bounded(arguments: list[str], *, seconds: int, mebibytes: int) -> Done:
    """Run a command in a fork, with so many seconds of the processor and so much memory more than this process has."""
    mine, held = (int(pages) * resource.getpagesize() for pages in Path("/proc/self/statm").read_text().split()[:2])
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_AS, (mine + mebibytes * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        status, said = _run(arguments)
        os.write(write, said[-4000:].encode(errors="replace"))
        os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, ended, used = os.wait4(child, 0)
    more = used.ru_maxrss / 1024 - held / 2**20
    return Done(os.waitstatus_to_exitcode(ended), used.ru_utime + used.ru_stime, more, said)


def _run(arguments: list[str]) -> tuple[int, str]:
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in "oe")
    sys.argv = ["tableau2net", *arguments]
    try:
        main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        return 99, traceback.format_exc()
    sys.stderr.flush()
    return status, sys.stderr.buffer.getvalue().decode()
