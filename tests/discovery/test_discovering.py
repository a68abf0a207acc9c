"""Equations are found again; what a scheme makes of them is predicted; bad input is a line."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.discovery import Asked, DiscoveryPlan, Observations, discover, observe
from tableau2net.discovery.bias import fitted_eigenvalue, modified_coefficients
from tableau2net.discovery.curriculum import gauss_newton
from tableau2net.discovery.differences import Differences, orders_up_to
from tableau2net.discovery.discovery_plan import blocks_of
from tableau2net.discovery.fields_found import Channels, Library
from tableau2net.discovery.folder import write_folder
from tableau2net.discovery.found import equations
from tableau2net.discovery.step_limit import step_limit
from tableau2net.errors import InputError
from tableau2net.scheme.file import loads


def asked(**given):
    return Asked(**{"trajectories": 4, "steps": 6, "rollout": 10, "tests": 2, **given})


def by_term(found):
    return {(each.state, each.term): each for each in found.coefficients}


@pytest.fixture(scope="module")
def burgers():
    return discover(observe("burgers-1d", asked()), DiscoveryPlan(schemes=("euler", "rk4")))


def test_burgers_is_found_exactly_and_its_coefficients_to_a_percent(burgers):
    for found in burgers.found:
        assert found.support_is_true()
    rk4 = by_term(burgers.found[1])
    assert float(rk4["u", "u_xx"].found) == pytest.approx(0.1, rel=0.01)
    assert float(rk4["u", "u*u_x"].found) == pytest.approx(-1, rel=0.01)
    assert burgers.found[1].rollout.at(10) < 1e-6


def test_what_euler_makes_of_it_is_predicted(burgers):
    for each in burgers.found[0].coefficients:
        bias = float(each.found - each.truth)
        assert abs(bias) > 0.002
        assert float(each.predicted - each.truth) == pytest.approx(bias, rel=0.1)


def test_equations_are_written_for_people_and_as_files(burgers):
    (line,) = equations(burgers.found[1], digits=2)
    assert line == "u_t = 0.1 u_xx − 1 u·u_x"
    text = burgers.found[1].equation(burgers.observations, burgers.plan)
    from tableau2net.scheme.saved import dumps

    back = loads(dumps(text))
    assert set(back.derivatives) == {"u", "u_x", "u_xx"}
    assert float(back.coefficients["u_xx"]) == pytest.approx(0.1, rel=0.01)


def test_linear_equations_have_the_bias_of_the_modified_equation():
    """u_t + u_x = 0 by Euler: Δt/2 of u_xx, the leading term of the modified equation."""
    plan = DiscoveryPlan("linear", ("euler", "rk4"), derivatives=3, blocks=(0,))
    euler, rk4 = discover(observe("advection", asked()), plan).found
    dt = 0.02
    assert float(by_term(euler)["u", "u_xx"].found) == pytest.approx(dt / 2, rel=0.01)
    assert float(by_term(euler)["u", "u_xx"].predicted) == pytest.approx(dt / 2, rel=0.01)
    assert float(by_term(rk4)["u", "u_x"].found) == pytest.approx(-1, rel=1e-3)
    assert abs(float(by_term(rk4)["u", "u_xx"].found)) < 1e-5


def test_multistep_schemes_start_by_themselves():
    plan = DiscoveryPlan("linear", ("adams-bashforth-2",), blocks=(0, 2))
    (found,) = discover(observe("heat", asked()), plan).found
    for term in ("u_xx", "u_yy"):
        assert float(by_term(found)["u", term].found) == pytest.approx(0.1, rel=0.01)


def test_learnt_kernels_fit_better_than_frozen_ones():
    data = observe("advection", asked(points=16))
    frozen, moment = (
        discover(data, DiscoveryPlan("linear", kernels=kernels, derivatives=1, blocks=(0, 1, 2), keep_order=2)).found[0]
        for kernels in ("frozen", "moment")
    )
    assert moment.blocks[-1].loss < 0.5 * frozen.blocks[-1].loss


@pytest.mark.parametrize(
    ("name", "w"),
    [
        ("euler", lambda z: math.exp(z) - 1),
        ("backward-euler", lambda z: 1 - math.exp(-z)),
        ("implicit-midpoint", lambda z: 2 * math.tanh(z / 2)),
        ("adams-bashforth-2", lambda z: (math.exp(z) - 1) / (1.5 - 0.5 * math.exp(-z))),
    ],
)
def test_the_eigenvalue_that_is_fitted(name, w):
    series = fitted_eigenvalue(t2n.load(name), 10)
    z = 0.1
    assert sum(float(c) * z**n for n, c in enumerate(series)) == pytest.approx(w(z), abs=1e-10)


def test_rk4_is_right_to_its_order():
    series = fitted_eigenvalue(t2n.load("rk4"), 5)
    assert series == (0, 1, 0, 0, 0, Fraction(1, 120))


def test_modified_coefficients_are_those_by_hand():
    c = {(1, 0): torch.tensor(2.0), (0, 2): torch.tensor(0.3)}
    found = modified_coefficients(t2n.load("euler"), c, 0.1, 2)
    assert float(found[2, 0]) == pytest.approx(0.1 * 4 / 2)
    assert set(found) == {(1, 0), (2, 0), (0, 2)}


def test_limits_are_those_of_sampled_symbols():
    kernels = Differences(orders_up_to(2, 2), 5, (0.2, 0.3), "periodic")
    c = {(2, 0): torch.tensor(0.2), (0, 2): torch.tensor(0.3)}
    found = step_limit(t2n.load("euler"), kernels, c, 0.1)
    largest = 16 / 3 * (0.2 / 0.2**2 + 0.3 / 0.3**2)
    assert found.limit == pytest.approx(2 / largest, rel=1e-12)
    assert found.exceeded == (2 / largest < 0.1)


def test_steps_that_are_unstable_are_warned_of_before_training():
    said = []
    data = observe("heat", asked(dt=0.2))
    discover(data, DiscoveryPlan("linear", ("euler",), iterations=1), said.append)
    assert said[0].startswith("warning: euler: Δt = 0.2 exceeds the von Neumann limit")


@pytest.mark.parametrize(
    ("plan", "warned"),
    [
        ({}, False),
        ({"kernels": "moment"}, True),
        ({"kernels": "free"}, True),
        ({"kernels": "moment", "keep_order": 2}, False),
    ],
)
def test_kernels_that_do_not_identify_coefficients_are_warned_of(plan, warned):
    """With terms up to order K every D_o needs order K + 1 − |o|, K for first derivatives."""
    said = []
    discover(
        observe("heat", asked(points=8)),
        DiscoveryPlan("linear", iterations=1, blocks=(0,), points=3, **plan),
        said.append,
    )
    assert any("a free moment of D_x" in line for line in said) == warned


def test_gauss_newton_finds_what_made_the_states():
    differences = Differences(orders_up_to(2, 1), 5, (0.1,), "periodic")
    channels = Channels(differences, ("u",))
    truth = torch.tensor([0.3, -0.7], dtype=torch.float64)
    support = [[(2,), (0, 1)]]
    field = Library(channels, support, truth)
    rk4 = t2n.load("rk4")
    with torch.no_grad():
        x = 0.1 * torch.arange(63, dtype=torch.float64)
        u = [torch.stack([torch.sin(x + a).reshape(1, -1) + 0.2 for a in (0.0, 1.0)])]
        block = t2n.compile(rk4, step_weights="shared")(field, 1, 0.005)
        for _ in range(4):
            u.append(block(u[-1]))
    data = Observations("made", torch.stack(u, 1), torch.stack(u, 1), 0.005, (0.1,))
    start = Library(channels, support, torch.zeros(2, dtype=torch.float64))
    gauss_newton(start, start.coefficients, rk4, data, 2, 8, iterations=8)
    assert (start.coefficients - truth).abs().max() < 1e-8


def test_terms_that_are_one_function_on_the_data_are_named(tmp_path):
    plan = DiscoveryPlan(degree=1, blocks=(0,))
    one = np.load(saved(tmp_path))["u"]
    alone = discover(observe(str(saved(tmp_path, u=one**2)), Asked()), plan)
    assert not any("tell apart" in line for line in alone.warnings)
    told: list[str] = []
    twice = np.stack([one, 2 * one], 2) ** 2 * [[1], [0.5]]
    both = discover(observe(str(saved(tmp_path, u=twice, states=["u", "w"])), Asked()), plan, told.append)
    assert "do not tell apart: u and w; " in both.warnings[0]
    assert told[0] == f"warning: {both.warnings[0]}"


def test_symnet_is_trained_and_expanded():
    data = observe("heat", asked(points=8, noise=0.0))
    (found,) = discover(data, DiscoveryPlan("symnet", blocks=(0,), iterations=25, pairs=8, symbols=2)).found
    assert found.blocks[0].loss < 0.5 * found.blocks[0].start
    assert all(len(each.term.split("*")) <= 3 for each in found.coefficients)


def saved(folder, **arrays):
    path = folder / "data.npz"
    x = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    t = 0.05 * np.arange(8)
    u = np.stack([np.exp(-0.5 * t)[:, None] * np.sin(x + a) + 0.1 * a for a in range(5)])
    given = {"u": u, "dt": 0.05, "h": x[1], **arrays}
    np.savez(path, **{key: value for key, value in given.items() if value is not None})
    return path


def test_arrays_of_a_users_own(tmp_path):
    data = observe(str(saved(tmp_path)), Asked())
    assert data.u.shape == (4, 8, 1, 32)
    assert data.test.shape == (1, 8, 1, 32)
    (found,) = discover(data, DiscoveryPlan("linear", derivatives=2)).found
    terms = by_term(found)
    assert float(terms["u", "u_xx"].found) == pytest.approx(0.5, rel=0.01)
    assert terms["u", "u_xx"].truth is None
    assert found.support_is_true() is None


def test_states_have_names_and_one_trajectory_is_split_in_time(tmp_path):
    u = np.random.default_rng(0).standard_normal((1, 20, 2, 8, 9))
    path = saved(tmp_path, u=u, h=[0.1, 0.2], states=["rho", "m"])
    data = observe(str(path), Asked())
    assert (data.states, data.space, data.h) == (("rho", "m"), (8, 9), (0.1, 0.2))
    assert data.u.shape[1] + data.test.shape[1] == 21  # they share the state between them


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"u": None}, "has no u; it needs u, dt and h"),
        ({"u": np.zeros((2, 4))}, "u has shape (2, 4)"),
        ({"u": np.zeros((2, 4, 16), dtype=complex)}, "u is of type complex128"),
        ({"u": np.full((2, 4, 16), np.nan)}, "not finite"),
        ({"u": np.ones((2, 4, 16))}, "one number everywhere"),
        ({"u": np.array([object()])}, "of type object"),
        ({"dt": -0.1}, "dt = -0.1: a positive number"),
        ({"dt": [0.1, 0.2]}, "dt has shape (2,)"),
        ({"h": np.nan}, "h = nan: a positive number"),
        ({"h": [0.1, 0.1, 0.1]}, "is not (trajectories, times, [states,] *space) with 3 axes"),
        ({"boundary": "open"}, "boundary 'open': write periodic or dirichlet"),
        ({"states": ["u", "v"]}, "states names 2, u holds 1"),
        ({"states": ["x_x"]}, "states 'x_x': write 1 different"),
        ({"boundry": "dirichlet"}, "has 'boundry', which means nothing"),
        ({"u": 1e-300 * np.random.default_rng(0).standard_normal((2, 4, 16))}, "u is of size"),
        ({"u": 1e300 * np.ones((2, 4, 1)) * np.sin(np.arange(16))}, "u does not change in time"),
        ({"u": 1e300 * np.random.default_rng(0).standard_normal((2, 4, 16))}, "give it in other units"),
        ({"u": np.zeros((2, 2, 16))}, "trajectories of 2 times"),
        ({"u": np.zeros((2, 4, 5))}, "5 points along an axis"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, arrays, line):
    with pytest.raises(InputError) as error:
        observe(str(saved(tmp_path, **arrays)), Asked())
    assert line in str(error.value)


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        ({"functions": ("tan",)}, "--function tan: write sin or cos"),
        ({"functions": ("sin", "sin")}, "one is named twice"),
        ({"equation": "net"}, "equation 'net'"),
        ({"points": 4}, "points 4: an odd number"),
        ({"derivatives": 5}, "derivatives 5: from 1 to 4"),
        ({"threshold": 0.0}, "threshold 0"),
        ({"mesh": 3}, "mesh: coefficients depend on the place"),
        ({"equation": "linear", "upwind": 1}, "upwind: one-sided kernels"),
        ({"schemes": ("no-such",)}, "no-such"),
        ({"blocks": (0, 30)}, "blocks of 30 steps need 31"),
        ({"degree": 4, "derivatives": 4}, "terms, at most"),
        ({"equation": "linear", "mesh": 20}, "mesh 20: needs 41 points"),
    ],
)
def test_plans_that_do_not_fit_are_one_line(plan, line):
    with pytest.raises(InputError, match=line):
        discover(observe("heat", asked()), DiscoveryPlan(**plan))


def test_terms_that_a_library_lacks_are_named():
    with pytest.raises(InputError, match=r"has sin\(u\); raise --derivatives, or give --function sin"):
        discover(observe("reaction-diffusion", asked(trajectories=1, steps=1, rollout=1, points=16)), DiscoveryPlan())


@pytest.mark.parametrize("text", ["", "a", "3-1", "1,1", "0,2,1", "99999"])
def test_blocks_are_numbers_that_increase(text):
    with pytest.raises(InputError, match="--blocks"):
        blocks_of(text)
    assert blocks_of("0,1-3, 9") == (0, 1, 2, 3, 9)


def test_a_folder_is_whole_or_not_there(burgers, tmp_path, monkeypatch):
    write_folder(tmp_path / "whole", burgers)
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert names >= {"result.json", "equation-rk4.toml", "states.png", "errors.png", "equation.png"}
    with pytest.raises(InputError, match="is not an empty folder"):
        write_folder(tmp_path / "whole", burgers)
    monkeypatch.setattr("tableau2net.discovery.folder.draw_errors", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_folder(tmp_path / "part", burgers)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.slow
def test_speeds_that_vary_are_found_as_maps():
    """PDE-Net's first problem through RK4, 5×5 frozen kernels: 1 % of the speeds, 2 % of the diffusion."""
    data = observe("convection-diffusion", Asked(trajectories=24, steps=12, rollout=80, tests=2))
    (found,) = discover(data, DiscoveryPlan("linear", mesh=20, blocks=(0,), iterations=80, pairs=96)).found
    errors = {each.term: each.error for each in found.coefficients}
    assert max(errors["u_x"], errors["u_y"]) < 0.01
    assert max(errors["u_xx"], errors["u_yy"]) < 0.02
    assert found.rollout.at(80) < 1e-4
