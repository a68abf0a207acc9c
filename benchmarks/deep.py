"""LM-ResNets of depth 110 and 1202 by the reversible backward pass: bytes, and what their gradients are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

import tableau2net as t2n
from benchmarks.counting import held_bytes, saved_bytes
from benchmarks.goals import Goal
from benchmarks.sheet import Sheet
from tableau2net.codegen.compile_options import Backward
from tableau2net.errors import InputError

DEPTHS = (110, 1202)
DRAWS = {110: 5, 1202: 1}  # inputs: one may hit or miss the kinks of the ReLUs, where float32 gradients jump
UNLIMITED = 1e300  # a growth limit that refuses nothing
Make = Callable[[int, Backward], nn.Module]


def stable(depth: int, backward: Backward) -> nn.Module:
    """k = 1, where going back rounding errors do not grow and nothing is refused."""
    return t2n.create_model(f"resnet{depth}", scheme=t2n.load("lm").with_values(k="1"), backward=backward)


def learnt(depth: int, backward: Backward) -> nn.Module:
    """k learnt from where LM-ResNet starts it, near 0: refused unless the limit on growth is lifted."""
    return t2n.create_model(f"lm_resnet{depth}", backward=backward, growth_limit=UNLIMITED)


KINDS: dict[str, Make] = {"k = 1": stable, "k learnt": learnt}


def refusal(depth: int) -> str:
    """What the compiler says to a reversible network that learns k, without a lifted limit."""
    try:
        t2n.create_model(f"lm_resnet{depth}", backward="reversible")
    except InputError as error:
        return f"k learnt, depth {depth}: only bytes, refused as it starts: {error}"
    return f"k learnt, depth {depth}: not refused"


def kept(batch: int, depths: tuple[int, int] = DEPTHS) -> tuple[Sheet, list[Goal]]:
    """Bytes that networks of two depths keep for the backward pass, by both ways of counting."""
    x, rows, goals = torch.randn(batch, 3, 32, 32), list[tuple[str, ...]](), list[Goal]()
    for label, make in KINDS.items():
        found: dict[int, tuple[int, int]] = {}
        for backward in ("store", "reversible"):
            for depth in depths:
                net = make(depth, backward)
                forward = cast(Any, lambda net=net: net(x))
                found[depth] = sizes = saved_bytes(forward, [net]), held_bytes(forward, [net])
                rows.append((f"{label}, {backward}, depth {depth}", *(f"{size / 2**20:.1f}" for size in sizes)))
        few, many = (found[depth] for depth in depths)  # of the last, the reversible one
        name = f"LM-ResNet, {label}, reversible: bytes of depth {depths[1]} over depth {depths[0]}"
        goals += [Goal(f"{name}, {how}", many[i] / few[i], 1.1) for i, how in enumerate(("saved", "held by anyone"))]
    title = f"LM-ResNet, batch {batch}: MiB between the forward and the backward pass"
    return Sheet(title, ("", "saved", "held by anyone"), tuple(rows), (refusal(depths[0]),)), goals


def accuracy(batch: int, draws: Mapping[int, int] = DRAWS) -> tuple[Sheet, list[Goal]]:
    """Relative errors of all gradients at k = 1, of each depth the worst over some inputs.

    Both passes in float32 against float64, and against one another. The first is the control: where it is large,
    float32 itself does not know the gradient that well.
    """
    rows, goals = list[tuple[str, ...]](), list[Goal]()
    for depth, count in draws.items():
        found = [errors(depth, torch.randn(batch, 3, 32, 32)) for _ in range(count)]
        worst = [max(column) for column in zip(*found, strict=True)]
        over = f"depth {depth}, worst of {count} input{'s' * (count > 1)}"
        rows.append((over, *(f"{error:.1e}" for error in worst)))
        name = f"LM-ResNet, k = 1, {over}: error of float32 gradients, reversible against store"
        goals.append(Goal(name, worst[2], 1e-5, form="{:.1e}"))
    head = ("", "store, float32", "reversible, float32", "one against the other, float32", "the same, float64")
    remark = "the first two against store in float64; the first is float32's own error, reversible or not"
    return Sheet("LM-ResNet, k = 1: relative errors of gradients", head, tuple(rows), (remark,)), goals


def errors(depth: int, x: Tensor) -> list[float]:
    """Of store and reversible in float32 against float64, then of reversible against store in either precision."""
    exact, exact_back, store, back = (
        gradients(stable, depth, backward, x.to(dtype))
        for dtype in (torch.float64, torch.float32)
        for backward in ("store", "reversible")
    )
    pairs = ((store, exact), (back, exact), (back, store), (exact_back, exact))
    return [float((found - true).norm() / true.norm()) for found, true in pairs]


def gradients(make: Make, depth: int, backward: Backward, x: Tensor) -> Tensor:
    """All gradients of the sum of squares, in one vector in float64, from the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = make(depth, backward).to(x.dtype)
    net(x).square().sum().backward()
    return torch.cat([cast(Tensor, p.grad).flatten().double() for p in net.parameters()])
