"""`tableau2net evaluate`: how a finished run's network stands up to attacks."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from tableau2net.cli.run_options import run_options
from tableau2net.declared import fraction
from tableau2net.errors import InputError


@run_options("data_dir", "device")
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    *,
    attack: Annotated[
        list[str] | None,
        typer.Option(help="pgd-20, pgd-20-5 (5 restarts), margin-20 or fgsm; repeatable. [default: pgd-20]"),
    ] = None,
    epsilon: Annotated[
        str | None,
        typer.Option(metavar="FRACTION", help="Most that a pixel, from 0 to 1, is changed by. [default: as the run]"),
    ] = None,
    attack_step: Annotated[
        str | None, typer.Option(metavar="FRACTION", help="Step of the attacks. [default: epsilon/4; fgsm: epsilon]")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Where its images are now. [default: as the run]")] = None,
    data_dir: Path,
    device: str | None,
    json: Annotated[bool, typer.Option("--json", help="Print errors, per cent, as JSON, and nothing else.")] = False,
) -> None:
    """Measure the network of a finished run on its test images under attack, and add that to the run's results."""
    from tableau2net.training.adversary.finished_runs import measure_run

    found = measure_run(
        folder, tuple(attack or ["pgd-20"]), _number("--epsilon", epsilon), _number("--attack-step", attack_step),
        data=data, data_dir=data_dir, device=device,
    )  # fmt: skip
    if json:
        print(json_module.dumps(found))
        return
    for name, error in found.items():
        print(f"{name}: error {error:.2f} %")


def _number(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else fraction(text)
    except ValueError:
        raise InputError(f"{option} {text and text[:40]!r}: write a number or a fraction, 0.03 or 8/255") from None
