"""Networks that are stochastic differential equations: drift and diffusion in steps of a scheme; shake-shake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.codegen import Options, compile, compile_stochastic
from tableau2net.errors import InputError
from tableau2net.nn.blocks import Specification
from tableau2net.nn.entry import register_model
from tableau2net.nn.families.residual import DEPTH, depths_of
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.fields.shake import NoiseSize, Shake, ShakeShake
from tableau2net.nn.skeleton.stack import Stack, like_resnet
from tableau2net.scheme import StochasticRungeKutta, as_table, load

Kind = Literal["additive", "multiplicative", "field"]


class _None(nn.Module):
    """The diffusion where there is no noise."""

    def forward(self, y: Tensor) -> Tensor:
        return torch.zeros_like(y)


class NoisySteps(nn.Module):
    """Steps of a stochastic scheme in a network: with noise in training, and in evaluation where `noisy`, else the
    steps of its drift alone, the Runge–Kutta method A0, alpha. The noise is torch's, or with a key that of the key."""

    def __init__(
        self, scheme: StochasticRungeKutta, fields: Iterable[Iterable[nn.Module]], h: float, noisy: bool, **options: Any
    ) -> None:
        super().__init__()
        self.scheme, self.noisy = scheme, noisy
        self.by_torch = scheme.law == "gaussian" and options.get("backward") != "reversible"
        self.block = compile_stochastic(scheme, **options)(list(map(list, fields)), h)
        self.without = [_None()]  # in a list: it is no part of the network

    def forward(self, y: Tensor, key: int | None = None) -> Tensor:
        if self.training or self.noisy:
            keyed = key is not None or not self.by_torch
            return self.block(y, key, None if keyed else self._by_torch)  # type: ignore[no-any-return]
        zero = [torch.zeros((), dtype=y.dtype, device=y.device) for _ in self.block.variables]  # type: ignore[union-attr]
        for n, (f, _) in enumerate(self.block.fields):  # type: ignore[arg-type]
            y = self.block.step(f, *self.without, self.block.h, n * self.block.h, y, *zero)  # type: ignore[operator]
        return y

    def _by_torch(self, n: int, y: Tensor) -> list[Tensor]:
        """Increments by torch's generator, as dropout has them: checkpointing and the compiler know what to do."""
        scales = [12**-0.5 if name == "H" else 1.0 for name in self.block.variables]  # type: ignore[union-attr]
        return [scale * torch.randn_like(y) for scale in scales]

    def specification(self) -> Specification:
        """Of the steps of its drift."""
        drift, fields = replace(self.scheme.drift, name=self.scheme.name), self.block.fields
        order = order_conditions(drift).order
        count = len(fields)  # type: ignore[arg-type]
        return Specification(None, drift, Options(), float(self.block.h), count, 0, self.block.evaluations, order)  # type: ignore[arg-type]

    def divide(self, factor: int, repeated: Callable[[nn.ModuleList, int], nn.ModuleList]) -> None:
        """So many smaller steps in the place of each: the equation, and its noise, stay."""
        self.block.fields = repeated(self.block.fields, factor)  # type: ignore[arg-type]
        self.block.h = self.block.h / factor  # type: ignore[operator, assignment]

    def step_modules(self) -> list[nn.Module]:
        """Drift and diffusion of each step."""
        return [field for step in self.block.fields for field in step]  # type: ignore[union-attr]


def _sde(
    name: str,
    depth: int,
    *,
    scheme: StochasticRungeKutta | str | Path,
    diffusion: Kind,
    sigma: float,
    noisy: bool,
    widths: Sequence[int],
    num_classes: int,
    h: float,
    norm: Norm,
    **options: Any,
) -> Stack:
    if diffusion not in get_args(Kind):
        raise InputError(f"diffusion={diffusion!r}: write one of {', '.join(get_args(Kind))}")
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma < float("inf"):
        raise InputError(f"sigma={sigma!r}: the size of the noise, at least 0")
    table = as_table(scheme, StochasticRungeKutta)
    if table.noise == "additive" and diffusion != "additive":
        raise InputError(f"diffusion={diffusion!r}: {table.name} is for additive noise; write diffusion='additive'")

    def made(fields: Iterable[Iterable[nn.Module]], h: float) -> NoisySteps:
        return NoisySteps(table, fields, h, noisy, **options)

    def fields(width: int) -> list[nn.Module]:
        own = PreActivation(width, width) if diffusion == "field" else None
        return [PreActivation(width, width), NoiseSize(sigma, own, multiplicative=diffusion == "multiplicative")]

    return like_resnet(name, depth, made, fields, widths=widths, num_classes=num_classes, h=h, norm=norm)  # type: ignore[arg-type]


@register_model(
    f"sde_resnet{DEPTH}",
    published=depths_of("sde_resnet"),
    scheme="euler-maruyama",
    about="residual network with a drift and a diffusion, by any stochastic scheme, Liu et al. 2019",
)
def sde_resnet(
    depth: int,
    *,
    scheme: StochasticRungeKutta | str | Path = "euler-maruyama",
    diffusion: Kind = "multiplicative",
    sigma: float = 0.1,
    noisy: bool = False,
    widths: Sequence[int] = (16, 32, 64),
    num_classes: int = 10,
    h: float = 1.0,
    norm: Norm = "batch",
    backward: Literal["store", "checkpoint", "reversible"] = "store",
) -> Stack:
    """dX = f dt + g dW in steps of a stochastic scheme, of depth 6n + 2.

    diffusion: g is sigma ("additive", noise injection), sigma·X ("multiplicative"), or sigma times a field of its own.
    noisy: whether there is noise in evaluation too.  backward: of the steps."""
    kept = {"scheme": scheme, "diffusion": diffusion, "sigma": sigma, "noisy": noisy, "backward": backward}
    return _sde("sde_resnet", depth, **kept, widths=widths, num_classes=num_classes, h=h, norm=norm)  # type: ignore[arg-type]


@register_model(
    f"noise_resnet{DEPTH}",
    published=depths_of("noise_resnet"),
    scheme="euler-maruyama",
    about="residual network with Gaussian noise added in each step, by any stochastic scheme",
)
def noise_resnet(
    depth: int,
    *,
    scheme: StochasticRungeKutta | str | Path = "euler-maruyama",
    sigma: float = 0.1,
    noisy: bool = False,
    widths: Sequence[int] = (16, 32, 64),
    num_classes: int = 10,
    h: float = 1.0,
    norm: Norm = "batch",
) -> Stack:
    """Noise injection, y⁺ = y + h f(y) + √h σ ξ: Euler–Maruyama for dX = f dt + σ dW, or any other scheme."""
    kept = {"scheme": scheme, "diffusion": "additive", "sigma": sigma, "noisy": noisy}
    return _sde("noise_resnet", depth, **kept, widths=widths, num_classes=num_classes, h=h, norm=norm)  # type: ignore[arg-type]


@register_model(
    f"shake_shake{DEPTH}",
    published=("shake_shake26",),
    scheme="euler",
    about="two branches mixed at random, Gastaldi 2017, with the skeleton of a ResNet",
)
def shake_shake(
    depth: int,
    *,
    mode: Shake = "shake-shake",
    spread: float = 1.0,
    by_image: bool = True,
    widths: Sequence[int] = (16, 32, 64),
    num_classes: int = 10,
    h: float = 1.0,
    norm: Norm = "batch",
) -> Stack:
    """y⁺ = y + h (α f₁ + (1 − α) f₂), of depth 6n + 2; mode, spread, by_image: see `ShakeShake`."""
    if mode not in get_args(Shake):
        raise InputError(f"mode={mode!r}: write one of {', '.join(get_args(Shake))}")
    if not 0 <= spread < float("inf"):
        raise InputError(f"spread={spread!r}: the width of what α is drawn from, at least 0")
    kept = {"mode": mode, "spread": spread, "by_image": by_image}
    return like_resnet(
        "shake_shake",
        depth,
        compile(load("euler")),
        lambda width: ShakeShake(width, **kept),  # type: ignore[arg-type]
        widths=widths,
        num_classes=num_classes,
        h=h,
        norm=norm,
    )
