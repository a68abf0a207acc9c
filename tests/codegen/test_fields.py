"""What fields may do: change themselves where a step is taken again, alias what they like; not overwrite a state."""

import copy
import weakref

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

import tableau2net as t2n
from tableau2net.runtime.untouched import SEEN, untouched

# What overwrites a state


class Multiplies(nn.Module):
    def forward(self, y):
        return y.mul_(0.5)


class Later(nn.Module):
    """In a branch that is first taken in the second call."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, y):
        self.calls += 1
        return y.mul_(0.5) if self.calls > 1 else y * 0.5


class ThroughAView(nn.Module):
    def forward(self, y):
        y[:, 0] = 0
        return y * 1


class OneBuffer(nn.Module):
    """The same memory for each slope."""

    def __init__(self):
        super().__init__()
        self.slope = torch.empty(3, 4)

    def forward(self, y):
        return torch.neg(y, out=self.slope)


def relu():
    return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4))


SCHEMES = {
    "euler": {},
    "rk4": {"backward": "checkpoint"},
    "ssprk-33": {},
    "lm": {},
    "dormand-prince-54": {},
    "adams-bashforth-3": {},
    "backward-euler": {},
    "revnet-like": {"backward": "reversible", "coupling": "999/1000"},
}


def block_of(name, field, **more):
    scheme = "rk2" if name == "revnet-like" else name
    fields = [field() for _ in range(3)]
    return t2n.compile(scheme, **SCHEMES[name], **more)(fields, h=0.1)


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("field", [relu, Multiplies, ThroughAView])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_field_in_place_is_refused(name, field, mode):
    torch.manual_seed(0)
    block = block_of(name, field)
    for training in (True, False):
        with mode(), pytest.raises(RuntimeError, match=r"works in place on the state .*: write inplace=False"):
            block.train(training)(torch.randn(3, 4))


def test_in_a_later_call_too():
    block = t2n.compile("euler")([Later()], h=0.1)
    y = torch.randn(3, 4)
    block(y)
    with pytest.raises(RuntimeError, match="the field Later works in place"):
        block(y)


def test_where_one_stage_alone_works_in_place():
    """At a state of the step's own, that it reads again."""
    Block = t2n.compile("ssprk-33", stage_weights="independent")
    block = Block([[nn.Linear(4, 4), Multiplies(), nn.Linear(4, 4)]])
    with pytest.raises(RuntimeError, match="the field Multiplies works in place"):
        block(torch.randn(3, 4))


def test_in_place_behind_the_first_layer_is_the_fields_own_affair():
    field = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 4))
    plain = copy.deepcopy(field)
    plain[1].inplace = False
    y = torch.randn(3, 4)
    for name in SCHEMES:
        assert torch.equal(block_of(name, lambda: field)(y), block_of(name, lambda: plain)(y))


@torch.no_grad()
def test_one_memory_for_all_slopes_is_refused_or_right():
    y = torch.randn(3, 4)
    with pytest.raises(RuntimeError, match="OneBuffer overwrites the slope of an earlier evaluation"):
        block_of("dormand-prince-54", OneBuffer)(y)
    for name in ("euler", "lm"):

        class Negative(nn.Module):
            def forward(self, y):
                return -y

        torch.testing.assert_close(block_of(name, OneBuffer)(y), block_of(name, Negative)(y))


class Returns(nn.Module):
    """A slope that is the state itself, a view of it, or a constant of the field's own."""

    def __init__(self, what):
        super().__init__()
        self.what = what
        self.constant = nn.Parameter(torch.linspace(0, 1, 12, dtype=torch.float64).view(3, 4))

    def forward(self, y):
        return {"state": y, "view": y.view(3, 4), "constant": self.constant}[self.what]


class Fresh(Returns):
    def forward(self, y):
        return super().forward(y) * 1.0


@pytest.mark.parametrize("what", ["state", "view", "constant"])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_slope_may_be_the_state_or_a_constant(name, what):
    y = torch.randn(3, 4, dtype=torch.float64)
    found = []
    for field in (Returns, Fresh):
        block, start = block_of(name, lambda field=field: field(what)), y.clone().requires_grad_()
        new = block(start)
        gradients = torch.autograd.grad(new.square().sum(), [start, *block.parameters()], allow_unused=True)
        found.append([new, *(g for g in gradients if g is not None)])
        assert torch.equal(start, y)
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-13)


def test_fields_that_are_gone_are_forgotten():
    field = nn.Linear(2, 2)
    untouched(lambda f, y: f(y), field, torch.ones(1, 2))
    key, gone = id(field), weakref.ref(field)
    assert key in SEEN[True]
    assert not field._forward_hooks
    assert not field._forward_pre_hooks
    del field
    assert gone() is None
    assert key not in SEEN[True]


# What changes a field: `checkpoint` takes steps again


class Counter(nn.Module):
    """A slope that depends on how often it was asked for, by a buffer in place or by one in the place of another."""

    def __init__(self, replaced, training=True):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.replaced = replaced

    def forward(self, y):
        if self.replaced:
            self.count = self.count + 1
        else:
            self.count += 1
        return self.linear(y).tanh() * (1 + 1 / self.count)


class RunningMean(nn.Module):
    """Centred on a mean of its own, that reads and writes it."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4, dtype=torch.float64), persistent=False)

    def forward(self, y):
        if self.training:
            self.mean.lerp_(y.detach().mean(0), 0.3)
        return self.linear(y - self.mean).tanh()


class OwnNorm(nn.BatchNorm1d):
    """Normalises by its running statistics, in training too."""

    def forward(self, y):
        super().forward(y)
        return y / (1 + self.running_var)


class Images(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(1, 1, 3, padding=1), norm

    def forward(self, y):
        return self.norm(self.conv(y[:, None])).tanh()[:, 0]


CHANGING = {
    "batch norm": lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh()),
    "batch norm, all batches": lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=None), nn.Tanh()),
    "own norm": lambda: nn.Sequential(nn.Linear(4, 4), OwnNorm(4, affine=False), nn.Tanh()),
    "instance norm": lambda: Images(nn.InstanceNorm1d(1, track_running_stats=True, affine=True)),
    "spectral norm": lambda: nn.Sequential(spectral_norm(nn.Linear(4, 4)), nn.Tanh()),
    "spectral norm, parametrized": lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Tanh()),
    "counter": lambda: Counter(False),
    "counter, replaced": lambda: Counter(True),
    "running mean": RunningMean,
    "dropout": lambda: nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Tanh()),
}


def trained(block, y, training, passes=2):
    """The state, the gradients of some batches, and all buffers afterwards."""
    block.train(training)
    torch.manual_seed(3)
    new = [block(y * (n + 1)) for n in range(passes)]
    gradients = torch.autograd.grad(sum(n.square().sum() for n in new), list(block.parameters()))
    return [*new, *gradients, *(b.clone() for b in block.buffers())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("field", CHANGING)
@pytest.mark.parametrize("scheme", ["rk4", "lm"])
def test_what_an_evaluation_changes_is_changed_once(scheme, field, training):
    torch.manual_seed(0)
    fields = [CHANGING[field]().double() for _ in range(2)]
    fields.append(fields[0])  # one that serves two steps
    y = torch.randn(5, 4, dtype=torch.float64)
    found = [
        trained(t2n.compile(scheme, backward=way)(copy.deepcopy(fields), h=0.5), y, training)
        for way in ("store", "checkpoint")
    ]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


REFUSED = {
    "spectral norm": "Linear changes its buffer 'weight_u'",
    "spectral norm, parametrized": "_SpectralNorm changes its buffer '_u'",
    "counter": "Counter changes its buffer 'count'",
    "counter, replaced": "Counter changes its buffer 'count'",
    "running mean": "RunningMean changes its buffer 'mean'",
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("field", CHANGING)
def test_a_step_that_is_undone_names_what_it_cannot_undo(field, training):
    torch.manual_seed(0)
    fields = [CHANGING[field]().double() for _ in range(2)]
    y = torch.randn(5, 4, dtype=torch.float64)
    undone, stored = (
        t2n.compile("leapfrog-2", backward=way)(copy.deepcopy(fields), h=0.5) for way in ("reversible", "store")
    )
    if field == "own norm" and training:  # taken for one whose statistics nothing reads in training
        new = undone.train()(y)
        with pytest.raises(RuntimeError, match="states came back wrong"):
            new.sum().backward()
    elif field in REFUSED and (training or field.startswith("counter")):
        with pytest.raises(RuntimeError, match=f"backward='reversible': {REFUSED[field]} when it is evaluated"):
            undone.train(training)(y)
    else:
        torch.testing.assert_close(
            trained(undone, y, training, 1), trained(stored, y, training, 1), rtol=1e-8, atol=1e-9
        )
