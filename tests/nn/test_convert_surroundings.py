"""What a block does beside its calls (hooks, weights that are made, chance, changes of itself): it is kept, or
the block stays with the reason. Sources: torch's documentation of these switches; values are the original network's."""

import functools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, weight_norm
from torch.nn.utils.parametrizations import orthogonal

import tableau2net as t2n
from tests.nn.surrounded import Plain, network, outcome


def hooks(block):
    return {
        "forward": block.register_forward_hook,
        "forward pre": block.register_forward_pre_hook,
        "backward": block.register_full_backward_hook,
        "backward pre": block.register_full_backward_pre_hook,
    }


@pytest.mark.parametrize("which", hooks(nn.Identity()))
def test_a_block_with_hooks_stays_with_the_reason(which):
    net, seen = network(Plain), []
    hooks(net[2])[which](lambda *arguments: seen.append(which))
    converted = t2n.convert(net, "euler")
    kind = which.partition(" ")[0]
    assert [left.why for left in converted.conversion.left] == [f"has {kind} hooks, which would be lost"]
    converted(torch.randn(3, 4)).sum().backward()
    assert seen == [which]


@pytest.mark.parametrize("which", hooks(nn.Identity()))
def test_hooks_inside_a_branch_and_around_the_blocks_are_kept(which):
    net, seen = nn.Sequential(network(Plain)), []
    for module in (net[0], net[0][2].one):
        hooks(module)[which](lambda *arguments: seen.append(which))
    converted = t2n.convert(net, "euler")
    assert [run.blocks for run in converted.conversion.runs] == [4]
    converted(torch.randn(3, 4).requires_grad_()).sum().backward()
    assert len(seen) == 2


def test_a_forward_of_the_object_or_a_call_of_the_class_is_not_passed_by():
    class Called(Plain):
        def __call__(self, y):
            return 2 * super().__call__(y)

    net, y = network(Called), torch.randn(3, 4)
    net[2].forward = functools.partial(lambda block, y: -Plain.forward(block, y), net[2])
    converted = t2n.convert(net, "euler")
    assert torch.equal(converted(y), net(y))
    assert {left.why for left in converted.conversion.left} == {"its call is not the forward of its class"}


# Weights that are made of others


class ByFunction(Plain):
    """Reads the weight of a layer itself."""

    def forward(self, y):
        return y + functional.linear(self.one(y), self.two.weight)


def parametrized(net, how):
    for module in list(net.modules()):
        if isinstance(module, nn.Linear):
            how(module)
    return net


WAYS = {
    "weight_norm": weight_norm,
    "parametrizations.weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": orthogonal,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("options", [{}, {"scheme": "rk4", "stage_weights": "independent"}])
@pytest.mark.parametrize("way", WAYS)
def test_weights_that_are_made_of_others(way, options):
    net, y = parametrized(network(Plain), WAYS[way]).eval(), torch.randn(3, 4)
    converted = t2n.convert(net, **{"scheme": "euler", **options})
    assert [run.blocks for run in converted.conversion.runs] == [4]
    if not options:
        for a, b in zip(outcome(net, y), outcome(converted, y), strict=True):
            torch.testing.assert_close(a, b)
    before = converted(y)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(2)  # nothing is shared
    assert torch.equal(converted(y), before)
    converted(y).sum().backward()
    assert all(p.grad is not None for p in converted.parameters())


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("way", WAYS)
def test_a_forward_that_reads_a_made_weight_itself(way):
    """A parametrization makes it then and there; a hook makes it where its layer is called, and not here."""
    net, y = parametrized(network(ByFunction), WAYS[way]).eval(), torch.randn(3, 4)
    converted = t2n.convert(net, "euler")
    for a, b in zip(outcome(net, y)[:2], outcome(converted, y)[:2], strict=True):
        torch.testing.assert_close(a, b)
    hook = way == "weight_norm"
    assert [run.blocks for run in converted.conversion.runs] == [2 if hook else 4]
    assert [left.why for left in converted.conversion.left] == [
        "reads two.weight, which is made anew whenever two is called"
    ] * (2 * hook)


def changing(change):
    """A block whose forward does one thing more, given the block and its state."""

    class Changing(Plain):
        def __init__(self):
            super().__init__()
            self.calls, self.log = 0, []
            self.register_buffer("seen", torch.zeros(4))

        def forward(self, y):
            change(self, y)
            return y + self.two(torch.relu(self.one(y))) * self.scale()

        def scale(self):
            return 1 + 0.1 * (self.seen + self.calls + len(self.log))

    return Changing


def counted(block, y):
    block.calls += 1


def logged(block, y):
    block.log.append(1)


def added(block, y):
    block.seen += 1


def assigned(block, y):
    block.seen = block.seen + 1


def averaged(block, y):
    block.seen.copy_(y.mean(0).detach())


def in_part(block, y):
    block.seen[1:].add_(1)


def on_a_child(block, y):
    block.one.last = y


@pytest.mark.parametrize("change", [counted, logged, added, assigned, averaged, in_part, on_a_child])
def test_a_block_that_changes_itself_stays_and_is_not_changed_by_looking(change):
    torch.manual_seed(0)
    net = nn.Sequential(Plain(), Plain(), changing(change)(), changing(change)())
    x = torch.randn(3, 4)
    found = t2n.convert(net, "euler")
    assert [run.where for run in found.conversion.runs] == ["0"]
    assert all(
        any(word in left.why for word in ("sets", "overwrites", "writes into a part")) for left in found.conversion.left
    )
    for _ in range(3):
        assert torch.equal(found(x), net(x))


def test_a_buffer_is_read_when_a_step_is_taken():
    class Scaled(Plain):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.ones(4))

        def forward(self, y):
            size = self.scale.shape[0] // self.scale.numel()
            return y + size * self.two(torch.relu(self.one(y))) * torch.sigmoid(2 * self.scale)

    net = nn.Sequential(Scaled(), Scaled())
    found = t2n.convert(net, "euler")
    for buffer in (*net.buffers(), *found.buffers()):
        buffer.fill_(-1.0)
    x = torch.randn(3, 4)
    assert torch.equal(found(x), net(x))


DRAWS = {
    "torch": lambda: torch.rand(()).item(),
    "python": random.random,
    "numpy": lambda: float(np.random.rand()),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_chance_that_python_decides_is_no_constant(draw):
    class Drawn(Plain):
        def forward(self, y):
            return y if draw() < 0.5 else super().forward(y)

    class Noisy(Plain):
        def forward(self, y):
            return y + self.two(torch.relu(self.one(y))) * draw()

    for block in (Drawn, Noisy):
        net, state = nn.Sequential(block(), block()), torch.get_rng_state()
        with pytest.raises(t2n.InputError, match="draws numbers as it runs"):
            t2n.convert(net, "euler")
        assert torch.equal(torch.get_rng_state(), state)


def test_a_block_that_asks_for_gradients_stays():
    class Asking(Plain):
        def forward(self, y):
            return y + (self.one(y) if torch.is_grad_enabled() else self.two(y))

    with pytest.raises(t2n.InputError, match="whether gradients are kept"):
        t2n.convert(nn.Sequential(Asking(), Asking()), "euler")


class Whole(nn.Module):
    """A network around a row of blocks, which it calls as a whole and counts."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(*(Plain() for _ in range(4)))

    def forward(self, x):
        return self.blocks(x) / len(self.blocks)


class Sliced(Whole):
    def forward(self, x):
        return self.blocks[1:](x)


class Dropped(Whole):
    """Blocks left out by chance."""

    def forward(self, x):
        for block in self.blocks:
            if not self.training or torch.rand(()) < 0.5:
                x = block(x)
        return x


class Either(Whole):
    def forward(self, x):
        return self.blocks[:2](x) if x.sum() > 0 else self.blocks[2:](x)


@pytest.mark.parametrize("kind", [Whole, Sliced, Dropped, Either])
@pytest.mark.parametrize("training", [True, False])
def test_a_row_of_blocks_that_may_be_called_in_parts(kind, training):
    torch.manual_seed(0)
    net = kind().train(training)
    found = t2n.convert(net, "euler")
    for sign in (1, -1):
        x = sign * torch.rand(3, 4)
        outputs = []
        for each in (net, found):
            torch.manual_seed(1)
            outputs.append(each(x))
        assert torch.equal(*outputs)
