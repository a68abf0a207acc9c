"""What the forward of a network or of a block may hold: it is read, and the network computes the same."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert
from tests.nn.converted import Sized, SumsInForward, TwoSums, both


def test_blocks_in_a_list_and_sums_in_a_row() -> None:
    model = SumsInForward()
    net = convert(model, "euler")
    assert [(r.where, r.last, r.blocks, r.steps) for r in net.conversion.runs] == [("blocks.0", "blocks.2", 3, 6)]
    x = torch.randn(5, 4)
    assert torch.equal(net(x), model(x))
    block = TwoSums()  # the network is one block
    assert torch.equal(convert(block, "euler")(x), block(x))


class _Context(nn.Module):
    def __init__(self, apart: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Sized() for _ in range(4))
        self.apart = apart

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean(1, keepdim=True)
        for n, block in enumerate(self.blocks):
            other = scale + 1 if self.apart and n == 2 else scale
            x = block(x, other, size=(x.shape[0], 4), mask=None)
        return x


@pytest.mark.slow
def test_blocks_called_with_more_than_the_state() -> None:
    torch.manual_seed(0)
    model = _Context().double()
    x = torch.randn(3, 4, dtype=torch.float64)
    with pytest.raises(InputError, match="a run of 2, too short"):  # the size is asked of each state anew: no run
        convert(model, "adams-bashforth-3")
    model = _Shared().double()
    net = convert(model, "euler")
    assert [(run.blocks, run.steps) for run in net.conversion.runs] == [(4, 8)]
    assert torch.equal(net(x), model(x))
    for scheme, options in [
        ("adams-bashforth-2", {}),
        ("adams-bashforth-2", {"backward": "checkpoint"}),
        ("leapfrog-2", {"backward": "reversible"}),
        ("rk4", {"stage_weights": "independent"}),
    ]:
        net = convert(model, scheme, **options)
        plain = convert(model, scheme, **{k: v for k, v in options.items() if k != "backward"})
        for each in (net, plain):
            each.zero_grad()
            each(x).square().sum().backward()
        for (name, p), q in zip(net.named_parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12, msg=name)
        expected = net(x)
        stored = io.BytesIO()
        torch.save(net, stored)
        stored.seek(0)
        assert torch.equal(torch.load(stored, weights_only=False)(x), expected)
        assert torch.equal(copy.deepcopy(net)(x), expected)
        if "backward" not in options:
            compiled = torch.compile(net, fullgraph=True, backend="eager")
            torch.testing.assert_close(compiled(x), expected, rtol=1e-14, atol=1e-14)  # h in a product of its own
            assert torch.equal(torch.export.export(net, (x,)).module()(x), expected)


class _Shared(_Context):
    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean(1, keepdim=True)
        size = (x.shape[0], 4)
        for block in self.blocks:
            x = block(x, scale, size=size, mask=None)
        return x


def test_adams_bashforth_with_context_is_its_formula() -> None:
    torch.manual_seed(0)
    model = _Shared().double()
    x = torch.randn(3, 4, dtype=torch.float64)
    scale, u, old = x.mean(1, keepdim=True), x, None
    for block in model.blocks:
        for f in (lambda y, a=block.a: scale * a(y) * (3 / 4), block.b):
            k = f(u)
            u, old = u + (k if old is None else 1.5 * k - 0.5 * old), k
    torch.testing.assert_close(convert(model, "adams-bashforth-2")(x), u, rtol=1e-12, atol=1e-12)


def test_a_constant_that_changes_is_an_error() -> None:
    net = convert(_Shared(), "euler")
    with pytest.raises(InputError, match="mask was None when the network was converted"):
        net.blocks[0](torch.ones(3, 4), torch.ones(3, 1), (3, 4), mask=torch.ones(3))


class _Reshaped(nn.Module):
    """As Swin of timm: the second sum is of the state's pixels in a row."""

    def __init__(self, back: bool = True) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 4), nn.LayerNorm((9, 4))
        self.back = back

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x + self.a(x)
        x = x.reshape(n, -1, c)
        x = x + self.b(self.norm(x)).view(x.shape)
        return x.reshape(n, c, h, w) if self.back else x.reshape(n, c, w, h)


def test_a_state_that_is_reshaped_and_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(_Reshaped(), _Reshaped()).double()
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64)
    net = convert(model, "euler")
    assert net.conversion.runs[0].steps == 4
    assert torch.equal(net(x), model(x))
    u, old = x, None
    for m in model:
        for f in (m.a, lambda y, m=m: m.b(m.norm(y.reshape(2, 9, 4))).reshape(y.shape)):
            k = f(u)
            u, old = u + (k if old is None else 1.5 * k - 0.5 * old), k
    torch.testing.assert_close(convert(model, "adams-bashforth-2")(x), u, rtol=1e-12, atol=1e-12)
    with pytest.raises(InputError, match="the state changes its shape inside"):
        convert(nn.Sequential(_Reshaped(back=False)), "euler")


class _Scaled(nn.Module):
    """Calls in place whose results nobody takes, as in NFNet; a reshape by the size of an intermediate."""

    def __init__(self, written: bool = False) -> None:
        super().__init__()
        self.a, self.written = nn.Conv2d(4, 4, 1), written

    def forward(self, x: Tensor) -> Tensor:
        out = self.a(x)
        out.mul_(0.5)
        functional.relu(out, True)
        small = functional.avg_pool2d(out, 2)
        out = out + small.sum() / small.shape[-1]
        if self.written:
            out[:, 0].mul_(2)
        return x + out


def test_what_is_done_in_place_is_done() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(_Scaled(), _Scaled())
    x = torch.randn(2, 4, 4, 4)
    assert torch.equal(convert(model, "euler")(x), model(x))
    with pytest.raises(InputError, match="writes into a part of a tensor in place"):
        convert(nn.Sequential(_Scaled(written=True)), "euler")


class _LayerScaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.gamma = nn.Linear(4, 4), nn.Parameter(torch.full((4,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * self.a(x)


@pytest.mark.parametrize("scheme", ["euler", "lm", "leapfrog-2"])
def test_autocast_of_a_state_that_becomes_wider(scheme: str) -> None:
    net = convert(nn.Sequential(nn.Linear(4, 4), *(_LayerScaled() for _ in range(3))), scheme)
    with torch.autocast("cpu", torch.bfloat16):
        found = net(torch.randn(2, 4))
    assert found.dtype == torch.float32
    found.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


_asserted: dict[str, Any] = {}  # not written here, since pytest rewrites assertions
exec("def check(n):\n    assert n <= 100 and n > 0, f'{n} are too many'", _asserted)


class _Dropping(nn.Module):
    """A block that hands its mode on, and writes a difference; in a network that asserts and reads a block's width."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.width = width
        self.a = nn.Linear(width, width)

    def forward(self, x: Tensor, *others: Tensor, **named: Tensor) -> Tensor:
        if x.shape[-1] != self.width or x.dim() != 2:
            raise ValueError(f"not of width {self.width}")
        kept = functional.dropout(self.a(x, *others, **named), 0.5 if self.training else 0.1, training=self.training)
        return (x - kept) / 1.5


class _Asserting(nn.Module):
    def __init__(self, block: Any = _Dropping) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        rows, _ = x.size()
        _asserted["check"](rows)
        x = x[:, : self.blocks[0].width * self.blocks[3].a.in_features]
        for block in self.blocks:
            x = block(x)
        return x


def test_blocks_that_ask_for_their_mode_and_networks_that_assert() -> None:
    torch.manual_seed(0)
    model = _Asserting()
    net = convert(model, "euler")
    assert [run.steps for run in net.conversion.runs] == [4]
    x = torch.randn(6, 4)
    stored = io.BytesIO()
    torch.save(net.eval(), stored)
    stored.seek(0)
    loaded = torch.load(stored, weights_only=False)
    for each in (net, copy.deepcopy(net), loaded, torch.compile(net, backend="eager", fullgraph=True)):
        for training in (True, False, True):
            assert torch.equal(*both(model, each, x, training))
    assert list(net.state_dict()) == [f"blocks.0.fields.{i}.branch.a.{n}" for i in range(4) for n in ("weight", "bias")]
    model.blocks[1].eval()  # frozen by itself
    frozen = convert(model, "euler")
    torch.manual_seed(4)
    expected = model(x)
    torch.manual_seed(4)
    assert torch.equal(frozen(x), expected)
    y, net = x, convert(model.eval(), "heun-euler-21")
    for block in model.blocks:
        k = -block.a(y)
        y = (y + (k - block.a(y + k)) / 2) / 1.5
    torch.testing.assert_close(net(x), y)


class _Untold(_Asserting):
    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, x)
        return x


class _Deciding(_Dropping):
    def forward(self, x: Tensor) -> Tensor:
        return x + (self.a(x) if x.sum() > 0 else 2 * self.a(x))


def test_a_condition_that_is_no_assertion_is_not_decided() -> None:
    with pytest.raises(InputError, match="cannot be traced"):
        convert(_Asserting(_Deciding), "euler")
    with pytest.raises(InputError, match="more than the arguments that its forward names, in others"):
        convert(_Untold(), "euler")


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_transformer_of_torch(norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    model = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    net = convert(model, "euler")
    assert [run.steps for run in net.conversion.runs] == [6]
    assert "fast path" in net.conversion.equal
    x = torch.randn(2, 5, 8)
    for training in (True, False):
        assert torch.equal(*both(model, net, x, training))  # with gradients, so no fast path
    assert torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(InputError, match="src_mask was None when the network was converted"):
        net(x, mask=torch.zeros(5, 5))


class _Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Sized() for _ in range(3))

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, scale, (1, 4))
        return x


class _Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, scale=x.mean(1, keepdim=True))


def test_an_optional_argument_is_read_as_the_network_gives_it() -> None:
    torch.manual_seed(0)
    model = _Outer()
    net = convert(model, "euler")
    assert [run.steps for run in net.conversion.runs] == [6]
    x = torch.randn(3, 4)
    assert torch.equal(net(x), model(x))
