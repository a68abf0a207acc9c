"""The figures of the compiler, beside its peers, in one process: a ratio table for each work, and the goals.

    python -m benchmarks.compiler [--quick] [--runs 9] [--markdown] [--out DIR] [--device cuda]

Candidates take turns and the least of the runs counts; kernels, passes, bytes and tensors are counted and exact.
--quick leaves out torch.compile, the deep network and the costly field of all but rk4. On a GPU everything is done in
float32 and bfloat16, timed by CUDA events, with captured graphs and the allocator's peak beside. --out writes
compiler.json and compiler.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks import deep, goals, libraries, memory, networks, sheet, steps
from benchmarks.candidate import measured
from benchmarks.fields import FIELDS
from benchmarks.optimised import with_captured, with_compiled

# whose compiled forms are measured, by work: compiling takes longer than the work (torchode's step half a minute, in
# pieces, because of the graph breaks in it; it is left out)
COMPILED = {
    "one step of rk4, cheap field": (
        "generated",
        "loop over tableau tensors",
        "careful loop",
        "torchdiffeq rk4",
        "torchdyn rk4",
        "torchdiffeq dopri5, adaptive",
    ),
    "one step of rk4, BN-ReLU-conv twice": ("generated", "loop over tableau tensors"),
    "one step of dormand-prince-54, cheap field": ("generated", "loop over tableau tensors"),
    "six steps of lm, k learnt a step, cheap field": ("generated", "hand-written"),
}


@dataclass
class Session:
    """What is asked for, and what has been found so far."""

    runs: int
    quick: bool
    device: str
    dtype: torch.dtype
    console: Console
    shape: tuple[int, ...] = field(default_factory=lambda: steps.SHAPE)
    sheets: list[sheet.Sheet] = field(default_factory=list)
    goals: list[goals.Goal] = field(default_factory=list)
    records: dict[str, Any] = field(default_factory=dict)

    @property
    def cuda(self) -> bool:
        return self.device != "cpu"

    def show(self, *sheets: sheet.Sheet) -> None:
        self.sheets += sheets
        for one in sheets:
            self.console.print(one.rich())

    def keep(self, title: str, rows: Sequence[Any], remarks: Sequence[str] = ()) -> None:
        self.records[title] = [asdict(r) for r in rows]
        self.show(sheet.of_rows(title, rows, remarks))

    def state(self, batch: int | None = None) -> torch.Tensor:
        return steps.state((batch or self.shape[0], *self.shape[1:]), self.device, self.dtype)


def step_tables(s: Session) -> None:
    for work in steps.works():
        if s.quick and "twice" in work.name and "rk4" not in work.name:
            continue
        y, missing = s.state(), [libraries.REMARK] if work.name.startswith("one step of rk4") else []
        candidates = work.candidates(y)
        if not s.quick and work.name in COMPILED:
            candidates, left = with_compiled(candidates, COMPILED[work.name])
            missing += [f"does not compile: {name}" for name in left]
        if s.cuda:
            candidates, left = with_captured(candidates, y)
            missing += left
        rows = measured(candidates, y, s.runs)
        s.keep(work.name, rows, missing)
        if work.name == "one step of rk4, cheap field":
            s.goals += goals.step_goals(rows)


def network_table(s: Session) -> None:
    rows, same = networks.rows(networks.images(128 if s.cuda else 32, s.device, s.dtype), s.runs)
    s.keep("ResNet-20", rows, [f"the same sequence of ATen operators: {'yes' if same else 'no'}"])
    s.goals += networks.network_goals(rows, same)


def memory_tables(s: Session) -> None:
    for label, make in FIELDS.items():
        rows, found = memory.learnable(s.state(), label, make, s.runs, compiling=not s.quick)
        s.keep(f"learnt coefficients, one step of rk4, {label}", rows)
        s.goals += found
    sheets, found = memory.reversible(s.state(32), s.state(4), s.runs)
    s.goals += found
    s.show(*sheets)
    if not s.quick:
        for part in (deep.kept, deep.accuracy):
            one, found = part(batch=4)
            s.show(one)
            s.goals += found


PARTS: tuple[Callable[[Session], None], ...] = (network_table, step_tables, memory_tables)


def everything(s: Session) -> None:
    torch.manual_seed(0)
    for part in PARTS:
        part(s)
    s.show(goals.sheet(s.goals))


def written(sessions: dict[str, Session], about: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        name: {"figures": s.records, "goals": [{**asdict(g), "met": g.met} for g in s.goals]}
        for name, s in sessions.items()
    }
    (folder / "compiler.json").write_text(json.dumps({"about": about, "found": found}, indent=1, default=str) + "\n")
    (folder / "compiler.md").write_text(markdown(sessions, about))


def markdown(sessions: dict[str, Session], about: dict[str, Any]) -> str:
    parts = [", ".join(f"{name} {value}" for name, value in about.items()) + "\n"]
    for name, s in sessions.items():
        parts += [f"### {name}\n", *(one.markdown() for one in s.sheets)]
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiler", description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=9, help="0: only count")
    parser.add_argument(
        "--quick", action="store_true", help="no torch.compile, no deep network, less of the costly field"
    )
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables")
    parser.add_argument("--out", type=Path, help="a folder for compiler.json and compiler.md")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    asked = parser.parse_args(arguments)
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU")
    start, console = time.perf_counter(), Console(quiet=asked.markdown)
    about = sheet.machine(torch.device(asked.device))
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    sessions = {}
    for dtype in (torch.float32, torch.bfloat16) if asked.device == "cuda" else (torch.float32,):
        name = f"{asked.device}, {str(dtype).removeprefix('torch.')}"
        sessions[name] = s = Session(asked.runs, asked.quick, asked.device, dtype, console)
        everything(s)
    about["seconds"] = f"{time.perf_counter() - start:.0f}"
    if asked.out:
        written(sessions, about, asked.out)
    if asked.markdown:
        print(markdown(sessions, about))
    console.print(f"{about['seconds']} s in all")


if __name__ == "__main__":
    main()
