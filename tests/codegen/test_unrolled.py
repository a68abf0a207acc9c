"""A block step by step is the block: parts, states and costates, under every way back."""

import copy

import pytest
import torch

import tableau2net as t2n
from tableau2net.codegen.backward import DRIVERS
from tableau2net.errors import InputError
from tests.fields import Forced, Mixed, Noisy, smooth

BLOCKS = {
    "rk4": {},
    "rk4, checkpoint": {"backward": "checkpoint"},
    "rk4, reversible": {"backward": "reversible", "coupling": "999/1000"},
    "euler, adjoint": {"backward": "adjoint"},
    "rk4, stages": {"stage_weights": "independent"},
    "rk4, time": {"time_dependent": True},
    "lm, learnt": {"coefficients": "learnable"},
    "lm, once": {"coefficients": "learnable", "sharing": "shared"},
    "adams-bashforth-3": {},
    "adams-bashforth-3, checkpoint": {"backward": "checkpoint", "start": "rk4"},
    "leapfrog-2, reversible": {"backward": "reversible"},
    "abm-2": {},
    "bdf-2": {"tolerance": 1e-13},
    "stormer-2": {},
    "gauss-2": {"tolerance": 1e-13},
    "ars-222": {"tolerance": 1e-13},
    "stormer-verlet-velocity": {},
    "symplectic-euler-p, reversible": {"backward": "reversible"},
    "nordsieck-pec-4": {},
    "nordsieck-adams-3": {"tolerance": 1e-13},
}
STEPS = 4


def block_of(case, **more):
    torch.manual_seed(0)
    options = {**BLOCKS[case], **more}
    block = t2n.compile(case.partition(",")[0], **options)
    field = (lambda: Forced(1, states=len(block.states), size=4)) if options.get("time_dependent") else smooth
    if block.states == ("y1", "y2"):
        field = Mixed
    fields = [[field() for _ in block.field_names] if len(block.field_names) > 1 else field() for _ in range(STEPS)]
    return block(fields, 0.3).double()


def states_of(block, **options):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(3, 4, dtype=torch.float64, generator=generator, **options) for _ in block.states)


def tuples(states):
    return [each if isinstance(each, tuple) else (each,) for each in states]


def test_every_way_back_is_among_them():
    assert {options.get("backward", "store") for options in BLOCKS.values()} == set(DRIVERS)


@pytest.mark.parametrize("case", BLOCKS)
def test_parts_in_a_row_are_the_block_to_the_bit(case):
    block = block_of(case)
    y = states_of(block)
    expected = tuples([block(*y)])[0]
    for cut in range(STEPS + 1):
        first, rest = block.split(cut)
        (middle,) = tuples([first(*y)])
        assert len(middle) == len(first.names)
        assert all(map(torch.equal, tuples([rest(*middle)])[0], expected))
    for n in range(STEPS):
        y = tuples([block.part(n, n + 1)(*y)])[0]
    assert all(map(torch.equal, y, expected))


@pytest.mark.parametrize("case", BLOCKS)
def test_the_trajectory_ends_where_the_block_does_and_each_state_is_a_shorter_blocks(case):
    block = block_of(case)
    y = states_of(block)
    found = tuples(block.trajectory(*y))
    assert len(found) == STEPS + 1
    assert found[0] == y
    for n in range(1, STEPS + 1):
        shorter = block_of(case)
        shorter.load_state_dict(block.state_dict())
        shorter.fields = shorter.fields[:n]
        if "sharing" not in BLOCKS[case]:
            for name in shorter.raw:
                setattr(shorter, name, torch.nn.Parameter(getattr(shorter, name)[: n - shorter.startup]))
        assert all(map(torch.equal, found[n], tuples([shorter(*y)])[0]))


@pytest.mark.parametrize("case", BLOCKS)
def test_costates_are_the_gradients_of_the_steps_in_what_the_block_is_given(case):
    block = block_of(case)
    store = block_of(case, backward="store", coupling=None) if "coupling" not in BLOCKS[case] else block
    store.load_state_dict(block.state_dict())
    y, cotangent = states_of(block, requires_grad=True), states_of(block)[::-1]
    found = tuples(block.costates(y if len(y) > 1 else y[0], cotangent if len(y) > 1 else cotangent[0]))
    expected = torch.autograd.grad(tuples([store(*y)])[0], y, cotangent)
    assert len(found) == STEPS + 1
    assert all(map(torch.equal, found[-1], cotangent))
    assert all(p.grad is None for p in block.parameters())
    for mine, theirs in zip(found[0], expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)


FIRST_SEEN = [
    c for c in BLOCKS if c.startswith(("rk4", "lm", "adams-b", "leapfrog", "stormer-2")) and c[-10:] != "reversible"
]


@pytest.mark.parametrize("case", FIRST_SEEN)
def test_costates_are_the_gradients_in_the_states_that_fields_see_first(case):
    """By hooks on the fields of a plain call: what later steps do with what they remember of a state counts too."""
    block = block_of(case)
    seen = {}

    def note(n, given):
        seen.setdefault(n, given[-1])

    (y,) = states_of(block, requires_grad=True)
    cotangent = torch.randn(3, 4, dtype=torch.float64)
    found = block.costates(y, cotangent)
    for n, fields in enumerate(block.fields):
        first = fields[0] if isinstance(fields, torch.nn.ModuleList) else fields
        first.register_forward_pre_hook(lambda _, given, n=n: note(n, given))
    out = block(y)
    expected = torch.autograd.grad(out, [seen[n] for n in range(STEPS)], cotangent)
    for mine, theirs in zip(found, expected, strict=False):
        torch.testing.assert_close(mine, theirs, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("backward", ["store", "checkpoint"])
def test_fields_with_noise_and_statistics_see_one_pass(backward):
    """Costates are those of the very pass that `trajectory` takes, and a BatchNorm has counted one batch."""
    torch.manual_seed(0)
    block = t2n.compile("rk2", backward=backward)([Noisy() for _ in range(3)], 0.5)
    y, cotangent = torch.randn(2, 2, 4, 5, 5).unbind()
    before = copy.deepcopy(block)
    torch.manual_seed(1)
    costates = block.costates(y, cotangent)
    torch.manual_seed(1)
    y.requires_grad_()
    (expected,) = torch.autograd.grad(before(y), y, cotangent)
    torch.testing.assert_close(costates[0], expected)
    for name, value in before.state_dict().items():
        assert torch.equal(value, block.state_dict()[name]), name


def test_past_that_is_handed_in_goes_on_through_the_cut():
    block = t2n.compile("adams-bashforth-3")([smooth(seed=n) for n in range(4)], 0.3, given=1)
    y, f_prev = torch.randn(2, 3, 4, dtype=torch.float64)
    expected = block(y, f_prev)
    assert [block.part(0, n).names for n in range(5)] == [
        ("y", "f_prev"), *[("y", "f_prev", "f_prev2")] * 3, ("y",)
    ]  # fmt: skip
    for cut in range(5):
        first, rest = block.split(cut)
        assert torch.equal(rest(*tuples([first(y, f_prev=f_prev)])[0]), expected)
    assert torch.equal(block.trajectory(y, f_prev=f_prev)[-1], expected)


def test_costates_keep_the_states_and_one_step():
    """Of steps with a wide field what autograd keeps is the states: a step's own tensors are made again."""
    kept = []

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    block = t2n.compile("rk4")([smooth(4, hidden=64) for _ in range(8)], 0.1)
    y = torch.randn(16, 4, dtype=torch.float64)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        block.costates(y, y)
    assert sum(kept) <= 9 * y.numel()


@pytest.mark.parametrize("steps", [(-1, 2), (2, 1), (0, 5), (0, True), (0.0, 1), ("0", 1)])
def test_steps_that_there_are_not_are_refused(steps):
    with pytest.raises(InputError, match="there are 4; write whole numbers, 0 <= begin <= end <= 4"):
        block_of("rk4").part(*steps)


@pytest.mark.parametrize(
    ("state", "cotangent", "said"),
    [
        (
            torch.ones(3, 4),
            torch.ones(5, 4),
            r"cotangent of y is of shape \(5, 4\) on cpu, and .* last state is \(3, 4\)",
        ),
        (torch.ones(3, 4), torch.ones(3, 5), r"cotangent of y is of shape \(3, 5\)"),
        (torch.ones(3, 4), 1.0, r"cotangent is a tensor of floating-point numbers, of y, and \(float\) was given"),
        (torch.ones(3, 4), torch.ones(3, 4).long(), r"cotangent is .* and \(torch.int64 numbers\) was given"),
        (torch.ones(3, 4), torch.ones(3, 4).cfloat(), "cotangent is .*torch.complex64"),
        (torch.ones(3, 4), (torch.ones(3, 4),) * 2, "cotangent is a tensor "),
        ([torch.ones(3, 4)], torch.ones(3, 4), r"state is .* and \(list\) was given"),
    ],
)
def test_costates_in_another_form_are_told_in_a_line(state, cotangent, said):
    block = t2n.compile("euler")([torch.nn.Linear(4, 4)], 0.1)
    with pytest.raises(InputError, match=f"costates: (the )?{said}"):
        block.costates(state, cotangent)
    with pytest.raises(InputError, match="costates: cotangent is a tuple of 2 tensors of floating-point numbers, of "):
        t2n.compile("stormer-verlet-velocity")([], 0.1).costates((torch.ones(3, 4),) * 2, torch.ones(3, 4))


def test_a_block_whose_call_is_more_than_its_steps_is_refused():
    class Twice(t2n.compile("euler")):
        def forward(self, y):
            return 2 * super().forward(y)

    block = Twice([smooth()])
    for reading in (lambda: block.split(0), lambda: block.trajectory(torch.ones(1, 4).double())):
        with pytest.raises(InputError, match="Twice: its call is more than its steps, so they cannot be taken one by"):
            reading()
