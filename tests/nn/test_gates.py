"""Gates: steps that are taken where the image asks for them, by hand, in evaluation really skipped, and their cost."""

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.around.gates import forced, gates_of, steps_taken
from tableau2net.nn.overview.forward_cost import expected_flops

SMALL = {"widths": (4, 6, 8)}
KINDS = ("feedforward", "feedforward-small", "recurrent")
D = torch.float64


def images(count=6, size=16):
    return torch.randn(count, 3, size, size, dtype=D, generator=torch.Generator().manual_seed(1))


def make(name="skipnet20", undecided=True, **options):
    """A network whose gates are of two minds: their scores are spread."""
    torch.manual_seed(0)
    net = t2n.create_model(name, **SMALL, **options).double()
    if undecided:
        net(images(16))
        with torch.no_grad():
            for gate in gates_of(net):
                gate_input(gate).weight.mul_(8)
            if hasattr(net, "memory"):
                net.memory.score.weight.mul_(50)
                net.memory.score.bias.zero_()
    return net


def gate_input(gate):
    return gate.scores if hasattr(gate, "scores") else gate.embed


def by_hand(net, x):
    """The network as the formula: y⁺ = g relu(y + f(y)) + (1 − g) y, g of the state in front of the step."""
    y = torch.relu(net.bn(net.opening(x)))
    gates = iter([None, *in_order(net)])
    hidden, asked = None, []
    for row, block in enumerate(net.blocks):
        steps = [(net.transitions[row - 1].field, net.transitions[row - 1].project)] if row else []
        for field, project in [*steps, *((f, lambda y: y) for f in block.fields)]:
            gate = next(gates)
            g = torch.ones(len(y), dtype=D)
            if gate is not None:
                if hasattr(net, "memory"):
                    hidden = net.memory.cell(torch.nn.functional.linear(
                        y.mean((2, 3)), gate.embed.weight.flatten(1), gate.embed.bias), hidden)  # fmt: skip
                    p = torch.sigmoid(net.memory.score(hidden[0]))[:, 0]
                else:
                    a = y if gate.small else torch.nn.functional.max_pool2d(y, 2)
                    s = torch.nn.functional.linear(gate.layers(a).mean((2, 3)), gate.scores.weight.flatten(1))
                    s = s + gate.scores.bias
                    p = torch.sigmoid(s[:, 1] - s[:, 0])
                g = (p > 0.5).to(D)
                asked.append(g)
            g = g.view(-1, 1, 1, 1)
            old = project(y)
            y = g * torch.relu(old + field(y)) + (1 - g) * old
    return net.head(y.mean((2, 3))), torch.stack(asked)


def in_order(net):
    """The gates in the order of the steps: a transition's before those of its block."""
    for row, block in enumerate(net.blocks):
        if row:
            yield net.transitions[row - 1].gate
        yield from block.gates


@pytest.mark.parametrize("gate", KINDS)
def test_by_hand_and_with_steps_really_skipped(gate):
    net, x = make(gate=gate).eval(), images()
    with torch.no_grad():
        expected, asked = by_hand(net, x)
        found = net(x)
    assert {0.0, 1.0} == set(asked.flatten().tolist())
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        net(x), expected, rtol=1e-10, atol=1e-12
    )  # where gradients are wanted: all, then blended
    assert torch.equal(steps_taken(net, x), asked.bool())
    assert asked.shape == (8, 6)
    assert ((asked.mean(1) > 0) & (asked.mean(1) < 1)).any()  # a batch of which some take the step


@pytest.mark.parametrize("gate", KINDS)
def test_what_is_skipped_costs_nothing(gate):
    """Operations of a batch in evaluation: those of each image by itself, and of a network with the steps cut out."""
    net, x = make(gate=gate).eval(), images()

    def operations(x):
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net(x)
        return counter.get_total_flops()

    with forced(gates_of(net), True):
        whole = operations(x)
    with forced(gates_of(net), False):
        least = operations(x)
    assert least < operations(x) < whole
    # a transition's projection is of all images, and of those that take the step once more
    assert operations(x) == pytest.approx(sum(operations(image[None]) for image in x), rel=0.01)


@pytest.mark.parametrize("gate", KINDS)
def test_gradients_are_straight_through(gate):
    """Of what is blended by hand, with g in the place of p and the gradient of p."""
    net = make(gate=gate)
    other = copy.deepcopy(net)
    for each in gates_of(other):
        each.weight = lambda p: torch.where(p > 0.5, 1.0, 0.0) - p.detach() + p
    x = images()
    for model in (net, other):
        model(x).square().sum().backward()
    for (name, p), q in zip(net.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12, msg=name)
        assert p.grad.isfinite().all()
    assert all(any(q.grad.any() for q in each.parameters()) for each in gates_of(net))


def test_relaxed_steps_count_p_in_training_and_are_whole_in_evaluation():
    net = make(gate="feedforward", gate_relaxed=True)
    hard = make(gate="feedforward")
    hard.load_state_dict(net.state_dict())
    x = images()
    with torch.no_grad():
        assert torch.equal(net.eval()(x), hard.eval()(x))
        assert (net.train()(x) - hard.train()(x)).abs().max() > 1e-3
    (gate, *_) = gates_of(net)
    p = torch.tensor([0.2, 0.9], dtype=D)
    assert torch.equal(gate.weight(p), p)


def test_a_cost_is_the_gradient_of_a_sum_in_the_loss():
    x = images()
    cheap, dear = make(gate="feedforward", gate_cost=0.0), make(gate="feedforward", gate_cost=0.3)
    shown = []
    for each in gates_of(cheap):
        each.register_forward_hook(lambda _, __, p: shown.append(p))
    (cheap(x).square().sum() + 0.3 * sum(p.mean() for p in [*shown] or [torch.zeros(())])).backward()
    cheap.zero_grad()
    shown.clear()
    loss = cheap(x).square().sum()
    (loss + 0.3 * sum(p.mean() for p in shown)).backward()
    dear(x).square().sum().backward()
    for (name, p), q in zip(cheap.named_parameters(), dear.named_parameters(), strict=True):
        torch.testing.assert_close(p.grad, q[1].grad, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("scheme", ["rk4", pytest.param("backward-euler", marks=pytest.mark.slow)])
def test_any_scheme_of_one_step(scheme):
    net = make("resnet14", gate="feedforward-small", scheme=scheme, h=0.2).eval()
    x = images()
    with torch.no_grad():
        found = net(x)
        for each, image in zip(found, x, strict=True):
            torch.testing.assert_close(net(image[None])[0], each, rtol=1e-6, atol=1e-8)
    assert 0 < steps_taken(net, x).double().mean() < 1


def test_summary_says_what_an_image_costs_on_average():
    net, x = make(gate="feedforward", undecided=False).float(), (images(1).float(),)
    for each in gates_of(net):
        assert each.share == 1
    new = expected_flops(net.eval(), x)
    for share, each in zip((0.25, 0.5, 1, 0), gates_of(net), strict=False):
        each.share.fill_(share)
    found = t2n.summary(net, (3, 16, 16))
    assert found.flops == new > found.expected_flops > 0
    assert "FLOPs on average as its 8 gates opened in training, 0 to 1 of the time" in str(found)
    for each in gates_of(net):  # all or nothing: what such an image really costs
        each.share.fill_(0)
    with forced(gates_of(net), False), torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(*x)
    assert expected_flops(net, x) == counter.get_total_flops()
    assert [each.forced for each in gates_of(net)] == [None] * 8


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lm_resnet20", {"gate": "recurrent"}, "gate: lm remembers y_prev"),
        ("resnet20", {"gate": "maybe"}, "gate='maybe': write one of"),
        ("resnet20", {"gate": "recurrent", "backward": "checkpoint"}, "gate: backward='checkpoint'"),
        ("resnet20", {"gate": "recurrent", "depth_rate": 1.0}, "depth_rate= changes that"),
        ("resnet20", {"gate_cost": 0.1}, "write gate='recurrent'"),
        ("resnet20", {"gate": "recurrent", "gate_cost": -1}, "gate_cost=-1: write a finite number, at least 0"),
        ("resnet20", {"gate": "recurrent", "gate_relaxed": 2}, "true or false"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(name, options, says):
    with pytest.raises(InputError, match=says) as caught:
        t2n.create_model(name, **options)
    assert "\n" not in str(caught.value)


def test_what_has_no_gates_or_cannot_be_refined():
    with pytest.raises(InputError, match="has no gates"):
        steps_taken(t2n.create_model("resnet14", **SMALL), images().float())
    with pytest.raises(InputError, match="parts would have none"):
        t2n.refine(make(undecided=False))
