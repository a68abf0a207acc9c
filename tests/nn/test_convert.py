"""`convert`: residual networks of other libraries on any scheme, against themselves and written-out steps."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
import torchvision.models as models
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, ResNet

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta

NETWORKS: dict[str, tuple[Any, int, list[int], str]] = {  # make, image size, steps of each run, after the addition
    "resnet18": (models.resnet18, 32, [2, 1, 1, 1], "ReLU"),
    "resnet50": (models.resnet50, 32, [2, 3, 5, 2], "ReLU"),
    "resnext50_32x4d": (models.resnext50_32x4d, 32, [2, 3, 5, 2], "ReLU"),
    "wide_resnet50_2": (models.wide_resnet50_2, 32, [2, 3, 5, 2], "ReLU"),
    "convnext_tiny": (models.convnext_tiny, 32, [3, 3, 9, 3], ""),
    "swin_t": (models.swin_t, 32, [4, 4, 12, 4], ""),
    "mobilenet_v2": (models.mobilenet_v2, 32, [1, 2, 3, 2, 2], ""),
    "vit": (lambda **kw: _vit(3), 32, [6], ""),
}


def _vit(layers: int) -> nn.Module:
    """vit_b_16 in small: the same class, so the same forward."""
    return models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=layers, num_heads=2, hidden_dim=16, mlp_dim=32, dropout=0.1
    )


def _small(seed: int = 0, layers: tuple[int, ...] = (3, 2)) -> ResNet:
    torch.manual_seed(seed)
    return ResNet(BasicBlock, [*layers, *[1] * (4 - len(layers))], num_classes=5).double()


def _both(a: nn.Module, b: nn.Module, x: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    a.train(training), b.train(training)
    torch.manual_seed(1)
    first = a(x)
    torch.manual_seed(1)
    return first, b(x)


@pytest.mark.parametrize("name", NETWORKS)
def test_euler_gives_the_outputs_of_the_network_to_the_bit(name: str) -> None:
    make, size, steps, after = NETWORKS[name]
    torch.manual_seed(0)
    model = make(weights=None)
    before = copy.deepcopy(model.state_dict())
    net = convert(model, "euler")
    assert [run.steps for run in net.conversion.runs] == steps
    assert {run.after for run in net.conversion.runs} == {after}
    assert net.conversion.equal == "are the original's, to the bit"
    x = torch.randn(2, 3, size, size)
    for training in (False, True):
        with torch.no_grad():
            assert torch.equal(*_both(model, net, x, training))
    own = sorted(p.shape for p in model.parameters())
    assert own == sorted(p.shape for p in net.parameters())
    model.load_state_dict(before)  # the original has its modules, under their names


def test_gradients_are_those_of_the_network() -> None:
    model = _small()
    net = convert(model, "euler")
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    for each in (model, net):
        each(x).square().sum().backward()
    expected = model.layer1[2].conv1.weight.grad
    torch.testing.assert_close(net.layer1[0].fields[2].branch.conv1.weight.grad, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(net.conv1.weight.grad, model.conv1.weight.grad, rtol=1e-12, atol=0)


def _branch(block: nn.Module, y: Tensor) -> Tensor:
    return block.bn2(block.conv2(functional.relu(block.bn1(block.conv1(y)))))


def test_each_step_ends_with_the_relu_of_the_network() -> None:
    """Heun's and AdamNet-2's steps written out, the ReLU after each."""
    model = _small().eval()
    y = torch.randn(2, 64, 8, 8, dtype=torch.float64).relu()
    heun, u = convert(model, "heun-euler-21").layer1, y
    for block in model.layer1:
        k1 = _branch(block, u)
        u = functional.relu(u + (k1 + _branch(block, u + k1)) / 2)
    torch.testing.assert_close(heun(y), u, rtol=1e-12, atol=1e-12)

    adams, u, old = convert(model, "adams-bashforth-2", h=0.5).layer1, y, None
    for block in model.layer1:
        k = _branch(block, u)
        u, old = functional.relu(u + 0.5 * (k if old is None else 1.5 * k - 0.5 * old)), k
    torch.testing.assert_close(adams(y), u, rtol=1e-12, atol=1e-12)


def test_a_relu_that_moves_is_part_of_the_field() -> None:
    model = _small().eval()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    net = convert(model, "euler", after="move").eval()
    assert "up to rounding" in net.conversion.equal
    torch.testing.assert_close(net(x), model(x), rtol=1e-10, atol=1e-12)
    y = torch.randn(2, 64, 8, 8, dtype=torch.float64).relu()

    def g(block: nn.Module, u: Tensor) -> Tensor:
        return functional.relu(u + _branch(block, u)) - u

    u = y
    for block in model.layer1:
        u = u + g(block, u + g(block, u) / 2)
    torch.testing.assert_close(convert(model, "explicit-midpoint", after="move").layer1(y), u, rtol=1e-12, atol=1e-12)


def test_lm_trains_its_coefficients_and_the_weights() -> None:
    net = convert(_small(), "lm")
    run = net.conversion.runs[0]
    assert (run.steps, run.startup) == (3, 1)
    assert [left.where for left in net.conversion.left if "too short" in left.why] == ["layer2.1"]  # one step alone
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    before = {name: value.clone() for name, value in net.named_parameters()}
    functional.cross_entropy(net(torch.randn(4, 3, 16, 16).double()), torch.arange(4)).backward()
    optimiser.step()
    assert net.layer1[0].k.dtype == torch.float64
    assert all(not torch.equal(value, before[name]) for name, value in net.named_parameters())


def test_attention_and_mlp_are_two_fields_of_an_additive_scheme() -> None:
    """Lie splitting, x + f(x) then + g, is the encoder layer itself; the additive Euler step is not."""
    zero = [[], [0]]
    lie = AdditiveRungeKutta(parts=(RungeKutta(A=[[], [1]], b=[1, 0]), RungeKutta(A=zero, b=[0, 1])), name="lie")
    model = _vit(3)
    net = convert(model, lie)
    assert [run.steps for run in net.conversion.runs] == [3]
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(*_both(model, net, x, training=True))
    with pytest.raises(InputError, match="blocks of 1 residual sums, and 2 fields"):
        convert(_small(), lie)


def test_half_steps_change_outputs_and_say_so() -> None:
    assert "differ" in convert(_small(), "euler", h=0.5).conversion.equal
    assert "differ" in convert(_small(), "rk4").conversion.equal


def test_stages_with_weights_of_their_own_start_from_copies() -> None:
    model = _small().eval()
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    shared, own = (convert(model, "heun-euler-21", stage_weights=kind) for kind in ("shared", "independent"))
    assert torch.equal(shared(x), own(x))
    count = sum(p.numel() for p in model.layer1.parameters())
    assert sum(p.numel() for p in own.layer1.parameters()) == 2 * count


@pytest.mark.parametrize("options", [{"backward": "checkpoint"}, {"coefficients": "learnable"}])
def test_a_converted_network_is_a_module_like_others(options: dict[str, Any]) -> None:
    net = convert(_small(), "lm", **options).train()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    expected = net.eval()(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), expected, rtol=0, atol=0)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), expected)
    stored = io.BytesIO()
    torch.save(net, stored)
    stored.seek(0)
    assert torch.equal(torch.load(stored, weights_only=False)(x), expected)
    other = convert(_small(seed=5), "lm", **options).eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), expected)
    assert net.to(torch.bfloat16)(x.to(torch.bfloat16)).isfinite().all()


def test_reversible_blocks_of_a_transformer() -> None:
    model = _vit(3).double().train()
    model.requires_grad_(True)
    plain, reversible = (convert(model, "leapfrog-2", backward=way) for way in ("store", "reversible"))
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for net in (plain, reversible):
        torch.manual_seed(3)
        net(x).square().sum().backward()
    for (name, a), b in zip(plain.named_parameters(), reversible.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-9, atol=1e-12, msg=name)


class _Inline(nn.Module):
    """Sums in the forward itself, blocks in a ModuleList called in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block() for _ in range(3))
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.last(x)


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(x + self.a(x))
        return x + 0.1 * self.b(x).view(x.shape[0], -1)


def test_blocks_in_a_list_and_sums_in_a_row() -> None:
    model = _Inline()
    net = convert(model, "euler")
    assert [(r.where, r.last, r.blocks, r.steps) for r in net.conversion.runs] == [("blocks.0", "blocks.2", 3, 6)]
    x = torch.randn(5, 4)
    assert torch.equal(net(x), model(x))
    block = _Block()  # the network is one block
    assert torch.equal(convert(block, "euler")(x), block(x))


class _Modes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.tanh(self.a(x)) if self.training else self.a(x))


class _Overwriting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (models.alexnet(weights=None), "no module of AlexNet returns branch"),
        (nn.Sequential(_Modes()), r"0 \(_Modes\): the calls of its forward depend on self.training"),
        (nn.Sequential(_Overwriting()), "overwrites the state in place"),
    ],
)
def test_where_no_run_is_found_what_was_seen_is_said(model: nn.Module, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(model, "euler")


@pytest.mark.parametrize(
    ("scheme", "options", "said"),
    [
        ("revnet", {}, "a network to convert has one"),
        ("euler", {"after": "drop"}, "write 'keep' or 'move'"),
        ("leapfrog-2", {"backward": "reversible"}, "after='move'"),
        ("abm-2", {}, "after='move'"),
        ("euler", {"step_weights": "shared"}, "weights of their own"),
        ("euler", {"colour": "red"}, "unknown option"),
    ],
)
def test_options_that_do_not_fit(scheme: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(_small(), scheme, **options)


def test_a_frozen_batchnorm_stays_frozen() -> None:
    model = _small().train()
    model.layer1[1].bn1.eval()
    net = convert(model, "euler")
    assert not net.layer1[0].fields[1].branch.bn1.training
    assert net.layer1[0].fields[1].branch.bn2.training


def test_the_report_is_printed() -> None:
    text = str(convert(_small(), "rk4").conversion)
    for said in ("layer1.0 … layer1.2", "3 × BasicBlock", "12", "ReLU", "counts a batch at each", "layer2.0"):
        assert said in text


class _Sized(nn.Module):
    """A block that is called with what the network computes once, and with a constant; a network of such blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor, scale: Tensor, size: tuple[int, int], mask: Tensor | None = None) -> Tensor:
        rows, columns = size
        x = x + scale * self.a(x) * (rows / columns)
        return x + self.b(x)


class _Context(nn.Module):
    def __init__(self, apart: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Sized() for _ in range(4))
        self.apart = apart

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean(1, keepdim=True)
        for n, block in enumerate(self.blocks):
            other = scale + 1 if self.apart and n == 2 else scale
            x = block(x, other, size=(x.shape[0], 4), mask=None)
        return x


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


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ResNet, r"is the class ResNet: make a network of it"),
        (lambda: "resnet50", "give an nn.Module"),
        (lambda: convert(_small(), "euler"), "converted already, to euler"),
        (lambda: torch.compile(_small(), backend="eager"), "convert model._orig_mod"),
        (lambda: nn.DataParallel(_small()), "convert model.module, then wrap"),
        (lambda: torch.jit.script(nn.Linear(2, 2)), "scripted or traced"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_is_no_network_to_convert(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(make(), "euler")


def test_every_weight_is_kept_and_fine_tuning_is_that_of_the_network() -> None:
    """A weight by its value, as the state_dict's keys change; a step of SGD moves both networks alike."""
    model = _small()
    with torch.no_grad():
        for n, p in enumerate(model.parameters()):
            p.add_(n * 1e-3)  # none equal to another's
    net = convert(model, "euler")
    names = {
        name: [k for k, q in net.state_dict().items() if torch.equal(p, q)] for name, p in model.named_parameters()
    }
    assert all(len(found) == 1 for found in names.values())
    assert len({found[0] for found in names.values()}) == len(names)
    x, labels = torch.randn(4, 3, 16, 16, dtype=torch.float64), torch.arange(4)
    for each in (model, net):
        optimiser = torch.optim.SGD(each.parameters(), lr=0.01)
        functional.cross_entropy(each.train()(x), labels).backward()
        optimiser.step()
    kept = net.state_dict()
    for name, p in model.named_parameters():
        torch.testing.assert_close(kept[names[name][0]], p.detach(), rtol=1e-9, atol=1e-12, msg=name)


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


def test_on_the_meta_device() -> None:
    net = convert(_small().to("meta"), "lm")
    assert {p.device.type for p in net.parameters()} == {"meta"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["resnetv2_50", "convnext_atto", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "xcit_nano_12_p16_224",
     "eva02_tiny_patch14_224", "dm_nfnet_f0"],
)  # fmt: skip
def test_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    model = timm.create_model(name, **({"img_size": 32, "depth": 3} if name.startswith("vit") else {}))
    net = convert(model, t2n.load("euler"))
    if name.startswith("eva"):  # the rotary embedding is one buffer for all blocks
        assert [run.blocks for run in net.conversion.runs] == [12]
    size = model.pretrained_cfg["input_size"][-1] if name.startswith(("swin", "eva")) else 32
    with torch.no_grad():
        assert torch.equal(*_both(model, net, torch.randn(2, 3, size, size), training=True))


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
            assert torch.equal(*_both(model, each, x, training))
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
        assert torch.equal(*_both(model, net, x, training))  # with gradients, so no fast path
    assert torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(InputError, match="src_mask was None when the network was converted"):
        net(x, mask=torch.zeros(5, 5))


@pytest.mark.parametrize(
    ("model", "scheme", "h", "said"),
    [
        (None, 3, 1, "scheme is no scheme"),
        (None, "rk4", "0.5", "h='0.5'"),
        (None, "rk4", float("nan"), "h=nan"),
        (None, "rk4", 0, "write a finite number"),
        (nn.ModuleList([_Block()]), "rk4", 1, "has no forward"),
        (nn.Sequential(convert(_Inline(), "rk4")), "lm", 1, "0.blocks.0 of Sequential is a block of a scheme already"),
    ],
)
def test_arguments_that_are_none(model: Any, scheme: Any, h: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        convert(model or _Inline(), scheme, h=h)


class _Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Sized() for _ in range(3))

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


class Halved(nn.Module):
    """A branch whose Jacobian is a multiple of the identity."""

    def __init__(self, slope):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        nn.init.dirac_(self.conv.weight)
        self.slope = slope

    def forward(self, y):
        return y + self.slope * torch.sin(self.conv(y))


def test_implicit_steps_that_do_not_converge_are_refused_at_once():
    """By fixed-point iteration, which converges where h times the slope is below 1."""
    options = {"solver": "fixed-point", "tolerance": 1e-6}
    wild = nn.Sequential(nn.Conv2d(3, 4, 1), Halved(5.0), Halved(5.0))
    before, state = wild.state_dict(), torch.get_rng_state()
    with pytest.raises(
        InputError, match=r"backward-euler: at h = 1 the first step of 1 does not converge .* try a smaller h"
    ):
        t2n.convert(wild, "backward-euler", **options)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, wild.state_dict()[name]) for name, v in before.items())
    net = t2n.convert(wild, "backward-euler", h=0.1, **options)
    assert net.conversion.runs
    assert len(net[1].fields) == 2
    assert net[1].training
    net(torch.randn(1, 3, 5, 5)).sum().backward()


@pytest.mark.slow
def test_a_resnet_50_says_within_seconds_that_backward_euler_does_not_converge():
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"backward-euler: at h = 1 the first step of layer1\.1 does not converge"):
        t2n.convert(models.resnet50(), "backward-euler")
