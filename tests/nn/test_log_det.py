"""log |det| of blocks: slogdet of the whole Jacobian by autograd in float64 beside it."""

import pytest
import torch
from hypothesis import given, settings
from torch import nn

import tableau2net as t2n
from tableau2net import testing
from tableau2net.analysis.structure.symplectic import symplectic
from tableau2net.codegen.unrolled import as_tuple
from tableau2net.step import lower
from tableau2net.step.shears import is_shears
from tests.fields import Mixed, smooth
from tests.nn.one_step import DOUBLE, apart, block_of, one_step_schemes


def jacobian(block, states):
    """(N, d, d), each row of the batch by itself."""
    sizes = [s.shape[1] for s in states]

    def flat(y):
        return torch.cat(as_tuple(block(*y[None].split(sizes, 1))), 1)[0]

    rows = torch.cat(states, 1)
    return torch.stack([torch.autograd.functional.jacobian(flat, row) for row in rows])


def slogdet(block, states):
    return torch.linalg.slogdet(jacobian(block, states))[1]


def check_volume(scheme):
    block, states = block_of(scheme, tolerance=1e-11)  # what backward solves get to as well
    inverse = t2n.inverse(block, tolerance=1e-11)
    with torch.no_grad():
        found = t2n.log_det(block, *states)
        assert apart(found.states, block(*states)) < 1e-15
        back = t2n.log_det(inverse, *as_tuple(found.states))
    assert torch.allclose(found.log_det, slogdet(block, states), atol=1e-9)
    assert torch.allclose(back.log_det, -found.log_det, atol=1e-9)
    assert torch.allclose(back.log_det, slogdet(inverse, as_tuple(found.states)), atol=1e-9)


@settings(max_examples=3)
@given(one_step_schemes)
def test_the_determinant_of_the_inverse_is_the_reciprocal(scheme):
    check_volume(scheme)


@pytest.mark.slow
@settings(max_examples=10)
@given(one_step_schemes)
def test_of_many_schemes(scheme):
    check_volume(scheme)


def test_iterations_that_stand_for_an_implicit_step_count_as_they_are():
    made = t2n.compile("backward-euler", solver="fixed-point", gradient="unrolled", iterations=2, tolerance=0)
    block, y = made([smooth(3, seed=1)], 0.3), torch.randn(4, 3, dtype=DOUBLE)
    assert torch.allclose(t2n.log_det(block, y).log_det, slogdet(block, (y,)), atol=1e-13)


UNROLLED = {"solver": "fixed-point", "gradient": "unrolled"}


@pytest.mark.parametrize(("name", "how"), [("rk3", {}), ("backward-euler", {}), ("gauss-2", UNROLLED)])
def test_it_has_a_gradient(name, how):
    block, (y,) = block_of(name, h=0.3, **how)
    weight = block.fields[0].weight
    y.requires_grad_()

    def total(w, at):
        with torch.no_grad():
            weight.copy_(w)
        return t2n.log_det(block, at).log_det.square().sum()

    values = (weight.detach().clone(), y)
    got = torch.autograd.grad(total(*values), (weight, y))
    for i, value in enumerate(values):
        direction = torch.randn_like(value)
        moved = [[v + s * 1e-5 * direction if j == i else v for j, v in enumerate(values)] for s in (1, -1)]
        slope = (total(*moved[0]) - total(*moved[1])).detach() / 2e-5
        assert float(slope) == pytest.approx(float((got[i] * direction).sum().detach()), rel=1e-5, abs=1e-9)


def test_two_implicit_ways_have_a_value_and_no_gradient():
    block, (y,) = block_of("gauss-2", h=0.3)
    with pytest.raises(t2n.InputError, match="log_det: implicit stages have no second derivative"):
        t2n.log_det(block, y)
    with torch.no_grad():
        found = t2n.log_det(block, y).log_det
    assert torch.allclose(found, slogdet(block, (y,)), atol=1e-11)


IMPLICIT = ["gauss-2", "radau-iia-2", "backward-euler", "trapezoid", "implicit-midpoint"]


@pytest.mark.parametrize("name", IMPLICIT)
@pytest.mark.parametrize("how", [{}, UNROLLED], ids=["implicit", "unrolled"])
def test_of_implicit_steps_it_is_right_to_rounding_whatever_they_are_solved_to(name, how):
    """Beside the Jacobian of a block that is solved as far as it can be; the value is the block's own."""
    loose, states = block_of(name, h=0.5, tolerance=1e-6, **how)
    tight, _ = block_of(name, h=0.5, tolerance=1e-14)
    wanted = slogdet(tight, states)
    assert (slogdet(loose, states) - wanted).abs().max() > 1e-9  # which is what there is to be told apart
    with torch.no_grad():
        found = t2n.log_det(loose, *states)
        back = t2n.log_det(t2n.inverse(loose), *as_tuple(tight(*states)))
        assert apart(found.states, loose(*states)) == 0
    assert (found.log_det - wanted).abs().max() < 1e-10
    assert (back.log_det + wanted).abs().max() < 1e-10
    assert found.error == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kinks_and_float32_are_solved_to_rounding_too(dtype):
    torch.manual_seed(0)
    fields = [nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3)).double() for _ in range(3)]
    block, y = t2n.compile("trapezoid")(fields, 0.4), torch.randn(50, 3, dtype=DOUBLE)
    with torch.no_grad():
        found = t2n.log_det(block.to(dtype), y.to(dtype)).log_det
    wanted = torch.zeros(50, dtype=DOUBLE)
    block.double()
    with torch.no_grad():
        for n in range(3):  # det (1 − h/2 f'(z)) z = … by hand: (1 + h/2 f'(y)) / (1 − h/2 f'(z))
            z = t2n.compile("trapezoid", tolerance=1e-14)(fields[n : n + 1], 0.4)(y)
            slope = [jacobian(fields[n], (at,)) * 0.2 for at in (y, z)]
            unit = torch.eye(3, dtype=DOUBLE)
            wanted += torch.linalg.slogdet(unit + slope[0])[1] - torch.linalg.slogdet(unit - slope[1])[1]
            y = z
    near = (found - wanted).abs()
    assert near.max() < 1e-10 if dtype == DOUBLE else near.median() < 1e-5  # a rounding may fall beyond a kink


def test_a_layer_that_occurs_twice_makes_no_series_of_what_diverges():
    layer = nn.Linear(3, 3).double()
    with torch.no_grad():
        layer.weight.copy_(1.3 * torch.eye(3))
    block, y = t2n.compile("euler")([nn.Sequential(layer, nn.ReLU(), layer)], 0.7), torch.rand(2, 3, dtype=DOUBLE)
    with pytest.raises(t2n.InputError, match=r"the series converges where .* here it is at most 1.18"):
        t2n.log_det(block, y, terms=60)
    assert t2n.inverse(block).checked(block(y)).bound.isinf().all()


def test_a_gradient_that_is_of_the_start_alone_is_refused():
    made = t2n.compile("backward-euler", solver="gradient", gradient="start", iterations=2, tolerance=0)
    with pytest.raises(t2n.InputError, match="log_det: gradient='start' counts the steps of a descent as constants"):
        t2n.log_det(made([smooth(3, seed=1)], 0.3), torch.randn(4, 3, dtype=DOUBLE))


def test_several_states_are_given_one_by_one_or_as_a_tuple():
    block, states = block_of("stormer-verlet-velocity", h=0.7)
    one, other = t2n.log_det(block, *states), t2n.log_det(block, states)
    assert apart(one.states, other.states) == 0
    assert torch.equal(one.log_det, other.log_det)


# ------------------------------------------------------------------ shears


@pytest.mark.parametrize("name", ["revnet", "stormer-verlet-velocity", "stormer-verlet-position", "forest-ruth-4"])
def test_chains_of_shears_keep_volume_exactly(name):
    block, states = block_of(name, h=0.7)
    assert is_shears(lower(t2n.load(name)))
    found = t2n.log_det(block, *states)
    assert (found.log_det == 0).all()
    assert found.error == 0
    assert slogdet(block, states).abs().max() < 1e-12
    assert apart(found.states, block(*states)) == 0


@settings(max_examples=8)
@given(testing.partitioned_runge_kutta(stages=range(1, 4), shapes=("explicit", "explicit"), separable=True))
def test_what_is_called_shears_keeps_volume(scheme):
    """And what is not, does not: with fields that nothing is special about."""
    block, states = block_of(scheme, steps=1, h=0.9)
    volume = float(slogdet(block, states).abs().max())
    assert volume < 1e-12 if is_shears(lower(scheme)) else True
    euler = t2n.RungeKutta(A=[[]], b=["1"])
    at_once = t2n.PartitionedRungeKutta((euler, euler), reads=[[2], [1]])
    assert not is_shears(lower(at_once))
    composed = t2n.compose([t2n.load("symplectic-euler-p"), t2n.load("symplectic-euler-q")] * 2)
    assert is_shears(lower(composed))


@pytest.mark.slow
def test_explicit_pairs_of_the_library_are_shears_where_they_are_symplectic():
    """For fields that read the other state, by the proof that knows of tableaus alone."""
    found = {
        (is_shears(lower(s)), symplectic(s))
        for s in map(t2n.load, t2n.list_schemes())
        if isinstance(s, t2n.PartitionedRungeKutta) and lower(s).explicit
    }
    assert found <= {(True, True), (False, False)}
    assert (True, True) in found


# ------------------------------------------------------------------ series


def bounded(width=3, c=0.8, seed=0, size=()):
    """A field whose layers all have the norm c."""
    torch.manual_seed(seed)
    field = nn.Sequential(nn.ELU(), nn.Linear(width, 8), nn.ELU(), nn.Linear(8, width)).double()
    with torch.no_grad():
        for layer in (field[1], field[3]):
            layer.weight.mul_(10)
    return t2n.nn.lipschitz_(field, c, size, exact=True)


@pytest.mark.parametrize("name", ["euler", "rk3"])
def test_a_series_is_as_near_as_it_says(name):
    block = t2n.compile(name)([bounded(seed=s) for s in range(2)], 0.6)
    y = torch.randn(2, 3, dtype=DOUBLE)
    exact = t2n.log_det(block, y)
    assert torch.allclose(exact.log_det, slogdet(block, (y,)), atol=1e-12)
    q = 0.6 * 0.64
    rate = q if name == "euler" else q + q**2 / 2 + q**3 / 6
    for terms in (1, 2, 6):
        with torch.no_grad():
            found = t2n.log_det(block, y.repeat(4000, 1), terms=terms, seed=terms)
        tail = sum(rate**k / k for k in range(terms + 1, 400))
        assert found.error == pytest.approx(2 * 3 * tail, rel=1e-6)
        mean, deviation = (f(found.log_det.view(4000, 2), 0) for f in (torch.mean, torch.std))
        assert ((mean - exact.log_det).abs() <= found.error + 4 * deviation / 4000**0.5).all()
    assert found.error < 0.02
    assert ((mean - exact.log_det).abs() <= 0.01).all()


def test_the_mean_over_all_probes_is_the_truncated_trace():
    """Unbiased: over the eight sign vectors, each as often as another, as the seeds that draw them say."""
    block, y = t2n.compile("euler")([bounded()], 0.9), torch.randn(1, 3, dtype=DOUBLE)
    J = 0.9 * jacobian(block.fields[0], (y,))[0]
    drawn = {}
    with torch.no_grad():
        for seed in range(60):
            signs = torch.randint(0, 2, y.shape, generator=torch.Generator().manual_seed(seed))
            drawn.setdefault(tuple(signs[0].tolist()), t2n.log_det(block, y, terms=5, seed=seed).log_det.item())
    assert len(drawn) == 8
    powers = [torch.linalg.matrix_power(J, k) for k in range(1, 6)]
    wanted = sum((-1) ** (k + 1) * p.trace() / k for k, p in enumerate(powers, 1))
    assert sum(drawn.values()) / 8 == pytest.approx(float(wanted), abs=1e-13)


def test_a_seed_is_a_seed_and_a_series_has_a_gradient():
    block, y = t2n.compile("euler")([bounded()], 0.9), torch.randn(5, 3, dtype=DOUBLE)
    one, again, other = (t2n.log_det(block, y, terms=4, seed=s).log_det for s in (7, 7, 8))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    weight = block.fields[0][1].parametrizations.weight.original
    (got,) = torch.autograd.grad(one.sum(), weight)
    direction, found = torch.randn_like(weight), []
    for s in (1e-5, -2e-5):
        with torch.no_grad():
            weight.add_(s * direction)
            found.append(float(t2n.log_det(block, y, terms=4, seed=7).log_det.sum()))
    assert (found[0] - found[1]) / 2e-5 == pytest.approx(float((got * direction).sum()), rel=1e-5)


def test_in_inference_mode_and_with_frozen_weights_there_is_a_value_alone():
    block, y = t2n.compile("euler")([bounded()], 0.9), torch.randn(5, 3, dtype=DOUBLE)
    wanted = t2n.log_det(block, y).log_det
    assert wanted.requires_grad
    with torch.inference_mode():
        assert torch.equal(t2n.log_det(block, y + 0).log_det, t2n.log_det(block, y).log_det)
        assert apart(t2n.inverse(block)(block(y)), y) < 1e-12
    block.requires_grad_(False)
    found = t2n.log_det(block, y)
    assert torch.equal(found.log_det, wanted)
    assert not found.log_det.requires_grad
    assert not found.states.requires_grad


def test_no_steps_and_no_rows():
    none, block = t2n.compile("euler")([]), t2n.compile("rk4")([bounded()], 0.5)
    y = torch.randn(4, 3, dtype=DOUBLE)
    assert torch.equal(t2n.inverse(none)(y), y)
    assert (t2n.log_det(none, y).log_det == 0).all()
    for terms in (None, 2):
        found = t2n.log_det(block, y[:0], terms=terms)
        assert (found.states.shape, found.log_det.shape) == ((0, 3), (0,))
    assert t2n.inverse(block)(y[:0]).shape == (0, 3)


def test_a_chain_adds_up():
    first, second = (t2n.compile("euler")([bounded(seed=s)], 0.9) for s in (1, 2))
    chain, y = nn.Sequential(first, second), torch.randn(4, 3, dtype=DOUBLE)
    assert torch.allclose(t2n.log_det(chain, y).log_det, slogdet(chain, (y,)), atol=1e-12)
    back = t2n.inverse(chain)
    assert torch.allclose(t2n.log_det(back, chain(y)).log_det, -slogdet(chain, (y,)), atol=1e-10)
    dynamic = t2n.create_model("dynamic_hamiltonian", widths=(8, 8), states=(0, 0.5, 2)).double().blocks[0]
    assert (t2n.log_det(dynamic, torch.randn(2, 8, 5, 5, dtype=DOUBLE)).log_det == 0).all()


def test_bad_input_is_told_in_a_line():
    y = torch.randn(2, 3, dtype=DOUBLE)
    block = t2n.compile("euler")([bounded()], 0.9)
    far = t2n.compile("euler")([bounded()], 2.0)
    unknown = t2n.compile("euler")([Mixed(3)], 0.1)
    lm = t2n.compile("adams-bashforth-2")([Mixed(3)])
    for of, options, said in (
        (block, {"terms": 0}, "log_det: terms=0, probes=1: both are whole numbers, at least 1"),
        (block, {"terms": 2.5}, "log_det: terms=2.5, probes=1: both are whole"),
        (block, {"terms": True}, "log_det: terms=True, probes=1: both are whole"),
        (block, {"terms": 2, "probes": "a"}, "log_det: terms=2, probes='a'"),
        (block, {"y": 1.0}, r"log_det: states are tensors, and \(float\) was given"),
        (block, {"y": ()}, r"log_det: states are tensors, and \(\) was given"),
        (block, {"y": (y, y)}, "log_det: the block's states are y, and 2 tensors were given"),
        (block, {"terms": 3, "probes": 0}, "log_det: terms=3, probes=0"),
        (far, {"terms": 3}, "log_det: the series converges where a step's Lipschitz constant is below 1"),
        (unknown, {"terms": 3}, "here it is at most inf"),
        (block, {"y": y[0]}, r"log_det: a state of shape \(3,\); a batch of rows is wanted"),
        (lm, {}, "log_det: adams-bashforth-2 remembers f_prev"),
        (nn.Linear(3, 3), {}, "log_det: a Linear is no block"),
    ):
        with pytest.raises(t2n.InputError, match=said):
            t2n.log_det(of, options.pop("y", y), **options)
    with pytest.raises(t2n.InputError, match="log_det: a row of 4,800 numbers has a Jacobian"):
        t2n.log_det(t2n.compile("euler")([nn.Identity()], 0.1), torch.zeros(1, 3, 40, 40))
    assert t2n.log_det(unknown, y, terms=3, lipschitz=2.0).error < 0.01
    normal = t2n.compile("euler")([nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).double()], 0.1)
    with pytest.raises(RuntimeError, match="log_det: BatchNorm in training mode"):
        t2n.log_det(normal, y)
