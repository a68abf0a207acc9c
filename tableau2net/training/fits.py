"""Whether a network answers the images of a data set with a score a class, or with images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tableau2net.data.data import Data
from tableau2net.data.given import short
from tableau2net.errors import InputError
from tableau2net.training.evaluation import evaluating
from tableau2net.training.objectives import told


def check_network_fits(model: nn.Module, data: Data) -> None:
    """Raises InputError where a network does not answer images like these with a score a class, or where there are no
    classes, with as many values."""
    kind = type(model).__name__
    learns = next((weight for weight in model.parameters() if weight.requires_grad), None)
    if learns is None:
        raise InputError(f"model: a {kind} has no weight that requires a gradient; there is nothing to train")
    x = torch.zeros(2, *data.shape, device=learns.device)
    beside = told(model, [torch.zeros(2, device=learns.device)])
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            scores = model(x, *beside)
        except Exception as error:  # whatever a network of anybody's makes of them
            raise InputError(
                f"model: a {kind} does not take images {tuple(x.shape)} ({' '.join(str(error).split())[:200]})"
            ) from error
    if not data.classes:
        if not (isinstance(scores, Tensor) and scores.is_floating_point() and scores.shape == x.shape):
            raise InputError(
                f"model: a {kind} answers {tuple(x.shape)} with {short(scores)}; it must give as many values"
            )
        return
    scored = isinstance(scores, Tensor) and scores.dim() == 2 and scores.is_floating_point()
    if not scored or len(scores) != 2 or scores.shape[1] < data.classes:
        raise InputError(
            f"model: a {kind} answers two images with {short(scores)}; it must give scores (2, {data.classes})"
        )
