"""SkipNet beside its authors' own code, in double precision: scores, decisions, gradients of the supervised stage.

Nothing of that code is here: ``SKIPNET`` names a checkout of github.com/ucbdrive/skipnet. Skipped without it."""

import importlib.util
import os
import warnings
from pathlib import Path

import pytest
import torch

import tableau2net as t2n
from tableau2net.nn.around.gates import gates_of, steps_taken

CHECKOUT = os.environ.get("SKIPNET")
pytestmark = pytest.mark.skipif(not CHECKOUT, reason="SKIPNET names no checkout of github.com/ucbdrive/skipnet")
NAMES = {
    "recurrent": "cifar10_rnn_gate",
    "feedforward": "cifar10_feedforward",
    "feedforward-small": "cifar10_feedforward",
}
LENGTHS = {38: 6, 74: 12, 110: 18}


def theirs(gate, depth):
    spec = importlib.util.spec_from_file_location("skipnet_models", Path(CHECKOUT) / "cifar" / "models.py")
    models = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(models)
    net = getattr(models, f"{NAMES[gate]}_{depth}")().double()
    if gate == "recurrent":  # theirs is on a GPU
        net.control.init_hidden = lambda n: (torch.zeros(1, n, 10).double(), torch.zeros(1, n, 10).double())
    return net


def renamed(net, gate, n):
    """Their parameters and statistics by our names, and the last gate, which they ask and do not heed, left out."""
    found = {}
    for name, value in net.state_dict().items():
        parts = name.split(".")
        if parts[0].startswith("group"):
            g, what = int(parts[0][5]) - 1, parts[0].partition("_")[2]
            kind, i = what.rstrip("0123456789"), int(what.lstrip("abcdefghijklmnopqrstuvwxyz"))
            if kind == "ds":  # the same module as the layer's own
                continue
            if kind == "gate":
                if (g, i) == (2, n - 1):
                    continue
                g, i = (g + 1, 0) if i == n - 1 else (g, i + 1)
                place = f"transitions.{g - 1}.gate" if g and i == 0 else f"blocks.{g}.gates.{i - 1}"
                rest = ".".join(parts[1:])
                if gate == "recurrent":
                    rest = rest.replace("1.", "embed.", 1)
                else:
                    rest = rest.replace("linear_layer", "scores") if "linear" in rest else f"layers.{rest}"
                found[f"{place}.{rest}"] = value
                continue
            place = f"transitions.{g - 1}" if g and i == 0 else f"blocks.{g}.fields.{i - (g > 0)}"
            if parts[1] == "downsample":
                found[f"{place}.project.{'.'.join(parts[2:])}"] = value
            else:
                found[f"{place}{'.field' * (g > 0 and i == 0)}.{'.'.join(parts[1:])}"] = value
        elif parts[0] == "control":
            own = parts[2].removesuffix("_l0") if parts[1] == "rnn" else parts[2]
            found[f"memory.{'cell' if parts[1] == 'rnn' else 'score'}.{own}"] = value
        else:
            found[".".join([{"conv1": "opening", "bn1": "bn", "fc": "head"}[parts[0]], *parts[1:]])] = value
    return found


@pytest.mark.parametrize(
    ("gate", "depth"), [("recurrent", 38), ("recurrent", 74), ("feedforward", 38), ("feedforward-small", 110)]
)
def test_scores_decisions_and_gradients(gate, depth):
    torch.manual_seed(0)
    other = theirs(gate, depth)
    ours = t2n.create_model(f"skipnet{depth}", gate=gate).double()
    shares = {f"{name}.share": each.share for name, each in ours.named_modules() if each in gates_of(ours)}
    ours.load_state_dict(renamed(other, gate, LENGTHS[depth]) | shares)
    x, y = torch.randn(5, 3, 32, 32).double(), torch.randint(10, (5,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores, masks, _ = other(x)
    found = ours(x)
    torch.testing.assert_close(found, scores, rtol=1e-9, atol=1e-10)
    for loss in (torch.nn.functional.cross_entropy(scores, y), torch.nn.functional.cross_entropy(found, y)):
        loss.backward()
    own = dict(ours.named_parameters())
    grads = {id(p): p.grad for p in other.parameters()}
    theirs_by_name = renamed(_Grads(other, grads), gate, LENGTHS[depth])
    for name, p in own.items():
        torch.testing.assert_close(p.grad, theirs_by_name[name], rtol=1e-6, atol=1e-9, msg=name)
    other.eval()
    ours.eval().load_state_dict(renamed(other, gate, LENGTHS[depth]) | shares)  # they call a projection twice a batch
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores, masks, _ = other(x)
        torch.testing.assert_close(ours(x), scores, rtol=1e-9, atol=1e-10)
    assert torch.equal(steps_taken(ours, x), torch.stack([m.reshape(-1) for m in masks]) > 0.5)


class _Grads:
    """A network whose state is that of its gradients."""

    def __init__(self, net, grads):
        self.named = {name: grads[id(p)] for name, p in net.named_parameters(remove_duplicate=False)}

    def state_dict(self):
        return self.named
