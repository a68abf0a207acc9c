"""Projection of learnt coefficients on polynomial conditions, such as those of an order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor, nn

RETRACTION_ITERATIONS = 10
RETRACTION_ENOUGH = 1e-7  # a residual from which one more step of a quadratic iteration ends it
RETRACTION_ROUNDINGS = 2
RETRACTION_FINEST = 0.01  # coefficients below its root count as equally fine
RETRACTION_FLOOR = 1e-13  # of the largest row of J J^T: below it, conditions count as depending on each other
RETRACTION_MISSED = 1e-7  # a residual above this was not found the way back from


class Retraction(nn.Module):
    """n coefficients of any one shape → nearby ones that fulfil every condition, by Newton's method in float64.

    names: of the coefficients.  conditions: polynomials in the names, each to be 0, as text: terms with blanks about
        + and -, factors with *, powers written out (``"a21*b2 + a32*b3 - 1/2"``).

    The steps are c ← c − Jᵀ(J Jᵀ + μ)⁻¹ r(c) with μ = |r|² (Levenberg, Marquardt; quadratic in the limit even where
    conditions depend on each other: Yamashita, Fukushima 2001), a fixed number of them, so that nothing waits for
    the device. The gradient is that of the tangent plane, I − J⁺J at the result.

    In training, where a gradient is asked for, what was projected is put in the place of the raw parameters, so that
    an optimiser steps from the conditions and not from ever farther away. Where a step was so large that there is no
    way back, the result is nan.
    """

    def __init__(self, names: Sequence[str], conditions: Sequence[str]) -> None:
        super().__init__()
        self.size, self.count = len(names), len(conditions)
        place = {name: i for i, name in enumerate(names)}
        terms = [(row, *_term(term, place)) for row, text in enumerate(conditions) for term in _terms(text)]
        self.degree = max(len(factors) for _, _, factors in terms)
        padded = [factors + [self.size] * (self.degree - len(factors)) for _, _, factors in terms]
        weights = torch.tensor([weight for _, weight, _ in terms], dtype=torch.float64)
        rows = torch.tensor([row for row, _, _ in terms])
        factors = torch.tensor(padded).mT.contiguous()
        # integers only: `model.half()` must not round them
        self.register_buffer("factors", factors, persistent=False)
        self.register_buffer("bits", weights.view(torch.int64), persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("entries", (rows * (self.size + 1) + factors).flatten(), persistent=False)

    def forward(self, *raw: Tensor) -> tuple[Tensor, ...]:
        given = torch.stack(raw, -1)
        with torch.no_grad():
            c = given.detach().double()
            for _ in range(RETRACTION_ITERATIONS):
                r, J = self.evaluate(c)
                c = c - _solved(J, r, r.square().sum(-1))
                seen = c.device.type == "cpu" and not torch.compiler.is_compiling()  # where looking costs nothing
                if seen and bool((r.abs() < RETRACTION_ENOUGH).all()):
                    break
            r, J = self.evaluate(c)
            c = c.masked_fill(~(r.abs().amax(-1, keepdim=True) < RETRACTION_MISSED), torch.nan)
            c = self._rounded(c, given.dtype)
            if self.training and given.requires_grad:
                for parameter, value in zip(raw, c.unbind(-1), strict=True):
                    parameter.copy_(value)
        moved = given.double() - given.detach().double()  # zero, with the gradient of raw
        normal = _solved(J, (J @ moved.unsqueeze(-1)).squeeze(-1), torch.zeros_like(c[..., 0]))
        return (c + (moved - normal)).to(given.dtype).unbind(-1)

    def _rounded(self, c: Tensor, dtype: torch.dtype) -> Tensor:
        """Coefficients that fulfil the conditions still when they are rounded: what rounding has done to the large ones
        is made good by the small ones, which are rounded more finely."""
        for _ in range(RETRACTION_ROUNDINGS):
            c = c.to(dtype).double()
            r, J = self.evaluate(c)
            fine = 1 / (c.square() + RETRACTION_FINEST).unsqueeze(-2)
            c = c - _solved(J * fine, r, torch.zeros_like(c[..., 0])) * fine.squeeze(-2)
        return c.to(dtype).double()

    def evaluate(self, c: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals (…, m) and their derivatives (…, m, n) at coefficients (…, n)."""
        one = torch.ones_like(c[..., :1])
        values = torch.cat((c, one), -1)[..., self.get_buffer("factors")]  # (…, degree, terms)
        weights = self.get_buffer("bits").view(torch.float64).expand_as(values[..., :1, :])
        before = torch.cat((weights, values), -2).cumprod(-2)  # all factors before each, and at last the term
        after = torch.cat((values[..., 1:, :], torch.ones_like(weights)), -2).flip(-2).cumprod(-2).flip(-2)
        partial = before[..., :-1, :] * after  # each term without its k-th factor
        shape = c.shape[:-1]
        r = c.new_zeros(*shape, self.count).index_add(-1, self.get_buffer("rows"), before[..., -1, :])
        J = c.new_zeros(*shape, self.count * (self.size + 1))
        J = J.index_add(-1, self.get_buffer("entries"), partial.flatten(-2))
        return r, J.reshape(*shape, self.count, self.size + 1)[..., : self.size]


def _solved(J: Tensor, r: Tensor, damping: Tensor) -> Tensor:
    """Jᵀ(J Jᵀ + damping)⁻¹ r; the damping is never quite zero, so that J may have a smaller rank."""
    gram = J @ J.mT
    floor = RETRACTION_FLOOR * gram.diagonal(dim1=-2, dim2=-1).amax(-1)
    gram = gram + torch.diag_embed((damping + floor).unsqueeze(-1).expand_as(r))
    factor, _ = torch.linalg.cholesky_ex(gram)
    return (J.mT @ torch.cholesky_solve(r.unsqueeze(-1), factor)).squeeze(-1)


def _terms(text: str) -> list[str]:
    """``"a*b - 1/2"`` → ``["a*b", "-1/2"]``."""
    return re.sub(r" ([+-]) ", lambda sign: " " if sign[1] == "+" else " -", text).split()


def _term(text: str, place: dict[str, int]) -> tuple[float, list[int]]:
    """The number of a term, and the places of its factors."""
    weight = -1.0 if text.startswith("-") else 1.0
    factors = []
    for factor in text.removeprefix("-").split("*"):
        if factor in place:
            factors.append(place[factor])
        else:
            weight *= float(Fraction(factor))
    return weight, factors
