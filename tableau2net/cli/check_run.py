"""`tableau2net check DIR` for the folder of a training run: what the schemes of its network have become, told."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from sympy import Expr

from tableau2net.analysis.report.finding import json_of
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.files import write_atomically
from tableau2net.runs.stencil_facts import declared_stencil, stencil_lines, stencil_record
from tableau2net.runs.verdict import DIGITS, CheckedRun, Facts, claims, decimal_text, declared, kept
from tableau2net.scheme import CoefficientTable
from tableau2net.scheme.saved import dumps
from tableau2net.step import lower


def lines(run: CheckedRun) -> list[str]:
    """The report as text, the verdict first."""
    head = f"{'ok' if kept(run) else 'BROKEN':8}{run.folder}: {run.result.model}, {run.scheme.name}, coefficients "
    head += " ".join([run.options.coefficients, *(f"{c['claim']}={c['declared']}" for c in claims(run))])
    found = [head]
    for (block, step), channels in groupby(run.known, key=lambda f: (f.learnt.block, f.learnt.step)):
        place = block if step is None else f"{block}, step {step}"
        found.append(f"{'':8}{place}: {_summary(list(channels))}")
    return [*found, *(f"{'':8}{stencil_lines(each)}" for each in run.stencils)]


def _summary(known: list[Facts]) -> str:
    if known[0].learnt.channel is None:
        (alone,) = known
        values = ", ".join(f"{n} = {float_of(v):.7g}" for n, v in alone.learnt.values.items())
        return "; ".join([*([values] if values else []), *_said(alone)])
    ranges = []
    for name in known[0].learnt.values:
        column = [float_of(f.learnt.values[name]) for f in known]
        ranges.append(f"{name} from {min(column):.7g} to {max(column):.7g}")
    stable = sum(f.zero_stable for f in known)
    said = [f"{len(known)} channels, {', '.join(ranges)}", f"order {min(f.order for f in known)} at least"]
    return "; ".join([*said, f"{stable} of {len(known)} zero-stable"])


def _said(f: Facts) -> list[str]:
    exact = "" if f.exact_order == f.order else f" to 1e-{f.learnt.scheme.digits or DIGITS}"
    order = f"order {f.order}{exact}" if f.order >= 0 else "no order: a constant solution is not kept"
    history = bool(lower(f.learnt.scheme).history)
    stable = [("" if f.zero_stable else "NOT ") + "zero-stable"] if history else []
    step = [] if f.effective_step is None else [f"effective step {float_of(f.effective_step):.7g} h"]
    pairs = (("real", f.real_interval), ("imaginary", f.imaginary_interval))
    reach = [f"{name} interval {_short(x)}" for name, x in pairs if x is not None]
    return [order, *stable, *step, *reach]


def _short(value: Expr) -> str:
    return "oo" if value.is_infinite else f"{float(value.evalf(10)):.4g}"


def record(run: CheckedRun) -> dict[str, Any]:
    """The run as an entry of ``check --json``."""
    return {
        "source": str(run.folder),
        "name": run.scheme.name,
        "ok": kept(run),
        "claims": claims(run),
        "failing": [],
        "model": run.result.model,
        "learnt": [_entry(f) for f in run.known],
        "stencils": [stencil_record(each) for each in run.stencils],
    }


def _entry(f: Facts) -> dict[str, Any]:
    return {
        "block": f.learnt.block,
        "step": f.learnt.step,
        "channel": f.learnt.channel,
        "values": {n: json_of(v) for n, v in f.learnt.values.items()},
        "coefficients": {n: json_of(c) for n, c in f.learnt.scheme.coefficients.items() if not c.is_zero},
        "order": f.order,
        "order_digits": f.learnt.scheme.digits or DIGITS,
        "exact_order": f.exact_order,
        "zero_stable": f.zero_stable,
        "effective_step": json_of(f.effective_step),
        "real_interval": json_of(f.real_interval),
        "imaginary_interval": json_of(f.imaginary_interval),
    }


def write(run: CheckedRun, folder: Path) -> list[Path]:
    """Write each learnt scheme and stencil as a file into `folder`; returns their paths.

    Raises InputError where there is nothing learnt, where each channel has a scheme of its own, or for a full disk."""
    tables = [declared_stencil(each, run.result) for each in run.stencils if each.learnt.learnt]
    if not run.known[0].learnt.values and tables:
        return [_written(table, folder) for table in tables]
    if not run.known[0].learnt.values:
        raise InputError(
            f"{run.folder}: its coefficients are fixed, {run.result.scheme} is what it has; nothing to write"
        )
    if any(f.learnt.channel is not None for f in run.known):
        raise InputError(
            f"{run.folder}: a coefficient for each channel is no scheme; --write needs sharing shared or step"
        )
    return [_written(table, folder) for table in (*(declared(run, f.learnt) for f in run.known), *tables)]


def _written(table: CoefficientTable, folder: Path) -> Path:
    path = folder / f"{table.name}.toml"
    write_atomically(path, decimal_text(dumps(table)))
    return path
