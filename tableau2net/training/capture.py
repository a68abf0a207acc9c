"""A training step that is captured once and replayed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tableau2net.errors import InputError
from tableau2net.training.update import Update

WARM = 3  # steps before one is captured, for what libraries do at first

Launch = Callable[[], None]
Capture = Callable[[Launch, Launch], Launch]


class CapturedSteps:
    """Steps that are captured at their first call with a batch size, and replayed from then on.

    Before a step is captured it is made a few times for what happens at the first only (kernels are chosen, memory is
    taken); then everything is put back as it was: replaying starts where calling would have. Where the network's blocks
    come into another order, steps are captured anew. Where a step cannot be
    captured, `refused` is told why, and steps are called from then on; without `refused`, that raises InputError.
    """

    def __init__(self, update: Update, capture: Capture, refused: Callable[[str], None] | None = None) -> None:
        self.update, self.capture, self.refused = update, capture, refused
        self.replays: dict[int, Launch] = {}
        self.calls, self.arrangement = False, update.arrangement

    def __call__(self, size: int) -> None:
        if self.update.arrangement != self.arrangement:
            self.arrangement = self.update.arrangement
            self.replays.clear()
        if size not in self.replays and not self.calls:
            self._capture(size)
        if self.calls:
            self.update(size)
        else:
            self.replays[size]()

    def _capture(self, size: int) -> None:
        update = self.update
        before = [(tensor, tensor.clone()) for tensor in update.tensors()]
        devices = [update.device] if update.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.accelerator.device_index(update.device.index):
            try:
                self.replays[size] = self.capture(lambda: update(size), lambda: _put_back(update, before))
            except InputError as error:
                if self.refused is None:
                    raise
                self.refused(str(error))
                self.calls = True
            finally:
                _put_back(update, before)


@torch.no_grad()
def _put_back(update: Update, before: list[tuple[Tensor, Tensor]]) -> None:
    for tensor, value in before:
        tensor.copy_(value)
    known = {id(tensor) for tensor, _ in before}
    for state in update.level.optimiser.state.values():  # made on the way: where it is zero, it is as good as none
        for value in state.values():
            if isinstance(value, Tensor) and id(value) not in known:
                value.zero_()


def capture_cuda(run: Launch, back: Launch) -> Launch:
    """A CUDA graph, on the current device, of what `run` launches; `back` makes as if it had not run.

    Raises InputError where `run` waits for the device, which no graph can, and where it cannot be captured else."""
    here, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(here)
    try:
        with torch.cuda.stream(aside):
            for _ in range(WARM):
                run()
                back()
            with _refusing("waits for the device"), _never_waiting():
                run()
            back()
    finally:
        here.wait_stream(aside)  # after an error too: what is put back then must not be overtaken
    graph = torch.cuda.CUDAGraph()
    with (
        _refusing("cannot be captured"),
        torch.cuda.stream(here),  # an end that fails leaves another stream the current one, before torch 2.15
        torch.cuda.graph(graph, capture_error_mode="thread_local"),  # NCCL's watchdog asks its own questions
    ):
        run()
    return graph.replay


@contextlib.contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"a step of this network {what} ({reason}): --engine eager or compile") from error


@contextlib.contextmanager
def _never_waiting() -> Iterator[None]:
    """Within, RuntimeError is raised where the host waits for the device."""
    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(action="ignore"):  # of a prototype that does not see every wait
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)
