"""Fields: the modules that a scheme evaluates, from a state to its slope."""

from tableau2net.nn.fields.branches import PostActivation, PreActivation
from tableau2net.nn.fields.lipschitz import lipschitz_, lipschitz_bound
from tableau2net.nn.fields.transposed import Antisymmetric, Symmetric

__all__ = ["Antisymmetric", "PostActivation", "PreActivation", "Symmetric", "lipschitz_", "lipschitz_bound"]
