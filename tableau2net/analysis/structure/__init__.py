"""What a scheme is by its coefficients alone: symplectic, symmetric, reducible, low-storage, invertible, and so on."""

from tableau2net.analysis.structure.algebraic import algebraically_stable
from tableau2net.analysis.structure.low_storage import LowStorage, low_storage
from tableau2net.analysis.structure.reducible import Reducible, reduced, reducible
from tableau2net.analysis.structure.symmetric import symmetric
from tableau2net.analysis.structure.symplectic import symplectic, symplectic_separable
from tableau2net.analysis.structure.tableau import fsal, stage_order, stiffly_accurate
from tableau2net.step.inverse import Inverse

__all__ = [
    "Inverse",
    "LowStorage",
    "Reducible",
    "algebraically_stable",
    "fsal",
    "low_storage",
    "reduced",
    "reducible",
    "stage_order",
    "stiffly_accurate",
    "symmetric",
    "symplectic",
    "symplectic_separable",
]
