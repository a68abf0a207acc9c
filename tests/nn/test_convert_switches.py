"""What a block switches around its calls (gradients, autocast, a default dtype): it stays, or it is refused."""

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tests.nn.surrounded import Plain, network, outcome


class NoGrad(Plain):
    def forward(self, y):
        with torch.no_grad():
            inner = self.one(y)
        return y + self.two(torch.relu(inner))


class SumWithoutGradient(Plain):
    def forward(self, y):
        branch = self.two(torch.relu(self.one(y)))
        with torch.no_grad():
            return y + branch


class Decorated(Plain):
    @torch.no_grad()
    def forward(self, y):
        return super().forward(y)


class SetGrad(Plain):
    """A graph of calls that is the same in train and in eval mode."""

    def forward(self, y):
        with torch.set_grad_enabled(self.training):
            inner = self.one(y)
        return y + self.two(torch.relu(inner))


class LeftSwitched(Plain):
    def forward(self, y):
        new = super().forward(y)
        torch.set_grad_enabled(False)
        return new


class Autocast(Plain):
    def forward(self, y):
        with torch.autocast("cpu", torch.bfloat16):
            inner = self.one(y)
        return y + self.two(torch.relu(inner.float()))


class OtherAutocast(Plain):
    def forward(self, y):
        with torch.autocast("cpu", torch.float16):
            inner = self.one(y)
        return y + self.two(torch.relu(inner.float()))


class Inference(Plain):
    def forward(self, y):
        with torch.inference_mode():
            inner = self.one(y)
        return y + self.two(torch.relu(inner.clone()))


class DefaultDtype(Plain):
    def forward(self, y):
        torch.set_default_dtype(torch.float64)
        inner = self.one(y)
        torch.set_default_dtype(torch.float32)
        return y + self.two(torch.relu(inner))


class DefaultDevice(Plain):
    def forward(self, y):
        with torch.device("meta"):
            inner = self.one(y)
        return y + self.two(torch.relu(inner))


SWITCHES = {
    NoGrad: "no_grad",
    SumWithoutGradient: "no_grad",
    Decorated: "no_grad",
    SetGrad: "no_grad",
    LeftSwitched: "no_grad",
    Autocast: "autocast",
    OtherAutocast: "autocast",
    Inference: "inference_mode",
    DefaultDtype: "the default dtype",
    DefaultDevice: "the default device",
}


@pytest.mark.parametrize("kind", SWITCHES)
def test_a_block_that_switches_something_stays_with_the_reason(kind):
    net, y = network(kind), torch.randn(3, 4)
    try:
        converted = t2n.convert(net, "euler")
        assert torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float32
        for training in (True, False):
            if kind is LeftSwitched:
                continue  # what comes behind it has no gradient at all
            results = outcome(net.train(training), y), outcome(converted.train(training), y)
            assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
    assert [run.blocks for run in converted.conversion.runs] == [2]
    reasons = {left.why for left in converted.conversion.left if left.kind == kind.__name__}
    (reason,) = reasons
    assert reason.startswith("its forward switches ")
    assert SWITCHES[kind] in reason


def test_alone_it_is_refused_in_a_line():
    with pytest.raises(t2n.InputError, match=r"Autocast.*its forward switches autocast, and a step would not"):
        t2n.convert(Autocast(), "euler")


@pytest.mark.parametrize("start", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_what_is_switched_around_the_conversion_is_no_switch(start):
    with start():
        converted = t2n.convert(network(Plain), "euler")
        assert torch.is_grad_enabled() == (start is torch.enable_grad)
    assert [run.blocks for run in converted.conversion.runs] == [4]


class Frozen(nn.Module):
    """A network whose first blocks are called without gradients."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Plain() for _ in range(4))

    def forward(self, y):
        with torch.no_grad():
            y = self.blocks[1](self.blocks[0](y))
        return self.blocks[3](self.blocks[2](y))


def test_a_run_ends_where_its_caller_switches():
    torch.manual_seed(0)
    net, y = Frozen(), torch.randn(3, 4)
    converted = t2n.convert(net, "euler")
    assert [run.blocks for run in converted.conversion.runs] == [2, 2]
    converted(y).sum().backward()
    net(y).sum().backward()
    own = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    grads = [p.grad for p in converted.parameters() if p.grad is not None]
    assert len(grads) == len(own) == 8
    assert all(torch.equal(a, b) for a, b in zip(grads, own.values(), strict=True))
