"""Running statistics of each evaluation, against fields that are another module each time, weights tied."""

import copy
import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net import testing
from tableau2net.codegen import write_source
from tableau2net.errors import InputError
from tableau2net.runtime.evaluations import InOrder
from tests import strategies

H, STEPS, MOST = 0.25, 3, 40
FIXED = {"solver": "fixed-point", "gradient": "unrolled", "iterations": 3, "tolerance": 0}


class Normal(nn.Module):
    """BN–linear–BN–tanh of some states, or of the time too."""

    def __init__(self, momentum=0.1, timed=False):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm1d(3, momentum=momentum), nn.BatchNorm1d(3, momentum=momentum)
        self.linear, self.timed = nn.Linear(3, 3), timed
        nn.init.normal_(self.bn1.weight)
        self.double()

    def forward(self, *given):
        t, states = (given[0], given[1:]) if self.timed else (0.0, given)
        return torch.tanh(self.bn2(self.linear(self.bn1(sum(y.roll(i, 1) for i, y in enumerate(states))))) + t)


class Copies(nn.Module):
    """A field that is another module at each evaluation, all with the same parameters."""

    def __init__(self, field):
        super().__init__()
        own = {id(p): p for p in field.parameters()}
        self.copies = nn.ModuleList(copy.deepcopy(field, dict(own)) for _ in range(MOST))
        self.count = 0

    def forward(self, *given):
        self.count += 1
        return self.copies[self.count - 1](*given)


class Loop(nn.Module):
    """The coupled steps of a block, as autograd takes them back."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, *states):
        block, both = self.block, (*states, *states)
        steps = getattr(block, "fields", None) or [block.field] * block.steps
        for n, f in enumerate(steps):
            fields = list(f) if isinstance(f, nn.ModuleList) else [f]
            timed = (n * block.h,) if block.made_of.options.time_dependent else ()
            both = block.step(*fields, block.h, *timed, *both)
        return both[: len(states)] if len(states) > 1 else both[0]


def seen(block, states):
    """Outputs, gradients of the parameters and of the states: three passes in training, then one in evaluation."""
    found = []
    for i in range(4):
        block.train(i < 3)
        for module in block.modules():
            if isinstance(module, Copies):
                module.count = 0
        begun = [(y + 0.3 * i).requires_grad_() for y in states]
        outputs = block(*begun)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        own = [p for p in block.parameters() if p.requires_grad]
        loss = sum(y.square().sum() for y in outputs)
        found += [*outputs, *torch.autograd.grad(loss, (*begun, *own), allow_unused=True, materialize_grads=True)]
    return found


def both(scheme, momentum=0.1, steps=STEPS, twice=False, **options):
    """The block of a scheme and one made of copies, with the same weights."""
    cls = t2n.compile(scheme, **options)
    coupled = "coupling" in options
    plain = {name: value for name, value in options.items() if name not in ("backward", "growth_limit") or coupled}
    reference = t2n.compile(scheme, statistics="shared", **plain)
    torch.manual_seed(1)
    timed = options.get("time_dependent", False)
    one = options.get("step_weights") == "shared"
    fields = [[Normal(momentum, timed) for _ in cls.field_names] for _ in range(1 if one else steps)]
    fields = [[each[0]] * len(each) for each in fields] if twice else fields
    copies = [[Copies(field) for field in dict.fromkeys(each)] for each in fields]
    copies = [[each[0]] * len(cls.field_names) for each in copies] if twice else copies

    def made(cls, fields):
        rows = [each if len(each) > 1 else each[0] for each in fields]
        return cls(rows[0], steps, h=H) if one else cls(rows, h=H)

    block, other = made(cls, copy.deepcopy(fields)), made(reference, copies)
    other = Loop(other) if coupled else other
    if block.coefficients:
        other.load_state_dict({n: p.detach() for n, p in block.named_parameters() if n in block.raw}, strict=False)
    states = [torch.randn(5, 3, dtype=torch.float64) for _ in cls.states]
    return block, other, states


def assert_equal(scheme, tolerance=1e-9, **options):
    block, other, states = both(scheme, **options)
    for a, b in zip(seen(block, states), seen(other, states), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    return block


EXPLICIT = st.one_of(
    strategies.explicit_runge_kutta(4),
    testing.degenerate(testing.FAMILIES).filter(lambda scheme: scheme.explicit),
    testing.multistep(range(1, 4), explicit=True),
    testing.general_linear(explicit=True),
)


def check(data):
    """A scheme under options, drawn, against copies of its fields."""
    scheme = data.draw(EXPLICIT)
    options = {
        "step_weights": data.draw(st.sampled_from(["independent", "shared"])),
        "stage_weights": data.draw(st.sampled_from(["shared", "shared", "independent"])),
        "time_dependent": data.draw(st.booleans()),
        "backward": data.draw(st.sampled_from(["store", "checkpoint", "reversible"])),
        "momentum": data.draw(st.sampled_from([0.1, None])),
        "steps": data.draw(st.integers(1, 4)),
        "start": data.draw(st.sampled_from(["euler", "rk2"])),
    }
    if options["backward"] == "reversible":
        options["growth_limit"] = float("inf")
        if data.draw(st.booleans()):
            options["coupling"] = "1/2"
    try:
        block, other, states = both(scheme, **options)
    except InputError:
        return
    wanted = seen(other, states)
    largest = max(float(y.detach().abs().max()) for y in wanted)
    if not largest < 1e4:  # rounding that a step amplifies, or none can undo
        return
    for a, b in zip(seen(block, states), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6 * max(1.0, largest))


@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_schemes_under_random_options(data):
    check(data)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_many_random_schemes_under_random_options(data):
    check(data)


@pytest.mark.parametrize(
    ("step_weights", "backward"),
    [
        *(("independent", "store"), ("shared", "checkpoint"), ("shared", "reversible")),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("independent", "checkpoint"), ("shared", "store"))),
        pytest.param("independent", "reversible", marks=pytest.mark.slow),
    ],
)
def test_the_kinds_of_repetition(step_weights, backward):
    coupled = {"coupling": "1", "growth_limit": float("inf")} if backward == "reversible" else {}
    options = {"backward": backward, "step_weights": step_weights}
    assert_equal("rk4", **options, **coupled)
    assert_equal("euler" if not coupled else "leapfrog-2", **options)
    if not coupled:
        assert_equal("abm-2", **options)  # a slope before the first step
        assert_equal("polynet-2", **options)
        assert_equal("bogacki-shampine-32", **options, coefficients="free")
    assert_equal("stormer-verlet-velocity", **options)
    assert_equal("symplectic-euler-p", **options)
    assert_equal("symplectic-euler-p", **options, twice=True)  # one module in both places
    assert_equal("rk4", **options, **coupled, stage_weights="independent", twice=True)


def test_without_it_the_evaluations_are_mixed():
    block, other, states = both("rk4")
    mixed = t2n.compile("rk4", statistics="shared")(list(copy.deepcopy(block.fields)), h=H)
    wanted = seen(other, states)
    assert torch.equal(seen(mixed, states)[0], wanted[0])  # in training there is no difference
    assert not torch.allclose(seen(mixed, states)[-9], wanted[-9], atol=1e-3)
    assert all(torch.equal(a, b) for a, b in zip(seen(block, states), wanted, strict=True))


@pytest.mark.parametrize("solver", ["fixed-point", "anderson"])
@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_a_fixed_number_of_iterations_are_as_many_evaluations(solver, backward):
    torch.manual_seed(0)
    field, y = Normal(), torch.randn(6, 3, dtype=torch.float64)
    block = t2n.compile("backward-euler", **{**FIXED, "solver": solver}, backward=backward)([field], h=H)
    copies = Copies(field)
    for _ in range(3):
        copies.count, state = 0, y
        if solver == "fixed-point":
            for _ in range(3):
                state = y + H * copies(state)
            assert torch.equal(block(y), state)
        else:
            block(y)
    assert [int(t) for n, t in block.state_dict().items() if n.endswith("tracked")] == [3] * 6
    if solver == "fixed-point":
        copies.count, state = 0, y
        copies.eval(), block.eval()
        for _ in range(3):
            state = y + H * copies(state)
        assert torch.equal(block(y), state)


@pytest.mark.parametrize("solver", ["newton-krylov", "anderson", "fixed-point"])
def test_a_search_is_one_evaluation_of_each_stage_at_the_solution(solver):
    torch.manual_seed(0)
    field, y = Normal(momentum=1.0), torch.randn(6, 3, dtype=torch.float64)
    block = t2n.compile("gauss-2", solver=solver, tolerance=1e-13, iterations=300, reveal=["k1", "k2"])([field], h=0.1)
    _, k1, k2 = block.step(block.fields[0], 0.1, y)
    a = [[1 / 4, 1 / 4 - 3**0.5 / 6], [1 / 4 + 3**0.5 / 6, 1 / 4]]
    stages = [y + 0.1 * (row[0] * k1 + row[1] * k2) for row in a]
    for statistics, stage in zip((field.bn1, field.bn1.evaluations[0][1]), stages, strict=True):
        torch.testing.assert_close(statistics.running_mean, stage.mean(0), rtol=1e-9, atol=1e-9)
        assert statistics.num_batches_tracked == 1
    trained = block(y)
    block.eval()
    torch.testing.assert_close(block(y), trained, rtol=0.2, atol=0.2)  # biased against unbiased variance, of six


def test_the_adjoint_equation_takes_each_step_with_its_own():
    pytest.importorskip("torchdiffeq")
    block, other, states = both("rk4", backward="adjoint", step_weights="shared")
    mine, wanted = seen(block, states), seen(other, states)
    size = len(wanted) // 4
    for i in range(4):
        assert torch.equal(mine[i * size], wanted[i * size])


def test_copies_files_and_standalone_source():
    block, _, (y,) = both("rk4")
    seen(block, [y])
    block.eval()
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert torch.equal(other(y), block(y))
        assert other.state_dict().keys() == block.state_dict().keys()
        assert sum(p.numel() for p in other.parameters()) == sum(p.numel() for p in block.parameters())
    fresh = both("rk4")[0].eval()
    fresh.load_state_dict(block.state_dict())
    assert torch.equal(fresh(y), block(y))
    namespace = {"__name__": "standalone"}
    exec(write_source("rk4"), namespace)
    alone = namespace["Rk4"]([Normal() for _ in range(STEPS)], h=H).eval()
    alone.load_state_dict(block.state_dict())
    assert torch.equal(alone(y), block(y))


def test_a_file_of_shared_statistics_is_that_of_each():
    torch.manual_seed(0)
    block, y = t2n.compile("rk4", statistics="shared")([Normal()], h=H), torch.randn(6, 3, dtype=torch.float64)
    block(y), block.eval()
    newer = t2n.compile("rk4")([Normal()], h=H).eval()
    newer.load_state_dict(block.state_dict())
    assert torch.equal(newer(y), block(y))
    with pytest.raises(RuntimeError, match="Missing key"):
        newer.load_state_dict({n: t for n, t in block.state_dict().items() if "bn1.running" not in n})


def test_what_is_evaluated_once_has_nothing_more():
    for scheme, options in (("euler", {}), ("lm", {}), ("rk4", {"stage_weights": "independent"}), ("revnet", {})):
        block = both(scheme, **options)[0]
        assert not any("evaluations" in name for name in block.state_dict())
    group = t2n.compile("rk4")([nn.GroupNorm(1, 3)], h=H)
    assert list(group.state_dict()) == ["fields.0.weight", "fields.0.bias"]
    lazy = t2n.compile("rk4")([nn.LazyBatchNorm1d()], h=H)
    assert lazy(torch.randn(4, 3)).shape == (4, 3)


def test_in_a_step_by_itself_and_in_parts():
    block, other, (y,) = both("rk4")
    seen(other, [y])
    seen(block, [y])
    block.eval()
    first = block.step(block.fields[0], H, y)
    assert torch.equal(block.part(1, STEPS)(first), block(y))
    shared = assert_equal("abm-2", step_weights="shared").eval()
    a, b = shared.split(1)
    assert torch.equal(b(*a(y)), shared(y))
    assert torch.equal(shared.trajectory(y)[-1], shared(y))


def test_a_failed_evaluation_leaves_the_layer_as_it_was():
    field = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3)).double()
    block = t2n.compile("rk2")([field])
    before = dict(field[0]._buffers)
    counted = InOrder(field, 0)
    counted.calls = 1
    with pytest.raises(RuntimeError):
        counted(torch.randn(4, 4, dtype=torch.float64))
    assert all(field[0]._buffers[name] is own for name, own in before.items())
    assert block(torch.randn(4, 3, dtype=torch.float64)).isfinite().all()


@pytest.mark.parametrize("step_weights", ["independent", "shared"])
def test_refined_steps_begin_with_the_statistics_of_the_old(step_weights):
    torch.manual_seed(0)
    block, _, (y,) = both("rk4", steps=2, step_weights=step_weights)
    seen(block, [y])
    finer = t2n.refine(block).eval()

    def means(block):
        found = [(n, t) for n, t in block.state_dict().items() if n.endswith("running_mean")]
        return [t for n, t in found if "bn1" in n]

    old, new = means(block), means(finer)
    assert len(new) == 2 * len(old)
    for step in range(2):
        for again in range(2):
            place = 4 * (2 * step + again)
            assert all(
                torch.equal(a, b) for a, b in zip(old[4 * step : 4 * step + 4], new[place : place + 4], strict=True)
            )
    finer.train()(y)
    one = t2n.refine(both("euler", steps=1, step_weights="shared")[0], 3)
    assert sum(name.endswith("bn1.running_mean") or "bn1.eval" in name for name in one.state_dict()) == 7


def test_synchronised_layers_keep_them():
    block, _, (y,) = both("rk4")
    seen(block, [y])
    wanted = block.eval()(y)
    other = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(block))
    assert any(isinstance(m, nn.SyncBatchNorm) for m in other.modules())
    assert torch.equal(other(y), wanted)
    frozen = copy.deepcopy(block).train()
    for layer in frozen.modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.training = False  # the layer alone
    assert torch.equal(frozen(y), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("backward", ["store", "checkpoint"])
@pytest.mark.parametrize(
    ("scheme", "step_weights"), [("rk4", "independent"), ("abm-2", "shared"), ("backward-euler", "shared")]
)
def test_compiled_and_exported(scheme, step_weights, backward):
    options = FIXED if scheme == "backward-euler" else {}
    block, _, (y,) = both(scheme, step_weights=step_weights, backward=backward, **options)
    other = copy.deepcopy(block)
    compiled = torch.compile(other, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        for a, b in zip(seen(block, [y]), seen(compiled, [y]), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    assert all(
        torch.allclose(a, b) for a, b in zip(block.state_dict().values(), other.state_dict().values(), strict=True)
    )
    block.eval()
    for strict in (False, True):
        assert torch.equal(torch.export.export(block, (y,), strict=strict).module()(y), block(y))


def test_what_no_word_says_is_refused():
    with pytest.raises(InputError, match="statistics='own': write one of 'evaluation', 'shared'"):
        t2n.compile("rk4", statistics="own")
