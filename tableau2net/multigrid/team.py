"""Processes that share the steps of a block, and what one hands to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, distributed

State = tuple[Tensor, ...]


class Team(Protocol):
    """Processes in a row; this one has the place `place` of `count`."""

    @property
    def place(self) -> int: ...

    @property
    def count(self) -> int: ...

    def send(self, state: State, to: int) -> Callable[[], None]:
        """Begin to send; what it returns waits until that is done."""

    def receive(self, like: State, source: int) -> State:
        """What has been sent here, of the form of `like`."""

    def spread(self, state: State, source: int) -> State:
        """Give all what one has; of the others its form is read."""

    def total(self, flat: Tensor) -> Tensor:
        """The sum over all, where each number is 0 in all but one."""


@dataclass(frozen=True)
class Alone:
    """One process, which has nobody to talk to."""

    place: int = 0
    count: int = 1

    def send(self, state: State, to: int) -> Callable[[], None]:
        raise AssertionError("nobody is there")

    def receive(self, like: State, source: int) -> State:
        raise AssertionError("nobody is there")

    def spread(self, state: State, source: int) -> State:
        return state

    def total(self, flat: Tensor) -> Tensor:
        return flat


@dataclass(frozen=True)
class Distributed:
    """Those of torch.distributed, gloo between CPUs, NCCL between GPUs."""

    place: int
    count: int

    def send(self, state: State, to: int) -> Callable[[], None]:
        packed = [dense(tensor) for tensor in state]
        work = [distributed.isend(tensor, to) for tensor in packed]

        def wait() -> None:
            for each in work:
                if each is not None:
                    each.wait()
            packed.clear()  # kept until then

        return wait

    def receive(self, like: State, source: int) -> State:
        found = tuple(torch.empty_like(tensor) for tensor in like)
        for tensor in found:
            distributed.recv(dense(tensor), source)
        return found

    def spread(self, state: State, source: int) -> State:
        found = state if self.place == source else tuple(torch.empty_like(tensor) for tensor in state)
        for tensor in found:
            distributed.broadcast(dense(tensor), source)
        return found

    def total(self, flat: Tensor) -> Tensor:
        distributed.all_reduce(flat)
        return flat


def team_of() -> Team:
    """The processes of torch.distributed, where it has been started; else this one alone."""
    if not distributed.is_available() or not distributed.is_initialized() or distributed.get_world_size() == 1:
        return Alone()
    return Distributed(distributed.get_rank(), distributed.get_world_size())


def formed(tensor: Tensor, like: Tensor) -> Tensor:
    """A tensor with the strides of another of its shape, which must be dense: kernels, and so the last bits of what
    they give, depend on strides, and a process that has been sent a state has those of its own."""
    return tensor if tensor.stride() == like.stride() else torch.empty_like(like).copy_(tensor)


def dense(tensor: Tensor) -> Tensor:
    """The numbers of a dense tensor as they lie in memory: a view in which nobody cares for their order."""
    return tensor.detach().as_strided((tensor.numel(),), (1,))
