"""How many numbers each network learns: as published, as counted from running implementations, or by a formula.

Networks are made on the meta device: what is only counted need not be drawn.
"""

import csv
import itertools
from pathlib import Path

import pytest
import torch

import tableau2net as t2n
from tableau2net.nn import named_coefficients

COUNTED = Path(__file__).parent / "parameter_counts.csv"
# network and shortcut in the file → names, options
ROWS = {
    ("ResNet pre or post", "A"): (("resnet{}", "post_resnet{}"), {"shortcut": "pad"}),
    ("ResNet post", "B"): (("post_resnet{}",), {"shortcut": "conv-bn"}),
    ("ResNet pre", "conv1x1"): (("resnet{}",), {"shortcut": "conv"}),
    ("ResNet pre", "bn-relu-conv1x1"): (("resnet{}",), {}),
    ("ResNet pre bottleneck", "conv1x1"): (("resnet{}",), {"shortcut": "conv"}),
    ("ResNeXt 8x64d", "projection"): (("resnext{}_8x64d",), {}),
    ("ResNeXt 16x64d", "projection"): (("resnext{}_16x64d",), {}),
}
RESNETS = {20: 272378, 32: 466810, 44: 661242, 56: 855674, 110: 1730618}


def make(name, **options):
    with torch.device("meta"):
        return t2n.create_model(name, **options)


def count(name, **options):
    return sum(p.numel() for p in make(name, **options).parameters())


def learnt(name, **options):
    return sum(p.numel() for _, p in named_coefficients(make(name, **options)))


def rows():
    with COUNTED.open() as file:
        lines = [row for row in csv.reader(file) if row and not row[0].startswith("#")][1:]
    for network, shortcut, depth, parameters in lines:
        names, options = ROWS[network, shortcut]
        for name in names:
            yield pytest.param(name.format(depth), options, int(parameters), id=f"{name.format(depth)}-{shortcut}")


@pytest.mark.parametrize(("name", "options", "parameters"), list(rows()))
def test_counted_from_running_implementations(name, options, parameters):
    assert count(name, **options) == parameters


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("skipnet38", {}, 571_913 - 650),  # by the authors' code, but for a last gate that decides nothing
        ("skipnet74", {}, 1_162_109 - 650),
        ("skipnet110", {}, 1_752_305 - 650),
        ("skipnet38", {"gate": "feedforward"}, 1_148_798 - 74_114),
        ("skipnet74", {"gate": "feedforward"}, 2_316_770 - 74_114),
        ("skipnet110", {"gate": "feedforward-small"}, 2_609_798 - 37_122),
        ("revnet38", {}, 464_890),  # by the authors' code
        ("revnet110", {}, 1_729_194),
        ("revnet164", {}, 1_748_778),
        ("dynamic_rk4_parabolic", {}, 251_866),  # the log of the authors' default run
        ("neural_ode_adaptive", {"in_channels": 1}, 208_266),  # on MNIST
    ],
)
def test_published_to_the_last_one(name, options, parameters):
    assert count(name, **options) == parameters


# Zagoruyko and Komodakis 2016, tables 4 and 5, millions.
WIDE = {"40_1": 0.6, "40_2": 2.2, "40_4": 8.9, "40_8": 35.7, "28_10": 36.5, "28_12": 52.5, "22_8": 17.2, "16_8": 11.0}


@pytest.mark.parametrize(("name", "millions"), WIDE.items())
def test_wide_resnets_have_the_published_millions(name, millions):
    assert round(count(f"wide_resnet{name}") / 1e6, 1) == pytest.approx(millions, abs=0.051)


def test_hamiltonian_networks_have_the_published_millions():
    assert round(count("hamiltonian74") / 1e6, 2) == 0.43
    # the authors' configuration of 218: 18 units to each of the widths 32, 64, 128
    units = sum(n * 2 * (9 * w**2 + w) for n, w in ((19, 16), (18, 32), (17, 64)))
    assert count("hamiltonian218") == units + 3 * 9 * 32 + 2 * 32 + 2 * 128 + 128 * 10 + 10


def test_what_is_printed_of_lm_resnext_has_a_second_projection():
    """Lu et al. 2018 print 35.1 M: two more 1×1 convolutions, for the older state, which their code does not call."""
    second = 256 * 512 + 512 * 1024
    assert round((count("lm_resnext29_8x64d") + second) / 1e6, 1) == 35.1


@pytest.mark.parametrize("depth", RESNETS)
def test_what_only_the_scheme_tells_apart_has_the_weights_of_the_resnet_and_its_coefficients(depth):
    n = (depth - 2) // 6
    # "carry": one start-up step at the opening for a memory of one, and for k = 3 one more in each resolution
    coefficients = {"lm_resnet": 3 * (n - 1), "adamnet2_": 3 * (n - 1), "adamnet3_": 2 * 3 * (n - 2)}
    coefficients |= dict.fromkeys(("in_resnet", "lambda_in_resnet"), 3 * (n - 1))  # not where a resolution begins
    for name, own in coefficients.items():
        assert learnt(f"{name}{depth}") == own
        assert count(f"{name}{depth}") == RESNETS[depth] + own
        assert count(f"{name}{depth}", coefficients="fixed") == RESNETS[depth]
    for name in ("momentum_resnet", "ie_resnet", "small_step_resnet", "adamnet2pc_", "polynet_poly2_"):
        assert count(f"{name}{depth}") == RESNETS[depth]


def test_bottlenecks_of_lm():
    """164 = 9·18 + 2; a transition opens each resolution, and has a BatchNorm of its own; k is one a further step."""
    assert learnt("lm_resnet164") == 3 * 17
    assert count("resnet164") == count("lm_resnet164") - 3 * 17 == 1703258 + 2 * (16 + 64 + 128)
    assert learnt("lm_resnext29_8x64d") == 3 * 2
    # from post- to pre-activation only BatchNorms move: a field's last (outputs) becomes its first (inputs), a
    # shortcut's likewise, the one after the opening goes before the head
    moved = 2 * 2 * (64 - 256 + 256 - 512 + 512 - 1024) + 2 * (1024 - 64)
    assert count("lm_resnext29_8x64d") - 6 == 34426698 + moved
    assert count("lm_resnext29_16x64d") - 6 == 68155210 + moved


def test_stages_with_weights_of_their_own():
    shared, independent = (count("resnet14", scheme="rk4", stage_weights=w) for w in ("shared", "independent"))
    fields = {16: 2, 32: 1, 64: 1}  # steps that are not transitions
    assert independent - shared == 3 * sum(n * (2 * 9 * w * w + 4 * w) for w, n in fields.items())


def test_flows():
    # two convolutions of half the width, each with a bias; opening, BatchNorm, linear layer
    rest = 3 * 9 * 32 + 2 * 112 + 112 * 10 + 10
    # a step less of the last width than units, and one more of the first; BatchNorm after the opening
    units = sum(n * 2 * (9 * w**2 + w) for n, w in ((7, 16), (6, 32), (5, 56)))
    assert count("hamiltonian74") == rest + 2 * 32 + units
    assert count("midpoint26") == count("leapfrog26") == rest + 4 * sum(9 * w**2 + w for w in (32, 64, 112))


def test_a_resnet_and_something_more():
    assert count("imexnet20") == RESNETS[20] + 9 * (3 * 16 + 2 * 32 + 2 * 64)  # a diffusion a step
    mixed, two = count("polynet_mpoly2_20"), count("polynet_2way_20")
    assert mixed == two == RESNETS[20] + sum(n * (2 * 9 * w**2 + 4 * w) for n, w in ((3, 16), (2, 32), (2, 64)))


def test_fractals():
    # in each block three first stages read what enters, four others what is as wide as the block
    expected = 512 * 10 + 10
    for a, b in itertools.pairwise((3, 64, 128, 256, 512, 512)):
        expected += 3 * 9 * a * b + 4 * 9 * b * b + 7 * b
    assert count("fractalnet20") == expected
    # 1×1 convolutions to each new width, with which all others are from a width to itself: as printed, 38.6 M
    wider = sum(a * b + 3 * 9 * (b * b - a * b) for a, b in itertools.pairwise((3, 64, 128, 256, 512)))
    assert round((expected + wider) / 1e6, 1) == 38.6


def test_differential_equations():
    for name in ("neural_ode_euler_10", "neural_ode_rk4_4"):  # whatever the steps
        assert count(name) == 208_266 + 2 * 9 * 64
    # a pre-activation ResNet-18 for small images: two units of two convolutions in each resolution
    shapes = [(64, 64)] * 2 + [(64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    units = sum(9 * a * b + 9 * b * b + 2 * a + 2 * b + (a * b if a != b else 0) for a, b in shapes)
    assert count("anode_euler_2") == 3 * 9 * 64 + units + 2 * 512 + 512 * 10 + 10


def dynamic(layer, width, knots=5):
    """θ at the knots: kernels with biases, and the shift of each normalisation by the norm of a pixel."""
    inner = width // 4
    own = {
        "double": 2 * (9 * width**2 + 2 * width),
        "preact": 2 * (9 * width**2 + 2 * width),
        "parabolic": 9 * width**2 + 3 * width,
        "bottleneck": 2 * width * inner + 9 * inner**2 + 2 * (2 * inner + width),
        "hamiltonian": 2 * (9 * (width // 2) ** 2 + width // 2),  # two fields of half the width, not normalised
    }
    return knots * own[layer]


@pytest.mark.parametrize("name", t2n.list_models("dynamic_*"))
def test_dynamic_networks(name):
    widths = (16, 32, 64, 64)
    opening = 27 * 16 + 3 * 16  # a convolution with bias, BatchNorm; so are the connectors, and last the linear layer
    connectors = sum(a * b + 3 * b for a, b in itertools.pairwise(widths))
    blocks = sum(dynamic(name.rpartition("_")[2], width) for width in widths[:-1])
    assert count(name) == opening + connectors + blocks + 64 * 10 + 10


LARGE = ("torchvision/resnet1", "torchvision/wide", "torchvision/resnext", "timm/")  # a second or more each


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith(LARGE) else name
        for name in t2n.list_models()
        if not name.startswith(("tnrd", "durr"))  # which give images
    ],
)
def test_each_class_has_its_row_in_the_last_layer(name):
    network = make(name)
    last = [m for m in network.modules() if isinstance(m, torch.nn.Linear) and m.out_features == 10]
    stopping = name.startswith("stopping")  # with exits, and a policy that sees their scores
    assert stopping or len(last) == 1
    own = sum(p.numel() for p in network.parameters())
    seen = network.policy.hidden.out_features if stopping else 0
    assert count(name, num_classes=100) - own == 90 * (sum(layer.in_features + 1 for layer in last) + seen)
