"""A network in two: up to behind a step of its blocks, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.codegen.compiled_block import steps_in
from tableau2net.codegen.unrolled import BlockPart, State, as_state, as_tuple
from tableau2net.errors import InputError
from tableau2net.nn.skeleton.transition import Between, States
from tableau2net.nn.typed_modules import rows as listed
from tableau2net.words import counted

Row = tuple[Between | None, nn.Module]  # a block, and the transition in front of it where there is one


@runtime_checkable
class InRows(Protocol):
    """A network that is an opening, rows of transition and block, and an end.

    begin: from an image to the first states.  rows: what they go through.  finish: from the last states to the answer.
    closing: the modules that `finish` uses; those of neither the rows nor the end are the opening's.
    """

    def begin(self, x: Tensor) -> States: ...

    def rows(self) -> list[Row]: ...

    def finish(self, states: States) -> Tensor: ...

    def closing(self) -> list[nn.Module]: ...


def behind(transition: Between | None, block: nn.Module, states: States) -> States:
    """The states behind a block, from those in front of its transition."""
    past: dict[str, Tensor] = {}
    if transition is not None:
        states, past = transition.leading(*states)
    return as_tuple(block(*states, **past))


class Through(nn.Module):
    """Transition and block, or some steps of it, as a module."""

    def __init__(self, transition: Between | None, block: nn.Module) -> None:
        super().__init__()
        self.transition, self.block = transition, block

    def forward(self, *states: Tensor) -> States:
        return behind(self.transition, self.block, states)


class FirstPart(nn.Module):
    """A network from the image to behind its k-th step, on its own modules. It gives what `RestPart` takes: the state,
    or a tuple of all that the next step is given, the states and behind them what a multistep scheme remembers."""

    def __init__(self, network: InRows, opening: Iterable[nn.Module], rows: Iterable[Row]) -> None:
        super().__init__()
        self._of = (network,)  # in a tuple: what comes later is none of its modules
        self.opening = nn.ModuleList(opening)
        self.rows = listed(Through(*row) for row in rows)

    def forward(self, x: Tensor) -> State:
        states = self._of[0].begin(x)
        for row in self.rows:
            states = row(*states)
        return as_state(states)


class RestPart(nn.Module):
    """A network from behind its k-th step to its answer, on its own modules. It takes what `FirstPart` gives."""

    def __init__(self, network: InRows, steps: BlockPart | None, rows: Iterable[Row]) -> None:
        super().__init__()
        self._of = (network,)
        self.steps = steps
        self.rows = listed(Through(*row) for row in rows)
        self.closing = nn.ModuleList(network.closing())

    def forward(self, given: State) -> Tensor:
        states = as_tuple(given)
        if self.steps is not None:
            states = as_tuple(self.steps(*states))
        for row in self.rows:
            states = row(*states)
        return self._of[0].finish(states)


def split(network: nn.Module, k: int) -> tuple[FirstPart, RestPart]:
    """A network up to behind its k-th step, and the rest: ``rest(first(x))`` is ``network(x)``, to the bit.

    k: steps of blocks, from the first on; transitions are none of them (as in `refine`), and belong to the steps behind
        them. 0 cuts between the opening and all else.

    Both are made of the network's own modules: they train its parameters, follow its mode, and see its changes. In the
    middle stands a state, or a tuple of what the next step is given, see `FirstPart`; gradients flow through. In
    training, both together draw the random numbers and count the batches that the network does. Each part of a block
    that is cut has the block's `backward`, and all of its learnt coefficients.

    Raises InputError for a k that is no whole number from 0 to the number of steps, where the cut would be inside
    adaptive steps, and for a network that is no row of compiled blocks (converted ones, DynamicBlocks, fractals).
    """
    if not isinstance(network, InRows) or not isinstance(network, nn.Module):
        raise InputError(
            f"{type(network).__name__} cannot be split: it is no opening, row of compiled blocks and end; "
            "resnetD and its like can be, and so can a compiled block by itself"
        )
    if isinstance(k, bool) or not isinstance(k, int) or k < 0:
        raise InputError(f"k = {k!r}: steps in front of the cut, a whole number, at least 0")
    rows, left = network.rows(), k
    for i, (transition, block) in enumerate(rows):
        if left == 0:
            return _cut(network, rows[:i], None, rows[i:])
        if not isinstance(block, CompiledBlock):
            raise InputError(f"k = {k}: {type(block).__name__} takes as many steps as it needs, so none is the k-th")
        count = steps_in(block)
        if left < count:
            first, rest = BlockPart(block, 0, left), BlockPart(block, left, count)
            return _cut(network, [*rows[:i], (transition, first)], rest, rows[i + 1 :])
        left -= count
    if left:
        taken = k - left
        most = f"from 0 to {taken}" if taken else "0"
        raise InputError(f"k = {k}: the network takes {counted(taken, 'step')} in its blocks; write {most}")
    return _cut(network, rows, None, [])


def _cut(
    network: InRows, before: Sequence[Row], inside: BlockPart | None, behind: Sequence[Row]
) -> tuple[FirstPart, RestPart]:
    assert isinstance(network, nn.Module)
    apart = {m for row in network.rows() for each in row if each is not None for m in each.modules()}
    apart |= set(network.closing())
    opening = [m for m in network.children() if m not in apart and not isinstance(m, nn.ModuleList)]
    return FirstPart(network, opening, before), RestPart(network, inside, behind)
