"""A step that keeps its arguments and is taken again when the gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from tableau2net.codegen.support.statistics import frozen_statistics


def checkpointed(step: Callable[..., Any], *arguments: Any) -> Any:
    """``step(*arguments)``; for the backward pass only its arguments are kept, and the step is taken again then.

    Taken again it sees the same random numbers and the same autocast, and BatchNorm counts the batch once. Gradients
    are those of the plain call, to the bit where the field is deterministic.
    """
    if not torch.is_grad_enabled():
        return step(*arguments)
    if torch.compiler.is_compiling():  # the compiler recomputes pure arithmetic: an update of a buffer stays single
        return checkpoint(step, *arguments, use_reentrant=False)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _FrozenAgain(arguments)

    return checkpoint(step, *arguments, use_reentrant=False, context_fn=contexts)


class _FrozenAgain(AbstractContextManager[None]):
    """`frozen_statistics` that can be entered again: a step is taken again for each backward pass through it, and one
    with implicit stages twice in each."""

    def __init__(self, modules: tuple[Any, ...]) -> None:
        self.modules = modules
        self.entered: list[ExitStack] = []

    def __enter__(self) -> None:
        stack = ExitStack()
        stack.enter_context(frozen_statistics(self.modules))
        self.entered.append(stack)

    def __exit__(self, *error: Any) -> None:
        self.entered.pop().__exit__(*error)
