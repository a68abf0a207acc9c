"""Networks by name: each family says what names it answers to, and how one of them is made."""

from __future__ import annotations

import difflib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn.entry import ModelEntry
from tableau2net.nn.families import converted, dynamic, fractal, hamiltonian, imexnet, ode, polynet, residual, revnet
from tableau2net.nn.families.residual import adamnet_scheme
from tableau2net.nn.values import check_values
from tableau2net.scheme import Multistep, Scheme, load

FAMILIES = (residual, dynamic, polynet, fractal, revnet, hamiltonian, imexnet, ode, converted)
ENTRIES: tuple[ModelEntry, ...] = tuple(entry for family in FAMILIES for entry in family.ENTRIES)
COMMON = ("resnet20", "lm_resnet20", "adamnet2_20")


def list_models(pattern: str = "*") -> list[str]:
    """Names for `create_model` as published, matching a shell pattern. Other depths and widths can be made."""
    if not isinstance(pattern, str):
        raise InputError(f"pattern={pattern!r}: write a text, '*lm*' say")
    return [name for entry in ENTRIES for name in entry.published if fnmatchcase(name, pattern)]


def find_model(name: str) -> tuple[ModelEntry, dict[str, Any]]:
    """The family that a name belongs to, and what the name says to it. Raises InputError, with the nearest names."""
    if not isinstance(name, str):
        raise InputError(f"name={name!r}: write the name of a network, 'resnet20' say")
    for entry in ENTRIES:
        groups = entry.groups(name)
        if groups is not None:
            return entry, groups
    near = difflib.get_close_matches(name, list_models(), n=3) or COMMON
    raise InputError(f"no network is called {name[:60]!r}; did you mean {', '.join(near)}?")


def model_name(scheme: Scheme, depth: int) -> str:
    """The name under which the network of a scheme goes: its own where it is listed, else ``"resnetD"``."""
    if scheme == load("lm"):
        return f"lm_resnet{depth}"
    if isinstance(scheme, Multistep) and 2 <= scheme.steps <= 12 and scheme == adamnet_scheme(scheme.steps):
        return f"adamnet{scheme.steps}_{depth}"
    return f"resnet{depth}"


def create_model(name: str, *, scheme: Scheme | str | Path | None = None, **options: Any) -> nn.Module:
    """A network by name: ``"resnet20"``, ``"lm_resnet56"``, ``"adamnet2_20"``, ``"wide_resnet28_10"``, …

    scheme: with ``"resnetD"`` and its like, the scheme (or its name or file) that takes the place of forward Euler.
    coefficients: "learnable" (the default where the scheme has parameters), "fixed" or "free".
    num_classes, and what else the family takes: see docs/networks.md.

    Raises InputError for an unknown name, a depth that the family does not have, or an option that does not fit.
    """
    entry, groups = find_model(name)
    if scheme is not None:
        options["scheme"] = scheme
    if taken := sorted(options.keys() & groups.keys()):
        raise InputError(f"{name}: the name says {', '.join(taken)} already; leave the option out")
    check_values(options)
    try:
        return entry.build(**groups, **options)
    except TypeError as error:
        if "argument" not in str(error):  # not how it was called: a fault of ours
            raise
        raise InputError(f"{name}: {str(error).partition('() ')[2] or error}") from None
