"""What a scheme is by its coefficients alone: symplectic, symmetric, reducible, low-storage, invertible, and so on."""

from __future__ import annotations

from dataclasses import dataclass

from tableau2net.analysis.budget import ask
from tableau2net.analysis.structure.algebraic import algebraically_stable
from tableau2net.analysis.structure.low_storage import LowStorage, low_storage
from tableau2net.analysis.structure.reducible import Reducible, reduced, reducible
from tableau2net.analysis.structure.symmetric import symmetric
from tableau2net.analysis.structure.symplectic import symplectic, symplectic_separable
from tableau2net.analysis.structure.tableau import fsal, stage_order, stiffly_accurate
from tableau2net.scheme import Scheme
from tableau2net.step import lower
from tableau2net.step.inverse import Inverse, inverted

__all__ = [
    "Inverse",
    "LowStorage",
    "Reducible",
    "Structure",
    "algebraically_stable",
    "fsal",
    "low_storage",
    "reduced",
    "reducible",
    "stage_order",
    "stiffly_accurate",
    "structure",
    "symmetric",
    "symplectic",
    "symplectic_separable",
]


@dataclass(frozen=True)
class Structure:
    """The structural properties of a scheme; each is None where it does not apply, or where there is no such form.

    At the declared parameter values, but `invertible`, which keeps them open."""

    symplectic: bool | None
    symplectic_separable: bool | None
    symmetric: bool | None
    stiffly_accurate: bool | None
    fsal: bool | None
    algebraically_stable: bool | None
    reducible: Reducible | None
    low_storage: LowStorage | None
    invertible: Inverse | None


def structure(scheme: Scheme) -> Structure:
    """Everything that is known of a scheme by its coefficients alone; see the function of each name."""
    return Structure(
        symplectic=ask("symplectic", lambda: symplectic(scheme)),
        symplectic_separable=ask("symplectic for separable systems", lambda: symplectic_separable(scheme)),
        symmetric=ask("symmetric", lambda: symmetric(scheme)),
        stiffly_accurate=ask("stiffly accurate", lambda: stiffly_accurate(scheme)),
        fsal=ask("first same as last", lambda: fsal(scheme)),
        algebraically_stable=ask("algebraically stable", lambda: algebraically_stable(scheme)),
        reducible=ask("reducible", lambda: reducible(scheme)),
        low_storage=ask("low storage", lambda: low_storage(scheme)),
        invertible=ask("invertible", lambda: inverted(lower(scheme))),
    )
