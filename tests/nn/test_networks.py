"""Networks by name: the hand-written ResNet to the bit, whose coefficients are where, and what cannot be made."""

import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn import coefficient_values, named_coefficients, parameter_groups
from tableau2net.nn.registry import entries

SMALL = [f"{f}{d}" for f in ("resnet", "lm_resnet", "adamnet2_", "adamnet3_") for d in (20, 32, 44, 56, 110)]


class HandWritten(nn.Module):
    """Pre-activation ResNet-6n+2 with padded shortcuts, as it is usually written."""

    class Unit(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.bn1, self.conv1 = nn.BatchNorm2d(a), nn.Conv2d(a, b, 3, stride, 1, bias=False)
            self.bn2, self.conv2 = nn.BatchNorm2d(b), nn.Conv2d(b, b, 3, 1, 1, bias=False)
            self.stride, self.pad = stride, b - a

        def forward(self, x):
            out = self.conv1(functional.relu(self.bn1(x)))
            out = self.conv2(functional.relu(self.bn2(out)))
            if self.stride == 2:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad // 2, self.pad // 2))
            return x + out

    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        shapes = [(16, 16, 1)] * n + [(16, 32, 2)] + [(32, 32, 1)] * (n - 1) + [(32, 64, 2)] + [(64, 64, 1)] * (n - 1)
        self.units = nn.ModuleList(self.Unit(*shape) for shape in shapes)
        self.bn, self.linear = nn.BatchNorm2d(64), nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv(x)
        for unit in self.units:
            x = unit(x)
        return self.linear(functional.relu(self.bn(x)).mean((2, 3)))


def ordered(model, n):
    """The weights of the generated network in the order in which the hand-written one meets them."""
    units = list(model.blocks[0].fields)
    for transition, block in zip(model.transitions, list(model.blocks)[1:], strict=True):
        units += [transition.field, *block.fields]
    return [model.opening, *units, model.bn, model.head]


@pytest.mark.parametrize("depth", [8, 20])
def test_the_euler_network_is_the_hand_written_one_to_the_bit(depth):
    torch.manual_seed(0)
    n = (depth - 2) // 6
    ours, theirs = t2n.create_model(f"resnet{depth}", shortcut="pad"), HandWritten(n)
    parts = [theirs.conv, *theirs.units, theirs.bn, theirs.linear]
    for mine, its in zip(ordered(ours, n), parts, strict=True):
        its.load_state_dict(mine.state_dict())
    x, target = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 3])
    for _ in range(2):  # twice, so that running statistics are compared too
        outputs = [model(x) for model in (ours, theirs)]
        assert torch.equal(*outputs)
        for model, output in zip((ours, theirs), outputs, strict=True):
            model.zero_grad()
            functional.cross_entropy(output, target).backward()
        for mine, its in zip(ordered(ours, n), parts, strict=True):
            for (name, p), q in zip(mine.named_parameters(), its.parameters(), strict=True):
                assert torch.equal(p.grad, q.grad), name
            for a, b in zip(mine.buffers(), its.buffers(), strict=True):
                assert torch.equal(a, b)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def test_any_explicit_scheme_and_a_file_of_ones_own(tmp_path):
    x = torch.randn(2, 3, 32, 32)
    assert t2n.create_model("resnet8", scheme="rk4", num_classes=7)(x).shape == (2, 7)
    path = tmp_path / "mine.toml"
    path.write_text('format = 1\nfamily = "multistep"\nalpha = ["0", "-1", "1"]\nbeta = ["-1/3", "4/3", "0"]\n')
    assert t2n.create_model("resnet14", scheme=path)(x).shape == (2, 10)


def test_coefficients_escape_weight_decay():
    model = t2n.create_model("lm_resnet20")
    groups = parameter_groups(model, 1e-4)
    assert [g["weight_decay"] for g in groups] == [1e-4, 0.0]
    apart = {id(p) for p in groups[1]["params"]}
    assert apart == {id(p) for _, p in named_coefficients(model)}
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))
    assert len(parameter_groups(t2n.create_model("resnet20"), 1e-4)) == 1
    values = coefficient_values(model)
    assert set(values) == {f"blocks.{i}.k" for i in range(3)}
    assert all(-0.1 <= k <= 0 for ks in values.values() for k in ks)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("resnet21", {}, "nearest is resnet20"),
        ("resnet2", {}, "nearest is resnet8"),
        ("resnett20", {}, "did you mean resnet20"),
        ("lm_resnet", {}, "did you mean"),
        ("x" * 500, {}, "did you mean"),
        ("resnet20", {"colour": 1}, "colour"),
        ("resnet20", {"survivals": 0.5}, "did you mean survival"),
        ("resnet20", {"shortcut": "none"}, "'pad', 'conv', 'bn-relu-conv'"),
        ("resnet20", {"history": "keep"}, "'carry', 'restart'"),
        ("adamnet1_20", {}, "from 2 to 12"),
        ("wide_resnet27_10", {}, "nearest is wide_resnet28_10"),
        ("resnext30_8x64d", {}, "nearest is resnext29_8x64d"),
        ("resnet164", {"bottleneck": 3, "colour": 1}, "colour"),
        ("lm_resnet20", {"depth": 26}, "says depth already"),
        ("resnet20", {"num_classes": 0}, "num_classes=0"),
        ("resnet20", {"scheme": "revnet"}, "one state and one field"),
        ("resnet20", {"scheme": "nothing"}, "no scheme"),
        ("lm_resnet20", {"scheme": "rk4"}, "give scheme= to resnet20"),
        ("resnet20", {"coefficients": "learnable"}, "no parameters"),
    ],
)
def test_what_cannot_be_made(name, options, says):
    with pytest.raises(t2n.InputError, match=says):
        t2n.create_model(name, **options)


def test_names_that_are_listed():
    names = t2n.list_models()
    assert len(set(names)) == len(names)
    assert set(SMALL) <= set(names)
    assert t2n.list_models("lm_resnet*") == [f"lm_resnet{d}" for d in (20, 32, 44, 56, 110, 164)]
    assert {"lm_resnet20", "lm_resnext29_8x64d"} <= set(t2n.list_models("*lm*"))
    assert all("resnext" in name for name in t2n.list_models("*resnext*"))
    for entry in entries():
        assert entry.about
        assert all(entry.groups(name) is not None for name in entry.published), entry
        assert not entry.scheme or t2n.load(entry.scheme)
    for name in names:  # one family answers, no more
        assert sum(entry.groups(name) is not None for entry in entries()) == 1, name


def test_a_network_too_short_for_its_scheme_says_so():
    with pytest.warns(UserWarning, match="every step is a start-up step"):
        t2n.create_model("adamnet4_20")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        t2n.create_model("adamnet4_32")


@pytest.mark.parametrize("scheme", ["euler", "lm", "adams-bashforth-2", "leapfrog-2"])
def test_one_stage_has_nothing_to_be_independent_of(scheme):
    told = {"scheme": scheme, "coefficients": "fixed"}
    torch.manual_seed(0)
    one = t2n.create_model("resnet20", **told)
    other = t2n.create_model("resnet20", **told, stage_weights="independent")
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(one.eval()(x), other.eval()(x))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("revnet38", {"backwrd": "store"}, "backwrd: unknown option; did you mean backward"),
        ("resnet20", {"shortcat": "pad"}, "shortcat: unknown option; did you mean shortcut"),
        ("momentum_resnet20", {"gamma": "x"}, "gamma='x': write a number"),
        ("fractalnet20", {"columns": 3}, "columns: fractalnet20 says it already"),
    ],
)
def test_an_option_that_is_none_is_named(name, options, said):
    with pytest.raises(InputError, match=said):
        t2n.create_model(name, **options)
