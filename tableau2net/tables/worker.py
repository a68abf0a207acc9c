"""A worker's process: ``python -m tableau2net.tables.worker SPEC.json``.

What became of the run is one line of JSON on stdout. Its parent holds the other end of its stdin: when that closes, the
parent is gone, and the run stops as it does at a SIGTERM, with a checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from tableau2net.declared import read
from tableau2net.tables.work import Outcome, Spec, work


def _until_parent_ends() -> None:
    """Ask the run to stop when the parent is gone, which closes our stdin."""
    os.read(0, 1)  # not through sys.stdin, whose lock would be in the way of our own end
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Read the spec, do it, say what became of it."""
    signal.signal(signal.SIGTERM, _interrupt)
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no outcome
    try:
        spec = read(Spec, json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[1])
        threading.Thread(target=_until_parent_ends, daemon=True).start()
        outcome = work(spec)
    except KeyboardInterrupt:
        outcome = Outcome("stopped", "SIGTERM")
    print(json.dumps(asdict(outcome)), file=told, flush=True)


if __name__ == "__main__":
    main()
