"""The figure of a run is drawn for every shape of log, and says what is in it."""

from io import BytesIO
from itertools import pairwise
from math import cos, pi
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from tableau2net.plot import draw_curves
from tableau2net.plot.runs import curves
from tableau2net.plot.runs import learnt_coefficients as coefficients
from tableau2net.plot.runs.levels import drops, leaves, levels, refinements


def log(epochs: int, *, held: bool, learnt: dict[str, Any] | None, loss: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "epoch": e + 1, "lr": 0.1 if e < epochs / 2 else 0.01, "train_loss": loss / (e + 1),
            "train_error": 50 / (e + 1), "validation_error": 60 / (e + 1) if held else None,
            "test_error": 70 / (e + 1), "coefficients": learnt,
        }
        for e in range(epochs)
    ]  # fmt: skip


def refined(epochs: int, steps: int, at: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A run of two blocks whose steps are halved after epoch `at`; the k of step i in epoch e is i + e/1000."""

    def values(count: int, epoch: int) -> dict[str, Any]:
        return {f"blocks.{b}.k": [i + epoch / 1000 for i in range(count)] for b in range(2)}

    rows = log(epochs, held=False, learnt=None)
    for row in rows:
        row["coefficients"] = values(steps if row["epoch"] <= at else 2 * steps, row["epoch"])
    rows[at]["refinement"] = {"epoch": at + 1, "steps_before": 2 * steps, "steps": 4 * steps}
    return rows, values(steps, 0)


def figure(rows: list[dict[str, Any]], before: dict[str, Any]) -> np.ndarray:
    image = Image.open(BytesIO(draw_curves(rows, before, "a title")))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, as matplotlib has them."""
    seen: list[Figure] = []
    for module in (curves, coefficients):
        monkeypatch.setattr(module, "image", lambda figure, format="png": seen.append(figure) or b"")
    return seen


def upright(axis: Any) -> dict[float, str]:
    """Where there are vertical lines, and of which kind."""
    found = {}
    for line in axis.get_lines():
        x = np.asarray(line.get_xdata())
        if len(x) == 2 and x[0] == x[1]:
            found[float(x[0])] = line.get_linestyle()
    return found


@pytest.mark.parametrize(("epochs", "held"), [(1, False), (3, True), (160, True)])
def test_every_shape_of_log(epochs: int, held: bool) -> None:
    few = {"blocks.0.k": [0.1, -0.2], "blocks.1.k": [0.3]}
    many = {"blocks.0.k": np.linspace(0, 1, 60).reshape(3, 20).tolist()}
    plain = figure(log(epochs, held=held, learnt=None), {})
    for learnt in (few, many):
        wider = figure(log(epochs, held=held, learnt=learnt), learnt)
        assert wider.shape[1] > plain.shape[1]  # one panel more than where nothing is learnt
        panel = wider[:, -wider.shape[1] // 3 :]
        assert (panel.max(-1).astype(int) - panel.min(-1) > 60).sum() > 50  # with coloured lines in it


def test_a_network_too_shallow_to_learn_a_coefficient() -> None:
    """Blocks without a step of the scheme have an empty list of coefficients."""
    none = {"blocks.0.k": [], "blocks.1.k": []}
    assert figure(log(3, held=False, learnt=none), none).shape == figure(log(3, held=False, learnt=None), {}).shape


def test_a_loss_of_zero_is_drawn() -> None:
    assert figure(log(3, held=False, learnt=None, loss=0.0), {}).size


def test_leaves_are_named_by_their_way() -> None:
    tree = {"a": {"b": [1, [2.5, 3]]}, "c": 4}
    assert dict(leaves(tree)) == {"a.b[0]": 1, "a.b[1][0]": 2.5, "a.b[1][1]": 3, "c": 4}


def test_each_level_has_its_own_coefficients() -> None:
    rows, before = refined(6, steps=1, at=4)
    first, second = levels(rows, before)
    assert (first.epochs, second.epochs) == ((0, 1, 2, 3, 4), (5, 6))
    assert first.values["blocks.0.k"] == pytest.approx(np.array([[0.0], [0.001], [0.002], [0.003], [0.004]]))
    assert second.values["blocks.1.k"] == pytest.approx(np.array([[0.005, 1.005], [0.006, 1.006]]))
    assert refinements(rows) == [(4.5, "2 → 4 steps")]
    (only,) = levels(log(3, held=False, learnt={"k": 0.5}), {})
    assert only.flat("k").shape == (3, 1)
    assert levels(log(3, held=False, learnt=None), {}) == []


def test_new_steps_have_lines_of_their_own(figures: list[Figure]) -> None:
    rows, before = refined(6, steps=2, at=4)
    draw_curves(rows, before, "")
    coefficients.draw_coefficients(rows, before, "")
    for figure in figures:
        axis = figure.axes[-1]
        lines = [line for line in axis.get_lines() if len(line.get_xdata()) != 2 or line.get_xdata()[0] > 4.5]
        spans = sorted((int(x[0]), int(x[-1])) for x in (line.get_xdata() for line in lines))
        assert spans == [(0, 4)] * 4 + [(5, 6)] * 8
        assert all(upright(panel)[4.5] == "-" for panel in figure.axes)
        labels = {text.get_text().split()[0] for text in axis.get_legend().get_texts()}
        assert labels == {f"blocks.{b}.k[{i}]" for b in range(2) for i in range(4)}


@pytest.mark.parametrize("refinement", [None, 80])
def test_a_schedule_of_steps_is_marked_and_another_has_a_panel(refinement: int | None, figures: list[Figure]) -> None:
    def rate(epoch: int, schedule: str) -> float:
        start, end = (refinement or 0, 160) if refinement and epoch >= refinement else (0, refinement or 160)
        part = (epoch - start) / (end - start)
        return {"steps": 0.1 ** (1 + (part >= 0.5) + (part >= 0.75)), "cosine": 0.05 * (1 + cos(pi * part)) + 1e-4}[
            schedule
        ]

    for schedule in ("steps", "cosine"):
        rows = log(160, held=False, learnt=None)
        for row in rows:
            row["lr"] = rate(row["epoch"] - 1, schedule)
        if refinement:
            rows[refinement]["refinement"] = {"steps_before": 4, "steps": 8}
        draw_curves(rows, {}, "")
    steps, moving = figures
    drop = [40.5, 60.5, 120.5, 140.5] if refinement else [80.5, 120.5]
    halved = [80.5] if refinement else []
    assert [len(figure.axes) for figure in figures] == [2, 3]
    for axis in steps.axes:
        assert upright(axis) == {**dict.fromkeys(drop, ":"), **dict.fromkeys(halved, "-")}
    for axis in moving.axes:
        assert upright(axis) == dict.fromkeys(halved, "-")
    (line,) = [line for line in moving.axes[-1].get_lines() if len(line.get_xdata()) == 160]
    assert list(line.get_ydata()) == [rate(epoch, "cosine") for epoch in range(160)]


def test_a_warm_up_is_no_drop() -> None:
    rows = log(160, held=False, learnt=None)
    for row, rate in zip(rows, [0.02, 0.04, 0.06, 0.08, *[0.1] * 76, *[0.01] * 80], strict=True):
        row["lr"] = rate
    assert drops(rows) == [80.5]
    assert drops(rows[:1]) == []


def test_hundreds_of_coefficients_are_bundles(figures: list[Figure]) -> None:
    rows, before = refined(40, steps=100, at=20)
    draw_curves(rows, before, "")
    coefficients.draw_coefficients(rows, before, "")
    whole, apart = figures
    axis = whole.axes[-1]
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert sorted(texts) == [f"blocks.{b}.k: 200, 0.040 … 199.040" for b in range(2)]
    medians = [line for line in axis.get_lines() if len(line.get_xdata()) > 2]
    assert len(medians) == 4  # two blocks, two levels
    assert sorted(line.get_ydata()[-1] for line in medians) == pytest.approx([49.52, 49.52, 99.54, 99.54])
    assert [panel.get_title("left") for panel in apart.axes] == ["blocks.0.k", "blocks.1.k"]


def test_a_block_for_each_coefficient_is_bundled_too(figures: list[Figure]) -> None:
    """Where even the names are too many for a legend."""
    learnt = {f"stage.{i}.block.{name}": 0.1 * i for i in range(40) for name in ("k", "m")}
    draw_curves(log(5, held=False, learnt=learnt), learnt, "")
    coefficients.draw_coefficients(log(5, held=False, learnt=learnt), learnt, "")
    texts = {text.get_text() for text in figures[0].axes[-1].get_legend().get_texts()}
    assert texts == {"k: 40, 0.000 … 3.900", "m: 40, 0.000 … 3.900"}
    assert len(figures[1].axes) == coefficients.MAX_PANELS


def test_colours_are_those_of_the_block_and_paler_the_earlier_the_step(figures: list[Figure]) -> None:
    rows, before = refined(6, steps=2, at=4)
    draw_curves(rows, before, "")
    lines = {line.get_label().split()[0]: line.get_color() for line in figures[0].axes[-1].get_lines()}
    own = [sum(lines[f"blocks.0.k[{i}]"]) for i in range(4)]
    assert all(a > b for a, b in pairwise(own))
