"""The gradient of a scalar of the state: with its graph for training, in any mode, under transforms and compiled."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from tableau2net.errors import InputError
from tableau2net.integration.own_rows import check_modes, drawing_nothing
from tableau2net.runtime.graphs import begun_at

Scalar = Callable[..., Tensor]
IN_PLACE = ": it changes its state in place; write y = y * 2 and not y *= 2"


class ScalarOf(nn.Module):
    """A function of the state that gives one number for each, and its gradient.

    function: a module or a function, called with states (…, n); it gives (…) or (…, 1), each number of its own state
        alone, so that a batch's gradient is that of the sum.  key: what it is called in errors."""

    function: Scalar

    def __init__(self, function: Any, key: str) -> None:
        super().__init__()
        if not callable(function):
            raise InputError(f"{key}: a function or a module is expected, not {type(function).__name__}")
        self.function, self.key = function, key
        self._looked: bool | None = None  # the mode in which it was

    def forward(self, y: Tensor) -> Tensor:
        found = self._value(y)
        batch = tuple(y.shape[:-1])
        if not isinstance(found, Tensor) or tuple(found.shape) not in (batch, (*batch, 1)):
            gave = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise InputError(
                f"{self.key} gives {gave} for states of shape {tuple(y.shape)}: one number for each is expected, "
                f"{batch}, so that its sums and norms are over the last dimension"
            )
        return found.reshape(batch)

    def _value(self, y: Tensor) -> Any:
        """What the function gives. InputError where it is not one function of each state, as in training mode."""
        if torch.compiler.is_compiling():
            return self.function(y)
        if isinstance(self.function, nn.Module):
            check_modes(self.function, self.key)
        if self._looked == self.training:
            return self._called(y)
        plain = not (y.is_inference() or torch._C._are_functorch_transforms_active())
        version = y._version if plain else 0
        with drawing_nothing(y, self.key):
            found = self._called(y)
        if plain and y._version != version:
            raise InputError(f"{self.key}{IN_PLACE}")
        self._looked = self.training
        return found

    def _called(self, y: Tensor) -> Any:
        try:
            return self.function(y)
        except RuntimeError as error:
            if "in-place" not in str(error) and "inplace" not in str(error):
                raise
            raise InputError(f"{self.key}{IN_PLACE}") from None

    def gradient(self, y: Tensor) -> Tensor:
        """∂/∂y, like y. Its graph goes to y and to whatever the function is made of, where gradients are wanted.

        Raises InputError for what is no state, and for a function that changes it."""
        check_state(y)
        if not self._by_autograd(y):
            return torch.func.grad(lambda at: self(at).sum())(y)  # type: ignore[no-any-return]
        at = begun_at(y)
        with torch.enable_grad():
            at = at.view_as(at)  # no leaf, of which hooks that count operations cannot tell whether it is reached
            total = self(at).sum()
        if not total.requires_grad:
            return torch.zeros_like(y)
        (found,) = torch.autograd.grad(
            total, at, create_graph=torch.is_grad_enabled(), allow_unused=True, materialize_grads=True
        )
        return found

    def _by_autograd(self, y: Tensor) -> bool:
        """Whether autograd's own gradient will do, which is two or three times as fast as `torch.func`'s. It is told
        by y or by parameters whether a graph is wanted; it needs a leaf, which transforms, inference mode and
        tangents of forward mode do not allow."""
        if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or y.is_inference():
            return False
        if forward_ad.unpack_dual(y).tangent is not None:  # type: ignore[no-untyped-call]
            return False
        return not torch.is_grad_enabled() or y.requires_grad or any(p.requires_grad for p in self.parameters())


def count_of_states(function: Any, key: str, first: str, second: str) -> int:
    """How many states a function takes: 1, H(y), or 2, H(q, p). first, second: what the two are called.

    Raises InputError where it does not tell, or where its own names say that it has them in the other order."""
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        given = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):  # one that does not tell, as torch's own
        return 1
    needed = [p for p in given if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind == p.VAR_POSITIONAL for p in given) or len(needed) not in (1, 2):
        raise InputError(f"{key}: write it as {key}(y) or {key}({first}, {second}), with so many arguments")
    if [p.name for p in needed] == [second, first]:
        raise InputError(
            f"{key}({second}, {first}): it is called as {key}({first}, {second}); "
            f"give lambda {first}, {second}: {key}({second}, {first})"
        )
    return len(needed)


def check_state(y: Any) -> None:
    """InputError for what is no state."""
    if not isinstance(y, Tensor) or not y.is_floating_point():
        gave = y.dtype if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise InputError(f"the state is {gave}: a tensor of real floating-point numbers is expected")


def halves(y: Tensor, key: str) -> tuple[Tensor, Tensor]:
    """The two halves of the last dimension. Raises InputError where it is odd."""
    check_state(y)
    n = y.shape[-1] if y.dim() else 1
    if n % 2:
        raise InputError(f"the last dimension of the state is {n}: {key} takes an even one, half of it each")
    return y[..., : n // 2], y[..., n // 2 :]


class OfHalves(nn.Module):
    """A function of two states as one of y, in which they are one behind the other."""

    def __init__(self, function: Scalar, key: str) -> None:
        super().__init__()
        self.function, self.key = function, key

    def forward(self, y: Tensor) -> Any:
        return self.function(*halves(y, self.key))


def scalar_of_halves(function: Any, key: str, first: str, second: str) -> ScalarOf:
    """A scalar of y that is given as one of y, or of its two halves, which are called first and second."""
    if callable(function) and count_of_states(function, key, first, second) == 2:
        function = OfHalves(function, f"{key}({first}, {second})")
    return ScalarOf(function, key)
