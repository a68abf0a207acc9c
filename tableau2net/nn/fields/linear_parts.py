"""Linear fields that know the functions of themselves, for exponential integrators: diagonal, diagonal in Fourier
space, a matrix, and anything linear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tableau2net.errors import InputError
from tableau2net.runtime.phi_functions import phi_values
from tableau2net.runtime.phi_sums import MOST_VECTORS, NOT_LINEAR, Terms, krylov_phi_sum, phi_sum_of_matrix, probed

KEPT = 64  # sums of one field that are kept


class _Known(nn.Module):
    """Computes Σ w φ_k(chL) once for each sum and step size, as long as L is not learnt and does not change."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Any, tuple[int, Tensor]] = {}

    made: Callable[..., Tensor]  # of the terms, h, and what `_function` gets beside them

    def _function(self, terms: Terms, h: float | Tensor, own: Tensor, *more: Any) -> Tensor:
        """The sum of `own`, of which it is made; a new one where gradients go through it, or code is traced."""
        learnt = any(isinstance(x, Tensor) for term in terms for x in term) or isinstance(h, Tensor)
        if own.requires_grad or learnt or torch.compiler.is_compiling():
            return self.made(terms, h, *more)
        key = (terms, h, own.dtype, own.device, *more)
        version, made = self._kept.get(key, (-1, None))
        if made is None or version != own._version:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            with torch.inference_mode(False), torch.no_grad():
                made = self.made(terms, h, *more)
            self._kept[key] = (own._version, made)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """What is kept is made again."""
        return self.__dict__ | {"_kept": {}}


def phi_total(terms: Terms, z: Tensor) -> Tensor:
    """Σ w φ_k(cz), entry by entry."""
    total = torch.zeros_like(z)
    for w, k, c in terms:
        total = total + w * phi_values(k, c * z)
    return total


class Diagonal(_Known):
    """y ↦ λy, entry by entry: λ is broadcast to y.

    eigenvalues: λ, real or, for complex states, complex.  learnable: whether it is a parameter.
    Raises InputError for what is no tensor of floating-point numbers."""

    eigenvalues: Tensor

    def __init__(self, eigenvalues: Tensor, *, learnable: bool = False) -> None:
        super().__init__()
        values = _numbers(eigenvalues, "eigenvalues")
        if learnable:
            self.eigenvalues = nn.Parameter(values.clone())
        else:
            self.register_buffer("eigenvalues", values)

    def forward(self, *at: Tensor) -> Tensor:
        return self.eigenvalues * at[-1]

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(chL) v."""
        return self._function(terms, h, self.eigenvalues) * v

    def made(self, terms: Terms, h: float | Tensor) -> Tensor:
        return phi_total(terms, h * self.eigenvalues)


class Fourier(_Known):
    """A linear operator on periodic grids that multiplies waves: y ↦ F⁻¹(ŝ · F y) over the last dimensions.

    symbol: ŝ for each wave, complex or real, of the shape that ``torch.fft.rfftn`` gives over the last `symbol.dim()`
    dimensions; its last one is n//2 + 1. It is the symbol of an operator on real states, ŝ(−k) the conjugate of ŝ(k),
    and what is not so where a wave is its own mirror, at the Nyquist wave of an odd derivative, is left out; on complex
    states it works part by part.  whole: whether it is of the shape that ``torch.fft.fftn`` gives instead, of any
    operator on complex states.  learnable: whether it is a parameter. `of` makes it of a function of the wave numbers.
    Raises InputError for what is no tensor of numbers, and for states that do not fit."""

    symbol: Tensor

    def __init__(self, symbol: Tensor, *, whole: bool = False, learnable: bool = False) -> None:
        super().__init__()
        values = _numbers(symbol, "symbol")
        if values.dim() == 0:
            raise InputError("symbol: a number for each wave is expected, in as many dimensions as the grid has")
        self.whole = whole
        self.sizes: tuple[int, ...] | None = None  # of the grid, where they are known
        if learnable:
            self.symbol = nn.Parameter(values.clone())
        else:
            self.register_buffer("symbol", values)

    @classmethod
    def of(
        cls,
        symbol: Callable[..., Tensor],
        sizes: Sequence[int],
        lengths: Sequence[float],
        *,
        dtype: torch.dtype = torch.float64,
    ) -> Fourier:
        """The operator whose symbol is a function of the wave numbers 2πj/length, one tensor a dimension:
        ``Fourier.of(lambda k: -k**2, [256], [2 * math.pi])`` is the second derivative. Where ŝ(−k) is not the conjugate
        of ŝ(k), as in Schrödinger's equation, it is for complex states only.

        sizes, lengths: the points and the length of the grid by dimension."""
        if len(sizes) != len(lengths) or not sizes or min(sizes) < 1 or min(lengths) <= 0:
            raise InputError("sizes, lengths: as many points and lengths, all positive, as the grid has dimensions")
        waves = [
            2 * torch.pi / length * n * torch.fft.fftfreq(n, dtype=dtype)
            for n, length in zip(sizes, lengths, strict=True)
        ]
        grids = torch.meshgrid(*waves, indexing="ij")
        values = _numbers(torch.as_tensor(symbol(*grids)).expand(grids[0].shape), "symbol")
        if not bool(torch.isfinite(values).all()):
            raise InputError("symbol: not finite at some wave; torch.where may put a number there")
        mirrored = _mirrored(values, values.dim())
        paired = torch.ones_like(values, dtype=torch.bool)  # waves −n/2 and n/2 are one, on which the function is not
        for dim, n in enumerate(sizes):
            if n % 2 == 0:
                paired.select(dim, n // 2).fill_(False)
        if not torch.allclose(values[paired], mirrored[paired], atol=0, rtol=1e-6):
            part = cls(values.clone(), whole=True)
        else:
            part = cls(((values + mirrored) / 2)[..., : sizes[-1] // 2 + 1].clone())
        part.sizes = tuple(sizes)
        return part

    def forward(self, *at: Tensor) -> Tensor:
        y = at[-1]
        return self._times(self._over(y.shape[-1], y.is_complex()), y)

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(chL) v."""
        return self._times(self._function(terms, h, self.symbol, v.shape[-1], v.is_complex()), v)

    def made(self, terms: Terms, h: float | Tensor, n: int, complex_state: bool) -> Tensor:
        return phi_total(terms, h * self._over(n, complex_state))

    def _over(self, n: int, complex_state: bool) -> Tensor:
        """The symbol at the waves of a state with n points in its last dimension: all, or those of a real state."""
        symbol, others = self.symbol, self.symbol.dim() - 1
        if self.whole or n // 2 + 1 != symbol.shape[-1]:  # the latter is told by `_times`
            return symbol
        if symbol.is_complex():  # what a real state sees of it: functions of that are those of L
            symbol = symbol.clone()
            for own in {0, *([n // 2] if n % 2 == 0 else [])}:
                plane = self.symbol[..., own]
                symbol[..., own] = (plane + _mirrored(plane, others)) / 2
        if not complex_state:
            return symbol
        behind = symbol[..., 1 : n - n // 2].flip(-1)
        return torch.cat([symbol, _mirrored(behind.movedim(-1, 0), others).movedim(0, -1)], -1)

    def _times(self, factor: Tensor, v: Tensor) -> Tensor:
        dims = tuple(range(-self.symbol.dim(), 0))
        self._fits(v)
        wide = v if v.dtype == torch.float64 or v.is_complex() else v.float()  # half precision has no transform
        if v.is_complex():
            back: Tensor = torch.fft.ifftn(torch.fft.fftn(wide, dim=dims) * factor, dim=dims)
        else:
            back = torch.fft.irfftn(torch.fft.rfftn(wide, dim=dims) * factor, s=v.shape[-len(dims) :], dim=dims)
        return back.to(v.dtype)

    def _fits(self, v: Tensor) -> None:
        if self.whole and not v.is_complex():
            raise InputError(
                "a real state, and a symbol of an operator on complex ones (ŝ(−k) is not the conjugate of ŝ(k)): give "
                "a complex state"
            )
        grid = tuple(v.shape[-self.symbol.dim() :])
        if self.sizes is not None and grid != self.sizes:
            raise InputError(f"this operator is for {self.sizes} points, the state has {grid} in its last dimensions")
        waves = grid if self.whole else (*grid[:-1], grid[-1] // 2 + 1)
        if waves != tuple(self.symbol.shape):
            raise InputError(
                f"symbol has the shape {tuple(self.symbol.shape)}, the waves of this state {waves}: a grid of n points "
                f"has {'n' if self.whole else 'n//2 + 1'} waves in its last dimension"
            )


def _mirrored(symbol: Tensor, dims: int) -> Tensor:
    """The conjugate of what stands at the wave −k, over the last dimensions, in which all waves are."""
    over = tuple(range(-dims, 0))
    return torch.roll(torch.flip(symbol, over), (1,) * dims, over).conj() if dims else symbol.conj()


class DenseMatrix(_Known):
    """y ↦ A y of the last dimension, A a square matrix; its functions by the exponential of a larger one.

    Raises InputError for what is no square matrix."""

    matrix: Tensor

    def __init__(self, matrix: Tensor, *, learnable: bool = False) -> None:
        super().__init__()
        values = _numbers(matrix, "matrix")
        if values.dim() != 2 or values.shape[0] != values.shape[1]:
            raise InputError(f"matrix: a square one is expected, not {tuple(values.shape)}")
        if learnable:
            self.matrix = nn.Parameter(values.clone())
        else:
            self.register_buffer("matrix", values)

    def forward(self, *at: Tensor) -> Tensor:
        return self._times(self.matrix, at[-1])

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(chL) v."""
        return self._times(self._function(terms, h, self.matrix), v)

    def made(self, terms: Terms, h: float | Tensor) -> Tensor:
        eye = torch.eye(len(self.matrix), dtype=self.matrix.dtype, device=self.matrix.device)
        return phi_sum_of_matrix(h * self.matrix, terms, eye)

    def _times(self, factor: Tensor, v: Tensor) -> Tensor:
        n = len(self.matrix)
        if v.shape[-1:] != (n,):
            raise InputError(f"matrix is {n} × {n}, the state of the shape {tuple(v.shape)}: {n} in its last dimension")
        if v.is_complex() and not factor.is_complex():
            factor = factor + 0j
        if factor.dtype != v.dtype and not torch.is_autocast_enabled(v.device.type):
            raise InputError(f"matrix is of {self.matrix.dtype}, the state of {v.dtype}: give both alike")
        return v @ factor.mT


class Krylov(nn.Module):
    """Any linear field, a convolution without bias say: its functions in a Krylov space of its products.

    enough: what a result may change by at the last, relative to the state.  vectors: the most of them.
    The whole batch is one vector."""

    def __init__(self, field: nn.Module, *, enough: float | None = None, vectors: int = MOST_VECTORS) -> None:
        super().__init__()
        self.field, self.enough, self.vectors = field, enough, vectors
        if enough is not None and not enough > 0:
            raise InputError(f"enough = {enough}: a positive number")
        if vectors < 1:
            raise InputError(f"vectors = {vectors}: at least one")

    def forward(self, *at: Tensor) -> Tensor:
        slope: Tensor = self.field(at[-1])
        return slope

    def phi_sum(self, terms: Terms, h: float | Tensor, v: Tensor) -> Tensor:
        """Σ w φ_k(chL) v. Raises InputError where the field is not linear."""
        if not probed(self.field, v):
            raise InputError(NOT_LINEAR)
        return krylov_phi_sum(self.field, terms, h, v, self.enough, self.vectors)


def _numbers(values: Any, key: str) -> Tensor:
    if not isinstance(values, Tensor) or not (values.is_floating_point() or values.is_complex()):
        raise InputError(f"{key}: a tensor of floating-point numbers is expected, not {type(values).__name__}")
    return values.detach()
