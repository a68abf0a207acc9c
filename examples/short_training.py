"""What scripts beside this one train on, and how; no script itself: a few images, half their size, and AdamW."""

import torch
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn import parameter_groups

SMALL = {"widths": (8, 16, 32)}


def images(data: str, limit: int = 2000) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train on, and to test on, of "glyphs:1000:200", "cifar10" or "FILE.npz"."""
    found = t2n.training.load_data(data)
    x, unseen = (functional.avg_pool2d(x[:limit] / 255, 2) for x in (found.x_train, found.x_test))
    x, unseen = (functional.instance_norm(x) for x in (x, unseen))  # each image by itself
    return x, found.y_train[:limit], unseen, found.y_test[:limit]


def train(net: nn.Module, x: Tensor, y: Tensor, passes: int) -> nn.Module:
    """The network, trained, in evaluation mode."""
    optimiser = torch.optim.AdamW(parameter_groups(net.train(), 1e-2), 1e-2)
    batches = [some for _ in range(passes) for some in torch.randperm(len(x)).split(25)]
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=len(batches) + 1)
    for some in batches:
        loss = functional.cross_entropy(net(x[some]), y[some])
        for weight, scores in net.auxiliary_scores(x[some]) if hasattr(net, "auxiliary_scores") else ():
            loss = loss + weight * functional.cross_entropy(scores, y[some])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    return net.eval()


@torch.no_grad()
def right(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of predictions that are right."""
    return (net(x).argmax(1) == y).float().mean().item()
