"""What every network of the registry can do: a small one of each entry goes through the same checks.

Formulas and counts are the business of each family's own file. Limits are asserted, each with the error that says so.
"""

import copy
import io
import pickle

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import tableau2net as t2n
from tableau2net.nn import split
from tableau2net.nn.blocks import compiled_blocks
from tableau2net.nn.registry import find_model
from tests import shipped

SMALL, TWO, DYNAMIC = {"widths": (4, 8, 16)}, {"widths": (4, 6)}, {"widths": (4, 8), "states": (0, 1, 3)}
# name → options; each name once, so a second network of an entry has another depth
NETWORKS = {
    "torchvision/resnet18": {"scheme": "lm"},
    "timm/resnet18": {"scheme": "rk4"},
    "resnet14": SMALL,
    "resnet29": SMALL,  # bottlenecks
    "resnet20": {**SMALL, "survival": 0.5, "drop": "sample", "scheme": "rk4"},
    "lm_resnet14": {**SMALL, "preactivation": False},
    "lm_resnet20": {**SMALL, "survival": 0.5},
    "adamnet2_14": {**SMALL, "sharing": "channel"},
    "adamnet3_20": SMALL,
    "adamnet4_26": SMALL,
    "adamnet2pc_14": {**SMALL, "survival": 0.8},
    "post_resnet14": SMALL,
    "wide_resnet16_2": {"widths": (8, 16, 32), "dropout": 0.2},
    "resnext20_2x2d": {"widths": (8, 16, 32), "opening": 4},
    "lm_resnext20_2x2d": {"widths": (8, 16, 32), "opening": 4},
    "momentum_resnet14": SMALL,
    "ie_resnet14": SMALL,
    "ie_resnet18": {"widths": (4, 4, 6, 6)},
    "in_resnet14": SMALL,
    "lambda_in_resnet29": SMALL,
    "meanfield_resnet14": SMALL,
    "stopping_resnet14": {**SMALL, "scheme": "lm"},
    "skipnet14": SMALL,
    "skipnet20": {**SMALL, "gate": "feedforward", "gate_cost": 0.01},
    "small_step_resnet14": SMALL,
    "dynamic_rk1_double": {**DYNAMIC, "norm": "batch"},
    "dynamic_rk1_bottleneck": DYNAMIC,
    "dynamic_rk4_parabolic": {"widths": (4, 8), "states": (0, 1)},
    "dynamic_ab2_preact": {**DYNAMIC, "norm": "batch", "interpolation": "cubic"},
    "dynamic_hamiltonian": DYNAMIC,
    "dynamic_verlet_hamiltonian": {**DYNAMIC, "norm": "batch"},
    "polynet_poly2_14": TWO,
    "polynet_mpoly2_14": TWO,
    "polynet_2way_14": TWO,
    "fractalnet8": TWO,
    "revnet26": {"widths": (4, 4, 6)},
    "revnet38": {"widths": (4, 4, 6), "bottleneck": True},
    "hamiltonian14": TWO,
    "hamiltonian26": {**TWO, "norm": True, "transition": "conv", "scheme": "stormer-verlet-velocity"},
    "midpoint14": TWO,
    "leapfrog14": TWO,
    "nystrom14": TWO,
    "imexnet14": TWO,
    "imexnet20": {**TWO, "scheme": "ars-222"},
    "exponential_resnet14": {**TWO, "linear": "diffusion"},
    "exponential_resnet20": {**TWO, "scheme": "exponential-adams-2"},
    "neural_ode_adaptive": {"width": 8},
    "neural_ode_euler_2": {"width": 8},
    "neural_ode_rk4_2": {"width": 8, "backward": "checkpoint"},
    "anode_euler_2": TWO,
    "anode_lm_3": TWO,
    "tnrd2_3x3": {},
    "tnrd3_5x5": {"scheme": "ars-222"},
    "durr-diffusion": {"steps": 2, "size": 3},
    "durr": {"steps": 2, "width": 4},
    "sde_resnet14": {**SMALL, "scheme": "sriw1"},
    "noise_resnet14": {**SMALL, "scheme": "sra1"},
    "shake_shake14": SMALL,
}
ADAPTIVE = "neural_ode_adaptive"
RESTORING = ("tnrd", "durr")  # images come out; autocast leaves their state as it is
TAKEN_BACK = ("revnet", "hamiltonian", "midpoint", "leapfrog")  # in training activations are computed again
every = pytest.mark.parametrize(  # those of other libraries are of another size
    "name", [pytest.param(name, marks=pytest.mark.slow) if "/" in name else name for name in NETWORKS]
)


def make(name, **options):
    torch.manual_seed(0)
    return t2n.create_model(name, num_classes=100, **NETWORKS[name], **options)


def images(count=2, dtype=torch.float32, size=12):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1)).to(dtype)


def shape(name, x):
    """Of what a network gives for images."""
    return x.shape if name.startswith(RESTORING) else (len(x), 100)


def seen(net, x):
    """What a network gives for images, by the same chances each time."""
    torch.manual_seed(2)
    return net(x)


def test_no_entry_lacks_a_network():
    taken = {find_model(name)[0].pattern for name in NETWORKS}
    assert taken == {entry.pattern for entry in shipped.networks()}


def without_gradient(name):
    """θ(t) is interpolated between knots: of those beyond all times at which a field is evaluated nothing depends.

    Forward Euler and Adams–Bashforth see θ where a step begins; so does the first half of symplectic Euler, the second
    sees it where a step ends."""
    if name.startswith("stopping"):  # the policy learns by a loss of its own
        return ("policy.",)
    if name.startswith(("dynamic_rk1", "dynamic_ab2")):
        return ("blocks.0.controls.0.layers.2.",)
    return ("blocks.0.controls.0.layers.2.", "blocks.0.controls.1.layers.0.") if name == "dynamic_hamiltonian" else ()


def backward(net, name, y):
    """Every parameter has a gradient that is a number, but for those that can have none."""
    y.float().square().sum().backward()
    for parameter, p in net.named_parameters():
        if parameter.startswith(without_gradient(name)):
            assert p.grad is None, parameter
        else:
            assert p.grad is not None, parameter
            assert p.grad.isfinite().all(), parameter


@every
@pytest.mark.parametrize("training", [True, False])
def test_scores_for_each_class_and_a_gradient_for_each_parameter(name, training):
    net, x = make(name).train(training), images()
    y = net(x)
    assert y.shape == shape(name, x)
    assert y.isfinite().all()
    backward(net, name, y)


@every
def test_copies_and_saved_states(name):
    net, x = make(name), images()
    net(x)  # statistics move
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    again = t2n.create_model(name, num_classes=100, **NETWORKS[name])
    again.load_state_dict(torch.load(file, weights_only=True))
    others = copy.deepcopy(net), pickle.loads(pickle.dumps(net)), again
    for training in (False, True):
        expected = seen(net.train(training), x)
        for other in others:
            assert torch.equal(seen(other.train(training), x), expected)
    state = net.state_dict()  # held: some of it is written for the occasion, and its place taken again
    own = {v.data_ptr() for v in state.values()}
    with torch.no_grad():
        before = seen(net.eval(), x)
        for other in others:
            assert not own & {v.data_ptr() for v in other.state_dict().values()}
            for p in other.parameters():
                p.fill_(0.5)
        assert torch.equal(seen(net, x), before)


@every
def test_evaluation_is_the_same_each_time_and_for_each_image_by_itself(name):
    net, x = make(name).double(), images(3, torch.float64)
    net(x)
    net.eval()
    y = net(x)
    assert torch.equal(net(x), y)
    alone = torch.cat([net(image[None]) for image in x])
    if name == ADAPTIVE:  # one sequence of steps serves the batch
        assert not torch.equal(alone, y)
        torch.testing.assert_close(alone, y, rtol=1e-2, atol=1e-2)
    else:
        torch.testing.assert_close(alone, y, rtol=1e-11, atol=1e-11)


@every
def test_half_precision(name):
    # a 3×3 convolution of a single pixel, stride 2, bfloat16: torch 2.14's weight gradient reads what nobody wrote
    x = images(size=40 if "/" in name or name == "skipnet20" else 12)
    for net, inputs, automatic in ((make(name).bfloat16(), x.bfloat16(), False), (make(name), x, True)):
        with torch.autocast("cpu", torch.bfloat16, enabled=automatic):
            y = net(inputs)
        assert y.dtype == (torch.float32 if automatic and name.startswith(RESTORING) else torch.bfloat16)
        assert y.isfinite().all()
        backward(net, name, y)
        net.zero_grad()


def graphs_in(name):
    """How many graphs torch.compile makes where there are gradients. What goes back step by step is opaque to it, and
    so are steps that adapt: there are graphs before, between and after, one for all of its like. The opening is one."""
    if name == ADAPTIVE:
        return 2
    if name.startswith("stopping"):  # four steps, each told by itself
        return 11
    if name.startswith(("revnet26", "hamiltonian")):
        return 3
    return 4 if name == "revnet38" else 5 if name.startswith(TAKEN_BACK) else 1


@pytest.mark.slow
@every
@pytest.mark.parametrize("training", [True, False])
def test_compiled(name, training):
    """Graphs are counted: code that the compiler passes over is no break, and makes many of them."""
    torch.compiler.reset()
    net, x = make(name).train(training), images()
    other = copy.deepcopy(net)
    # the debugging backend "eager" takes a checkpointed step's statistics twice
    counter = CompileCounterWithBackend("aot_eager" if name.startswith("revnet") else "eager")
    whole = graphs_in(name) == 1
    if not whole:
        with pytest.raises(torch._dynamo.exc.Unsupported, match=r"torch\.compiler\.disable"):
            torch.compile(other, fullgraph=True, backend="eager")(x)
        other.load_state_dict(net.state_dict())
        torch.compiler.reset()
    y, expected = seen(torch.compile(other, fullgraph=whole, backend=counter), x), seen(net, x)
    assert counter.frame_count == graphs_in(name)
    torch.testing.assert_close(y, expected)
    for (parameter, a), b in zip(other.state_dict().items(), net.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=parameter)
    backward(other, name, y)
    backward(net, name, expected)
    for (parameter, p), q in zip(other.named_parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-4, msg=parameter)


TO_COUNT = ("resnet14", "lm_resnet14", "revnet26", "revnet38", "hamiltonian14", "midpoint14", "leapfrog14")


@pytest.mark.parametrize(
    "name", [n if n in TO_COUNT[:3] else pytest.param(n, marks=pytest.mark.slow) for n in TO_COUNT]
)
def test_one_graph_for_evaluation(name):
    """Where no gradient is asked for, steps that are taken back are a plain loop."""
    torch.compiler.reset()
    net, counter = make(name).eval(), CompileCounterWithBackend("eager")
    with torch.no_grad():
        torch.compile(net, fullgraph=True, backend=counter)(images())
    assert counter.frame_count == 1


@pytest.mark.slow
@every
def test_exported(name):
    net, x = make(name).eval(), images()
    if name == ADAPTIVE:
        with pytest.raises((RuntimeError, t2n.InputError), match=r"data-dependent|no numbers that can be read"):
            torch.export.export(net, (x,))
    elif name.startswith("ie_resnet"):
        with pytest.raises(RuntimeError, match="derivatives on its way forward"):
            torch.export.export(net, (x,))
    else:
        torch.testing.assert_close(torch.export.export(net, (x,)).module()(x), net(x))


@pytest.mark.slow
@every
def test_summary(name):
    net = make(name)
    if name == ADAPTIVE:
        with pytest.raises(t2n.InputError, match="steps adapt"):
            t2n.summary(net, (3, 12, 12))
        return
    found = t2n.summary(net, (3, 12, 12))
    assert found.parameters == sum(p.numel() for p in net.parameters())
    assert found.blocks


NOT_REFINED = {
    "skipnet": "parts would have none",
    "stopping": "parts would have none",
    "dynamic": r"network\.refine",
    "fractalnet": "step of size 0",
    ADAPTIVE: "no compiled block",
}


@every
def test_refined(name):
    net, x = make(name), images()
    for family, says in NOT_REFINED.items():
        if name.startswith(family):
            with pytest.raises(t2n.InputError, match=says):
                t2n.refine(net)
            return
    y = t2n.refine(net)(x)
    assert y.shape == shape(name, x)
    assert y.isfinite().all()


WHOLE = (
    "torchvision",
    "timm",
    "dynamic",
    "fractalnet",
    "durr",
    "stopping",
    "sde",
    "noise",
    ADAPTIVE,
)  # no step can be found in them


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if not name.startswith(WHOLE)])
@pytest.mark.parametrize("training", [True, False])
def test_in_two_parts_wherever_it_is_the_same(name, training):
    net, x = make(name).train(training), images()
    expected = seen(copy.deepcopy(net), x)
    for k in range(1 + sum(found.steps for _, _, found in compiled_blocks(net))):
        first, rest = split(copy.deepcopy(net), k)
        assert torch.equal(seen(lambda x, f=first, r=rest: r(f(x)), x), expected), k
