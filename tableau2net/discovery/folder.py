"""A discovery as a folder: result.json, equations, maps and figures; whole, or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor

from tableau2net.discovery.found import Coefficient, Discovery
from tableau2net.errors import InputError
from tableau2net.files import PARTIAL
from tableau2net.plot.equations.coefficient_maps import draw_maps
from tableau2net.plot.equations.equation_table import draw_table
from tableau2net.plot.equations.error_growth import draw_errors
from tableau2net.plot.equations.states_beside import draw_states
from tableau2net.scheme.saved import dumps

MAX_MAPS, MAX_LINES = 6, 40  # that a figure shows


def check_folder(out: Path) -> None:
    """Raises InputError where there is something already, or no folder can be made."""
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"{out}: is not an empty folder; choose another --out")
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryDirectory(prefix=f".{out.name}", suffix=PARTIAL, dir=out.parent).cleanup()
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error}); use another --out") from error


def write_folder(out: Path, discovery: Discovery, figures: bool = True) -> None:
    """Write everything beside its place, and put it there in one move. Raises InputError where it cannot be written."""
    check_folder(out)
    try:
        beside = Path(tempfile.mkdtemp(prefix=f".{out.name}", suffix=PARTIAL, dir=out.parent))
        try:
            for name, content in contents(discovery, figures).items():
                (beside / name).write_bytes(content)
            _write_maps(beside / "maps.npz", discovery)
            beside.chmod(0o755)
            os.replace(beside, out)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror or error}); use another --out") from error


def contents(discovery: Discovery, figures: bool = True) -> dict[str, bytes]:
    """The files of a folder but for its maps."""
    text = json.dumps(discovery.as_dict(), indent=1, ensure_ascii=False) + "\n"
    files = {"result.json": text.encode()}
    for found in discovery.found:
        equation = found.equation(discovery.observations, discovery.plan)
        files[f"equation-{found.scheme}.toml"] = dumps(equation).encode()
    return files | (_figures(discovery) if figures else {})


def _figures(discovery: Discovery) -> dict[str, bytes]:
    data, found = discovery.observations, discovery.found
    last = data.test.shape[1] - 1
    times = sorted({1, max(1, last // 4), max(1, last // 2), last})
    where = f"{Path(data.name).name}, {discovery.plan.equation}"
    states = {each.scheme: each.rollout.states[times, 0].numpy() for each in found}
    at = [n * data.dt for n in times]
    title = f"{where}: {last} steps of Δt = {data.dt:g}"
    head, lines = table(discovery)
    files = {
        "states.png": draw_states(data.test[0, times, 0].numpy(), states, data.states[0], at, title),
        "errors.png": draw_errors(
            {each.scheme: each.rollout.errors.numpy() for each in found},
            max(1, *discovery.plan.blocks),
            title,
        ),
        "equation.png": draw_table(head, lines[:MAX_LINES], f"{where}: the equation that was found"),
    }
    maps = _maps_shown(discovery)
    return files | ({"coefficients.png": maps} if maps is not None else {})


def _maps_shown(discovery: Discovery) -> bytes | None:
    first = discovery.found[0].coefficients
    at = [n for n, each in enumerate(first) if each.found.ndim == 2][:MAX_MAPS]
    if not at:
        return None
    shape = first[at[0]].found.shape
    rows = {}
    if all(first[n].truth is not None for n in at):
        rows["truth"] = [np.broadcast_to(first[n].truth.numpy(), shape) for n in at]  # type: ignore[union-attr]
    rows |= {each.scheme: [each.coefficients[n].found.numpy() for n in at] for each in discovery.found}
    return draw_maps([first[n].term for n in at], rows, f"{discovery.observations.name}: coefficients")


def _write_maps(path: Path, discovery: Discovery) -> None:
    """Maps by scheme and term, where there are any."""
    maps = {
        f"{found.scheme}/{each.state}/{each.term}": each.found.numpy()
        for found in discovery.found
        for each in found.coefficients
        if each.found.ndim
    }
    if maps:
        np.savez(path, **maps)  # type: ignore[arg-type]


def table(discovery: Discovery) -> tuple[list[str], list[list[str]]]:
    """Head and lines: of each term the truth, and by each scheme what was found, its error, and what was predicted."""
    several = len(discovery.observations.states) > 1
    by_term: dict[tuple[str, str], dict[str, Coefficient]] = {}
    for found in discovery.found:
        for each in found.coefficients:
            by_term.setdefault((each.state, each.term), {})[found.scheme] = each
    lines = []
    for (state, term), rows in by_term.items():
        shown = (f"{state}_t: " if several else "") + term.replace("**", "^").replace("*", " ")
        for n, (scheme, each) in enumerate(rows.items()):
            value = _mean(each.found) if each.written or _is_true(each) else "–"
            error = "" if each.error is None else f"{100 * each.error:.2g} %"
            first = [shown, _mean(each.truth)] if n == 0 else ["", ""]
            lines.append([*first, scheme, value, error, _mean(each.predicted)])
    return ["term", "truth", "scheme", "found", "error", "predicted"], lines


def _is_true(each: Coefficient) -> bool:
    return each.truth is not None and bool(each.truth.any())


def _mean(value: Tensor | None) -> str:
    """Four digits; of a map its mean."""
    if value is None:
        return ""
    shown = f"{float(value.mean()):.4g}".replace("-", "−") if value.any() else "0"
    return f"⟨{shown}⟩" if value.ndim else shown
