"""What the fields of a block normalise by, for its report."""

from __future__ import annotations

from torch import nn

from tableau2net.nn.blocks import Specification, fields_of
from tableau2net.runtime.statistics import EVALUATIONS


def norm_of(block: nn.Module, made: Specification) -> str:
    """ "batch", "batch per evaluation", "batch shared", "group", "layer", or several of them; "" where it is none."""
    fields = list(dict.fromkeys(fields_of(block)))
    several = made.calls > len(fields) > 0
    found = {_norm(module, several, known=bool(fields)) for module in block.modules()}
    return " and ".join(sorted(found - {""}))


def _norm(module: nn.Module, several: bool, known: bool) -> str:
    if isinstance(module, nn.GroupNorm):
        return "layer" if module.num_groups == 1 else "group"
    if not getattr(module, "track_running_stats", False):
        return ""
    if EVALUATIONS in module._modules or not known:  # those of θ(t) have points of their own
        return "batch per evaluation"
    return "batch shared" if several else "batch"
