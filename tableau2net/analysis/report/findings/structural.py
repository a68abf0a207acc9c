"""What is found of a scheme's structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from tableau2net.analysis.budget import ask
from tableau2net.analysis.report.finding import Finding, Findings, Json, Words, json_of, silent
from tableau2net.analysis.report.pieces import Fact, yes
from tableau2net.analysis.series.exact_integrals import energy_preserving, kept_degree
from tableau2net.analysis.structure.low_storage import LowStorage, low_storage
from tableau2net.analysis.structure.reducible import Reducible, reducible
from tableau2net.analysis.structure.stage_graph import StageGraph, stage_graph
from tableau2net.analysis.structure.symmetric import symmetric
from tableau2net.analysis.structure.symplectic import symplectic, symplectic_separable
from tableau2net.analysis.structure.tableau import fsal, globally_stiffly_accurate, imex_type, stiffly_accurate
from tableau2net.scheme import ContinuousRungeKutta, RungeKutta, Scheme
from tableau2net.step import lower
from tableau2net.step.inverse import Inverse, inverted


def _symplectic(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if not holds and found["structure.symplectic_separable"]:
        yield Fact("symplectic", ("for separable systems y₁' = f₁(y₂), y₂' = f₂(y₁)",))
    elif holds is not None:
        yield Fact("symplectic", (yes(holds),))


def _energy(holds: bool | None, found: Findings) -> Iterator[Fact]:
    """With exact integrals, and what is left of it with those of code."""
    scheme: ContinuousRungeKutta = found.table  # type: ignore[assignment]  # what the row reads
    if holds is not None:
        kept = f"; with {scheme.stages} Gauss nodes where H is a polynomial of degree {kept_degree(scheme)} at most"
        yield Fact("energy preserving", (yes(holds), " with exact integrals", kept * holds))


def _reducible(redundant: Reducible | None, found: Findings) -> Iterator[Fact]:
    if redundant is not None:
        yield Fact("reducible", (_without(redundant),))
    elif isinstance(found.table, RungeKutta):
        yield Fact("reducible", ("no",))


def _without(found: Reducible) -> str:
    equal = ["stages " + " = ".join(map(str, same)) for same in found.equal]
    unused = [f"without stage{'s' * (len(found.unused) > 1)} {', '.join(map(str, found.unused))}"] * bool(found.unused)
    return f"to {found.stages} stage{'s' * (found.stages != 1)}: {', '.join([*equal, *unused])}"


def _reducible_json(found: Reducible | None) -> Json | None:
    if found is None:
        return None
    return {"unused": list(found.unused), "equal": [list(c) for c in found.equal], "stages": found.stages}


def _low_storage_json(low: LowStorage | None) -> Json | None:
    if low is None:
        return None
    coefficients: dict[str, list[Any]] = {n: [json_of(x) for x in row] for n, row in low.coefficients.items()}
    return {"kind": low.kind, "registers": low.registers, "coefficients": coefficients}


def _depth(depth: int, found: Findings) -> Iterator[Fact]:
    """Told where something can run at once."""
    graph: StageGraph = found.evidence[asked_graph]
    if graph is not None and depth < len(graph.tasks):
        yield Fact("sequential depth", (str(graph),))


def asked_graph(scheme: Scheme) -> StageGraph | None:
    """The graph of a scheme, as a part of a report."""
    return ask("stage graph", lambda: stage_graph(scheme))


def _of_graph(key: str, find: Callable[[StageGraph], Any], **row: Any) -> Finding:
    return Finding(f"structure.{key}", "", lambda graph: graph and find(graph), of=asked_graph, **row)


def _rounds(graph: StageGraph) -> list[list[str]]:
    return [[name for task in tasks for name in graph.tasks[task]] for tasks in graph.rounds]


def _invertible(inverse: Inverse) -> Words:
    recovered = ", ".join(inverse.recovers)
    return ("yes, gives back ", recovered, ", errors grow by ", inverse.amplification) if recovered else "yes"


def _invertible_json(inverse: Inverse | None) -> Json | None:
    if inverse is None:
        return None
    return {"recovers": list(inverse.recovers), "amplification": json_of(inverse.amplification)}


IMEX_TYPES = {
    "A": "A (I): the implicit matrix is regular",
    "CK": "CK (II): the first stage is explicit, the others regular",
    "ARS": "ARS: CK (II), and no implicit stage reads the first",
    "none": "none: the implicit matrix is singular beyond an explicit first stage",
}
STRUCTURE = (
    Finding("structure.symplectic", "symplectic", symplectic, tell=_symplectic),
    Finding("structure.symplectic_separable", "symplectic for separable systems", symplectic_separable, tell=silent),
    Finding("structure.symmetric", "symmetric", symmetric),
    Finding(
        "structure.energy_preserving", "energy preserving", energy_preserving, reads=ContinuousRungeKutta, tell=_energy
    ),
    Finding("structure.stiffly_accurate", "stiffly accurate", stiffly_accurate),
    Finding("structure.globally_stiffly_accurate", "globally stiffly accurate", globally_stiffly_accurate),
    Finding("structure.imex_type", "IMEX type", imex_type, words=IMEX_TYPES.__getitem__),
    Finding("structure.fsal", "first same as last", fsal),
    Finding("structure.reducible", "reducible", reducible, tell=_reducible, json=_reducible_json),
    Finding(
        "structure.low_storage",
        "low storage",
        low_storage,
        words=lambda low: f"{low.kind}, {low.registers} registers",
        json=_low_storage_json,
    ),
    Finding(
        "structure.invertible",
        "invertible",
        lambda scheme: inverted(lower(scheme)),
        words=_invertible,
        json=_invertible_json,
    ),
    _of_graph("sequential_depth", attrgetter("depth"), tell=_depth),
    _of_graph("processors", attrgetter("processors"), tell=silent),
    _of_graph("rounds", _rounds, tell=silent),
)
