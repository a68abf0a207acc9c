"""Right-hand sides that are polynomials in the states and their derivatives: fields that any scheme steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tableau2net.discovery.differences import Differences, name_of
from tableau2net.discovery.monomials import Monomial, Polynomial, evaluate
from tableau2net.discovery.symnet import SymNet

FUNCTIONS = {"sin": torch.sin, "cos": torch.cos}


class Channels(nn.Module):
    """(batch, states, *space) to (batch, channels, *space): states with their derivatives, then functions of states."""

    def __init__(self, differences: Differences, states: Sequence[str], functions: Sequence[str] = ()) -> None:
        super().__init__()
        self.differences, self.functions = differences, tuple(functions)
        self.names = tuple(name_of(state, order) for state in states for order in differences.orders)
        self.names += tuple(f"{function}({state})" for function in functions for state in states)

    def forward(self, state: Tensor) -> Tensor:
        found = self.differences(state).flatten(1, 2)
        return torch.cat([found, *(FUNCTIONS[name](state) for name in self.functions)], 1) if self.functions else found


class Polynomials(nn.Module):
    """u_t = F(channels), F polynomials: what a library and SymNets share.

    Where the kernels of first derivatives are one-sided, the side that waves come from is chosen at each point by the
    sign of ∂F/∂u_x of a state's own rate ("pseudo-upwind", Long, Lu, Dong 2019, section 2.2): the kernel as it is where
    it is negative, waves run to the right then, else mirrored."""

    def __init__(self, channels: Channels) -> None:
        super().__init__()
        self.channels = channels

    def rates(self, channels: Tensor) -> Tensor:
        """(batch, channels, *space) to (batch, states, *space)."""
        raise NotImplementedError

    def polynomials(self, degree: int) -> list[Polynomial]:
        """The right-hand side of each state, exact to that degree."""
        raise NotImplementedError

    def forward(self, state: Tensor) -> Tensor:
        channels = self.channels(state)
        return self.rates(self._against_the_wind(state, channels) if self.channels.differences.upwind else channels)

    def _against_the_wind(self, state: Tensor, channels: Tensor) -> Tensor:
        differences = self.channels.differences
        mirrored = differences.mirrored(state).flatten(1, 2)
        many = len(differences.orders)
        with torch.enable_grad():
            seen = channels.detach().requires_grad_()
            rates = self.rates(seen).sum(dim=tuple(n for n in range(channels.ndim) if n != 1))
            slopes = [torch.autograd.grad(rate, seen, retain_graph=True)[0] for rate in rates]
        chosen = list(channels.unbind(1))
        for s, slope in enumerate(slopes):
            for at in (s * many + n for n, order in enumerate(differences.orders) if sum(order) == 1):
                chosen[at] = torch.where(slope[:, at] < 0, chosen[at], mirrored[:, at])
        return torch.stack(chosen, 1)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Nothing to be put together once."""
        yield


class Library(Polynomials):
    """u_t = Σ c_k Π channels. support: which terms each state has.

    coefficients: one for each term of each state, one state after the other."""

    def __init__(self, channels: Channels, support: Sequence[Sequence[Monomial]], coefficients: Tensor) -> None:
        super().__init__(channels)
        self.support = [list(terms) for terms in support]
        self.coefficients = nn.Parameter(coefficients.detach().clone())

    def rates(self, channels: Tensor) -> Tensor:
        values = {term: evaluate(term, channels) for terms in self.support for term in terms}
        rest = iter(self.coefficients)
        zero = 0 * channels[:, 0]
        return torch.stack([sum((next(rest) * values[term] for term in terms), zero) for terms in self.support], 1)

    def polynomials(self, degree: int) -> list[Polynomial]:
        """The right-hand side of each state."""
        rest = iter(self.coefficients.tolist())
        return [{term: next(rest) for term in terms} for terms in self.support]


class SymNets(Polynomials):
    """u_t = SymNet(channels), one for each state."""

    def __init__(self, channels: Channels, states: int, generator: torch.Generator, layers: int = 5) -> None:
        super().__init__(channels)
        self.nets = nn.ModuleList(SymNet(len(channels.names), layers, generator) for _ in range(states))

    def rates(self, channels: Tensor) -> Tensor:
        return torch.stack([net(channels) for net in self.nets], 1)

    def polynomials(self, degree: int) -> list[Polynomial]:
        """The right-hand side of each state, exact to that degree."""
        return [net.expand(degree) for net in self.nets]  # type: ignore[operator]
