"""Implicit Euler skip connections (Li, He, Lin 2020): y⁺ = y + f(y⁺), by one step of descent, iterated, or solved for.

python examples/implicit_skips.py
"""

import torch
from torch import Tensor, nn

import tableau2net as t2n
from tableau2net.runtime.solve_residuals import residuals

ITERATIONS = 3
Descended = t2n.compile("backward-euler", solver="gradient", gradient="start", iterations=1, tolerance=0)  # as they do
Unrolled = t2n.compile("backward-euler", solver="fixed-point", gradient="unrolled", iterations=ITERATIONS, tolerance=0)
Solved = t2n.compile("backward-euler", tolerance=1e-6)  # Newton–Krylov, gradient by the implicit function theorem
Explicit = t2n.compile("euler")


class Decay(nn.Module):
    """y' = −rate·y, where explicit steps of size h are stable up to h·rate = 2."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, y: Tensor) -> Tensor:
        return -self.rate * y


def main(width: int = 16, steps: int = 20) -> None:
    torch.manual_seed(0)
    scheme = t2n.load("backward-euler")
    print(
        f"{scheme.name}: order {t2n.order(scheme)}, A-stable: {t2n.report(scheme).to_dict()['stability']['a_stable']}"
    )
    for rate in (0.5, 3.0):
        y = torch.ones(1)
        ends = [block([Decay(rate)] * steps)(y).item() for block in (Explicit, Solved)]
        print(f"h·rate = {rate}: after {steps} steps explicit {ends[0]:.2e}, implicit {ends[1]:.2e}")

    def field() -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, bias=False))

    block = Unrolled([field() for _ in range(4)], h=0.25)
    solved, descended = Solved(block.fields, h=0.25), Descended(block.fields, h=0.25)
    x = torch.randn(8, width, 8, 8)
    for name, each in (("one step of descent", descended), (f"{ITERATIONS} iterations", block), ("Newton", solved)):
        with residuals() as left, torch.no_grad():
            each(x)
        print(f"{name}: {max(left):.1e} of a step is left")
    found, exact = block(x), solved(x)
    print(
        f"{ITERATIONS} iterations of 4 steps are {((found - exact).norm() / exact.norm()).item():.1e} from the solution"
    )
    gradients = []
    for output in (found, exact):
        block.zero_grad()
        output.square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in block.parameters() if p.grad is not None]))
    angle = nn.functional.cosine_similarity(*gradients, dim=0)
    print(f"their gradients have a cosine of {angle.item():.5f}")


if __name__ == "__main__":
    main()
