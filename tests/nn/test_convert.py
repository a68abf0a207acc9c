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

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.conversion import convert
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta
from tests.nn.converted import both, small, vit

NETWORKS: dict[str, tuple[Any, int, list[int], str]] = {  # make, image size, steps of each run, after the addition
    "resnet18": (models.resnet18, 32, [2, 1, 1, 1], "ReLU"),
    "resnet50": (models.resnet50, 32, [2, 3, 5, 2], "ReLU"),
    "resnext50_32x4d": (models.resnext50_32x4d, 32, [2, 3, 5, 2], "ReLU"),
    "wide_resnet50_2": (models.wide_resnet50_2, 32, [2, 3, 5, 2], "ReLU"),
    "convnext_tiny": (models.convnext_tiny, 32, [3, 3, 9, 3], ""),
    "swin_t": (models.swin_t, 32, [4, 4, 12, 4], ""),
    "mobilenet_v2": (models.mobilenet_v2, 32, [1, 2, 3, 2, 2], ""),
    "vit": (lambda **kw: vit(3), 32, [6], ""),
}


# resnet50's blocks, in groups or wider; vit's; mobilenet_v2 is converted in test_converted_names.py too
ALIKE = ("resnext50_32x4d", "wide_resnet50_2", "swin_t", "mobilenet_v2")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in ALIKE else name for name in NETWORKS]
)
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
            assert torch.equal(*both(model, net, x, training))
    own = sorted(p.shape for p in model.parameters())
    assert own == sorted(p.shape for p in net.parameters())
    model.load_state_dict(before)  # the original has its modules, under their names


def test_gradients_are_those_of_the_network() -> None:
    model = small()
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
    model = small().eval()
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
    model = small().eval()
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
    net = convert(small(), "lm")
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
    model = vit(3)
    net = convert(model, lie)
    assert [run.steps for run in net.conversion.runs] == [3]
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(*both(model, net, x, training=True))
    with pytest.raises(InputError, match="blocks of 1 residual sums, and 2 fields"):
        convert(small(), lie)


def test_half_steps_change_outputs_and_say_so() -> None:
    assert "differ" in convert(small(), "euler", h=0.5).conversion.equal
    assert "differ" in convert(small(), "rk4").conversion.equal


def test_stages_with_weights_of_their_own_start_from_copies() -> None:
    model = small().eval()
    x = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    shared, own = (convert(model, "heun-euler-21", stage_weights=kind) for kind in ("shared", "independent"))
    assert torch.equal(shared(x), own(x))
    count = sum(p.numel() for p in model.layer1.parameters())
    assert sum(p.numel() for p in own.layer1.parameters()) == 2 * count


@pytest.mark.parametrize(
    "options", [{"backward": "checkpoint"}, pytest.param({"coefficients": "learnable"}, marks=pytest.mark.slow)]
)
def test_a_converted_network_is_a_module_like_others(options: dict[str, Any]) -> None:
    net = convert(small(), "lm", **options).train()
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    expected = net.eval()(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), expected, rtol=0, atol=0)
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="eager")(x), expected)
    stored = io.BytesIO()
    torch.save(net, stored)
    stored.seek(0)
    assert torch.equal(torch.load(stored, weights_only=False)(x), expected)
    other = convert(small(seed=5), "lm", **options).eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), expected)
    assert net.to(torch.bfloat16)(x.to(torch.bfloat16)).isfinite().all()


def test_reversible_blocks_of_a_transformer() -> None:
    model = vit(3).double().train()
    model.requires_grad_(True)
    plain, reversible = (convert(model, "leapfrog-2", backward=way) for way in ("store", "reversible"))
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    for net in (plain, reversible):
        torch.manual_seed(3)
        net(x).square().sum().backward()
    for (name, a), b in zip(plain.named_parameters(), reversible.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-9, atol=1e-12, msg=name)


def test_a_frozen_batchnorm_stays_frozen() -> None:
    model = small().train()
    model.layer1[1].bn1.eval()
    net = convert(model, "euler")
    assert not net.layer1[0].fields[1].branch.bn1.training
    assert net.layer1[0].fields[1].branch.bn2.training


def test_the_report_is_printed() -> None:
    text = str(convert(small(), "rk4").conversion)
    for said in ("layer1.0 … layer1.2", "3 × BasicBlock", "12", "ReLU", "statistics of each evaluation", "layer2.0"):
        assert said in text


def test_every_weight_is_kept_and_fine_tuning_is_that_of_the_network() -> None:
    """A weight by its value, as the state_dict's keys change; a step of SGD moves both networks alike."""
    model = small()
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


def test_on_the_meta_device() -> None:
    net = convert(small().to("meta"), "lm")
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
        assert torch.equal(*both(model, net, torch.randn(2, 3, size, size), training=True))
