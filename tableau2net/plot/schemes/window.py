"""Which part of the complex plane is worth drawing: where the regions of stability end."""

from __future__ import annotations

from math import ceil

import numpy as np

from tableau2net.scheme import Scheme
from tableau2net.step.amplification import amplification

SLACK = 1e-9  # |ζ| = 1 in doubles
RADII = np.geomspace(1e-2, 1e4, 200)
ANGLES = np.linspace(0, np.pi, 61)
MARGIN = 0.18
NARROWEST = 0.4  # shorter side over longer side: room for the numbers on the axes


def window(schemes: list[Scheme], apart: float = 1.0) -> tuple[float, float, float]:
    """(left, right, top) that shows every scheme's boundary; the figure is symmetric about the real axis.

    apart: how much further apart than usual the points are that are looked at."""
    boxes = np.array([_box(scheme, ceil(apart)) for scheme in schemes])
    left, right, top = boxes[:, 0].min(), boxes[:, 1].max(), boxes[:, 2].max()
    size = max(right - left, 2 * top)
    left, right, top = min(left, 0) - MARGIN / 2 * size, max(right, 0) + MARGIN / 2 * size, top + MARGIN / 2 * size
    top = max(top, (right - left) * NARROWEST / 2)
    wider = max(0, 2 * top * NARROWEST - (right - left)) / 2
    return float(left - wider), float(right + wider), float(top)


def _box(scheme: Scheme, apart: int) -> tuple[float, float, float]:
    """Left, right and top end of the bounded one of the two sets, stable or unstable; where neither is (the
    trapezoidal rule), a window that grows with the stages."""
    radii = RADII[::apart]
    z = radii[:, None] * np.exp(1j * ANGLES[::apart])[None, :]
    stable = amplification(scheme, z) <= 1 + SLACK
    for inside in (stable, ~stable):
        if inside.any() and not inside[-1].any():
            # the rays are sharp in radius only: take half a step outward
            found = z[inside] * np.sqrt(radii[1] / radii[0])
            return float(found.real.min()), float(found.real.max()), float(found.imag.max())
    size = 2.0 + 2 * len(np.atleast_1d(getattr(scheme, "b", [1])))
    return -size, size, size
