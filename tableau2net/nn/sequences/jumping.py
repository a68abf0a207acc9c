"""A state that moves between observations and jumps at them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.sequences.observed import Observed

Times = Tensor | float | None


@dataclass(frozen=True, eq=False)
class JumpPath:
    """What a state went through.

    before, after: (B, L, …), at each observation, ahead of its jump and behind it; where nothing was observed, the
        state at the start.
    last: (B, …), at the end.
    at: (B, K, …), at the times that were asked for.
    """

    before: Tensor
    after: Tensor
    last: Tensor
    at: Tensor


class Jumping(nn.Module):
    """h moves by ``motion(h, t0, t1)`` from observation to observation and is ``jump(h, x, mask)`` behind each.

    motion: from times (B,) to times (B,), a `Motion` of an equation say.
    jump: of the state (B, …), the values (B, D), 0 where missing, and their mask (B, D) of 0 and 1. It is called for
        all members; those that have no observation at that moment keep their state, and get no gradient from it.

    The n-th observations of all members are taken together, whatever their times: there are as many jumps as the member
    with most observations has, and no loop over members.
    """

    def __init__(self, motion: nn.Module, jump: nn.Module) -> None:
        super().__init__()
        self.motion, self.jump = motion, jump

    def forward(
        self,
        seen: Observed,
        h0: Tensor,
        start: Times = None,
        end: Times = None,
        at: Tensor | None = None,
        backwards: bool = False,
    ) -> JumpPath:
        """The path from h0 (B, …).

        start, end: numbers, or one for each member (B,); by default the first and the last time that there is.
        at: (K,) or (B, K): further times, in any order, at which the state is told; at that of an observation, behind
            its jump.
        backwards: from the last observation to the first; `start` is then the latest time.

        Raises InputError for times beyond the ends, and a state that is not one a member.
        """
        if not isinstance(seen, Observed):
            raise InputError(f"an Observed(times, values, mask) is wanted; got a {type(seen).__name__}")
        reads = getattr(self.jump, "features", None)
        if isinstance(reads, int) and len(seen) and seen.values.shape[2] != reads:
            raise InputError(f"values {tuple(seen.values.shape)}: {reads} features are read by the jump")
        if len(h0) != len(seen):
            raise InputError(f"h0 {tuple(h0.shape)}: {len(seen)} members have observations, and a state each")
        sign = -1 if backwards else 1
        if backwards:
            seen = Observed(-seen.times.flip(1), seen.values.flip(1), seen.mask.flip(1))
        plan = _planned(seen, start, end, at, sign)
        rows, length = torch.arange(len(seen), device=h0.device), seen.times.shape[1]
        h, before, after = h0, [h0], [h0]
        times = (sign * torch.cat((plan.start[:, None], plan.times, plan.end[:, None]), 1)).unbind(1)
        which = plan.entries if length else plan.entries[:, :0]
        x, mask = (each[rows[:, None], which].to(h.dtype).unbind(1) for each in (seen.values, seen.mask))
        there = plan.jumps.view(*plan.jumps.shape, *(1,) * (h.dim() - 1)).unbind(1)
        for n, some in enumerate(plan.jumps.any(0).tolist()):
            h = self.motion(h, times[n], times[n + 1])
            before.append(h)
            if some:
                h = torch.where(there[n], self._jumped(h, x[n], mask[n]), h)
            after.append(h)
        last = self.motion(h, times[-2], times[-1])
        ahead, behind = (torch.stack(each, 1)[rows[:, None], plan.places] for each in (before, after))
        parts = [ahead[:, :length], behind[:, :length]]
        first, second = (part.flip(1) for part in parts) if backwards else parts
        return JumpPath(first, second, last, behind[:, length:])

    def _jumped(self, h: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.jump(h, x, mask)
        if found.shape != h.shape:
            raise InputError(f"jump gives {tuple(found.shape)}: it must give a state like that ahead, {tuple(h.shape)}")
        return found


@dataclass(frozen=True, eq=False)
class _Plan:
    """The moments of each member in order, M at most: its observations, and times that were asked for.

    times (B, M).  jumps (B, M): which are observations.  entries (B, M): of what number.  start, end: (B,).
    places (B, L + K): where each observation and each time asked for stands, from 1; 0 for what is no moment.
    """

    times: Tensor
    jumps: Tensor
    entries: Tensor
    places: Tensor
    start: Tensor
    end: Tensor


def _planned(seen: Observed, start: Times, end: Times, at: Tensor | None, sign: int) -> _Plan:
    """What is to be done, in a time that has the sign."""
    observed, asked = seen.present, sign * _asked(at, seen.times)
    times = torch.cat((seen.times, asked), 1)
    there = functional.pad(observed, (0, asked.shape[1]), value=True)
    begun, ended = _ends(times, there, _given(start, sign, times, "start"), _given(end, sign, times, "end"))
    # what is no moment stands in front; of equal times those asked for behind, as they are behind in `times`
    order = torch.where(there, times.detach(), -torch.inf).argsort(dim=1, stable=True)
    gone = order.shape[1] - (int(there.sum(1).max()) if there.numel() else 0)
    places = torch.where(there, order.argsort(1) - gone + 1, 0)
    order = order[:, gone:]
    return _Plan(
        torch.where(there, times, begun[:, None]).gather(1, order),
        functional.pad(observed, (0, asked.shape[1])).gather(1, order),
        order.clamp(max=max(seen.times.shape[1] - 1, 0)),
        places,
        begun,
        ended,
    )


def _asked(at: Tensor | None, own: Tensor) -> Tensor:
    """The times asked for, (B, K)."""
    if at is None:
        return own[:, :0]
    at = torch.as_tensor(at, dtype=own.dtype, device=own.device)
    at = at.expand(len(own), -1) if at.dim() == 1 else at
    if at.dim() != 2 or len(at) != len(own) or not bool(torch.isfinite(at).all()):
        raise InputError(f"at {tuple(at.shape)}: finite times, (K,) or one row for each of the {len(own)} members")
    return at


def _given(time: Times, sign: int, own: Tensor, key: str) -> Tensor | None:
    """A start or an end, (B,), where one is said."""
    if time is None:
        return None
    time = torch.as_tensor(time, dtype=own.dtype, device=own.device)
    if time.dim() > 1 or (time.dim() == 1 and len(time) != len(own)) or not bool(torch.isfinite(time).all()):
        raise InputError(f"{key} {tuple(time.shape)}: a finite number, or one for each of the {len(own)} members")
    return sign * time.expand(len(own))


def _ends(times: Tensor, there: Tensor, start: Tensor | None, end: Tensor | None) -> tuple[Tensor, Tensor]:
    """Where members start and end; InputError where moments of theirs lie beyond. One without moments rests where it
    is, unless both are said."""
    never, lone = times.new_full((len(times), 1), torch.inf), ~there.any(1)
    rest = next((each for each in (start, end) if each is not None), torch.zeros_like(never[:, 0]))
    first = torch.where(lone, rest, torch.cat((torch.where(there, times, torch.inf), never), 1).amin(1))
    final = torch.where(lone, rest, torch.cat((torch.where(there, times, -torch.inf), -never), 1).amax(1))
    begun, ended = first if start is None else start, final if end is None else end
    for key, beyond in (("start", begun > first), ("end", ended < final)):
        if bool(beyond.any()):
            i = int(beyond.nonzero()[0])
            raise InputError(f"{key}: member {i} has times beyond it; choose another {key}, or leave it out")
    return begun, ended
