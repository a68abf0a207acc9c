"""Implicit stages by gradient descent, against formulas by hand and Newton's method; and what is left of a solve."""

import pytest
import torch

import tableau2net as t2n
from tableau2net.runtime.solve_residuals import residuals
from tableau2net.runtime.stage_solve import ConvergenceError, Solver, solve
from tests.fields import smooth
from tests.runtime.stages import A, one_stage, random, two_stages


def by_hand(f, y, h, times, size):
    """Steps down the gradient of the square of the residual of two coupled stages, by autograd; constants."""

    def image(y1, y2):
        k1, k2 = f(y1), f(y2)
        return tuple(y + h * (a * k1 + b * k2) for a, b in A)

    start = image(y, y)
    at = start
    for _ in range(times):
        at = tuple(s.detach().requires_grad_() for s in at)
        loss = sum((s - new).abs().square().sum() for s, new in zip(at, image(*at), strict=True))
        at = tuple(s - size * g for s, g in zip(at, torch.autograd.grad(loss, at), strict=True))
    return tuple(s + (t - s).detach() for s, t in zip(start, at, strict=True))


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("real", [True, False])
def test_a_fixed_number_of_steps_from_the_first_image(times, real):
    y, weight = random(3, 4, grad=True), random(4, 4, seed=2, grad=True)
    if not real:
        y = torch.complex(y.detach(), random(3, 4, seed=5)).requires_grad_()
        weight = weight.detach().to(y.dtype).requires_grad_()

    def f(v):
        return torch.tanh(v @ weight)

    states, slopes = two_stages(f, y, 0.3, Solver("gradient", 0, times, "start", 0.2))
    expected = by_hand(f, y, 0.3, times, 0.2)
    for found, wanted in ((states, expected), (slopes, tuple(map(f, expected)))):
        torch.testing.assert_close(found, wanted)
        gradients = [
            torch.autograd.grad(sum(s.abs().sum() for s in ss), (y, weight), retain_graph=True)
            for ss in (found, wanted)
        ]
        torch.testing.assert_close(*gradients)


def test_slopes_that_are_not_asked_for_are_not_found():
    calls = []

    def stages(y1):
        calls.append(1)
        return (1 + 0.1 * y1.sin(),), (y1.sin(),)

    guess, how = (random(3),), Solver("gradient", 0, 1, "start", 0.1)
    whole, slopes = solve(stages, guess, how)
    assert len(calls) == 3  # the start, the descent, the slopes
    few, none = solve(stages, guess, how, slopes=False)
    assert (len(calls), none) == (5, ())
    assert torch.equal(whole[0], few[0])
    assert torch.equal(slopes[0], whole[0].sin())


@pytest.mark.parametrize("gradient", ["implicit", "unrolled", "start"])
def test_down_to_a_tolerance_it_is_the_solution(gradient):
    field, y = smooth(seed=1).double(), random(2, 4, grad=True)
    wanted = one_stage(field, y, 0.3, Solver("newton-krylov", 1e-12, 50, "implicit"))[0]
    found = one_stage(field, y, 0.3, Solver("gradient", 1e-10, 1000, gradient, 0.3))[0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    if gradient != "start":  # whose gradient is that of the first image
        gradients = [torch.autograd.grad(s.square().sum(), y, retain_graph=True)[0] for s in (found, wanted)]
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-8)


def test_it_goes_down_where_a_plain_iteration_goes_away():
    """y = 1 − 3 y: J = −3, so 1 − 2·size·4² is below 1 in size for steps of less than 1/16."""
    y = torch.ones(4, dtype=torch.float64)
    found, _ = one_stage(lambda v: -3 * v, y, 1.0, Solver("gradient", 1e-12, 500, "implicit", 0.05))
    torch.testing.assert_close(found, y / 4)
    for how in (Solver("gradient", 1e-12, 500, "implicit", 0.07), Solver("fixed-point", 1e-12, 500, "implicit")):
        with pytest.raises(ConvergenceError, match="reached a residual"):
            one_stage(lambda v: -3 * v, y, 1.0, how)


def test_what_is_left_of_a_solve_is_told_in_lengths_of_the_step():
    block = t2n.compile("backward-euler", solver="fixed-point", gradient="unrolled", tolerance=0, iterations=2)
    y = torch.ones(3, dtype=torch.float64)
    with residuals() as found:
        block([Times(-3.0)] * 2)(y)
    # y = 1: images 1 − 3 = −2 and 1 + 6 = 7, whose own is 1 − 21 = −20: 27 of a step of 21
    assert found == pytest.approx([27 / 21] * 2)
    exact = t2n.compile("backward-euler", tolerance=1e-10)
    with residuals() as solved, torch.inference_mode():
        exact([Times(-3.0)])(y)
    assert solved[0] < 1e-9
    block([Times(-3.0)])(y)
    assert len(found) == 2  # nobody asks any more


class Times(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, y):
        return self.factor * y


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"gradient": "start"}, "write solver='gradient' too"),
        ({"solver": "gradient", "descent": 0}, "descent=0: it is a finite number, above 0"),
        ({"solver": "gradient", "descent": -0.1}, "above 0"),
        ({"solver": "steepest"}, "'gradient'"),
    ],
)
def test_what_does_not_go_together(options, says):
    with pytest.raises(t2n.InputError, match=says):
        t2n.compile("backward-euler", **options)
    with pytest.raises(ValueError, match="goes with gradient='unrolled' or 'start'"):
        Solver("gradient", 0, 1, "implicit", 0.1)
    with pytest.raises(ValueError, match="it is for method='gradient'"):
        Solver("anderson", 0, 1, "start", 0.1)
    with pytest.raises(ValueError, match="above 0"):
        Solver("gradient", 1e-3, 1, "implicit", 0)
