"""Data sets: where images come from, how they are split, and the batches that a training step takes."""
