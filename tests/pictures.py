"""Photographs for tests, of one that matplotlib ships."""

import matplotlib.cbook
import numpy as np
import torch
from PIL import Image

CORNERS = ((40, 150), (250, 60), (330, 250), (180, 200))


def pictures(size):
    """Grey squares of a photograph, (4, 1, size, size), from 0 to 1."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        whole = np.asarray(Image.open(file).convert("L"))
    found = np.stack([whole[a : a + size, b : b + size] for a, b in CORNERS])
    return torch.from_numpy(found.astype(np.float32) / 255)[:, None]
