"""What the file of a table can set of a run, and what it then asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from tableau2net.declared import Declared, declared
from tableau2net.errors import InputError
from tableau2net.recipes.recipe import Recipe
from tableau2net.runs.run_spec import SETTINGS, TAKEN, RunSpec, SchemeOptions

DEEPEST = 2048  # layers: a table's file is to ask for no network that takes the machine
_BOUNDS = {"depth": Meta(ge=1, le=DEEPEST), "seed": Meta(ge=0), "validation": Meta(ge=0), "limit_train": Meta(ge=1)}
_COEFFICIENTS = {"coefficients": declared(SchemeOptions)["coefficients"]}  # said so often that it is said outside
KNOWN: dict[str, Declared] = {
    key: replace(own, hint=Annotated[own.hint, _BOUNDS[key]]) if key in _BOUNDS else own
    for key, own in [*((key, own) for key, (_, own) in SETTINGS.items()), *_COEFFICIENTS.items()]
}


def check_setting(key: str, value: Any, where: str) -> None:
    """Raises InputError, one line, for a key that no run has, and for a value that it cannot have.

    The numbers of a recipe are checked together, by the recipe that they make.
    """
    part, _, name = key.partition(".")
    if part == "recipe":
        if name not in declared(Recipe):
            raise InputError(f"unknown key {where[:90]}; a recipe has {', '.join(declared(Recipe))}")
    elif part == "options" and name:
        _check_option(name, value, where)
    elif key not in KNOWN:
        raise InputError(f"unknown key {where[:90]}; known here: {', '.join(KNOWN)}, recipe, options")
    elif key in _COEFFICIENTS and value not in ("fixed", "learnable", "free"):
        raise InputError(f"{where} = {str(value)[:60]!r}: write fixed, learnable or free")
    else:
        KNOWN[key].check(value, where)


def _check_option(name: str, value: Any, where: str) -> None:
    if name in TAKEN or name in _COEFFICIENTS or not name.isidentifier():
        raise InputError(f"{where[:90]}: is no option of a network; what a run has besides is said outside of options")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise InputError(f"{where} = {str(value)[:60]!r}: numbers, text, true, false and lists are expected") from None


def asked_by(settings: Mapping[str, Any]) -> RunSpec:
    """The run that these settings ask for. Raises InputError for a preset or a recipe that there cannot be."""
    keys = {key: f"options.{key}" if key in _COEFFICIENTS else key for key in settings}
    own = {keys[key]: value for key, value in settings.items()}
    if "model" in own:  # the depth is in its name, where that has room for it
        own["model"] = own["model"].replace("{depth}", str(own.pop("depth", None)))
    return RunSpec.of(own)


def stem(scheme: str) -> str:
    """What a scheme is called: its name, or that of its file."""
    return Path(scheme).stem if scheme.endswith(".toml") else scheme
