"""Shares of a batch, what the environment says, and that a process which is alone notices nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tableau2net.errors import InputError
from tableau2net.training.parallel import Ranks, SaidElsewhere, find_ranks, joined, synchronised, total_gradients

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*NAMES, "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def put(patch: pytest.MonkeyPatch, *values: str | None) -> None:
    for name, value in zip(NAMES, values, strict=True):
        if value is not None:
            patch.setenv(name, value)


@given(st.integers(0, 5000), st.integers(1, 40))
def test_shares_are_the_batch_and_fair(size: int, count: int) -> None:
    shares = [Ranks(rank, count, 0).share(size) for rank in range(count)]
    assert [i for share in shares for i in range(share.start, share.stop)] == list(range(size))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_what_torchrun_says(environment: pytest.MonkeyPatch) -> None:
    assert find_ranks() == Ranks(0, 1, 0)
    put(environment, "5", "8", "1")
    assert find_ranks() == Ranks(5, 8, 1)
    assert not find_ranks().first


@pytest.mark.parametrize(
    "values",
    [(None, "2", "0"), ("0", "2", None), ("2", "2", "0"), ("0", "two", "0"), ("-1", "2", "0"), ("0", "2", "1"),
     ("0", "0", "0"), ("٣", "8", "0"), ("0", "9" * 5000, "0"), ("", "2", "")],
)  # fmt: skip
def test_an_environment_that_makes_no_sense(values: tuple[str | None, ...], environment: pytest.MonkeyPatch) -> None:
    put(environment, *values)
    with pytest.raises(InputError, match="start with torchrun") as caught:
        find_ranks()
    assert len(str(caught.value)) < 300


def test_nobody_to_meet(environment: pytest.MonkeyPatch) -> None:
    put(environment, "1", "2", "1")
    with pytest.raises(InputError, match=r"MASTER_ADDR.*start with torchrun"), joined("cpu"):
        pass
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("values", [(None, None, None), ("0", "1", "0")])
def test_alone_nothing_is_asked_of_anybody(values: tuple[str | None, ...], environment: pytest.MonkeyPatch) -> None:
    put(environment, *values)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with joined("cpu") as ranks:
        assert not torch.distributed.is_initialized()
        assert ranks == Ranks()
        assert ranks.first
        assert ranks.share(7) == slice(0, 7)
        x = torch.ones(3)
        assert ranks.total(x) is x
        assert ranks.gathered(x).shape == (1, 3)
        assert (ranks.any(False), ranks.any(True)) == (False, True)
        value = {"a": object()}
        assert ranks.agreed(lambda: value) is value
        assert ranks.first_ahead(lambda: value) is value
        assert ranks.own_device("cuda:1") == "cuda:1"
        ranks.spread(network)
        assert synchronised(network) is network
        assert [type(module) for module in network] == [nn.Linear, nn.BatchNorm1d]
        total_gradients(network.parameters(), ranks)
        assert all(parameter.grad is None for parameter in network.parameters())
        with pytest.raises(InputError, match="mine"):
            ranks.agreed(lambda: (_ for _ in ()).throw(InputError("mine")))
    with pytest.raises(InputError, match="yours"), joined("cpu"):
        raise InputError("yours")


def test_each_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Ranks(3, 4, 1)
    assert ranks.own_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ranks.own_device(None) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert ranks.own_device(None) == ranks.own_device("cuda") == "cuda:1"
    with pytest.raises(InputError, match="of its own"):
        ranks.own_device("cuda:1")
    with pytest.raises(InputError, match=r"2 GPUs.*--nproc-per-node 2"):
        Ranks(2, 4, 2).own_device("cuda")


def test_who_is_silent_ends_as_bad_input_does() -> None:
    with pytest.raises(SystemExit) as caught:
        raise SaidElsewhere
    assert caught.value.code == 2
