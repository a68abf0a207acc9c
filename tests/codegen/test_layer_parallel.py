"""Steps taken many at once are those of the block: states, gradients, statistics, draws; on random one-step schemes."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net import testing
from tableau2net.codegen.layer_parallel import LayerParallel
from tableau2net.errors import InputError
from tableau2net.multigrid import Hierarchy, Plan
from tests.fields import Mixed, Noisy
from tests.multigrid.drawn_plans import plans
from tests.multigrid.threads import together

ONE_STEP = st.one_of(
    testing.runge_kutta(range(1, 5), explicit=True),
    testing.partitioned_runge_kutta(),
    testing.additive_runge_kutta(),
)
ITERATED = {"solver": "fixed-point", "gradient": "unrolled", "tolerance": 0, "iterations": 2}


def block_of(scheme, steps, **options):
    """A block of fields of tanh in float64, in evaluation mode, and states to call it with."""
    torch.manual_seed(steps)
    block = t2n.compile(scheme, **options)
    field = lambda: Mixed(3, timed=options.get("time_dependent", False))  # noqa: E731
    one = lambda: [field() for _ in block.field_names] if len(block.field_names) > 1 else field()  # noqa: E731
    made = block(one(), steps, 0.1) if options.get("step_weights") else block([one() for _ in range(steps)], 0.1)
    return made.double().eval(), tuple(torch.randn(2, 3, dtype=torch.float64) for _ in block.states)


def results(module, block, states):
    """What a module gives, and the gradients of the states and of what is trained."""
    given = [y.clone().requires_grad_() for y in states]
    found = module(*given)
    found = found if isinstance(found, tuple) else (found,)
    loss = sum((i + 1) * (y**2).sum() for i, y in enumerate(found))
    wanted = [*given, *(p for p in block.parameters() if p.requires_grad)]
    return found, torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)


def exact(steps, plan):
    """The plan with as many cycles as it takes."""
    needed = Hierarchy.of(steps, plan).exact_after(plan.relaxation)
    return Plan(plan.coarsening, plan.levels, plan.relaxation, (needed, needed))


def equal(first, second):
    return len(first) == len(second) and all(map(torch.equal, first, second))


def assert_near(found, expected):
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13 * max(1.0, float(b.abs().max())))


@pytest.mark.slow
@settings(max_examples=25)
@given(ONE_STEP, plans(), st.sampled_from(["fixed", "free"]), st.booleans())
def test_after_the_counted_cycles_it_is_the_block(scheme, drawn, coefficients, timed):
    steps, plan = drawn
    steps, plan = min(steps, 20), plan if steps <= 20 else Plan(plan.coarsening, 2, plan.relaxation)
    try:
        block, y = block_of(scheme, steps, coefficients=coefficients, time_dependent=timed, **ITERATED)
    except InputError:  # of a scheme that is no module: what it says is tested elsewhere
        return
    serial, gradients = results(block, block, y)
    if not all(bool(torch.isfinite(value).all()) for value in (*serial, *gradients)):
        return
    found, of_found = results(LayerParallel(block, exact(steps, plan)), block, y)
    assert equal(found, serial)
    assert_near(of_found, gradients)


SHAPES = {
    "rk4": {},
    "rk4, timed": {"time_dependent": True},
    "rk4, checkpoint": {"backward": "checkpoint"},
    "rk4, stages": {"stage_weights": "independent"},
    "rk2, learnt a step": {"coefficients": "free"},
    "rk2, learnt once": {"coefficients": "free", "sharing": "shared"},
    "rk2, one field": {"coefficients": "free", "step_weights": "shared", "time_dependent": True},
    "symplectic-euler-p, reversible": {"backward": "reversible"},
    "stormer-verlet-velocity": {},
    "backward-euler": ITERATED,
    "ars-222": ITERATED,
}


@pytest.mark.parametrize("case", SHAPES)
def test_any_number_of_processes_gives_the_same_bits(case):
    steps = 13
    block, y = block_of(case.partition(",")[0], steps, **SHAPES[case])
    for plan in (Plan(3), Plan(2, 3, "F")):
        alone = results(LayerParallel(block, plan), block, y)
        for count in (2, 4):
            many, _ = together(count, lambda team, p=plan: results(LayerParallel(block, p, team), block, y))
            for found in many:
                assert equal(found[0], alone[0])
                assert equal(found[1], alone[1])
    serial, whole = results(block, block, y), results(LayerParallel(block, exact(steps, plan)), block, y)
    assert equal(whole[0], serial[0])
    assert_near(whole[1], serial[1])


@pytest.mark.parametrize("case", SHAPES)
def test_the_coarse_steps_are_the_schemes_own(case):
    """With no cycle, every m-th state is that of a block of every m-th field, with m·h."""
    m, steps = 3, 9
    options = SHAPES[case]
    block, y = block_of(case.partition(",")[0], steps, **options)
    coarse = copy.deepcopy(block)
    coarse.h = m * block.h
    if options.get("step_weights"):
        coarse.steps = steps // m
    else:
        coarse.fields = block.fields[::m]
    if options.get("sharing", "step") == "step":
        for name in coarse.raw:
            setattr(coarse, name, nn.Parameter(getattr(block, name)[::m]))
    found = block.parallel(2, m).trajectory(*y, cycles=0)
    for n, state in enumerate(coarse.trajectory(*y)):
        assert equal(*(s if isinstance(s, tuple) else (s,) for s in (found[n * m], state)))


def test_the_exact_trajectory_stays():
    block, y = block_of("rk4", 24)
    states = block.trajectory(*y)
    for plan in (Plan(4), Plan(4, 2, "F"), Plan(2, 3)):
        needed = exact(24, plan).cycles[0]
        for more in range(3):
            found = LayerParallel(block, plan).trajectory(*y, cycles=needed + more)
            assert all(torch.equal(found[n], state) for n, state in enumerate(states))


def of_weights(smooth, steps=64):
    """A block whose weights change slowly from step to step, or have nothing to do with each other."""
    torch.manual_seed(4)
    block = t2n.compile("rk4")([Mixed(6) for _ in range(steps)], 4 / steps).double()
    if smooth:
        ends = [torch.randn(6, 6, dtype=torch.float64) / 3 for _ in range(2)]
        for n, field in enumerate(block.fields):
            angle = torch.tensor(3 * n / steps)
            field.weight.data = ends[0] * angle.cos() + ends[1] * angle.sin()
    return block, torch.randn(8, 6, dtype=torch.float64)


@pytest.mark.parametrize(("smooth", "least", "most"), [(True, 15, 200), (False, 2.5, 15)])
def test_how_fast_errors_fall(smooth, least, most):
    block, y = of_weights(smooth)
    last = block(y).detach()
    errors = [float((block.parallel(2, 4).trajectory(y, cycles=k)[64] - last).norm()) for k in range(5)]
    assert least < (errors[0] / errors[-1]) ** (1 / 4) < most, errors


def test_the_gradient_of_few_cycles_is_near_where_weights_are_smooth():
    block, y = of_weights(True)
    gradients = results(block, block, (y,))[1]
    errors = []
    for cycles in ((1, 1), (2, 1), (2, 2), (3, 3)):
        found = results(block.parallel(2, 4, "FCF", cycles), block, (y,))[1]
        differences = torch.cat([(a - b).flatten() for a, b in zip(found, gradients, strict=True)])
        errors.append(float(differences.norm() / torch.cat([g.flatten() for g in gradients]).norm()))
    assert errors[-1] < errors[2] < 2e-3
    assert errors[2] < errors[0]


def noisy(steps=9, **options):
    torch.manual_seed(2)
    return t2n.compile("rk2", **options)([Noisy() for _ in range(steps)], 0.5), torch.randn(4, 4, 6, 6)


def test_statistics_count_a_batch_once():
    block, x = noisy()
    for field in block.fields:
        field[-1].p = 0.0
    plain, other = copy.deepcopy(block), copy.deepcopy(block)
    plain(x)
    LayerParallel(block, exact(9, Plan(2)))(x)
    for (name, a), (_, b) in zip(block.named_buffers(), plain.named_buffers(), strict=True):
        assert torch.equal(a, b), name
    other.parallel(2, 2, cycles=(1, 1))(x).sum().backward()
    with torch.no_grad():
        other.parallel(2, 2)(x)
    counts = {name: int(b) for name, b in other.named_buffers() if name.endswith("num_batches_tracked")}
    evaluated = {name: int(b) for name, b in plain.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts == {name: 2 * each for name, each in evaluated.items()}
    before = [b.clone() for b in block.buffers()]
    block.eval()
    block.parallel(2, 2)(x)
    assert equal(before, list(block.buffers()))


def test_chance_is_of_the_batch_and_the_step_whatever_the_plan():
    """Dropout and stochastic depth: after the counted cycles of any plan the same states and gradients, and torch's
    generator stands where it stood."""
    net = t2n.create_model("resnet38", widths=(4, 8, 16), survival=0.5)
    dropping, x = noisy()
    for block, y in ((net.blocks[2], torch.randn(2, 16, 6, 6)), (dropping, x)):
        steps = len(block.fields)
        found, after = [], []
        for plan in (Plan(2), Plan(3, 2, "F"), Plan(2)):
            torch.manual_seed(11)
            own = copy.deepcopy(block)
            found.append(results(LayerParallel(own, exact(steps, plan)), own, (y,)))
            after.append(torch.rand(1))
        assert after[0] == after[1] == after[2]
        assert equal(found[0][0], found[1][0])
        for a, b in zip(found[0][1], found[1][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
        torch.manual_seed(12)
        assert not torch.equal(LayerParallel(block, exact(steps, Plan(2)))(y), found[0][0][0])


def test_networks_states_that_are_views_and_half_precision():
    """A RevNet's states are halves of the channels; autocast computes in bfloat16."""
    net = t2n.create_model("revnet110", widths=(4, 8, 16)).eval()
    block = net.blocks[0]
    halves = torch.randn(2, 8, 6, 6).to(memory_format=torch.channels_last).chunk(2, 1)
    plan = exact(len(block.fields), Plan(3))
    with torch.no_grad():
        for a, b in zip(LayerParallel(block, plan)(*halves), block(*halves), strict=True):
            torch.testing.assert_close(a, b)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parallel = results(LayerParallel(block, plan), block, halves)
        serial = results(block, block, halves)
    for a, b in zip(parallel[0] + parallel[1], serial[0] + serial[1], strict=True):
        torch.testing.assert_close(a, b, rtol=0.1, atol=0.05 * float(b.detach().abs().max()))


def test_it_is_a_module_on_the_blocks_own():
    block, y = block_of("rk2", 8, coefficients="free")
    parallel = block.parallel(coarsening=2)
    assert [id(p) for p in parallel.parameters()] == [id(p) for p in block.parameters()]
    for twin in (copy.deepcopy(parallel), pickle.loads(pickle.dumps(parallel))):
        assert torch.equal(twin(*y), parallel(*y))
    assert torch.equal(parallel(*y), parallel(*y).detach())
    parallel.train()
    assert block.training
    x = y[0].requires_grad_()
    (first,) = torch.autograd.grad(parallel(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(first.sum(), x)


class Counting(nn.Module):
    """A field whose evaluations change it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, y):
        self.calls += 1
        return -self.calls * y


def test_fields_that_change_are_refused():
    block = t2n.compile("euler")([Counting() for _ in range(4)])
    with pytest.raises(RuntimeError, match="Counting changes its buffer 'calls'"):
        block.parallel(2, 2)(torch.ones(1))


class Widening(nn.Module):
    """A field of another shape than its state's."""

    def forward(self, y):
        return torch.ones(3, 2)


def test_states_that_change_their_shape_are_refused():
    block = t2n.compile("euler")([Widening() for _ in range(4)])
    with pytest.raises(RuntimeError, match=r"step 1 makes a state of \(3, 2\).* of one of \(1, 2\)"):
        block.parallel(2, 2)(torch.ones(1, 2))


@pytest.mark.parametrize(
    ("scheme", "options", "plan", "words"),
    [
        ("lm", {"coefficients": "learnable"}, {}, "lm: what a step remembers .* one-step"),
        ("adams-bashforth-3", {}, {}, "one-step"),
        ("gauss-2", {}, {}, "up to a tolerance.*tolerance=0"),
        ("rk4", {"backward": "adjoint"}, {}, "backward='adjoint'"),
        ("rk4", {"backward": "reversible", "coupling": "999/1000"}, {}, "coupling"),
        ("rk4", {}, {"coarsening": 8}, "single interval"),
        ("rk4", {}, {"coarsening": 2, "levels": 5}, "at most 3 levels"),
        ("rk4", {}, {"cycles": (0, 1)}, "cycles"),
        ("rk4", {}, {"relaxation": "FC"}, "relaxation"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(scheme, options, plan, words):
    block, _ = block_of(scheme, 8, **options)
    with pytest.raises(InputError, match=words) as caught:
        block.parallel(**plan)
    assert "\n" not in str(caught.value)


def test_more_processes_than_work_and_one_batch_norm_for_all():
    block, _ = block_of("rk4", 8)
    with pytest.raises(InputError, match="at most 2 processes"):
        together(3, lambda team: LayerParallel(block, Plan(4), team))
    shared = t2n.compile("rk2", step_weights="shared")(Noisy(), 8)
    shared.parallel(2, 2)
    with pytest.raises(InputError, match="all steps count into one BatchNorm"):
        together(2, lambda team: LayerParallel(shared, Plan(2), team))
