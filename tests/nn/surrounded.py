"""A block to convert, a network of such, and what comes out of it."""

import torch
from torch import nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, y):
        return y + self.two(torch.relu(self.one(y)))


def network(kind):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), Plain(), Plain(), kind(), kind(), nn.Linear(4, 2))


def outcome(net, y):
    with torch.enable_grad():
        y = y.clone().requires_grad_()
        new = net(y)
        torch.set_grad_enabled(True)  # which a block may have left off
        found = torch.autograd.grad(new.sum(), [y, *net.parameters()], allow_unused=True)
    return [new, *(torch.zeros(()) if g is None else g for g in found)]
