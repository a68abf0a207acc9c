"""`tableau2net compile`: a scheme as a Python file that needs torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tableau2net.cli.options import Sharing, StageWeights


def compile(
    scheme: Annotated[str, typer.Argument(help="A name, or the path of a scheme file.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write. [default: the terminal]")
    ] = None,
    coefficients: Annotated[str, typer.Option(help="fixed, learnable or free.")] = "fixed",
    sharing: Sharing = "step",
    stage_weights: StageWeights = "shared",
    start: Annotated[str, typer.Option(help="One-step method that starts a multistep scheme.")] = "euler",
    time_dependent: Annotated[bool, typer.Option("--time-dependent", help="Call fields as f(t, y).")] = False,
) -> None:
    """Write the torch module of an explicit scheme as readable source."""
    from tableau2net.codegen import write_source

    source = write_source(
        scheme,
        coefficients=coefficients,
        sharing=sharing,
        stage_weights=stage_weights,
        start=start,
        time_dependent=time_dependent,
    )
    if output is None:
        print(source, end="")
        return
    from tableau2net.files import write_atomically

    write_atomically(output, source.encode())
