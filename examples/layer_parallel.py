"""Layer-parallel steps: how fast cycles find states and gradient, training by them, and what is gained, counted.

python examples/layer_parallel.py
"""

import torch
from torch import Tensor, nn

import tableau2net as t2n
from tableau2net.multigrid import Plan
from tableau2net.multigrid.critical_path import modelled_speed


class Layer(nn.Module):
    """tanh(Wy)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, y: Tensor) -> Tensor:
        return torch.tanh(y @ self.weight)


def block_of(kind: str, steps: int, width: int = 8) -> nn.Module:
    """Its weights lie on a curve in depth, or are drawn one by one."""
    torch.manual_seed(0)
    drawn = torch.randn(steps, width, width, dtype=torch.float64) / width**0.5
    angles = torch.linspace(0, 3, steps)[:, None, None]
    chosen = drawn[0] * angles.cos() + drawn[1] * angles.sin() if kind == "smooth" else drawn
    return t2n.compile("rk4")([Layer(w) for w in chosen], 4 / steps)


def found(module: nn.Module, y: Tensor) -> tuple[Tensor, Tensor]:
    """The last state, and the gradient of half its square in all weights."""
    last = module(y)
    gradient = torch.autograd.grad(last.square().sum() / 2, list(module.parameters()))
    return last.detach(), torch.cat([g.flatten() for g in gradient])


def main(steps: int = 64, most: int = 4, passes: int = 30) -> None:
    y, wanted = torch.randn(2, 16, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for kind in ("smooth", "independent"):
        block = block_of(kind, steps)
        serial = found(block, y)
        for n in range(1, most + 1):
            pairs = zip(found(block.parallel(2, 4, "FCF", (n, n)), y), serial, strict=True)
            state, gradient = (float((a - b).norm() / b.norm()) for a, b in pairs)
            print(f"{kind} weights, {n} + {n} cycles: state {state:.1e}, gradient {gradient:.1e}")
    for kind, module in (("serial", block_of("smooth", steps)), ("2 + 1", block_of("smooth", steps).parallel(2, 4))):
        optimiser = torch.optim.SGD(module.parameters(), 0.1)
        for _ in range(passes):
            optimiser.zero_grad()
            loss = (module(y) - wanted).square().mean()
            loss.backward()
            optimiser.step()
        print(f"trained by {kind} cycles: loss {loss.item():.4f}")
    for total, plan in ((64, Plan(4)), (256, Plan(8)), (1024, Plan(16)), (1024, Plan(4, 3))):
        told = ", ".join(f"{n}: {'–' if s is None else f'{s:.2f}'}" for n, s in modelled_speed(total, plan).items())
        print(f"{total} steps by {plan}, modelled speed by processes: {told}")


if __name__ == "__main__":
    main()
