"""The processes of a run: which one this is, its share of a batch, and what they tell each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from tableau2net.errors import InputError

Found = TypeVar("Found")


class SaidElsewhere(SystemExit):
    """Another process of the run tells why it ends: this one ends too, silently; with status 2 after bad input."""

    def __init__(self, status: int = 2) -> None:
        super().__init__(status)


@dataclass(frozen=True)
class Ranks:
    """Process `rank` of `count`, the `local`-th of its machine; all counted from 0. Where it is alone, every method
    gives back what it was given and no process group is asked for; else they are called within `joined`.

    layers: whether they share the steps of blocks, and not the batch.

    Each method but `share` and `own_device` is a collective: all processes call it, in the same order.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    layers: bool = False

    @property
    def sharing(self) -> Ranks:
        """Those who share the batch: all, or this one alone, which then has the images and the chance of the others."""
        return Ranks() if self.layers else self

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def share(self, size: int) -> slice:
        """The part of a batch of `size` images that this process takes: contiguous, in the order of ranks, sizes
        differing by one at most. It is empty in some where there are fewer images than processes."""
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def own_device(self, device: str | None) -> str | None:
        """The device of this process, where the user asked for `device`: of a machine's GPUs each process takes one.

        Raises InputError for a numbered GPU, which all processes would share, and where there are too few.
        """
        if self.count == 1 or not on_gpu(device):
            return device
        if device not in (None, "cuda"):
            raise InputError(f"--device {device}: torchrun gives each process a GPU of its own; write --device cuda")
        if self.local >= (there := torch.cuda.device_count()):
            raise InputError(
                f"--device cuda: this machine has {there} GPUs and is to run more processes than that; "
                f"write torchrun --nproc-per-node {there}"
            )
        return f"cuda:{self.local}"

    def total(self, tensor: Tensor) -> Tensor:
        """The tensor, which has become its sum over all processes, the same in each to the bit.

        On a GPU it waits for nothing, and can be captured in a CUDA graph."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def gathered(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, of one shape, in the order of ranks: (count, …)."""
        rows = tensor.new_zeros(self.count, *tensor.shape)
        rows[self.rank] = tensor
        return self.total(rows)

    def any(self, wanted: bool) -> bool:
        """Whether any process wants it (to stop, say). It is asked on the CPU: no GPU is waited for."""
        return bool(self.total(torch.tensor(int(wanted))) > 0)

    @torch.no_grad()
    def spread(self, module: torch.nn.Module) -> None:
        """Give all processes the first one's parameters and buffers, the same to the bit."""
        if self.count > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                same = tensor.contiguous()  # strides need not be the same everywhere
                distributed.broadcast(same, 0)
                tensor.copy_(same)

    def agreed(self, action: Callable[[], Found]) -> Found:
        """What `action` gives here, once it has ended in all processes.

        Where it raised InputError, it is raised again; in all others, `SaidElsewhere` is: none of them goes on."""
        if self.count == 1:
            return action()
        failure: InputError | None = None
        try:
            found = action()
        except InputError as error:
            failure = error
        failed = self.any(failure is not None)
        if failure is not None:
            raise failure
        if failed:
            raise SaidElsewhere
        return found

    def first_ahead(self, action: Callable[[], Found]) -> Found:
        """What `action` gives, one process of each machine ahead of its others: a download happens once."""
        if self.count == 1:
            return action()
        ahead = self.agreed(action if self.local == 0 else lambda: None)
        behind = self.agreed((lambda: None) if self.local == 0 else action)
        return ahead if self.local == 0 else behind  # type: ignore[return-value]


def find_ranks() -> Ranks:
    """Who this process is, by what torchrun has put into its environment; alone where that is nothing.

    Raises InputError for an environment that makes no sense."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = [os.environ.get(name) for name in names]
    if given[1] is None:
        return Ranks()
    told = " ".join(f"{name}={value[:20]}" for name, value in zip(names, given, strict=True) if value is not None)
    if not all(text is not None and text.isascii() and text.isdigit() and len(text) < 9 for text in given):
        raise InputError(f"{told}: the environment must have {', '.join(names)}, whole numbers; start with torchrun")
    rank, count, local = (int(text) for text in given if text is not None)
    if not local <= rank < count:
        raise InputError(f"{told}: LOCAL_RANK must not be above RANK, and RANK below WORLD_SIZE; start with torchrun")
    return Ranks(rank, count, local)


def on_gpu(device: str | None) -> bool:
    """Whether the device that the user has named, or where none is named the usual one, is a GPU."""
    return torch.cuda.is_available() if device is None else device.startswith("cuda")
