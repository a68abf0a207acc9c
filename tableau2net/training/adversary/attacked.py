"""How often a network is wrong about images that were changed to make it so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tableau2net.data.data import Data, Part
from tableau2net.recipes.adversary import Attack
from tableau2net.training.adversary.climbing import climbed, margin
from tableau2net.training.adversary.pixels import EpsilonBall, PixelBox
from tableau2net.training.adversary.starts import stream, uniform
from tableau2net.training.evaluation import evaluating
from tableau2net.training.execution import computing
from tableau2net.training.objectives import per_cent_wrong

PURPOSE = 4  # of the streams of chance that evaluations start from
Loss = Callable[[Tensor, Tensor], Tensor]
SUMMED: Loss = partial(cross_entropy, reduction="sum")
LOSSES: dict[str, Loss] = {"pgd": SUMMED, "fgsm": SUMMED, "margin": margin}


@dataclass(frozen=True)
class Attacked:
    """Predictions of `model`, in evaluation mode, for images of `data` that are attacked, on the model's device.

    at_once: images in a pass forward and back.  An image counts as right where it is so as it is, and after each
    restart: an error under attack is never below the clean one, and at ε = 0 is that.
    """

    model: nn.Module
    data: Data
    device: torch.device
    precision: str = "float32"
    seed: int = 0
    at_once: int = 128

    def predictions(self, attack: Attack, part: Part = "test") -> tuple[Tensor, Tensor]:
        """The labels that are given to the images of a part under attack, in order, and the true ones; int64 (N,)."""
        box = PixelBox.of(self.data, self.device)
        found, seen = [], 0
        with evaluating(self.model):
            for batch in self.data.batches(part, self.device):
                for x, y in zip(*(torch.split(tensor, self.at_once) for tensor in batch), strict=True):
                    places = torch.arange(seen, seen + len(x), device=self.device)
                    found.append((self._given(box.ball(x, attack.epsilon, attack.step), y, places, attack), y))
                    seen += len(x)
        given, true = (torch.cat(labels) for labels in zip(*found, strict=True))
        return given, true

    def error(self, attack: Attack, part: Part = "test") -> float:
        """Per cent of the images of a part that are got wrong under attack."""
        return per_cent_wrong(*self.predictions(attack, part))

    def _given(self, ball: EpsilonBall, y: Tensor, places: Tensor, attack: Attack) -> Tensor:
        loss = LOSSES[attack.kind]
        given = self._labels(ball.x)
        for restart in range(attack.restarts):
            if attack.kind == "fgsm":
                eta = torch.zeros_like(ball.x)
            else:
                drawn = stream(self.seed, restart, PURPOSE)
                eta = ball.start(uniform(drawn, places, tuple(ball.x.shape[1:])))
            eta = climbed(ball, eta, lambda x: loss(self._scores(x), y), attack.steps)
            given = torch.where(given == y, self._labels(ball.at(eta)), given)
        return given

    def _scores(self, x: Tensor) -> Tensor:
        with computing(self.device, self.precision):
            scores: Tensor = self.model(x)
            return scores.float()

    @torch.no_grad()
    def _labels(self, x: Tensor) -> Tensor:
        return self._scores(x).argmax(1)
