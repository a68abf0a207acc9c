"""Second-order residual networks y'' = f by Runge–Kutta–Nyström tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.families.hamiltonian import WIDTHS, FlowOptions, flow_network
from tableau2net.nn.fields.transposed import Symmetric
from tableau2net.nn.skeleton.stack import Stack
from tableau2net.scheme import RungeKuttaNystrom, Scheme, as_scheme


@register_model(
    r"nystrom(?P<depth>\d{1,4})",
    published=("nystrom26",),
    scheme="nystrom-rkn-4",
    about="Second-order network y'' = −Kᵀσ(Ky + b) by any Runge–Kutta–Nyström table (scheme=)",
)
def nystrom(
    depth: int,
    *,
    scheme: Scheme | str | Path = "nystrom-rkn-4",
    widths: Sequence[int] = WIDTHS,
    h: float = 0.3,
    **options: Unpack[FlowOptions],
) -> Stack:
    """y'' = −Kᵀσ(Ky + b) from rest, (y, h y') handed from step to step; depth 6n + 2, n steps a resolution, the stages
    of a step with the same weights.

    scheme: a Runge–Kutta–Nyström table for f(t, y).  options: as for `leapfrog`, which has one evaluation a step;
        backward is "store", since no explicit table of order over 2 can be undone.
    """
    chosen = as_scheme(scheme)
    if not isinstance(chosen, RungeKuttaNystrom) or chosen.A is not None:
        raise InputError(
            f"scheme={chosen.name!r}: a Runge–Kutta–Nyström table for f(t, y) is needed, such as nystrom-rkn-4"
        )
    if depth < 8 or (depth - 2) % 6:
        raise InputError(f"nystrom{depth}: the depth is 6n + 2 with n at least 1, such as nystrom26")
    options.setdefault("backward", "store")
    return flow_network(
        chosen, [(depth - 2) // 6] * len(widths), Symmetric, ("f",), ("y",), h, widths=widths, **options
    )
