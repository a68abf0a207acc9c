"""Networks by name: a residual network is a scheme and a depth."""

from __future__ import annotations

import difflib
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tableau2net.errors import InputError
from tableau2net.nn.network import ResidualNetwork
from tableau2net.scheme import Scheme, load

# the name up to the depth → the scheme
FAMILIES = {"resnet": "euler", "lm_resnet": "lm", "adamnet2_": "adamnet-2", "adamnet3_": "adamnet-3"}
DEPTHS = (20, 32, 44, 56, 110)


def list_models(pattern: str = "*") -> list[str]:
    """Names for `create_model` at the published depths, matching a shell pattern. Any depth 6n + 2 can be made."""
    names = [f"{family}{depth}" for family in FAMILIES for depth in DEPTHS]
    return [name for name in names if fnmatchcase(name, pattern)]


def model_name(scheme: Scheme, depth: int) -> str:
    """The name under which the network of a scheme goes: its own where it is listed, else ``"resnetD"``."""
    for family, name in FAMILIES.items():
        if scheme == load(name):
            return f"{family}{depth}"
    return f"resnet{depth}"


def create_model(name: str, *, scheme: Scheme | str | Path | None = None, **options: Any) -> ResidualNetwork:
    """A network by name: ``"resnet20"``, ``"lm_resnet56"``, ``"adamnet2_20"``, ``"adamnet3_110"``, …

    scheme: with ``"resnetD"``, the scheme (or its name or file) that takes the place of forward Euler.
    coefficients: "learnable" (the default where the scheme has parameters), "fixed" or "free".
    num_classes, shortcut, history, stage_weights, sharing, start, widths: see `ResidualNetwork`.

    Raises InputError for an unknown name, a depth that is not 6n + 2, or an option that does not fit.
    """
    match = re.fullmatch(r"([a-z_]+?(?:\d_)?)(\d{1,4})", name)
    if match is None or match[1] not in FAMILIES:
        near = difflib.get_close_matches(name, list_models(), n=3) or ["resnet20", "lm_resnet20", "adamnet2_20"]
        raise InputError(f"no network is called {name[:60]!r}; did you mean {', '.join(near)}?")
    family, depth = match[1], int(match[2])
    if depth < 8 or (depth - 2) % 6:
        nearest = max(8, 6 * round((depth - 2) / 6) + 2)
        raise InputError(f"{name}: the depth is 6n + 2 with n at least 1, the nearest is {family}{nearest}")
    if scheme is not None and family != "resnet":
        raise InputError(f"{name} is a scheme by name already; give scheme= to resnet{depth}")
    chosen = scheme if isinstance(scheme, Scheme) else load(FAMILIES[family] if scheme is None else scheme)
    options.setdefault("coefficients", "learnable" if chosen.parameters else "fixed")
    try:
        return ResidualNetwork(chosen, (depth - 2) // 6, **options)
    except TypeError as error:
        raise InputError(f"{name}: {str(error).replace('ResidualNetwork.__init__() ', '')}") from None
