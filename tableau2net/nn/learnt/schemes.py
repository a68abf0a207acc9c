"""What the schemes of a trained network have become: a scheme for each step, with the coefficients it learnt."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from sympy import Expr, Rational
from torch import Tensor, nn

from tableau2net.codegen.learnable import Learning, learning
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.nn.blocks import Made, blocks_of
from tableau2net.scheme import Scheme


@dataclass(frozen=True)
class LearntScheme:
    """A scheme with learnt numbers in the place of its parameters.

    block: the name of the block in the network.  step: which of its steps takes it, from 1; None where all do.
    channel: which channel, from 1; None where all do.
    values: the learnt coefficients, as the shortest decimals that are the same number in the network's precision.
    scheme: with exactly these decimals, and what follows from them. `digits` is set where conditions were kept by
        projection, and hold as far as that precision goes.
    """

    block: str
    step: int | None
    channel: int | None
    values: Mapping[str, Rational]
    scheme: Scheme


def learnt_schemes(model: nn.Module) -> list[LearntScheme]:
    """The schemes of a network's compiled blocks, step by step; those whose coefficients are fixed have none.

    Raises InputError where a coefficient is no number any more, or a pole of its family."""
    found = []
    for name, block, made in blocks_of(model):
        family = learning_of(made)
        if not family.raw:
            continue
        with torch.no_grad():
            learnt: dict[str, Tensor] = {n: v.detach().cpu() for n, v in block.learnt().items()}
        first = 1 + block.startup
        shape = next(iter(learnt.values())).shape
        for step in range(shape[0]) if shape else [None]:
            for channel in range(shape[1]) if len(shape) > 1 else [None]:
                place = tuple(i for i in (step, channel) if i is not None)
                where = None if step is None else first + step
                numbers = {n: v[place].flatten()[0] for n, v in learnt.items()}
                for n, number in numbers.items():
                    if not number.isfinite():
                        raise InputError(f"{name}.{n} has become {float(number)}: it is no coefficient of a scheme")
                values = {n: shortest(number) for n, number in numbers.items()}
                member = member_of(family, values, learnt[family.coefficients[0]].dtype)
                found.append(LearntScheme(name, where, None if channel is None else channel + 1, values, member))
    return found


def learning_of(made: Made) -> Learning:
    """What of its scheme a block learns."""
    o = made.options
    return learning(
        made.scheme,
        coefficients=o.coefficients,
        keep_order=o.keep_order,
        keep_stable=o.keep_stable,
        keep_range=o.keep_range,
    )


def member_of(family: Learning, values: Mapping[str, Rational], dtype: torch.dtype = torch.float32) -> Scheme:
    """The scheme of a family at learnt values, which may lie outside the ranges that its parameters declare."""
    scheme = family.scheme
    bare = replace(scheme, parameters=tuple(replace(p, range=None) for p in scheme.parameters))
    member = bare.with_values(**values)
    return member if family.retraction is None else replace(member, digits=digits_of(values.values(), dtype))


def digits_of(values: Iterable[Expr], dtype: torch.dtype) -> int:
    """Decimals to half of whose unit every value is known, when it was rounded to a precision."""
    largest = max(abs(float_of(v)) for v in values)
    spacing = torch.finfo(dtype).eps * 2.0 ** math.floor(math.log2(largest or 1))
    return max(1, math.floor(-math.log10(spacing)))


def shortest(value: Tensor) -> Rational:
    """The number with the fewest decimal digits that rounds to a float32 (or float64), exact."""
    number = float(value)
    if value.dtype == torch.float64:
        return Rational(repr(number))
    return next(Rational(text) for n in range(1, 18) if _single(float(text := f"{number:.{n}g}")) == number)


def _single(number: float) -> float:
    """Rounded to float32."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded
