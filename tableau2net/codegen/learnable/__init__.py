"""What is learnt of a scheme, and the maps that keep its order or its stability while it is."""

from tableau2net.codegen.learnable.learning import Learning, learning
from tableau2net.codegen.learnable.placeholders import NumberedNames
from tableau2net.codegen.learnable.residuals import RetractionConditions

__all__ = ["Learning", "NumberedNames", "RetractionConditions", "learning"]
