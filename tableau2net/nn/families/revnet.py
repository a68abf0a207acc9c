"""RevNet: symplectic Euler on two halves of the channels; activations are computed again from the last ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.skeleton.stack import Head, Pool, Same, Stack, by_name, check_widths
from tableau2net.nn.skeleton.transition import Between, States
from tableau2net.nn.typed_modules import rows
from tableau2net.runtime.checkpointed import checkpointed


@register_model(
    r"revnet(?P<depth>\d{1,4})",
    published=("revnet38", "revnet110", "revnet164"),
    scheme="revnet",
    about="RevNet: reversible residual network on split channels; Gomez, Ren, Urtasun & Grosse 2017",
)
def revnet(
    depth: int,
    *,
    num_classes: int = 10,
    widths: Sequence[int] | None = None,
    bottleneck: bool | None = None,
    norm: Norm = "batch",
    **options: Unpack[CompileOptions],
) -> Stack:
    """RevNet of Gomez, Ren, Urtasun & Grosse 2017: y₁⁺ = y₁ + F(y₂), y₂⁺ = y₂ + G(y₁⁺), n units a resolution.

    depth: 12n + 2 with two convolutions in each of F and G, 18n + 2 with three.
    widths: of the opening and of the three resolutions, both states together, before a bottleneck's factor 4;
        32, 32, 64, 112 up to depth 38, else 32, 32, 64, 128.
    bottleneck: 1×1, 3×3, 1×1 convolutions in F and G; left out, where the depth is not 12n + 2.
    norm: of every layer.  options: of the compilation; backward is "reversible".

    Layer for layer that of the authors' code (github.com/renmengye/revnet-public): no biases, BN–ReLU before each
    convolution but the very first of F, and before the mean. Without that last one, as in a port to PyTorch, the states
    grow until training diverges.
    """
    by_name(options, "revnet")
    bottleneck = bool((depth - 2) % 12) if bottleneck is None else bottleneck
    per_unit = 18 if bottleneck else 12
    options.setdefault("backward", "reversible")
    if depth < per_unit + 2 or (depth - 2) % per_unit:
        raise InputError(f"revnet{depth}: the depth is 12n + 2, or 18n + 2 with bottlenecks; 38, 110 and 164 are known")
    return _build(
        (depth - 2) // per_unit,
        (32, 32, 64, 112 if depth <= 38 else 128) if widths is None else widths,
        num_classes,
        4 if bottleneck else 1,
        norm,
        options,
    )


def _build(
    units: int, widths: Sequence[int], num_classes: int, expansion: int, norm: Norm, options: CompileOptions
) -> Stack:
    check_widths(widths, 2)
    if len(widths) < 2:
        raise InputError(f"widths={tuple(widths)}: that of the opening, then one for each resolution")
    block = compile("revnet", **options)
    own = [widths[0] // 2, *(expansion * width // 2 for width in widths[1:])]

    def branch(inputs: int, outputs: int, stride: int = 1, activated: bool = True) -> nn.Module:
        return Branch(inputs, outputs, stride, bottleneck=expansion > 1, activated=activated)

    transitions: list[Between] = []
    blocks: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(own)):
        stride = 2 if i else 1
        first = (branch(inputs, outputs, stride, activated=i > 0), branch(outputs, outputs))
        rest = [(branch(outputs, outputs), branch(outputs, outputs)) for _ in range(units - 1)]
        if inputs == outputs and stride == 1:
            transitions.append(Same())
            rest.insert(0, first)
        else:
            project: nn.Module = Pool(inputs, outputs, stride)
            if expansion > 1:
                project = Projections(inputs, outputs, stride)
            transitions.append(Widening(*first, project, recompute=options["backward"] != "store"))
        blocks.append(block(rest))
    opening = nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1, bias=False), batch_norm(widths[0]), nn.ReLU())
    head = Head(2 * own[-1], num_classes)
    head.bn = batch_norm(2 * own[-1])
    return Stack(opening, transitions, blocks, head, states=2, norm=norm)


def batch_norm(width: int) -> nn.BatchNorm2d:
    """The authors', who add a thousandth to each variance."""
    return nn.BatchNorm2d(width, eps=1e-3)


class Branch(nn.Sequential):
    """F or G: BN–ReLU–convolution twice (3×3, 3×3) or three times (1×1, 3×3, 1×1 with a quarter of the channels).

    stride: of the first convolution.  activated: whether a BN–ReLU comes before it.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, *, bottleneck: bool, activated: bool) -> None:
        inner = outputs // 4 if bottleneck else outputs
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        channels = (inputs, *[inner] * (len(kernels) - 1), outputs)
        found: list[nn.Module] = []
        for i, (kernel, (a, b)) in enumerate(zip(kernels, pairwise(channels), strict=True)):
            if i or activated:
                found += [batch_norm(a), nn.ReLU()]
            found.append(nn.Conv2d(a, b, kernel, stride if i == 0 else 1, padding=kernel // 2, bias=False))
        super().__init__(*found)


class Projections(nn.Module):
    """A 1×1 convolution for each of two states."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.each = rows(nn.Conv2d(inputs, outputs, 1, stride, bias=False) for _ in range(2))

    def forward(self, *states: Tensor) -> States:
        return tuple(project(y) for project, y in zip(self.each, states, strict=True))


class Widening(Between):
    """The step that opens a resolution: from the projected states, F reading the state before it was projected.

    recompute: keep the states before it for the backward pass, and nothing from within.
    """

    def __init__(self, f: nn.Module, g: nn.Module, project: nn.Module, recompute: bool) -> None:
        super().__init__()
        self.rule = compile("revnet")([])  # for its step; the fields are here
        self.f = f
        self.g = g
        self.project = project
        self.recompute = recompute

    def forward(self, y1: Tensor, y2: Tensor) -> States:
        arguments = (self.rule, self.f, self.g, self.project, y1, y2)
        states: States = checkpointed(_widen, *arguments) if self.recompute else _widen(*arguments)
        return states


def _widen(rule: CompiledBlock, f: nn.Module, g: nn.Module, project: nn.Module, y1: Tensor, y2: Tensor) -> States:
    slope = f(y2)
    states: States = rule.step(lambda _: slope, g, 1.0, *project(y1, y2))
    return states
