"""Whether a network answers the images of a data set with a score a class, or with images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tableau2net.data.data import Data
from tableau2net.data.given import short
from tableau2net.errors import InputError
from tableau2net.training.evaluation import evaluating
from tableau2net.training.objectives import told

RESTORES = "tnrd5_5x5"  # a network by name that gives images


def check_network_fits(model: nn.Module, data: Data, name: str | None = None) -> None:
    """Raises InputError where a network does not answer images like these with a score a class, or where there are no
    classes, with as many values.  name: of one that was made by it."""
    kind = f"a {type(model).__name__}" if name is None else name
    other = "" if name is None or data.classes else f"; write --model {RESTORES}, say, which gives images"
    learns = next((weight for weight in model.parameters() if weight.requires_grad), None)
    if learns is None:
        raise InputError(f"model: {kind} has no weight that requires a gradient; there is nothing to train")
    x = torch.zeros(2, *data.shape, device=learns.device)
    beside = told(model, [torch.zeros(2, device=learns.device)])
    with evaluating(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            scores = model(x, *beside)
        except Exception as error:  # whatever a network of anybody's makes of them
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"model: {kind} does not take images {tuple(x.shape)}{other} ({reason})") from error
    if not data.classes:
        if not (isinstance(scores, Tensor) and scores.is_floating_point() and scores.shape == x.shape):
            raise InputError(
                f"model: {kind} answers {tuple(x.shape)} with {short(scores)}; it must give as many values{other}"
            )
        return
    if isinstance(scores, Tensor) and scores.shape == x.shape:
        raise InputError(
            f"model: {kind} gives images, not scores of {data.classes} classes; write --task denoise, or use another "
            "--model"
        )
    scored = isinstance(scores, Tensor) and scores.dim() == 2 and scores.is_floating_point()
    if not scored or len(scores) != 2 or scores.shape[1] < data.classes:
        raise InputError(
            f"model: {kind} answers two images with {short(scores)}; it must give scores (2, {data.classes})"
        )
