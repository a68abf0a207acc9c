"""Continuous flows on densities of the plane that are known, with and without penalties, and their exact likelihoods.

python examples/flows.py flows.png            # and flows-dark.png, for dark pages
"""

import argparse
from collections.abc import Sequence

import torch
from flow_pictures import pictures
from known_densities import DENSITIES, Known
from torch import Tensor, nn

import tableau2net as t2n


class Field(nn.Module):
    """f(t, y), a perceptron of the state and the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = nn.Linear(3, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
        self.net = nn.Sequential(*inner, nn.Linear(width, 2))

    def forward(self, t: float, y: Tensor) -> Tensor:
        slope: Tensor = self.net(torch.cat((y, torch.full_like(y[:, :1], t)), 1))
        return slope


def potential(width: int) -> nn.Module:
    """φ(y) of one hidden layer, as the authors of Monge–Ampère flows have it."""
    return nn.Sequential(nn.Linear(2, width), nn.Softplus(), nn.Linear(width, 1, bias=False))


KINDS = ("plain", "penalised", "monge-ampere")


def trained(known: Known, kind: str, updates: int, width: int, batch: int, steps: int) -> t2n.ContinuousFlow:
    """A flow that maximises likelihood through the steps of rk4, to be solved to a tolerance afterwards."""
    field = t2n.PotentialField(potential(2 * width)) if kind == "monge-ampere" else Field(width)
    penalties = {"kinetic": 0.05, "jacobian": 0.02} if kind == "penalised" else {}
    flow = t2n.ContinuousFlow(field, 2, "rk4", steps=steps, penalties=penalties)
    optimiser = torch.optim.Adam(field.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, updates)
    for _ in range(updates):
        optimiser.zero_grad()
        flow.loss(known.sample(batch)).backward()
        nn.utils.clip_grad_norm_(field.parameters(), 10.0)
        optimiser.step()
        rate.step()
    return t2n.ContinuousFlow(field, 2, "dormand-prince-54", rtol=1e-5).requires_grad_(False)


def told(flow: t2n.ContinuousFlow, known: Known, points: int) -> str:
    """Evaluations a solve, to the base and to the data; −log p in the mean, and how much more than the entropy that is;
    the mass on a grid; how far samples go."""
    torch.manual_seed(1)
    x = known.sample(points)
    said, exact = flow.log_prob(x).double(), known.log_prob(x)
    there = flow.evaluations
    side = torch.linspace(-8, 8, 161)
    mass = flow.log_prob(torch.cartesian_prod(side, side)).double().exp().sum() * 0.01
    z = flow.base.sample(torch.Size([points]))
    away = (flow.to_data(z).y - z).norm(dim=1).mean()
    numbers = f"{there:4d}  {flow.evaluations:4d}  {-said.mean():6.3f}  {-exact.mean():6.3f}"
    return f"{numbers}  {(exact - said).mean():6.3f}  {mass:6.4f}  {away:5.2f}"


def main(
    target: str = "",
    densities: Sequence[str] = tuple(DENSITIES),
    seeds: Sequence[int] = (0,),
    kinds: Sequence[str] = KINDS,
    updates: int = 600,
    width: int = 64,
    batch: int = 256,
    steps: int = 6,
    points: int = 2000,
) -> None:
    print("density          flow          seed  evaluations  −log p  entropy    KL    mass    |x − z|")
    rows: dict[str, list[t2n.ContinuousFlow]] = {}
    for name in densities:
        known = DENSITIES[name]()
        for seed in seeds:
            for kind in kinds:
                torch.manual_seed(seed)
                flow = trained(known, kind, updates, width, batch, steps)
                print(f"{name:15s}  {kind:12s}  {seed:4d}  {told(flow, known, points)}", flush=True)
                if seed == seeds[0] and kind != "monge-ampere":
                    rows.setdefault(name, []).append(flow)
    if target:
        pictures(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?", default="", help="a file for the picture")
    parser.add_argument("--updates", type=int, default=600, help="of each flow; 20 is a quick look")
    arguments = parser.parse_args()
    main(arguments.target, updates=arguments.updates)
