"""The picture of a run is drawn for every shape of log."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tableau2net.plot import draw_curves
from tableau2net.plot.curves import leaves


def log(epochs: int, *, held: bool, learnt: dict[str, Any] | None, loss: float = 1.0) -> list[dict[str, Any]]:
    return [
        {
            "epoch": e + 1, "lr": 0.1 if e < epochs / 2 else 0.01, "train_loss": loss / (e + 1),
            "train_error": 50 / (e + 1), "validation_error": 60 / (e + 1) if held else None,
            "test_error": 70 / (e + 1), "coefficients": learnt,
        }
        for e in range(epochs)
    ]  # fmt: skip


def picture(rows: list[dict[str, Any]], before: dict[str, Any]) -> np.ndarray:
    image = Image.open(BytesIO(draw_curves(rows, before, "a title")))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("epochs", [1, 3, 160])
@pytest.mark.parametrize("held", [False, True])
def test_every_shape_of_log(epochs: int, held: bool) -> None:
    few = {"blocks.0.k": [0.1, -0.2], "blocks.1.k": [0.3]}
    many = {"blocks.0.k": np.linspace(0, 1, 60).reshape(3, 20).tolist()}
    plain = picture(log(epochs, held=held, learnt=None), {})
    for learnt in (few, many):
        wider = picture(log(epochs, held=held, learnt=learnt), learnt)
        assert wider.shape[1] > plain.shape[1]  # one panel more than where nothing is learnt
        panel = wider[:, -wider.shape[1] // 3 :]
        assert (panel.max(-1).astype(int) - panel.min(-1) > 60).sum() > 50  # with coloured lines in it


def test_a_network_too_shallow_to_learn_a_coefficient() -> None:
    """Blocks without a step of the scheme have an empty list of coefficients."""
    none = {"blocks.0.k": [], "blocks.1.k": []}
    assert picture(log(3, held=False, learnt=none), none).shape == picture(log(3, held=False, learnt=None), {}).shape


def test_a_loss_of_zero_is_drawn() -> None:
    assert picture(log(3, held=False, learnt=None, loss=0.0), {}).size


def test_leaves_are_named_by_their_way() -> None:
    tree = {"a": {"b": [1, [2.5, 3]]}, "c": 4}
    assert dict(leaves(tree)) == {"a.b[0]": 1, "a.b[1][0]": 2.5, "a.b[1][1]": 3, "c": 4}
