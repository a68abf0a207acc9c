"""What can be set of a run in a table, and what it becomes: arguments of `training.train`, as JSON holds them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tableau2net.errors import InputError
from tableau2net.recipes.presets import find_preset
from tableau2net.recipes.recipe import Recipe
from tableau2net.training.loop import train

DEEPEST = 2048  # layers: a table's file is to ask for no network that takes the machine
MOST = 10**9


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _whole(least: int, most: int = MOST) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


_LINE = (_text, "one line of text is expected")
SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("scheme", "model", "preset", "data", "data_dir", "device", "precision", "engine"), _LINE),
    "coefficients": (lambda value: value in ("fixed", "learnable", "free"), "write fixed, learnable or free"),
    "depth": (_whole(1, DEEPEST), f"a whole number from 1 to {DEEPEST} is expected"),
    "seed": (_whole(0, 2**63 - 1), "a whole number, at least 0, is expected"),
    "validation": (_whole(0), "a whole number, at least 0, is expected"),
    "limit_train": (_whole(1), "a whole number, at least 1, is expected"),
}
NUMBERS = tuple(own.name for own in fields(Recipe))
# What `train` takes itself: no option of a network goes by these names.
TAKEN = {*inspect.signature(train).parameters, *SETTINGS, "model_name", "num_classes", "max_seconds"} - {"options"}


def check_setting(key: str, value: Any, where: str) -> None:
    """Raises InputError, one line, for a key that no run has, and for a value that it cannot have.

    The numbers of a recipe are checked together, by the recipe that they make.
    """
    part, _, name = key.partition(".")
    if part == "recipe":
        if name not in NUMBERS:
            raise InputError(f"unknown key {where[:90]}; a recipe has {', '.join(NUMBERS)}")
    elif part == "options" and name:
        _check_option(name, value, where)
    elif key in SETTINGS:
        right, wanted = SETTINGS[key]
        if not right(value):
            raise InputError(f"{where} = {str(value)[:60]!r}: {wanted}")
    else:
        raise InputError(f"unknown key {where[:90]}; known here: {', '.join(SETTINGS)}, recipe, options")


def _check_option(name: str, value: Any, where: str) -> None:
    if name in TAKEN or not name.isidentifier():
        raise InputError(f"{where[:90]}: is no option of a network; what a run has besides is said outside of options")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise InputError(f"{where} = {str(value)[:60]!r}: numbers, text, true, false and lists are expected") from None


def arguments_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `training.train` that settings stand for, ready for JSON; the recipe whole, as a mapping.

    Raises InputError for a preset or a recipe that there cannot be.
    """
    arguments = {key: value for key, value in settings.items() if key in SETTINGS}
    if "model" in arguments:
        arguments["model_name"] = arguments.pop("model")
    recipe, options = Recipe(), {}
    if "preset" in arguments:
        preset = find_preset(arguments["preset"])
        recipe, options = preset.recipe, dict(preset.options)
    recipe = recipe.changed(_below("recipe.", settings))
    plain: dict[str, Any] = json.loads(json.dumps({"recipe": asdict(recipe)}))
    return {**arguments, **plain, **options, **_below("options.", settings)}


def call_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as Python has them, for ``train(**call)``."""
    return {**arguments, "recipe": Recipe().changed(arguments["recipe"])}


def options_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that go to the network."""
    return {name: value for name, value in arguments.items() if name not in TAKEN or name == "coefficients"}


def named(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the depth put into the network's name, where there is one, and left out elsewhere."""
    if "model" not in settings:
        return dict(settings)
    rest = {key: value for key, value in settings.items() if key != "depth"}
    return {**rest, "model": settings["model"].replace("{depth}", str(settings.get("depth")))}


def _below(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


def stem(scheme: str) -> str:
    """What a scheme is called: its name, or that of its file."""
    return Path(scheme).stem if scheme.endswith(".toml") else scheme
