"""Passes: step program in, step program out, the same mathematics. One module an idea; see `step.optimise`."""

from tableau2net.step.passes.arrange import arrange
from tableau2net.step.passes.fsal import fsal
from tableau2net.step.passes.isolate import isolate
from tableau2net.step.passes.prune import prune
from tableau2net.step.passes.rename import rename
from tableau2net.step.passes.share import share
from tableau2net.step.passes.timeless import timeless
from tableau2net.step.passes.unify import unify

__all__ = ["arrange", "fsal", "isolate", "prune", "rename", "share", "timeless", "unify"]
