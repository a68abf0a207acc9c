"""Figures as tables: for a terminal, as Markdown, as JSON."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table

from benchmarks.candidate import Row
from benchmarks.libraries import versions

HEAD = ("", "forward, ms", "ratio", "with backward, ms", "ratio", "kernels", "passes", "saved", "peak", "")


@dataclass(frozen=True)
class Sheet:
    """A titled table of text, and under it what has to be said."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def rich(self) -> Table:
        table = Table(*self.head, title=self.title, caption="\n".join(self.remarks) or None, title_justify="left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", line(self.head), line(["---"] * len(self.head))]
        lines += [line(row) for row in self.rows]
        return "\n".join([*lines, "", *(f"{remark}  " for remark in self.remarks)]).rstrip() + "\n"


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def of_rows(title: str, rows: Sequence[Row], remarks: Sequence[str] = ()) -> Sheet:
    """The rows of one work; ratios are times over those of the first row. Columns that nothing fills are left out."""
    first, columns = rows[0], [cells(r, rows[0]) for r in rows]
    head = list(HEAD)
    if first.device_mb is not None:
        head.insert(-1, "device, MiB")
        columns = [[*c[:-1], number(r.device_mb, "{:.0f}"), c[-1]] for c, r in zip(columns, rows, strict=True)]
    kept = [i for i in range(len(head)) if i == 0 or any(c[i] not in ("", "–") for c in columns)]
    return Sheet(
        title,
        tuple(head[i] for i in kept),
        tuple(tuple(c[i] for i in kept) for c in columns),
        tuple(remarks),
    )


def cells(r: Row, first: Row) -> list[str]:
    return [
        r.name,
        number(r.forward_ms, "{:.2f}"),
        number(r.forward_ms / first.forward_ms, "{:.2f}"),
        number(r.both_ms, "{:.2f}"),
        number(r.both_ms / first.both_ms, "{:.2f}"),
        number(r.kernels, "{}"),
        number(r.passes, "{}"),
        number(r.saved, "{:.2f}"),
        number(r.peak, "{}"),
        r.note,
    ]


def number(value: float | None, form: str) -> str:
    return "–" if value is None or math.isnan(value) else form.format(value)


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        **({"cuda": torch.version.cuda} if device.type == "cuda" else {}),
        **versions(),
    }


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(text.split(":")[1].strip() for text in file if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
