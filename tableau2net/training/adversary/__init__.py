"""Training on images that an adversary has changed, and measuring a network by them.

min over θ of max over η of ℓ(x + η). Of a batch, with Π and σ as in `EpsilonBall`:

pgd     Madry et al. 2018.  m steps uphill from a random start, the network in evaluation mode; then a step on x + η.
fgsm    Wong, Rice, Kolter 2020.  One step of 1.25 ε from a random start, by the batch's statistics; then the same.
free    Shafahi et al. 2019.  m times: a gradient gives a step of the optimiser and one of η, which the next batch
        begins with; an epoch begins with zero.
trades  Zhang et al. 2019.  m steps uphill on the divergence from what is said of x, in evaluation mode, from
        x + 0.001 N; then a step on ℓ(x) + β KL(said of x ‖ said of x + η).
yopo    Zhang, Zhang, Lu, Zhu, Dong 2019.  m times: the whole network gives p, the costate behind its first part, and
        the gradient of the rest; n steps uphill on ⟨p, first(x + η)⟩, and then its gradient for the first part. One
        step of the optimiser by the sum over the m. (Their loop counts the gradient of the first part twice; it is
        counted once here.)

BatchNorm's running statistics move once for each pass that weights are trained by, and by no other: in yopo, whose m
passes are one step, in the last of them; in trades for x and for x + η, as its authors have it; in free in each.
The loss that is told, and the train error, are of changed images: of yopo those of the last pass. All trip counts are
fixed and nothing waits for the device: a step can be captured.

pixels      what may be done to an image: ε and the range of a pixel, in the units that a network sees
starts      where attacks start, from (seed, epoch, place of the image)
climbing    steps uphill
adversarial_update   a training step with an adversary; relatives: PGD, fast FGSM, TRADES, Free; yopo
attacked    how often a network is wrong under attack
"""

from __future__ import annotations

import torch
from torch import nn

from tableau2net.data.data import Data
from tableau2net.data.feed import Feed
from tableau2net.recipes.adversary import AdversarySpec
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training.adversary.adversarial_update import AdversarialUpdate
from tableau2net.training.adversary.attacked import Attacked
from tableau2net.training.adversary.pixels import PixelBox
from tableau2net.training.adversary.relatives import Fgsm, Free, Pgd, Trades
from tableau2net.training.adversary.yopo import Yopo, split
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.objectives import objective_of
from tableau2net.training.update import Update

__all__ = ["Attacked", "check_adversary", "update_for"]

KINDS: dict[str, type[AdversarialUpdate]] = {"pgd": Pgd, "fgsm": Fgsm, "free": Free, "trades": Trades, "yopo": Yopo}


def update_for(level: Level, feed: Feed, run: RunSpec, data: Data, execution: Execution) -> Update:
    """A run's training steps."""
    if run.adversary.adversary is None:
        return Update(level, feed, run.recipe, run.seed, execution, objective_of(run))
    return KINDS[run.adversary.kind](level, feed, run, data, execution)


def check_adversary(spec: AdversarySpec, model: nn.Module, data: Data) -> None:
    """Raises InputError, one line, for a network that cannot be split where yopo wants it, and for data that do not say
    how bright a pixel is."""
    if spec.adversary is not None or spec.evaluate:
        PixelBox.of(data, torch.device("cpu"))
    if spec.kind == "yopo":
        split(model, spec)
