"""The gradient of many implicit steps takes as many times as long as there are steps, not the square of that."""

import time

import pytest
import torch

import tableau2net as t2n


def seconds(scheme, steps, **options):
    matrix = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[2.0, 0.0]], dtype=torch.float64, requires_grad=True)
    end = t2n.integrate(scheme, lambda t, y: y**3 @ matrix, y, 0, 1, steps=steps, **options)
    begun = time.process_time()
    torch.autograd.grad(end.sum(), [matrix, y])
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "options"),
    [("radau-iia-2", {}), ("bdf-2", {}), ("backward-euler", {"solver": "newton-krylov"}), ("ros3p", {})],
)
def test_time_is_proportional_to_steps(scheme, options):
    few, many = (min(seconds(scheme, steps, **options) for _ in range(3)) for steps in (60, 960))
    assert many < 40 * few  # 16 times the steps; the square is 256
