"""Dynamic networks by name: ``dynamic_INTEGRATOR_LAYER`` (Onken et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork
from tableau2net.nn.entry import ModelEntry
from tableau2net.scheme import Scheme

ONE_STATE_LAYERS = ("double", "parabolic", "preact", "bottleneck")
PAPER = "Onken, Novikov, Treister, Haber & Ruthotto 2019, DynamicBlocks"


def _maker(own: str) -> Callable[..., nn.Module]:
    def build(layer: str = "hamiltonian", scheme: Scheme | str | Path | None = None, **options: Any) -> nn.Module:
        return DynamicNetwork(own if scheme is None else scheme, layer, **options)

    return build


def _entry(integrator: str, scheme: str, about: str) -> ModelEntry:
    return ModelEntry(
        rf"dynamic_{integrator}_(?P<layer>{'|'.join(ONE_STATE_LAYERS)})",
        tuple(f"dynamic_{integrator}_{layer}" for layer in ONE_STATE_LAYERS),
        _maker(scheme),
        scheme,
        about,
    )


ENTRIES: tuple[ModelEntry, ...] = (
    _entry("rk1", "euler", f"forward Euler steps with weights θ(t) ({PAPER})"),
    _entry("rk4", "rk4", f"fourth-order Runge–Kutta steps with weights θ(t) ({PAPER})"),
    _entry("ab2", "adams-bashforth-2", f"two-step Adams–Bashforth with weights θ(t), the blocks of {PAPER}"),
    ModelEntry(
        "dynamic_hamiltonian",
        ("dynamic_hamiltonian",),
        _maker("symplectic-euler-p"),
        "symplectic-euler-p",
        f"symplectic Euler on two halves of the channels (Chang et al. 2018) with weights θ(t) ({PAPER})",
    ),
    ModelEntry(
        "dynamic_verlet_hamiltonian",
        ("dynamic_verlet_hamiltonian",),
        _maker("stormer-verlet-velocity"),
        "stormer-verlet-velocity",
        f"Störmer–Verlet on two halves of the channels with weights θ(t), the blocks of {PAPER}",
    ),
)
