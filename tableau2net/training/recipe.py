"""The recipe: every number that decides how a network is trained, and nothing about the network."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tableau2net.errors import InputError

MAX_REFINEMENTS = 6  # 64 times the steps


@dataclass(frozen=True)
class Recipe:
    """SGD as the residual networks were published with: 0.1, divided by ten at half and three quarters.

    `milestones` are fractions of the epochs; each one reached multiplies the rate by `factor`. `augment`
    turns on the padded crop, and the flip where the data allow it. The last batch of an epoch may be
    smaller than `batch_size`; it is kept.

    `refine` are fractions of the epochs too, increasing: at each, every step of the network becomes two of half the
    length, and a new level begins: the optimiser starts anew, and so does the schedule, whose milestones are then
    fractions of the epochs of a level. (Chang et al. 2018 restart theirs, a cosine, at each refinement.)

    `smoothness` is the weight in the loss of what a dynamic network's θ(t) varies, `clip` the bounds that its weights
    are put back into after each update, (of convolutions, of the head and of normalisation): Onken et al. 2019.

    Raises InputError naming a value that cannot be used.
    """

    epochs: int = 160
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1
    augment: bool = True
    refine: tuple[float, ...] = ()
    smoothness: float = 0.0
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        few = len(self.refine) <= MAX_REFINEMENTS
        fractions = few and all(0 < r < 1 for r in self.refine)
        bounds = self.clip or (1.0, 1.0)
        rules = (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", 0 < self.lr < math.inf, "positive and finite"),
            ("momentum", 0 <= self.momentum < 1, "at least 0 and below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0 and finite"),
            ("milestones", all(0 <= m <= 1 for m in self.milestones), "fractions of the epochs, 0 to 1"),
            ("factor", 0 < self.factor < math.inf, "positive and finite"),
            ("refine", few, f"at most {MAX_REFINEMENTS} fractions of the epochs"),
            ("refine", fractions, "fractions of the epochs, between 0 and 1"),
            (
                "refine",
                fractions and all(self.level_epochs(level) for level in range(len(self.refine) + 1)),
                f"increasing, with at least one of the {self.epochs} epochs before, between and behind them",
            ),
            ("smoothness", 0 <= self.smoothness < math.inf, "at least 0 and finite"),
            (
                "clip",
                len(bounds) == 2 and all(0 < b < math.inf for b in bounds),
                "two bounds, positive and finite: of convolutions, and of the head and normalisation",
            ),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"recipe: {name} is {getattr(self, name)}; it must be {wanted}")

    def level_epochs(self, level: int) -> range:
        """The epochs, counted from 0, of a level: of the network that has been refined so often."""
        ends = (*self._starts, self.epochs)
        return range(ends[level], ends[level + 1])

    def level_at(self, epoch: int) -> int:
        """How often the network that is trained in an epoch has been refined, the first epoch being 0."""
        return sum(epoch >= start for start in self._starts) - 1

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, the first being 0."""
        own = self.level_epochs(self.level_at(epoch))
        drops = sum(epoch >= own.start + _reached(m, len(own)) for m in self.milestones)
        return float(self.lr * self.factor**drops)

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """The first epoch of each level."""
        return (0, *(_reached(r, self.epochs) for r in self.refine))


def _reached(fraction: float, epochs: int) -> int:
    """The first of so many epochs that has the fraction behind it; a fraction of a float's last digits is none."""
    return math.ceil(fraction * epochs - 1e-9)


def completed(run: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of a run, with the numbers that a recipe of an older version did not have yet, as they were."""
    new = {name: asdict(Recipe())[name] for name in ("refine", "smoothness", "clip")}
    return {**run, "recipe": {**new, "refine": [], **run.get("recipe", {})}}
