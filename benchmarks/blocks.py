"""Generated modules beside their peers, in one process, interleaved; the minimum of the runs, and ratios.

    python benchmarks/blocks.py [RUNS]

torchdiffeq is measured where it is installed. Kernel counts are of ATen calls that compute, forward only.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import tableau2net as t2n
from benchmarks.peers import HandWrittenResNet, TableauLoop

VIEWS = ("aten.view", "aten.detach", "aten.slice", "aten.t.", "aten.alias", "aten.empty", "aten.expand", "aten.select")


class Cheap(nn.Module):
    """A field that costs one kernel: a factor a channel."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(-1, 1, 16).view(16, 1, 1))

    def forward(self, y: Tensor) -> Tensor:
        return self.scale * y


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts ATen calls that are not views."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if not str(func).startswith(VIEWS):
            self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


def calls_of(run: Callable[[], Tensor]) -> list[str]:
    with Counter() as counter:
        run()
    return list(counter.calls)


def minima(candidates: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Seconds, the least of `runs`, the candidates in turn each time."""
    best = dict.fromkeys(candidates, float("inf"))
    for name in candidates:
        candidates[name]()  # warm
    for _ in range(runs):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def show(title: str, forwards: dict[str, Callable[[], Tensor]], runs: int) -> None:
    """A table: the first candidate is ours, and ratios say how many times longer the others take."""

    def with_backward(forward: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: forward().sum().backward()  # type: ignore[no-untyped-call]

    def without_gradient(forward: Callable[[], Tensor]) -> Callable[[], object]:
        def run() -> Tensor:
            with torch.no_grad():
                return forward()

        return run

    forward_times = minima({name: without_gradient(f) for name, f in forwards.items()}, runs)
    both_times = minima({name: with_backward(f) for name, f in forwards.items()}, runs)
    table = Table("", "forward, ms", "ratio", "with backward, ms", "ratio", "ATen calls forward", title=title)
    ours = next(iter(forwards))
    for name, forward in forwards.items():
        table.add_row(
            name,
            f"{1e3 * forward_times[name]:.2f}",
            f"{forward_times[name] / forward_times[ours]:.2f}",
            f"{1e3 * both_times[name]:.2f}",
            f"{both_times[name] / both_times[ours]:.2f}",
            str(len(calls_of(forward))),
        )
    Console().print(table)


def main(runs: int) -> None:
    torch.manual_seed(0)
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    y = torch.randn(128, 16, 32, 32)
    field = Cheap()
    A = [[], [0.5], [0.0, 0.5], [0.0, 0.0, 1.0]]
    generated, loop = t2n.compile("rk4")([field]), TableauLoop(A, [1 / 6, 1 / 3, 1 / 3, 1 / 6], field)
    steps: dict[str, Callable[[], Tensor]] = {
        "generated": lambda: generated(y),
        "loop over the tableau": lambda: loop(y),
    }
    try:
        from torchdiffeq import odeint
    except ImportError:
        print("torchdiffeq is not installed: left out")
    else:
        times = torch.tensor([0.0, 1.0])
        options = {"step_size": 1.0}
        steps["torchdiffeq rk4"] = lambda: odeint(lambda t, x: field(x), y, times, method="rk4", options=options)[-1]
    show("One step of rk4, 128×16×32×32, a field of one kernel", steps, runs)

    x = torch.randn(32, 3, 32, 32)
    ours, theirs = t2n.create_model("resnet20", shortcut="pad"), HandWrittenResNet(3)
    show("ResNet-20, batch 32", {"generated (euler)": lambda: ours(x), "hand-written": lambda: theirs(x)}, runs)
    same = calls_of(lambda: ours(x)) == calls_of(lambda: theirs(x))
    print(f"the same sequence of ATen calls: {'yes' if same else 'no'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
