"""Whether a polynomial is nowhere positive on a box: proved, refuted at a point, or left open within the bounds of
the work.

At a corner of the box where the polynomial vanishes, no subdivision comes to an end if its terms there outweigh one
another in turn. Such a corner is blown up: with x = st, y = t and with x = t, y = st the terms of one degree become
terms in s alone.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tableau2net.exact.bernstein import Grid, bernstein, corners, halves, longest, shortened

MOST = 3000  # boxes that are looked at
DEEP = 7  # halvings of a corner box before it is blown up
BLOWN = 4  # blow-ups of what came of one


def non_positive(powers: Grid, most: int = MOST) -> bool | None:
    """Whether p ≤ 0 on the unit box, p by powers of one or two variables; None where it is not decided."""
    return _decided(powers, [most], BLOWN)


def _decided(powers: Grid, left: list[int], blown: int) -> bool | None:
    vertices = list(product((0, 1), repeat=powers.ndim)) if powers.ndim > 1 and blown else []
    boxes = [(bernstein(powers), True, (0,) * powers.ndim, frozenset(vertices))]
    while boxes:
        b, sure, depth, at = boxes.pop()
        if b.max() <= 0:
            continue
        if any(x > 0 for x in corners(b)):
            return False if sure else None
        left[0] -= 1
        if left[0] < 0:
            return None
        if sum(depth) >= DEEP * b.ndim and at:
            vanishing = [v for v in at if not b[tuple(-i for i in v)]]
            if len(at) == 1 and vanishing:
                found = _blown_up(powers, vanishing[0], depth, left, blown)
                if not found:
                    return found
                continue
        axis = longest(b)
        deeper = tuple(d + (k == axis) for k, d in enumerate(depth))
        for side, half in enumerate(halves(b, axis)):
            short = shortened(half)
            boxes.append((short, sure and short is half, deeper, frozenset(v for v in at if v[axis] == side)))
    return True


def _blown_up(
    powers: Grid, vertex: tuple[int, ...], depth: tuple[int, ...], left: list[int], blown: int
) -> bool | None:
    """The same of the box at a corner, 2^−depth of the whole wide, in both charts."""
    near = _from_corner(powers, vertex)
    for axis, d in enumerate(depth):  # x → x/2^d, times 2^(dn)
        n = near.shape[axis]
        shape = [1] * near.ndim
        shape[axis] = n
        near = near * np.array([1 << (d * (n - 1 - k)) for k in range(n)], dtype=object).reshape(shape)
    verdicts = [_decided(chart, left, blown - 1) for chart in (_chart(near), _chart(near.T))]
    return False if False in verdicts else None if None in verdicts else True


def _from_corner(powers: Grid, vertex: tuple[int, ...]) -> Grid:
    """p with the corner at the origin: x → 1 − x where it is at 1."""
    for axis, side in enumerate(vertex):
        if side:
            powers = np.moveaxis(_flipped(np.moveaxis(powers, axis, 0)), 0, axis)
    return powers


def _flipped(rows: Grid) -> Grid:
    """p(1 − x) by Taylor's shift."""
    rows = rows.copy()
    n = len(rows)
    for k in range(n):
        for i in range(n - 2, k - 1, -1):
            rows[i] = rows[i] + rows[i + 1]
    return np.asarray([row if i % 2 == 0 else -row for i, row in enumerate(rows)], dtype=object)


def _chart(powers: Grid) -> Grid:
    """x = st, y = t without the power of t that all terms have."""
    rows, columns = powers.shape
    found: Any = np.zeros((rows, rows + columns - 1), dtype=object)
    for i in range(rows):
        found[i, i : i + columns] = powers[i]
    first = next((k for k in range(found.shape[1]) if any(found[:, k])), 0)
    return np.asarray(found[:, first:])
