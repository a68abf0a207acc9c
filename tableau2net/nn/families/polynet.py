"""PolyNet: polynomials in the residual branches, from the series of (I − hF)⁻¹."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from torch import nn

from tableau2net.codegen import CompileOptions, compile
from tableau2net.codegen.compile_options import StageWeights
from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.skeleton.stack import Stack, by_name, like_resnet

# the kind → its scheme, how its stages come by their weights, the fields of a step
KINDS: dict[str, tuple[str, StageWeights, int]] = {
    "poly2": ("polynet-2", "shared", 1),
    "mpoly2": ("polynet-2", "independent", 2),
    "2way": ("polynet-2-way", "shared", 2),
}


def polynet(
    kind: str,
    depth: int,
    *,
    num_classes: int = 10,
    widths: Sequence[int] = (16, 32, 64),
    h: float = 1.0,
    norm: Norm = "batch",
    **options: Unpack[CompileOptions],
) -> Stack:
    """PolyNet's three steps (Zhang, Li, Loy & Lin 2017) with the fields and transitions of a pre-activation ResNet.

    kind: "poly2" y + F(y) + F(F(y)); "mpoly2" y + F(y) + G(F(y)); "2way" y + F(y) + G(y).
    depth: 6n + 2, of the ResNet that has as many steps.  norm: of every layer.  options: of the compilation.
    """
    if kind not in KINDS:
        raise InputError(f"kind={kind!r}: write one of {', '.join(KINDS)}")
    scheme, weights, count = KINDS[kind]
    by_name(options, scheme)

    def fields(channels: int) -> nn.Module | list[nn.Module]:
        own: list[nn.Module] = [PreActivation(channels, channels) for _ in range(count)]
        return own if count > 1 else own[0]

    options.setdefault("stage_weights", weights)
    block = compile(scheme, **options)
    name = f"polynet_{kind}_"
    return like_resnet(name, depth, block, fields, widths=widths, num_classes=num_classes, h=h, norm=norm)


for _kind, _says in (
    ("poly2", "poly-2: y + F(y) + F(F(y))"),
    ("mpoly2", "mpoly-2: y + F(y) + G(F(y))"),
    ("2way", "2-way: y + F(y) + G(y)"),
):
    register_model(
        rf"polynet_(?P<kind>{_kind})_(?P<depth>\d{{1,4}})",
        published=tuple(f"polynet_{_kind}_{depth}" for depth in (20, 32, 56)),
        scheme=KINDS[_kind][0],
        about=f"PolyNet {_says}; Zhang, Li, Loy & Lin 2017",
    )(polynet)
