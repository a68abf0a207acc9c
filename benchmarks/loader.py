"""Batches alone: our loader beside the usual script's and airbench's, crop, flip and normalisation included.

    pip install --no-deps --target PEERS airbench    # then PYTHONPATH=PEERS
    python -m benchmarks.loader [--data cifar10.npz] [--threads 2] [--rounds 5] [--markdown] [--json FILE]

Ours and airbench's take `--threads` threads, the script's two worker processes; all take turns, and the median of the
rounds counts, of a ratio the median of the ratios within a round. Ours is an epoch with its start, airbench's an epoch
with the augmentation of all images at its start, but not its first, which prepares. Of the script's, the start of
the workers is left out: `--script` images are timed after the first eight batches. airbench is made for a GPU; its
loader is given the device "cpu" and a train.pt of the same images, and nothing in it is changed. It gives float16
(C order) and pads by reflection; ours and the script's float32, ours channels_last.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console

from benchmarks import script
from benchmarks.goals import Goal
from benchmarks.goals import sheet as goal_sheet
from benchmarks.sheet import Sheet, number, processor
from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.training import ImageData, Recipe, environment

BATCH = 128
AHEAD = 8  # batches of the script that are not timed: what workers have made before somebody asks
OURS, SCRIPT, AIRBENCH = "ours", "the usual script: PIL, DataLoader, 2 workers", "airbench's CifarLoader on the CPU"
GOALS = {SCRIPT: 20.0, AIRBENCH: 2.0}

Epoch = Callable[[], float]  # images a second


def arrays(file: Path | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, 32, 32, 3) and labels int64 (N,), of a file with x_train and y_train, or random ones."""
    if file:
        with np.load(file) as found:
            return found["x_train"][:count], found["y_train"][:count].astype(np.int64)
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 32, 32, 3), np.uint8), random.integers(0, 10, count)


def image_data(x: np.ndarray, y: np.ndarray, name: str = "images") -> ImageData:
    """The same images as ours takes them; a thousand of them to test on."""
    images, labels = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)
    mean, std = ((255 * v[0], 255 * v[1], 255 * v[2]) for v in (script.MEAN, script.DEVIATION))
    return ImageData(name, 10, True, images, labels, images[:1000], labels[:1000], None, None, mean, std)


def ours(x: np.ndarray, y: np.ndarray) -> Epoch:
    feed, number = ResidentFeed(image_data(x, y), Recipe(batch_size=BATCH), seed=0), iter(range(10**6))

    def epoch() -> float:
        begun = time.perf_counter()
        feed.start(next(number))
        for first in range(0, len(x), BATCH):
            feed.take(min(BATCH, len(x) - first))
        return len(x) / (time.perf_counter() - begun)

    return epoch


def usual(x: np.ndarray, y: np.ndarray, count: int) -> Epoch:
    batches = script.loader(x[: count + AHEAD * BATCH], y[: count + AHEAD * BATCH], BATCH, workers=2)

    def epoch() -> float:
        begun, seen = math.nan, 0
        for i, (images, _) in enumerate(batches):
            if i >= AHEAD:
                seen += len(images)
            elif i == AHEAD - 1:
                begun = time.perf_counter()
        return seen / (time.perf_counter() - begun)

    return epoch


def airbench(x: np.ndarray, y: np.ndarray) -> Epoch | None:
    """None where airbench is not installed."""
    try:
        module: Any = importlib.import_module("airbench")
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        stored = {"images": torch.from_numpy(x), "labels": torch.from_numpy(y), "classes": [str(i) for i in range(10)]}
        torch.save(stored, Path(folder, "train.pt"))
        augment = {"flip": True, "translate": 4}
        batches = module.CifarLoader(folder, batch_size=BATCH, aug=augment, drop_last=False, gpu="cpu")

    def epoch() -> float:
        begun = time.perf_counter()
        seen = sum(len(labels) for _, labels in batches)
        return seen / (time.perf_counter() - begun)

    return epoch


def rates(candidates: Mapping[str, Epoch], rounds: int) -> dict[str, list[float]]:
    """Images a second of each, in turns, after an epoch that warms up."""
    for epoch in candidates.values():
        epoch()
    found: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, epoch in candidates.items():
            found[name].append(epoch())
    return found


def ratio(found: Mapping[str, Sequence[float]], name: str, over: str = OURS) -> float:
    """How many times as fast `over` is: the median of the rounds' ratios; nan where it was not measured."""
    if name not in found or not found[name]:
        return math.nan
    return median(a / b for a, b in zip(found[over], found[name], strict=False))


def tables(found: Mapping[str, Sequence[float]], remarks: Sequence[str] = ()) -> tuple[Sheet, list[Goal]]:
    rows = tuple(
        (name, f"{median(r):,.0f}", f"{min(r):,.0f} to {max(r):,.0f}", number(ratio(found, name), "{:.1f}"))
        for name, r in found.items()
    )
    table = Sheet("Images a second", ("loader", "median", "rounds", "ours is … times as fast"), rows, tuple(remarks))
    return table, [Goal(f"times as fast as {n}", ratio(found, n), b, least=True) for n, b in GOALS.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loader", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="an .npz file with x_train and y_train; random images without")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--script", type=int, default=6_400, help="images of the script in a round; 0: leave it out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", action="store_true", help="print Markdown instead of tables")
    parser.add_argument("--json", type=Path, help="a file for the figures, device, versions and commit")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    x, y = arrays(asked.data, asked.images)
    candidates = {OURS: ours(x, y)}
    if asked.script:
        candidates[SCRIPT] = usual(x, y, asked.script)
    peer = airbench(x, y)
    if peer:
        candidates[AIRBENCH] = peer
    found = rates(candidates, asked.rounds)
    told = importlib.metadata.version("airbench") if peer else "not installed"
    load = f"{os.getloadavg()[0]:.1f}"
    remarks = [f"{processor()}, {asked.threads} threads, load {load}, torch {torch.__version__}, airbench {told}"]
    table, goals = tables(found, remarks)
    console = Console()
    for one in (table, goal_sheet(goals)):
        if asked.markdown:
            print(one.markdown())
        else:
            console.print(one.rich())
    if asked.json:
        about = {
            "device": environment.describe_device(torch.device("cpu")),
            "versions": {**environment.versions(), "airbench": told},
            "commit": environment.commit(),
            "date": environment.now(),
            "load": load,
        }
        figures = {"rates": found, "goals": [{**asdict(g), "met": g.met} for g in goals]}
        asked.json.write_text(json.dumps({"about": about, **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
