"""What flows have learnt, beside the exact densities, and the paths from the base to the data."""

from pathlib import Path
from typing import NamedTuple

import torch
from known_densities import DENSITIES
from matplotlib.figure import Figure
from torch import Tensor

import tableau2net as t2n

SIDE, END = 141, 4.6  # numbers along an image, and where it ends


class Drawn(NamedTuple):
    """Of a flow: its density on the grid, (SIDE, SIDE), and where 60 points of the base go, (times, 60, 2)."""

    density: Tensor
    paths: Tensor


def image(log_prob: Tensor) -> Tensor:
    """As rows from below."""
    return log_prob.double().exp().view(SIDE, SIDE).T


def drawn(flow: t2n.ContinuousFlow, grid: Tensor) -> Drawn:
    torch.manual_seed(4)
    return Drawn(image(flow.log_prob(grid)), flow.path(flow.sample((60,)), torch.linspace(0, 1, 33).tolist()))


def pictures(target: str, rows: dict[str, list[t2n.ContinuousFlow]]) -> None:
    """For each density the exact one, then what flows without and with penalties have learnt, and their paths."""
    grid = torch.cartesian_prod(*[torch.linspace(-END, END, SIDE)] * 2)
    found = {name: (image(DENSITIES[name]().log_prob(grid)), [drawn(f, grid) for f in rows[name]]) for name in rows}
    figure(found, dark=False).savefig(target, dpi=80)
    figure(found, dark=True).savefig(Path(target).with_stem(f"{Path(target).stem}-dark"), dpi=80)


def figure(found: dict[str, tuple[Tensor, list[Drawn]]], dark: bool) -> Figure:
    ink, paper, path, frame = (
        ("#e6edf3", "#0d1117", "#79c0ff", "#444c56") if dark else ("#24292f", "#fff", "#2166ac", "#d0d7de")
    )
    figure = Figure((12.5, 0.3 + 2.5 * len(found)), layout="constrained", facecolor=paper)
    every = figure.subplots(len(found), 5, squeeze=False)
    for axes, (name, (exact, flows)) in zip(every, found.items(), strict=True):
        for place, shade in zip((0, 1, 3), (exact, *(flow.density for flow in flows)), strict=True):
            shade = shade.clamp(max=float(exact.max()))
            axes[place].imshow(shade, origin="lower", cmap="magma" if dark else "magma_r", extent=(-END, END) * 2)
        for place, flow in zip((2, 4), flows, strict=True):
            axes[place].plot(*flow.paths.permute(2, 0, 1), color=path, lw=0.8, alpha=0.75)
            axes[place].scatter(*flow.paths[0].T, s=9, color="#d9822b", zorder=3, linewidths=0)
            axes[place].set(xlim=(-END, END), ylim=(-END, END), aspect="equal")
        for ax in axes:
            ax.set(xticks=[], yticks=[], facecolor=paper)
            ax.spines[:].set_color(frame)
        axes[0].set_ylabel(name, color=ink, fontsize=11)
    heads = "exact", "without penalties", "its paths to the data", "with penalties", "its paths to the data"
    for ax, head in zip(every[0], heads, strict=True):
        ax.set_title(head, color=ink, fontsize=11)
    return figure
