"""Residual networks of every field and scheme: a few lines of reference, stochastic depth."""

import json
import math
import re

import pytest
import torch
from torch.nn import functional
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net.cli import app
from tableau2net.errors import InputError
from tableau2net.nn import coefficient_values
from tableau2net.nn.families.residual import adamnet_scheme
from tableau2net.nn.registry import model_name
from tableau2net.training import Recipe, load_data, train

CONV_BN = {"shortcut": "conv-bn"}


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
    if not names and w[f"{at}.field.conv1.weight"].shape[:2] == (y.shape[1], y.shape[1]) and stride == 1:
        return y
    if not names:
        narrow = y[:, :, ::stride, ::stride]
        return torch.cat([narrow * 0, narrow, narrow * 0], 1)[:, narrow.shape[1] // 2 : -(narrow.shape[1] // 2)]
    own = f"{at}.project.0.running_mean" in w  # BN–ReLU first
    if len(names) == 1:  # that of the branch
        activated = torch.relu(bn(y, w, f"{at}.field.bn1"))
        return functional.conv2d(activated, w[names[0]], stride=stride)
    a = torch.relu(bn(y, w, f"{at}.project.0")) if own else y
    a = functional.conv2d(a, w[f"{at}.project.{2 if own else 0}.weight"], stride=stride)
    return a if own else bn(a, w, f"{at}.project.1")


def reference(x, w, kind, step, relu=None, opens=False, counts=(1, 1, 1), h=1.0, carry=True):
    """``step(y, f, past, learnt)`` takes a step, `counts` are the steps of each block.

    past: what the step before has left, to begin with the transition's projected state "y" and slopes "fs".
    learnt: coefficients by name, for one step after the other."""
    rectify = torch.relu if relu == "step" else lambda y: y
    y = functional.conv2d(x, w["opening.weight"], padding=1)
    y = torch.relu(bn(y, w, "bn")) if kind == "post" else y
    for i, n in enumerate(counts):
        past = {"fs": []}
        if i or opens:
            at, field.stride = f"transitions.{i - (not opens)}", 2 if i else 1
            p, f = project(y, w, at, field.stride), field(y, w, f"{at}.field", kind, relu)
            y = torch.relu(p + h * f) if relu in ("step", "increment") else p + h * f
            past = {"y": p, "fs": [f]} if carry else past
        field.stride = 1
        own = {name.split(".")[2]: c for name, c in w.items() if re.fullmatch(rf"blocks\.{i}\.\w+", name)}
        learnt = ({name: c[m] for name, c in own.items()} for m in range(n))
        for j in range(n):

            def f(y, at=f"blocks.{i}.fields.{j}"):
                slope = field(y, w, at, kind, relu)
                return torch.relu(y + slope) - y if relu == "increment" else slope

            y = rectify(step(y, f, past, learnt))
    y = bn(y, w, "bn") if kind == "pre" else y
    return functional.linear(torch.relu(y).mean((2, 3)), w["head.weight"], w["head.bias"])


def euler(y, f, *_):
    return y + f(y)


def midpoint(y, f, *_):
    return y + f(y + f(y) / 2)


def unrolled(y, f, *_):
    z = y
    for _ in range(3):
        z = y + f(z)
    return z


def descent(y, f, *_):
    """A step of 0.1 down the gradient of the square of the residual, which counts as a constant, from y + f(y)."""
    z = y + f(y)
    at = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad((at - y.detach() - f(at)).square().sum(), at)
    return z - 0.1 * gradient


def lm(y, f, past, learnt):
    k = next(learnt)["k"] if "y" in past else 0
    new = (1 - k) * y + k * past.get("y", y) + f(y)
    past["y"] = y
    return new


def momentum(gamma, rest=False):
    def step(y, f, past, learnt):
        if rest and "at" not in past:  # the transition's step is over, and nothing moves
            past["at"] = past["y"] = y
        velocity = gamma * (y - past["y"]) + (1 - gamma) * f(y) if "y" in past else f(y)
        past["y"] = y
        return y + velocity

    return step


def damped(share):
    """(1 − d) y + f, and of what the state loses the field gains a share; d is never negative."""

    def step(y, f, past, learnt):
        d = torch.relu(next(learnt)["d_raw"])
        return (1 - d) * y + (1 + share * d) * f(y)

    return step


def adams(k):
    """Of k steps with learnt weights, the newest slope first, the oldest slope's what is left of 1."""

    def step(y, f, past, learnt):
        past["fs"] = [f(y), *past["fs"]]
        betas = [1]
        if len(past["fs"]) >= k:
            betas = [value for _, value in sorted(next(learnt).items())]
            betas.append(1 - sum(betas))
        return y + sum(beta * slope for beta, slope in zip(betas, past["fs"], strict=False))

    return step


def corrected(y, f, past, learnt):
    """Predicted by Adams–Bashforth of two steps, corrected by Adams–Moulton of two, evaluated again."""
    now, older = past["now"] if "now" in past else f(y), past["fs"]
    if older:
        predicted = y + 3 / 2 * now - 1 / 2 * older[-1]
        new = y + 5 / 12 * f(predicted) + 8 / 12 * now - 1 / 12 * older[-1]
    else:
        new = y + now
    past["now"], past["fs"] = f(new), [now]
    return new


TINY = {"widths": (4, 8, 16)}
UNROLLED = {"solver": "fixed-point", "gradient": "unrolled", "tolerance": 0}
RESTART = {**TINY, "history": "restart"}
BY_HAND = [
    ("resnet14", TINY, {"kind": "pre", "step": euler}),
    ("resnet14", {**TINY, "scheme": "explicit-midpoint"}, {"kind": "pre", "step": midpoint}),
    (
        "wide_resnet16_2",
        {"widths": (8, 16, 32)},
        {"kind": "pre", "step": euler, "opens": True, "counts": (1, 1, 1)},
    ),
    ("lm_resnet20", TINY, {"kind": "pre", "step": lm, "counts": (3, 2, 2)}),
    ("lm_resnet20", RESTART, {"kind": "pre", "step": lm, "counts": (3, 2, 2), "carry": False}),
    ("lm_resnet14", {**TINY, "preactivation": False}, {"kind": "post", "step": lm, "relu": "step"}),
    (
        "lm_resnext20_2x2d",
        {"widths": (8, 16, 32), "opening": 4},
        {"kind": "pre", "step": lm, "opens": True, "counts": (1, 1, 1)},
    ),
    (
        "momentum_resnet20",
        TINY,
        {"kind": "pre", "step": momentum(0.9, rest=True), "counts": (2, 2, 2), "opens": True},
    ),
    (
        "momentum_resnet20",
        {**TINY, "history": "carry"},
        {"kind": "pre", "step": momentum(0.9), "counts": (3, 2, 2)},
    ),
    (
        "momentum_resnet20",
        {**RESTART, "gamma": "1/2"},
        {"kind": "pre", "step": momentum(0.5), "counts": (3, 2, 2), "carry": False},
    ),
    ("adamnet2_20", TINY, {"kind": "pre", "step": adams(2), "counts": (3, 2, 2)}),
    ("adamnet2_20", RESTART, {"kind": "pre", "step": adams(2), "counts": (3, 2, 2), "carry": False}),
    ("adamnet3_26", TINY, {"kind": "pre", "step": adams(3), "counts": (4, 3, 3)}),
    ("adamnet3_26", RESTART, {"kind": "pre", "step": adams(3), "counts": (4, 3, 3), "carry": False}),
    ("adamnet4_32", TINY, {"kind": "pre", "step": adams(4), "counts": (5, 4, 4)}),
    ("adamnet2pc_20", TINY, {"kind": "pre", "step": corrected, "counts": (3, 2, 2)}),
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
    ("ie_resnet14", {**TINY, "norm": "batch"}, {"kind": "pre", "step": descent}),
    (
        "ie_resnet14",
        {**TINY, **UNROLLED, "norm": "batch", "iterations": 3},
        {"kind": "pre", "step": unrolled},
    ),
    (
        "in_resnet14",
        {**TINY, "damping": "1/4"},
        {"kind": "pre", "step": lambda y, f, *_: 3 / 4 * y + f(y), "counts": (1, 1, 1), "opens": True},
    ),
    ("in_resnet20", TINY, {"kind": "pre", "step": damped(0), "counts": (2, 2, 2), "opens": True}),
    ("lambda_in_resnet20", TINY, {"kind": "pre", "step": damped(1), "counts": (2, 2, 2), "opens": True}),
    ("small_step_resnet14", TINY, {"kind": "pre", "step": lambda y, f, *_: y + 0.1 * f(y), "h": 0.1}),
]


@pytest.mark.parametrize(("name", "options", "how"), BY_HAND, ids=lambda v: v if isinstance(v, str) else "")
def test_forward_and_gradient_by_hand(name, options, how):
    torch.manual_seed(0)
    net = t2n.create_model(name, **options).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1 * torch.randn_like(p))
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


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("resnet20", {"survival": 0.0}, "above 0"),
        ("resnet20", {"survival": 0.5, "drop": "pixel"}, "'batch', 'sample'"),
        ("lm_resnet20", {"survival": 0.5, "backward": "reversible", "growth_limit": math.inf}, "backward='checkpoint'"),
        ("post_resnet20", {"relu": "before"}, "'step', 'increment', 'argument'"),
        ("post_resnet20", {"scheme": "abm-2"}, "seen before the activation"),
        ("post_resnet20", {"dropout": 0.1}, "pre-activation"),
        ("in_resnet20", {"damping": "3"}, "outside its range"),
        ("adamnet2_20", {"history": "rest"}, "remembers f_prev"),
        ("in_resnet20", {"keep_stable": True}, "leave keep_stable out"),
        ("in_resnet20", {"coefficients": "free", "keep_range": True}, "leave coefficients='free' out"),
        ("adamnet2_20", {"keep_range": True}, "declares no range"),
        ("resnet20", {"keep_range": True}, "keep_range: fixed coefficients move nowhere"),
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
    assert result.parameters == sum(p.numel() for p in t2n.create_model("post_resnet8", scheme="rk4").parameters())
    damped = train(model_name="in_resnet14", out=tmp_path / "d", data=data, recipe=recipe, quiet=True)
    assert damped.order == -1
    assert set(damped.coefficients["after"]) == {f"blocks.{i}.d" for i in range(3)}


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
