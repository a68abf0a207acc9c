"""Dynamic networks by name: ``dynamic_INTEGRATOR_LAYER`` (Onken et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from torch import nn

from tableau2net.nn.dynamic.dynamic_network import DynamicNetwork, DynamicNetworkOptions
from tableau2net.nn.entry import register_model
from tableau2net.scheme import Scheme

ONE_STATE_LAYERS = ("double", "parabolic", "preact", "bottleneck")
PAPER = "Onken, Novikov, Treister, Haber & Ruthotto 2019, DynamicBlocks"


def _maker(own: str) -> Callable[..., nn.Module]:
    def build(
        layer: str = "hamiltonian", scheme: Scheme | str | Path | None = None, **options: Unpack[DynamicNetworkOptions]
    ) -> nn.Module:
        return DynamicNetwork(own if scheme is None else scheme, layer, **options)

    return build


for _integrator, _scheme, _about in (
    ("rk1", "euler", f"forward Euler steps with weights θ(t) ({PAPER})"),
    ("rk4", "rk4", f"fourth-order Runge–Kutta steps with weights θ(t) ({PAPER})"),
    ("ab2", "adams-bashforth-2", f"two-step Adams–Bashforth with weights θ(t), the blocks of {PAPER}"),
):
    register_model(
        rf"dynamic_{_integrator}_(?P<layer>{'|'.join(ONE_STATE_LAYERS)})",
        published=tuple(f"dynamic_{_integrator}_{layer}" for layer in ONE_STATE_LAYERS),
        scheme=_scheme,
        about=_about,
    )(_maker(_scheme))

for _name, _scheme, _about in (
    (
        "dynamic_hamiltonian",
        "symplectic-euler-p",
        f"symplectic Euler on two halves of the channels (Chang et al. 2018) with weights θ(t) ({PAPER})",
    ),
    (
        "dynamic_verlet_hamiltonian",
        "stormer-verlet-velocity",
        f"Störmer–Verlet on two halves of the channels with weights θ(t), the blocks of {PAPER}",
    ),
):
    register_model(_name, published=(_name,), scheme=_scheme, about=_about)(_maker(_scheme))
