"""Matrices that are skew, or positive semidefinite, by construction: given, learnt, or made of the state."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError

Made = Callable[[Tensor], Tensor]


class MatrixOf(nn.Module):
    """A matrix (n, k) for all states, or (…, n, k), one for each.

    given: a tensor, a parameter, or a function or module of the state.  key: what it is called in errors."""

    made: Made | None
    matrix: Tensor

    def __init__(self, given: Any, key: str) -> None:
        super().__init__()
        self.key, self.made = key, None
        if isinstance(given, nn.Parameter):
            self.matrix = _checked(given, key)  # a parameter, as nn.Module keeps it
        elif isinstance(given, Tensor):
            self.register_buffer("matrix", _checked(self.settled(given.detach()), key))
        elif callable(given):
            _check_of_state(given, key)
            self.made = given
        else:
            raise InputError(f"{key}: a tensor, a parameter or a function of the state is expected")

    @property
    def constant(self) -> bool:
        """Whether it is the same for all states."""
        return self.made is None

    def settled(self, given: Tensor) -> Tensor:
        """What is kept of a given tensor. Raises InputError where it is none of its kind."""
        return given

    def of(self, y: Tensor) -> Tensor:
        """What is given, at a state."""
        n = y.shape[-1]
        found = self.matrix.to(y.dtype) if self.made is None else self.made(y)
        wanted = (n,) if self.made is None else (*y.shape[:-1], n)
        if not isinstance(found, Tensor) or found.shape[:-1] != wanted:
            gave = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise InputError(f"{self.key} is {gave} for states of shape {tuple(y.shape)}: (*{wanted}, k) is expected")
        return found


class Skew(MatrixOf):
    """A tensor that is skew; of a parameter, or of what a function gives, (A − Aᵀ)/2."""

    def settled(self, given: Tensor) -> Tensor:
        if given.dim() != 2 or given.shape[0] != given.shape[1] or not torch.equal(given, -given.mT):
            raise InputError(f"{self.key}: a skew matrix is expected, Jᵀ = −J (a parameter is made skew)")
        return given

    def forward(self, y: Tensor) -> Tensor:
        found = self.of(y)
        if found.shape[-1] != found.shape[-2]:
            raise InputError(f"{self.key} is {tuple(found.shape)}: a square matrix is expected")
        return found if self.constant and not isinstance(self.matrix, nn.Parameter) else (found - found.mT) / 2


class Root(MatrixOf):
    """A of R = A Aᵀ ≥ 0: made of a tensor R, a vector that is its diagonal or a matrix; a parameter and what a function
    gives are A itself, a vector among parameters its diagonal."""

    def settled(self, given: Tensor) -> Tensor:
        if given.dim() == 1 and bool((given >= 0).all()):
            return torch.diag(given.sqrt())
        if given.dim() == 2 and torch.equal(given, given.mT):
            values, vectors = torch.linalg.eigh(given)
            if values[0] >= -len(given) * torch.finfo(given.dtype).eps * values[-1].abs():
                return vectors * values.clamp(min=0).sqrt()  # type: ignore[no-any-return]
        raise InputError(f"{self.key}: R ≥ 0 is expected, a vector without negative numbers or a matrix")

    def of(self, y: Tensor) -> Tensor:
        if self.constant and self.matrix.dim() == 1:
            return torch.diag(self.matrix.to(y.dtype))
        return super().of(y)

    def forward(self, y: Tensor) -> Tensor:
        return self.of(y)


def times(matrix: Tensor, v: Tensor) -> Tensor:
    """A v, of one matrix or of one for each vector."""
    return (matrix @ v.unsqueeze(-1)).squeeze(-1)


def _checked(given: Tensor, key: str) -> Tensor:
    if not given.is_floating_point() or not bool(torch.isfinite(given.detach()).all()):
        raise InputError(f"{key}: finite floating-point numbers are expected")
    return given


def _check_of_state(given: Made, key: str) -> None:
    """InputError for a function that is not to be called with the state alone."""
    try:
        takes = inspect.signature(given.forward if isinstance(given, nn.Module) else given)
    except (TypeError, ValueError):  # one that does not tell
        return
    try:
        takes.bind(None)
    except TypeError:
        raise InputError(f"{key}{takes}: a function of the state alone is expected, {key}(y)") from None
