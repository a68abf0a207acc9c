"""Hamiltonian and IMEX networks, their fields and flows, against a few lines each, from their papers' formulas."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.families.exponential_network import exponential_resnet
from tableau2net.nn.families.fractal import fractalnet
from tableau2net.nn.families.hamiltonian import hamiltonian, leapfrog, midpoint
from tableau2net.nn.families.imexnet import imexnet
from tableau2net.nn.families.polynet import polynet
from tableau2net.nn.families.revnet import revnet
from tableau2net.nn.fields.fourier import Diffusion, Rest
from tableau2net.nn.fields.transposed import Antisymmetric, Symmetric
from tests.fields import Decay
from tests.nn.by_hand import NETWORKS, SMALL, agree, crossed, double, images

# --- Hamiltonian, midpoint, leapfrog


def test_symmetric_fields_are_their_formulas():
    y = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    for sign, norm in itertools.product((1, -1), (False, True)):
        field = double(Symmetric(3, sign, norm=norm, activation=torch.tanh))
        k = field.conv.weight
        inner = functional.conv2d(y, k, padding=1)
        inner = field.shift(inner) if norm else inner + field.shift.bias
        x = torch.randn_like(y)
        value = field(y)
        # <x, Kᵀσ> = <Kx, σ>
        torch.testing.assert_close((x * value).sum(), sign * (functional.conv2d(x, k, padding=1) * inner.tanh()).sum())
    linear = double(Antisymmetric(3, activation=lambda z: z))
    x = torch.randn_like(y)
    plain = linear(y) - linear.shift.bias
    again = linear(x) - linear.shift.bias
    torch.testing.assert_close((x * plain).sum(), -(again * y).sum())
    torch.testing.assert_close(
        plain,
        functional.conv2d(y, linear.conv.weight, padding=1)
        - functional.conv_transpose2d(y, linear.conv.weight, padding=1),
    )


def pooled(y, channels):
    extra = channels - y.shape[1]
    return functional.pad(functional.avg_pool2d(y, 2), (0, 0, 0, 0, extra // 2, extra - extra // 2))


def force(field, y):
    """Kᵀσ(Ky + b)."""
    k = field.conv.weight
    inner = torch.relu(functional.conv2d(y, k, padding=1) + field.shift.bias)
    return functional.conv_transpose2d(inner, k, padding=1)


def turn(field, y):
    """σ((K − Kᵀ)y + b)."""
    k = field.conv.weight
    moved = functional.conv2d(y, k, padding=1) - functional.conv_transpose2d(y, k, padding=1)
    return torch.relu(moved + field.shift.bias)


def symplectic_euler(block, y, z):
    for k1, k2 in block.fields:
        y = y + block.h * force(k1, z)
        z = z - block.h * force(k2, y)
    return y, z


def verlet(block, p, q):
    for kick, drift in block.fields:
        half = p + block.h / 2 * force(kick, q)
        q = q - block.h * force(drift, half)
        p = half + block.h / 2 * force(kick, q)
    return p, q


def by_midpoint(block, y):
    old, y = y, y + block.h * turn(block.fields[0], y)
    for f in block.fields[1:]:
        old, y = y, old + 2 * block.h * turn(f, y)
    return (y,)


def by_leapfrog(block, y):
    old, y = y, y - block.h**2 / 2 * force(block.fields[0], y)
    for f in block.fields[1:]:
        old, y = y, 2 * y - old - block.h**2 * force(f, y)
    return (y,)


FLOWS = {"hamiltonian": symplectic_euler, "verlet": verlet, "midpoint": by_midpoint, "leapfrog": by_leapfrog}


@pytest.mark.parametrize("backward", ["reversible", "store"])
@pytest.mark.parametrize("name", FLOWS)
def test_flow_by_hand(name, backward):
    def by_hand(net, x):
        states = net.opening(x).chunk(net.states, 1)
        for i, block in enumerate(net.blocks):
            if i:
                states = [pooled(y, SMALL[i] // net.states) for y in states]
            states = FLOWS[name](block, *states)
        return net.head(torch.cat(states, 1))

    agree(double(NETWORKS[name](backward=backward)), by_hand, images())


def test_the_unit_that_leads_to_a_new_width_takes_its_step_before_it():
    """n units to each width, written as the authors' loop has them."""
    widths, n = (4, 6, 8), 2
    net = double(hamiltonian(26, widths=widths, backward="store"))
    convolution, norm, relu = net.opening
    units = [pair for block in net.blocks for pair in block.fields]
    assert len(units) == n * len(widths)
    x = images()
    states = relu(norm(convolution(x))).chunk(2, 1)
    for i, (k1, k2) in enumerate(units):
        y = states[0] + 0.1 * force(k1, states[1])
        states = (y, states[1] - 0.1 * force(k2, y))
        if i and i % n == 0:
            states = [pooled(y, widths[i // n] // 2) for y in states]
    torch.testing.assert_close(net(x), net.head(torch.cat(list(states), 1)))


# --- IMEXnet


def dense(kernel, height, width):
    """K on a periodic image as a matrix."""
    rows = []
    for i, j in itertools.product(range(height), range(width)):
        row = torch.zeros(height, width, dtype=torch.float64)
        for a, b in itertools.product((-1, 0, 1), repeat=2):
            row[(i + a) % height, (j + b) % width] += kernel[a + 1, b + 1]
        rows.append(row.flatten())
    return torch.stack(rows)


@pytest.mark.parametrize("size", [(5, 4), (4, 5), (3, 3), (6, 8)])
def test_diffusion_is_its_matrix_and_solves_for_itself(size):
    field = double(Diffusion(2))
    y = torch.randn(3, 2, *size, dtype=torch.float64)
    for channel in range(2):
        k = dense(field.weight[channel].detach(), *size)
        slope = -(y[:, channel].flatten(1) @ (k.T @ k))
        torch.testing.assert_close(field(y)[:, channel].flatten(1), slope)
    solved = field.resolvent(y, 0.7)
    torch.testing.assert_close(solved - 0.7 * field(solved), y)


def imexnet_by_hand(net, x):
    """(I + L)y⁺ = y + Ly + f(y), L = KᵀK a matrix for each channel, from the nine of K's entries."""
    y = net.opening(x)
    for i, block in enumerate(net.blocks):
        y = crossed(net, i, y)
        size = y.shape[-2:]
        units = [dense(unit.reshape(3, 3), *size) for unit in torch.eye(9, dtype=torch.float64)]
        for rest, linear in block.fields:
            k = torch.einsum("cu,uij->cij", linear.weight.flatten(1), torch.stack(units))
            matrix = k.transpose(1, 2) @ k
            flat = y.flatten(2).unsqueeze(3)
            right = flat + matrix @ flat + rest.field(y).flatten(2).unsqueeze(3)
            y = torch.linalg.solve(torch.eye(len(matrix[0]), dtype=torch.float64) + matrix, right).reshape(y.shape)
    return net.head(y)


def exponential_by_hand(net, x):
    """y⁺ = e^−λ y + (1 − e^−λ)/λ f(y), λ = log(1 + e^k) by channel; with K'K by the exponential of a matrix."""
    y = net.opening(x)
    for i, block in enumerate(net.blocks):
        y = crossed(net, i, y)
        for f, linear in block.fields:
            if hasattr(linear, "raw"):
                rate = torch.log1p(torch.exp(linear.raw))
                y = torch.exp(-rate) * y + (1 - torch.exp(-rate)) / rate * f(y)
                continue
            units = torch.stack([dense(unit.reshape(3, 3), *y.shape[-2:]) for unit in torch.eye(9, dtype=y.dtype)])
            k = torch.einsum("cu,uij->cij", linear.weight.flatten(1), units)
            inner = -k.transpose(1, 2) @ k
            grown, slope = torch.linalg.matrix_exp(inner), f(y).flatten(2).unsqueeze(3)
            driven = torch.linalg.solve(inner, (grown - torch.eye(len(inner[0]), dtype=y.dtype)) @ slope)
            y = (grown @ y.flatten(2).unsqueeze(3) + driven).reshape(y.shape)
    return net.head(y)


@pytest.mark.parametrize("linear", ["damping", "diffusion"])
def test_exponential_network_by_hand(linear):
    agree(double(NETWORKS["exponential"](linear=linear)), exponential_by_hand, images())


def test_imexnet_by_hand():
    agree(double(NETWORKS["imexnet"]()), imexnet_by_hand, images())


@pytest.mark.parametrize("scheme", ["ars-111", "ars-222", "ars-443", "ark-324l2sa"])
def test_resolvents_give_what_the_compiled_scheme_solves_for(scheme):
    torch.manual_seed(0)
    linear = Diffusion(2).double()
    f = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Tanh()).double()
    fields = [[Rest(f, linear), linear]] * 2
    y = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    expected = t2n.compile(scheme, tolerance=1e-13)(fields, h=0.4)(y)
    torch.testing.assert_close(t2n.compile(scheme, solver="resolvent")(fields, 0.4)(y), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scheme", ["backward-euler", "crouzeix-2", "bdf-2", "trapezoid"])
def test_a_linear_field_solves_its_own_stages(scheme):
    """The learnt factor and every family whose stages are implicit one at a time; f = −y here."""
    y = torch.randn(3, dtype=torch.float64)
    fields = [Decay()] * 4
    expected = t2n.compile(scheme, tolerance=1e-13)(fields, h=0.4)(y)
    torch.testing.assert_close(
        t2n.compile(scheme, solver="resolvent")(fields, h=0.4)(y), expected, rtol=1e-9, atol=1e-9
    )
    with pytest.raises(TypeError, match="needs a method resolvent"):
        t2n.compile(scheme, solver="resolvent")([nn.Tanh()] * 4)(y)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: revnet(40),
        lambda: revnet(38, scheme="rk4"),
        lambda: midpoint(26, scheme="rk4"),
        lambda: leapfrog(26, scheme="rk4"),
        lambda: polynet("poly2", 20, scheme="rk4"),
        lambda: revnet(38, widths=(5, 8)),
        lambda: hamiltonian(75),
        lambda: hamiltonian(26, scheme="rk4"),
        lambda: leapfrog(20, transition="other"),
        lambda: leapfrog(20, widths=(8, 4)),
        lambda: imexnet(21),
        lambda: imexnet(20, scheme="rk4"),
        lambda: exponential_resnet(20, scheme="rk4"),
        lambda: exponential_resnet(20, linear="other"),
        lambda: polynet("poly3", 20),
        lambda: polynet("poly2", 21),
        lambda: fractalnet(21),
        lambda: fractalnet(20, drop=2),
        lambda: t2n.compile("gauss-2", solver="resolvent"),
    ],
)
def test_what_does_not_fit_is_said(wrong):
    with pytest.raises(InputError):
        wrong()
