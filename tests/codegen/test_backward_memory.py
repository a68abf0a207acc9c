"""What is kept for a backward pass, and what that takes in time."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tableau2net.codegen import compile as compiled
from tableau2net.runtime.adjoint import adjoint
from tests.codegen.gradients import LAMBDA, UNBOUNDED, differences
from tests.fields import Mixed, Noisy


def saved_bytes(run: Callable[[], Tensor], but: nn.Module) -> int:
    """Bytes that autograd keeps for the backward pass, each storage once; parameters are there anyway."""
    there = {p.untyped_storage().data_ptr() for p in but.parameters()}
    seen: dict[int, int] = {}
    held = []

    def pack(tensor: Tensor) -> Tensor:
        held.append(tensor)  # so that no storage is freed and its address used again
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = run()
    assert out.requires_grad
    return sum(size for address, size in seen.items() if address not in there)


def bytes_of(name: str, steps: int, **options: Any) -> int:
    block = compiled(name, growth_limit=UNBOUNDED, **options)([Noisy() for _ in range(steps)], h=0.1)
    x = torch.randn(8, 4, 16, 16, requires_grad=True)
    return saved_bytes(lambda: block(x), block)


def test_saved_bytes() -> None:
    """Reversible: two states, however deep. Checkpoint: at most a state a step more. Store: much more."""
    state = 8 * 4 * 16 * 16 * 4
    assert bytes_of("rk4", 3, backward="reversible", coupling=LAMBDA) == 2 * state
    assert bytes_of("rk4", 9, backward="reversible", coupling=LAMBDA) == 2 * state
    store = bytes_of("nystrom-2", 6) - bytes_of("nystrom-2", 3)
    assert bytes_of("nystrom-2", 6, backward="reversible") == bytes_of("nystrom-2", 3, backward="reversible")
    assert store > 3 * 4 * state
    more = bytes_of("rk4", 6, backward="checkpoint") - bytes_of("rk4", 3, backward="checkpoint")
    assert more <= 3 * 1.1 * state


@pytest.mark.slow
def test_lm_resnet_1202_saves_what_110_does() -> None:
    """Depths 110 and 1202 have 18 and 200 blocks for each of three resolutions."""
    shallow, deep = (bytes_of("lm", n, coefficients="learnable", backward="reversible") for n in (18, 200))
    assert deep < 1.1 * shallow


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("explicit-midpoint", 2)])
def test_the_continuous_adjoint_is_off_by_the_order_of_the_step(name: str, order: int) -> None:
    """Inexact, and less so as h → 0: by 2^p a halving. What is kept is one state."""
    torch.manual_seed(0)
    field, x = Mixed(timed=True), torch.randn(2, 4, dtype=torch.float64)
    step = compiled(name, time_dependent=True).step
    errors = []
    for steps in (16, 32, 64):
        arguments, found = [(field, 1 / steps, n / steps) for n in range(steps)], []
        for way in ("store", "adjoint"):
            y = begin = x.clone().requires_grad_()
            if way == "adjoint":
                y = adjoint(step, True, arguments, y)
            else:
                for given in arguments:
                    y = step(*given, y)
            found.append(list(torch.autograd.grad(y.square().sum(), [begin, field.weight])))
        errors.append(differences(*found))
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert errors[0] > 1e-5
    assert all(abs(slope - order) < 0.15 for slope in slopes)
    kept = saved_bytes(lambda: adjoint(step, True, arguments, x.clone().requires_grad_()), field)
    assert kept == x.numel() * 8


@pytest.mark.slow
def test_time_beside_store(capsys: pytest.CaptureFixture[str]) -> None:
    """A two-step scheme taken back costs a third more than autograd's storing: four evaluations' work for three. The
    processor's time, which neighbours on the machine disturb least; printed, and loosely bounded."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fields = [
        nn.Sequential(*(m for _ in range(2) for m in (nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))))
        for _ in range(6)
    ]
    x = torch.randn(16, 16, 32, 32, requires_grad=True)
    blocks = {b: compiled("nystrom-2", backward=b)(fields, h=0.1) for b in ("store", "checkpoint", "reversible")}
    best = dict.fromkeys(blocks, math.inf)
    for _ in range(9):
        for backward, block in blocks.items():
            begin = time.process_time()
            block(x).square().mean().backward()
            best[backward] = min(best[backward], time.process_time() - begin)
    torch.set_num_threads(threads)
    ratios = {backward: round(seconds / best["store"], 2) for backward, seconds in best.items()}
    with capsys.disabled():
        print("\ntime beside store:", ratios)
    assert ratios["reversible"] < 1.65  # one evaluation too many would be five for three
