"""Residual networks of every field and scheme: published counts, a few lines of reference, stochastic depth."""

import copy
import json
import math
import pickle
import re

import pytest
import torch
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.cli import app
from tableau2net.errors import InputError
from tableau2net.nn import coefficient_values, named_coefficients
from tableau2net.nn.families.residual import adamnet_scheme
from tableau2net.nn.registry import model_name
from tableau2net.training import Recipe, load_data, train
from tests.nn.test_networks import REFERENCE, count

CONV_BN = {"shortcut": "conv-bn"}


def rows():
    lines = [line.split(",") for line in REFERENCE.read_text().splitlines() if line and not line.startswith("#")][1:]
    for network, _, depth, parameters in lines:
        names = {
            "ResNet pre or post": ("post_resnet{}", {}),
            "ResNet post": ("post_resnet{}", CONV_BN),
            "ResNet pre bottleneck": ("resnet{}", {"shortcut": "conv"}),
            "ResNeXt 8x64d": ("resnext{}_8x64d", {}),
            "ResNeXt 16x64d": ("resnext{}_16x64d", {}),
        }
        if network in names:
            name, options = names[network]
            yield name.format(depth), options, int(parameters)


def on_meta(name, **options):
    """A network without weights: what is counted need not be drawn."""
    with torch.device("meta"):
        return t2n.create_model(name, **options)


@pytest.mark.parametrize(("name", "options", "parameters"), list(rows()))
def test_counted_parameters(name, options, parameters):
    assert count(on_meta(name, **options)) == parameters


# Zagoruyko and Komodakis 2016, tables 4 and 5, millions.
WIDE = {"40_1": 0.6, "40_2": 2.2, "40_4": 8.9, "40_8": 35.7, "28_10": 36.5, "28_12": 52.5, "22_8": 17.2, "16_8": 11.0}


@pytest.mark.parametrize(("name", "millions"), WIDE.items())
def test_wide_resnets_have_the_published_millions(name, millions):
    assert round(count(on_meta(f"wide_resnet{name}")) / 1e6, 1) == pytest.approx(millions, abs=0.051)


def test_bottlenecks_of_lm_by_hand():
    """164 = 9·18 + 2; a transition opens each resolution, and has a BatchNorm of its own; k is one a further step."""
    lm, plain = on_meta("lm_resnet164"), on_meta("resnet164")
    learnt = sum(p.numel() for _, p in named_coefficients(lm))
    assert learnt == 3 * 17
    assert count(plain) == count(lm) - learnt == 1703258 + 2 * (16 + 64 + 128)
    x8, x16 = on_meta("lm_resnext29_8x64d"), on_meta("lm_resnext29_16x64d")
    assert sum(p.numel() for _, p in named_coefficients(x8)) == 3 * 2
    # from post- to pre-activation only BatchNorms move: a field's last (outputs) becomes its first (inputs), a
    # shortcut's likewise, the one after the opening goes before the head
    moved = 2 * 2 * (64 - 256 + 256 - 512 + 512 - 1024) + 2 * (1024 - 64)
    assert count(x8) - 6 == 34426698 + moved
    assert count(x16) - 6 == 68155210 + moved


@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
@pytest.mark.parametrize("name", ["momentum_resnet", "ie_resnet", "damped_resnet", "small_step_resnet", "adamnet2pc_"])
def test_what_only_the_scheme_tells_apart_has_the_weights_of_the_resnet(name, depth):
    assert count(on_meta(f"{name}{depth}")) == count(on_meta(f"resnet{depth}"))


# ------------------------------------------------------------------------------------------------- few-line references


def bn(x, weights, prefix):
    return functional.batch_norm(x, None, None, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], training=True)


def field(y, w, at, kind, relu=None):
    """The branch of a field with weights ``w[at…]``, written again: its convolutions in order."""
    n = 3 if f"{at}.conv3.weight" in w else 2
    a = torch.relu(y) if relu == "argument" else y
    for i in range(1, n + 1):
        if kind == "pre":
            a = torch.relu(bn(a, w, f"{at}.bn{i}"))
        elif i > 1:
            a = torch.relu(a)
        kernel = w[f"{at}.conv{i}.weight"]
        stride = 2 if field.stride == 2 and i == (2 if n == 3 else 1) else 1
        groups = a.shape[1] // kernel.shape[1]
        a = functional.conv2d(a, kernel, stride=stride, padding=kernel.shape[2] // 2, groups=groups)
        if kind == "post":
            a = bn(a, w, f"{at}.bn{i}")
    return a


def project(y, w, at, stride):
    names = [n for n in w if n.startswith(f"{at}.project")]
    if not names:
        narrow = y[:, :, ::stride, ::stride]
        return torch.cat([narrow * 0, narrow, narrow * 0], 1)[:, narrow.shape[1] // 2 : -(narrow.shape[1] // 2)]
    own = f"{at}.project.0.running_mean" in w  # BN–ReLU first
    a = torch.relu(bn(y, w, f"{at}.project.0")) if own else y
    a = functional.conv2d(a, w[f"{at}.project.{2 if own else 0}.weight"], stride=stride)
    return a if own else bn(a, w, f"{at}.project.1")


def reference(x, w, kind, step, relu=None, opens=False, counts=(1, 1, 1), h=1.0):
    """A network of a one-step scheme: ``step(y, f)`` takes a step, `counts` are the steps of each block."""
    rectify = torch.relu if relu == "step" else lambda y: y
    y = functional.conv2d(x, w["opening.weight"], padding=1)
    y = torch.relu(bn(y, w, "bn")) if kind == "post" else y
    for i, n in enumerate(counts):
        if i or opens:
            at, field.stride = f"transitions.{i - (not opens)}", 2 if i else 1
            p, f = project(y, w, at, field.stride), field(y, w, f"{at}.field", kind, relu)
            y = torch.relu(p + h * f) if relu in ("step", "increment") else p + h * f
        field.stride = 1
        for j in range(n):

            def f(y, at=f"blocks.{i}.fields.{j}"):
                slope = field(y, w, at, kind, relu)
                return torch.relu(y + slope) - y if relu == "increment" else slope

            y = rectify(step(y, f))
    y = bn(y, w, "bn") if kind == "pre" else y
    return functional.linear(torch.relu(y).mean((2, 3)), w["head.weight"], w["head.bias"])


def euler(y, f):
    return y + f(y)


def midpoint(y, f):
    return y + f(y + f(y) / 2)


def unrolled(y, f):
    z = y
    for _ in range(3):
        z = y + f(z)
    return z


TINY = {"widths": (4, 8, 16)}
ONE_STEP = [
    ("resnet11", TINY, {"kind": "pre", "step": euler, "opens": True, "counts": (0, 0, 0)}),
    ("resnet20", {**TINY, "bottleneck": True}, {"kind": "pre", "step": euler, "opens": True, "counts": (1, 1, 1)}),
    ("post_resnet14", TINY, {"kind": "post", "step": euler, "relu": "step", "counts": (2, 1, 1)}),
    ("post_resnet14", {**TINY, **CONV_BN, "relu": "increment"}, {"kind": "post", "step": euler, "relu": "step"}),
    (
        "post_resnet14",
        {**TINY, "relu": "increment", "scheme": "explicit-midpoint"},
        {"kind": "post", "step": midpoint, "relu": "increment"},
    ),
    (
        "post_resnet14",
        {**TINY, "scheme": "explicit-midpoint"},
        {"kind": "post", "step": midpoint, "relu": "step"},
    ),
    (
        "post_resnet14",
        {**TINY, **CONV_BN, "relu": "argument", "scheme": "explicit-midpoint"},
        {"kind": "post", "step": midpoint, "relu": "argument"},
    ),
    (
        "resnext20_2x2d",
        {"widths": (8, 16, 32), "opening": 4},
        {"kind": "post", "step": euler, "relu": "step", "opens": True, "counts": (1, 1, 1)},
    ),
    ("ie_resnet14", TINY, {"kind": "pre", "step": unrolled}),
    ("damped_resnet14", {**TINY, "damping": "1/4"}, {"kind": "pre", "step": lambda y, f: 3 / 4 * y + f(y)}),
    ("small_step_resnet14", TINY, {"kind": "pre", "step": lambda y, f: y + 0.1 * f(y), "h": 0.1}),
]


@pytest.mark.parametrize(("name", "options", "how"), ONE_STEP, ids=lambda v: v if isinstance(v, str) else "")
def test_forward_and_gradient_of_one_step_networks(name, options, how):
    torch.manual_seed(0)
    net = t2n.create_model(name, **options).double()
    x = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    how = {"counts": (2, 1, 1), **how}
    weights = {n: p.detach().clone().requires_grad_(p.is_floating_point()) for n, p in net.state_dict().items()}
    expected = reference(x, weights, **how)
    found = net(x)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    found.square().sum().backward()
    expected.square().sum().backward()
    for n, p in net.named_parameters():
        torch.testing.assert_close(p.grad, weights[n].grad, rtol=1e-8, atol=1e-9, msg=n)


def test_momentum_and_many_step_adams_by_hand():
    torch.manual_seed(0)
    net = t2n.create_model("momentum_resnet20", gamma="1/2", history="restart").double().eval()
    fields, y = net.blocks[0].fields, torch.randn(1, 16, 4, 4, dtype=torch.float64)
    x, v = y + fields[0](y), fields[0](y)  # the first step is a plain one, and its increment the velocity
    for f in list(fields)[1:]:
        v = v / 2 + f(x) / 2
        x = x + v
    torch.testing.assert_close(net.blocks[0](y), x)

    net = t2n.create_model("adamnet4_38", history="restart", coefficients="fixed").double().eval()
    fields = net.blocks[0].fields
    z, fs = y, []
    for f in fields:
        fs.append(f(z))
        b = (55 / 24, -59 / 24, 37 / 24, -9 / 24) if len(fs) > 3 else (1,)
        z = z + sum(c * g for c, g in zip(b, reversed(fs), strict=False))
    torch.testing.assert_close(net.blocks[0](y), z)


def test_adamnets_of_any_number_of_steps():
    for k in range(2, 9):
        scheme = adamnet_scheme(k)
        assert t2n.order(scheme) == 1
        assert t2n.order(scheme.at_defaults()) == k
        assert t2n.order(t2n.load(f"adams-bashforth-{k}")) == k
        assert model_name(scheme, 20) == f"adamnet{k}_20"
    net = t2n.create_model("adamnet5_44", history="restart")
    assert set(coefficient_values(net)) == {f"blocks.{i}.beta_{s}" for i in range(3) for s in range(1, 5)}
    pc = t2n.create_model("adamnet2pc_14").double()
    assert pc.scheme == t2n.load("abm-2")


# ---------------------------------------------------------------------------------------------------- stochastic depth


def survivals(net):
    return [[f.survival for f in fields] for fields in net.places()]


@pytest.mark.parametrize("name", ["resnet20", "lm_resnet20", "resnet29"])
def test_rates_are_linear_in_the_true_step_index(name):
    net = t2n.create_model(name, survival=0.4)
    rates = survivals(net)
    assert len(rates) == 9
    for i, (p,) in enumerate(rates):
        assert p == pytest.approx(1 - 0.6 * i / 8)
    net = t2n.create_model("resnet14", scheme="rk4", stage_weights="independent", survival=0.4)
    assert [len(set(p)) for p in survivals(net)] == [1] * 6
    assert [len(p) for p in survivals(net)] == [4, 4, 1, 4, 1, 4]


def test_a_step_survives_as_a_whole_and_survivors_are_scaled():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.c = nn.Parameter(torch.tensor(0.5))

        def forward(self, y):
            return self.c * y

    from tableau2net.nn.steps import block_class, set_survival

    torch.manual_seed(0)
    for drop in ("batch", "sample"):
        block = block_class(t2n.load("rk4"), {}, survival=True)([Scaled()]).double()
        set_survival(block.fields[0], 0.25, drop)
        one = torch.ones(64, 1, dtype=torch.float64)
        seen = torch.cat([block(one) for _ in range(100)]).flatten().detach()
        z = 0.5 / 0.25  # one draw for the four stages: the step is that of f/p, or none
        survivor = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
        alive = (seen - survivor).abs() < 1e-12
        assert bool((alive | (seen == 1)).all())
        draws = 100 if drop == "batch" else 6400
        assert abs(alive.double().mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / draws)
        assert (drop == "sample") == (len(set(alive[:64].tolist())) == 2)
        z = 0.5
        exact = 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24
        assert torch.allclose(block.eval()(one), torch.full_like(one, exact))


@pytest.mark.parametrize("scheme", ["euler", "lm", "adamnet-3", "rk4", "abm-2", "backward-euler"])
def test_evaluation_is_the_plain_network_to_the_bit(scheme):
    options = {"solver": "fixed-point", "tolerance": 0, "gradient": "unrolled", "iterations": 2, **TINY}
    plain = t2n.create_model("resnet20", scheme=scheme, **options).eval()
    stochastic = t2n.create_model("resnet20", scheme=scheme, survival=0.3, **options).eval()
    stochastic.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(plain(x), stochastic(x))
    stochastic.train()
    outputs = [stochastic(x) for _ in range(6)]
    assert any(not torch.equal(outputs[0], other) for other in outputs[1:])
    torch.manual_seed(3)
    once = stochastic(x)
    torch.manual_seed(3)
    assert torch.equal(once, stochastic(x))


def test_the_gradient_of_a_dropped_step_is_nothing_and_checkpoints_draw_the_same():
    options = {"survival": 0.3, **TINY}
    stored, kept = (t2n.create_model("lm_resnet20", backward=b, **options).double() for b in ("store", "checkpoint"))
    kept.load_state_dict(stored.state_dict())
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    dropped = 0
    for seed in range(6):
        for net in (stored, kept):
            torch.manual_seed(seed)
            net.zero_grad()
            net(x).square().sum().backward()
        for (name, p), q in zip(stored.named_parameters(), kept.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad, msg=name)
            dropped += "conv" in name and not bool(p.grad.any())
    assert dropped > 0
    for (name, a), b in zip(stored.named_buffers(), kept.buffers(), strict=True):
        assert torch.allclose(a.double(), b.double()), name


# ------------------------------------------------------------------------------------------- what every network can do

ALL = [
    ("resnet11", {}),
    ("lm_resnet20", {"survival": 0.5}),
    ("lm_resnet14", {"preactivation": False}),
    ("post_resnet14", {"scheme": "rk4", "survival": 0.5, "drop": "sample"}),
    ("adamnet4_26", {}),
    ("adamnet2pc_14", {"survival": 0.8}),
    ("momentum_resnet14", {}),
    ("ie_resnet8", {"survival": 0.5}),
    ("damped_resnet14", {"coefficients": "learnable"}),
    ("wide_resnet10_2", {"widths": (8, 16, 32), "dropout": 0.2}),
    ("lm_resnext20_2x2d", {"widths": (8, 16, 32), "opening": 4}),
]


@pytest.mark.parametrize(("name", "options"), ALL, ids=[name for name, _ in ALL])
def test_copies_compilation_and_half_precision(name, options):
    torch.manual_seed(0)
    torch.compiler.reset()
    net = t2n.create_model(name, **{**TINY, **options})
    x = torch.randn(2, 3, 8, 8)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    for mode in (True, False):
        net.train(mode)
        outputs = []
        traced = mode == ("survival" in options)  # what is drawn is drawn in training only
        for other in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), compiled if traced else net):
            torch.manual_seed(1)
            outputs.append(other(x))
        assert torch.equal(outputs[0], outputs[1])
        assert torch.equal(outputs[0], outputs[2])
        torch.testing.assert_close(outputs[3], outputs[0], rtol=1e-4, atol=1e-4)
    net.train()(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(x).dtype == torch.bfloat16
    assert net.bfloat16()(x.bfloat16()).isfinite().all()


@pytest.mark.parametrize("name", ["post_resnet8", "lm_resnet14"])
def test_a_network_is_exported(name):
    net = t2n.create_model(name, survival=0.5, **TINY).eval()
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(torch.export.export(net, (x,)).module()(x), net(x))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("resnet20", {"survival": 0.0}, "above 0"),
        ("resnet20", {"survival": 0.5, "drop": "pixel"}, "'batch', 'sample'"),
        ("lm_resnet20", {"survival": 0.5, "backward": "reversible", "growth_limit": math.inf}, "backward='checkpoint'"),
        ("post_resnet20", {"relu": "before"}, "'step', 'increment', 'argument'"),
        ("post_resnet20", {"scheme": "abm-2"}, "seen before the ReLU"),
        ("post_resnet20", {"dropout": 0.1}, "pre-activation"),
        ("damped_resnet20", {"damping": "2"}, "outside its range"),
        ("wide_resnet28_10", {"dropout": 1.0}, "below 1"),
        ("lm_resnext29_8x64d", {"scheme": "rk4"}, "give scheme= to resnext29_8x64d"),
        ("resnext29_8x64d", {"widths": (256, 301, 602)}, "groups does not divide"),
    ],
)
def test_what_cannot_be_made(name, options, says):
    with pytest.raises(t2n.InputError, match=says):
        t2n.create_model(name, **options)


def test_any_name_trains(tmp_path):
    data = load_data("glyphs:60:20")
    recipe = Recipe(epochs=1, batch_size=30)
    result = train(
        model_name="post_resnet8", scheme="rk4", survival=0.8, out=tmp_path, data=data, recipe=recipe, quiet=True
    )
    found = json.loads((tmp_path / "result.json").read_text())
    assert (found["model"], found["scheme"], found["order"], found["depth"]) == ("post_resnet8", "rk4", 4, 8)
    assert found["options"] == {"survival": 0.8, "scheme": "rk4"}
    assert result.parameters == count(t2n.create_model("post_resnet8", scheme="rk4"))
    damped = train(model_name="damped_resnet8", out=tmp_path / "d", data=data, recipe=recipe, quiet=True)
    assert damped.order == 0 or damped.order == -1
    assert damped.coefficients["after"] == damped.coefficients["scheme"]


def test_names_and_options_of_the_command(tmp_path):
    out = tmp_path / "run"
    told = "train --model lm_resnet8 --option survival=0.9 --shortcut pad --data glyphs:40:20 --epochs 1 --json --quiet"
    ended = CliRunner().invoke(app, [*told.split(), "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.stdout)
    assert (found["model"], found["options"]) == ("lm_resnet8", {"survival": 0.9, "shortcut": "pad"})
    for told, says in (
        ("--model lm_resnet8 --depth 8", "leave one of the two out"),
        ("--model lm_resnett8", "did you mean lm_resnet"),
        ("--model resnet8 --option survival", "KEY=VALUE"),
        ("--model resnet8 --option epochs=3", "epochs"),
        ("--model resnet8 --option out=3", "KEY=VALUE"),
    ):
        with pytest.raises(InputError, match=re.escape(says)):
            CliRunner().invoke(
                app,
                ["train", *told.split(), "--data", "glyphs:40:20", "--out", str(tmp_path / "no")],
                catch_exceptions=False,
            )
