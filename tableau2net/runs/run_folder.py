"""The folder of one run."""

from pathlib import Path

from tableau2net.errors import InputError
from tableau2net.files import PARTIAL

CHECKPOINT = "checkpoint.safetensors"
BEFORE = "checkpoint.before.safetensors"  # the one that it took the place of
WEIGHTS = "model.safetensors"
PREDICTIONS = "predictions.safetensors"
LOG = "log.jsonl"


def find_run(folder: Path, *, resume: bool) -> bool:
    """Whether the folder of a run holds a checkpoint to go on from.

    A folder that is missing or empty means a new run, with `resume` too: a run may be stopped before its first
    checkpoint. Raises InputError for a folder with other contents.
    """
    try:
        names = {entry.name for entry in folder.iterdir() if not entry.name.endswith(PARTIAL)}
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"{folder}: cannot hold a run ({error.strerror}); choose another --out") from error
    if not names:
        return False
    if not resume:
        raise InputError(f"{folder}: is not empty; go on with its run with --resume, or choose another --out")
    if names.isdisjoint((CHECKPOINT, BEFORE)):
        raise InputError(f"{folder}: has files but no {CHECKPOINT} to resume from; choose another --out")
    return True
