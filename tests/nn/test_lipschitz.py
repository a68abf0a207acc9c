"""Layers held at a norm, beside all singular values of the operator written out as a matrix."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.nn import lipschitz_, lipschitz_bound

DOUBLE = torch.float64
SIZE = (6, 5)
SHAPES = (
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 1},
    {"kernel_size": 3},
    {"kernel_size": (3, 5), "padding": (1, 2)},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
    {"kernel_size": 3, "padding": 1, "groups": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 3, "padding": 4},
)


def convolution(scale, **shape):
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 6, **shape).double()
    with torch.no_grad():
        layer.weight.mul_(scale)
    return layer


def largest(layer, size=SIZE):
    """The largest singular value of the layer, as the matrix that it is."""
    with torch.no_grad():
        unit = torch.eye(layer.in_channels * math.prod(size), dtype=DOUBLE).view(-1, layer.in_channels, *size)
        bias = layer(torch.zeros_like(unit[:1]))
        return float(torch.linalg.matrix_norm((layer(unit) - bias).flatten(1), 2))


@pytest.mark.parametrize("shape", [SHAPES[0], *(pytest.param(s, marks=pytest.mark.slow) for s in SHAPES[1:])], ids=str)
def test_power_iteration_comes_from_below_to_the_norm_of_the_operator(shape):
    layer = convolution(5, **shape)
    sigma = largest(layer)
    lipschitz_(nn.Sequential(layer), 0.9, SIZE, iterations=1)
    bound, weight = layer.parametrizations.weight[0], layer.parametrizations.weight.original
    layer.train()
    counted = []
    for _ in range(30):
        assert largest(layer.eval()) >= 0.9 - 1e-12  # held at what is not above σ, so at c or above it
        counted.append(bound.norm(weight).item())
        layer.train()
        for _ in range(20):
            layer.weight  # noqa: B018  (each is a step)
    assert all(a <= b + 1e-12 for a, b in pairwise(counted))
    assert counted[-1] <= sigma * (1 + 1e-13)
    assert counted[-1] == pytest.approx(sigma, rel=5e-3)
    assert largest(layer.eval()) == pytest.approx(0.9, rel=5e-3)
    assert largest(layer) <= lipschitz_bound(layer) * (1 + 1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_exact_bound_is_never_exceeded(shape):
    layer = convolution(5, **shape)
    lipschitz_(nn.Sequential(layer), 0.9, SIZE, exact=True)
    assert largest(layer) <= 0.9 * (1 + 1e-12)
    assert largest(layer) >= 0.4  # and no layer is made nothing of
    assert lipschitz_bound(layer) == pytest.approx(0.9, rel=1e-12)
    assert largest(layer, (3, 4)) <= 0.9 * (1 + 1e-12)  # smaller images too


@pytest.mark.parametrize("exact", [False, True])
def test_what_is_below_already_stays_as_it_is(exact):
    layer = convolution(0.1, kernel_size=3, padding=1)
    weight = layer.weight.detach().clone()
    lipschitz_(layer, 0.9, SIZE, exact=exact)
    assert torch.equal(layer.weight, weight)


def test_a_field_is_as_steep_as_it_says_at_most():
    torch.manual_seed(1)
    field = nn.Sequential(
        nn.Linear(3, 9), nn.ELU(), nn.Sequential(nn.Linear(9, 9), nn.Tanh()), nn.Linear(9, 3)
    ).double()
    with torch.no_grad():
        for p in field.parameters():
            p.mul_(5)
    assert lipschitz_bound(field) > 10
    lipschitz_(field, 0.9, exact=True)
    assert lipschitz_bound(field) == pytest.approx(0.9**3, rel=1e-12)
    a, b = torch.randn(2, 500, 3, dtype=DOUBLE)
    assert ((field(a) - field(b)).norm(dim=1) <= 0.9**3 * (a - b).norm(dim=1)).all()


@pytest.mark.parametrize("shape", ["flat", "nested", "twice", "images"])
def test_a_layer_counts_as_often_as_it_occurs(shape):
    """Beside the Jacobian where ReLU passes all on; and it is held once."""
    torch.manual_seed(5)
    layer = nn.Linear(3, 3) if shape != "images" else nn.Conv2d(1, 1, 1)
    inner = nn.Sequential(layer, nn.ReLU())
    field, times = {
        "flat": (nn.Sequential(layer, nn.ReLU(), layer), 2),
        "nested": (nn.Sequential(inner, nn.Sequential(layer)), 2),
        "twice": (nn.Sequential(inner, inner, layer), 3),
        "images": (nn.Sequential(layer, nn.ReLU(), layer), 2),
    }[shape]
    field.double()
    with torch.no_grad():
        layer.weight.copy_(1.3 * torch.eye(len(layer.weight)).view_as(layer.weight))
        layer.bias.zero_()
    y = torch.rand(1, *((3,) if shape != "images" else (1, 2, 2)), dtype=DOUBLE) + 1
    size = (2, 2) if shape == "images" else ()

    def norm():
        J = torch.autograd.functional.jacobian(field, y)
        return float(torch.linalg.matrix_norm(J.reshape(y.numel(), -1), 2))

    assert lipschitz_bound(field, size) == pytest.approx(norm(), rel=1e-12) == pytest.approx(1.3**times)
    lipschitz_(field, 2, size, exact=True)
    assert len(layer.parametrizations.weight) == 1
    layer.parametrizations.weight.original.data.mul_(10)
    assert lipschitz_bound(field, size) == pytest.approx(norm(), rel=1e-12) == pytest.approx(2**times)


def test_what_is_refused_is_left_as_it_was():
    field = nn.Sequential(nn.Linear(3, 3), nn.GELU())
    with pytest.raises(t2n.InputError):
        lipschitz_(field, 0.9)
    assert list(field.state_dict()) == ["0.weight", "0.bias"]


def test_the_gradient_is_that_of_the_held_weight():
    torch.manual_seed(2)
    layer = nn.Linear(4, 3).double()
    y = torch.randn(5, 4, dtype=DOUBLE)
    with torch.no_grad():
        layer.weight.mul_(5)
    held = lipschitz_(nn.Sequential(layer), 0.7, iterations=500).eval()
    original = layer.parametrizations.weight.original

    def total(weight):
        sigma = torch.linalg.matrix_norm(weight, 2)
        return ((y @ (weight * 0.7 / sigma).T) + layer.bias).square().sum()

    (got,) = torch.autograd.grad(held(y).square().sum(), original)
    assert torch.allclose(got, torch.autograd.grad(total(original), original)[0], atol=1e-10)


def test_vectors_are_in_the_state_and_stand_still_in_evaluation():
    torch.manual_seed(3)
    field = lipschitz_(nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6)), 0.5, iterations=1)
    for layer in (field[0], field[2]):
        assert {name for name, _ in layer.named_buffers()} == {f"parametrizations.weight.0.{v}" for v in "uv"}
    y = torch.randn(3, 6)
    field.eval()
    assert torch.equal(field(y), field(y))
    field.train()
    before = field(y)
    assert not torch.equal(field(y), before)
    other = lipschitz_(nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6)), 0.5, iterations=1)
    other.load_state_dict(field.state_dict())
    assert torch.equal(other.eval()(y), field.eval()(y))
    kept = [p.clone() for p in field.buffers()]
    assert lipschitz_bound(field.train()) > 0  # looking at it moves nothing
    assert all(torch.equal(a, b) for a, b in zip(kept, field.buffers(), strict=True))


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_a_block_of_them_trains(backward):
    torch.manual_seed(4)
    fields = [lipschitz_(nn.Sequential(nn.Linear(4, 4), nn.ELU(), nn.Linear(4, 4)), 0.9) for _ in range(2)]
    block = t2n.compile("euler", backward=backward)(fields)
    block(torch.randn(3, 4)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters() if p.requires_grad)


def test_bad_input_is_told_in_a_line():
    plain = lambda: nn.Sequential(nn.Linear(3, 3))  # noqa: E731
    images = lambda **options: nn.Sequential(nn.Conv2d(2, 2, 3, **options))  # noqa: E731
    for field, arguments, said in (
        (plain(), (0,), "lipschitz=0: a number above 0"),
        (plain(), (math.nan,), "lipschitz=nan"),
        (plain(), ("a",), "lipschitz='a': a number above 0"),
        (plain(), (None,), "lipschitz=None: a number above 0"),
        (plain(), (True,), "lipschitz=True: a number above 0"),
        (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), (0.9,), "lipschitz: 1 is a BatchNorm1d, which divides by"),
        (t2n.nn.PreActivation(4, 4), (0.9, (8, 8)), "lipschitz: bn1 is a BatchNorm2d"),
        (nn.Sequential(nn.Linear(3, 3), nn.GELU()), (0.9,), "lipschitz: 1 is a GELU: a field may have Linear"),
        (nn.Sequential(nn.ELU(2.0)), (0.9,), "lipschitz: 0 is a ELU"),
        (nn.Sequential(nn.LeakyReLU(3)), (0.9,), "lipschitz: 0 is a LeakyReLU"),
        (nn.GRUCell(3, 3), (0.9,), "lipschitz: the field is a GRUCell"),
        (images(padding=1), (0.9,), r"lipschitz: size=\(\): a convolution wants that of its images, \(32, 32\) say"),
        (images(padding=1), (0.9, (4, 0)), r"lipschitz: size=\(4, 0\)"),
        (images(padding=1, padding_mode="circular"), (0.9, (4, 4)), "padding_mode='circular'; write numbers"),
        (images(padding="same"), (0.9, (4, 4)), "lipschitz: a convolution with padding='same'"),
    ):
        with pytest.raises(t2n.InputError, match=said):
            lipschitz_(field, *arguments)
    for iterations in (0, 2.5, "5"):
        with pytest.raises(t2n.InputError, match=r"iterations=.*: of power iteration"):
            lipschitz_(plain(), 0.9, iterations=iterations)
    assert lipschitz_bound(nn.GRUCell(3, 3)) is None
    assert lipschitz_bound(nn.Conv2d(2, 2, 3)) is None
    assert lipschitz_bound(nn.Conv2d(2, 2, 3), (5, 5)) > 0
