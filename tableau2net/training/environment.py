"""Where a run happened: versions, the device, the state of the source, the time."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tableau2net._version import __version__
from tableau2net.errors import InputError

USABLE = ("cpu", "cuda", "mps", "xpu")
MOST = 120  # characters of a reason


def choose_device(name: str | None) -> torch.device:
    """The device called `name`, or where none is asked for, a GPU if there is one, else the CPU.

    Raises InputError for a name that is none, or a device that this machine does not have.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in USABLE:
            raise ValueError(f"it is none of {', '.join(USABLE)}")
        torch.empty(1, device=device)
    except Exception as error:  # each backend that is not there has errors of its own, some of a thousand characters
        reason = " ".join(str(error).split()).partition(". ")[0]
        reason = reason if len(reason) <= MOST else f"this machine, or this torch, has no {name.partition(':')[0][:40]}"
        raise InputError(f"--device {name[:40]}: cannot be used here ({reason}); try cpu or cuda") from error
    return device


def versions() -> dict[str, str]:
    """Version numbers of what decides the outcome of a run."""
    return {
        "tableau2net": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "sympy", "numpy", "pillow")},
    }


def describe_device(device: torch.device) -> dict[str, Any]:
    """The device's kind, its model name, and for a CPU how many threads are used."""
    if device.type == "cuda":
        return {"type": "cuda", "name": torch.cuda.get_device_name(device), "threads": None}
    return {"type": device.type, "name": _processor(), "threads": torch.get_num_threads()}


def commit() -> str | None:
    """The git commit of this package's source, "-dirty" added where files differ; None outside a checkout."""
    here = Path(__file__)
    git = ("git", "-C", str(here.parent))
    try:
        # A package installed somewhere below an unrelated checkout is not tracked by it.
        subprocess.run([*git, "ls-files", "--error-unmatch", here.name], capture_output=True, check=True, timeout=10)
        told = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True, text=True, timeout=10)
        changed = subprocess.run([*git, "diff", "HEAD", "--quiet"], capture_output=True, timeout=10).returncode
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() + ("-dirty" if changed else "")


def now() -> str:
    """The date and time, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    """The CPU's model name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
