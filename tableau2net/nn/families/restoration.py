"""Networks that restore images: an image goes in, and what it was before it was disturbed comes out.

The state is (u, f), the image as it is by now and as it was given, side by side along the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn

from tableau2net.codegen import CompiledBlock, CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.endpoints.policies import ByLevel, Flow
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.reaction_diffusion import DiffusionOfImages, ReactionDiffusion, ReactionOfImages
from tableau2net.nn.fields.restoration_unit import RestorationUnit
from tableau2net.nn.skeleton.stack import Skeleton
from tableau2net.nn.typed_modules import rows
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower

LEVELS = tuple(range(0, 80, 5))  # of 255, of the table that ends an image
PACE = 5  # levels for a unit of time, in a table that nobody has fitted


class Beside(nn.Module):
    """The state (u, f) that an image begins with: twice itself."""

    def forward(self, f: Tensor) -> Tensor:
        return torch.cat((f, f), 1)


class Restored(nn.Module):
    """u of a state (u, f)."""

    def forward(self, y: Tensor) -> Tensor:
        return y.chunk(2, 1)[0]


class Restorer(Skeleton):
    """Given steps on (u, f), from u = f: (N, C, H, W) to the same, each of the C channels by itself.

    block: the steps."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.opening = Beside()
        self.transitions = rows(())
        self.blocks = rows([block])
        self.head = Restored()

    def end(self, y: Tensor) -> Tensor:
        """u of the last state."""
        image: Tensor = self.head(y)
        return image


class Unfolding(nn.Module):
    """One field for all steps, each of length 1, and an end of its own for each image: u(T(f)).

    block: one step of a scheme that remembers none.  most: steps, and so the last time there is.
    endpoint: the policy that ends it, by what is known of an image before the first step; it goes with the weights.

    All images take every step, which counts for those that have not ended; the last one in part, on the line between
    its ends. What other policies go by, the images behind each step, is `path`: see `tableau2net.nn.endpoints`.
    """

    opening: Beside
    block: CompiledBlock
    head: Restored

    def __init__(self, block: CompiledBlock, most: int, endpoint: ByLevel) -> None:
        super().__init__()
        self.opening, self.block, self.head = Beside(), block, Restored()
        self.most, self.endpoint = most, endpoint

    def forward(self, f: Tensor) -> Tensor:
        end = self.endpoint.of(f).to(f.dtype).view(-1, 1, 1, 1)
        y = self.opening(f)
        for n in range(self.most):
            y = y + (end - n).clamp(0, 1) * (self.block(y) - y)
        image: Tensor = self.head(y)
        return image

    def path(self, f: Tensor, most: int | None = None) -> Flow:
        """What the images are behind 0, 1, … steps, `most` of them, or as many as there are."""
        states = [self.opening(f)]
        for _ in range(self.most if most is None else most):
            states.append(self.block(states[-1]))
        times = torch.arange(len(states), dtype=torch.float32, device=f.device)
        return Flow(times, torch.stack([self.head(y) for y in states]))


@register_model(
    r"tnrd(?P<steps>\d{1,2})_(?P<size>\d{1,2})x(?P=size)",
    published=("tnrd5_5x5", "tnrd5_7x7", "tnrd8_7x7"),
    scheme="euler",
    about="restores images by trained reaction and diffusion, any scheme (scheme=); Chen, Pock 2017",
)
def tnrd(
    steps: int,
    size: int,
    *,
    num_classes: int = 10,
    scheme: Scheme | str | Path = "euler",
    h: float = 1.0,
    **options: Unpack[CompileOptions],
) -> Restorer:
    """u⁺ = u − Σ K_iᵀ φ_i(K_i u) − λ(u − f), with kernels, functions and λ of each step's own (Chen & Pock 2017).

    steps: of a scheme on the field; size: of the kernels, odd.
    scheme: with one field, or an IMEX scheme that takes −λ(u − f) implicitly, which is solved for exactly; by "ars-111"
        u⁺ = (u − Σ K_iᵀ φ_i(K_i u) + λf)/(1 + λ), the step of VLOGroup/denoising-variationalnetwork.
    num_classes: means nothing here.  options: of the compilation.

    Takes and gives images, (N, C, H, W) with intensities from 0 to 1, at least `size` pixels either way. Raises
    InputError for another scheme, and an even size.
    """
    made, fields = _compiled(scheme, options), [_diffusing(scheme, size) for _ in range(steps)]
    if not fields:
        raise InputError(f"tnrd{steps}_{size}x{size}: one step at least, tnrd5_{size}x{size} say")
    with growth_told():
        return Restorer(made(fields, h))


@register_model(
    "durr-diffusion",
    published=("durr-diffusion",),
    scheme="euler",
    about="one reaction and diffusion for all steps, ended image by image; after Zhang, Lu, Liu, Dong 2019",
)
def durr_diffusion(
    *,
    num_classes: int = 10,
    scheme: Scheme | str | Path = "euler",
    size: int = 5,
    steps: int = 10,
    **options: Unpack[CompileOptions],
) -> Unfolding:
    """y' = −Σ K_iᵀ φ_i(K_i u) − λ(u − f) by one set of numbers, until T(f): 2,089 parameters with 5×5 kernels.

    size: of the kernels, odd.  steps: of length 1, in all.  scheme, num_classes, options: as of `tnrd`, of one step.
    """
    return _unfolding(_diffusing(scheme, size), steps, scheme, options)


@register_model(
    "durr",
    published=("durr",),
    scheme="euler",
    about="one convolutional unit for all steps, ended image by image; Zhang, Lu, Liu, Dong 2019",
)
def durr(
    *,
    num_classes: int = 10,
    scheme: Scheme | str | Path = "euler",
    width: int = 64,
    steps: int = 10,
    **options: Unpack[CompileOptions],
) -> Unfolding:
    """x⁺ = x + R(x, f), R a convolutional unit that is the same in all steps, until T(f) (Zhang, Lu, Liu & Dong 2019,
    of which no code was published: R's layers are our own).

    width: channels of R; 64 are 186,433 parameters.  steps: of length 1, in all.
    scheme: of one field.  num_classes: means nothing here.  options: of the compilation.
    """
    if _parts(scheme) > 1:
        raise InputError(f"scheme={as_scheme(scheme).name!r}: durr has one field; write a scheme of one, euler say")
    return _unfolding(RestorationUnit(width), steps, scheme, options)


def _unfolding(
    field: nn.Module | Sequence[nn.Module], steps: int, scheme: Scheme | str | Path, options: CompileOptions
) -> Unfolding:
    made = _compiled(scheme, options)
    if made.history:
        raise InputError(f"scheme={made.scheme!r}: it remembers earlier steps; write a one-step scheme, euler say")
    endpoint = ByLevel([level / 255 for level in LEVELS], [level / PACE for level in LEVELS])
    return Unfolding(made([field]), steps, endpoint)


def _parts(scheme: Scheme | str | Path) -> int:
    """How many fields. Raises InputError for a scheme that takes no state (u, f)."""
    step = lower(as_scheme(scheme))
    if len(step.states) > 1 or step.parts > 2:
        raise InputError(
            f"scheme={as_scheme(scheme).name!r}: write a scheme of one state, with one field or two (IMEX)"
        )
    return step.parts


def _compiled(scheme: Scheme | str | Path, options: CompileOptions) -> type[CompiledBlock]:
    if _parts(scheme) == 2:
        options.setdefault("solver", "resolvent")
    return compile(as_scheme(scheme), **options)


def _diffusing(scheme: Scheme | str | Path, size: int) -> nn.Module | list[nn.Module]:
    """The field or fields of a step."""
    if size < 3 or not size % 2:
        raise InputError(f"size={size}: kernels are 3×3, 5×5, 7×7, …; tnrd5_7x7 say")
    return ReactionDiffusion(size) if _parts(scheme) == 1 else [DiffusionOfImages(size), ReactionOfImages()]
