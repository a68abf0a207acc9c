"""θ(t): a layer's parameters at knots in time, and between them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tableau2net.errors import InputError
from tableau2net.nn.dynamic.interpolation import Interpolation, Weights, interpolation_weights
from tableau2net.nn.dynamic.time_grid import Grid, checked_grid

Theta = dict[str, Tensor]


class Controls(nn.Module):
    """The parameters of one layer as a function of time.

    make: a new layer, initialised; called for each knot. All its parameters are interpolated, those of its
        normalisation too. Its buffers, running statistics among them, belong to where it is evaluated: see `point`.
    knots: times, increasing; one knot is θ the same at all times.
    interpolation: "constant", "linear" or "cubic", see `interpolation_weights`.

    `layers` has the parameters, one layer a knot. Raises InputError for knots or an interpolation that are none.
    """

    def __init__(
        self, make: Callable[[], nn.Module], knots: Iterable[float] = (0.0,), interpolation: Interpolation = "linear"
    ) -> None:
        super().__init__()
        if interpolation not in get_args(Interpolation):
            allowed = ", ".join(map(repr, get_args(Interpolation)))
            raise InputError(f"interpolation={interpolation!r}: write one of {allowed}")
        self.knots = checked_grid("controls", knots, least=1)
        self.interpolation: Interpolation = interpolation
        layers = [make() for _ in self.knots]
        self._blank = (blank(layers[0]),)  # in a tuple, for it has no part in parameters and state_dict
        self.names = tuple(_canonical(layers[0]).items())
        self.layers = nn.ModuleList(map(_without_buffers, layers))

    def at(self, time: float) -> Theta:
        """Every parameter at a time. At a knot it is the parameter itself."""
        return self.combined(self.weights(time))

    def weights(self, time: float) -> Weights:
        """The knots that have a part in θ(time), each with its weight."""
        return interpolation_weights(self.knots, self.interpolation, time)

    def combined(self, weights: Weights) -> Theta:
        """Every parameter as a weighted sum of those at the knots."""
        own = [self.layers[j].get_parameter for j, _ in weights]
        if len(weights) == 1:
            return self._named(own[0])
        if len(weights) == 2:
            part = weights[1][1]
            return self._named(lambda name: torch.lerp(own[0](name), own[1](name), part))
        return self._named(lambda name: _sum([get(name) for get in own], [w for _, w in weights]))

    def point(self) -> nn.Module:
        """The layer without its parameters, with buffers of its own: a place where it is evaluated, by `evaluate`."""
        like = next(self.parameters(), None)
        found = copy.deepcopy(self._blank[0])
        return found if like is None else found.to(like.device, like.dtype)

    def sampled(self, knots: Grid) -> list[nn.Module]:
        """For each of other knots a layer with the parameters that θ has there."""
        found = []
        for t in knots:
            with torch.no_grad():
                theta = self.at(t)
            layer = self.point()
            for name, first in self.names:
                owner, _, last = name.rpartition(".")
                wanted = self.layers[0].get_parameter(first).requires_grad
                new = nn.Parameter(theta[name].clone(), wanted) if name == first else layer.get_parameter(first)
                layer.get_submodule(owner)._parameters[last] = new
            found.append(layer)
        return found

    def roughness(self) -> Tensor:
        """Σ_k (t_{k+1} − t_k) ‖θ_{k+1} − θ_k‖₁. (The authors' code has the k-th of the states' steps in front.)"""
        steps = [b - a for a, b in pairwise(self.knots)]
        terms = [
            h * (q - p).abs().sum()
            for h, (a, b) in zip(steps, pairwise(self.layers), strict=True)
            for p, q in zip(a.parameters(), b.parameters(), strict=True)
        ]
        return torch.stack(terms).sum() if terms else next(self.parameters()).new_zeros(())

    def _named(self, value: Callable[[str], Tensor]) -> Theta:
        found = {first: value(first) for name, first in self.names if name == first}
        return {name: found[first] for name, first in self.names}


def evaluate(point: nn.Module, theta: Theta, *arguments: Tensor) -> Tensor:
    """A layer at one of its points, with parameters θ: the point's buffers are read, and in training updated."""
    value: Tensor = functional_call(point, theta, arguments, tie_weights=False)
    return value


def blank(layer: nn.Module) -> nn.Module:
    """A copy of a layer that has its buffers and not its parameters."""
    found = copy.deepcopy(layer)
    for module in found.modules():
        module._parameters.update(dict.fromkeys(module._parameters))
    return found


def _without_buffers(layer: nn.Module) -> nn.Module:
    for module in layer.modules():
        module._buffers.update(dict.fromkeys(module._buffers))
        if hasattr(module, "track_running_stats"):  # its points do: here, loading would add a count that is not there
            setattr(module, "track_running_stats", False)  # noqa: B010 (not an attribute of every module)
    return layer


def _canonical(layer: nn.Module) -> dict[str, str]:
    """Each parameter's name, and the first name of the same parameter."""
    first: dict[int, str] = {}
    return {
        name: first.setdefault(id(parameter), name)
        for name, parameter in layer.named_parameters(remove_duplicate=False)
    }


def _sum(values: list[Tensor], weights: list[float]) -> Tensor:
    total = values[0] * weights[0]
    for value, weight in zip(values[1:], weights[1:], strict=True):
        total = torch.add(total, value, alpha=weight)
    return total
