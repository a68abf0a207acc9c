"""What a forward writes where it stands is in no copy that `convert` returns: modules that write on themselves in every
way, as blocks, as networks around blocks and beside them; containers that are called; the original as second route."""

import copy
import pickle
import random

import pytest
import torch
import torchvision.models as models
from torch import fx, nn

import tableau2net as t2n
from tests.nn.surrounded import Plain


class Box:
    """An object of no library's."""

    def __init__(self):
        self.inner = {"list": [0], "set": set()}


def attribute(m, x):
    if m.kept is None:
        m.kept = x.mean(0)
    return m.kept


def listed(m, x):
    m.log.append(x.mean(0))
    return m.log[0]


def by_shape(m, x):
    if x.shape[0] not in m.cache:
        m.cache[x.shape[0]] = torch.ones(4) + x.detach().mean()
    return m.cache[x.shape[0]]


def nested(m, x):
    m.box.inner["list"].append(x.sum())
    return 1 + 0.1 * len(m.box.inner["list"])


def in_a_set(m, x):
    m.box.inner["set"].add(len(m.box.inner["set"]))
    return 1 + 0.1 * len(m.box.inner["set"])


def counted(m, x):
    m.calls += 1
    return 1 + 0.1 * (m.calls % 3)


def counted_for_nothing(m, x):
    m.calls += 1
    return 1.0


def of_the_class(m, x):
    type(m).all_calls += 1
    return 1 + 0.1 * type(m).all_calls


def buffered(m, x):
    m.seen = m.seen + 1
    return 1 + 0.1 * m.seen


def in_place(m, x):
    m.seen.mul_(0.9).add_(0.1 * x.mean())
    return 1 + m.seen


def on_a_grandchild(m, x):
    layer = next(child for child in m.modules() if isinstance(child, nn.Linear))
    layer.mask = x.mean()
    return 1.0


def a_parameter_by_the_list(m, x):
    with torch.no_grad():
        for p in m.parameters():
            p.data.clamp_(-0.1, 0.1)
    return 1.0


def initialised(m, x):
    """Data-dependent initialisation, as of weight normalisation or vector quantisation."""
    if not m.ready:
        m.gain.data.copy_(1 / (x.std(0) + 1))
        m.ready = True
    return m.gain


def a_new_module(m, x):
    if not hasattr(m, "made"):
        m.add_module("made", nn.Identity())
        m.register_buffer("late", torch.ones(4))
    return m.made(m.late)


WRITES = (attribute, listed, by_shape, nested, in_a_set, counted, counted_for_nothing, of_the_class, buffered, in_place,
          on_a_grandchild, a_parameter_by_the_list, initialised, a_new_module)  # fmt: skip


class Writing(nn.Module):
    all_calls = 0

    def __init__(self, write):
        super().__init__()
        self.write, self.kept, self.log, self.cache, self.box, self.calls, self.ready = (
            write, None, [], {}, Box(), 0, False)  # fmt: skip
        self.register_buffer("seen", torch.zeros(4))
        self.gain = nn.Parameter(torch.ones(4))


class Block(Writing):
    def __init__(self, write):
        super().__init__(write)
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, y):
        return y + self.two(torch.relu(self.one(y))) * self.write(self, y)


class Around(Writing):
    """A network that writes on itself, between blocks that do not."""

    def __init__(self, write, apart):
        super().__init__(write)
        self.blocks, self.apart = nn.ModuleList(Plain() for _ in range(4)), apart

    def forward(self, x):
        x = x if self.apart else x * self.write(self, x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if self.apart and i == 1:
                x = x * self.write(self, x)
        return x


class Beside(nn.Module):
    """A row of blocks behind a layer that writes on itself."""

    def __init__(self, write):
        super().__init__()
        self.first, self.rest = Around(write, True), nn.Sequential(Plain(), Plain())

    def forward(self, x):
        return self.rest(self.first(x))


PLACES = {
    "block": lambda write: nn.Sequential(Plain(), Plain(), Block(write), Block(write), Plain()),
    "around": lambda write: Around(write, False),
    "between": lambda write: Around(write, True),
    "beside": Beside,
}


FURTHER = [
    pytest.param(each, marks=pytest.mark.slow) for each in ("around", "between")
]  # "beside" has one of these inside
REFUSED = {  # in a line
    (by_shape, "around"): "cannot be traced",
    (by_shape, "between"): "cannot be traced",
    (a_new_module, "around"): "not installed as a submodule",
    (a_new_module, "between"): "not installed as a submodule",
    (a_parameter_by_the_list, "block"): "gives other outputs in eval mode",  # the second call
}


def reached(thing, seen):
    """Every object that a module holds, to whatever depth."""
    if id(thing) in seen or isinstance(thing, type):
        return
    seen[id(thing)] = thing
    inside = thing.items() if isinstance(thing, dict) else ()
    for pair in inside:
        for each in pair:
            reached(each, seen)
    if isinstance(thing, list | tuple | set):
        for each in thing:
            reached(each, seen)
    if (hasattr(thing, "__dict__") and not callable(thing)) or isinstance(thing, nn.Module):
        reached(vars(thing), seen)


def debris(net):
    """What of a trace is in a network, but for the graphs of its fields."""
    seen = {}
    for module in net.modules():
        if not isinstance(module, fx.GraphModule):
            reached({k: v for k, v in vars(module).items() if k != "_modules"}, seen)
    return [each for each in seen.values() if isinstance(each, fx.Proxy | fx.Node)]


@pytest.mark.parametrize("place", ["block", "beside", *FURTHER])
@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
def test_nothing_of_a_trace_is_left_and_each_call_is_the_original_s(write, place):
    torch.manual_seed(0)
    Writing.all_calls = 0
    net = PLACES[place](write)
    before = pickle.dumps(net)
    if (write, place) in REFUSED:
        with pytest.raises(t2n.InputError, match=REFUSED[write, place]):
            t2n.convert(net, "euler")
        assert pickle.dumps(net) == before
        return
    found = t2n.convert(net, "euler")
    assert pickle.dumps(net) == before  # the original is not written on
    assert found.conversion.runs
    assert found.conversion.equal == "are the original's, to the bit"
    assert not debris(found)
    choose = random.Random(0)
    inputs = [torch.randn(choose.choice((2, 3)), 4) for _ in range(5)]
    outputs = []
    for each in (net, copy.deepcopy(found)):
        for kind in (Writing, Block, Around):
            kind.all_calls = 0
        outputs.append([each.train(i % 2 == 0)(x) for i, x in enumerate(inputs)])
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


class Row(nn.ModuleList):
    def forward(self, x):
        for block in self:
            x = block(x)
        return x


class Named(nn.ModuleDict):
    """As torchvision's IntermediateLayerGetter: members in a row, one of them handed out."""

    def forward(self, x):
        out = {}
        for name, block in self.items():
            x = block(x)
            if name == "b1":
                out["low"] = x
        return {**out, "high": x}


class Turned(nn.Sequential):
    def forward(self, x):
        return super().forward(x.flip(0)).flip(0)


@pytest.mark.parametrize(
    ("make", "blocks"),
    [
        (lambda blocks: Row(blocks), [4]),
        (lambda blocks: Named({f"b{i}": block for i, block in enumerate(blocks)}), [2, 2]),
        (lambda blocks: Turned(*blocks), [4]),
        (lambda blocks: nn.Sequential(Row(blocks[:2]), Named({"b1": blocks[2], "c": blocks[3]})), [2, 1, 1]),
    ],
)
def test_a_container_with_a_forward_of_its_own_is_a_module_like_others(make, blocks):
    torch.manual_seed(0)
    net, x = make([Plain() for _ in range(4)]), torch.randn(3, 4)
    found = t2n.convert(net, "euler")
    assert [run.blocks for run in found.conversion.runs] == blocks
    theirs, ours = net(x), found(x)
    pairs = zip(theirs.values(), ours.values(), strict=True) if isinstance(theirs, dict) else [(theirs, ours)]
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_bare_container_is_refused_and_named():
    with pytest.raises(t2n.InputError, match="ModuleDict, which has no forward"):
        t2n.convert(nn.ModuleDict({"a": Plain()}), "euler")


class Weighed(Plain):
    """Tensors that a forward makes on its way: another one in each mode, or the same."""

    def __init__(self, by_mode):
        super().__init__()
        self.by_mode = by_mode

    def forward(self, y):
        weights = torch.tensor([1.0, 0.5, 2.0, 0.25]) if self.training or not self.by_mode else torch.ones(4)
        return y + self.two(torch.relu(self.one(y))) * weights


def test_tensors_that_a_forward_makes_are_in_its_field():
    torch.manual_seed(0)
    net, x = nn.Sequential(Weighed(False), Weighed(False)), torch.randn(3, 4)
    found = t2n.convert(net, "euler")
    assert [run.blocks for run in found.conversion.runs] == [2]
    assert torch.equal(found(x), net(x))
    net = nn.Sequential(Plain(), Weighed(True), Weighed(True))
    found = t2n.convert(net, "euler")
    assert [run.blocks for run in found.conversion.runs] == [1]
    for training in (True, False):
        assert torch.equal(found.train(training)(x), net.train(training)(x))


class Asking(Plain):
    """Other calls for a tensor than for what it is traced with."""

    def forward(self, y):
        return y + self.two(torch.relu(self.one(y))) * (2 if type(y) is torch.Tensor else 1)


def test_a_reading_that_a_run_refutes_is_refused():
    with pytest.raises(
        t2n.InputError, match=r"as it was read gives other outputs in train mode .* nothing is converted"
    ):
        t2n.convert(nn.Sequential(Asking(), Asking()), "euler")
    with pytest.raises(t2n.InputError, match="gives other outputs"):
        t2n.convert(nn.Sequential(Asking(), Asking()), "lm", coefficients="fixed")


def test_where_nothing_was_run_it_is_said():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Plain()

        def forward(self, x, other):
            return self.block(x) * other

    assert t2n.convert(Pair(), "euler").conversion.equal == (
        "are the original's, to the bit, as its calls say; it was not run, for no input was found that it takes"
    )
    net = nn.Sequential(Plain(), nn.Linear(4, 4))
    net[1].register_forward_hook(lambda *_: None)
    assert "its hooks would be called" in t2n.convert(net, "euler").conversion.equal
    assert "its weights have no values" in t2n.convert(Plain().to("meta"), "euler").conversion.equal


SMALL = {"weights": None, "weights_backbone": None}
DETECTION = {
    "fasterrcnn_resnet50_fpn": 12, "fasterrcnn_mobilenet_v3_large_fpn": 10, "maskrcnn_resnet50_fpn": 12,
    "retinanet_resnet50_fpn": 12, "fcos_resnet50_fpn": 12,
}  # fmt: skip
SEGMENTATION = {
    "deeplabv3_resnet50": 12, "deeplabv3_mobilenet_v3_large": 10, "lraspp_mobilenet_v3_large": 10, "fcn_resnet50": 12,
}  # fmt: skip


def flat(thing):
    if isinstance(thing, torch.Tensor):
        return [thing]
    return [t for each in (thing.values() if isinstance(thing, dict) else thing) for t in flat(each)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DETECTION, *SEGMENTATION])
def test_detection_and_segmentation_networks_of_torchvision(name):
    torch.manual_seed(0)
    detects = name in DETECTION
    options = {"min_size": 64, "max_size": 64, "num_classes": 5} if detects else {"num_classes": 5}
    net = models.get_model(name, **SMALL, **options)
    found = t2n.convert(net, "euler")
    assert sum(run.blocks for run in found.conversion.runs) == {**DETECTION, **SEGMENTATION}[name]
    assert found.conversion.equal == "are the original's, to the bit"
    assert not debris(found)
    x = [torch.rand(3, 64, 64)] if detects else torch.rand(2, 3, 64, 64)
    for training in (False,) if detects else (False, True):
        with torch.no_grad():
            outputs = []
            for each in (net.train(training), found.train(training)):
                torch.manual_seed(1)
                outputs.append(flat(each(x)))
        assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))
