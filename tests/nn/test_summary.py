"""`summary`: counts and measures of a network, against counts by hand and closed forms."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.resnet import BasicBlock, ResNet

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.multigrid import Plan
from tableau2net.multigrid.critical_path import modelled_speed
from tableau2net.nn.conversion import convert
from tableau2net.nn.overview import summary
from tableau2net.nn.overview.layer_model import LayerModel
from tableau2net.nn.overview.summarise import layer_warnings


def _net(scheme: str = "euler", **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return t2n.create_model("resnet20", scheme=scheme, **options)


def test_the_counts_of_a_residual_network() -> None:
    """A field of the first block: two 3×3 convolutions of 16 channels, two BatchNorms, on 32×32."""
    net = _net()
    before = copy.deepcopy(net.state_dict())
    found = summary(net)
    first = found.blocks[0]
    field = 2 * 9 * 16 * 16 + 2 * 2 * 16
    assert (first.where, first.scheme, first.order, first.nominal) == ("blocks.0", "euler", 1, False)
    assert (first.steps, first.h, first.evaluations, first.startup) == (3, 1.0, 3, 0)
    assert first.parameters == 3 * field
    assert first.flops == 3 * 2 * (2 * 9 * 16 * 16) * 32 * 32
    assert found.parameters == sum(p.numel() for p in net.parameters())
    state = 16 * 32 * 32 * 4
    # a step keeps the state, the two activations and what lies between the convolutions; statistics are a few numbers
    assert first.saved_bytes["store"] == pytest.approx(3 * 4 * state, rel=0.01)
    assert first.saved_bytes["checkpoint"] == pytest.approx(3 * state, rel=0.01)
    assert set(first.saved_bytes) == {"store", "checkpoint"}
    assert first.receptive_field == (15, 15)  # the opening and six convolutions of 3×3
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_reversible_block_keeps_its_last_states() -> None:
    second = summary(_net("leapfrog-2", backward="reversible")).blocks[1]
    assert second.saved_bytes["reversible"] == pytest.approx(2 * 32 * 16 * 16 * 4, rel=0.01)
    assert second.backward == "reversible"
    assert any("no damped mode is stable" in text for text in second.warnings)


def test_stages_with_weights_of_their_own_have_a_nominal_order() -> None:
    first = summary(_net("rk4", stage_weights="independent")).blocks[0]
    assert (first.order, first.nominal, first.independent_order, first.evaluations) == (4, True, 1, 12)
    assert not summary(_net("rk4")).blocks[0].nominal


class _Linear(nn.Module):
    """y ↦ A y with A of known singular values."""

    def __init__(self, largest: float) -> None:
        super().__init__()
        left, right = (torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0] for _ in range(2))
        self.A = nn.Parameter(left @ torch.diag(torch.tensor([largest, 0.3, 0.2, 0.1, 0.0, 0.0]).double()) @ right)

    def forward(self, y: Tensor) -> Tensor:
        return y @ self.A.T


@pytest.mark.parametrize(
    ("scheme", "largest", "warned"),
    [
        ("euler", 1.9, False),
        ("euler", 2.1, True),
        ("rk4", 2.7, False),
        ("rk4", 2.9, True),
        ("backward-euler", 9.0, False),
    ],
)
def test_the_largest_singular_value_meets_the_stability_interval(scheme: str, largest: float, warned: bool) -> None:
    torch.manual_seed(0)
    block = t2n.compile(scheme)([_Linear(0.5), _Linear(largest)])
    found = summary(block, (6,)).blocks[0]
    assert found.lipschitz == pytest.approx(largest, rel=1e-6)
    assert any("real stability interval" in text for text in found.warnings) == warned
    assert found.real_interval == pytest.approx({"euler": 2, "rk4": 2.785293563, "backward-euler": math.inf}[scheme])


def test_a_coefficient_that_nothing_moves() -> None:
    net = _net("lm")
    assert not any("gradient" in text for text in summary(net).warnings)
    net.blocks[1].k.requires_grad_(False)
    with torch.no_grad():
        for field in net.blocks[0].fields:  # the branches are 0, so y − y_prev is
            field.conv2.weight.zero_()
    warned = [text for text in summary(net).warnings if "gradient" in text]
    assert [text.partition(":")[0] for text in warned] == ["blocks.0, blocks.1"]


def test_a_head_of_zeros_is_no_reason_to_warn() -> None:
    net = _net("lm")
    nn.init.zeros_(net.head.weight)
    assert not any("gradient" in text for text in summary(net).warnings)


def test_a_converted_network() -> None:
    torch.manual_seed(0)
    net = convert(ResNet(BasicBlock, [3, 1, 1, 1]), "leapfrog-2")
    found = summary(net, (3, 32, 32))
    assert [block.where for block in found.blocks] == ["layer1.0"]
    assert set(found.blocks[0].saved_bytes) == {"store", "checkpoint"}  # a ReLU cannot be undone
    assert found.blocks[0].startup == 1


def test_it_is_printed_and_is_plain_data() -> None:
    found = summary(_net("lm"))
    text = str(found)
    for said in ("blocks.2", "lm", "start-up", "checkpoint", "15×15", "warning: every block: may be unstable"):
        assert said in text
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["blocks"][0]["receptive_field"] == [15, 15]
    block = t2n.compile("backward-euler")([_Linear(1.0)])
    assert (
        json.loads(json.dumps(summary(block, (6,)).to_dict(), allow_nan=False))["blocks"][0]["real_interval"] == "inf"
    )


@pytest.mark.parametrize(
    "name", ["lm_resnet20", "adamnet2pc_20", "revnet38", "dynamic_rk4_parabolic", "polynet_2way_20", "imexnet20"]
)
def test_every_kind_of_network(name: str) -> None:
    """FLOPs and parameters of the whole, by torch's counter around the network."""
    torch.manual_seed(0)
    net = t2n.create_model(name)
    found = summary(net, (3, 16, 16))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(net).eval()(torch.randn(1, 3, 16, 16))
    assert (found.flops, found.parameters) == (counter.get_total_flops(), sum(p.numel() for p in net.parameters()))
    assert 0 < sum(block.flops for block in found.blocks) <= found.flops
    for block in found.blocks:
        assert block.saved_bytes[block.backward] > 0
    if name == "imexnet20":  # its implicit part is global
        assert all(block.receptive_field == (16, 16) for block in found.blocks)


def test_bytes_kept_by_hooks_around_a_network_of_one_block() -> None:
    """Different memories that autograd saves in a whole call, without weights and the image."""
    torch.manual_seed(0)
    fields = [nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 4, 1)) for _ in range(3)]
    net = t2n.compile("rk4")(fields)
    found = summary(net, (4, 8, 8)).blocks[0]
    memories: dict[int, Any] = {}
    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def keep(x: Tensor) -> Tensor:
        memories[x.untyped_storage().data_ptr()] = x
        return x

    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        output = net(x)
    count = sum(x.untyped_storage().nbytes() for at, x in memories.items() if at not in weights) // 2
    assert output.shape == x.shape
    assert found.saved_bytes["store"] == count
    assert found.flops == 3 * 4 * 2 * (9 * 4 * 4 + 4 * 4) * 8 * 8  # the two convolutions, four times in three steps
    assert found.receptive_field == (8, 8)


def test_a_convolutional_block_sees_what_its_kernels_reach() -> None:
    """1 + Σ (k − 1) · strides: 3 × 3, then stride 2, and two steps of 3 × 3 at half the size."""
    torch.manual_seed(0)
    fields = [nn.Conv2d(4, 4, 3, padding=1) for _ in range(2)]
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1), t2n.compile("euler")(fields))
    assert summary(net, (3, 32, 32)).blocks[0].receptive_field == (1 + 2 + 2 + 2 * (2 + 2),) * 2


def test_a_warning_that_blocks_share_is_one_line() -> None:
    found = summary(_net())
    (text,) = found.warnings
    assert text.startswith("every block: may be unstable: |hλ| is h·L at most, which exceeds 2 for damped modes")
    assert all(block.warnings for block in found.blocks)
    assert summary(t2n.create_model("in_resnet20")).warnings == ()  # of order none: no field's step


def test_what_is_left_of_implicit_stages_and_what_does_not_converge() -> None:
    """A field −3 y: of a step of length 21 that two iterations lead to, 27 is left; one of descent has h·L = 3 too."""

    class Times(nn.Linear):
        def __init__(self, factor: float) -> None:
            super().__init__(3, 3, bias=False)
            self.weight.data = factor * torch.eye(3)

    def found(factor: float, **options: Any) -> Any:
        (block,) = summary(t2n.compile("backward-euler", **options)([Times(factor)] * 2), (3,)).blocks
        return block

    iterated: dict[str, Any] = {"solver": "fixed-point", "gradient": "unrolled", "tolerance": 0, "iterations": 2}
    first = found(-3.0, **iterated)
    assert first.residual == pytest.approx(27 / 21)
    assert [text.partition(":")[0] for text in first.warnings[:2]] == [
        "a fixed-point iteration for the implicit stages need not converge",
        "implicit stages are not solved, after 2 of fixed-point",
    ]
    assert "left of a step 1.3" in str(summary(t2n.compile("backward-euler", **iterated)([Times(-3.0)]), (3,)))
    assert found(-0.01, **iterated).warnings == ()
    one: dict[str, Any] = {"solver": "gradient", "gradient": "start", "tolerance": 0, "iterations": 1}
    # from y = 1 to −2, where the residual is −2 − 1 − 6 = −9 and its gradient 2·4·(−9): 0.1 of it leads to 5.2
    descended = found(-3.0, **one)
    assert descended.residual == pytest.approx((5.2 - (1 - 3 * 5.2)) / (3 * 5.2))
    assert [text[:20] for text in descended.warnings] == ["implicit stages are "]
    assert found(-3.0).residual < 1e-5
    assert found(-3.0).warnings == ()
    assert summary(_net()).blocks[0].residual is None
    with pytest.raises(InputError, match="fixed-point reached a residual"):
        found(-3.0, solver="fixed-point")


def test_adaptive_steps_are_not_known_before() -> None:
    with pytest.raises(InputError, match="give steps="):
        summary(t2n.create_model("neural_ode_adaptive"))


def test_errors() -> None:
    with pytest.raises(InputError, match="no compiled block"):
        summary(nn.Linear(3, 3), (3,))
    with pytest.raises(InputError, match="does not take such images"):
        summary(_net(), (5, 32, 32))
    with pytest.raises(InputError, match="network is no network"):
        summary([nn.Linear(3, 3)])  # type: ignore[arg-type]
    for size in ((3, -1, 3), torch.randn(2, 3, 32, 32), "32"):
        with pytest.raises(InputError, match=r"write the sizes of one image"):
            summary(_net(), size)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a batch of at least two"):
        summary(_net(), inputs=torch.randn(1, 3, 32, 32))
    with pytest.raises(InputError, match=r"missing 1 required positional argument.*inputs="):
        summary(_Timed(), (4,))
    with pytest.raises(InputError, match=r"inputs \(.*missing 1 required"):
        summary(_Timed(), inputs=torch.randn(2, 4))


class _Timed(nn.Module):
    """A network that is called with tokens and a time."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.block = t2n.compile("lm", coefficients="learnable")([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, tokens: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return self.block(self.words(tokens) + time[:, None, None])


def test_what_is_no_image_is_given() -> None:
    torch.manual_seed(0)
    found = summary(_Timed(), inputs=(torch.randint(7, (5, 6)), torch.rand(5)))
    (block,) = found.blocks
    assert found.input_size == (6,)
    assert found.flops == block.flops == 3 * 2 * 6 * 4 * 4
    assert block.receptive_field is None
    assert block.saved_bytes["store"] >= block.saved_bytes["checkpoint"] > 0
    assert not any("no gradient" in text for text in found.warnings)
    assert "6" in str(found)


def test_layer_parallel_steps_are_modelled() -> None:
    plan = Plan(2, cycles=(1, 1))
    net = t2n.create_model("resnet38", widths=(4, 8, 16))
    assert all(block.layer_parallel is None for block in summary(net).blocks)
    found = summary(net, layer_parallel="2:2:FCF:1,1")
    models = [block.layer_parallel for block in found.blocks]
    assert models == [LayerModel("2:2:FCF:1,1", 3, 2, modelled_speed(5 + (i == 0), plan)) for i in range(3)]
    assert f"{modelled_speed(6, plan)[2]:.2f}" in str(found)
    told: Any = json.loads(json.dumps(found.to_dict()))
    assert told["blocks"][0]["layer_parallel"]["speed"]["64"] is None
    with pytest.raises(InputError, match=r"blocks\.1: levels=2"):
        summary(t2n.create_model("resnet20"), layer_parallel="2")


@pytest.mark.parametrize(("h", "warned"), [(0.9, False), (1.1, True)])
def test_coarse_steps_that_leave_the_stability_interval_are_told(h: float, warned: bool) -> None:
    """y' = −y in intervals of two steps: Euler's 2 h against 2."""
    field = nn.Linear(6, 6)
    field.weight.data, field.bias.data = -torch.eye(6), torch.zeros(6)
    block = t2n.compile("euler")([field] * 8, h)
    assert bool(layer_warnings(block, (6,), Plan(2))) == warned
    assert bool(layer_warnings(block, (6,), Plan(2, 3)))  # 4 h


def test_layer_parallel_on_the_command_line(run: Any) -> None:
    status, out, _ = run("summary", "resnet38", "--layer-parallel", "2")
    assert status == 0
    assert "\nlayer-parallel 2:2:FCF:2,1: modelled speed; serial steps: 1 " in out  # in one line, from the left
    status, out, err = run("summary", "resnet38", "--layer-parallel", "two")
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_step_beyond_the_limit_of_an_equation_is_a_warning() -> None:
    """u_t = u_xx with central-2-4: euler is stable to 3/8 h² = 0.09375; each line once, for all fields of a block."""

    def told(block: nn.Module) -> list[str]:
        return [text for text in summary(block, (1, 16)).warnings if "with frozen coefficients" in text]

    def heat() -> nn.Module:
        return t2n.field(["central-2-4"], h=0.5)

    assert told(t2n.compile("euler")([heat(), heat()], h=0.093)) == []
    (line,) = told(t2n.compile("euler")([heat(), heat()], h=0.1))
    assert line.startswith("the network: euler with steps of 0.1 is unstable on u_t")
    assert "0.09375" in line
    parts = [t2n.field("burgers", h=0.5, part=part) for part in ("rest", "linear")]
    assert told(t2n.compile("ars-222", solver="resolvent")([parts], h=9.0)) == []  # a limit is of one field
