"""What benchmarks.training runs in processes of their own: each writes a line of JSON for whatever it has found.

python -m benchmarks.trainers '{"part": "rates", ...}'
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch

import tableau2net as t2n
from benchmarks import floors, script
from benchmarks.loader import arrays, image_data
from tableau2net.data.given import feed_of
from tableau2net.errors import InputError
from tableau2net.training import Recipe
from tableau2net.training.capture import CapturedSteps, capture_cuda
from tableau2net.training.evaluation import Evaluation
from tableau2net.training.execution import Execution
from tableau2net.training.level import Level
from tableau2net.training.parallel import Ranks
from tableau2net.training.update import Update

BATCH = 128
SCRIPT = "script"  # the engine of what people write


def the_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def told(**found: Any) -> None:
    print(json.dumps(found), flush=True)


class Ours:
    """A network of ours that is trained, by one engine, in so many steps at a time."""

    def __init__(self, network: str, engine: str, precision: str, images: int) -> None:
        self.device = the_device()
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(0)
        recipe = Recipe(batch_size=BATCH)
        self.data = image_data(*arrays(None, images)).to(self.device)
        self.level = Level.of(t2n.create_model(network, num_classes=10), recipe, self.device)
        self.execution = Execution(self.device, precision, engine, True, Ranks())
        self.update = Update(self.level, feed_of(self.data, recipe, 0, self.device), recipe, 0, self.execution)
        captured = CapturedSteps(self.update, capture_cuda) if "graph" in engine else None
        self.step: Callable[[int], None] = captured or self.update
        self.epoch, self.left = 0, 0

    def steps(self, count: int) -> None:
        for _ in range(count):
            if self.left == 0:
                self.update.start(self.epoch)
                self.epoch, self.left = self.epoch + 1, self.update.feed.count
            size = min(BATCH, self.left)
            self.update.feed.advance(size)
            self.step(size)
            self.left -= size

    def evaluate(self) -> None:
        Evaluation(self.level.model, self.data, self.device, self.execution.precision).figures()


def seconds(run: Callable[[], object], device: torch.device) -> float:
    wait(device)
    begun = time.perf_counter()
    run()
    wait(device)
    return time.perf_counter() - begun


def rates(depth: int, candidates: list[tuple[str, str]], steps: int, rounds: int, workers: int) -> None:
    """Images a second of (engine, precision), in turns; what an epoch begins with included where it falls in."""
    device, images = the_device(), 390 * BATCH if torch.cuda.is_available() else 20 * BATCH
    ready: dict[tuple[str, str], Ours | script.Script] = {}
    x, y = arrays(None, images)
    for engine, precision in candidates:
        begun = time.perf_counter()
        candidate: Ours | script.Script
        try:
            if engine == SCRIPT:
                loading = script.loader(x, y, BATCH, workers, pinned=device.type == "cuda")
                candidate = script.Script(depth, loading, device, precision)
            else:
                candidate = Ours(f"resnet{depth}", engine, precision, images)
            candidate.steps(2)
            wait(device)
        except Exception as error:  # whatever a compiler says
            told(precision=precision, engine=engine, failed=str(error).splitlines()[0][:200])
            continue
        told(precision=precision, engine=engine, ready=time.perf_counter() - begun)
        ready[engine, precision] = candidate
    for _ in range(rounds):
        for (engine, precision), candidate in ready.items():
            took = seconds(partial(candidate.steps, steps), device)
            told(precision=precision, engine=engine, rate=BATCH * steps / took)


def compiles(depth: int, precision: str) -> None:
    """Put a compiled network into the cache that others find it in."""
    begun = time.perf_counter()
    Ours(f"resnet{depth}", "compile", precision, 8 * BATCH).steps(2)
    told(seconds=time.perf_counter() - begun)


def floor(depths: list[int], precisions: list[str]) -> None:
    """Bytes of a step of each network, and how many images a second they allow at the speed of a copy."""
    speed = floors.bandwidth(the_device())
    for depth in depths:
        for precision in precisions:
            trainer = Ours(f"resnet{depth}", "eager", precision, 4 * BATCH)
            trainer.steps(1)
            every, convolutions = floors.moved(partial(trainer.steps, 1))
            told(
                depth=depth, precision=precision, bytes=every, convolutions=convolutions, bandwidth=speed,
                rate=BATCH * speed / every, convolutions_rate=BATCH * speed / convolutions,
            )  # fmt: skip


def waiting(networks: list[str]) -> None:
    """An epoch, of two sizes of batches, of each network, in a mode in which waiting for the device is an error."""
    for name in networks:
        try:
            trainer = Ours(name, "graph", "bfloat16", 6 * BATCH + 32)
            trainer.steps(7)  # captures both
            torch.cuda.set_sync_debug_mode("error")
            trainer.steps(7)
            told(network=name, waits=False)
        except InputError as error:
            told(network=name, refused=str(error)[:300])
        except Exception as error:
            told(network=name, waits=True, reason=str(error).splitlines()[0][:300])
        finally:
            torch.cuda.set_sync_debug_mode("default")


def served(network: str, engine: str, precision: str) -> None:
    """Trains for as many seconds as each line of the standard input says, and tells the rate."""
    trainer = Ours(network, engine, precision, 390 * BATCH)
    trainer.steps(5)
    wait(trainer.device)
    told(ready=True)
    for line in sys.stdin:
        end, begun, seen = float(line), time.perf_counter(), 0
        while time.perf_counter() - begun < end:
            trainer.steps(10)
            wait(trainer.device)
            seen += 10 * BATCH
        told(rate=seen / (time.perf_counter() - begun))


def epochs(depths: list[int], engine: str, precision: str, count: int) -> None:
    """Seconds of whole epochs: 50,000 images, and the predictions for 10,000."""
    for depth in depths:
        trainer = Ours(f"resnet{depth}", engine, precision, 50_000)

        def tested(trainer: Ours = trainer) -> None:
            for _ in range(10):
                trainer.evaluate()

        trainer.steps(391)
        tested()
        for _ in range(count):
            train = seconds(partial(trainer.steps, 391), trainer.device)
            told(depth=depth, train=train, test=seconds(tested, trainer.device))


PARTS: dict[str, Callable[..., None]] = {
    "rates": rates, "compiles": compiles, "floor": floor, "waiting": waiting, "served": served, "epochs": epochs,
}  # fmt: skip


def main(text: str) -> None:
    asked = cast(dict[str, Any], json.loads(text))
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    PARTS[asked.pop("part")](**asked)


if __name__ == "__main__":
    main(sys.argv[1])
