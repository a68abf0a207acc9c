"""The steps of dynamic blocks, written out."""

from itertools import pairwise

import torch
from torch.nn import functional

from tableau2net.nn.dynamic.block import DynamicBlock
from tableau2net.nn.dynamic.layers import layer_of

STATES = (0.0, 0.2, 0.3, 0.7)
KNOTS = (0.0, 0.25, 0.4, 0.7)


def normal(theta, number, z, eps=1e-5):
    """BatchNorm where there is a scaling, the norm of each pixel where there is only a shift, or nothing."""
    if f"norm{number}.weight" in theta:
        mean, var = z.mean((0, 2, 3)), z.var((0, 2, 3), unbiased=False)
        z = (z - mean[:, None, None]) / (var[:, None, None] + eps).sqrt()
        z = z * theta[f"norm{number}.weight"][:, None, None]
    elif f"norm{number}.bias" in theta:
        z = z / (z * z).sum(1, keepdim=True).add(1e-4).sqrt()
    return z + theta[f"norm{number}.bias"][:, None, None] if f"norm{number}.bias" in theta else z


def convolved(theta, number, y):
    kernel = theta[f"conv{number}.weight"]
    return functional.conv2d(y, kernel, theta[f"conv{number}.bias"], padding=kernel.shape[2] // 2)


def gradient_flow(theta, y):
    """Kᵀσ(N(Ky + b))."""
    z = torch.relu(normal(theta, "", convolved(theta, "", y)))
    return functional.conv_transpose2d(z, theta["conv.weight"], padding=1)


def parabolic(theta, y):
    return -gradient_flow(theta, y) - theta["bias"][:, None, None]


def chain(*numbers):
    """σ(N(K·)) for each number in turn."""

    def layer(theta, y):
        for number in numbers:
            y = torch.relu(normal(theta, number, convolved(theta, number, y)))
        return y

    return layer


def preact(theta, y):
    return normal(theta, 2, convolved(theta, 2, chain(1)(theta, torch.relu(y))))


FORMULAS = {"parabolic": parabolic, "double": chain(1, 2), "preact": preact, "bottleneck": chain(1, 2, 3)}


def between(leaves, t):
    """θ(t), linear between the knots."""
    j = max(0, min(len(KNOTS) - 2, sum(t >= k for k in KNOTS) - 1))
    w = (t - KNOTS[j]) / (KNOTS[j + 1] - KNOTS[j])
    return {name: (1 - w) * v[j] + w * v[j + 1] for name, v in leaves.items()}


def by_hand(integrator, leaves, y, layer):
    """The steps written out."""

    def f(t, y):
        return layer(between(leaves, t), y)

    past = None
    for a, b in pairwise(STATES):
        h = b - a
        if integrator == "euler":
            y = y + h * f(a, y)
        elif integrator == "rk4":
            k1 = f(a, y)
            k2 = f(a + h / 2, y + h / 2 * k1)
            k3 = f(a + h / 2, y + h / 2 * k2)
            k4 = f(b, y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        elif integrator == "adams-bashforth-2":
            now = f(a, y)
            y, past = (y + h * now if past is None else y + h * (1.5 * now - 0.5 * past)), now
        elif integrator == "momentum-resnet":  # y_prev as if the step before had been of this length
            now, older = h * f(a, y), past
            past = (y, h)
            y = y + now if older is None else y + 0.9 * h / older[1] * (y - older[0]) + 0.1 * now
        elif integrator == "abm-1":  # predicted by Euler, corrected by the trapezoidal rule, evaluated again
            past = f(a, y) if past is None else past
            predicted = f(b, y + h * past)
            y = y + h * (past + predicted) / 2
            past = f(b, y)
        elif integrator == "bdf-2":
            new, older = (y + h * f(a, y) if past is None else y), past
            for _ in range(60 if past else 0):
                new = 4 / 3 * y - (y - h / older[1] * (y - older[0])) / 3 + 2 / 3 * h * f(b, new)
            y, past = new, (y, h)
        elif integrator == "implicit-midpoint":
            k = torch.zeros_like(y)
            for _ in range(60):
                k = f(a + h / 2, y + h / 2 * k)
            y = y + h * k
    return y


def made(scheme, norm, layer="parabolic", **options):
    torch.manual_seed(1)
    width = 8 if layer == "bottleneck" else 3
    block = DynamicBlock(scheme, lambda field: layer_of(layer, width, norm, field), STATES, KNOTS, **options)
    block = block.double()
    with torch.no_grad():
        for p in block.parameters():
            p.normal_(std=0.1 if options.get("tolerance") else 0.3)
    return block, torch.randn(2, width, 4, 4, dtype=torch.float64)


def leaves_of(control):
    """θ at the knots, by name."""
    return {
        name: torch.stack([layer.get_parameter(name).detach() for layer in control.layers]).requires_grad_()
        for name in control.at(0.0)
    }
