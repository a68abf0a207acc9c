"""Data of known equations against solutions by hand: shifts, decays, Cole and Hopf by quadrature, other grids."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sympy import lambdify

from tableau2net.discovery.cole_hopf import cole_hopf
from tableau2net.discovery.problems import PROBLEMS, Drawn, convection
from tableau2net.discovery.spectral import Box, march
from tableau2net.scheme import Equation, load

AS_DATA = {  # the file that says the same equation, and values of its parameters
    "advection": ("advection", {"a": 1}),
    "heat": ("heat", {"kappa": "1/10"}),
    "burgers-1d": ("burgers", {"nu": "1/10"}),
    "burgers-2d": ("burgers-2d", {"nu": "1/20"}),
    "convection-diffusion": ("pde-net-a", {}),
    "reaction-diffusion": ("pde-net-b", {}),
}


def drawn(name, trajectories=2, steps=3, **asked):
    problem = PROBLEMS[name]
    usual = Drawn(
        trajectories,
        steps,
        problem.dt,
        problem.points,
        problem.finer,
        problem.highest,
        torch.Generator().manual_seed(0),
    )
    return problem.solve(replace(usual, **asked))


def waves(u, at, highest):
    """The value at a place of the sum of waves through the values of u, summed one by one."""
    n = len(u)
    x = 2 * math.pi * np.arange(n) / n
    total = 0.0
    for k in range(-highest, highest + 1):
        total += np.mean(u * np.exp(-1j * k * x)) * np.exp(1j * k * at)
    return total.real


@pytest.mark.parametrize("name", sorted(PROBLEMS.keys() - {"convection-diffusion-reaction"}))
def test_truths_are_those_of_the_equations_that_are_files(name):
    problem, (file, values) = PROBLEMS[name], AS_DATA[name]
    equation = load(file, Equation).with_values(**values)
    assert (equation.states, equation.dimension) == (problem.states, problem.axes)
    x, y = (torch.rand(5, generator=torch.Generator().manual_seed(n), dtype=torch.float64) * 6 for n in (0, 1))
    for state, terms in equation.terms.items():
        named = {tuple(sorted(str(what).split("*"))): c for what, c in terms.items()}
        truth = {tuple(sorted(term.split())): c for term, c in problem.terms[state].items()}
        assert named.keys() == truth.keys()
        for term, exact in named.items():
            places = sorted(exact.free_symbols, key=str)
            wanted = lambdify(places, exact, "numpy")(*({"x": x, "y": y}[str(each)].numpy() for each in places))
            found = truth[term](x, y).numpy() if callable(truth[term]) else truth[term]
            assert found == pytest.approx(wanted, rel=1e-14)


def test_advection_is_a_shift():
    u = drawn("advection", steps=5)[0, :, 0].numpy()
    t = 5 * PROBLEMS["advection"].dt
    x = 2 * math.pi * np.arange(64) / 64
    assert np.abs(u[-1] - [waves(u[0], at - t, 4) for at in x]).max() < 1e-12


def test_heat_decays_wave_by_wave():
    u = drawn("heat", steps=4)[1, :, 0].numpy()
    before, after = (np.fft.fft2(state) for state in (u[0], u[-1]))
    k = np.fft.fftfreq(32, 1 / 32)
    decay = np.exp(-0.1 * (k[:, None] ** 2 + k**2) * 4 * PROBLEMS["heat"].dt)
    assert np.abs(after - decay * before).max() < 1e-10


def test_burgers_on_a_line_is_the_quotient_of_two_integrals():
    u = drawn("burgers-1d", trajectories=1, steps=4, points=64)[0, :, 0].numpy()
    speed, nu, t = u[0].mean(), 0.1, 4 * PROBLEMS["burgers-1d"].dt
    y = np.linspace(-3 * math.pi, 5 * math.pi, 60_001)
    k = np.arange(1, 5)
    x = 2 * math.pi * np.arange(64) / 64
    a = [2 * np.mean(u[0] * np.exp(-1j * n * x)) for n in k]
    potential = sum((c / (1j * n) * np.exp(1j * n * y)).real for c, n in zip(a, k, strict=True))
    for i in (0, 17, 40):
        at = x[i] - speed * t
        exponent = -potential / (2 * nu) - (at - y) ** 2 / (4 * nu * t)
        weight = np.exp(exponent - exponent.max())
        assert abs(u[-1, i] - speed - (weight * (at - y)).sum() / weight.sum() / t) < 1e-9


def test_burgers_in_the_plane_agrees_with_cole_and_hopf():
    box = Box((96, 96), degree=2)
    potential = box.coefficients(0.15 * box.noise((1,), 2, torch.Generator().manual_seed(1)))
    start = torch.stack([box.values(box.derivative(potential, axis)) for axis in (0, 1)], 1)
    *_, found = march(box, *convection(box, 0.1), start, 0.1, 3, inner=10)
    exact = cole_hopf(box.resampled(potential, Box((256, 256))), 0.1, 0.3, 96, 2)
    assert (found - exact).abs().max() < 1e-8


def test_a_kernel_that_the_grid_does_not_hold_is_refused():
    with pytest.raises(ValueError, match="does not resolve a kernel"):
        cole_hopf(torch.zeros(64), 0.1, 1e-3, 16, 1)


@pytest.mark.parametrize(("name", "bound"), [("convection-diffusion", 2e-4), ("reaction-diffusion", 1e-2)])
def test_a_finer_grid_gives_the_same_states(name, bound):
    coarse = 2 if name == "convection-diffusion" else 3
    a, b = (drawn(name, trajectories=1, points=26, finer=finer, highest=2) for finer in (coarse, coarse + 2))
    assert (a - b).abs().max() < bound * a.abs().max()


def test_the_limit_cycle_is_reached_by_a_constant_state():
    """r' = r − r³ and a speed of turning of −r², of a state that is the same everywhere."""
    from tableau2net.discovery.problems import limit_cycle

    box = Box((8, 8), degree=3)
    start = torch.tensor([0.5, 0.2], dtype=torch.float64).reshape(1, 2, 1, 1).expand(1, 2, 8, 8)
    *_, found = march(box, *convection(box, 0.1, limit_cycle), start, 0.02, 50)
    u, v = found[0, :, 0, 0].tolist()
    r0, t = 0.29, 1.0
    square = 1 / (1 + (1 / r0 - 1) * math.exp(-2 * t))
    turned = 0.5 * math.log(r0 * (math.exp(2 * t) - 1) + 1)
    assert u * u + v * v == pytest.approx(square, abs=1e-7)
    assert math.atan2(v, u) == pytest.approx(math.atan2(0.2, 0.5) - turned, abs=1e-7)


def test_the_same_seed_gives_the_same_numbers_on_every_grid():
    a, b = (drawn("convection-diffusion", trajectories=1, steps=1, finer=finer)[0, 0, 0] for finer in (2, 3))
    assert (a - b).abs().max() < 1e-12
