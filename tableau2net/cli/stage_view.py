"""A step's evaluations in a terminal: which run at once, and what each waits for."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tableau2net.analysis.structure.stage_graph import stage_graph
from tableau2net.scheme import Scheme


def stage_view(scheme: Scheme) -> RenderableType:
    """A line for each round: what is evaluated in it, side by side, and what that waits for; implicit ones with a *."""
    graph = stage_graph(scheme)
    table = Table(box=None, pad_edge=False, header_style="cyan")
    for name in ("round", *(f"processor {i}" for i in range(1, graph.processors + 1))):
        table.add_column(name, overflow="fold")
    direct = graph.direct
    for i, tasks in enumerate(graph.rounds, 1):
        cells = []
        for task in tasks:
            waits = ", ".join(graph.name(j) for j in sorted(direct[task]))
            cells.append(f"{graph.name(task)}{'*' * (task in graph.solved)}{f' ← {waits}' if waits else ''}")
        table.add_row(str(i), *cells)
    last = Text(f"\n{graph}{'' if graph.fewest else ' (perhaps fewer would do)'}", style="dim")
    return Group(Text(scheme.name or "unnamed", style="bold"), "", table, last)
