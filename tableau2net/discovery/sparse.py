"""A sparse right-hand side from data: least squares on all terms of a library, again without those that add least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tableau2net.discovery.fields_found import Channels
from tableau2net.discovery.monomials import Monomial, evaluate

ALIKE = 1e-10  # the square of a singular value of terms of length 1: what rounding leaves of 0
CHUNK = 1 << 22  # numbers of a piece of the library's values


@dataclass(frozen=True)
class Normal:
    """The normal equations of rates on terms: gram (terms, terms), right (terms, states), and Σ rate² of each state."""

    gram: Tensor
    right: Tensor
    squares: Tensor
    rows: int

    def solve(self, state: int, kept: Sequence[int]) -> tuple[Tensor, float]:
        """Coefficients of the terms that are kept, and the share of the rate that they do not explain."""
        at = list(kept)
        size = self.gram.diagonal()[at].sqrt()
        scaled = self.gram[at][:, at] / size[:, None] / size
        right = self.right[at, state]
        found = torch.linalg.lstsq(scaled, (right / size)[:, None], driver="gelsd").solution[:, 0] / size
        left = self.squares[state] - 2 * found @ right + found @ self.gram[at][:, at] @ found
        return found, float(left.clamp(min=0) / self.squares[state])


def normal_equations(channels: Channels, terms: Sequence[Monomial], windows: Tensor, dt: float) -> Normal:
    """Of (u_{n+1} − u_n)/Δt on the mean of a term's values at both ends: the trapezoidal rule, of order 2.

    windows: (pairs, times, states, *space)."""
    many, states = len(terms), windows.shape[2]
    gram = torch.zeros(many, many, dtype=torch.float64)
    right, squares, rows = torch.zeros(many, states, dtype=torch.float64), torch.zeros(states, dtype=torch.float64), 0
    pieces = max(1, CHUNK // (many * windows[0, 0, 0].numel() * windows.shape[1]))
    with torch.no_grad():
        part: Tensor
        for part in torch.split(windows, pieces):
            values = channels(part.flatten(0, 1))
            table = torch.stack([evaluate(term, values) for term in terms]).reshape(many, *part.shape[:2], -1)
            table = ((table[:, :, 1:] + table[:, :, :-1]) / 2).flatten(1)
            rates = ((part[:, 1:] - part[:, :-1]) / dt).movedim(2, -1).flatten(0, -2)
            gram += table @ table.T
            right += table @ rates
            squares += rates.square().sum(0)
            rows += len(rates)
    return Normal(gram, right, squares, rows)


def sparse(normal: Normal, state: int, threshold: float) -> tuple[list[int], Tensor]:
    """The terms that are left, and their coefficients, by thresholded least squares (STLSQ) until none goes.

    A term goes where the deviation of what it adds is below `threshold` of the rate's: coefficients of terms of
    different units are compared by that alone. Source: S. Brunton, J. Proctor, N. Kutz, PNAS 113 (2016) 3932–3937."""
    sizes = normal.gram.diagonal().sqrt() / normal.squares[state].sqrt()
    kept = [n for n in range(len(sizes)) if sizes[n] > 0]
    while True:
        found, _ = normal.solve(state, kept)
        adds = found.abs() * sizes[kept]
        stays = [n for n, share in zip(kept, adds.tolist(), strict=True) if share >= threshold]
        if len(stays) == len(kept) or not stays:
            return (kept, found) if stays else ([], found[:0])
        kept = stays


def alike(normal: Normal, kept: Sequence[int]) -> list[list[int]]:
    """Terms that the data do not tell apart: pairs that are one function but for a factor, and of those that are kept
    the ones of a sum that is all but zero."""
    size = normal.gram.diagonal().sqrt()
    there = (size > 0).nonzero().flatten()
    scaled = normal.gram[there][:, there] / size[there][:, None] / size[there]
    pairs = (scaled.abs().triu(1) > 1 - ALIKE).nonzero()
    found = [there[pair].tolist() for pair in pairs]
    at = torch.tensor([int((there == n).nonzero()) for n in kept], dtype=torch.long)
    if len(at) > 1:
        values, vectors = torch.linalg.eigh(scaled[at][:, at])
        for vector in vectors[:, values < ALIKE].T:
            group = sorted(kept[n] for n in (vector.abs() > 0.1).nonzero().flatten().tolist())
            if len(group) > 2:
                found.append(group)
    return found
