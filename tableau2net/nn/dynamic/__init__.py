"""DynamicBlocks: steps on a grid of times, with weights θ(t) on a grid of their own (Onken et al. 2019)."""

from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.dynamic.controls import Controls
from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork, compare_outputs
from tableau2net.nn.dynamic.interpolation import Interpolation, interpolation_weights
from tableau2net.nn.dynamic.time_grid import checked_grid, coarsened, refined

__all__ = [
    "Controls",
    "DynamicBlock",
    "DynamicNetwork",
    "Interpolation",
    "checked_grid",
    "coarsened",
    "compare_outputs",
    "interpolation_weights",
    "refined",
]
