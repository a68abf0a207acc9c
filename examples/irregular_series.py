"""Series of which half the observations are lost at random: told apart by GRU-ODE-Bayes, ODE-RNN and a decaying GRU,
beside torch's LSTM and GRU, which are fed the times as features; and filled in by a Latent ODE.

`--help` says what can be asked for.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.data.ts_files import LabelledSeries, load_series
from tableau2net.errors import InputError
from tableau2net.nn import ODERNN, Decay, GRUField, GRUJump, GRUODEBayes, Jumping, LatentODE, Observed

SETS = ("JapaneseVowels", "BasicMotions", "GunPoint")


def observed(part: LabelledSeries, mean: np.ndarray, deviation: np.ndarray, unit: float) -> Observed:
    """The series of a part, normalised, their times in [0, 1]."""
    return Observed.gathered([t / unit for t in part.times], [(x - mean) / deviation for x in part.values])


def prepared(name: str, folder: str | None) -> tuple[list[Observed], list[Tensor], int]:
    """To train and to test on: observations, labels, and how many classes there are."""
    parts = load_series(name, folder)
    seen = np.concatenate(parts[0].values)
    mean, deviation = np.nanmean(seen, 0), np.nanstd(seen, 0)
    unit = max(float(t[-1]) for t in parts[0].times)
    labels = [torch.from_numpy(part.labels) for part in parts]
    return [observed(part, mean, deviation, unit) for part in parts], labels, len(parts[0].classes)


def thinned(seen: Observed, share: float, seed: int) -> tuple[Observed, Observed]:
    """Observations of which only a share is left, drawn for each member, and the others."""
    kept = torch.rand(seen.times.shape, generator=torch.Generator().manual_seed(seed)) < share
    return seen.where(kept), seen.where(~kept)


class TorchRNN(nn.Module):
    """torch's LSTM or GRU of the observations that are left, their times and the gaps before them as features."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU], features: int, hidden: int) -> None:
        super().__init__()
        self.net = kind(features + 2, hidden, batch_first=True)

    def forward(self, seen: Observed) -> Tensor:
        rows = [seen.present[i].nonzero()[:, 0] for i in range(len(seen))]
        told = []
        for i, own in enumerate(rows):
            t = seen.times[i, own].float()
            gaps = torch.diff(t, prepend=t[:1])
            row = torch.cat((seen.values[i, own], t[:, None], gaps[:, None]), 1)
            told.append(row if len(own) else row.new_zeros(1, row.shape[1]))
        packed = nn.utils.rnn.pack_sequence(told, enforce_sorted=False)
        last = self.net(packed)[1]
        return (last[0] if isinstance(last, tuple) else last)[0]


class Decaying(nn.Module):
    """A GRU whose state decays between observations."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.jumping, self.hidden = Jumping(Decay(hidden), GRUJump(features, hidden)), hidden

    def forward(self, seen: Observed) -> Tensor:
        return self.jumping(seen, torch.zeros(len(seen), self.hidden)).last


class Filter(GRUODEBayes):
    """GRU-ODE-Bayes that hands on its last state, and keeps what its path says of the observations."""

    def forward(self, seen: Observed) -> Tensor:
        path = self.path(seen)
        losses = self.losses(seen, path)
        self.told = (losses.before + 1e-4 * losses.behind).sum() / seen.mask.sum()
        return path.last


MODELS = {
    "torch LSTM, times as features": lambda d, h: TorchRNN(nn.LSTM, d, h),
    "torch GRU, times as features": lambda d, h: TorchRNN(nn.GRU, d, h),
    "GRU, decay between": Decaying,
    "ODE-RNN, euler": lambda d, h: ODERNN(d, h, "euler", units=h, steps=1),
    "ODE-RNN, rk4": lambda d, h: ODERNN(d, h, "rk4", units=h, steps=1),
    "ODE-RNN, GRU field, euler": lambda d, h: ODERNN(d, h, "euler", field=GRUField(h), steps=1),
    "GRU-ODE-Bayes, euler": lambda d, h: Filter(d, h, "euler", read_width=h, prepare_width=4, steps=1),
}


class Classifier(nn.Module):
    """A linear head on the last state of a network."""

    def __init__(self, name: str, features: int, classes: int, hidden: int) -> None:
        super().__init__()
        self.net, self.head = MODELS[name](features, hidden), nn.Linear(hidden, classes)

    def forward(self, seen: Observed) -> Tensor:
        return self.head(self.net(seen))


def of_size(name: str, features: int, classes: int, parameters: int) -> Classifier:
    """The widest classifier of no more than so many parameters."""
    hidden, seed = 1, torch.initial_seed()
    while sum(p.numel() for p in Classifier(name, features, classes, hidden + 1).parameters()) <= parameters:
        hidden += 1
    torch.manual_seed(seed)
    return Classifier(name, features, classes, hidden)


def trained(net: nn.Module, updates: int, loss: Callable[[int], Tensor], rate: float = 1e-2) -> None:
    """By Adam, gradients at most 1 long, the rate falling to 0 along a cosine."""
    optimiser = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    for n in range(updates):
        optimiser.zero_grad()
        loss(n).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()


def spread(found: list[float]) -> str:
    return f"{statistics.mean(found):.1f} ± {statistics.stdev(found) if len(found) > 1 else 0:.1f}"


def classify(name: str, folder: str | None, share: float, seeds: int, updates: int, parameters: int) -> None:
    (train, test), (labels, wanted), classes = prepared(name, folder)
    features = train.values.shape[2]
    print(f"{name}: {len(train)} series to train on, {len(test)} to test on, {features} features, {share:.0%} kept")
    for model in MODELS:
        errors, begun = [], time.process_time()
        for seed in range(seeds):
            torch.manual_seed(seed)
            net = of_size(model, features, classes, parameters)
            seen = thinned(train, share, 2 * seed)[0]

            def loss(n: int, net: Classifier = net, seen: Observed = seen) -> Tensor:
                members = torch.randint(len(seen), (min(64, len(seen)),))
                wrong = functional.cross_entropy(net(seen[members]), labels[members])
                return wrong + 0.1 * getattr(net.net, "told", 0.0)  # of what GRU-ODE-Bayes expects of observations

            trained(net, updates, loss)
            with torch.no_grad():
                told = net.eval()(thinned(test, share, 2 * seed + 1)[0]).argmax(1)
            errors.append(100 * (told != wanted).float().mean().item())
        count, took = sum(p.numel() for p in net.parameters()), (time.process_time() - begun) / seeds
        print(f"  {model}: {count} parameters, test error {spread(errors)} %, {took:.0f} s", flush=True)


def straight(seen: Observed, at: Tensor) -> Tensor:
    """Straight lines between neighbouring observations, the nearest one's value beyond the ends, member by member."""
    found = []
    for i in range(len(seen)):
        own = seen.present[i]
        t, x = seen.times[i, own].numpy(), seen.values[i, own].numpy()
        lines = [np.interp(at.numpy(), t, x[:, d]) if len(t) else np.zeros(len(at)) for d in range(x.shape[1])]
        found.append(torch.from_numpy(np.stack(lines, 1)).float())
    return torch.stack(found)


def fill_in(name: str, folder: str | None, share: float, seeds: int, updates: int) -> None:
    """What was not seen, by a Latent ODE that was trained on whole series, and by straight lines."""
    (train, test), _, _ = prepared(name, folder)
    features, errors = train.values.shape[2], {"Latent ODE": [], "straight lines": [], "the mean": []}
    for seed in range(seeds):
        torch.manual_seed(seed)
        net = LatentODE(features, 8, 24, "rk4", units=32, noise=0.1, steps=1)

        def loss(n: int, net: LatentODE = net, seed: int = seed) -> Tensor:
            seen, _ = thinned(train, share, 10_000 * seed + n)
            bound = net.elbo(seen, train, kl_weight=min(1.0, 2 * n / updates))
            return -bound.mean() / train.mask[0].sum()

        trained(net, updates, loss)
        seen, hidden = thinned(test, share, seed + 1)
        at = test.times[0]
        with torch.no_grad():
            told = {"Latent ODE": net(seen, at), "straight lines": straight(seen, at)}
        for way, found in {**told, "the mean": torch.zeros_like(test.values)}.items():
            errors[way].append(100 * (found - hidden.values)[hidden.mask].square().mean().item())
    print(f"{name}, {share:.0%} of the observations kept, squared error at the others:")
    for way, found in errors.items():
        print(f"  {way}: {spread(found)} % of the variance", flush=True)


def main(
    folder: str | None = None,
    sets: tuple[str, ...] = SETS,
    seeds: int = 3,
    updates: int = 200,
    parameters: int = 4000,
    filled: str = "GunPoint",
    fillings: int = 200,
) -> None:
    for name in sets:
        classify(name, folder, 0.5, seeds, updates, parameters)
    fill_in(filled, folder, 0.1, seeds, fillings)


def asked(given: list[str] | None = None) -> None:
    """What the command line asks for; a line where it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="of .ts files; by itself that of the installed package aeon")
    folder = parser.parse_args(given).folder
    try:
        for name in SETS:  # all of them, before the first is trained on
            load_series(name, folder)
        main(folder)
    except InputError as error:
        parser.error(str(error))


if __name__ == "__main__":
    asked()
