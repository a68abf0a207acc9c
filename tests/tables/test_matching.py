"""Depths chosen so that networks are alike, against a search over all depths by what trained networks say."""

from pathlib import Path

import pytest

from tableau2net.errors import InputError
from tableau2net.nn import create_model
from tableau2net.nn.overview import cost
from tableau2net.tables import Grid
from tableau2net.tables.preflight import check_runs

TABLE = """
format = 1
[grid]
depth = [20, 44]
[match]
by = "{by}"
to = "ResNet"
[[networks]]
name = "ResNet"
scheme = "euler"
[[networks]]
name = "other"
{other}
"""


def grid(folder: Path, by: str, other: str) -> Grid:
    path = folder / "matched.toml"
    path.write_text(TABLE.format(by=by, other=other))
    return Grid.read(path)


def evaluations(depth: int, scheme: str) -> int:
    found = cost(create_model(f"resnet{depth}", scheme=scheme)).evaluations
    assert found is not None
    return found


def test_by_evaluations(tmp_path: Path) -> None:
    """The midpoint rule evaluates twice a step: about half the depth does."""
    runs = {(run.label, run.depth): run for run in grid(tmp_path, "evaluations", "scheme = 'explicit-midpoint'").runs}
    for depth in (20, 44):
        wanted = evaluations(depth, "euler")
        best = min(range(8, 50, 6), key=lambda d: abs(evaluations(d, "explicit-midpoint") - wanted))
        run = runs["other", depth]
        assert run.asked.network.depth == best < depth
        assert run.matched is not None
        assert (run.matched.number, run.matched.wanted) == (evaluations(best, "explicit-midpoint"), wanted)
        assert run.folder.name == f"other-{best}-seed0"
        assert runs["ResNet", depth].matched is None


def test_by_parameters(tmp_path: Path) -> None:
    """With weights of its own for each stage a network of half the depth has as many."""

    def count(depth: int, **options: str) -> int:
        return sum(p.numel() for p in create_model(f"resnet{depth}", **options).parameters())

    own = {"scheme": "explicit-midpoint", "stage_weights": "independent"}
    other = "scheme = 'explicit-midpoint'\noptions.stage_weights = 'independent'"
    found = grid(tmp_path, "parameters", other)
    runs = {(run.label, run.depth): run for run in found.runs}
    for depth in (20, 44):
        best = min(range(8, 50, 6), key=lambda d: abs(count(d, **own) - count(depth)))
        matched = runs["other", depth].matched
        assert matched is not None
        assert runs["other", depth].asked.network.depth == best
        assert matched.ratio == count(best, **own) / count(depth)
    notes = check_runs(found.runs).notes
    assert [note.partition(":")[0] for note in notes] == ["other, depth 20"] or notes == ()


def test_names_with_room_for_a_depth_are_matched(tmp_path: Path) -> None:
    runs = grid(tmp_path, "parameters", "model = 'lm_resnet{depth}'").runs
    assert {run.asked.network.model for run in runs if run.label == "other"} == {"lm_resnet20", "lm_resnet44"}


def test_far_from_alike_is_said(tmp_path: Path) -> None:
    found = grid(tmp_path, "parameters", "scheme = 'euler'\noptions.widths = [64, 128, 256]")
    assert {run.asked.network.depth for run in found.runs if run.label == "other"} == {8}
    (first, _) = check_runs(found.runs).notes
    assert "the nearest that it comes is" in first
    assert len({run.folder for run in found.runs}) == 3  # the same run in both columns


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("model = 'revnet38'", "other: its name says its depth"),
        ("scheme = 'lm'\ngrid.depth = [32]", "depth 32: ResNet, which it is matched to, is not there"),
        ("scheme = 'no-such'", "no-such"),
        ("scheme = 'lm'\noptions.colour = 1", "colour"),
    ],
)
def test_what_cannot_be_matched(other: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        grid(tmp_path, "parameters", other).runs  # noqa: B018
    assert str(tmp_path / "matched.toml") in str(caught.value)
