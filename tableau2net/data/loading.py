"""Batches of images decoded by worker processes while the device computes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from tableau2net.children import safely
from tableau2net.data.decoding import Batch, Images
from tableau2net.errors import InputError

Wanted = list[tuple[int, int]]


class Batches:
    """Which images each batch is made of; may be told anew before each epoch."""

    def __init__(self, batches: Sequence[Wanted] = ()) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Wanted]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def loader(images: Images, batches: Batches, workers: int, device: torch.device, *, keep: bool) -> DataLoader[Batch]:
    """What decodes batches in `workers` processes, which are kept from epoch to epoch where `keep` says so.

    Where CUDA is used they come from a fork server: a process forked off one that has CUDA can break. The images then
    go to memory that a GPU reads by itself."""
    cuda = device.type == "cuda"
    context = None
    if cuda and workers:
        context = torch.multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([Images.__module__])
    return DataLoader(
        images,  # type: ignore[arg-type]
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context=context,
        worker_init_fn=_quiet,
        persistent_workers=keep and workers > 0,
        pin_memory=cuda,
        generator=torch.Generator(),  # whose numbers nobody uses; without one, that of the network would give them
    )


def begin(batches: DataLoader[Batch]) -> Iterator[Batch | str]:
    """The batches from the first on.

    A process that dies is found out while its batch is waited for. Torch would raise an error as soon as the system
    tells, in the middle of whatever the main thread does then."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        with safely():
            return iter(batches)
    before = signal.getsignal(signal.SIGCHLD)
    with safely():
        found = iter(batches)
    signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
    return found


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Raises InputError for a worker process that dies (killed, or out of shared memory) while images are read."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{folder}: a process that decodes images died ({reason}); give --workers 0, or more (shared) memory"
        ) from error


def checked(batch: Batch | str) -> Batch:
    """A batch. Raises InputError where it is the line that tells what is wrong with one of its images."""
    if isinstance(batch, str):
        raise InputError(batch)
    return batch


def _as_it_is(batch: Any) -> Any:
    return batch


def _quiet(_: int) -> None:
    """The run itself answers Ctrl-C and SIGTERM, which a terminal, torchrun and batch systems send to all processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
