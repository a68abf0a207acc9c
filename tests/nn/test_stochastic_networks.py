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
    assert "order" in told


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
