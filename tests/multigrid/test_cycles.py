"""Cycles against the steps one after another, parareal by hand, and clocks that run while they are made."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tableau2net.errors import InputError
from tableau2net.multigrid import Hierarchy, Plan
from tableau2net.multigrid.critical_path import SERIAL, modelled_speed, path_of_cycles, path_of_training
from tableau2net.multigrid.cycles import Multigrid
from tableau2net.multigrid.team import team_of
from tests.multigrid.drawn_plans import plans
from tests.multigrid.threads import together


class Problem:
    """u_i = u_{i−1} + l h tanh(W_i u_{i−1}) with matrices drawn at random; on coarser levels l steps are one."""

    def __init__(self, steps, seed, smooth=False):
        generator = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
        self.first = draw(3)
        self.matrices = draw(steps, 3, 3) / 2
        if smooth:
            angles = torch.linspace(0, 3, steps, dtype=torch.float64)[:, None, None]
            self.matrices = draw(3, 3) * angles.cos() + draw(3, 3) * angles.sin()

    def step(self, begin, end, u):
        return u + (end - begin) * 0.1 * torch.tanh(self.matrices[begin] @ u)

    def serial(self):
        found = [self.first]
        for i in range(len(self.matrices)):
            found.append(self.step(i, i + 1, found[-1]))
        return found

    def solve(self, hierarchy, relaxation, cycles, team):
        """By cycles, the values of one process."""

        def advance(level, i, state):
            if hasattr(team, "clock"):
                team.clock += 1
            begin, end = hierarchy.points[level][i - 1 : i + 1]
            return (self.step(begin, end, state[0]),)

        solver = Multigrid(hierarchy, relaxation, team, advance)
        values = solver.solve((self.first,), cycles)
        return {i: values[i][0] for i in solver.owned[0]}


def gathered(found):
    return {i: value for each in found for i, value in each.items()}


def counts(hierarchy):
    return sorted({1, min(2, hierarchy.intervals), min(4, hierarchy.intervals), hierarchy.intervals})


@settings(max_examples=40)
@given(plans(), st.integers(0, 1000), st.booleans())
def test_exact_after_the_counted_cycles_and_equal_bits_before(drawn, seed, backward):
    steps, plan = drawn
    hierarchy = Hierarchy.of(steps, plan)
    hierarchy = hierarchy.reversed() if backward else hierarchy
    problem = Problem(steps, seed)
    serial = problem.serial()
    first = math.ceil(steps / plan.coarsening)
    needed = math.ceil(first / 2) if plan.relaxation == "FCF" else first
    assert Hierarchy.of(steps, plan).exact_after(plan.relaxation) == needed
    alone = problem.solve(hierarchy, plan.relaxation, 1, team_of())
    for count in counts(hierarchy):
        for cycles in (1, needed):
            found, teams = together(count, lambda t, c=cycles: problem.solve(hierarchy, plan.relaxation, c, t))
            values = gathered(found)
            assert values.keys() == set(range(1, steps + 1))
            expected = serial if cycles == needed else alone
            assert all(torch.equal(value, expected[i]) for i, value in values.items())
            assert max(team.clock for team in teams) == path_of_cycles(hierarchy, plan.relaxation, cycles, count)


def test_one_cycle_less_is_not_exact():
    plan = Plan(4, 2, "F")
    problem, hierarchy = Problem(20, 3), Hierarchy.of(20, plan)
    serial = problem.serial()
    for relaxation, needed in (("F", 5), ("FCF", 3)):
        less = problem.solve(hierarchy, relaxation, needed - 1, team_of())
        assert not torch.equal(less[20], serial[20])
        assert torch.equal(less[4 * (needed - 1)], serial[4 * (needed - 1)])


def test_one_state_is_sent_for_each_relaxation_that_moves_it():
    """A cycle of two levels with FCF: one after C-relaxation, one with the coarse steps; F-relaxation sends nothing."""
    hierarchy, problem = Hierarchy.of(32, Plan(4)), Problem(32, 1)
    for cycles in (1, 3):
        _, teams = together(4, lambda t, c=cycles: problem.solve(hierarchy, "FCF", c, t))
        assert [team.sent for team in teams] == [1 + 2 * cycles] * 3 + [0]


@pytest.mark.parametrize("steps", [24, 22])
def test_two_levels_with_f_relaxation_are_parareal(steps):
    """U⁰ by coarse steps, then U_j ← F(U_{j−1}) + G(U_{j−1}, new) − G(U_{j−1}, old) (Lions, Maday, Turinici 2001)."""
    m, problem = 4, Problem(steps, 7, smooth=True)
    cuts = [*range(0, steps, m), steps]

    def coarse(j, u):
        return problem.step(cuts[j], cuts[j + 1], u)

    def fine(j, u):
        for i in range(cuts[j], cuts[j + 1]):
            u = problem.step(i, i + 1, u)
        return u

    old = [problem.first]
    for j in range(len(cuts) - 1):
        old.append(coarse(j, old[-1]))
    for k in range(4):
        found = problem.solve(Hierarchy.of(steps, Plan(m, 2, "F")), "F", k, team_of())
        for j in range(1, len(cuts)):
            torch.testing.assert_close(found[cuts[j]], old[j], rtol=1e-14, atol=1e-15)
        new = [problem.first]
        for j in range(len(cuts) - 1):
            new.append(fine(j, old[j]) + coarse(j, new[j]) - coarse(j, old[j]))
        old = new


@settings(max_examples=30)
@given(plans())
def test_the_path_of_training_is_that_of_its_parts(drawn):
    """Clocks that run: forward cycles, each step once more, all meet, backward cycles, two for each step."""
    steps, plan = drawn
    hierarchy, problem = Hierarchy.of(steps, plan), Problem(steps, 0)
    back = hierarchy.reversed()
    for count in counts(hierarchy):

        def work(team):
            problem.solve(hierarchy, plan.relaxation, plan.cycles[0], team)
            team.clock += sum(map(len, hierarchy.owned(team.place, team.count)))
            team.all(None)
            problem.solve(back, plan.relaxation, plan.cycles[1], team)
            team.clock += 2 * len(hierarchy.owned(team.place, team.count)[0])

        _, teams = together(count, work)
        assert max(team.clock for team in teams) == path_of_training(hierarchy, plan, count)


def test_the_modelled_speed():
    found = modelled_speed(1024, Plan(16))
    assert found[1] < found[2] < 1 < found[4] < found[16] < found[64] < 64  # two are slower than one by itself
    assert found[4] == SERIAL * 1024 / path_of_training(Hierarchy.of(1024, Plan(16)), Plan(16), 4)
    assert modelled_speed(17, Plan(4))[16] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"coarsening": 1}, "coarsening=1: it is steps an interval, from 2"),
        ({"coarsening": 2.0}, "coarsening"),
        ({"levels": 1}, "levels=1: it is grids, from 2"),
        ({"levels": True}, "levels"),
        ({"relaxation": "CF"}, "relaxation='CF': it is 'FCF' or 'F'"),
        ({"cycles": (0, 1)}, "cycles=(0, 1): it is two numbers from 1"),
        ({"cycles": 2}, "cycles"),
        ({"cycles": (1, 2, 3)}, "cycles"),
    ],
)
def test_plans_that_cannot_be(given, words):
    with pytest.raises(InputError) as caught:
        Plan(**given)
    assert words in str(caught.value)


def test_plans_as_text():
    assert Plan.parse("4") == Plan(4)
    assert Plan.parse("8:3") == Plan(8, 3)
    assert Plan.parse("2:2:F") == Plan(2, 2, "F")
    assert Plan.parse("2:4:F:3,2") == Plan(2, 4, "F", (3, 2)) == Plan.parse(str(Plan(2, 4, "F", (3, 2))))
    for text in (
        "",
        "four",
        "4:",
        "4:2:F:2",
        "4:2:F:2,1:0",
        "-4",
        "4:2:F:2,1,1",
        "٤",
        "9" * 30,
        "1",
        "4:2:f",
        "4:2:F:0,1",
    ):
        with pytest.raises(InputError, match="--layer-parallel") as caught:
            Plan.parse(text, "--layer-parallel")
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("steps", "plan", "words"),
    [
        (4, Plan(4), "write a smaller coarsening or more steps"),
        (0, Plan(4), "single interval"),
        (16, Plan(4, 3), "write at most 2 levels"),
        (64, Plan(4, 9), "write at most 3 levels"),
    ],
)
def test_plans_that_do_not_fit(steps, plan, words):
    with pytest.raises(InputError, match=words):
        Hierarchy.of(steps, plan)


def test_more_processes_than_intervals():
    hierarchy = Hierarchy.of(17, Plan(4))
    hierarchy.check_count(5)
    with pytest.raises(InputError, match=r"17 steps are 5 intervals .* at most 5 processes"):
        hierarchy.check_count(6)
