"""A step that keeps its arguments and is taken again when the gradient is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from tableau2net.runtime.buffers import Before
from tableau2net.runtime.evaluations import in_order
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.runtime.untouched import untouched


def checkpointed(step: Callable[..., Any], *arguments: Any) -> Any:
    """``step(*arguments)``; for the backward pass only its arguments are kept, and the step is taken again then.

    Taken again it sees the same random numbers, the same autocast and the same buffers, and BatchNorm and whatever
    else counts batches counts them once. Gradients are those of the plain call, to the bit where the field is
    deterministic. Under torch.compile, where the statistics of an evaluation cannot be exchanged within what is taken
    again, each evaluation of a field that has some is taken again by itself, and the state before it is kept.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_exporting():
        return untouched(step, *arguments)
    if torch.compiler.is_compiling():  # the compiler recomputes pure arithmetic: an update of a buffer stays single
        again = in_order(*arguments, again=True)
        if any(a is not b for a, b in zip(again, arguments, strict=True)):
            return step(*again)
        return checkpoint(step, *arguments, use_reentrant=False)

    return taken_again(partial(untouched, step), *arguments)


def taken_again(step: Callable[..., Any], *arguments: Any) -> Any:
    """The same without a look at what the step does to its arguments, and not for torch.compile."""
    before = Before(arguments)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _AsBefore(arguments, before)

    new = checkpoint(step, *arguments, use_reentrant=False, context_fn=contexts)
    before.changed()
    return new


class _AsBefore(AbstractContextManager[None]):
    """Fields that are as they were before the step. It can be entered again: a step is taken again for each backward
    pass through it, and one with implicit stages twice in each."""

    def __init__(self, modules: tuple[Any, ...], before: Before) -> None:
        self.modules = modules
        self.before = before
        self.entered: list[ExitStack] = []

    def __enter__(self) -> None:
        stack = ExitStack()
        stack.enter_context(self.before.again())
        stack.enter_context(frozen_statistics(self.modules))
        self.entered.append(stack)

    def __exit__(self, *error: Any) -> None:
        self.entered.pop().__exit__(*error)
