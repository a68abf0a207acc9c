"""What was seen of several members, each at times of its own, and what of it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tableau2net.errors import InputError


@dataclass(frozen=True, eq=False)
class Observed:
    """Values (B, L, D) of B members at times (B, L), which rise along each member, and what of them is there.

    mask: (B, L, D), where a value was observed; by default where it is a number, so that nan is missing. What is
        missing is kept as 0, and no gradient flows to it. An entry none of whose values is there is no observation: its
        time may be anything, nan too. Shorter members are padded so.

    Times that are equal are observations one after the other, in their order. Raises InputError for shapes that do not
    fit, times that fall or are no numbers, and values that are observed and are no numbers.
    """

    times: Tensor
    values: Tensor
    mask: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        times, values, mask = self.times, self.values, self.mask
        if values.dim() != 3 or times.shape != values.shape[:2]:
            raise InputError(
                f"values {tuple(values.shape)}, times {tuple(times.shape)}: write (B, L, D) and (B, L), members first"
            )
        if not values.is_floating_point() or not times.is_floating_point():
            raise InputError(f"values {values.dtype}, times {times.dtype}: both are floats")
        there = torch.isfinite(values)
        if mask is None:
            mask = ~torch.isnan(values)
        elif mask.shape != values.shape:
            raise InputError(f"mask {tuple(mask.shape)}: it has the shape of the values, {tuple(values.shape)}")
        mask = mask.bool()
        if not bool((there | ~mask).all()):
            raise InputError("values: one that is observed is not a finite number; say so in the mask, or write nan")
        observed = mask.any(-1)
        times = torch.where(observed, times, 0)
        _check_rising(times.detach(), observed)
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "values", torch.where(mask, values, 0))
        object.__setattr__(self, "mask", mask)

    @classmethod
    def gathered(cls, times: Sequence[Any], values: Sequence[Any], dtype: torch.dtype = torch.float32) -> Observed:
        """Of members of different lengths: times (L_i,) and values (L_i, D) of each, tensors or arrays, nan where one
        is missing. Raises InputError where they do not fit each other."""
        seen = [torch.as_tensor(x, dtype=dtype) for x in values]
        own = [torch.as_tensor(t, dtype=torch.float64) for t in times]
        if not seen or len(own) != len(seen):
            raise InputError(
                f"{len(own)} members have times and {len(seen)} values: both are lists, one entry a member"
            )
        for i, (t, x) in enumerate(zip(own, seen, strict=True)):
            if x.dim() != 2 or t.shape != x.shape[:1] or x.shape[1] != seen[0].shape[-1]:
                raise InputError(f"member {i}: times {tuple(t.shape)}, values {tuple(x.shape)}; write (L,) and (L, D)")
        padded = torch.nn.utils.rnn.pad_sequence(seen, batch_first=True, padding_value=torch.nan)
        return cls(torch.nn.utils.rnn.pad_sequence(own, batch_first=True), padded)

    @property
    def present(self) -> Tensor:
        """(B, L): the entries of which at least one value is there."""
        return self.mask.any(-1)

    def __len__(self) -> int:
        """Members."""
        return len(self.times)

    def __getitem__(self, members: Any) -> Observed:
        """Some of the members: a slice, a list of their numbers, or a tensor of them."""
        return Observed(self.times[members], self.values[members], self.mask[members])

    def to(self, *where: Any, **options: Any) -> Observed:
        """On another device, and with values of another type, as `torch.Tensor.to` is called; times keep theirs."""
        values = self.values.to(*where, **options)
        return Observed(self.times.to(values.device), values, self.mask.to(values.device))

    def where(self, kept: Tensor) -> Observed:
        """What is left when only some are kept: entries (B, L), or single values (B, L, D)."""
        kept = kept if kept.dim() == 3 else kept[..., None]
        return Observed(self.times, self.values, self.mask & kept)


def _check_rising(times: Tensor, observed: Tensor) -> None:
    """Raises InputError where an observation is earlier than one before it, or has no time."""
    if not bool(torch.isfinite(times).all()):
        raise InputError("times: one of an observation is not a finite number")
    if not times.numel():
        return
    latest = torch.where(observed, times, -torch.inf).cummax(1)[0]
    if bool((fallen := observed & (times < latest)).any()):
        i, n = map(int, fallen.nonzero()[0])
        raise InputError(
            f"times: member {i} has {float(times[i, n]):.6g} after {float(latest[i, n]):.6g}; "
            "sort each member's observations by time"
        )
