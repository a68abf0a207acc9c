"""What people write without us: the code that generated modules are measured against.

The loops take the coefficients of a scheme, so that both sides take the same step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.exact.text import float_of
from tableau2net.scheme import Multistep, RungeKutta


class TableauLoop(nn.Module):
    """A Runge–Kutta step as a loop over tableau tensors, as most published code has it: zeros are multiplied too."""

    A: Tensor
    b: Tensor

    def __init__(self, scheme: RungeKutta, field: nn.Module, h: float = 1.0) -> None:
        super().__init__()
        A, b = used_stages(scheme)
        self.field, self.h = field, h
        self.register_buffer("A", torch.tensor([[*row, *[0.0] * (len(b) - len(row))] for row in A]))
        self.register_buffer("b", torch.tensor(b))

    def forward(self, y: Tensor) -> Tensor:
        A, b = self.h * self.A, self.h * self.b
        ks: list[Tensor] = []
        for i in range(len(b)):
            stage = y
            for j, k in enumerate(ks):
                stage = stage + A[i, j] * k
            ks.append(self.field(stage))
        for i, k in enumerate(ks):
            y = y + b[i] * k
        return y


class CarefulLoop(nn.Module):
    """The same step by somebody who cares: plain numbers, no zeros, one pass over memory a term."""

    def __init__(self, scheme: RungeKutta, field: nn.Module, h: float = 1.0) -> None:
        super().__init__()
        A, b = used_stages(scheme)
        self.field = field
        self.rows = [[(j, h * a) for j, a in enumerate(row) if a] for row in A]
        self.weights = [(j, h * a) for j, a in enumerate(b) if a]

    def forward(self, y: Tensor) -> Tensor:
        ks: list[Tensor] = []
        for row in self.rows:
            ks.append(self.field(accumulated(y, row, ks)))
        return accumulated(y, self.weights, ks)


def accumulated(y: Tensor, terms: Sequence[tuple[int, float]], ks: Sequence[Tensor]) -> Tensor:
    for j, a in terms:
        y = torch.add(y, ks[j], alpha=a)
    return y


def used_stages(scheme: RungeKutta) -> tuple[list[list[float]], list[float]]:
    """A and b as floats, without a last stage that only the embedded weights read."""
    b = [float_of(x) for x in scheme.b]
    while not b[-1]:
        b.pop()
    return [[float_of(a) for a in row[:i]] for i, row in enumerate(scheme.A[: len(b)])], b


class MultistepLoop(nn.Module):
    """Steps of a linear multistep scheme as a loop over its coefficients, started by plain residual steps.

    careful: plain numbers, no zeros, nothing multiplied by one.
    """

    alpha: Tensor
    beta: Tensor

    def __init__(self, scheme: Multistep, fields: Sequence[nn.Module], *, careful: bool) -> None:
        super().__init__()
        self.fields, self.careful = nn.ModuleList(fields), careful
        alpha, beta = ([float_of(x) for x in row[:-1]] for row in (scheme.alpha, scheme.beta))
        self.numbers = ([-a for a in alpha], beta)
        self.register_buffer("alpha", -torch.tensor(alpha))
        self.register_buffer("beta", torch.tensor(beta))

    def forward(self, y: Tensor) -> Tensor:
        k, ys, fs = len(self.numbers[0]), [y], list[Tensor]()
        for f in self.fields:
            fs.append(f(ys[-1]))
            ys.append(self.step(ys, fs) if len(fs) >= k else ys[-1] + fs[-1])
            ys, fs = ys[-k:], fs[-(k - 1) :] if k > 1 else []
        return ys[-1]

    def step(self, ys: list[Tensor], fs: list[Tensor]) -> Tensor:
        if not self.careful:
            y = self.alpha[0] * ys[0] + self.beta[0] * fs[0]
            for j in range(1, len(ys)):
                y = y + self.alpha[j] * ys[j] + self.beta[j] * fs[j]
            return y
        terms = [(a, v) for a, v in zip((*self.numbers[0], *self.numbers[1]), (*ys, *fs), strict=True) if a]
        start = next((i for i, (a, _) in enumerate(terms) if a == 1), None)
        y = terms.pop(start)[1] if start is not None else torch.mul(terms[0][1], terms.pop(0)[0])
        for a, v in terms:
            y = torch.add(y, v, alpha=a)
        return y


class MixedSteps(nn.Module):
    """LM-ResNet's steps y⁺ = (1 − k) y + k y⁻ + f(y), a k a step, the first a plain residual step.

    careful: by somebody who knows `torch.lerp`.
    """

    def __init__(self, fields: Sequence[nn.Module], *, careful: bool) -> None:
        super().__init__()
        self.fields, self.careful = nn.ModuleList(fields), careful
        self.k = nn.Parameter(torch.empty(len(fields) - 1).uniform_(-0.1, 0.0))

    def forward(self, y: Tensor) -> Tensor:
        y_prev, y = y, y + self.fields[0](y)
        for n, f in enumerate(list(self.fields)[1:]):
            k = self.k[n]
            mixed = torch.lerp(y, y_prev, k) if self.careful else (1 - k) * y + k * y_prev
            y_prev, y = y, mixed + f(y)
        return y


class Unit(nn.Module):
    """A pre-activation residual unit with a padded shortcut."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.stride, self.pad = stride, (b - a) // 2

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv1(functional.relu(self.bn1(x)))
        out = self.conv2(functional.relu(self.bn2(out)))
        if self.stride == 2:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return x + out


class HandWrittenResNet(nn.Module):
    """ResNet-6n+2 for CIFAR."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        shapes = [(16, 16, 1)] * n + [(16, 32, 2)] + [(32, 32, 1)] * (n - 1) + [(32, 64, 2)] + [(64, 64, 1)] * (n - 1)
        self.units = nn.ModuleList(Unit(*shape) for shape in shapes)
        self.bn, self.linear = nn.BatchNorm2d(64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for unit in self.units:
            x = unit(x)
        scores: Tensor = self.linear(functional.relu(self.bn(x)).mean((2, 3)))
        return scores
