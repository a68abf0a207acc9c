"""`tableau2net evaluate`: how a finished run's network stands up to attacks, or to other noise."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from tableau2net.cli.run_options import run_options
from tableau2net.declared import fraction
from tableau2net.errors import InputError


@run_options("data_dir", "device", "test_data", "test_sigma")
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
    test_data: str | None,
    test_sigma: list[str] | None,
    json: Annotated[bool, typer.Option("--json", help="Print what is found as JSON, and nothing else.")] = False,
) -> None:
    """Measure the network of a finished run on its test images: under attack, which is added to the run's results; one
    that restores images, or finds next states, at the run's deviations of noise or at others."""
    from tableau2net.recipes.task import CLASSIFY, DENOISE
    from tableau2net.runs.finished import read_result
    from tableau2net.runs.result import RESULT
    from tableau2net.training.adversary.finished_runs import measure_run

    kind = read_result(folder / RESULT).task
    named = {"attack": attack, "epsilon": epsilon, "attack-step": attack_step}
    if kind is not CLASSIFY and (given := [name for name, value in named.items() if value]):
        raise InputError(f"--{given[0]}: {folder} is of --task {kind.name}, which no attack is of; leave it out")
    if kind is CLASSIFY and (test_data or test_sigma):
        raise InputError(f"--test-{'data' if test_data else 'sigma'}: {folder} is of --task classify; leave it out")
    if kind is not CLASSIFY:
        from tableau2net.training.remeasured import measure_again

        sigmas = tuple(_number("--test-sigma", text) or 0.0 for text in test_sigma or ())
        again = measure_again(folder, sigmas, data=data, test_data=test_data, data_dir=data_dir, device=device)
        told = {f"sigma {name}" if kind is DENOISE else name: figures for name, figures in again.items()}
        for name, figures in {} if json else told.items():
            print(f"{name}: {', '.join(f'{m.title} {m.shown(figures[m.name])}' for m in kind.measures)}")
        if json:
            print(json_module.dumps(again))
        return
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
