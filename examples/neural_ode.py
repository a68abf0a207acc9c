"""A neural ODE three ways: fixed steps, the same network with adaptive steps, and what each way back keeps.

python examples/neural_ode.py
"""

import torch
from torch import Tensor
from torch.nn import functional

import tableau2net as t2n
from tableau2net.data.glyphs import draw_glyphs
from tableau2net.nn.families.ode import ODENetwork


def saved_bytes(net: torch.nn.Module, x: Tensor) -> int:
    """What autograd keeps for the backward pass."""
    kept: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        net(x)
    return sum(kept.values())


def main(count: int = 60, width: int = 16, passes: int = 40) -> None:
    torch.manual_seed(0)
    images, labels = draw_glyphs(count, split="train")
    x, target = torch.tensor(images).permute(0, 3, 1, 2)[:, :, ::2, ::2] / 255 - 0.5, torch.tensor(labels)

    net = ODENetwork(t2n.load("rk4"), 2, width=width, backward="checkpoint")  # neural_ode_rk4_2, smaller
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for n in range(passes):
        loss = functional.cross_entropy(net(x), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if n in (0, passes - 1):
            print(f"pass {n + 1}: loss {loss:.3f}")

    scores = net.eval()(x).detach()
    for rtol in (1e-1, 1e-3, 1e-5):  # one θ: the same weights go with any steps
        adaptive = ODENetwork(t2n.load("dormand-prince-54"), width=width, rtol=rtol).eval()
        adaptive.load_state_dict(net.state_dict())
        found = adaptive(x).detach()
        agree = (found.argmax(1) == scores.argmax(1)).float().mean()
        print(
            f"rtol {rtol:.0e}: {adaptive.block.evaluations} evaluations, {agree:.0%} of rk4's predictions in two steps"
        )

    ways = {"store": {}, "checkpoint": {}, "reversible": {"coupling": "999/1000"}}
    for backward, options in ways.items():
        nets = [ODENetwork(t2n.load("rk4"), n, width=width, backward=backward, **options) for n in (2, 8)]
        kept = [saved_bytes(each, x[:8]) for each in nets]
        print(f"backward={backward!r} keeps {kept[0] / 2**20:.1f} MiB for 2 steps, {kept[1] / 2**20:.1f} MiB for 8")


if __name__ == "__main__":
    main()
