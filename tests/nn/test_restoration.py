"""Networks that restore images: TNRD against its energy and its formula, and a flow with an end for each image."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.fft import idctn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.nn.fields.reaction_diffusion import NODES, REACH, DiffusionOfImages, mirrored, mirrored_back


def drawn(size=5, seed=0):
    """A field whose kernels and functions are drawn, in float64."""
    torch.manual_seed(seed)
    field = DiffusionOfImages(size).double()
    with torch.no_grad():
        field.mixture.normal_()
        field.influences.values.normal_()
    return field


def image(count=1, height=13, width=16, seed=1):
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def energy(field, u):
    """Σ_i Σ_pixels ρ_i(k_i ∗ u), ρ_i the integral of φ_i from the first node on, with loops over kernels and scipy's
    correlation alone: ρ_i is quadratic between nodes, by the trapezium rule, and straight beyond the ends."""
    nodes = np.linspace(-REACH, REACH, NODES)
    kernels = field.kernels().detach().numpy()[:, 0]
    values = field.influences.values.detach().numpy() * field.influences.unit
    total = 0.0
    for kernel, phi in zip(kernels, values, strict=True):
        x = ndimage.correlate(u, kernel, mode="reflect")  # scipy's word for: the last pixel stands twice
        rho = np.concatenate([[0], np.cumsum((phi[1:] + phi[:-1]) / 2 * np.diff(nodes))])
        k = np.clip(np.searchsorted(nodes, x) - 1, 0, NODES - 2)
        at = np.clip(x, nodes[0], nodes[-1])
        part = at - nodes[k]
        slope = (phi[k + 1] - phi[k]) / (nodes[k + 1] - nodes[k])
        inside = rho[k] + phi[k] * part + slope * part**2 / 2
        total += np.sum(inside + np.where(x < at, phi[0], phi[-1]) * (x - at))
    return total


@pytest.mark.parametrize("size", [3, 5])
def test_the_field_is_minus_the_gradient_of_its_energy(size):
    """Against differences of an energy that shares no code with it: along drawn directions, corners among them."""
    field, u = drawn(size), 3 * image() - 1  # some responses are beyond the last node
    slope = field(torch.cat((u, u), 1))[0, 0].detach().numpy()
    u, rng = u[0, 0].numpy(), np.random.default_rng(0)
    corner = np.zeros_like(u)
    corner[0, 0] = 1
    for way in (corner, corner[::-1, ::-1], *rng.normal(size=(3, *u.shape))):
        h = 1e-6
        difference = (energy(field, u + h * way) - energy(field, u - h * way)) / (2 * h)
        assert difference == pytest.approx(-np.sum(slope * way), rel=1e-6, abs=1e-7)


def test_its_jacobian_is_symmetric():
    field, u = drawn(3), image(height=5, width=6)
    jacobian = torch.autograd.functional.jacobian(lambda u: field(torch.cat((u, u), 1))[:, :1], u).view(30, 30)
    torch.testing.assert_close(jacobian, jacobian.T, rtol=1e-12, atol=1e-14)
    assert jacobian.abs().max() > 0.1


@pytest.mark.parametrize("edge", [1, 3])
def test_mirroring_has_its_transpose(edge):
    u = image(2)
    v = torch.randn(2, 1, 13 + 2 * edge, 16 + 2 * edge, dtype=torch.float64)
    expected = np.pad(u.numpy(), ((0, 0), (0, 0), (edge, edge), (edge, edge)), mode="symmetric")
    assert np.array_equal(mirrored(u, edge).numpy(), expected)
    torch.testing.assert_close((mirrored(u, edge) * v).sum(), (u * mirrored_back(v, edge)).sum(), rtol=1e-13, atol=0)


@pytest.mark.parametrize("size", [3, 5, 7])
def test_kernels_have_no_mean_and_norm_one_whatever_is_learnt(size):
    kernels = drawn(size).kernels()
    assert kernels.sum((1, 2, 3)).abs().max() < 1e-14
    torch.testing.assert_close(kernels.square().sum((1, 2, 3)), torch.ones(size**2 - 1).double())
    start = DiffusionOfImages(size).double().kernels()[:, 0].detach().numpy()
    for k, kernel in enumerate(start, start=1):  # at first they are cosines, as scipy has them
        alone = np.zeros(size * size)
        alone[k] = 1
        np.testing.assert_allclose(kernel, idctn(alone.reshape(size, size), norm="ortho"), atol=1e-14)


def test_functions_are_linear_between_their_nodes():
    field = drawn(3).influences
    x = torch.linspace(-1.4, 1.4, 8 * 301, dtype=torch.float64).view(1, 8, 301, 1)
    nodes, values = np.linspace(-REACH, REACH, NODES), field.values.detach().numpy() * field.unit
    expected = [np.interp(row, nodes, own) for row, own in zip(x[0, :, :, 0].numpy(), values, strict=True)]
    np.testing.assert_allclose(field(x)[0, :, :, 0].detach().numpy(), expected, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "published"),
    [("tnrd5_5x5", 5 * (24 * 24 + 24 * 63 + 1)), ("tnrd5_7x7", 5 * (48 * 48 + 48 * 63 + 1)), ("durr-diffusion", 2089)],
)
def test_parameters(name, published):
    with torch.device("meta"):
        assert sum(p.numel() for p in t2n.create_model(name).parameters()) == published


def by_hand(field, u):
    """−Σ K_iᵀ φ_i(K_i u) kernel by kernel, the transpose by autograd."""
    slope = torch.zeros_like(u)
    for i, kernel in enumerate(field.kernels()):
        at = u.detach().requires_grad_()
        response = functional.conv2d(mirrored(at, field.size // 2), kernel[None])
        spread = response.detach().expand(-1, field.size**2 - 1, -1, -1)
        phi = field.influences(spread)[:, i : i + 1]
        slope -= torch.autograd.grad((response * phi.detach()).sum(), at)[0]
    return slope


def net(name, **options):
    torch.manual_seed(0)
    made = t2n.create_model(name, **options).double()
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.05 * torch.randn_like(p))
    return made


def test_tnrd_by_hand():
    """u⁺ = u − Σ K_iᵀ φ_i(K_i u) − λ(u − f), step by step; each channel by itself."""
    tnrd, f = net("tnrd3_3x3"), torch.cat((image(2), image(2, seed=2)), 1)
    u = f
    for own in tnrd.blocks[0].fields:
        spread = torch.cat([by_hand(own.diffusion, u[:, c : c + 1]) for c in range(2)], 1)
        u = u + spread - own.reaction.weight * (u - f)
    torch.testing.assert_close(tnrd(f), u, rtol=1e-12, atol=1e-13)


def test_an_implicit_reaction_is_the_step_of_the_published_code():
    """VLOGroup/denoising-variationalnetwork: u⁺ = u − (Ru + λ(u − f))/(1 + λ): Euler with λ(u − f) implicit."""
    tnrd, f = net("tnrd2_3x3", scheme="ars-111"), image(2)
    u = f
    for diffusion, reaction in tnrd.blocks[0].fields:
        weight = reaction.weight
        u = u - (-by_hand(diffusion, u) + weight * (u - f)) / (1 + weight)
    torch.testing.assert_close(tnrd(f), u, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("scheme", ["ssprk-33", "adams-bashforth-2", "ars-222", "bdf-2"])
def test_any_scheme_steps_it(scheme):
    """In many small steps with one field every scheme comes to the image that rk4 comes to."""
    options = {"solver": "fixed-point"} if scheme == "bdf-2" else {}
    ends = []
    for name, steps, own in (("rk4", 16, {}), (scheme, 64, options)):
        block = net("tnrd1_3x3", scheme=name, **own).blocks[0]
        torch.manual_seed(3)
        for p in block.parameters():
            p.data = torch.randn_like(p) + (0.8 if p.dim() == 0 else 0)
        made = type(block)([block.fields[0]] * steps, h=1 / steps)
        ends.append(made(torch.cat((image(), image()), 1))[:, :1])
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=5e-4)
    assert (ends[0] - image()).abs().max() > 0.05


def test_an_image_smaller_than_a_kernel_is_refused():
    with pytest.raises(t2n.InputError, match="images of 4×9 pixels: kernels are 5×5"):
        t2n.create_model("tnrd1_5x5")(torch.rand(1, 1, 4, 9))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("tnrd5_4x4", {}, "size=4: kernels are 3×3"),
        ("tnrd0_5x5", {}, "one step at least"),
        ("tnrd5_5x5", {"scheme": "symplectic-euler-p"}, "a scheme of one state"),
        ("tnrd5_5x5", {"size": 7}, "the name says size already"),
        ("durr-diffusion", {"scheme": "adams-bashforth-2"}, "write a one-step scheme"),
        ("durr", {"scheme": "ars-111"}, "durr has one field"),
        ("durr", {"steps": 0}, "steps=0: write a whole number"),
    ],
)
def test_refused(name, options, says):
    with pytest.raises(t2n.InputError, match=says):
        t2n.create_model(name, **options)
