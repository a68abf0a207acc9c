"""Residual networks for small images: a scheme, a kind of field and a depth."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Unpack

from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import FieldKind, Relu
from tableau2net.nn.skeleton.residual_network import NetworkOptions, ResidualNetwork
from tableau2net.scheme import Multistep, Parameter, Scheme, as_scheme, load

DEPTHS = (20, 32, 44, 56, 110)
BOTTLENECK_DEPTHS = (164, 1001)
MOST_STEPS = 12  # of AdamNet

Source = Scheme | str | Path

DEPTH = r"(?P<depth>\d{1,4})"
_CARDINAL = r"(?P<depth>\d{1,4})_(?P<groups>\d{1,3})x(?P<base>\d{1,4})d"


class ResNeXtOptions(NetworkOptions, total=False):
    """Those of a ResNeXt."""

    scheme: Source
    preactivation: bool
    relu: Relu
    widths: Sequence[int]


class ResNetOptions(ResNeXtOptions, total=False):
    """Those of a ResNet."""

    bottleneck: bool | None
    dropout: float


def depths_of(family: str, depths: Sequence[int] = DEPTHS) -> tuple[str, ...]:
    """The published names of a family."""
    return tuple(f"{family}{depth}" for depth in depths)


@register_model(
    f"resnet{DEPTH}",
    published=depths_of("resnet", DEPTHS + BOTTLENECK_DEPTHS),
    scheme="euler",
    about="pre-activation ResNet, or the network of any scheme=, He et al. 2016",
)
def resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """A ResNet of depth 6n + 2, or 9n + 2 with bottlenecks, whose steps are those of a scheme.

    bottleneck: conv1×1–conv3×3–conv1×1 with four times the `widths`; None takes it at depth 164, and at those that are
        9n + 2 and not 6n + 2.
    preactivation, relu, dropout: see `FieldKind`.  options: of `ResidualNetwork`; `coefficients` is "learnable" where
    the scheme has parameters.

    Raises InputError for a depth that is neither.
    """
    return resnet_of("resnet", depth, **options)


def resnet_of(
    family: str,
    depth: int,
    *,
    scheme: Source = "euler",
    bottleneck: bool | None = None,
    preactivation: bool = True,
    relu: Relu = "step",
    dropout: float = 0.0,
    widths: Sequence[int] = (16, 32, 64),
    **options: Unpack[NetworkOptions],
) -> ResidualNetwork:
    """`resnet` for a family of another name, which errors say."""
    narrow = narrow_at(depth) if bottleneck is None else bottleneck
    convolutions = 9 if narrow else 6
    if depth < convolutions + 2 or (depth - 2) % convolutions:
        nearest = max(convolutions + 2, convolutions * round((depth - 2) / convolutions) + 2)
        raise InputError(
            f"{family}{depth}: the depth is {convolutions}n + 2 with n at least 1, the nearest is {family}{nearest}"
        )
    kind = FieldKind(preactivation, Fraction(1, 4) if narrow else None, relu=relu, dropout=dropout)
    if narrow:
        options.setdefault("opening", widths[0])
        widths = [4 * w for w in widths]
    return of_scheme(scheme, (depth - 2) // convolutions, kind, widths, **options)


def narrow_at(depth: int) -> bool:
    """Whether a ResNet of that depth has bottlenecks unless it is told."""
    return depth in BOTTLENECK_DEPTHS or (depth > 2 and (depth - 2) % 9 == 0 and (depth - 2) % 6 != 0)


def of_scheme(
    scheme: Source, steps: int, kind: FieldKind, widths: Sequence[int], **options: Unpack[NetworkOptions]
) -> ResidualNetwork:
    """`ResidualNetwork` of a scheme, a name or a file; the scheme's parameters are learnt unless options say else."""
    chosen = as_scheme(scheme)
    options.setdefault("coefficients", "learnable" if chosen.parameters else "fixed")
    return ResidualNetwork(chosen, steps, kind=kind, widths=tuple(widths), **options)


def by_name(family: str, depth: int, scheme: Source, options: ResNetOptions) -> ResidualNetwork:
    """The network of a family whose name says its scheme. Raises InputError where an option does too."""
    if "scheme" in options:
        raise InputError(f"{family}{depth} is a scheme by name already; give scheme= to resnet{depth}")
    options["scheme"] = scheme
    return resnet_of(family, depth, **options)


@register_model(
    f"lm_resnet{DEPTH}",
    published=depths_of("lm_resnet", (*DEPTHS, 164)),
    scheme="lm",
    about="LM-ResNet, Lu et al. 2018",
)
def lm_resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """LM-ResNet, and with bottlenecks LM-ResNet-164: the transition counts as a step, as in the authors' code."""
    return by_name("lm_resnet", depth, "lm", options)


@register_model(
    rf"adamnet(?P<k>\d{{1,2}})_{DEPTH}",
    published=depths_of("adamnet2_") + depths_of("adamnet3_"),
    about="AdamNet of k steps, adamnet-k, Yan 2019",
)
def adamnet(k: int, depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """AdamNet of k steps, explicit."""
    return by_name(f"adamnet{k}_", depth, adamnet_scheme(k), options)


@register_model(
    rf"adamnet(?P<k>\d{{1,2}})pc_{DEPTH}",
    published=depths_of("adamnet2pc_"),
    about="AdamNet by predictor and corrector, abm-k",
)
def adamnet_pc(k: int, depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """Adams–Moulton by predictor and corrector: Adams–Bashforth of k steps, then Adams–Moulton."""
    return by_name(f"adamnet{k}pc_", depth, f"abm-{k}", options)


@cache
def adamnet_scheme(k: int) -> Scheme:
    """The explicit k-step Adams family with Σβ = 1, in β_1 … β_{k−1}; at the defaults it is Adams–Bashforth's.

    k = 2 and 3 are the published ones, from the library. Raises InputError for another k than 2 to 12."""
    if not 2 <= k <= MOST_STEPS:
        raise InputError(f"adamnet{k}: the number of steps is from 2 to {MOST_STEPS}, write adamnet2 or adamnet3")
    if k <= 3:
        return load(f"adamnet-{k}")
    bashforth = load(f"adams-bashforth-{k}")
    assert isinstance(bashforth, Multistep)
    names = [f"beta_{s}" for s in range(1, k)]
    values = [bashforth.beta[k - s] for s in range(1, k)]
    return Multistep(
        alpha=bashforth.alpha,
        beta=(" - ".join(["1", *names]), *reversed(names), "0"),
        name=f"adamnet-{k}",
        title=f"AdamNet, {k}-step, with consistent learnable weights",
        reference="Yan 2019, AdamNet, for another k than its authors list",
        parameters=tuple(Parameter(n, v) for n, v in zip(names, values, strict=True)),
        claims={"order": 1, "zero_stable": True, "explicit": True},
    )


@register_model(
    f"post_resnet{DEPTH}",
    published=depths_of("post_resnet"),
    scheme="euler",
    about="ResNet with a ReLU after the addition, He et al. 2016",
)
def post_resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """The first ResNet, y⁺ = relu(y + f(y)); shortcut="pad" unless given, as its authors have it on CIFAR-10."""
    options.setdefault("preactivation", False)
    options.setdefault("shortcut", "pad")
    return resnet_of("post_resnet", depth, **options)


@register_model(
    r"wide_resnet(?P<depth>\d{1,4})_(?P<k>\d{1,3})",
    published=("wide_resnet16_8", "wide_resnet22_8", "wide_resnet28_10", "wide_resnet40_4"),
    scheme="euler",
    about="Wide-ResNet, Zagoruyko and Komodakis 2016",
)
def wide_resnet(
    depth: int,
    k: int,
    *,
    scheme: Source = "euler",
    dropout: float = 0.0,
    widths: Sequence[int] | None = None,
    **options: Unpack[NetworkOptions],
) -> ResidualNetwork:
    """Wide-ResNet of depth 6n + 4 and k times the widths 16, 32, 64."""
    if depth < 10 or (depth - 4) % 6 or k < 1:
        nearest = max(10, 6 * round((depth - 4) / 6) + 4)
        raise InputError(
            f"wide_resnet{depth}_{k}: the depth is 6n + 4 and the width at least 1, "
            f"the nearest is wide_resnet{nearest}_{max(1, k)}"
        )
    options.setdefault("opening", 16)
    options.setdefault("shortcut", "conv")
    widths = (16 * k, 32 * k, 64 * k) if widths is None else widths
    return of_scheme(scheme, (depth - 4) // 6, FieldKind(dropout=dropout), widths, **options)


@register_model(
    f"resnext{_CARDINAL}",
    published=("resnext29_8x64d", "resnext29_16x64d"),
    scheme="euler",
    about="ResNeXt, Xie et al. 2017",
)
def resnext(depth: int, groups: int, base: int, **options: Unpack[ResNeXtOptions]) -> ResidualNetwork:
    """ResNeXt of depth 9n + 2: bottlenecks of groups × base·2^i channels to `widths`, at resolution i."""
    return resnext_of("resnext", depth, groups, base, **options)


def resnext_of(
    family: str,
    depth: int,
    groups: int,
    base: int,
    *,
    scheme: Source = "euler",
    preactivation: bool = False,
    relu: Relu = "step",
    widths: Sequence[int] = (256, 512, 1024),
    **options: Unpack[NetworkOptions],
) -> ResidualNetwork:
    """`resnext` for a family of another name, which errors say."""
    if depth < 11 or (depth - 2) % 9:
        nearest = max(11, 9 * round((depth - 2) / 9) + 2)
        raise InputError(
            f"{family}{depth}_{groups}x{base}d: the depth is 9n + 2, the nearest is {family}{nearest}_{groups}x{base}d"
        )
    if groups < 1 or base < 1:
        raise InputError(f"{family}{depth}_{groups}x{base}d: groups and their width are at least 1")
    kind = FieldKind(preactivation, Fraction(groups * base, widths[0]), groups, relu=relu)
    options.setdefault("opening", 64)
    return of_scheme(scheme, (depth - 2) // 9, kind, widths, **options)


@register_model(
    f"lm_resnext{_CARDINAL}",
    published=("lm_resnext29_8x64d", "lm_resnext29_16x64d"),
    scheme="lm",
    about="LM-ResNeXt, Lu et al. 2018",
)
def lm_resnext(depth: int, groups: int, base: int, **options: Unpack[ResNeXtOptions]) -> ResidualNetwork:
    """LM-ResNeXt, pre-activation as its authors' LM-ResNet.

    The 35.1 M parameters that they print at 29_8x64d are 0.66 M more: a second 1×1 convolution in each transition, for
    the older state, which their code for LM-ResNet has put out of use."""
    if "scheme" in options:
        raise InputError(
            f"lm_resnext{depth} is a scheme by name already; give scheme= to resnext{depth}_{groups}x{base}d"
        )
    options["scheme"] = "lm"
    options.setdefault("preactivation", True)
    return resnext_of("lm_resnext", depth, groups, base, **options)
