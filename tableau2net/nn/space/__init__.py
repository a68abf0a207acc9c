"""Partial differential equations as fields: stencils as convolutions, learnt on the order set, and their resolvents."""

from tableau2net.nn.space.field_of import field
from tableau2net.nn.space.largest_step import largest_step, step_warning
from tableau2net.nn.space.learnt_stencils import LearntStencil, stencils_of
from tableau2net.nn.space.space_field import SpaceField
from tableau2net.nn.space.stencil_weights import StencilWeights

__all__ = ["LearntStencil", "SpaceField", "StencilWeights", "field", "largest_step", "stencils_of", "step_warning"]
