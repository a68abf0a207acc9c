"""What a report says of a scheme's structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tableau2net.analysis.report.facts.pieces import Fact, yes
from tableau2net.analysis.structure.reducible import Reducible
from tableau2net.scheme import RungeKutta

if TYPE_CHECKING:
    from tableau2net.analysis.report.findings import Report

VERDICTS = {
    "symplectic": "symplectic",
    "symmetric": "symmetric",
    "algebraically_stable": "algebraically stable",
    "stiffly_accurate": "stiffly accurate",
    "fsal": "first same as last",
}


def structural(report: Report) -> Iterator[Fact]:
    """Symplectic, symmetric, reducible and so on."""
    found = report.structure
    for key, name in VERDICTS.items():
        holds = getattr(found, key)
        if key == "symplectic" and not holds and found.symplectic_separable:
            yield Fact(name, ("for separable systems y₁' = f₁(y₂), y₂' = f₂(y₁)",))
        elif holds is not None:
            yield Fact(name, (yes(holds),))
    if found.reducible is not None:
        yield Fact("reducible", (_reducible(found.reducible),))
    elif isinstance(report.scheme, RungeKutta):
        yield Fact("reducible", ("no",))
    if found.low_storage is not None:
        yield Fact("low storage", (f"{found.low_storage.kind}, {found.low_storage.registers} registers",))
    if found.invertible is not None:
        recovered = ", ".join(found.invertible.recovers)
        pieces = ("yes, gives back ", recovered, ", errors grow by ", found.invertible.amplification)
        yield Fact("invertible", pieces if recovered else ("yes",))


def _reducible(found: Reducible) -> str:
    equal = ["stages " + " = ".join(map(str, same)) for same in found.equal]
    unused = [f"without stage{'s' * (len(found.unused) > 1)} {', '.join(map(str, found.unused))}"] * bool(found.unused)
    return f"to {found.stages} stage{'s' * (found.stages != 1)}: {', '.join([*equal, *unused])}"
