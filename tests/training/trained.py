"""Some epochs of steps, of whatever update they are."""

from collections.abc import Callable

from torch import Tensor

from tableau2net.training.update import Update


def trained(step: Callable[[int], None], update: Update, epochs: int = 2) -> dict[str, Tensor]:
    """All that a step changes, after some epochs of 120 images in steps of 50, 50 and 20."""
    for epoch in range(epochs):
        update.start(epoch)
        for size in (50, 50, 20):
            step(size)
    return {str(i): tensor.clone() for i, tensor in enumerate(update.tensors())}
