"""The levels of a run: a network and its optimiser, then the refined network and a new optimiser, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from tableau2net.errors import InputError
from tableau2net.nn.change import HALVED
from tableau2net.recipes.recipe import Recipe
from tableau2net.training import network
from tableau2net.training.average import Average
from tableau2net.training.parallel import Ranks, synchronised

ALONE = Ranks()


@dataclass(frozen=True)
class Level:
    """What is trained in a level: the network, on its device, and an optimiser that has made no step yet.

    rate: the learning rate, a tensor () that the optimiser reads. average: of the weights, where the recipe has one.
    layout: of images and kernels in memory.
    """

    model: nn.Module
    optimiser: Optimizer
    rate: Tensor
    average: Average | None
    layout: torch.memory_format = torch.channels_last

    @classmethod
    def of(cls, model: nn.Module, recipe: Recipe, device: torch.device, ranks: Ranks = ALONE) -> Level:
        """The level of a network, which is moved to its device; all processes begin with the first one's weights."""
        layout = _layout(model, device)
        model.to(device).to(memory_format=layout)
        if ranks.count > 1:
            ranks.spread(model)
            if ranks.sharing.count > 1:
                synchronised(model)
        rate = torch.tensor(recipe.lr, dtype=torch.float32, device=device)
        average = Average(model) if recipe.ema else None
        return cls(model, _optimiser(model, recipe, rate), rate, average, layout)

    @property
    def measured(self) -> nn.Module:
        """The network that errors are told of, and that is kept."""
        return self.average.network if self.average else self.model

    def set_rate(self, rate: Tensor) -> None:
        """The learning rate from here on, a tensor (); a group with a scale has so many times it."""
        self.rate.copy_(rate)
        for group in self.optimiser.param_groups:
            if "scale" in group:
                group["lr"].copy_(rate * group["scale"])

    def refined(self, number: int, recipe: Recipe, seed: int, ranks: Ranks = ALONE) -> Level:
        """Level `number` (the first is 0), from the one before. What chance decides in it follows from the seed."""
        device = self.rate.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.default_rng([seed, number, 1]).integers(2**31)))
            return Level.of(HALVED.apply(self.model), recipe, device, ranks)


def _layout(model: nn.Module, device: torch.device) -> torch.memory_format:
    """Channels last, but on a CPU for a network with a 1×1 convolution that leaves pixels out and whose channels are no
    multiple of 16: the gradient of its weights is written beyond its memory there (oneDNN, as torch 2.14 has it)."""
    strided = (m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1) != m.stride)
    odd = any(channels // m.groups % 16 for m in strided for channels in (m.in_channels, m.out_channels))
    return torch.contiguous_format if odd and device.type == "cpu" else torch.channels_last


def _optimiser(model: nn.Module, recipe: Recipe, rate: Tensor) -> Optimizer:
    """The recipe's optimiser, in one kernel for many weights, with all its memory there before the first step.

    A momentum of zeros becomes the gradient in the first step, as one that is not there yet does."""
    groups = network.groups(model, recipe.weight_decay)
    for group in groups:
        if "scale" in group:
            group["lr"] = rate * group["scale"]
    if recipe.optimiser == "adamw":
        return AdamW(groups, lr=rate, betas=recipe.betas, fused=True, capturable=rate.is_cuda)
    made = SGD(groups, lr=rate, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)
    if recipe.momentum:
        for group in made.param_groups:
            for weight in group["params"]:
                made.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return made


def check_network(model: nn.Module, recipe: Recipe) -> None:
    """Raises InputError, one line, for a recipe that this network cannot be trained by."""
    kind = type(model).__name__
    for name, needed, wanted in (
        ("smoothness", "smoothness", bool(recipe.smoothness)),
        ("clip", "clip_", recipe.clip is not None),
    ):
        if wanted and not callable(getattr(model, needed, None)):
            raise InputError(
                f"recipe: {name} is {getattr(recipe, name)}, but a {kind} has no {needed}(); leave it out, or train a "
                "dynamic network (dynamic_rk4_parabolic, say)"
            )
    with torch.random.fork_rng(devices=[]):
        for _ in recipe.refine:
            model = HALVED.apply(model)
