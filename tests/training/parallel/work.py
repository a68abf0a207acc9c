"""What two processes do together, and what one does by itself to compare."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tableau2net.errors import InputError
from tableau2net.nn import create_model
from tableau2net.training.parallel import Ranks, joined, synchronised, total_gradients
from tableau2net.training.parallel import join as join_module

Case = tuple[str, dict[str, Any], torch.dtype]
SMALL: dict[str, Any] = {"widths": (4, 8, 16)}
REPEATED: dict[str, Any] = {"solver": "fixed-point", "gradient": "unrolled", "tolerance": 0.0, "iterations": 2}
CASES: dict[str, Case] = {
    "resnet8": ("resnet8", SMALL, torch.float64),
    "resnet14": ("resnet14", SMALL, torch.float64),
    "learnable": ("lm_resnet14", SMALL | {"coefficients": "learnable"}, torch.float64),
    "reversible": ("resnet14", SMALL | {"scheme": "leapfrog-2", "backward": "reversible"}, torch.float64),
    "checkpointed": ("resnet14", SMALL | {"scheme": "rk4", "backward": "checkpoint"}, torch.float64),
    "adjoint": ("resnet8", SMALL | {"scheme": "rk4", "backward": "adjoint"}, torch.float64),
    "dynamic": ("dynamic_rk4_parabolic", SMALL | {"norm": "batch"}, torch.float64),
    "implicit": ("resnet8", SMALL | {"scheme": "backward-euler"} | REPEATED, torch.float64),
    "narrow": ("lm_resnet14", SMALL | {"coefficients": "learnable"}, torch.float32),
}
BATCHES = (10, 10, 10, 10, 10, 7, 1)


def trained(case: Case, ranks: Ranks) -> dict[str, Tensor]:
    """Losses, weights, buffers and gradients after some steps of SGD, the last of them on smaller batches."""
    name, options, dtype = case
    torch.manual_seed(3)
    model = create_model(name, **options).to(dtype).to(memory_format=torch.channels_last)
    images, labels = torch.randn(sum(BATCHES), 3, 12, 12, dtype=dtype), torch.randint(10, (sum(BATCHES),))
    synchronised(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    losses, first = [], 0
    for size in BATCHES:
        batch = slice(first, first + size)
        x, y = images[batch][ranks.share(size)], labels[batch][ranks.share(size)]
        optimiser.zero_grad()
        loss = cross_entropy(model(x), y, reduction="sum") / size
        loss.backward()
        total_gradients(model.parameters(), ranks)
        optimiser.step()
        losses.append(ranks.total(loss.detach().clone()))
        first += size
    gradients = {f"gradient.{key}": p.grad for key, p in model.named_parameters() if p.grad is not None}
    return {"losses": torch.stack(losses), **model.state_dict(), **gradients}


Norm = tuple[nn.Module, tuple[int, ...], torch.dtype, int]  # of channels; their shape; where the batch is divided


def norms() -> dict[str, Norm]:
    """Layers, shapes of batches, and how many images the first process takes."""
    return {
        "even": (nn.BatchNorm2d(3), (10, 3, 5, 4), torch.float64, 5),
        "uneven": (nn.BatchNorm2d(3), (10, 3, 5, 4), torch.float64, 1),
        "empty": (nn.BatchNorm2d(3), (4, 3, 5, 4), torch.float64, 0),
        "far": (nn.BatchNorm2d(3), (8, 3, 5, 4), torch.float32, 3),
        "plain": (nn.BatchNorm2d(3, affine=False, eps=0.1), (8, 3, 5, 4), torch.float64, 3),
        "mean": (nn.BatchNorm2d(3, momentum=None), (8, 3, 5, 4), torch.float64, 3),
        "untracked": (nn.BatchNorm2d(3, track_running_stats=False), (8, 3, 5, 4), torch.float64, 3),
        "flat": (nn.BatchNorm1d(3), (8, 3), torch.float64, 1),
        "sequence": (nn.BatchNorm1d(3), (8, 3, 7), torch.float64, 6),
        "volume": (nn.BatchNorm3d(3), (4, 3, 2, 3, 2), torch.float64, 1),
        "half": (nn.BatchNorm2d(3), (8, 3, 16, 16), torch.bfloat16, 3),
    }


def normalised(name: str, norm: Norm, ranks: Ranks) -> dict[str, Tensor]:
    """What a layer gives in three steps: y and ∂x of the share, in all: ∂weight, ∂bias and statistics."""
    layer, shape, dtype, cut = norm
    layer = layer.to(torch.float32 if dtype == torch.bfloat16 else dtype)
    generator = torch.Generator().manual_seed(len(name))
    own = slice(0, None) if ranks.count == 1 else slice(0, cut) if ranks.first else slice(cut, None)
    for parameter in layer.parameters():
        parameter.data = torch.randn(3, generator=generator, dtype=torch.float64).to(parameter.dtype)
    synchronised(layer)
    found: dict[str, Tensor] = {}
    for step in range(3):
        wide = torch.randn(shape, generator=generator, dtype=torch.float64) * 2 + (1000 if name == "far" else 1)
        weights = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        x = wide.to(dtype)[own].requires_grad_()
        y = layer(x)
        layer.zero_grad()
        (y * weights[own]).sum().backward()
        total_gradients(layer.parameters(), ranks)
        assert x.grad is not None
        found |= {f"y{step}": y.detach(), f"dx{step}": x.grad}
    found |= {f"d{key}": p.grad for key, p in layer.named_parameters() if p.grad is not None}
    return found | {key: value.clone() for key, value in layer.state_dict().items()}


def told(ranks: Ranks) -> dict[str, Any]:
    """What goes from process to process."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    names = list(network.state_dict())
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.fill_(ranks.rank + 1)
    ranks.spread(network)
    synchronised(synchronised(network))
    copies = [copy.deepcopy(network), pickle.loads(pickle.dumps(network))]
    copies[0].load_state_dict(network.state_dict())
    with joined("cpu") as within:
        nested = within
    return {
        "total": ranks.total(torch.arange(3) + ranks.rank).tolist(),
        "gathered": ranks.gathered(torch.tensor([ranks.rank, 255], dtype=torch.uint8)).tolist(),
        "any": [ranks.any(False), ranks.any(ranks.rank == 1), ranks.any(True)],
        "spread": [float(value.double().mean()) for value in network.state_dict().values()],
        "names": list(network.state_dict()) == names,
        "kinds": [type(each[1]).__name__ for each in (network, *copies)],
        "nested": nested == ranks,
        "after": torch.distributed.is_initialized(),
        "agreed": ranks.agreed(lambda: ranks.rank + 10),
        "ahead": ranks.first_ahead(lambda: ranks.rank + 20),
        "unknown": refused(nn.Sequential(nn.BatchNorm2d(2), Another(2))),
        "implicit": refused(create_model("resnet8", scheme="backward-euler")),
        "moving": refused(create_model("dynamic_rk4_parabolic", norm="batch", scheme="backward-euler")),
        "repeated": refused(create_model("resnet8", scheme="backward-euler", **REPEATED)),
    }


class Another(nn.BatchNorm2d):
    """One of somebody else's."""


def refused(network: nn.Module) -> tuple[str, set[str]]:
    """What is said of a network that cannot be synchronised, and the kinds of its layers afterwards."""
    said = ""
    try:
        synchronised(network)
    except InputError as error:
        said = str(error)
    return said, {type(module).__name__ for module in network.modules()}


def fail(kind: str, ranks: Ranks) -> None:
    """Something is wrong: in both, in one while the other waits, in what both await, or it is a bug of ours."""

    def check() -> None:
        if kind in ("both", f"alone-{ranks.rank}", f"agreed-{ranks.rank}", "agreed-both"):
            raise InputError(f"{kind}: of {ranks.rank}")

    if kind.startswith("agreed"):
        ranks.agreed(check)
    else:
        check()
    if kind == "bug" and ranks.rank == 1:
        raise ZeroDivisionError
    ranks.total(torch.zeros(3))


KINDS = ("both", "alone-0", "alone-1", "agreed-0", "agreed-1", "agreed-both", "bug")


def failed(kind: str) -> str:
    """How a process ends."""
    try:
        with joined("cpu") as ranks:
            fail(kind, ranks)
    except (Exception, SystemExit) as end:
        return f"{type(end).__name__}: {end}"
    return "went on"


def work(folder: Path) -> None:
    """All that one of two processes does; what it has found is left in the folder."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    with joined("cpu") as ranks:
        found["told"] = told(ranks)
        found["norms"] = {name: normalised(name, norm, ranks) for name, norm in norms().items()}
        found["trained"] = {name: trained(case, ranks) for name, case in CASES.items()}
    found["left"] = not torch.distributed.is_initialized()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(join_module, "GRACE", 0.1)
        found["failed"] = {kind: failed(kind) for kind in KINDS}
    torch.save(found, folder / f"{ranks.rank}.pt")


def main() -> None:
    """The work, and then an end as the command line has it: what is wrong in one line, and exit status 2."""
    work(Path(sys.argv[1]))
    try:
        with joined("cpu") as ranks:
            fail("alone-1", ranks)
    except InputError as error:
        print(f"tableau2net: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
