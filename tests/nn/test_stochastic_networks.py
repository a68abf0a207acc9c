"""Networks with noise: what SDE they are, when there is noise, what they refuse."""

import pytest
import torch

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.nn.fields.shake import ShakeShake

X = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)


def small(name, **options):
    torch.manual_seed(0)
    return t2n.create_model(name, widths=(4, 8, 8), **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sde_resnet14", {}),
        ("sde_resnet14", {"diffusion": "field", "scheme": "sriw1", "backward": "checkpoint"}),
        ("sde_resnet14", {"scheme": "heun-stratonovich-diagonal", "backward": "reversible", "norm": "group"}),
        ("noise_resnet14", {"scheme": "sra1"}),
        ("shake_shake14", {}),
    ],
)
def test_noise_is_that_of_training(name, options):
    net = small(name, **options).train()
    torch.manual_seed(1)
    first = net(X)
    torch.manual_seed(1)
    assert torch.equal(net(X), first)
    assert not torch.equal(net(X), first)
    first.sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.eval()
    assert torch.equal(net(X), net(X))


def test_without_noise_it_is_the_network_of_the_drift():
    """sigma = 0 in training, and any sigma in evaluation, is the ResNet with the same weights."""
    noisy, plain = small("noise_resnet14", sigma=0.0), small("noise_resnet14", sigma=0.3)
    plain.load_state_dict(noisy.state_dict())
    assert torch.allclose(noisy.eval()(X), plain.eval()(X))
    assert torch.allclose(small("noise_resnet14", sigma=0.0).train()(X), small("noise_resnet14", sigma=0.0).train()(X))


def test_shake_shake_has_the_mean_and_variance_of_its_equation():
    """h (f₁ + f₂)/2 and h² spread² (f₁ − f₂)²/12."""
    field = ShakeShake(4, spread=0.5).train()
    y = torch.randn(1, 4, 3, 3).expand(4000, 4, 3, 3).contiguous()
    a, b = (branch(y)[0] for branch in field.branches)
    found = field(y)
    assert torch.allclose(found.mean(0), (a + b) / 2, atol=0.02)
    assert torch.allclose(found.var(0), 0.25 * (a - b) ** 2 / 12, rtol=0.1, atol=1e-3)


def test_gradients_of_shake_even_are_those_of_the_mean():
    field, y = ShakeShake(4, mode="shake-even").train(), torch.randn(3, 4, 5, 5, requires_grad=True)
    (grad,) = torch.autograd.grad(field(y).sum(), y)
    a, b = (branch(y) for branch in field.branches)
    (mean,) = torch.autograd.grad((a + b).sum() / 2, y)
    assert torch.allclose(grad, mean, atol=1e-5)


def test_a_summary_knows_its_steps():
    told = str(t2n.summary(small("sde_resnet14", scheme="sriw2"), (3, 8, 8)))
    assert "sriw2" in told
    assert "order" in told
    assert "runge-kutta" not in told


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("sde_resnet14", {"diffusion": "loud"}, "diffusion='loud'"),
        ("sde_resnet14", {"sigma": -1.0}, "sigma=-1.0"),
        ("sde_resnet14", {"scheme": "sra1"}, "sra1 is for additive noise"),
        ("sde_resnet14", {"scheme": "rk4"}, "rk4 is a runge-kutta scheme"),
        ("sde_resnet15", {}, "the depth is 6n + 2"),
        ("shake_shake14", {"mode": "even"}, "mode='even'"),
        ("shake_shake14", {"spread": -1.0}, "spread=-1.0"),
    ],
)
def test_bad_options_are_one_clear_line(name, options, told):
    with pytest.raises(InputError) as error:
        small(name, **options)
    assert told in str(error.value)


def test_checkpointed_steps_see_the_same_noise():
    """The gradients of steps that are kept, to the bit, with the noise of torch's generator."""
    found = []
    for backward in ("store", "checkpoint"):
        net = small("sde_resnet14", scheme="platen-milstein", backward=backward).train()
        torch.manual_seed(4)
        net(X).square().sum().backward()
        found.append([p.grad for p in net.parameters()])
    assert all(map(torch.equal, *found))


def test_a_key_fixes_the_noise_of_a_block():
    block = small("sde_resnet14").train().blocks[0]
    y = torch.randn(2, 4, 8, 8)
    torch.manual_seed(0)
    first = block(y, key=7)
    torch.manual_seed(1)
    assert torch.equal(block(y, key=7), first)
    assert not torch.equal(block(y, key=8), first)


def test_refining_keeps_the_equation_of_noise():
    """Without a drift, the sum of all noise has the variance σ² T at any number of steps."""
    net = small("noise_resnet14", sigma=0.5).train()
    for network, steps in ((net, 2), (t2n.refine(net, 4), 8)):
        block = network.blocks[0]
        assert block.specification().steps == steps
        for f, _ in block.block.fields:
            for p in f.parameters():
                torch.nn.init.zeros_(p)
        noise = block(torch.zeros(64, 4, 16, 16))
        assert noise.var().item() == pytest.approx(0.25 * 2, rel=0.05)


def test_refining_keeps_the_noise_of_shake_shake():
    """spread² h stays, as the equation has it."""
    net = small("shake_shake20")
    for network, factor in ((net, 1), (t2n.refine(net), 2)):
        found = [
            (m.spread**2 * float(b.h), m.spread) for b in network.blocks for m in b.modules() if hasattr(m, "spread")
        ]
        assert found
        for kept, spread in found:
            assert kept == pytest.approx(1.0)
            assert spread == pytest.approx(factor**0.5)
