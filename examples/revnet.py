"""RevNet (Gomez et al. 2017): symplectic Euler on two halves of the channels, taken back step by step for gradients.

python examples/revnet.py
"""

import torch

import tableau2net as t2n


def saved(net: torch.nn.Module, way: str) -> float:
    """What the blocks keep of an image for the backward pass, in MiB."""
    return sum(block.saved_bytes[way] for block in t2n.summary(net).blocks) / 2**20


def main(depths: tuple[int, ...] = (38, 74, 110), size: int = 16) -> None:
    for depth in depths:
        net = t2n.create_model(f"revnet{depth}")
        kept = ", ".join(f"{way} {saved(net, way):.2f} MiB" for way in ("store", "checkpoint", "reversible"))
        print(f"revnet{depth}: {sum(p.numel() for p in net.parameters()):,} parameters; an image: {kept}")

    x = torch.randn(4, 3, size, size)
    gradients = []
    for way in ("store", "reversible"):
        torch.manual_seed(0)
        net = t2n.create_model(f"revnet{depths[0]}", backward=way)
        net(x).logsumexp(1).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    apart = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    print(f"gradients of steps taken back differ from those of stored ones by {apart:.0e} of their length")


if __name__ == "__main__":
    main()
