"""`tableau2net check`: prove or refute what files of schemes and stencils claim."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from sympy import CRootOf, Expr, Float

from tableau2net.analysis import Verdict
from tableau2net.analysis import check as prove
from tableau2net.analysis.budget import budget
from tableau2net.analysis.order.evidence import KINDS, Order, Residual
from tableau2net.analysis.report.claims import AnyOrder
from tableau2net.analysis.report.finding import json_of
from tableau2net.analysis.report.findings.of_stochastic import conditions_json
from tableau2net.analysis.report.findings.orders import residuals_json
from tableau2net.analysis.report.findings.stencil_accuracy import moments_json
from tableau2net.analysis.report.pieces import LONGEST, number
from tableau2net.analysis.space.moments import MomentResidual, SpaceOrder
from tableau2net.analysis.stochastic.stochastic_order import MissedCondition, StochasticOrders
from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.exact.text import is_long
from tableau2net.scheme import CoefficientTable, as_table
from tableau2net.scheme.claimable import Printed
from tableau2net.sinks import printable
from tableau2net.spread import spread
from tableau2net.words import counted

RESULT = "result.json"  # as in training, which a check of schemes does not wait for
RUN = (RESULT, "model.safetensors")


def check(
    sources: Annotated[list[str], typer.Argument(help="Names, scheme files, training runs, and folders of these.")],
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", help="A folder for the schemes that a training run has learnt; with --repair, a file to write."
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Which changes make refuted orders true: single entries exactly, exchanges."),
    ] = False,
) -> None:
    """Check schemes and stencils: their exact order, and each claim. Of a training run: what its schemes have become.

    Exit status 0: every claim is true. 1: one is refuted, or a run has not kept what it was to keep. 2: a source
    cannot be read; the others are still checked. With --repair: what mends a refuted order, the likeliest first;
    --write FILE writes the table with the first of these.
    """
    if repair:
        from tableau2net.cli.mend import mend

        raise typer.Exit(mend(sources, json=json, write=write))
    bad: list[str] = []
    done: list[tuple[bool, dict[str, Any]]] = []
    for ok, lines, record in _checked(sources, bad, write):
        done.append((ok, record))
        if not json:
            print("\n".join(map(printable, lines.split("\n"))))
    if json:
        print_json([record for _, record in done])
    elif len(done) > 1:
        refuted = sum(not ok for ok, _ in done)
        print(f"{len(done)} checked, {len(done) - refuted} true, {refuted} refuted")
    for message in bad:
        print(f"tableau2net: {printable(message)}", file=sys.stderr)
    raise typer.Exit(2 if bad else int(any(not ok for ok, _ in done)))


def _checked(sources: list[str], bad: list[str], write: Path | None) -> Iterator[tuple[bool, str, dict[str, Any]]]:
    """Whether all is true, the report and the record of each source; what could not be checked is said in `bad`."""
    for given in sources:
        try:
            runs, schemes = _held(given)
            if write is not None and (len(runs) != 1 or schemes):
                raise InputError(f"{given}: --write is for the folder of a training run, with {RESULT} in it")
        except InputError as error:  # a folder that holds nothing to check
            bad.append(_one_line(error))
            continue
        for ok, lines, record, said in spread(_of_table, schemes):
            bad += said
            if record is not None:
                yield ok, lines, record
        for folder in runs:
            try:
                yield _run(str(folder), write)
            except InputError as error:
                bad.append(_said(folder, error))


def _of_table(source: str | Path) -> tuple[bool, str, dict[str, Any] | None, list[str]]:
    """The verdict of one table as text and as a record, and what could not be checked of it."""
    bad: list[str] = []
    try:
        verdict = _proved(source, bad)
        return verdict.ok, verdict_text(str(source), verdict), _record(str(source), verdict), bad
    except InputError as error:
        return False, "", None, [_said(source, error)]


def _said(source: str | Path, error: InputError) -> str:
    said = _one_line(error)
    return said if said.startswith(str(source)) else f"{source}: {said}"


def _held(given: str) -> tuple[list[Path], list[str | Path]]:
    """The folders of training runs and the schemes that a source stands for: itself, or what is in and below a folder.

    Raises InputError for a folder without any."""
    path = Path(given)
    if path.name == RESULT and path.is_file():
        return [path.parent], []
    if not path.is_dir():
        return [], [given]
    if any((path / name).exists() for name in RUN):
        return [path], []
    runs = sorted({found.parent for found in path.rglob(RESULT)})
    schemes: list[str | Path] = sorted(path.rglob("*.toml"))
    if not runs and not schemes:
        raise InputError(f"{path}: no scheme file (.toml) and no finished training run ({RESULT}) in this folder")
    return runs, schemes


def _one_line(error: InputError) -> str:
    return " ".join(str(error).split())


def _run(folder: str, write: Path | None) -> tuple[bool, str, dict[str, Any]]:
    """The report of a training run; only here is torch needed."""
    from tableau2net.cli import check_run
    from tableau2net.runs.verdict import kept, read_run

    run = read_run(folder)
    written = [] if write is None else check_run.write(run, write)
    report = [*check_run.lines(run), *(f"{'':8}wrote {path}" for path in written)]
    record = check_run.record(run) | ({"written": [str(path) for path in written]} if write is not None else {})
    return kept(run), "\n".join(report), record


def _proved(source: str | Path, bad: list[str]) -> Verdict:
    """The verdict of a table; the claims that are too much work to decide are said in `bad`."""
    with budget():
        verdict = prove(as_table(source, CoefficientTable))
    undecided = [c for c in verdict.claims if c.undecided]
    if undecided:
        names = ", ".join(f"claims.{c.claim}" for c in undecided)
        bad.append(f"{source}: {names}: not decided, {undecided[0].undecided}")
    return verdict


def _residual(residual: Residual | MomentResidual | MissedCondition) -> str:
    """A long fraction as a decimal; it is exact in the JSON."""
    if isinstance(residual, MomentResidual | MissedCondition):
        return str(residual)
    if len(str(residual)) > LONGEST and residual.value.is_number:
        residual = replace(residual, value=Float(residual.value.evalf(20), 6))
    return f"the tree {residual}"


def _says(order: AnyOrder) -> str:
    """The order in words."""
    if isinstance(order, StochasticOrders):
        return str(order)
    if isinstance(order, Order) and order.order < 0:
        return f"no order: a constant solution is not kept{KINDS[order.kind].behind}"
    says = f"order {'' if order.complete else 'at least '}{order.order}{KINDS[order.kind].behind}"
    if isinstance(order, Order) and order.autonomous > order.order:
        says += f" ({order.autonomous} where the field does not depend on time: the nodes c are not the row sums)"
    return says


def verdict_text(source: str, verdict: Verdict) -> str:
    """The verdict as text: a line, and for a refuted claim what shows it."""
    order = verdict.order
    wrong = [c for c in verdict.claims if not c.ok and not c.undecided]
    open_ = not wrong and not verdict.ok
    state = "UNKNOWN" if open_ else "ok" if verdict.ok else "REFUTED"
    lines = [f"{state:8}{verdict.name or source}: {_says(order)}"]
    lines += [
        f"{'':8}claims {c.claim} = {_short(c.declared)}, found {_short(c.found) if c.nearly is None else c.nearly}"
        for c in wrong
    ]
    near = [c for c in verdict.claims if c.ok and c.nearly]
    lines += [f"{'':8}{c.claim} = {c.declared} to {counted(c.declared.digits, 'decimal')}: {c.nearly}" for c in near]
    lines += [f"{'':8}{c.why}" for c in wrong if c.why]
    if any("order" in c.claim and not c.why for c in wrong):
        shown = order.failing[:3]
        lines += [f"{'':8}order {order.order + 1} fails at {_residual(r)}" for r in shown]
        if len(order.failing) > len(shown):
            lines.append(f"{'':8}and at {len(order.failing) - len(shown)} more")
    if verdict.decimals:
        lines.append(
            f"{'':8}but for rounding: it holds to {verdict.decimals} decimals; write digits = {verdict.decimals}"
        )
    if verdict.useless_estimate:
        lines.append(f"{'':8}no error estimate: {verdict.useless_estimate}")
    return "\n".join(lines)


def _short(value: Any) -> str:
    long = isinstance(value, Expr) and (is_long(value) or value.is_infinite or value.has(CRootOf))
    return number(value) if long else str(value)


def _record(source: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "source": source,
        "name": verdict.name,
        "ok": verdict.ok,
        "order": verdict.order.order,
        "order_kind": verdict.order.kind,
        "claims": [
            {
                "claim": c.claim,
                "declared": _declared_json(c.declared),
                "found": json_of(c.found),
                "ok": c.ok,
                "kind": c.kind,
            }
            | ({"undecided": c.undecided} if c.undecided else {})
            for c in verdict.claims
        ],
        "failing": _failing_json(verdict.order),
        "holds_to_decimals": verdict.decimals,
    }


def _declared_json(declared: Any) -> Any:
    """As of a number that is found; of one in decimals, how many beside it."""
    if not isinstance(declared, Printed):
        return json_of(declared)
    return json_of(declared.value) | {"decimals": declared.digits}


def _failing_json(order: AnyOrder) -> list[dict[str, Any]]:
    if isinstance(order, StochasticOrders):
        return conditions_json(order.failing) or []
    return moments_json(order.failing) if isinstance(order, SpaceOrder) else residuals_json(order.failing)
