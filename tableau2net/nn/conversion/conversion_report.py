"""What a conversion found and did, for the user to read."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO

from rich.console import Console, Group
from rich.table import Table

from tableau2net.nn.conversion.chains import Left


@dataclass(frozen=True)
class ConvertedRun:
    """A run that became one block of the scheme.

    where: the name of the block now, that of the first one then.  last: the name of the last one then.
    kind: their class.  blocks: how many.  steps: steps of the scheme; a block with several residual sums (attention
    and MLP) is as many, a field each.  startup: the first of them, which are the start-up method's.
    evaluations: of fields in all.  after: what follows the addition, "" for nothing.  notes: what to know of them.
    """

    where: str
    last: str
    kind: str
    blocks: int
    steps: int
    startup: int
    evaluations: int
    after: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Conversion:
    """What `convert` did. Printing it shows a table.

    scheme: its name.  equal: whether the outputs are those of the original.  runs, left: what was turned into blocks of
    the scheme, and what looks residual and stays as it is (a change of stride or width, an untraceable forward).
    """

    scheme: str
    equal: str
    runs: tuple[ConvertedRun, ...]
    left: tuple[Left, ...]

    def __rich__(self) -> Group:
        turned = Table("where", "blocks", "steps", "evaluations", "after the addition", "note", title=self._title())
        for run in self.runs:
            to = "" if run.last == run.where else f" … {run.last}"
            blocks, steps = f"{run.blocks} × {run.kind}", f"{run.steps} ({run.startup} start-up)"
            about = (blocks, steps if run.startup else str(run.steps), str(run.evaluations))
            turned.add_row(f"{run.where}{to}", *about, run.after or "nothing", "; ".join(run.notes))
        if not self.left:
            return Group(turned)
        left = Table("stays as it is", "class", "why")
        groups: dict[tuple[str, str], list[str]] = {}
        for each in self.left:
            groups.setdefault((each.kind, each.why), []).append(each.where or "the network")
        for (kind, why), places in groups.items():
            left.add_row("\n".join(places[:4] + [f"and {len(places) - 4} more"] * (len(places) > 4)), kind, why)
        return Group(turned, left)

    def _title(self) -> str:
        return f"{self.scheme}: outputs {self.equal}"

    def __str__(self) -> str:
        text = StringIO()
        Console(file=text, width=140, markup=False, emoji=False).print(self)
        return text.getvalue().rstrip()
