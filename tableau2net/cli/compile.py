"""`tableau2net compile`: a scheme, or a stencil, as a Python file that needs torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tableau2net.cli.run_options import run_options


@run_options("sharing", "stage_weights", "keep_order", "keep_stable", "backward")
def compile(
    scheme: Annotated[str, typer.Argument(help="A scheme or a stencil: its name, or the path of a file.")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write. [default: the terminal]")
    ] = None,
    coefficients: Annotated[str, typer.Option(help="fixed, learnable or free.")] = "fixed",
    sharing: str,
    stage_weights: str,
    step_weights: Annotated[
        str, typer.Option(help="independent, a field a step, or shared, one for all.")
    ] = "independent",
    keep_order: int | None,
    keep_stable: bool,
    backward: str,
    coupling: Annotated[
        str | None, typer.Option(help="With --backward reversible: λ of the coupled form, 999/1000 say.")
    ] = None,
    solver: Annotated[
        str,
        typer.Option(
            help="Of implicit stages: newton-krylov, anderson, fixed-point, gradient, resolvent (field's own)."
        ),
    ] = "newton-krylov",
    tolerance: Annotated[float, typer.Option(help="Of implicit stages.")] = 1e-6,
    iterations: Annotated[int, typer.Option(help="Of implicit stages, at most.")] = 50,
    gradient: Annotated[str, typer.Option(help="Of implicit stages: implicit, unrolled or start.")] = "implicit",
    descent: Annotated[float, typer.Option(help="Size of the steps of --solver gradient.")] = 0.1,
    start: Annotated[str, typer.Option(help="One-step method that starts a multistep scheme.")] = "euler",
    time_dependent: Annotated[bool, typer.Option("--time-dependent", help="Call fields as f(t, y).")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the step after each pass, and what it costs, instead of the source.")
    ] = False,
) -> None:
    """Write the torch module of a scheme as readable source; of a stencil the module that takes the derivative."""
    from tableau2net.codegen import write_source

    options: dict[str, Any] = {
        "coefficients": coefficients,
        "sharing": sharing,
        "stage_weights": stage_weights,
        "step_weights": step_weights,
        "keep_order": keep_order,
        "keep_stable": keep_stable,
        "backward": backward,
        "coupling": coupling,
        "solver": solver,
        "tolerance": tolerance,
        "iterations": iterations,
        "gradient": gradient,
        "descent": descent,
        "start": start,
        "time_dependent": time_dependent,
    }
    if explain:
        _explain(scheme, options)
        if output is None:
            return
    source = write_source(scheme, **options)
    if output is None:
        print(source, end="")
        return
    from tableau2net.files import write_atomically

    write_atomically(output, source.encode())


def _explain(scheme: str, options: dict[str, Any]) -> None:
    """Print what the passes do. Exit status 1 if one changes the scheme, which is an error in this program."""
    from tableau2net.cli.explain import explain
    from tableau2net.cli.terminal import Terminal
    from tableau2net.codegen import Options
    from tableau2net.scheme import as_scheme

    found = explain(as_scheme(scheme), Options(**options))
    Terminal().print(found.shown)
    if not found.equal:
        raise typer.Exit(1)
