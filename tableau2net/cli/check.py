"""`tableau2net check`: prove or refute what scheme files claim."""

from __future__ import annotations

import json as text
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tableau2net.analysis import Verdict
from tableau2net.analysis import check as prove
from tableau2net.analysis.record import json_of, residuals_json
from tableau2net.errors import InputError
from tableau2net.scheme import load
from tableau2net.scheme.library import sources as sources_of


def check(
    sources: Annotated[list[str], typer.Argument(help="Names, scheme files, or folders of them.")],
    json: Annotated[bool, typer.Option("--json", help="As a JSON list.")] = False,
) -> None:
    """Check schemes: their exact order, and each claim.

    Exit status 0: every claim is true. 1: one is refuted. 2: a source cannot be read; the others are still checked.
    """
    bad: list[str] = []
    done: list[tuple[str, Verdict]] = []
    for source, verdict in _verdicts(sources, bad):
        done.append((source, verdict))
        if not json:
            print(_line(source, verdict))
    if json:
        print(text.dumps([_record(s, v) for s, v in done], indent=2, ensure_ascii=False))
    elif len(done) > 1:
        refuted = sum(not v.ok for _, v in done)
        print(f"{len(done)} checked, {len(done) - refuted} true, {refuted} refuted")
    for message in bad:
        print(f"tableau2net: {message}", file=sys.stderr)
    raise typer.Exit(2 if bad else int(any(not v.ok for _, v in done)))


def _verdicts(sources: list[str], bad: list[str]) -> Iterator[tuple[str, Verdict]]:
    """What could be checked; what could not is said in `bad`."""
    for given in sources:
        try:
            for source in sources_of(given):
                try:
                    yield str(source), prove(load(source))
                except InputError as error:
                    named = str(error).startswith(str(source))
                    bad.append(" ".join((str(error) if named else f"{source}: {error}").split()))
        except InputError as error:  # a folder without scheme files
            bad.append(str(error))


KINDS = {
    "exact": "",
    "all parameters": " for all values of the parameters",
    "decimal": " to the decimals printed",
    "linear": " for linear fields only, since a stage starts from no y",
}


def _line(source: str, verdict: Verdict) -> str:
    """The verdict as text: a line, and for a refuted claim what shows it."""
    order = verdict.order
    if order.order < 0:
        says = "no order: a constant solution is not kept"
    else:
        says = f"order {order.order}" if order.complete else f"order at least {order.order}"
    says += KINDS[order.kind]
    if order.autonomous > order.order:
        says += f" ({order.autonomous} where the field does not depend on time: the nodes c are not the row sums)"
    wrong = [c for c in verdict.claims if not c.ok]
    lines = [f"{'ok' if verdict.ok else 'REFUTED':8}{verdict.name or source}: {says}"]
    lines += [f"{'':8}claims {c.claim} = {c.declared}, found {c.found}" for c in wrong]
    if any("order" in c.claim for c in wrong):
        shown = order.failing[:3]
        lines += [f"{'':8}order {order.order + 1} fails at the tree {residual}" for residual in shown]
        if len(order.failing) > len(shown):
            lines.append(f"{'':8}and at {len(order.failing) - len(shown)} more")
    return "\n".join(lines)


def _record(source: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "source": source,
        "name": verdict.name,
        "ok": verdict.ok,
        "order": verdict.order.order,
        "order_kind": verdict.order.kind,
        "claims": [
            {"claim": c.claim, "declared": json_of(c.declared), "found": json_of(c.found), "ok": c.ok, "kind": c.kind}
            for c in verdict.claims
        ],
        "failing": residuals_json(verdict.order.failing),
    }
