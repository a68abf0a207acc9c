"""Functions of a linear field: Σ w φ_k(c hL) v, by the field itself, or in a Krylov space of its products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from weakref import WeakSet

import torch
from torch import Tensor

Terms = tuple[tuple[float | Tensor, int, float | Tensor], ...]  # w, k, c of w·φ_k(c·hL)
NOT_LINEAR = "L is not linear, L(-2x) is no -2 L(x): a bias in it, or the fields (N, L) the wrong way round?"
_PROBED: WeakSet[Any] = WeakSet()  # fields that are linear
MOST_VECTORS, BETWEEN = 200, 4  # of a Krylov space, and how many there are between two looks at the error


def phi_sum(field: Callable[..., Any], terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
    """Σ w φ_k(c hL) v over the terms (w, k, c), with L v what the linear field gives: by the field's own
    ``phi_sum(terms, h, v)`` where it has one, else in a Krylov space. Raises ValueError for a field that is not linear,
    the first time that it is seen."""
    own = getattr(field, "phi_sum", None)
    if own is not None:
        return cast("Callable[[Terms, float | Tensor, Tensor], Tensor]", own)(terms, h, v)
    if not probed(field, v):
        raise ValueError(NOT_LINEAR)
    return krylov_phi_sum(field, terms, h, v)


def probed(field: Callable[..., Any], v: Tensor) -> bool:
    """`is_linear`, asked once of each field."""
    if field not in _PROBED:
        if not is_linear(field, v):
            return False
        _PROBED.add(field)
    return True


def is_linear(product: Callable[[Tensor], Any], v: Tensor) -> bool:
    """Whether L(ax) = a L(x) for one x of the shape of v and one a, negative, and imaginary for complex states: a bias
    is seen, and so is what bends at 0."""
    with torch.no_grad():
        x = 1 + torch.cos(torch.arange(v.numel(), device=v.device)).view(v.shape).to(v.dtype) / 2
        a = -2j if v.is_complex() else -2
        once, more = product(x), product(a * x)
        if not isinstance(once, Tensor) or once.shape != v.shape:
            return True  # what is wrong with it is told where it is used
        wide = (each.to(torch.promote_types(each.dtype, torch.float32)) for each in (once, more - a * once))
        size, off = map(torch.linalg.vector_norm, wide)
        return bool(off <= torch.finfo(v.dtype).eps ** 0.5 * size)


def krylov_phi_sum(
    product: Callable[[Tensor], Tensor],
    terms: Terms,
    h: float | Tensor,
    v: Tensor,
    enough: float | None = None,
    vectors: int = MOST_VECTORS,
) -> Tensor:
    """The same with L v = product(v), which is linear in v: in the space of v, Lv, L²v, … L is the matrix H of
    Arnoldi's process, and the sum that of hH (Saad, SIAM J. Numer. Anal. 29, 1992; Hochbruck & Lubich 1997).

    enough: what the result may change by at the last, relative to v; a hundred roundings where left out. Gradients are
    those of the operations. Raises RuntimeError where so many vectors are not enough: steps are too large then, or the
    field is not linear."""
    start = v.reshape(-1)
    size = torch.linalg.vector_norm(start)
    if not bool(size > 0):
        return 0 * v
    enough = 100 * torch.finfo(v.dtype).eps if enough is None else enough
    most = min(vectors, start.numel())
    basis: list[Tensor] = [start / size]
    columns: list[Tensor] = []
    found: Tensor | None = None
    for m in range(1, most + 1):
        w = product(basis[-1].reshape(v.shape)).reshape(-1)
        known = torch.stack(basis)
        once = known.conj() @ w
        w = w - once @ known
        twice = known.conj() @ w
        w = w - twice @ known
        left = torch.linalg.vector_norm(w)
        columns.append(once + twice)
        done = m == start.numel() or bool(left <= 10 * torch.finfo(v.dtype).eps * torch.linalg.vector_norm(once))
        if done or m == most or m % BETWEEN == 0:
            new: Tensor = size * (_small(columns, terms, h) @ known)
            change = None if found is None else float(torch.linalg.vector_norm((new - found).detach()) / size.detach())
            if done or (change is not None and change <= enough):
                return new.view_as(v)
            found = new
        basis.append(w / left)
        columns[-1] = torch.cat([columns[-1], left[None].to(columns[-1].dtype)])
    raise RuntimeError(f"a Krylov space of {most} vectors is not enough: take smaller steps, or a field with a phi_sum")


def _small(columns: list[Tensor], terms: Terms, h: float | Tensor) -> Tensor:
    """Σ w φ_k(c hH) e_1 of the matrix of these columns."""
    m = len(columns)
    rows = [torch.nn.functional.pad(column[:m], (0, m - min(m, len(column)))) for column in columns]
    matrix = torch.stack(rows, dim=1) * h
    first = torch.eye(m, 1, dtype=matrix.dtype, device=matrix.device)[:, 0]
    return phi_sum_of_matrix(matrix, terms, first)


def phi_sum_of_matrix(matrix: Tensor, terms: Terms, b: Tensor) -> Tensor:
    """Σ w φ_k(c M) b of a small matrix M, b a vector or several as columns: φ_k(M) b stands in the exponential of M
    with b beside it and ones above the diagonal below (Sidje 1998, Theorem 1; Al-Mohy & Higham 2011)."""
    right = b if b.dim() == 2 else b[:, None]
    total = torch.zeros_like(right)
    for c in dict.fromkeys(c for _, _, c in terms):
        own = [(w, k) for w, k, each in terms if each == c]
        blocks = _phi_blocks(c * matrix, right, max(k for _, k in own))
        for w, k in own:
            total = total + w * blocks[k]
    return total if b.dim() == 2 else total[:, 0]


def _phi_blocks(matrix: Tensor, b: Tensor, most: int) -> list[Tensor]:
    """φ_0(M) b, …, φ_most(M) b, from one exponential."""
    n, many = b.shape
    if most == 0:
        return [torch.linalg.matrix_exp(matrix) @ b]
    size, shift = n + most * many, (most - 1) * many
    above = torch.cat([matrix, b, matrix.new_zeros(n, shift)], 1)
    ones = torch.eye(shift, dtype=matrix.dtype, device=matrix.device)
    below = torch.cat([matrix.new_zeros(shift, n + many), ones], 1)
    whole = torch.cat([above, below, matrix.new_zeros(many, size)])
    power = torch.linalg.matrix_exp(whole)[:n]
    return [power[:, :n] @ b, *power[:, n:].split(many, dim=1)]
