"""How sequences come in and go out: with the batch or the time first, one alone, packed, or of several lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from tableau2net.errors import InputError
from tableau2net.nn.sequences.remembered import Given


@dataclass(frozen=True)
class Sequences:
    """A batch of sequences, time first: x (T, N, …). Behind its end a sequence has its first entry again: what stood
    there, nan say, is nowhere computed with.

    alive: (T, N), which entries count; None where all do.
    alone: whether it is one sequence without an axis of the batch.  packed: what it was packed as.
    """

    x: Tensor
    alive: Tensor | None
    batch_first: bool
    alone: bool = False
    packed: PackedSequence | None = None

    @classmethod
    def of(cls, x: Tensor | PackedSequence, lengths: Tensor | None, batch_first: bool) -> Sequences:
        """From what a network is called with. Raises InputError."""
        if isinstance(x, PackedSequence):
            if lengths is not None:
                raise InputError("lengths: a packed sequence has its own")
            padded, own = pad_packed_sequence(x)
            alive = _alive(own.to(padded.device), padded)
            return cls(_filled(padded, alive), alive, False, packed=x)
        if not isinstance(x, Tensor) or x.dim() < 2:
            found = f"of shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
            raise InputError(f"x: a tensor (T, N, features) is wanted, (N, T, features) with batch_first; got {found}")
        alone = x.dim() == 2 and x.is_floating_point()  # whole numbers are tokens, (T, N)
        x = x.unsqueeze(1) if alone else x.transpose(0, 1) if batch_first else x
        if not len(x):
            raise InputError("x: the sequence is empty; a step at least is wanted")
        if lengths is None:
            return cls(x, None, batch_first, alone)
        alive = _alive(_checked(lengths, x), x)
        return cls(_filled(x, alive), alive, batch_first, alone)

    @property
    def count(self) -> int:
        """Of sequences."""
        return self.x.shape[1]

    def state(self, y: Tensor, name: str) -> Tensor:
        """A state (1, N, …), or (1, …) of one sequence, as (N, …); of packed sequences in the order they came in.
        Raises InputError."""
        if not isinstance(y, Tensor) or y.dim() < 1 + (not self.alone) or len(y) != 1:
            found = f"of shape {tuple(y.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
            wanted = "(1, …)" if self.alone else f"(1, {self.count}, …)"
            raise InputError(f"h0: {name} is of shape {wanted}, one layer as torch.nn.RNN has it; got {found}")
        if not self.alone and y.shape[1] != self.count:
            raise InputError(f"h0: {name} has {y.shape[1]} entries, and there are {self.count} sequences")
        return y if self.alone else y[0]

    def started(self, startup: int) -> None:
        """Raise InputError where a sequence ends before a scheme that takes so many steps to start up has: what it
        would remember is not there to be handed on."""
        if startup and self.alive is not None and not bool(self.alive[min(startup, len(self.x)) - 1].all()):
            raise InputError(f"lengths: with carry=True at least {startup}, which the scheme takes to start up")

    def still(self, n: int, new: Given, old: Given) -> Given:
        """What a step hands on, where sequences that have ended keep what they had."""
        if self.alive is None:
            return new
        alive = self.alive[n]
        pairs = zip(new, old, strict=True)
        return tuple(y if y is None or was is None else torch.where(_beside(alive, y), y, was) for y, was in pairs)

    def out(self, found: Tensor) -> Tensor | PackedSequence:
        """States (T, N, …) in the layout that the sequences came in, 0 behind their ends."""
        if self.packed is not None:
            order, sizes = self.packed.sorted_indices, self.packed.batch_sizes
            found = found if order is None else found.index_select(1, order)
            data = torch.cat([states[:size] for states, size in zip(found, sizes.tolist(), strict=True)])
            return PackedSequence(data, sizes, order, self.packed.unsorted_indices)
        if self.alive is not None:
            found = torch.where(_beside(self.alive, found), found, 0.0)
        return found.squeeze(1) if self.alone else found.transpose(0, 1) if self.batch_first else found

    def layered(self, y: Tensor) -> Tensor:
        """A state as the only one of its layers."""
        return y if self.alone else y.unsqueeze(0)


def _beside(alive: Tensor, y: Tensor) -> Tensor:
    return alive.reshape(*alive.shape, *[1] * (y.dim() - alive.dim()))


def _filled(x: Tensor, alive: Tensor) -> Tensor:
    return torch.where(_beside(alive, x), x, x[:1])


def _alive(lengths: Tensor, x: Tensor) -> Tensor:
    return torch.arange(len(x), device=x.device)[:, None] < lengths


def _checked(lengths: Tensor | Sequence[int], x: Tensor) -> Tensor:
    """The lengths where the sequences are. Raises InputError."""
    wanted = f"lengths: {x.shape[1]} whole numbers are wanted, one a sequence; got"
    try:
        found = torch.as_tensor(lengths, device=x.device)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{wanted} a {type(lengths).__name__}") from None
    whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    if found.shape != (x.shape[1],) or not whole:
        raise InputError(f"{wanted} a tensor of shape {tuple(found.shape)} of {found.dtype}")
    if not torch.compiler.is_compiling() and not bool(((found >= 1) & (found <= len(x))).all()):
        raise InputError(f"lengths: from 1 to {len(x)}, the entries that there are; got {found.tolist()[:8]}")
    return found
