"""Networks of stable flows (Chang et al. 2018): Hamiltonian, midpoint, leapfrog; energy kept, steps taken back.

python examples/hamiltonian.py
"""

import torch
from torch import Tensor

import tableau2net as t2n
from tableau2net.nn.fields.transposed import Symmetric

EULER = t2n.RungeKutta(A=[[]], b=["1"])
SCHEMES = {
    "explicit Euler": t2n.PartitionedRungeKutta((EULER, EULER), reads=[[2], [1]]),
    "symplectic Euler": t2n.load("symplectic-euler-p"),
    "Störmer–Verlet": t2n.load("stormer-verlet-velocity"),
    "Forest–Ruth": t2n.load("forest-ruth-4"),
}


def main(steps: int = 1000, h: float = 0.05, depth: int = 38) -> None:
    torch.manual_seed(0)
    f, g = (Symmetric(4, sign, activation=torch.tanh).double() for sign in (1, -1))  # Y' = ∂H/∂Z, Z' = −∂H/∂Y
    y, z = torch.randn(2, 1, 4, 8, 8, dtype=torch.float64)

    def energy(y: Tensor, z: Tensor) -> float:
        return sum(field.shift(field.conv(u)).cosh().log().sum().item() for field, u in ((f, z), (g, y)))

    with torch.no_grad():
        for name, scheme in SCHEMES.items():
            ends = t2n.compile(scheme)([(f, g)] * steps, h)(y, z)
            back = t2n.compile(t2n.adjoint(scheme))([(f, g)] * steps, -h)(*ends)
            drift = energy(*ends) / energy(y, z) - 1
            lost = (torch.cat(back) - torch.cat((y, z))).abs().max().item()
            print(f"{name}, order {t2n.order(scheme)}: energy {drift:+.1e} after {steps} steps,", end=" ")
            print(f"{lost:.0e} from the start after as many steps back")

    for name in (f"hamiltonian{depth}", f"midpoint{depth}", f"leapfrog{depth}"):
        found = t2n.summary(t2n.create_model(name))
        kept = {way: sum(b.saved_bytes[way] for b in found.blocks) / 2**20 for way in ("store", "reversible")}
        steep = max(b.h * b.lipschitz for b in found.blocks)
        print(f"{name}: {found.parameters:,} parameters, h·L = {steep:.2f}, an image", end=" ")
        print(f"keeps {kept['store']:.2f} MiB, reversible {kept['reversible']:.2f} MiB")


if __name__ == "__main__":
    main()
