"""A step whose fields leave alone what they are evaluated at, and what they have returned."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_compiling
from torch.overrides import TorchFunctionMode

Versions = list[tuple[Tensor, int]]

SEEN: tuple[dict[int, Any], dict[int, Any]] = ({}, {})  # fields looked at in evaluation and in training, by their id


def untouched(step: Callable[..., Any], *arguments: Any) -> Any:
    """``step(*arguments)``. RuntimeError where a field overwrites a state that it is evaluated at, or its own slope
    of an earlier evaluation: the step would be another one.

    What is handed in is looked at in each step, by the counters that autograd keeps; the first time that a field is
    called in training, and in evaluation, all its evaluations in the step are. Nothing is while compiling.
    """
    if is_compiling():
        return one_graph(step, *arguments)
    versions: Versions = []
    for a in arguments:
        if isinstance(a, Tensor):
            try:  # noqa: SIM105 (quicker than `suppress`)
                versions.append((a, a._version))
            except RuntimeError:  # inference mode keeps no counter
                pass
        elif isinstance(a, nn.Module) and id(a) not in SEEN[a.training]:
            return _watched(step, arguments)
    new = step(*arguments)
    for state, version in versions:
        if state._version != version:
            raise RuntimeError(_overwritten(type(next(a for a in arguments if isinstance(a, nn.Module))).__name__))
    return new


def one_graph(step: Callable[..., Any], *arguments: Any) -> Any:
    """``step(*arguments)`` for torch.compile, so that blocks whose h differ share a graph: compiled for a second h,
    it is for any. What is exported is the step as it stands."""
    if not torch.compiler.is_dynamo_compiling() or torch.compiler.is_exporting():
        return step(*arguments)
    with _Products():
        return step(*arguments)


class _Products(TorchFunctionMode):
    """u + a v with a product of its own: the compiler keeps a number open in a product, and in `alpha` it does not."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if kwargs and func in (Tensor.add, Tensor.add_) and list(kwargs) == ["alpha"]:
            return func(args[0], args[1] * kwargs["alpha"])
        return func(*args, **(kwargs or {}))


def _overwritten(field: str) -> str:
    return (
        f"the field {field} works in place on the state that it is evaluated at, which the step still needs: write "
        "inplace=False, or let it begin with y = y.clone()"
    )


def _watched(step: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The step, with a look before and after each evaluation of its fields."""
    fields = list({id(a): a for a in arguments if isinstance(a, nn.Module)}.values())
    watch = _Watch()
    handles = [f.register_forward_pre_hook(watch.before, prepend=True) for f in fields]
    handles += [f.register_forward_hook(watch.after) for f in fields]
    try:
        new = step(*arguments)
    finally:
        for handle in handles:
            handle.remove()
    for f in fields:
        seen, key = SEEN[f.training], id(f)
        seen[key] = weakref.ref(f, partial(_forget, seen, key))
    return new


def _forget(seen: dict[int, Any], key: int, _: Any) -> None:
    seen.pop(key, None)


class _Watch:
    """What fields have been given and have returned, each tensor with how it was then."""

    def __init__(self) -> None:
        self.given: list[list[tuple[Tensor, Any]]] = []
        self.returned: list[tuple[weakref.ref[Tensor], Any]] = []

    def before(self, field: nn.Module, given: tuple[Any, ...]) -> None:
        """A field is called."""
        self.given.append([(a, _state(a)) for a in given if isinstance(a, Tensor)])

    def after(self, field: nn.Module, given: tuple[Any, ...], slope: Any) -> None:
        """It has returned."""
        if any(_changed(a, state) for a, state in self.given.pop()):
            raise RuntimeError(_overwritten(type(field).__name__))
        for reference, state in self.returned:
            earlier = reference()
            if earlier is not None and _changed(earlier, state):
                raise RuntimeError(
                    f"the field {type(field).__name__} overwrites the slope of an earlier evaluation, which the step "
                    "still needs: let it return a new tensor each time"
                )
        # a map between resolutions is handed several states and returns as many
        slopes = slope if isinstance(slope, tuple) and len(slope) == len(given) > 1 else (slope,)
        for each in slopes:
            if not isinstance(each, Tensor):
                raise TypeError(f"the field {type(field).__name__} returns a {type(each).__name__}: a tensor is wanted")
            self.returned.append((weakref.ref(each), _state(each)))


def _state(tensor: Tensor) -> Any:
    """How a tensor is: its counter, or in inference mode, which keeps none, its values."""
    return tensor.detach().clone() if tensor.is_inference() else tensor._version


def _changed(tensor: Tensor, state: Any) -> bool:
    if not isinstance(state, Tensor):
        return bool(tensor._version != state)
    return not torch.equal(tensor.nan_to_num(), state.nan_to_num())
