"""`tableau2net plot`: figures of schemes, and of training runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tableau2net.cli.options import labelled
from tableau2net.errors import InputError
from tableau2net.files import write_atomically
from tableau2net.scheme import CoefficientTable, Scheme, Stencil, as_table

Draw = Callable[..., bytes]


FORMATS = ("png", "svg", "pdf")
OF_SCHEMES = ("stability", "order-star", "convergence", "error-constants", "stage-graph", "ssp-region")
OF_STENCILS = ("dispersion", "dissipation")
OF_PAIRS = ("cfl-region",)
OF_RUNS = ("training", "coefficients", "effective-step")
FIGURES = (*OF_SCHEMES, *OF_STENCILS, *OF_PAIRS, *OF_RUNS)


def plot(
    figure: Annotated[str, typer.Argument(help=f"What to draw: {', '.join(FIGURES)}.")],
    sources: Annotated[
        list[str],
        typer.Argument(help="Names or scheme files; for the last three, folders of runs. Several share the figure."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write: .png, .svg or .pdf.")],
) -> None:
    """Draw schemes: where they are stable, their order stars, the error they make, the error that is left, what waits
    for what, the steps with two fields that keep convex bounds.
    Draw stencils: how fast waves run on them, what damps waves.
    Draw schemes on stencils: with one of u_x and one of u_xx the steps that are stable on both, with one its symbol.
    Draw training runs, finished or not: loss and errors, learnt coefficients, how long each step is.

    Each figure takes one or several; effective-step takes runs, stability, order-star, convergence, error-constants
    and stage-graph schemes, ssp-region those for two fields, dispersion and dissipation stencils; cfl-region one or
    two stencils beside its schemes.
    convergence runs each scheme on a test problem in 50 digits and writes the slope it sees beside the order proved.
    training takes several runs; those that differ by their seed alone are drawn as mean ± standard deviation.
    """
    if figure not in FIGURES:
        raise InputError(f"figure {figure!r} is unknown, one of {', '.join(FIGURES)}")
    format = output.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise InputError(f"{output}: a figure is written as .png, .svg or .pdf; end the file's name so")
    if figure in OF_RUNS:
        from tableau2net.cli import plot_run  # only here is torch needed

        content = plot_run.draw(figure, sources, format)
    else:
        kind = CoefficientTable if figure in OF_PAIRS else Stencil if figure in OF_STENCILS else Scheme
        content = _drawing(figure)(labelled([as_table(source, kind) for source in sources]), format=format)
    write_atomically(output, content)


def _drawing(figure: str) -> Draw:
    """The function that draws; matplotlib is imported here, when it is wanted."""
    match figure:
        case "stability":
            from tableau2net.plot.schemes.stability_region import draw_stability

            return draw_stability
        case "order-star":
            from tableau2net.plot.schemes.order_star import draw_order_stars

            return draw_order_stars
        case "convergence":
            from tableau2net.plot.schemes.convergence import draw_convergence
            from tableau2net.step.measured import ROUNDING, global_error

            return partial(draw_convergence, error=global_error, rounding=ROUNDING)
        case "dispersion":
            from tableau2net.plot.stencils.waves import draw_dispersion

            return draw_dispersion
        case "dissipation":
            from tableau2net.plot.stencils.waves import draw_dissipation

            return draw_dissipation
        case "cfl-region":
            from tableau2net.plot.stencils.cfl_region import draw_cfl_region

            return draw_cfl_region
        case "ssp-region":
            from tableau2net.plot.schemes.ssp_region import draw_ssp_region

            return draw_ssp_region
        case "stage-graph":
            from tableau2net.plot.schemes.rounds import draw_stage_graph

            return draw_stage_graph
        case _:
            from tableau2net.plot.schemes.accuracy import draw_error_constants

            return draw_error_constants
