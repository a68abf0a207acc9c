"""IMEXnet: the field explicit, a diffusion of each channel implicit and solved in Fourier space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from torch import nn

from tableau2net.codegen import CompileOptions, compile
from tableau2net.errors import InputError
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.branches import PreActivation
from tableau2net.nn.fields.fourier import Diffusion, Rest
from tableau2net.nn.fields.normalisation import Norm
from tableau2net.nn.skeleton.stack import Stack, like_resnet
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import Call, Solve, Step, lower


@register_model(
    r"imexnet(?P<depth>\d{1,4})",
    published=("imexnet20", "imexnet32", "imexnet56"),
    scheme="ars-111",
    about="IMEXnet: implicit diffusion by FFT, any IMEX scheme (scheme=); Haber et al. 2019",
)
def imexnet(
    depth: int,
    *,
    num_classes: int = 10,
    widths: Sequence[int] = (16, 32, 64),
    scheme: Scheme | str | Path = "ars-111",
    h: float = 1.0,
    norm: Norm = "batch",
    **options: Unpack[CompileOptions],
) -> Stack:
    """(I + hL)Y⁺ = Y + hLY + hf(Y) (Haber, Lensink, Treister & Ruthotto 2019): y' = (f + L)(y) − Ly, the first part
    explicit, the second implicit, by any IMEX scheme whose first part is explicit and second diagonally implicit.

    depth: 6n + 2 as for a ResNet, whose fields and transitions it has; L is learnt, 9 numbers a channel and step. In
        the authors' code f is KᵀσN(K·), kernels are shifted to sum to 0, and hLY on the right is left out.
    norm: of every layer.  options: of the compilation.
    """
    chosen = as_scheme(scheme)
    if not _explicit_then_implicit(lower(chosen)):
        raise InputError(f"scheme={chosen.name!r}: write an IMEX Runge–Kutta method, its first part explicit; ars-222")
    if "solver" in options:
        raise InputError("solver: the diffusion is solved by its own resolvent; leave the option out")
    options["solver"] = "resolvent"
    block = compile(chosen, **options)
    return like_resnet("imexnet", depth, block, fields, widths=widths, num_classes=num_classes, h=h, norm=norm)


def _explicit_then_implicit(step: Step) -> bool:
    """Whether a step is of one state and two fields, of which the first is in no equation, and remembers nothing."""
    solved = [member for op in step.operations if isinstance(op, Solve) for member in op.members]
    explicit = all(op.part > 0 for op in solved if isinstance(op, Call))
    return explicit and step.parts == 2 and len(step.states) == 1 and not step.history


def fields(channels: int) -> list[nn.Module]:
    """The explicit field f + L and the implicit one −L; L is one module, in both."""
    implicit = Diffusion(channels)
    return [Rest(PreActivation(channels, channels), implicit), implicit]
