"""The skeleton of networks of compiled blocks: opening, for each resolution a transition and a block, head."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.codegen import CompiledBlock
from tableau2net.errors import InputError
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.fields.branches import conv3x3
from tableau2net.nn.fields.normalisation import Norm, normalised
from tableau2net.nn.skeleton.split import FirstPart, RestPart, Row, behind, split
from tableau2net.nn.skeleton.transition import Between, States, Transition
from tableau2net.nn.typed_modules import Rows, rows

Fields = nn.Module | list[nn.Module]  # of a step: one, or one of each kind that it has


class Skeleton(nn.Module):
    """States go through transitions and blocks in turn; several states are parts of the channels, one after another.

    opening: the first layer.  transitions: between two resolutions.  blocks: one of each resolution; where there are
        more of them than transitions, the first ones have none in front. A block takes states, and what the transition
        knows of their past, and gives a state or a tuple of them.
    states: into how many equal parts the opening's channels are split.

    What a network has beside, and in what order, is its own: names and order of its parameters are those of its files.
    """

    opening: nn.Module
    transitions: Rows[Between]
    blocks: Rows[nn.Module]
    head: nn.Module
    states = 1

    def opened(self, y: Tensor) -> Tensor:
        """The first states, all in one tensor, from what the opening gives."""
        return y

    def begin(self, x: Tensor) -> States:
        """The first states, of an image."""
        y = self.opened(self.opening(x))
        return (y,) if self.states == 1 else y.chunk(self.states, 1)

    def rows(self) -> list[Row]:
        """The blocks, each with the transition in front of it."""
        blocks = list(self.blocks)
        alone = len(blocks) - len(self.transitions)
        return [*((None, block) for block in blocks[:alone]), *zip(self.transitions, blocks[alone:], strict=True)]

    def finish(self, states: States) -> Tensor:
        """What the network answers, from the last states."""
        return self.end(states[0] if self.states == 1 else torch.cat(states, 1))

    def end(self, y: Tensor) -> Tensor:
        """(N, num_classes), from the last states in one tensor."""
        raise NotImplementedError

    def closing(self) -> list[nn.Module]:
        """The modules that `end` goes through."""
        return [self.head]

    def forward(self, x: Tensor) -> Tensor:
        states = self.begin(x)
        for transition, block in self.rows():
            states = behind(transition, block, states)
        return self.finish(states)

    def split(self, k: int) -> tuple[FirstPart, RestPart]:
        """Up to behind the k-th step, and the rest, see `tableau2net.nn.split`."""
        return split(self, k)


def draw_convolutions_(network: nn.Module) -> None:
    """The weights that ResNets start from (He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers")."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Stack(Skeleton):
    """The skeleton with one transition for each block, and a head.

    opening: from the image to the first states, all in one tensor.
    transitions, blocks: one of each a resolution; ``transition(*states)`` gives states, ``block(*states)`` a state or
        a tuple of them.
    head: from the states in one tensor to (N, num_classes).
    states: into how many equal parts the opening's channels are split.
    norm: of every layer, see `normalised`.
    """

    def __init__(
        self,
        opening: nn.Module,
        transitions: Sequence[Between],
        blocks: Sequence[nn.Module],
        head: nn.Module,
        states: int = 1,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.states = states
        self.opening = opening
        self.transitions = rows(transitions)
        self.blocks = rows(blocks)
        self.head = head
        draw_convolutions_(self)
        normalised(self, norm)

    def end(self, y: Tensor) -> Tensor:
        """The head of the last state."""
        logits: Tensor = self.head(y)
        return logits


def stack(
    block: type[CompiledBlock],
    fields: Callable[[int], Fields],
    steps: Sequence[int],
    *,
    widths: Sequence[int],
    transition: Callable[[int, int], Between],
    num_classes: int = 10,
    states: int = 1,
    h: float = 1.0,
    normal_opening: bool = False,
    norm: Norm = "batch",
) -> Stack:
    """The network whose blocks are all of one kind.

    block: a compiled class.
    fields: for the channels of one state, what the block takes for one step: a field, or a list of them.
    steps: how many steps each resolution takes, beside its transition.
    transition: for the channels of one state before and after, the module between two resolutions.
    normal_opening: whether BN–ReLU follow the opening convolution.  norm: of every layer.
    states: how many states the channels are shared out to. Raises InputError where the numbers do not fit.
    """
    if num_classes < 1 or len(steps) != len(widths) or not widths:
        raise InputError(f"widths={tuple(widths)}: one for each of the {len(steps)} resolutions, and num_classes >= 1")
    check_widths(widths, states)
    if min(steps) < 0 or sum(steps) < 1:
        raise InputError(f"{min(steps)} steps in a resolution: the network needs more depth")
    own = [width // states for width in widths]
    with growth_told():
        blocks = [block([fields(width) for _ in range(count)], h) for width, count in zip(own, steps, strict=True)]
    between = [Same(), *(transition(a, b) for a, b in pairwise(own))]
    opening: nn.Module = conv3x3(3, widths[0])
    if normal_opening:
        opening = nn.Sequential(opening, nn.BatchNorm2d(widths[0]), nn.ReLU())
    return Stack(opening, between, blocks, Head(widths[-1], num_classes), states, norm)


def like_resnet(
    name: str,
    depth: int,
    block: type[CompiledBlock],
    fields: Callable[[int], Fields],
    *,
    widths: Sequence[int],
    num_classes: int,
    h: float,
    norm: Norm = "batch",
) -> Stack:
    """The network of `stack` with the depth, 6n + 2, the steps a resolution and the transitions of a ResNet.

    name: what the depth is a part of, for InputError where there is no such depth."""
    if depth < 8 or (depth - 2) % 6:
        raise InputError(f"{name}{depth}: the depth is 6n + 2 with n at least 1, such as {name}20")
    n = (depth - 2) // 6
    steps = [n, *[n - 1] * (len(widths) - 1)]
    return stack(block, fields, steps, widths=widths, transition=ResidualStep, num_classes=num_classes, h=h, norm=norm)


def by_name(options: Mapping[str, object], scheme: str) -> None:
    """InputError where a scheme is asked of a network that is one by name."""
    if "scheme" in options:
        raise InputError(f"scheme: this network is {scheme} by name; resnetD, hamiltonianD and imexnetD take a scheme")


def check_widths(widths: Sequence[int], states: int) -> None:
    """InputError unless the channels can be shared out to the states."""
    if any(width < 1 or width % states for width in widths):
        raise InputError(f"widths={tuple(widths)}: each is shared out to {states} states, write multiples of {states}")


class Head(nn.Module):
    """BN–ReLU (where `norm` says so), mean over the image, linear."""

    def __init__(self, width: int, num_classes: int, norm: bool = True) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width) if norm else None
        self.linear = nn.Linear(width, num_classes)

    def forward(self, y: Tensor) -> Tensor:
        if self.bn is not None:
            y = functional.relu(self.bn(y))
        logits: Tensor = self.linear(y.mean((2, 3)))
        return logits


class Same(Between):
    """No transition."""

    def forward(self, *states: Tensor) -> States:
        return states


class Pool(Between):
    """Each state's mean over 2×2 pixels (`stride`), with zero channels on either side: a linear map with no weights."""

    def __init__(self, inputs: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        if outputs < inputs:
            raise InputError(f"widths: a transition with zero channels cannot go from {inputs} down to {outputs}")
        self.stride = stride
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def one(self, y: Tensor) -> Tensor:
        """A single state's."""
        pooled = functional.avg_pool2d(y, self.stride) if self.stride > 1 else y
        return functional.pad(pooled, (0, 0, 0, 0, self.before, self.after))

    def forward(self, *states: Tensor) -> States:
        return tuple(self.one(y) for y in states)


class ResidualStep(Between):
    """The plain residual step of `Transition`, between blocks of one state that forget their history."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.step = Transition(inputs, outputs, "bn-relu-conv")

    def forward(self, y: Tensor) -> States:
        return (self.step(y).y,)
