"""ResNets whose skip connection is another: with momentum, damped, implicit, or with small steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from sympy import Expr
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock
from tableau2net.codegen.compiled_block import steps_in
from tableau2net.codegen.unrolled import BlockPart, as_tuple
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.nn.around.stopping import Stopping
from tableau2net.nn.entry import register_model
from tableau2net.nn.families.residual import DEPTH, DEPTHS, ResNetOptions, by_name, depths_of, narrow_at, resnet_of
from tableau2net.nn.fields.normalisation import normalised
from tableau2net.nn.skeleton.residual_network import ResidualNetwork
from tableau2net.nn.skeleton.split import Through
from tableau2net.nn.skeleton.stack import Head
from tableau2net.scheme import Scheme, load
from tableau2net.scheme.parameters import Distribution

FOUR_RESOLUTIONS = 18  # the depth of two steps in each, 8n + 2


def _exact(option: str, value: str | int | float) -> Expr:
    """The value of an option as an exact number, from how it is written."""
    try:
        return parse(str(value))
    except InputError:
        raise InputError(f"{option}={value!r}: write a number, 9/10 or 0.9 say") from None


@register_model(
    f"momentum_resnet{DEPTH}",
    published=depths_of("momentum_resnet"),
    scheme="momentum-resnet",
    about="Momentum ResNet, Sander et al. 2021",
)
def momentum_resnet(
    depth: int, gamma: str | int | float | None = None, **options: Unpack[ResNetOptions]
) -> ResidualNetwork:
    """Momentum ResNet, y⁺ = (1 + γ) y − γ y_prev + (1 − γ) f; γ is 9/10 and not learnt unless options say else.

    Each resolution begins with a plain step, after which the speed is 0, as its authors have it
    (github.com/michaelsdr/momentumnet). With history="carry" or "restart" the speed after the first step is its slope,
    which then counts 1/(1 − γ) times as much as any later one.
    """
    scheme = load("momentum-resnet")
    if gamma is not None:
        scheme = scheme.with_values(gamma=_exact("gamma", gamma))
    options.setdefault("coefficients", "fixed")
    options.setdefault("history", "rest")
    return by_name("momentum_resnet", depth, scheme, options)


@register_model(
    f"ie_resnet{DEPTH}",
    published=("ie_resnet18", *depths_of("ie_resnet")),
    scheme="backward-euler",
    about="implicit Euler skip connections, y⁺ = y + f(y⁺) as far as one step of descent goes, Li, He and Lin 2020",
)
def ie_resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """Implicit Euler skip connections: of ‖y⁺ − y − f(y⁺)‖² one step of gradient descent (`iterations`), 0.1 along the
    gradient (`descent`), from y + f(y); it counts as a constant in the backward pass. Another `solver` solves.

    Normalisation is over all channels of an image. Depth 18 is the authors' network (github.com/homles11/IE-ResNet),
    with four resolutions and 3×3 shortcuts; but its last step descends on ‖y⁺ − y + f(y⁺)‖², by a slip of the sign.
    """
    if options.get("solver", "gradient") == "gradient":
        own: ResNetOptions = {"solver": "gradient", "gradient": "start", "iterations": 1}
        if options.get("gradient") != "implicit":
            own["tolerance"] = 0
        options = {**own, **options}
    options.setdefault("norm", "layer")
    if depth != FOUR_RESOLUTIONS:
        return by_name("ie_resnet", depth, "backward-euler", options)
    options.setdefault("widths", (16, 32, 64, 128))
    options.setdefault("shortcut", "bn-relu-conv3x3")
    options.setdefault("normal_opening", True)
    return by_name("ie_resnet", 14, "backward-euler", options)


@register_model(
    f"in_resnet{DEPTH}",
    published=depths_of("in_resnet", (*DEPTHS, 164)),
    scheme="in-resnet",
    about="In-ResNet, y⁺ = (1 − d) y + f, d learnt, Yang et al. 2020",
)
def in_resnet(
    depth: int, damping: str | int | float | None = None, **options: Unpack[ResNetOptions]
) -> ResidualNetwork:
    """In-ResNet, y⁺ = (1 − d) y + f(y), from a ResNet at d = 0 to no skip connection at d = 1; d ≥ 0 learnt a step.

    damping: a number that d is fixed at instead.  The first step of each resolution is a plain one, as its authors
    have it (github.com/minicheshire/InResNet); so is where d starts, from 0.2 to 0.25, or 0.1 to 0.2 with bottlenecks.
    """
    return _damped("in_resnet", depth, load("in-resnet"), damping, options)


@register_model(
    f"lambda_in_resnet{DEPTH}",
    published=depths_of("lambda_in_resnet", (*DEPTHS, 164)),
    scheme="lambda-in-resnet",
    about="λ-In-ResNet, y⁺ = (1 − d) y + (1 + d) f, d learnt, Yang et al. 2020",
)
def lambda_in_resnet(
    depth: int, damping: str | int | float | None = None, **options: Unpack[ResNetOptions]
) -> ResidualNetwork:
    """λ-In-ResNet, y⁺ = (1 − d) y + (1 + d) f(y), and otherwise an In-ResNet."""
    return _damped("lambda_in_resnet", depth, load("lambda-in-resnet"), damping, options)


def _damped(
    family: str, depth: int, scheme: Scheme, damping: str | int | float | None, options: ResNetOptions
) -> ResidualNetwork:
    """The network of a scheme in d, its first step a plain one."""
    (d,) = scheme.parameters
    asked = options.get("bottleneck")
    if narrow_at(depth) if asked is None else asked:
        scheme = replace(scheme, parameters=(replace(d, init=Distribution("uniform", parse("1/10"), parse("1/5"))),))
    if damping is not None:
        scheme = scheme.with_values(d=_exact("damping", damping))
    elif options.get("coefficients", "learnable") == "learnable":
        options.setdefault("keep_range", True)
    options.setdefault("plain_first", True)
    return by_name(family, depth, scheme, options)


@register_model(
    f"small_step_resnet{DEPTH}",
    published=depths_of("small_step_resnet"),
    scheme="euler",
    about="ResNet of step size h = 0.1, Zhang et al. 2019",
)
def small_step_resnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """A ResNet of step size h = 0.1, y⁺ = y + h f(y)."""
    options.setdefault("h", 0.1)
    return resnet_of("small_step_resnet", depth, **options)


@register_model(
    f"skipnet{DEPTH}",
    published=("skipnet38", "skipnet74", "skipnet110", "skipnet152"),
    scheme="euler",
    about="ResNet whose steps take place where the image asks for them, Wang et al. 2018",
)
def skipnet(depth: int, **options: Unpack[ResNetOptions]) -> ResidualNetwork:
    """SkipNet: the first ResNet with a gate for each step but the first, transitions included.

    gate: "recurrent" unless given; its authors' feed-forward ones are "feedforward", and at depth 110
        "feedforward-small" (github.com/ucbdrive/skipnet). They make one gate more, behind the last step, and use it for
        nothing. Their second stage of training, by REINFORCE, is not here; `gate_cost` has its purpose.
    """
    options.setdefault("gate", "recurrent")
    options.setdefault("preactivation", False)
    return resnet_of("skipnet", depth, **options)


@register_model(
    f"stopping_resnet{DEPTH}",
    published=depths_of("stopping_resnet"),
    scheme="euler",
    about="ResNet that answers behind each step and learns where to stop, Chen et al. 2020",
)
def stopping_resnet(depth: int, **options: Unpack[ResNetOptions]) -> Stopping:
    """A ResNet, or with scheme= the network of any scheme, with an exit behind each step but transitions: BatchNorm,
    ReLU, mean, linear; and a policy that stops. options: those of `resnet`.

    `train` trains the exits; until `policy_loss` has trained the policy, every image goes on to the end.
    """
    network = resnet_of("stopping_resnet", depth, **options)
    classes, pieces, widths = options.get("num_classes", 10), [], []
    for transition, block in network.rows():
        assert isinstance(block, CompiledBlock)
        for n in range(steps_in(block)):
            part = BlockPart(block, n, n + 1)
            pieces.append(Through(transition, part) if n == 0 else Whole(part))
            widths.append(next(m.in_channels for m in block.fields[n].modules() if isinstance(m, nn.Conv2d)))
    norm = options.get("norm", "batch")
    heads = [normalised(Head(width, classes), norm) for width in widths[:-1]]
    return Stopping(network, pieces, heads, classes)


class Whole(nn.Module):
    """Steps whose states come as a tuple, one or several."""

    def __init__(self, steps: BlockPart) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        return as_tuple(self.steps(*given))
