"""The learning rate of the published recipe, and values that make no sense."""

import math

import pytest

from tableau2net.errors import InputError
from tableau2net.training import Recipe


def test_the_published_schedule() -> None:
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.momentum, recipe.weight_decay) == (160, 128, 0.9, 1e-4)
    rates = [recipe.lr_at(epoch) for epoch in range(160)]
    assert rates == pytest.approx([0.1] * 80 + [0.01] * 40 + [0.001] * 40, rel=1e-12)


def test_a_milestone_between_two_epochs_counts_for_the_later() -> None:
    recipe = Recipe(epochs=3, lr=1.0, factor=0.5)  # milestones at 1.5 and 2.25
    assert [recipe.lr_at(epoch) for epoch in range(3)] == [1.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 0), ("lr", 0.0), ("lr", math.nan), ("lr", math.inf), ("momentum", 1.0),
        ("momentum", -0.1), ("weight_decay", -1e-4), ("weight_decay", math.nan), ("milestones", (0.5, 1.5)),
        ("factor", 0.0),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=name):
        Recipe(**{name: value})  # type: ignore[arg-type]
