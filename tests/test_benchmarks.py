"""The counted figures of the benchmarks, on small states: kernels, saved bytes and tensors alive depend on no clock."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks import (
    compiler,
    deep,
    floors,
    loader,
    memory,
    networks,
    recurrent,
    space_steps,
    steps,
    stochastic_steps,
    training,
    work_precision,
)
from benchmarks.counting import held_bytes, kernels, passes, peak_tensors, saved_bytes, saved_tensors
from benchmarks.fields import FIELDS, Cheap
from benchmarks.goals import Goal
from benchmarks.sheet import Sheet
from tableau2net.data.resident_feed import ResidentFeed
from tableau2net.training import Recipe

SHAPE = (4, 16, 8, 8)


@pytest.fixture
def y():
    torch.manual_seed(0)
    return steps.state(SHAPE)


def work(name):
    return next(w for w in steps.works() if w.name == name)


def test_the_counters_count_what_is_known(y):
    scale = nn.Parameter(torch.ones(16, 1, 1))
    holder = nn.ParameterList([scale])
    size = y.untyped_storage().nbytes()

    def forward():
        a = scale * y  # keeps y, which its own gradient needs, and scale, which is a parameter
        b = torch.relu(a).view(4, -1)  # keeps its result; the view is no kernel
        del a
        return b * 2.0  # keeps nothing

    assert kernels(forward) == ["aten.mul.Tensor", "aten.relu.default", "aten.mul.Tensor"]
    assert passes(forward, y.numel()) == 3
    assert passes(forward, y.numel() + 1) == 0
    assert saved_bytes(forward, [holder]) == 2 * size
    assert saved_tensors(forward, [holder], y) == 2
    assert saved_bytes(forward, []) == 2 * size + scale.untyped_storage().nbytes()
    assert held_bytes(forward, [holder]) == 3 * size  # and the result
    assert peak_tensors(forward, y) == 3  # y, a and b, then y, b and the result


def test_what_a_function_hides_is_held():
    class Hiding(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.hidden = x.exp()  # past save_for_backward
            return x * 1.0

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.hidden

    x = torch.randn(256, requires_grad=True)

    def forward():
        return Hiding.apply(x)

    assert saved_bytes(forward, []) == 0
    assert held_bytes(forward, []) == 3 * 4 * 256


@pytest.mark.parametrize("name", [w.name for w in steps.works()])
def test_all_candidates_do_the_same(name, y):
    candidates = work(name).candidates(y)
    if "learnt" in name:
        with torch.no_grad():
            for c in candidates:
                c.modules[0].k.fill_(-0.05)
    with torch.no_grad():
        first, *others = [c.forward() for c in candidates]
    for c, found in zip(candidates[1:], others, strict=True):
        if "rk4" in name and ("torchdiffeq" in c.name or "torchode" in c.name):
            continue  # their rk4 is the 3/8 rule, and their pair is another scheme
        torch.testing.assert_close(found, first, rtol=1e-4, atol=1e-4, msg=lambda text, c=c: f"{c.name}: {text}")


def test_rk4_meets_its_counts(y):
    ours, *others = work("one step of rk4, cheap field").candidates(y)
    assert len(kernels(ours.forward)) <= 11
    assert peak_tensors(ours.forward, y) <= 5
    assert saved_tensors(ours.forward, ours.modules, y) == 4  # what each of four stages starts from
    for other in others:
        assert passes(other.forward, y.numel() // 2) >= passes(ours.forward, y.numel() // 2)
        assert peak_tensors(other.forward, y) >= peak_tensors(ours.forward, y)


@pytest.mark.parametrize("label", FIELDS)
def test_a_learnt_coefficient_keeps_at_most_a_tensor_a_stage(label, y):
    _, (eager, _) = memory.learnable(y, label, FIELDS[label], runs=0, compiling=False)
    assert eager.met, eager


def test_resnet20_is_what_a_person_writes():
    ours, theirs = networks.pair(networks.images(2))
    assert kernels(ours.forward) == kernels(theirs.forward)
    assert saved_bytes(ours.forward, ours.modules) == saved_bytes(theirs.forward, theirs.modules)


@pytest.mark.parametrize("two", memory.two_step_schemes(), ids=lambda two: two.name)
def test_reversible_keeps_two_states_at_any_depth(two, y):
    kept = memory.depth_free(two, y, depths=(4, 8))
    assert kept["reversible, 4 steps"] == kept["reversible, 8 steps"]
    assert kept["reversible, 8 steps"][0] < kept["store, 8 steps"][0] / 3
    assert memory.gradient_error(two, y) < 1e-5


def test_a_deep_lm_resnet_keeps_what_a_shallow_one_keeps():
    sheet, goals = deep.kept(batch=1, depths=(20, 50))
    assert len(goals) == 4
    assert all(goal.met for goal in goals), goals
    assert "refused" in sheet.remarks[0]  # with k near 0 the bytes are all there is


def test_reversible_gradients_are_exact_where_declared_stable():
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    store, back = (deep.gradients(deep.stable, 50, backward, x) for backward in ("store", "reversible"))
    assert float((back - store).norm() / store.norm()) < 1e-11


def test_stochastic_steps_have_the_error_of_their_order():
    equation, y0 = stochastic_steps.Equation("ito"), torch.ones(64, 4, dtype=torch.float64)
    errors = [
        stochastic_steps.ours(scheme, equation, y0, 16)[1] for scheme in ("euler-maruyama", "platen-milstein", "sriw2")
    ]
    assert errors[0] > 1.3 * errors[1] > 5 * errors[2]


def test_loops_by_hand_are_the_recurrent_networks():
    found, _ = recurrent.runs_of(torch.randn(5, 2, 1), 8)
    for scheme in recurrent.HAND:
        torch.testing.assert_close(found[scheme](), found[f"{scheme}, by hand"](), rtol=1e-5, atol=1e-6)


def test_a_goal_is_met_missed_or_not_measured():
    assert [Goal("", found, 2.0, least=True).met for found in (2.0, 1.9, float("nan"))] == [True, False, None]
    assert [Goal("", found, 2.0).met for found in (2.0, 2.1, float("nan"))] == [True, False, None]


def test_a_sheet_is_markdown():
    text = Sheet("T", ("", "ms"), (("ours", "1.00"), ("theirs", "2.00")), ("a remark",)).markdown()
    assert text.splitlines()[2:6] == ["|  | ms |", "| --- | --- |", "| ours | 1.00 |", "| theirs | 2.00 |"]


def test_the_command_leaves_its_figures(tmp_path, monkeypatch):
    first = steps.works()[:1]
    monkeypatch.setattr(steps, "works", lambda: first)
    monkeypatch.setattr(steps, "SHAPE", SHAPE)
    monkeypatch.setattr(compiler, "PARTS", (compiler.step_tables,))
    compiler.main(["--quick", "--runs", "1", "--markdown", "--out", str(tmp_path)])
    found = json.loads((tmp_path / "compiler.json").read_text())
    assert {"threads", "torch", "torchdiffeq"} <= set(found["about"])
    rows = found["found"]["cpu, float32"]["figures"]["one step of rk4, cheap field"]
    assert rows[0]["name"] == "generated"
    assert rows[0]["forward_ms"] > 0
    assert "| generated |" in (tmp_path / "compiler.md").read_text()


def test_cheap_is_one_kernel(y):
    field = Cheap()
    assert len(kernels(lambda: field(y))) == 1


def test_the_loaders_command_leaves_its_figures(tmp_path):
    threads = torch.get_num_threads()
    file = tmp_path / "loader.json"
    loader.main(["--images", "300", "--script", "0", "--rounds", "1", "--threads", str(threads), "--json", str(file)])
    found = json.loads(file.read_text())
    assert found["rates"]["ours"][0] > 0
    assert {"device", "versions", "commit"} <= set(found["about"])


def test_the_script_gives_the_images_that_ours_gives():
    x, y = loader.arrays(None, 40)
    theirs = loader.script.Images(x, y)
    theirs.change.transforms = theirs.change.transforms[2:]  # without chance
    ours = ResidentFeed(loader.image_data(x, y), Recipe(augment=False), seed=0)
    ours.start(0)
    images, labels = ours.take(40)
    every = torch.stack([image for image, _ in theirs])
    order = torch.cdist(images.flatten(1), every.flatten(1)).argmin(1).tolist()
    assert sorted(order) == list(range(40))
    for place, image, label in zip(order, images, labels, strict=True):
        torch.testing.assert_close(image, theirs[place][0], rtol=0, atol=1e-4)
        assert label == theirs[place][1]


def test_a_ratio_is_that_of_the_same_round():
    found = {"ours": [100.0, 10.0, 40.0], "theirs": [10.0, 1.0, 20.0]}
    assert loader.ratio(found, "theirs") == 10
    assert loader.ratio(found, "nobody") != loader.ratio(found, "nobody")
    _, goals = loader.tables({"ours": [100.0], loader.SCRIPT: [10.0]})
    assert [goal.met for goal in goals] == [False, None]


def test_bytes_are_those_of_what_operators_touch():
    x, w = torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3)
    every, convolutions = floors.moved(lambda: torch.relu(torch.conv2d(x, w).view(-1)))
    y = 4 * 2 * 4 * 6 * 6
    assert convolutions == 4 * (x.numel() + w.numel()) + y
    assert every == convolutions + 2 * y
    wide = torch.zeros(10, dtype=torch.uint8).as_strided((9, 2), (1, 1))  # elements overlap
    assert floors.moved(wide.sum)[0] == 10 + 8


def test_parts_of_training_have_their_time():
    s = training.Session(0.0, {})
    assert s.run("some", 100, {"part": "floor"}, {}) == [[], []]
    s.keep("ResNet-20", {"script, float32": [1.0, 2.0], "eager, float32": [2.0, 4.0]})
    table, besides = training.tables(s)
    assert table.rows[1][:4] == ("eager, float32", "2", "3", "2.00")
    assert besides.remarks == ("some: no time left",)


@pytest.mark.parametrize("name", space_steps.WORKS)
def test_a_field_is_no_more_than_a_persons_convolutions(name):
    shape, ours, theirs = space_steps.WORKS[name]
    state = torch.randn(*shape[:2], *[12] * len(shape[2:]))
    a, b = ours(), theirs()
    torch.testing.assert_close(a(state), b(state), rtol=1e-4, atol=1e-3)
    assert len(kernels(lambda: a(state))) <= len(kernels(lambda: b(state)))


def test_time_at_an_error_is_between_the_runs_on_both_sides_and_is_drawn():
    curve = work_precision.Curve((1e-2, 1e-4, 1e-6), (1.0, 2.0, 8.0))
    assert curve.at(1e-2) == 1
    assert curve.at(1e-3) == pytest.approx(2**0.5)
    assert curve.at(1e-5) == pytest.approx(4)
    assert curve.at(1e-7) != curve.at(1e-7)  # nan: no run is as exact
    other = work_precision.Curve((1e-1, 1e-5), (1.0, 1.0))
    coarse, fine = work_precision.common({"a": curve, "b": other})
    assert 1e-2 > coarse > fine > 1e-5
    assert work_precision.row("b", other, curve, [1e-3]) == ["b", "1000.0", "1.41"]
    assert work_precision.drawing({"a problem": {"torch": curve, "ours": other}}).startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", list(work_precision.PROBLEMS))
def test_solvers_of_non_stiff_problems_come_to_the_same_end(name):
    problem = work_precision.PROBLEMS[name]
    runs = work_precision.runs_of(replace(problem, end=0.1), 2, ["tsitouras-54"])
    with torch.no_grad():
        ends = [run(1e-6) for solver, run in runs.items() if not solver.startswith("torchode")]
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=1e-4, atol=1e-4)
