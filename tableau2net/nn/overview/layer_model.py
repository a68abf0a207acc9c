"""What layer-parallel steps of a network would come to in training: counted evaluations, not measured seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tableau2net.multigrid import Hierarchy, Plan
from tableau2net.multigrid.critical_path import PROCESSES, modelled_speed


@dataclass(frozen=True)
class LayerModel:
    """A block by multigrid in time.

    plan: as `--layer-parallel` has it.  intervals: of the coarsest grid, so many processes have work at most.
    exact_after: cycles after which it is the serial block, whatever the coarse steps do.
    speed: by number of processes, how many times as fast as serial steps training would be; None where there are too
        many. Evaluations that come one after another are counted; what is sent takes no time.
    """

    plan: str
    intervals: int
    exact_after: int
    speed: dict[int, float | None]

    @classmethod
    def of(cls, steps: int, plan: Plan) -> LayerModel:
        """Of so many steps. Raises InputError where the plan does not fit them."""
        hierarchy = Hierarchy.of(steps, plan)
        return cls(str(plan), hierarchy.intervals, hierarchy.exact_after(plan.relaxation), modelled_speed(steps, plan))


def coarse_warnings(h: float, steepness: float | None, plan: Plan, real: float | None) -> list[str]:
    """Where an eigenvalue as large as the fields are steep would leave the real stability interval with the step of the
    coarsest level: the cycles may then not converge before they are exact by their number."""
    if steepness is None or real is None or not abs(h) * steepness * plan.coarsening ** (plan.levels - 1) > real > 0:
        return []
    length = plan.coarsening ** (plan.levels - 1)
    return [
        f"layer-parallel steps of the coarsest level may be unstable: they are {length} h long, and h·L times that "
        f"exceeds {real:.3g} (the real stability interval); a smaller coarsening is safer"
    ]


def layer_table(rows: Sequence[tuple[str, int, LayerModel]]) -> Table:
    """Blocks with their steps, and the modelled speed by number of processes."""
    title = f"layer-parallel {rows[0][2].plan}: modelled speed; serial steps: 1"
    numbers = [f"{count} proc." if count == 1 else str(count) for count in PROCESSES]
    table = Table(
        "block",
        "steps",
        "intervals",
        "exact after",
        *numbers,
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name, steps, model in rows:
        cells = ["–" if speed is None else f"{speed:.2f}" for speed in model.speed.values()]
        table.add_row(name, str(steps), str(model.intervals), f"{model.exact_after} cycles", *cells)
    return table
