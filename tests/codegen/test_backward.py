"""Backward passes: all exact ones give the gradient that autograd gets through the same steps, whatever they keep."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tableau2net.codegen import compile as compiled
from tableau2net.errors import InputError
from tableau2net.runtime.checkpointed import checkpointed
from tableau2net.runtime.rounding import rounding_growth
from tableau2net.runtime.statistics import frozen_statistics
from tableau2net.scheme import Multistep, list_schemes, load
from tableau2net.step import lower, prune
from tests.codegen.gradients import LAMBDA, UNBOUNDED, Gradients, differences, through_steps
from tests.fields import Mixed, Noisy


def reversible_class(name: str, **options: Any) -> type[nn.Module]:
    """By the scheme's own inverse, or else by the coupled form."""
    try:
        return compiled(name, backward="reversible", growth_limit=UNBOUNDED, **options)
    except InputError:
        return compiled(name, backward="reversible", growth_limit=UNBOUNDED, coupling=LAMBDA, **options)


def compared(name: str, steps: int = 3, **options: Any) -> float:
    """How far the gradient of a reversible class is from that of its steps recorded: inputs, weights, coefficients."""
    from tableau2net.runtime.reversible import reversible

    torch.manual_seed(0)
    block: Any = reversible_class(name, time_dependent=True, sharing="shared", **options)
    fields = [[Mixed(timed=True) for _ in block.field_names] for _ in range(steps)]
    empty = block([each if len(each) > 1 else each[0] for each in fields], h=0.3)
    for parameter in empty.parameters(recurse=False):
        nn.init.uniform_(parameter, 0.6, 0.9)
    empty.double()
    width = len(empty.states) + len(empty.history)
    inputs = tuple(torch.randn(2, 4, dtype=torch.float64, requires_grad=True) for _ in range(width))
    found = []
    for way in ("recorded", "reversible"):
        factors = empty.hoisted() if empty.coefficients else ()
        arguments = [(*each, 0.3, n * 0.3, *factors) for n, each in enumerate(fields)]
        if way == "recorded":
            outputs = through_steps(empty, arguments, inputs)
        else:
            outputs = reversible(empty.step, empty.pull, arguments, inputs)
        loss = sum((torch.sin(x * (i + 2)).sum() for i, x in enumerate(outputs)), torch.zeros(()))
        leaves = [
            *inputs,
            *empty.parameters(recurse=False),
            *itertools.chain(*(f.parameters() for e in fields for f in e)),
        ]
        found.append(list(torch.autograd.grad(loss, leaves, allow_unused=True)))
    return differences(*found)


@pytest.mark.parametrize("name", ["nystrom-2", "revnet", "stormer-verlet-velocity", "lm", "rk4", "bogacki-shampine-32"])
@pytest.mark.parametrize("coefficients", ["fixed", "free"])
@pytest.mark.parametrize("stage_weights", ["shared", "independent"])
def test_reversible_is_exact(name: str, coefficients: str, stage_weights: str) -> None:
    if name == "lm":
        coefficients = "learnable"  # k = 0, as it is declared, has no inverse
    assert compared(name, coefficients=coefficients, stage_weights=stage_weights) < 1e-10


def test_an_older_field_value_is_computed_again_where_one_field_serves_all_steps() -> None:
    scheme = Multistep(alpha=[-1, 0, 0, 1], beta=[0, "3/2", "3/2", 0], name="older")
    with pytest.raises(InputError, match="no inverse"):
        compiled(scheme, backward="reversible")
    torch.manual_seed(0)
    field, x = Mixed(timed=True), torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    options = {"step_weights": "shared", "time_dependent": True}
    found = []
    for backward in ("store", "reversible"):
        block = compiled(scheme, backward=backward, growth_limit=UNBOUNDED, **options)(field, 6, h=0.2)
        found.append(list(torch.autograd.grad(block(x).square().sum(), [x, field.weight])))
    assert differences(*found) < 1e-10
    dropped = compiled(scheme, backward="reversible", growth_limit=UNBOUNDED, step_weights="shared")
    with pytest.raises(RuntimeError, match="random"):
        dropped(nn.Dropout(0.5), 6)(x).sum().backward()


def explicit_schemes() -> Iterator[str]:
    for name in list_schemes("*"):
        step = prune(lower(load(name)))
        # two of the seventies have coefficients beyond 1000, which cost the digits by themselves
        if step.explicit and step.evaluations <= 7 and not name.startswith("kovalnogov"):
            yield name


@pytest.mark.slow
def test_reversible_is_exact_for_the_library() -> None:
    reached, wrong = 0, {}
    for name in explicit_schemes():
        try:
            error = compared(name, steps=2)
        except InputError:  # a history that cannot be gone back over, or functions of an operator
            step = prune(lower(load(name)))
            assert step.history or not step.plain
            continue
        reached += 1
        if not error < 1e-10:
            wrong[name] = error
    assert reached > 100
    assert not wrong


# ------------------------------------------------------------------ networks: statistics, random numbers, precision


def trained(block: nn.Module, x: Tensor, **autocast: Any) -> tuple[list[Tensor], Gradients]:
    """What a pass forward and back leaves: buffers, the generator and the output; and the gradients."""
    torch.manual_seed(3)
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bool(autocast)):
        out = block(x)
    out.float().square().sum().backward() if autocast else out.square().sum().backward()
    gradients = [x.grad, *(p.grad for p in block.parameters())]
    return [out.detach(), *(b.clone().double() for b in block.buffers()), torch.rand(4)], gradients


def networks(name: str, backward: str, dtype: torch.dtype, steps: int = 4, **options: Any) -> list[nn.Module]:
    """The same network with gradients by autograd and by other means."""
    torch.manual_seed(1)
    fields = [Noisy() for _ in range(steps)]
    classes = [compiled(name, **options), compiled(name, backward=backward, **options)]
    return [cls(copy.deepcopy(fields), h=0.5).to(dtype) for cls in classes]


@pytest.mark.parametrize(
    ("name", "backward"), [("nystrom-2", "reversible"), ("nystrom-2", "checkpoint"), ("rk4", "checkpoint")]
)
@pytest.mark.parametrize("mode", ["train", "eval", "hooks"])
def test_networks_are_left_alike(name: str, backward: str, mode: str) -> None:
    """Output, gradients, running statistics (one update a batch) and the generator are what plain autograd leaves."""
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    found = []
    for block in networks(name, backward, torch.float64):
        block.train(mode != "eval")
        if mode == "hooks":
            for p in block.parameters():
                p.register_hook(lambda gradient: 2 * gradient)
        found.append(trained(block, x))
    (left, expected), (right, gradients) = found
    assert all(map(torch.equal, left, right))
    assert differences(expected, gradients) < 1e-10


def test_coupled_networks_count_a_batch_once() -> None:
    """The coupled form evaluates each field twice a step, and in backward again: as many updates as forward alone."""
    counts = []
    for backwards in (False, True):
        torch.manual_seed(1)
        block = compiled("explicit-midpoint", backward="reversible", coupling=LAMBDA)([Noisy() for _ in range(2)])
        out = block(torch.randn(2, 4, 6, 6).requires_grad_())
        if backwards:
            out.sum().backward()
        counts.append([b.clone() for b in block.buffers()])
    assert all(map(torch.equal, *counts))


def test_autocast_is_that_of_the_forward_pass() -> None:
    left, right = networks("nystrom-2", "reversible", torch.float32)
    x = torch.randn(2, 4, 6, 6)
    (_, expected), (_, gradients) = trained(left, x, on=True), trained(right, x, on=True)
    assert differences(expected, gradients) < 1e-2  # of which bfloat16 keeps eight bits
    assert differences(trained(left.eval(), x)[1], gradients) > 1e-3  # and float32 would give something else


@pytest.mark.parametrize(("name", "coupling"), [("nystrom-2", None), ("rk4", LAMBDA), ("dormand-prince-54", LAMBDA)])
def test_float32_where_growth_is_small(name: str, coupling: str | None) -> None:
    """Fields as of a network that is in good health: gradients to 1e-5 in float32 over 20 steps."""
    from tableau2net.runtime.reversible import reversible

    torch.manual_seed(0)
    fields = [nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)) for _ in range(20)]
    block: Any = compiled(name, backward="reversible", coupling=coupling)(fields, h=0.1)
    x = torch.randn(16, 8)
    found = []
    for backwards in (through_steps, lambda b, a, i: reversible(b.step, b.pull, a, i)):
        inputs = tuple(x.clone().requires_grad_() for _ in range(2))
        outputs = backwards(block, [(f, 0.1) for f in fields], inputs)
        found.append(list(torch.autograd.grad(outputs[0].square().mean(), [*inputs, *block.parameters()])))
    assert differences(*found) < 1e-5


# ------------------------------------------------------------------ what is refused


def leapfrog(steps: int = 3, **options: Any) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    block = compiled("nystrom-2", backward="reversible", **options)([nn.Linear(3, 3) for _ in range(steps)], h=0.2)
    return block, torch.randn(2, 3, requires_grad=True)


def test_a_changed_parameter_is_noticed() -> None:
    block, x = leapfrog()
    loss = block(x).sum()
    with torch.no_grad():
        next(iter(block.parameters())).add_(1)
    with pytest.raises(RuntimeError, match=r"in place|inplace"):
        loss.backward()


def test_second_derivatives_are_refused() -> None:
    block, x = leapfrog()
    with pytest.raises(RuntimeError, match="backward='store'"):
        torch.autograd.grad(block(x).sum(), x, create_graph=True)


def test_a_second_backward_pass_needs_a_retained_graph() -> None:
    block, x = leapfrog()
    loss = block(x).square().sum()
    loss.backward(retain_graph=True)
    assert x.grad is not None
    once = x.grad.clone()
    loss.backward()
    assert torch.allclose(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_checkpointed_step_can_be_taken_again_twice() -> None:
    torch.manual_seed(0)
    block, x = compiled("rk4", backward="checkpoint")([Noisy()]), torch.randn(2, 4, 6, 6, requires_grad=True)
    loss = block(x).square().sum()
    once = torch.autograd.grad(loss, x, retain_graph=True)
    assert torch.equal(*once, *torch.autograd.grad(loss, x))
    own = block.fields[0][0].state_dict()
    counts = [int(count) for name, count in own.items() if name.endswith("num_batches_tracked")]
    assert counts == [1, 1, 1, 1]  # one update for each evaluation, all of them forward


def test_one_block_twice_in_a_graph_and_frozen_inputs() -> None:
    block, x = leapfrog()
    store = compiled("nystrom-2")(block.fields, h=0.2)
    found = []
    for way in (store, block):
        loss = way(way(x.detach())).square().sum()  # the input wants no gradient, the weights do
        found.append(list(torch.autograd.grad(loss, list(block.parameters()))))
    assert differences(*found) < 1e-5
    with torch.no_grad():
        assert torch.equal(block(x), store(x))
        assert not block(x).requires_grad


def test_without_a_way_back_there_is_advice() -> None:
    with pytest.raises(InputError, match="coupling='999/1000'"):
        compiled("rk4", backward="reversible")
    with pytest.raises(InputError, match="checkpoint"):
        compiled("adams-bashforth-2", backward="reversible")
    with pytest.raises(InputError, match="coupled form"):
        compiled("adams-bashforth-2", backward="reversible", coupling=LAMBDA)
    with pytest.raises(InputError, match="implicit"):
        compiled("bdf-2", backward="reversible")


def test_growth_is_seen_beforehand_and_afterwards() -> None:
    """LM with k = 1/10 grows tenfold a step: 19 steps are refused, and where they were not, the states show it."""
    fields = [nn.Linear(3, 3) for _ in range(20)]
    cls: Any = compiled("lm", coefficients="learnable", backward="reversible", growth_limit=UNBOUNDED)
    block = cls(fields, h=0.01)
    nn.init.constant_(block.k, 0.1)
    assert 1e18 < block.growth() < 1e20
    with pytest.raises(ValueError, match=r"growth_limit=1e\+?0?4|growth_limit=10000"):
        compiled("lm", coefficients="learnable", backward="reversible")(fields)
    from tableau2net.runtime.reversible import reversible

    factors = [x[0] for x in block.hoisted()]
    x = torch.randn(2, 3, requires_grad=True)
    y, _ = reversible(block.step, block.pull, [(f, 0.01, *factors) for f in fields], (x, x.clone()))
    with pytest.raises(RuntimeError, match="growth_limit"):
        y.sum().backward()


def test_channels_of_zeros_are_no_sign_of_growth() -> None:
    """A transition pads with zero channels: what comes back there is seen beside the state, not beside zero."""
    x = torch.randn(16, 8, 8, 8)
    x[:, ::2] = 0
    fields = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(4)]
    block = compiled("lm-reversible", backward="reversible")(fields, h=0.1)
    block(x.requires_grad_()).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_rounding_growth_by_hand() -> None:
    """Per step and channel, in the order in which steps are undone; the worst prefix counts."""
    k = torch.tensor([[2.0, 1.0], [0.5, 0.125]]).reshape(2, 2, 1, 1)
    assert rounding_growth(((1 / k,),), 2) == 8  # by channel 1/2, 1 and 1, 8
    assert rounding_growth(((0, 1), (1, 0)), 50) == 1
    assert rounding_growth(((0, 1), (-1, 2)), 50) == 2 * 50 + 1  # a double root grows by steps
    assert rounding_growth(((1 / torch.zeros(()),),), 3) == math.inf


def test_made_without_memory() -> None:
    """On the meta device, where parameters have no values, for counts and for loading weights later."""
    with torch.device("meta"):
        for name, options in (("revnet", {}), ("lm", {"coefficients": "learnable"})):
            fields = [[nn.Linear(3, 3), nn.Linear(3, 3)] if name == "revnet" else nn.Linear(3, 3)] * 3
            assert compiled(name, backward="reversible", **options)(fields).growth() == 1


# ------------------------------------------------------------------ the pieces


@pytest.mark.parametrize("momentum", [0.1, None])
def test_frozen_statistics(momentum: float | None) -> None:
    """The same output, nothing updated, twice inside each other; modules of one's own and in evaluation mode too."""

    class Own(nn.BatchNorm1d):
        def forward(self, x: Tensor) -> Tensor:
            assert self.running_mean is not None
            self.running_mean.add_(1)
            return x - self.running_mean

    field = nn.Sequential(nn.BatchNorm1d(3, momentum=momentum), nn.Linear(3, 3), nn.BatchNorm1d(3).eval(), Own(3))
    x = torch.randn(5, 3)
    before = copy.deepcopy(field.state_dict())
    expected = copy.deepcopy(field)(x)
    with frozen_statistics([field, torch.tanh]), frozen_statistics([field]):
        assert torch.equal(field(x), expected)
    assert all(torch.equal(a, b) for a, b in zip(before.values(), field.state_dict().values(), strict=True))
    field(x)
    assert field[0].num_batches_tracked == 1  # type: ignore[union-attr]


def test_checkpointed_under_compile_updates_once() -> None:
    torch.manual_seed(0)
    field = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3))
    x = torch.randn(5, 3, requires_grad=True)

    def step(f: nn.Module, h: float, y: Tensor) -> Tensor:
        return y.add(f(y), alpha=h)

    plain = torch.autograd.grad(step(field, 0.5, x).square().sum(), [x, *field.parameters()])
    run = torch.compile(lambda y: checkpointed(step, field, 0.5, y), backend="aot_eager", fullgraph=True)
    again = torch.autograd.grad(run(x).square().sum(), [x, *field.parameters()])
    assert differences(list(plain), list(again)) < 1e-5
    assert field[0].num_batches_tracked == 2
