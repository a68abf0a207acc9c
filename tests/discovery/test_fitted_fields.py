"""The fields that are fitted, against sums written out by hand, other code of torch and sympy."""

import itertools
import math

import numpy as np
import pytest
import sympy
import torch

from tableau2net.discovery.differences import Differences, beyond, orders_up_to
from tableau2net.discovery.fields_found import Channels, Library, SymNets
from tableau2net.discovery.local_kernels import local_correlation
from tableau2net.discovery.mesh import OnMesh, lagrange_basis
from tableau2net.discovery.monomials import monomial_of, monomials, text_of_monomial
from tableau2net.discovery.pde_net import PDENet
from tableau2net.discovery.symnet import SymNet

H = 2 * math.pi / 24


def plane(*waves):
    x = torch.arange(24, dtype=torch.float64) * H
    x, y = torch.meshgrid(x, x, indexing="ij")
    return sum(torch.sin(a * x + b * y + 0.3 * a - 0.1) for a, b in waves), x, y


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("points", [3, 5, 7])
def test_frozen_kernels_differentiate_polynomials_of_their_size(points):
    orders = orders_up_to(2, 2)
    kernels = Differences(orders, points, (0.5, 0.25), "periodic").kernels()
    offsets = np.arange(points) - points // 2
    for (a, b), kernel in zip(orders, kernels.numpy(), strict=True):
        for p, q in itertools.product(range(points), repeat=2):
            values = np.multiply.outer((0.5 * offsets) ** p, (0.25 * offsets) ** q)
            wanted = math.factorial(a) * math.factorial(b) if (p, q) == (a, b) else 0
            assert (kernel * values).sum() == pytest.approx(wanted, abs=1e-9)


def test_derivatives_of_waves_converge_with_the_order_of_the_tables():
    u, x, y = plane((1, 2))
    found = Differences([(1, 0), (0, 2)], 5, (H, H), "periodic")(u[None, None])[0, 0]
    slope = torch.cos(x + 2 * y + 0.2)
    assert (found[0] - slope).abs().max() < 1.1 * H**4 / 30
    assert (found[1] + 4 * u).abs().max() < 1.1 * 4 * (2 * H) ** 4 / 90


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_learnt_kernels_keep_their_moments(keep):
    orders = orders_up_to(2, 2)
    differences = Differences(orders, 5, (1.0, 1.0), "periodic", keep)
    with torch.no_grad():
        differences.learnt.copy_(random(len(differences.learnt)))
    j = np.arange(5) - 2
    for order, w in zip(orders, differences.weights().detach().numpy(), strict=True):
        for k in itertools.product(range(5), repeat=2):
            basis = np.multiply.outer(j ** k[0] / math.factorial(k[0]), j ** k[1] / math.factorial(k[1]))
            if sum(k) < sum(order) + keep or not any(order):
                assert (w * basis).sum() == pytest.approx(float(k == order), abs=1e-12)


def test_free_kernels_may_be_anything():
    differences = Differences([(1,)], 5, (1.0,), "periodic", 0)
    assert differences.learnt.shape == (5,)


def test_dirichlet_ends_are_odd():
    n = 9
    h = math.pi / (n + 1)
    x = h * torch.arange(1, n + 1, dtype=torch.float64)
    u = torch.sin(x) - 0.3 * torch.sin(3 * x)
    found = Differences([(2,)], 7, (h,), "dirichlet")(u[None, None])[0, 0, 0]
    assert (found - (-torch.sin(x) + 2.7 * torch.sin(3 * x))).abs().max() < 0.02
    index, sign = beyond(3, 3, "dirichlet")
    assert (torch.tensor([10.0, 20, 30])[index] * sign).tolist() == [-20, -10, 0, 10, 20, 30, 0, -30, -20]


def test_a_kernel_at_each_point_is_the_sum_written_out_and_so_are_its_gradients():
    padded, kernels = random(2, 1, 6, 7).requires_grad_(), random(3, 3, 4, 5).requires_grad_()

    def plainly(padded, kernels):
        rows = padded.unfold(2, 3, 1).unfold(3, 3, 1)
        return torch.einsum("bcxyij,ijxy->bcxy", rows, kernels)

    assert torch.allclose(local_correlation(padded, kernels), plainly(padded, kernels), atol=1e-14)
    assert torch.autograd.gradcheck(local_correlation, (padded, kernels))


def test_piecewise_quadratics_are_what_numpy_interpolates():
    at = torch.linspace(0, 1, 31, dtype=torch.float64)[:-1]
    basis = lagrange_basis(at, 0, 1, 3, 2).numpy()
    nodes = np.linspace(0, 1, 7)
    values = np.sin(5 * nodes)
    for n, x in enumerate(at.tolist()):
        e = min(int(3 * x), 2)
        part = slice(2 * e, 2 * e + 3)
        assert basis[n] @ values == pytest.approx(np.polyval(np.polyfit(nodes[part], values[part], 2), x), abs=1e-12)


def test_a_map_of_a_quadratic_is_that_quadratic():
    maps = OnMesh(1, (10, 12), 4, torch.tensor([2.0]))
    grid = torch.linspace(0, 1, 9, dtype=torch.float64)
    with torch.no_grad():
        maps.nodal.copy_((grid[:, None] ** 2 - grid)[None] / 2)
    x, y = torch.arange(10).double() / 10, torch.arange(12).double() / 12
    assert torch.allclose(maps()[0], x[:, None] ** 2 - y, atol=1e-13)


@pytest.mark.parametrize("elements", [0, 3])
def test_pde_net_is_the_sum_of_its_terms(elements):
    differences = Differences(orders_up_to(2, 2)[1:], 5, (H, H), "periodic")
    field = PDENet(differences, (24, 24), elements, torch.arange(1.0, 6.0))
    with torch.no_grad():
        field.maps.nodal.copy_(random(*field.maps.nodal.shape))
    u = random(2, 1, 24, 24)
    by_hand = (differences(u)[:, 0] * field.maps()).sum(1, keepdim=True)
    assert torch.allclose(field(u), by_hand, atol=1e-11)


def burgers(upwind=0, keep=None):
    differences = Differences(orders_up_to(2, 2), 5, (H, H), "periodic", keep, upwind)
    channels = Channels(differences, ("u", "v"))
    support = [[monomial_of(term, channels.names) for term in (f"u {s}_x", f"v {s}_y", f"{s}_xx")] for s in "uv"]
    return Library(channels, support, torch.tensor([-1.0, -1, 0.1] * 2, dtype=torch.float64))


def test_a_library_is_the_polynomial_that_it_says():
    field = burgers()
    u = random(1, 2, 24, 24)
    d = field.channels.differences(u)
    for s in (0, 1):
        by_hand = -u[:, 0] * d[:, s, 1] - u[:, 1] * d[:, s, 2] + 0.1 * d[:, s, 3]
        assert torch.allclose(field(u)[:, s], by_hand, atol=1e-10)


def test_one_sided_kernels_look_where_waves_come_from():
    field = burgers(upwind=1)
    u = random(1, 2, 24, 24)
    back = (u - u.roll(1, 2)) / H, (u - u.roll(1, 3)) / H
    ahead = (u.roll(-1, 2) - u) / H, (u.roll(-1, 3) - u) / H
    second = field.channels.differences(u)[:, :, 3]
    x, y = (torch.where(u[:, k : k + 1] > 0, back[k], ahead[k]) for k in (0, 1))
    assert torch.allclose(field(u)[:, :1], (-u[:, :1] * x - u[:, 1:] * y + 0.1 * second)[:, :1], atol=1e-10)


def test_symnet_has_as_many_parameters_as_published():
    net = SymNet(12)
    assert sum(p.numel() for p in net.parameters()) == 168
    assert len(monomials(12, 2)) == 91


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_symnet_is_expanded_as_sympy_expands_it(degree):
    net = SymNet(3, layers=2, generator=torch.Generator().manual_seed(degree))
    names = sympy.symbols("a b c")
    inner = list(names)
    for form in net.forms()[:-1]:
        left, right = (sum(w * x for w, x in zip(row, [*inner, 1], strict=True)) for row in form.tolist())
        inner.append(left * right)
    whole = sum(w * x for w, x in zip(net.forms()[-1][0].tolist(), [*inner, 1], strict=True))
    known = {key: float(value) for key, value in sympy.Poly(sympy.expand(whole), *names).terms()}
    found = {tuple(term.count(n) for n in range(3)): value for term, value in net.expand(degree).items()}
    wanted = {key: value for key, value in known.items() if sum(key) <= degree}
    assert {key for key, value in found.items() if abs(value) > 1e-12} <= wanted.keys()
    assert all(found[key] == pytest.approx(value, abs=1e-13) for key, value in wanted.items())


def test_symnet_is_the_polynomial_that_its_expansion_says():
    nets = SymNets(burgers().channels, 1, torch.Generator().manual_seed(0), layers=1)
    (polynomial,) = nets.polynomials(2)
    channels = random(2, 12, 4, 4)
    by_hand = sum(value * math.prod([channels[:, n] for n in term]) for term, value in polynomial.items())
    assert torch.allclose(nets.rates(channels)[:, 0], by_hand, atol=1e-12)


def test_terms_are_written_as_a_person_would():
    names = ("u", "u_x", "v")
    assert [text_of_monomial(term, names) for term in [(), (0, 1), (0, 0, 2)]] == ["1", "u*u_x", "u**2*v"]
