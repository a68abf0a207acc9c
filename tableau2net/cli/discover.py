"""`tableau2net discover`: an equation from states, fitted through the steps of a scheme."""

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tableau2net.cli.terminal import Terminal
from tableau2net.errors import InputError
from tableau2net.sinks import printable

DATA = (
    "A .npz with u (trajectories, times, [states,] *space), dt and h; or advection, heat, burgers-1d, burgers-2d, "
    "convection-diffusion, convection-diffusion-reaction, reaction-diffusion."
)
# What a named problem is found by where the user does not say it.
USUAL: dict[str, dict[str, Any]] = {
    "convection-diffusion": {"equation": "linear", "mesh": 20, "blocks": "0", "pairs": 96},
    "convection-diffusion-reaction": {"degree": 3},
    "reaction-diffusion": {"function": ["sin"]},
}


def discover(
    context: typer.Context,
    data: Annotated[str, typer.Argument(help=DATA)],
    *,
    equation: Annotated[
        str | None,
        typer.Option(
            help="library: a sparse polynomial; linear: PDE-Net, coefficients may depend on the place; symnet: PDE-Net "
            "2.0. [default: library; linear for convection-diffusion]"
        ),
    ] = None,
    scheme: Annotated[
        list[str] | None, typer.Option(help="Scheme that is fitted through; several stand side by side. [default: rk4]")
    ] = None,
    kernels: Annotated[str, typer.Option(help="frozen; moment, which keep an order; free.")] = "frozen",
    keep_order: Annotated[int, typer.Option(help="Order that moment kernels keep.")] = 1,
    points: Annotated[int, typer.Option(help="Points of a kernel along each axis, odd.")] = 5,
    derivatives: Annotated[int | None, typer.Option(help="Highest derivative, in all. [default: 2]")] = None,
    degree: Annotated[int | None, typer.Option(help="Of the polynomial. [default: 2; the problem's]")] = None,
    mesh: Annotated[
        int | None, typer.Option(help="linear: elements of the coefficients along each axis, 0 for constants.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="library: a term goes that adds less than this share of the rate.")
    ] = 0.05,
    upwind: Annotated[int, typer.Option(help="Order of one-sided first derivatives, 0 for central ones.")] = 0,
    function: Annotated[list[str] | None, typer.Option(help="library: sin or cos of states, too.")] = None,
    blocks: Annotated[
        str | None, typer.Option(help="Steps of the blocks, one after the other, 0 the warm-up. [default: 0,1]")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(help="Stretches of data in the batch. [default: 48; convection-diffusion 96]")
    ] = None,
    iterations: Annotated[int, typer.Option(help="Of L-BFGS, a block.")] = 100,
    noise: Annotated[
        float | None, typer.Option(help="Named data: deviation of the noise over the states'. [default: the problem's]")
    ] = None,
    trajectories: Annotated[int | None, typer.Option(min=1, max=10000, help="Named data: how many.")] = None,
    times: Annotated[int, typer.Option(min=3, max=10001, help="Named data: of each trajectory.")] = 21,
    grid: Annotated[int | None, typer.Option(min=8, max=1024, help="Named data: points along each axis.")] = None,
    rollout: Annotated[int, typer.Option(min=1, max=10000, help="Steps that are predicted.")] = 80,
    seed: Annotated[int, typer.Option(min=0, help="Of data, noise and SymNet.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for result.json, equations, maps and figures.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print result.json, and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Find the equation of states: PDE-Net and PDE-Net 2.0 through any scheme.

    Coefficients stand beside the truth, where it is known, and beside what the scheme is predicted to make of it. Steps
    that are unstable with the kernels are warned of before training.
    """
    if noise is not None and not 0 <= noise < 10:
        raise InputError(f"--noise {noise:g}: a share of the states' deviation, from 0")
    if data.endswith(".npz"):
        _none_said(context, ("noise", "trajectories", "times", "grid"))

    from tableau2net.discovery import Asked, DiscoveryPlan, observe
    from tableau2net.discovery import discover as find
    from tableau2net.discovery.discovering import check_plan
    from tableau2net.discovery.discovery_plan import blocks_of
    from tableau2net.discovery.folder import check_folder, table, write_folder
    from tableau2net.discovery.found import equations
    from tableau2net.discovery.observations import outline

    usual = USUAL.get(data, {})
    maps = usual.get("mesh", 0) if equation in (None, "linear") else 0
    plan = DiscoveryPlan(
        equation=equation or usual.get("equation", "library"),  # type: ignore[arg-type]
        schemes=tuple(dict.fromkeys(scheme or ["rk4"])),
        kernels=kernels,  # type: ignore[arg-type]
        keep_order=keep_order,
        points=points,
        derivatives=2 if derivatives is None else derivatives,
        degree=degree if degree is not None else usual.get("degree", 2),
        mesh=maps if mesh is None else mesh,
        threshold=threshold,
        upwind=upwind,
        functions=tuple(function or usual.get("function", ())),
        blocks=blocks_of(blocks or str(usual.get("blocks", "0,1"))),
        pairs=pairs if pairs is not None else usual.get("pairs", 48),
        iterations=iterations,
        seed=seed,
    )
    if out is not None:
        check_folder(out)
    steps = max(times - 1, max(plan.blocks) + 1)
    asked = Asked(trajectories, steps, None, grid, noise, seed, rollout=rollout)
    if not data.endswith(".npz"):
        check_plan(outline(data, asked), plan)
    observations = observe(data, asked)
    result = find(observations, plan, lambda line: None if quiet else print(printable(line), file=sys.stderr))
    if out is not None:
        write_folder(out, result)
    if json:
        print(json_module.dumps(result.as_dict(), indent=1, ensure_ascii=False))
        return
    head, lines = table(result)
    Terminal().print(_view(head, lines))
    for each in result.found:
        said = each.support_is_true()
        exact = "" if said is None else ", exactly the true terms" if said else ", not the true terms alone"
        print(f"{each.scheme}, {each.seconds:.1f} s{exact}:")
        for line in equations(each):
            print(f"  {line}")
        last = observations.test.shape[1] - 1
        print(f"  squared error over the variance after {last} steps: {each.rollout.at(last):.1e}")
    if out is not None:
        print(f"Written to {printable(out)}")


def _view(head: list[str], lines: list[list[str]]) -> object:
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    for n, name in enumerate(head):
        view.add_column(name, justify="left" if n == 0 else "right", no_wrap=True)
    for line in lines:
        view.add_row(*line)
    return view


def _none_said(context: typer.Context, names: tuple[str, ...]) -> None:
    """Raises InputError for an option that is of named data alone."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(f"--{name}: is of data that is drawn by name; a file has its own")
