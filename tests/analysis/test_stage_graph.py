"""What can run at once: against powers of the tableau's pattern, all schedules of small graphs, and known depths."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.analysis.structure import reduced
from tableau2net.analysis.structure.stage_graph import schedule, stage_graph
from tableau2net.scheme import RungeKutta, load
from tableau2net.testing import degenerate
from tests.strategies import explicit_runge_kutta


@pytest.mark.slow
@given(explicit_runge_kutta(6))
def test_the_depth_is_where_powers_of_the_pattern_vanish(scheme):
    small = reduced(scheme)
    pattern = np.array([[not a.is_zero for a in row] for row in small.A], dtype=int)
    power, depth = np.eye(small.stages, dtype=int), 0
    while power.any():
        power, depth = np.minimum(power @ pattern, 1), depth + 1
    graph = stage_graph(scheme)
    assert graph.depth == (depth if any(not b.is_zero for b in small.b) else 0)
    assert sorted(t for tasks in graph.rounds for t in tasks) == list(range(len(graph.tasks)))


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 6))
    return tuple(frozenset(draw(st.sets(st.integers(0, i - 1)))) if i else frozenset() for i in range(n))


def fits(needs, processors, rounds):
    """Whether some schedule does all in so many rounds, all choices tried."""
    states = {frozenset()}
    for _ in range(rounds):
        after = set()
        for done in states:
            ready = [i for i in range(len(needs)) if i not in done and needs[i] <= done]
            after |= {done | set(c) for c in combinations(ready, min(processors, len(ready)))}
        states = after
    return frozenset(range(len(needs))) in states


@pytest.mark.slow
@settings(max_examples=60)
@given(graphs())
def test_no_schedule_is_shorter_or_has_fewer_processors(needs):
    rounds, fewest = schedule(needs)
    done = set()
    for tasks in rounds:
        assert all(needs[t] <= done for t in tasks)
        done |= set(tasks)
    assert done == set(range(len(needs)))
    processors = max(map(len, rounds))
    assert not fits(needs, len(needs), len(rounds) - 1)
    assert not fewest or processors == 1 or not fits(needs, processors - 1, len(rounds))


@pytest.mark.parametrize(
    ("name", "facts"), {"extrapolated-euler-5": (11, 5, 3), "gbs-3": (10, 6, 2), "rk4": (4, 4, 1)}.items()
)
def test_known_depths(name, facts):
    graph = stage_graph(load(name))
    assert (len(graph.tasks), graph.depth, graph.processors) == facts
    assert t2n.report(load(name))["structure.sequential_depth"] == facts[1]


def test_what_equal_evaluations_are_weighted_by_may_cancel():
    assert stage_graph(RungeKutta(A=[[], []], b=["2", "-2"])).rounds == ()
    twice = RungeKutta(A=[[], [], ["1", "-1", "0"], []], b=["0", "0", "1", "1"])  # all four are f(y)
    assert stage_graph(replace(twice, c=("0",) * 4)).rounds == ((0,),)


def test_what_is_solved_together_is_one_task():
    assert stage_graph(load("gauss-3")).tasks == (("k1", "k2", "k3"),)
    diagonal = RungeKutta(A=[["1/3"], ["0", "1/2"]], b=["1/2", "1/2"])  # two stages that do not know each other
    graph = stage_graph(diagonal)
    assert (graph.rounds, graph.solved) == (((0, 1),), frozenset({0, 1}))
    assert stage_graph(RungeKutta(A=[[]], b=["0"])).rounds == ()
    depths = {"bdf-2": 1, "adams-bashforth-3": 1, "abm-2": 2, "stormer-verlet-position": 3}
    assert {name: stage_graph(load(name)).depth for name in depths} == depths


@pytest.mark.slow
@settings(max_examples=40)
@given(degenerate())
def test_any_family_has_a_graph(scheme):
    graph = stage_graph(scheme)
    assert len(graph.direct) == len(graph.needs)
    assert graph.processors * graph.depth >= len(graph.tasks)


def test_in_a_terminal(run):
    code, out, _ = run("show", "extrapolated-euler-4", "--stages")
    assert (code, out.splitlines()[2].split()) == (0, ["round", *["processor", "1", "processor", "2"]])
    assert "4 rounds of 7 evaluations, on 2 processors" in out
    assert run("show", "rk4", "--stages", "--json")[0] == 2
    assert run("show", "central-1-2", "--stages")[0] == 2
