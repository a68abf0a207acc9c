"""You only propagate once: the attack goes through the first part of the network alone, by the costate behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from tableau2net.data.data import Data
from tableau2net.data.feed import Feed
from tableau2net.errors import InputError
from tableau2net.recipes.adversary import AdversarySpec
from tableau2net.runs.run_spec import RunSpec
from tableau2net.training.adversary.adversarial_update import AdversarialUpdate, Learnt
from tableau2net.training.adversary.pixels import EpsilonBall
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.update import compiled

Part = Callable[..., Tensor | tuple[Tensor, ...]]


def split(model: nn.Module, spec: AdversarySpec) -> tuple[nn.Module, nn.Module]:
    """The first part of a network and the rest of it."""
    cut = getattr(model, "split", None)
    if not callable(cut):
        raise InputError(
            f"--adversary yopo: a {type(model).__name__} has no split(k), which gives its first steps and the rest; "
            "networks of a scheme have it; take pgd for this one"
        )
    try:
        first, rest = cut(spec.split)
    except InputError as error:
        said = str(error).removeprefix(f"k = {spec.split}: ")
        raise InputError(f"--split {spec.split}: {said}") from None
    return first, rest


class Yopo(AdversarialUpdate):
    """The rest of the network is passed m times, the first part of it m(n + 1) times."""

    def __init__(self, level: Level, feed: Feed, run: RunSpec, data: Data, execution: Execution) -> None:
        super().__init__(level, feed, run, data, execution)
        self._split()

    def start(self, epoch: int, first: int = 0) -> None:
        """Have everything ready for an epoch, from its image number `first` on."""
        before = self.arrangement
        super().start(epoch, first)
        if self.arrangement != before:  # another step may be the first one
            self._split()

    def _split(self) -> None:
        self.first, self.rest = split(self.level.model, self.adversary)
        self.through_first: Part = self.first
        self.through_rest: Part = self.rest
        if "compile" in self.execution.engine:
            self.through_first, self.through_rest = compiled(self.first), compiled(self.rest)

    def _learn(self, x: Tensor, y: Tensor, size: int) -> Learnt:
        ball = self.ball(x)
        eta = self.random_start(ball, size)
        self.level.optimiser.zero_grad(set_to_none=True)
        for time in range(self.times):
            at = ball.at(eta).requires_grad_()
            with self.still() if time + 1 < self.times else contextlib.nullcontext():
                z = self._first(at)
                leaves = tuple(each.detach().requires_grad_() for each in z)
                with self.execution.computing():
                    scores = cast(Tensor, self.through_rest(leaves if len(leaves) > 1 else leaves[0]))
                    loss = self.loss(scores, y, size)
                self.backward(loss, at.detach(), y, size)
            costates = [leaf.grad for leaf in leaves]
            with self.still(self.first):
                eta = self._uphill(ball, eta, at, z, costates)
                z = self._first(ball.at(eta))
            torch.autograd.backward(*_reached(z, costates))
        self.descend()
        return loss, scores

    def _uphill(
        self, ball: EpsilonBall, eta: Tensor, at: Tensor, z: tuple[Tensor, ...], costates: list[Tensor | None]
    ) -> Tensor:
        """n steps η ← Π[η + σ sign(∂⟨p, first(x + η)⟩/∂η)]; the first from where the costates were found."""
        for number in range(self.adversary.n):
            if number:
                at = ball.at(eta).requires_grad_()
                z = self._first(at)
            states, directions = _reached(z, costates)
            (gradient,) = torch.autograd.grad(states, at, directions)
            eta = ball.moved(eta, gradient)
        return eta

    def _first(self, x: Tensor) -> tuple[Tensor, ...]:
        with self.execution.computing():
            z = self.through_first(x)
        return z if isinstance(z, tuple) else (z,)


def _reached(z: tuple[Tensor, ...], costates: list[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
    """The states, and their costates, that the loss depends on."""
    pairs = [(state, costate) for state, costate in zip(z, costates, strict=True) if costate is not None]
    return [state for state, _ in pairs], [costate for _, costate in pairs]
