"""Jacobians whose entries lie in a narrow band, once the numbers of a state are put in another order: derivatives in
one dimension of space, chains of reactions. A few products give all entries, and a matrix is factorised in blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

NARROW = 16  # the part of the numbers that a band may be as wide as, to each side
BLOCK = 64  # rows of a block, where the band is not wider


@dataclass(frozen=True)
class Band:
    """Where the entries of a Jacobian are: at most `width` from the diagonal, when its rows and columns are in `order`.

    Rows that are 2·width + 1 apart share no column: the sum of all such, one product with the transpose, has them all
    beside each other (Curtis, Powell & Reid 1974)."""

    order: Tensor
    width: int

    @staticmethod
    def of(entries: Tensor) -> Band | None:
        """The band of a matrix that is not 0 where `entries` is true; None where it is wide."""
        order = torch.tensor(_cuthill_mckee(entries | entries.T), device=entries.device)
        rows, columns = entries[order][:, order].nonzero(as_tuple=True)
        width = int((rows - columns).abs().max()) if len(rows) else 0
        return Band(order, width) if width * NARROW <= len(order) else None

    @cached_property
    def rows(self) -> Tensor:
        """What the transpose is multiplied by: a row for each group of rows."""
        groups = 2 * self.width + 1
        found = torch.zeros(groups, len(self.order), device=self.order.device)
        found[torch.arange(len(self.order), device=self.order.device) % groups, self.order] = 1
        return found

    def product(self, sums: Tensor, vector: Tensor) -> Tensor:
        """The transpose times a vector, if there are no entries elsewhere."""
        groups, n = sums.shape
        j = torch.arange(n, device=sums.device)
        i = j - self.width + (torch.arange(groups, device=sums.device)[:, None] - j + self.width) % groups
        inside = (i >= 0) & (i < n)
        found = torch.empty_like(vector)
        found[self.order] = (vector[self.order][i.clamp(0, n - 1)] * inside * sums[:, self.order]).sum(0)
        return found

    def jacobian(self, sums: Tensor) -> Banded:
        """The matrix, from what the products are."""
        n, (groups, _) = max(BLOCK, self.width), sums.shape
        count = -(-len(self.order) // n)
        sorted_sums = torch.nn.functional.pad(sums[:, self.order], (0, count * n - len(self.order)))
        within = torch.arange(n, device=sums.device)

        def blocks(row: int, column: int, number: int) -> Tensor:
            first = n * torch.arange(number, device=sums.device)[:, None, None]
            i, j = first + row * n + within[:, None], first + column * n + within
            inside = ((i - j).abs() <= self.width) & (i < len(self.order))
            return torch.where(inside, sorted_sums[i % groups, j], 0)

        return Banded(self, blocks(0, 0, count), blocks(1, 0, count - 1), blocks(0, 1, count - 1))


@dataclass(frozen=True)
class Banded:
    """A Jacobian in blocks: on the diagonal, below and above it, in the order of its band."""

    band: Band
    diagonal: Tensor
    below: Tensor
    above: Tensor

    def __len__(self) -> int:
        return len(self.band.order)

    def __matmul__(self, vector: Tensor) -> Tensor:
        parts = sorted_blocks(self.band, self.diagonal.shape[:2], vector)[..., None]
        found = self.diagonal @ parts
        found[1:] += self.below @ parts[:-1]
        found[:-1] += self.above @ parts[1:]
        return unsorted(self.band, found.flatten())

    def dense(self) -> Tensor:
        """The same as a matrix."""
        return torch.stack([self @ row for row in torch.eye(len(self), dtype=self.diagonal.dtype)], 1)

    def factorised(self, c: complex) -> Blocks:
        """I − c·J, real where c is."""
        unit = torch.eye(self.diagonal.shape[-1], dtype=self.diagonal.dtype, device=self.diagonal.device)
        middle, below, above = unit - c * self.diagonal, -c * self.below, -c * self.above
        inverses, lower, upper = [torch.linalg.inv_ex(middle[0])[0]], [], []
        for i in range(1, len(middle)):
            upper.append(inverses[-1] @ above[i - 1])
            lower.append(below[i - 1] @ inverses[-1])
            inverses.append(torch.linalg.inv_ex(middle[i] - below[i - 1] @ upper[-1])[0])
        return Blocks(self.band, torch.stack(inverses), lower, upper)


@dataclass(frozen=True)
class Blocks:
    """A matrix that is 0 but for three diagonals of blocks, as L D U: the inverses of D, L below and U above its unit
    diagonal. Without pivots between blocks: what is solved is corrected."""

    band: Band
    inverses: Tensor
    lower: list[Tensor]
    upper: list[Tensor]

    def solve(self, right: Tensor, transposed: bool = False) -> Tensor:
        """The x with M x = right, or Mᵀ x = right."""
        below, above, middle = self.lower, self.upper, self.inverses
        if transposed:
            below, above, middle = [u.mT for u in above], [x.mT for x in below], middle.mT
        parts = list(sorted_blocks(self.band, middle.shape[:2], right).unbind())
        for i, block in enumerate(below):
            parts[i + 1] = torch.addmv(parts[i + 1], block, parts[i], alpha=-1)
        parts = list((middle @ torch.stack(parts)[..., None])[..., 0].unbind())
        for i in range(len(above) - 1, -1, -1):
            parts[i] = torch.addmv(parts[i], above[i], parts[i + 1], alpha=-1)
        return unsorted(self.band, torch.cat(parts))


def sorted_blocks(band: Band, shape: torch.Size, vector: Tensor) -> Tensor:
    """A vector in the order of a band, a row for each block."""
    return torch.nn.functional.pad(vector[band.order], (0, shape.numel() - len(vector))).view(shape)


def unsorted(band: Band, blocks: Tensor) -> Tensor:
    """The vector again."""
    found = blocks.new_empty(len(band.order))
    found[band.order] = blocks[: len(band.order)]
    return found


def _cuthill_mckee(entries: Tensor) -> list[int]:
    """An order in which what depends on each other is near: breadth first from an end, those of few neighbours first
    (Cuthill & McKee 1969, turned round by George)."""
    near: list[list[int]] = [row.nonzero().flatten().tolist() for row in entries.cpu()]
    found: list[int] = []
    left = set(range(len(near)))
    while left:
        start = min(left, key=lambda i: len(near[i]))
        start = _layers(near, _layers(near, start)[-1])[-1]  # an end, seen from an end
        part = _layers(near, start)
        found += part
        left -= set(part)
    return found[::-1]


def _layers(near: list[list[int]], start: int) -> list[int]:
    """What is connected with a number, nearest first."""
    found, seen = [start], {start}
    for i in found:
        new = sorted((j for j in near[i] if j not in seen), key=lambda j: len(near[j]))
        found += new
        seen.update(new)
    return found
