"""Networks by name: the families of this package and of others, and one of them made."""

from __future__ import annotations

import difflib
import inspect
import pkgutil
from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Unpack

from torch import nn

from tableau2net.errors import InputError
from tableau2net.extensions import load_extensions
from tableau2net.nn import families
from tableau2net.nn.entry import REGISTERED, ModelEntry, Said
from tableau2net.nn.families.residual import adamnet_scheme
from tableau2net.nn.model_options import ModelOptions
from tableau2net.nn.values import check_values
from tableau2net.scheme import Scheme, load

COMMON = ("resnet20", "lm_resnet20", "adamnet2_20")

SHOWN = [  # first and in this order; every other file of families/, and other packages, behind them
    f"{families.__name__}.{name}"
    for name in (
        "residual",
        "skips",
        "dynamic",
        "meanfield",
        "polynet",
        "fractal",
        "revnet",
        "hamiltonian",
        "imexnet",
        "exponential_network",
        "ode",
        "restoration",
        "converted",
    )
]

for _module in pkgutil.iter_modules(families.__path__):  # each file registers its own
    import_module(f"{families.__name__}.{_module.name}")


def entries() -> list[ModelEntry]:
    """All families, ours and those of other packages."""
    load_extensions("models")

    def place(entry: ModelEntry) -> int:
        module = entry.build.__module__
        return SHOWN.index(module) if module in SHOWN else len(SHOWN)

    return sorted(REGISTERED.values(), key=place)


def list_models(pattern: str = "*") -> list[str]:
    """Names for `create_model` as published, matching a shell pattern. Other depths and widths can be made."""
    if not isinstance(pattern, str):
        raise InputError(f"pattern={pattern!r}: write a text, '*lm*' say")
    return [name for entry in entries() for name in entry.published if fnmatchcase(name, pattern)]


def find_model(name: str) -> tuple[ModelEntry, Said]:
    """The family that a name belongs to, and what the name says to it. Raises InputError, with the nearest names."""
    if not isinstance(name, str):
        raise InputError(f"name={name!r}: write the name of a network, 'resnet20' say")
    found = _answering(name)
    if found is None:
        load_extensions("models")
        found = _answering(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, list_models(), n=3) or COMMON
    raise InputError(f"no network is called {name[:60]!r}; did you mean {', '.join(near)}?")


def depth_of(name: str) -> int:
    """The depth that a name says, 0 where it says none. Raises InputError as `find_model`."""
    said = find_model(name)[1].get("depth", 0)
    return said if isinstance(said, int) else 0


def told_to(name: str, said: Mapping[str, int]) -> dict[str, int]:
    """Of what data say to networks, what one of this name takes: `num_classes`, and `in_channels` where its family has
    that option. Raises InputError as `find_model`."""
    taken = inspect.signature(find_model(name)[0].build).parameters.keys() | {"num_classes"}
    return {option: number for option, number in said.items() if option in taken}


def _answering(name: str) -> tuple[ModelEntry, Said] | None:
    for entry in list(REGISTERED.values()):
        groups = entry.groups(name)
        if groups is not None:
            return entry, groups
    return None


def model_name(scheme: Scheme, depth: int) -> str:
    """The name under which the network of a scheme goes: its own where it is listed, else ``"resnetD"``."""
    if scheme == load("lm"):
        return f"lm_resnet{depth}"
    steps = scheme.name.removeprefix("adamnet-")
    if steps.isdecimal() and 2 <= int(steps) <= 12 and scheme == adamnet_scheme(int(steps)):
        return f"adamnet{steps}_{depth}"
    return f"resnet{depth}"


def create_model(name: str, *, scheme: Scheme | str | Path | None = None, **options: Unpack[ModelOptions]) -> nn.Module:
    """A network by name: ``"resnet20"``, ``"lm_resnet56"``, ``"adamnet2_20"``, ``"wide_resnet28_10"``, …

    scheme: with ``"resnetD"`` and its like, the scheme (or its name or file) that takes the place of forward Euler.
    coefficients: "learnable" (the default where the scheme has parameters), "fixed" or "free".
    num_classes, and what else the family takes: see docs/networks.md.

    Names that others registered (`register_model`) are known too. Raises InputError for an unknown name, a depth that
    the family does not have, or an option that does not fit.
    """
    entry, groups = find_model(name)
    given: dict[str, object] = dict(options)
    if scheme is not None:
        given["scheme"] = scheme
    if taken := sorted(given.keys() & groups.keys()):
        raise InputError(f"{name}: the name says {', '.join(taken)} already; leave the option out")
    check_values(given)
    try:
        return entry.build(**groups, **given)
    except TypeError as error:
        if "argument" not in str(error):  # not how it was called: a fault of ours
            raise
        raise InputError(f"{name}: {str(error).partition('() ')[2] or error}") from None
