"""What the schemes of a run's network have become, and whether it kept what it was to keep."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sympy import Expr

from tableau2net.analysis import effective_step, order_conditions, stability, zero_stable
from tableau2net.codegen import Options
from tableau2net.errors import InputError
from tableau2net.nn.blocks import blocks_of
from tableau2net.nn.learnt.schemes import LearntScheme, learning_of, learnt_schemes
from tableau2net.nn.space import stencils_of
from tableau2net.runs.result import RESULT, Result
from tableau2net.runs.stencil_facts import StencilFacts, stencil_facts
from tableau2net.runs.stored import read_network
from tableau2net.scheme import Scheme
from tableau2net.step import lower

DIGITS = 6  # conditions that hold to 1e-6 count as kept: float32 holds no more


@dataclass(frozen=True)
class Facts:
    """What is said of one learnt scheme. order: to 1e-6. exact_order: of the decimals as they stand. The intervals are
    not looked for where each channel has a scheme."""

    learnt: LearntScheme
    order: int
    exact_order: int
    zero_stable: bool
    effective_step: Expr | None
    real_interval: Expr | None
    imaginary_interval: Expr | None


@dataclass(frozen=True)
class CheckedRun:
    """The network of a finished run, as far as its schemes go: as declared, and as learnt, with the facts of each.

    stencils: of its fields of equations."""

    folder: Path
    result: Result
    scheme: Scheme
    known: list[Facts]
    options: Options
    stencils: tuple[StencilFacts, ...] = ()


def read_run(folder: str | Path) -> CheckedRun:
    """The schemes of a run. Raises InputError, one line, for a folder that is damaged or of something else."""
    folder = Path(folder)
    if not (folder / RESULT).is_file():
        raise InputError(f"{folder / RESULT}: cannot be read, there is none; check a training run that has finished")
    result = Result.read(folder / RESULT)
    model = read_network(folder)[1]
    made = next((made for _, _, made in blocks_of(model)), None)
    if made is None:
        raise InputError(f"{folder}: {result.model} has no block of a scheme, there is nothing to check")
    try:
        learnt = learnt_schemes(model)
        stencils = tuple(stencil_facts(each, made.scheme) for each in stencils_of(model))
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None
    if not learnt:
        family = learning_of(made)
        where = "no block, they have start-up steps only" if family.raw else "all blocks"
        learnt = [LearntScheme(where, None, None, {}, family.scheme.at_defaults())]
    return CheckedRun(folder, result, made.scheme, [facts(x) for x in learnt], made.options, stencils)


# ----------------------------------------------------------------------------------------------------------- facts


def facts(learnt: LearntScheme) -> Facts:
    """What a learnt scheme is. Raises InputError where that is beyond exact means, a coefficient nan or inf say."""
    scheme = learnt.scheme
    near = scheme if scheme.digits else replace(scheme, digits=DIGITS)
    stable = stability(near) if learnt.channel is None else None
    return Facts(
        learnt=learnt,
        order=order_conditions(near).order,
        exact_order=order_conditions(replace(scheme, digits=None)).order,
        zero_stable=zero_stable(near),
        effective_step=effective_step(scheme),
        real_interval=stable and stable.real_interval,
        imaginary_interval=stable and stable.imaginary_interval,
    )


def claims(run: CheckedRun) -> list[dict[str, Any]]:
    """What the run promised to keep, and what is found: the least of all steps and channels."""
    made: list[dict[str, Any]] = []
    if run.options.keep_order is not None:
        found = min(f.order for f in run.known)
        made.append(
            {
                "claim": "keep_order",
                "declared": run.options.keep_order,
                "found": found,
                "ok": found >= run.options.keep_order,
            }
        )
    if run.options.keep_stable:
        stable = all(f.zero_stable for f in run.known)
        made.append({"claim": "keep_stable", "declared": True, "found": stable, "ok": stable})
    for each in run.stencils:
        if each.learnt.kept is not None:
            name = f"keep_order of {each.name}"
            made.append({"claim": name, "declared": each.learnt.kept, "found": each.order, "ok": each.kept})
    return made


def kept(run: CheckedRun) -> bool:
    """Whether everything holds that was to be kept."""
    return all(claim["ok"] for claim in claims(run))


def declared(run: CheckedRun, learnt: LearntScheme) -> Scheme:
    """A learnt scheme with a name, where it comes from, and as claims what it is."""
    base = run.scheme.name or "scheme"
    parts = [base, learnt.block.replace(".", "-")] + ([] if learnt.step is None else [f"step{learnt.step}"])
    scheme = learnt.scheme
    found: dict[str, Any] = {"order": order_conditions(scheme).order}
    if lower(scheme).history:
        found["zero_stable"] = zero_stable(scheme)
    r = run.result
    where = "all steps" if learnt.step is None else f"step {learnt.step}"
    data = Path(str(r.data.get("source", "?"))).name
    return replace(
        scheme,
        name="-".join(parts),
        title=f"{base}, learnt: {learnt.block}, {where}",
        reference=f"learnt by {r.model} on {data}, {r.epochs} epochs, seed {r.seed}, {r.date[:10]}",
        claims={key: value for key, value in found.items() if key != "order" or value >= 0},
    )


def decimal_text(text: str) -> str:
    """Scheme-file text with fractions as decimals where these end: ``"163/2000"`` → ``"0.0815"``."""

    def decimal(fraction: re.Match[str]) -> str:
        p, q = int(fraction[2]), int(fraction[3])
        places = next((n for n in range(40) if 10**n % q == 0), None)
        if places is None or q < 10:
            return fraction[0]
        digits = f"{p * 10**places // q:0{places + 1}d}"
        return f'"{fraction[1]}{digits[:-places]}.{digits[-places:]}"'

    return re.sub(r'"(-?)(\d+)/(\d+)"', decimal, text)
