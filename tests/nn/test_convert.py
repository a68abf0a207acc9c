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


class _Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.dropout(self.a(x), 0.5, self.training)


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
        (nn.Sequential(_Dropping()), r"0 \(_Dropping\): its forward depends on self.training"),
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
        ("leapfrog-2", {"backward": "reversible"}, "write 'move'"),
        ("abm-2", {}, "write 'move'"),
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


@pytest.mark.parametrize("name", ["resnetv2_50", "convnext_atto", "vit_tiny_patch16_224"])
def test_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    model = timm.create_model(name, **({"img_size": 32, "depth": 3} if name.startswith("vit") else {}))
    net = convert(model, t2n.load("euler"))
    with torch.no_grad():
        assert torch.equal(*_both(model, net, torch.randn(2, 3, 32, 32), training=True))
