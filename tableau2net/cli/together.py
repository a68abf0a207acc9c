"""A command that torchrun starts as many processes: one of them talks."""

import contextlib
import functools
import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 5.0  # seconds in which the first process can say what is wrong, before torchrun sees another end


def alone() -> bool:
    """Whether no torchrun has started this process; costs nothing."""
    return "WORLD_SIZE" not in os.environ


def together(command: Callable[..., None]) -> Callable[..., None]:
    """The command, in one group with the others where torchrun has started many: only the first of them prints, and
    what is wrong in any is said once. It must have the option `device`."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        if alone():
            command(*arguments, **options)
            return
        from tableau2net.training.parallel import joined  # torch, which takes seconds

        with joined(options["device"]) as ranks, contextlib.ExitStack() as silence:
            if not ranks.first:
                silence.enter_context(contextlib.redirect_stdout(silence.enter_context(open(os.devnull, "w"))))
            command(*arguments, **options)

    return run


def leave_to_first() -> None:
    """For what is wrong in all processes alike, before they are joined: ends all but the first, silently, later."""
    if not alone() and os.environ.get("RANK", "0") != "0":
        time.sleep(PATIENCE)  # torchrun ends this one as soon as the first has ended
        raise SystemExit(2)
