"""Batches of images fetched by worker processes while the device computes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tableau2net.children import safely
from tableau2net.errors import InputError

# Images, labels, and the pixel (B, 2) of each that a cutout is around; or what a network is given, what it should say
# of it, and the deviations of noise (B,).
Batch = tuple[Tensor, Tensor, Tensor | None]
Fetch = Callable[[int, Sequence[int]], Batch]  # of an epoch, the images of these numbers
Wanted = tuple[int, Sequence[int]]


@dataclass(frozen=True)
class Fetched:
    """What a worker process gives: the batch, or what is wrong with it, in a line. (An error that is raised there would
    come out as many.)"""

    fetch: Fetch

    def __getitems__(self, wanted: Wanted) -> Batch | str:
        try:
            return self.fetch(*wanted)
        except InputError as error:
            return str(error)


class Batches:
    """Which images each batch is made of; may be told anew before each epoch."""

    def __init__(self, batches: Sequence[Wanted] = ()) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Wanted]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def loader(fetch: Fetch, batches: Batches, workers: int, device: torch.device, *, keep: bool) -> DataLoader[Batch]:
    """What fetches batches in `workers` processes, which are kept from epoch to epoch where `keep` says so.

    Where CUDA is used they come from a fork server: a process forked off one that has CUDA can break. The images then
    go to memory that a GPU reads by itself."""
    cuda = device.type == "cuda"
    context = None
    if cuda and workers:
        context = torch.multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tableau2net.data.decoding"])
    return DataLoader(
        Fetched(fetch),  # type: ignore[arg-type]
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=_as_it_is,
        multiprocessing_context=context,
        worker_init_fn=_quiet,
        persistent_workers=keep and workers > 0,
        pin_memory=cuda and workers > 0,
        generator=torch.Generator(),  # whose numbers nobody uses; without one, that of the network would give them
    )


def begin(batches: DataLoader[Batch], source: str) -> Iterator[Batch]:
    """The batches of a source from the first on; processes that fetch them start at once.

    Raises InputError, then or when a batch is waited for, for a process that dies (killed, or out of shared memory),
    and for what a fetch raises it for."""
    with _alive(source):
        found = _started(batches)
    return _each(found, source)


def _started(batches: DataLoader[Batch]) -> Iterator[Batch | str]:
    """A process that dies is found out while its batch is waited for. Torch would raise an error as soon as the system
    tells, in the middle of whatever the main thread does then."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGCHLD"):
        with safely():
            return iter(batches)
    before = signal.getsignal(signal.SIGCHLD)
    with safely():
        found = iter(batches)
    signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
    return found


def _each(found: Iterator[Batch | str], source: str) -> Iterator[Batch]:
    try:
        while True:
            with _alive(source):
                batch = next(found, None)
            if batch is None:
                return
            if isinstance(batch, str):
                raise InputError(batch)
            yield batch
    finally:
        del found  # whoever keeps the error, and with it this frame, would keep the processes from ending


@contextlib.contextmanager
def _alive(source: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        reason = " ".join(str(error).split())
        raise InputError(
            f"{source}: a process that decodes images died ({reason}); give --workers 0, or more (shared) memory"
        ) from error


def _as_it_is(batch: Any) -> Any:
    return batch


def _quiet(_: int) -> None:
    """The run itself answers Ctrl-C and SIGTERM, which a terminal, torchrun and batch systems send to all processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
