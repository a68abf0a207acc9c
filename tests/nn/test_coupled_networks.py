"""RevNet, Hamiltonian, IMEX, PolyNet and FractalNet against a few lines each, written from their papers' formulas."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.families.fractal import DropPath, FractalNetwork, fractal, fractalnet
from tableau2net.nn.families.hamiltonian import hamiltonian, leapfrog, midpoint
from tableau2net.nn.families.imexnet import imexnet
from tableau2net.nn.families.polynet import polynet
from tableau2net.nn.families.revnet import revnet
from tableau2net.nn.fields.fourier import Diffusion, Rest
from tableau2net.nn.fields.transposed import Antisymmetric, Symmetric

SMALL = (4, 6)
NETWORKS = {
    "revnet": lambda **o: revnet(26, widths=(4, *SMALL), **o),
    "revnet-paper": lambda **o: revnet(26, widths=(4, *SMALL), layers="paper", **o),
    "revnet-bottleneck": lambda **o: revnet(38, widths=(4, *SMALL), bottleneck=True, **o),
    "hamiltonian": lambda **o: hamiltonian(26, widths=SMALL, **o),
    "verlet": lambda **o: hamiltonian(26, widths=SMALL, scheme="stormer-verlet-velocity", **o),
    "midpoint": lambda **o: midpoint(20, widths=SMALL, **o),
    "leapfrog": lambda **o: leapfrog(20, widths=SMALL, **o),
    "imexnet": lambda **o: imexnet(14, widths=SMALL, **o),
    **{kind: lambda kind=kind, **o: polynet(kind, 14, widths=SMALL, **o) for kind in ("poly2", "mpoly2", "2way")},
}


def double(model, seed=0):
    """In double precision, with weights none of which is where it started."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return model.double()


def images(size=8, dtype=torch.float64):
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=dtype)


def agree(model, by_hand, x):
    """Value, gradients of all weights and of the image, and what BatchNorm has counted."""
    other = copy.deepcopy(model)
    found = []
    for net, forward in ((model, model), (other, lambda x: by_hand(other, x))):
        given = x.clone().requires_grad_()
        y = forward(given)
        weights = [p for p in net.parameters() if p.requires_grad]
        cosine = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
        found.append((y, *torch.autograd.grad((y * cosine).sum() + (y**2).sum(), [given, *weights]), *net.buffers()))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


# --- RevNet


@pytest.mark.parametrize("name", ["revnet", "revnet-paper", "revnet-bottleneck"])
def test_revnet_branches_by_hand(name):
    """BN–ReLU before each convolution, but the first of a resolution where the published counts leave it out."""
    net = double(NETWORKS[name]())
    field, first = net.blocks[1].fields[0][0], net.transitions[1].f
    for branch, skipped in ((field, 0), (first, int(name != "revnet-paper"))):
        convolutions = [m for m in branch if isinstance(m, nn.Conv2d)]
        norms = [m for m in branch if isinstance(m, nn.BatchNorm2d)]
        assert len(convolutions) == len(norms) + skipped == (3 if name == "revnet-bottleneck" else 2)

        def by_hand(_, y, given=convolutions, norms=norms, skipped=skipped):
            norms = [None] * skipped + norms
            for conv, norm in zip(given, norms, strict=True):
                if norm:
                    centred = y - y.mean((0, 2, 3), keepdim=True)
                    y = centred / (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
                    y = torch.relu(y * norm.weight[:, None, None] + norm.bias[:, None, None])
                y = functional.conv2d(y, conv.weight, conv.bias, conv.stride, conv.kernel_size[0] // 2)
            return y

        y = torch.randn(3, convolutions[0].in_channels, 8, 8, dtype=torch.float64)
        found = []
        for forward in (branch, lambda y: by_hand(None, y)):
            value = forward(y.requires_grad_())
            found.append((value, *torch.autograd.grad(value.square().sum(), [y, *branch.parameters()])))
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def revnet_by_hand(net, x):
    y1, y2 = net.opening(x).chunk(2, 1)
    for first, block in zip(net.transitions, net.blocks, strict=True):
        if hasattr(first, "f"):
            slope = first.f(y2)
            y1, y2 = first.project(y1, y2)
            y1 = y1 + slope
            y2 = y2 + first.g(y1)
        for f, g in block.fields:
            y1 = y1 + f(y2)
            y2 = y2 + g(y1)
    return net.head(torch.cat([y1, y2], 1))


@pytest.mark.parametrize("backward", ["reversible", "store"])
@pytest.mark.parametrize("name", ["revnet", "revnet-paper", "revnet-bottleneck"])
def test_revnet_by_hand(name, backward):
    agree(double(NETWORKS[name](backward=backward)), revnet_by_hand, images())


def test_revnet_shortcuts_average_and_pad():
    net = double(revnet(26, widths=(4, *SMALL)))
    y1, y2 = torch.randn(2, 1, 2, 4, 4, dtype=torch.float64)
    for y, projected in zip((y1, y2), net.transitions[1].project(y1, y2), strict=True):
        mean = (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
        torch.testing.assert_close(projected, torch.cat([mean, torch.zeros(1, 1, 2, 2)], 1).double())


def test_revnet_block_is_inverted_by_hand():
    block = double(revnet(38, widths=(4, *SMALL))).blocks[0].eval()
    start = torch.randn(2, 3, 2, 8, 8, dtype=torch.float64)
    y1, y2 = (y.detach() for y in block(*start))
    with torch.no_grad():
        for f, g in reversed(block.fields):
            y2 = y2 - g(y1)
            y1 = y1 - f(y2)
    torch.testing.assert_close(torch.stack([y1, y2]), start, rtol=1e-12, atol=1e-12)


def saved_bytes(model):
    """What the backward pass keeps beside the weights."""
    own = {p.untyped_storage().data_ptr() for p in [*model.parameters(), *model.buffers()]}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = model(images(16, torch.float32))
    y.sum().backward()
    return sum(kept.values())


@pytest.mark.parametrize("network", [revnet, hamiltonian, midpoint, leapfrog])
def test_saved_bytes_do_not_depend_on_depth(network):
    widths = (4, *SMALL) if network is revnet else SMALL
    shallow, deep, stored = (
        saved_bytes(network(depth, widths=widths, **options))
        for depth, options in ((26, {}), (98, {}), (98, {"backward": "store"}))
    )
    assert shallow == deep < stored / 5


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
        if i:
            crossed = net.transitions[i].step
            y = crossed.project(y) + crossed.field(y)
        size = y.shape[-2:]
        units = [dense(unit.reshape(3, 3), *size) for unit in torch.eye(9, dtype=torch.float64)]
        for rest, linear in block.fields:
            k = torch.einsum("cu,uij->cij", linear.weight.flatten(1), torch.stack(units))
            matrix = k.transpose(1, 2) @ k
            flat = y.flatten(2).unsqueeze(3)
            right = flat + matrix @ flat + rest.field(y).flatten(2).unsqueeze(3)
            y = torch.linalg.solve(torch.eye(len(matrix[0]), dtype=torch.float64) + matrix, right).reshape(y.shape)
    return net.head(y)


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

    class Decay(nn.Module):
        def forward(self, y):
            return -y

        def resolvent(self, known, c):
            return known / (1 + c)

    y = torch.randn(3, dtype=torch.float64)
    fields = [Decay()] * 4
    expected = t2n.compile(scheme, tolerance=1e-13)(fields, h=0.4)(y)
    torch.testing.assert_close(
        t2n.compile(scheme, solver="resolvent")(fields, h=0.4)(y), expected, rtol=1e-9, atol=1e-9
    )
    with pytest.raises(TypeError, match="needs a method resolvent"):
        t2n.compile(scheme, solver="resolvent")([nn.Tanh()] * 4)(y)


# --- PolyNet

STEPS = {
    "poly2": lambda f, y: y + (k := f(y)) + f(k),
    "mpoly2": lambda f, y: y + (k := f[0](y)) + f[1](k),
    "2way": lambda f, y: y + f[0](y) + f[1](y),
}


@pytest.mark.parametrize("kind", STEPS)
def test_polynet_by_hand(kind):
    def by_hand(net, x):
        y = net.opening(x)
        for i, block in enumerate(net.blocks):
            if i:
                crossed = net.transitions[i].step
                y = crossed.project(y) + crossed.field(y)
            for f in block.fields:
                y = STEPS[kind](f, y)
        return net.head(y)

    agree(double(NETWORKS[kind]()), by_hand, images())


def test_two_way_is_a_first_order_method():
    assert t2n.order(t2n.load("polynet-2-way")) == 1


# --- FractalNet


def fractal_by_hand(columns, fields, y, only=None):
    """Column c has stages of length 2^(C−1−c) on a line of 2^(C−1); where stages end, their mean goes on."""
    waiting = {
        c: [f for f, own in zip(fields, fractal(columns).columns, strict=True) if own == c] for c in range(columns)
    }
    length = 2 ** (columns - 1)
    ending = {0: [y]}
    for t in range(length):
        if t in ending:
            here = sum(ending[t]) / len(ending[t])
            for c in range(columns) if only is None else [only]:
                if t % 2 ** (columns - 1 - c) == 0:
                    ending.setdefault(t + 2 ** (columns - 1 - c), []).append(waiting[c].pop(0)(here))
    return sum(ending[length]) / len(ending[length])


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
@pytest.mark.parametrize("training", [True, False])
def test_fractal_by_hand(columns, training):
    def by_hand(net, x):
        for block in net.blocks:
            x = fractal_by_hand(columns, block.fields, x)
        return net.head(x)

    agree(double(FractalNetwork(columns, widths=(4, 5), drop=0, global_share=0)).train(training), by_hand, images())


@pytest.mark.parametrize("training", [True, False])
def test_pooling_before_the_last_join(training):
    """Every column is pooled by itself, and the mean of a block comes last."""
    columns = 3

    def by_hand(net, x):
        for block in net.blocks:
            own = dict.fromkeys(range(columns))
            for c in own:
                own[c] = [f for f, at in zip(block.fields, fractal(columns).columns, strict=True) if at == c]
            assert [len(f) for chain in own.values() for f in chain] == [4, 3, 4, 3, 3, 3, 4]  # the last of each pools
            deep = [f[:3] for f in own[2]]
            half = (own[1][0](x) + deep[1](deep[0](x))) / 2
            ends = own[0][0][:3](x), own[1][1][:3](half), deep[3](deep[2](half))
            x = sum(functional.max_pool2d(y, 2) for y in ends) / columns
        return net.head(x)

    net = double(FractalNetwork(columns, widths=(4, 5), drop=0, global_share=0)).train(training)
    agree(net, by_hand, images())
    first = fractal(columns).columns.index(0)
    chain = nn.Sequential(*(block.fields[first] for block in net.blocks), net.head)
    torch.testing.assert_close(net.column(0)(images()), chain(images()))


@pytest.mark.parametrize("column", [0, 1, 2])
def test_global_drop_path_is_one_column(column):
    block = double(FractalNetwork(3, widths=(4,))).blocks[0]
    found = block(images(), torch.tensor(column))
    torch.testing.assert_close(found, fractal_by_hand(3, block.fields, images(), only=column))


def test_local_drop_path_keeps_a_mean_of_what_is_left():
    torch.manual_seed(0)
    paths, joins = DropPath(3, 0.15), fractal(3).joins
    factors = torch.stack([paths(torch.tensor(-1)) for _ in range(4000)])
    for join in joins:
        own = factors[:, list(join)]
        kept = (own > 0).sum(1)
        assert kept.min() >= 1
        torch.testing.assert_close(own.sum(1), torch.full((4000,), float(len(join))))
        torch.testing.assert_close(own.amax(1), len(join) / kept)
        # all but the case where none would be left: 1 − p, and that case's share of one input
        expected = 0.85 + 0.15 ** len(join) / len(join)
        assert abs((own > 0).float().mean() - expected) < 0.015


def test_half_the_batches_go_through_one_column():
    torch.manual_seed(0)
    net = FractalNetwork(3, widths=(2,))
    drawn = torch.stack([net.draw(torch.device("cpu")) for _ in range(4000)])
    assert abs((drawn == -1).float().mean() - 0.5) < 0.03
    assert all(abs((drawn == c).float().mean() - 1 / 6) < 0.03 for c in range(3))
    assert net.eval().draw(torch.device("cpu")) == -1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: revnet(40),
        lambda: revnet(38, scheme="rk4"),
        lambda: midpoint(26, scheme="rk4"),
        lambda: leapfrog(26, scheme="rk4"),
        lambda: polynet("poly2", 20, scheme="rk4"),
        lambda: revnet(38, layers="other"),
        lambda: revnet(38, widths=(5, 8)),
        lambda: hamiltonian(75),
        lambda: hamiltonian(26, scheme="rk4"),
        lambda: leapfrog(20, transition="other"),
        lambda: leapfrog(20, widths=(8, 4)),
        lambda: imexnet(21),
        lambda: imexnet(20, scheme="rk4"),
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
