"""Small coupled networks, and what they are compared in with a few lines of their own."""

import copy

import torch

from tableau2net.nn.families.exponential_network import exponential_resnet
from tableau2net.nn.families.hamiltonian import hamiltonian, leapfrog, midpoint
from tableau2net.nn.families.imexnet import imexnet
from tableau2net.nn.families.polynet import polynet
from tableau2net.nn.families.revnet import revnet

SMALL = (4, 6)
NETWORKS = {
    "revnet": lambda **o: revnet(26, widths=(4, *SMALL), **o),
    "revnet-bottleneck": lambda **o: revnet(38, widths=(4, *SMALL), bottleneck=True, **o),
    "hamiltonian": lambda **o: hamiltonian(26, widths=SMALL, **o),
    "verlet": lambda **o: hamiltonian(26, widths=SMALL, scheme="stormer-verlet-velocity", **o),
    "midpoint": lambda **o: midpoint(20, widths=SMALL, **o),
    "leapfrog": lambda **o: leapfrog(20, widths=SMALL, **o),
    "imexnet": lambda **o: imexnet(14, widths=SMALL, **o),
    "exponential": lambda **o: exponential_resnet(14, widths=SMALL, **o),
    **{kind: lambda kind=kind, **o: polynet(kind, 14, widths=SMALL, **o) for kind in ("poly2", "mpoly2", "2way")},
}


def double(model, seed=0):
    """In double precision, with weights none of which is where it started."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return model.double()


def images(size=8, dtype=torch.float64):
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype)


def agree(model, by_hand, x):
    """Value, gradients of all weights and of the image, and what BatchNorm has counted."""
    other = copy.deepcopy(model)
    found = []
    for net, forward in ((model, model), (other, lambda x: by_hand(other, x))):
        given = x.clone().requires_grad_()
        y = forward(given)
        weights = [p for p in net.parameters() if p.requires_grad]
        cosine = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
        found.append((y, *torch.autograd.grad((y * cosine).sum() + (y**2).sum(), [given, *weights]), *net.buffers()))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def crossed(net, i, y):
    """The state as a block takes it: at a new resolution its projection and the branch, by the step between."""
    if not i:
        return y
    step = net.transitions[i].step
    return step.project(y) + step.field(y)
