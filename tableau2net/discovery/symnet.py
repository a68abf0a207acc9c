"""SymNet: a network whose functions are polynomials, and the polynomial that it is.

Source: Z. Long, Y. Lu, B. Dong, J. Comput. Phys. 399 (2019) 108925, section 2.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tableau2net.discovery.monomials import Monomial, Polynomial, added, times


class SymNet(nn.Module):
    """(batch, channels, *space) to (batch, *space): each layer appends a product of two linear forms of what is there.

    With 12 channels and 5 layers 168 parameters: one network for each equation."""

    def __init__(self, channels: int, layers: int = 5, generator: torch.Generator | None = None) -> None:
        super().__init__()
        widths = [2 * (channels + k + 1) for k in range(layers)] + [channels + layers + 1]
        self.channels = channels
        self.layers = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(width, generator=generator, dtype=torch.float64)) for width in widths
        )

    def forms(self) -> list[Tensor]:
        """The linear forms of each layer, a row each: weights, then the constant."""
        return [layer.reshape(2, -1) for layer in self.layers[:-1]] + [self.layers[-1].reshape(1, -1)]

    def forward(self, channels: Tensor) -> Tensor:
        *inner, last = self.forms()
        for form in inner:
            left, right = (_form(row, channels) for row in form)
            channels = torch.cat([channels, (left * right).unsqueeze(1)], 1)
        return _form(last[0], channels)

    def expand(self, degree: int) -> Polynomial:
        """The coefficients of all products of at most `degree` channels.

        They are those of the whole polynomial, though products beyond the degree are dropped on the way: what is
        dropped has no part in them. The whole polynomial has degree 2^layers, and no time to be written down."""
        forms: list[Polynomial] = [{(channel,): 1.0} for channel in range(self.channels)]
        *inner, last = ([row.tolist() for row in form.detach()] for form in self.forms())
        for two in inner:
            left, right = (_combined(row, forms) for row in two)
            forms.append(times(left, right, degree))
        return {term: value for term, value in _combined(last[0], forms).items() if len(term) <= degree}


def _combined(row: list[float], forms: list[Polynomial]) -> Polynomial:
    constant: dict[Monomial, float] = {(): row[-1]}
    return added([(1.0, constant), *zip(row[:-1], forms, strict=True)])


def _form(row: Tensor, channels: Tensor) -> Tensor:
    """A linear form of channels, which are along dim 1, and its constant."""
    found: Tensor = torch.tensordot(row[:-1], channels, dims=([0], [1]))
    return found + row[-1]
