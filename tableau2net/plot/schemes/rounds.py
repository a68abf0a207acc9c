"""What waits for what in a step: its evaluations as a graph, round after round from left to right."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from tableau2net.analysis.structure.stage_graph import StageGraph, stage_graph
from tableau2net.errors import InputError
from tableau2net.plot.style import INK, check_number, image, line_style
from tableau2net.scheme import Scheme

MAX_TASKS = 120
ACROSS, DOWN = 0.95, 0.8  # inches between rounds, and between tasks of one
FAINT, STRONG = 0.25, 0.9  # of arrows: those that follow from others, and those that do not

Places = dict[int, tuple[float, float]]


def draw_stage_graph(schemes: Mapping[str, Scheme], format: str = "png") -> bytes:
    """A graph for each scheme, one below another: a circle an evaluation, a ring around those that are solved for, an
    arrow to each that waits for it; what can run at once stands in one column.

    Raises InputError for schemes of over `MAX_TASKS` evaluations."""
    check_number(len(schemes))
    graphs = {label: stage_graph(scheme) for label, scheme in schemes.items()}
    for label, graph in graphs.items():
        if not 1 <= len(graph.tasks) <= MAX_TASKS:
            raise InputError(f"{label}: {len(graph.tasks)} evaluations; 1 to {MAX_TASKS} can be drawn")
    heights = [max(graph.processors, 1) * DOWN + 1.0 for graph in graphs.values()]
    width = max(graph.depth for graph in graphs.values()) * ACROSS + 0.6
    figure = Figure(figsize=(max(width, 2.6), sum(heights)), dpi=160, layout="constrained")
    panels = figure.subplots(len(graphs), 1, squeeze=False, height_ratios=heights)[:, 0]
    for i, (axes, (label, graph)) in enumerate(zip(panels, graphs.items(), strict=True)):
        _draw(axes, label, graph, line_style(i)[0], width)
    return image(figure, format)


def _draw(axes: Axes, label: str, graph: StageGraph, colour: str, width: float) -> None:
    places, direct = _places(graph), graph.direct
    for task, needs in enumerate(graph.needs):
        for other in needs:
            strong = other in direct[task]
            axes.add_patch(_arrow(places[other], places[task], STRONG if strong else FAINT, zorder=1 + strong))
    for task, (x, y) in places.items():
        axes.plot([x], [y], "o", ms=21, mfc="white", mec=colour, mew=1.6, zorder=3)
        if task in graph.solved:
            axes.plot([x], [y], "o", ms=17, mfc="none", mec=colour, mew=0.9, zorder=4)
        axes.text(x, y, graph.name(task).replace(" ", "\n"), ha="center", va="center", fontsize=7, color=INK, zorder=5)
    axes.set_title(f"{label}: {graph}", loc="left", fontsize=9, color=INK)
    half = max(graph.processors, 1) * DOWN / 2
    axes.set(xlim=(-0.45, width - 0.45), ylim=(-half - 0.1, half + 0.35), aspect="equal")
    axes.axis("off")


def _places(graph: StageGraph) -> Places:
    """Rounds from left to right; in each, tasks by where those stand that they wait for."""
    found: Places = {}
    for i, tasks in enumerate(graph.rounds):
        heights = {t: [found[j][1] for j in graph.needs[t]] for t in tasks}
        ordered = sorted(tasks, key=lambda t: (-sum(heights[t]) / max(len(heights[t]), 1), t))
        for k, task in enumerate(ordered):
            found[task] = (i * ACROSS, ((len(ordered) - 1) / 2 - k) * DOWN)
    return found


def _arrow(start: tuple[float, float], end: tuple[float, float], alpha: float, zorder: int) -> FancyArrowPatch:
    """Bent where it passes a round in between, so that it does not run through what stands there."""
    beyond = abs(end[0] - start[0]) > 1.5 * ACROSS
    bent = f"arc3,rad={-0.2 if beyond else 0.0}"
    return FancyArrowPatch(
        start, end, connectionstyle=bent, arrowstyle="-|>", mutation_scale=8, shrinkA=11, shrinkB=11,
        color=INK, alpha=alpha, lw=0.9, zorder=zorder, clip_on=False,
    )  # fmt: skip
