"""Joining the processes of a run, and parting: where something is wrong, one of them says so and all end."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Iterator

import torch
from torch import distributed
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

from tableau2net.errors import InputError
from tableau2net.training.parallel.ranks import Ranks, SaidElsewhere, find_ranks, on_gpu

FAILED = "first-to-fail"
GRACE = 1.0  # seconds in which one process can say what is wrong, before torchrun sees another end and ends that one

_GROUPS = itertools.count()


@contextlib.contextmanager
def joined(device: str | None = None) -> Iterator[Ranks]:
    """The processes that torchrun has started, as one group for the while: NCCL between GPUs, gloo between CPUs.

    device: as the user has named it; None for a GPU where there is one. Within another `joined`, or without torchrun,
    nothing is joined.

    An InputError goes on to the outside in one process, the first in which it was raised; the others, which found the
    same or were waiting for that one, end by `SaidElsewhere`: what is wrong is said once. Raises InputError itself
    where the environment is not torchrun's, or this machine has fewer GPUs than processes.
    """
    ranks = find_ranks()
    if ranks.count == 1 or distributed.is_initialized():
        yield ranks
        return
    store = PrefixStore(f"tableau2net-{next(_GROUPS)}", _meet(ranks))  # of each group, as processes may join again
    try:
        with _one_voice(ranks, store):
            _make_group(ranks, device, store)
            yield ranks
            distributed.destroy_process_group()
    except SaidElsewhere:
        _part()
        time.sleep(GRACE)
        raise
    except BaseException:
        _part()
        raise


@contextlib.contextmanager
def _one_voice(ranks: Ranks, store: Store) -> Iterator[None]:
    """Only the first to fail may raise InputError; what comes of its parting is no news in the others."""
    try:
        yield
    except InputError:
        if _first_to_fail(ranks, store):
            raise
        raise SaidElsewhere from None
    except RuntimeError:  # of gloo or NCCL perhaps, since another has gone
        if _another_failed(store):
            raise SaidElsewhere from None
        raise


def _first_to_fail(ranks: Ranks, store: Store) -> bool:
    own = str(ranks.rank)
    with contextlib.suppress(RuntimeError):  # the store may have gone: better said twice than not at all
        return bool(store.compare_set(FAILED, "", own) == own.encode())
    return True


def _another_failed(store: Store) -> bool:
    with contextlib.suppress(RuntimeError):
        return bool(store.check([FAILED]))
    return False


@functools.cache
def _meet(ranks: Ranks) -> Store:
    """What all processes can read and write without a group, until this one ends. InputError where they cannot meet."""
    try:
        store: Store = next(rendezvous("env://", ranks.rank, ranks.count))[0]
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"process {ranks.rank} of {ranks.count}: {str(error).splitlines()[0]}; start with torchrun"
        ) from None
    return store


def _make_group(ranks: Ranks, device: str | None, store: Store) -> None:
    backend = "gloo"
    if on_gpu(device):
        torch.cuda.set_device(ranks.own_device(device))
        backend = "cpu:gloo,cuda:nccl"  # what is asked on the CPU does not wait for the GPU
    distributed.init_process_group(backend, store=store, rank=ranks.rank, world_size=ranks.count)


def _part() -> None:
    """Leave the group where something went wrong, without waiting for the others, who may be waiting for us."""
    if distributed.is_initialized():
        whole = distributed.group.WORLD
        with contextlib.suppress(RuntimeError):  # gloo has no such thing, and needs none
            if whole is not None:
                whole.abort()
        distributed.destroy_process_group()
