"""The learning rate of each schedule, presets as they were published, and values that make no sense."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tableau2net.declared import read
from tableau2net.errors import InputError
from tableau2net.recipes.presets import find_preset
from tableau2net.recipes.recipe import SCHEDULES
from tableau2net.training import PRESETS, Recipe


def test_the_published_schedule() -> None:
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.momentum, recipe.weight_decay) == (160, 128, 0.9, 1e-4)
    rates = [recipe.lr_at(epoch) for epoch in range(160)]
    assert rates == pytest.approx([0.1] * 80 + [0.01] * 40 + [0.001] * 40, rel=1e-12)
    assert recipe.rates(79, 3) == [0.1] * 3
    assert recipe.rates(80, 3) == pytest.approx([0.01] * 3)


def test_a_milestone_between_two_epochs_counts_for_the_later() -> None:
    recipe = Recipe(epochs=3, lr=1.0, factor=0.5)  # milestones at 1.5 and 2.25
    assert [recipe.lr_at(epoch) for epoch in range(3)] == [1.0, 1.0, 0.5]


def test_rates_that_move_at_each_step() -> None:
    cosine = Recipe(epochs=10, lr=2.0, schedule="cosine", warmup=2)
    assert [cosine.lr_at(t) for t in (0, 1, 2, 6, 10)] == pytest.approx([0, 1, 2, 1, 0])
    assert cosine.lr_at(4) == pytest.approx(1 + math.cos(math.pi / 4))
    line = Recipe(epochs=10, lr=2.0, schedule="one-cycle", warmup=2)
    assert [line.lr_at(t) for t in (0, 0.5, 2, 4, 10)] == pytest.approx([0, 0.5, 2, 1.5, 0])
    assert line.rates(0, 2) == pytest.approx([0.25, 0.75])  # in the middle of each step
    assert Recipe(epochs=10, schedule="constant", warmup=1).rates(5, 2) == [0.1, 0.1]


def test_each_level_has_a_schedule_of_its_own() -> None:
    recipe = Recipe(epochs=10, lr=1.0, schedule="one-cycle", warmup=1, refine=(0.5,))
    assert [recipe.lr_at(t) for t in (0, 1, 3, 5, 6, 8)] == pytest.approx([0, 1, 0.5, 0, 1, 0.5])


@given(
    schedule=st.sampled_from(SCHEDULES), epochs=st.integers(1, 30), part=st.floats(0, 0.99), steps=st.integers(1, 20)
)
def test_rates_are_between_zero_and_the_highest(schedule: str, epochs: int, part: float, steps: int) -> None:
    recipe = Recipe(epochs=epochs, lr=0.3, schedule=schedule, warmup=part * epochs)
    rates = [rate for epoch in range(epochs) for rate in recipe.rates(epoch, steps)]
    assert len(rates) == epochs * steps
    assert all(0 < rate <= 0.3 * (1 + 1e-12) for rate in rates)
    risen = rates[math.ceil(recipe.warmup * steps) :]
    assert risen == sorted(risen, reverse=True)


def test_presets_as_they_were_published() -> None:
    for name, (epochs, batch, decay, rates) in {
        "lm-2018": (160, 128, 1e-4, {0: 0.1, 79: 0.1, 80: 0.01, 119: 0.01, 120: 0.001, 159: 0.001}),
        "adamnet-2019": (160, 128, 1e-4, {79: 0.1, 80: 0.01, 120: 0.001}),
        "dynamicblocks-2019": (120, 125, 4e-4, {0: 0.1, 59: 0.1, 60: 0.01, 80: 0.001, 100: 1e-4, 119: 1e-4}),
        "stochastic-depth": (500, 128, 1e-4, {249: 0.1, 250: 0.01, 374: 0.01, 375: 0.001}),
    }.items():
        recipe = find_preset(name).recipe
        assert (recipe.epochs, recipe.batch_size, recipe.weight_decay, recipe.momentum) == (epochs, batch, decay, 0.9)
        assert {epoch: recipe.lr_at(epoch) for epoch in rates} == pytest.approx(rates)
    cifar100 = find_preset("lm-2018").recipe.changed({"epochs": 300})
    assert [cifar100.lr_at(epoch) for epoch in (149, 150, 224, 225)] == pytest.approx([0.1, 0.01, 0.01, 0.001])
    assert PRESETS["stochastic-depth"].options == {"survival": 0.8}
    with pytest.raises(InputError, match="--preset lm: must be one of lm-2018, "):
        find_preset("lm")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 0), ("lr", 0.0), ("lr", math.nan), ("lr", math.inf), ("momentum", 1.0),
        ("momentum", -0.1), ("weight_decay", -1e-4), ("weight_decay", math.nan), ("milestones", (0.5, 1.5)),
        ("factor", 0.0), ("optimiser", "adam"), ("betas", (0.9, 1.0)), ("schedule", "step"), ("warmup", 160.0),
        ("warmup", -1.0), ("label_smoothing", 1.0), ("cutout", -1), ("mixup", math.nan), ("ema", 1.0),
    ],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=name):
        Recipe(**{name: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lrr": 1}, "has no 'lrr'; did you mean lr"), ({"epochs": 1.5}, "a whole number"), ({"epochs": True}, "whole"),
        ({"lr": "0.1"}, "a number"), ({"nesterov": 1}, "true or false"), ({"schedule": 3}, "a name"),
        ({"milestones": 0.5}, "a list of numbers"), ({"milestones": ["a"]}, "a list of numbers"),
        ({"refine": None}, "a list of numbers"), ({"momentum": 0, "nesterov": True}, "off but for SGD"),
    ],
)  # fmt: skip
def test_changes_of_a_stranger_are_checked(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Recipe().changed(changes)


def test_changes_are_made() -> None:
    found = Recipe().changed({"lr": 1, "milestones": [1, 0.5], "clip": [1, 2], "schedule": "cosine"})
    assert (found.lr, found.milestones, found.clip, found.schedule) == (1.0, (1.0, 0.5), (1.0, 2.0), "cosine")
    assert found.changed({"clip": None}).clip is None
    assert read(Recipe, {"lr": 1.0}, "an older recipe").betas == (0.9, 0.999)


@pytest.mark.parametrize(
    ("name", "rates", "numbers"),
    [
        ("stochastic-depth-2016", {0: 0.1, 248: 0.1, 249: 0.01, 374: 0.001, 499: 0.001}, (128, 0.9, 1e-4, True)),
        ("in-resnet-2020", {0: 0.1, 79: 0.1, 80: 0.01, 120: 0.001, 159: 0.001}, (128, 0.9, 1e-4, False)),
        ("ie-resnet-2020", {0: 0.0, 1: 0.1, 98: 0.1, 99: 0.01, 124: 1e-3, 149: 1e-4}, (128, 0.9, 5e-4, False)),
        ("momentum-2021", {0: 0.01, 179: 0.01, 180: 0.001, 219: 0.001}, (128, 0.9, 5e-4, False)),
        ("neural-ode-2018", {0: 0.1, 59: 0.1, 60: 0.01, 100: 1e-3, 140: 1e-4, 159: 1e-4}, (128, 0.9, 0.0, False)),
        ("anode-2019", {0: 0.1, 149: 0.1, 150: 0.01, 250: 0.001, 349: 0.001}, (256, 0.9, 5e-4, False)),
    ],
)
def test_rates_are_those_that_the_authors_programs_set(name, rates, numbers):
    """The epochs counted from 0, of which the last that is given is the last."""
    recipe = PRESETS[name].recipe
    assert {epoch: round(recipe.lr_at(epoch), 9) for epoch in rates} == rates
    assert recipe.epochs == max(rates) + 1
    assert (recipe.batch_size, recipe.momentum, recipe.weight_decay, recipe.nesterov) == numbers
