"""A pendulum learnt from short, noisy trajectories: plain fields, a Hamiltonian and a symplectic recurrent network.

python examples/learnt_energy.py [docs/images]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from energy_drift import THEMES, palette
from matplotlib.figure import Figure
from torch import Tensor, nn

import tableau2net as t2n
from tableau2net.plot.style import image, plain

H = 0.25  # between observations
TRUE = t2n.SeparableField(lambda p: p.square().sum(-1) / 2, lambda q: 1 - q.cos().sum(-1))
NAMES = ("plain, slopes", "Hamiltonian, slopes", "plain, trajectories", "symplectic recurrent")


def net(inputs: int, outputs: int, width: int) -> nn.Sequential:
    """Two hidden layers, smooth."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, outputs)
    )


def starts(number: int, generator: torch.Generator) -> Tensor:
    """States (q, p) at rest and in motion, of amplitudes from 0.3 to 2."""
    angle, size = torch.rand(2, number, generator=generator)
    size = 0.3 + 1.7 * size
    return torch.stack((size * (6.2832 * angle).cos(), size * (6.2832 * angle).sin()), -1)


def true_states(y0: Tensor, times: list[float]) -> Tensor:
    """The pendulum there, (times, …, 2)."""
    found: Tensor = t2n.integrate("dormand-prince-54", TRUE, y0.double(), 0, times[-1], rtol=1e-9, atol=1e-9, at=times)
    return found.to(y0.dtype)


def rollout(field: Any, y0: Tensor, steps: int) -> Tensor:
    """The states from step to step, (steps + 1, …, 2): by leapfrog where a field is separable, by RK4 elsewhere."""
    at = [H * steps if n == steps else n * (H * steps / steps) for n in range(steps + 1)]
    if not isinstance(field, t2n.SeparableField):
        return t2n.integrate("rk4", field, y0, 0, H * steps, steps, at=at)  # type: ignore[no-any-return]
    q, p = y0.chunk(2, -1)
    p, q = t2n.integrate("stormer-verlet-velocity", field.pair, (p, q), 0, H * steps, steps, at=at)
    return torch.cat((q, p), -1)


class Plain(nn.Module):
    """A field that is a network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = net(2, 2, width)

    def forward(self, *at: Any) -> Tensor:
        slope: Tensor = self.net(at[-1])
        return slope


def trained(field: nn.Module, loss: Callable[[], Tensor], updates: int, rate: float, between: Any = None) -> None:
    """Adam on all data at once; between: what is done after so many updates."""
    optimiser = torch.optim.Adam(field.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    for update in range(updates):
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if between is not None:
            between(update)


def by_slopes(field: nn.Module, seen: Tensor, updates: int) -> None:
    """Slopes are differences of what was seen, as a Hamiltonian network takes them where none are given."""
    y, slope = seen[1:-1], (seen[2:] - seen[:-2]) / (2 * H)
    trained(field, lambda: (field(y) - slope).square().mean(), updates, 3e-3)


def by_trajectories(field: nn.Module, seen: Tensor, updates: int, optimise_start: bool) -> None:
    """What was seen, all of it, from the first state on. optimise_start: ten steps of L-BFGS now and then on what the
    first states really were, as Chen, Zhang, Arjovsky and Bottou (2020) do."""
    first = seen[0].clone()

    def loss() -> Tensor:
        return (rollout(field, first, len(seen) - 1) - seen).square().mean()

    def between(update: int) -> None:
        nonlocal first
        if not optimise_start or 3 * update < updates or update % max(1, updates // 10):
            return
        first = first.requires_grad_()
        optimiser = torch.optim.LBFGS([first], max_iter=10, line_search_fn="strong_wolfe")

        def closure() -> Tensor:
            optimiser.zero_grad()
            found = loss()
            found.backward()  # type: ignore[no-untyped-call]
            return found

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        first = first.detach()

    trained(field, loss, updates, 3e-3, between)


def learnt(seed: int, seen: Tensor, width: int, updates: int) -> dict[str, Any]:
    """The four, with nearly as many parameters each."""
    torch.manual_seed(seed)
    narrow = max(2, round(width * 0.7))
    fields: tuple[Any, ...] = (
        Plain(width),
        t2n.GradientField(net(2, 1, width)),
        Plain(width),
        t2n.SeparableField(net(1, 1, narrow), net(1, 1, narrow)),
    )
    for field in fields[:2]:
        by_slopes(field, seen, 5 * updates)
    by_trajectories(fields[2], seen, updates, optimise_start=False)
    by_trajectories(fields[3], seen, updates, optimise_start=True)
    return dict(zip(NAMES, fields, strict=True))


def main(
    target: str | None = None,
    *,
    seeds: int = 3,
    trajectories: int = 40,
    observations: int = 12,
    noise: float = 0.1,
    width: int = 32,
    updates: int = 600,
    steps: int = 400,
) -> dict[str, Tensor]:
    """Trains, and follows each for many times as long as it was shown. Returns the errors, (times, seeds) each."""
    errors: dict[str, list[Tensor]] = {name: [] for name in NAMES}
    energies: dict[str, list[Tensor]] = {name: [] for name in NAMES}
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        shown = true_states(starts(trajectories, generator), [n * H for n in range(observations)])
        seen = shown + noise * torch.randn(shown.shape, generator=generator)
        y0 = starts(16, generator)
        truth = true_states(y0, [n * H for n in range(steps + 1)])
        for name, field in learnt(seed, seen, width, updates).items():
            with torch.no_grad():
                found = rollout(field, y0, steps)
                energies[name].append((TRUE.energy(found) - TRUE.energy(y0)).abs().mean(-1))
            errors[name].append((found - truth).norm(dim=-1).mean(-1))
            if seed == 0:
                print(f"{name:22} {sum(p.numel() for p in field.parameters()):5} parameters")
    print(f"mean of 16 motions to t = {H * steps:g} (shown: t = {H * (observations - 1):g}), seed by seed:")
    print("                       distance from the pendulum      |H(y(t)) − H(y0)|, the pendulum's")
    for name in NAMES:
        columns = [[f"{float(x.mean()):.3f}" for x in found[name]] for found in (errors, energies)]
        print(f"{name:22} {'  '.join(columns[0]):30}  {'  '.join(columns[1])}")
    if target is not None:
        for theme, colours in THEMES.items():
            Path(target, f"learnt-energy{theme}.png").write_bytes(image(drawn((errors, energies), *colours)))
    return {name: torch.stack(rows, -1) for name, rows in errors.items()}


def drawn(rows: tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]], ink: str, faint: str, paper: str) -> Figure:
    """Errors and energies over time, a line for each seed."""
    figure = Figure(figsize=(9.6, 3.2), dpi=150, facecolor=paper, layout="constrained")
    for axes, found, title in zip(
        figure.subplots(1, 2), rows, ("distance from the pendulum", "its energy, |H(y(t)) − H(y0)|"), strict=True
    ):
        axes.set_facecolor(paper)
        plain(axes)
        axes.tick_params(which="both", colors=ink)
        axes.grid(True, color=faint, lw=0.6)
        for (name, lines), colour in zip(found.items(), palette(paper), strict=False):
            for i, line in enumerate(lines):
                at = [H * n for n in range(1, len(line))]
                axes.plot(at, line[1:].clamp(1e-4, 1e2), color=colour, lw=1.1, alpha=0.85, label=None if i else name)
        axes.set(yscale="log")
        axes.set_title(title, size=10, color=ink)
        axes.set_xlabel("time", size=9, color=ink)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8.5, labelcolor=ink)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", help="a folder for the pictures")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=600, help="of each field; 60 is a quick look")
    arguments = parser.parse_args()
    main(arguments.target, seeds=arguments.seeds, updates=arguments.updates)
