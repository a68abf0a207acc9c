"""The recipe: every number that decides how a network is trained, and nothing about the network."""

import math
from dataclasses import dataclass

from tableau2net.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """SGD as the residual networks were published with: 0.1, divided by ten at half and three quarters.

    `milestones` are fractions of the epochs; each one reached multiplies the rate by `factor`. `augment`
    turns on the padded crop, and the flip where the data allow it. The last batch of an epoch may be
    smaller than `batch_size`; it is kept. Raises InputError naming a value that cannot be used.
    """

    epochs: int = 160
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1
    augment: bool = True

    def __post_init__(self) -> None:
        rules = (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", 0 < self.lr < math.inf, "positive and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite"),
            ("milestones", all(0 <= m <= 1 for m in self.milestones), "fractions of the epochs, 0 to 1"),
            ("factor", 0 < self.factor < math.inf, "positive and finite"),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"recipe: {name} is {getattr(self, name)}; it must be {wanted}")

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, the first being 0."""
        return float(self.lr * self.factor ** sum(epoch >= m * self.epochs for m in self.milestones))
