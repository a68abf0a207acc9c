"""A source of data in memory: ``--data stripes``: stripes that lie down, stand up or lean, drawn from the seed."""

from __future__ import annotations

import numpy as np

import tableau2net as t2n
from tableau2net.training import Arrays, SourceRequest

SIZE, TRAIN, TEST = 32, 600, 150


@t2n.register_source("stripes")
def stripes(request: SourceRequest) -> Arrays:
    """Images to train and to test on. What is held out, normalising and augmentation are not its matter."""
    random = np.random.default_rng([request.seed, 7])
    (x, y), (unseen, labels) = drawn(random, TRAIN), drawn(random, TEST)
    return Arrays(x, y, unseen, labels, classes=3)  # mirrored, what leans leans to the other side


def drawn(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (count, SIZE, SIZE, 3) and labels (count,)."""
    labels = random.integers(0, 3, count)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    height = np.stack([rows, columns, (rows + columns) / 2**0.5])[labels]
    width, phase = random.uniform(0.5, 1.2, count), random.uniform(0, 2 * np.pi, count)
    waves = np.sin(height * width[:, None, None] + phase[:, None, None])
    noise = random.normal(0, 0.4, (count, SIZE, SIZE, 3))
    return np.clip(127 + 60 * (waves[..., None] + noise), 0, 255).astype(np.uint8), labels
