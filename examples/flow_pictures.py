"""What flows have learnt, beside the exact densities, and the paths from the base to the data."""

import torch
from known_densities import DENSITIES
from matplotlib.figure import Figure

import tableau2net as t2n


def picture(target: str, rows: dict[str, list[t2n.ContinuousFlow]], dark: bool) -> None:
    """For each density the exact one, then of each flow what it has learnt, and paths from the base to the data."""
    ink, paper, path = ("#e6edf3", "#0d1117", "#79c0ff") if dark else ("#24292f", "#ffffff", "#2166ac")
    figure = Figure((12.5, 2.65 * len(rows)), layout="constrained", facecolor=paper)
    grid = torch.cartesian_prod(*[torch.linspace(-4.6, 4.6, 185)] * 2)
    heads = ["exact", "without penalties", "", "with penalties", ""]
    every = figure.subplots(len(rows), 5, squeeze=False)
    for axes, (name, flows) in zip(every, rows.items(), strict=True):
        known = DENSITIES[name]()
        shades = [known.log_prob(grid).exp(), *(flow.log_prob(grid).double().exp() for flow in flows)]
        for place, shade in zip((0, 1, 3), shades, strict=True):
            image = shade.view(185, 185).T.clamp(max=float(shades[0].max()))
            axes[place].imshow(image, origin="lower", cmap="magma" if dark else "magma_r", extent=(-4.6, 4.6) * 2)
        for place, flow in zip((2, 4), flows, strict=True):
            torch.manual_seed(4)
            end = flow.sample((60,))
            paths = flow.path(end, torch.linspace(0, 1, 33).tolist())
            axes[place].plot(*paths.permute(2, 0, 1), color=path, lw=0.8, alpha=0.75)
            axes[place].scatter(*end.T, s=9, color="#d9822b", zorder=3, linewidths=0)
            axes[place].set(xlim=(-4.6, 4.6), ylim=(-4.6, 4.6), aspect="equal")
        for ax in axes:
            ax.set(xticks=[], yticks=[], facecolor=paper)
            ax.spines[:].set_color("#444c56" if dark else "#d0d7de")
        axes[0].set_ylabel(name, color=ink, fontsize=11)
    for ax, head in zip(every[0], heads, strict=True):
        ax.set_title(head, color=ink, fontsize=11)
    figure.savefig(target, dpi=80, facecolor=paper)
