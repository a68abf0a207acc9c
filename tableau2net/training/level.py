"""The levels of a run: a network and its optimiser, then the refined network and a new optimiser, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.optim import SGD

from tableau2net.errors import InputError
from tableau2net.training import network
from tableau2net.training.change import Change
from tableau2net.training.recipe import Recipe

HALVED = Change("refine", 2, 2)


@dataclass(frozen=True)
class Level:
    """What is trained in a level: the network, on its device, and an optimiser that has made no step yet."""

    model: nn.Module
    optimiser: SGD

    @classmethod
    def of(cls, model: nn.Module, recipe: Recipe, place: torch.device) -> Level:
        """The level of a network, which is moved to its place."""
        model.to(place).to(memory_format=torch.channels_last)
        return cls(model, SGD(network.groups(model, recipe.weight_decay), lr=recipe.lr, momentum=recipe.momentum))

    def refined(self, number: int, recipe: Recipe, place: torch.device, seed: int) -> Level:
        """Level `number` (the first is 0), from the one before. What chance decides in it follows from the seed."""
        with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
            torch.manual_seed(int(np.random.default_rng([seed, number, 1]).integers(2**31)))
            return Level.of(HALVED.apply(self.model), recipe, place)


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
