"""`field`: a partial differential equation, or some derivatives and what is made of them, as a module."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from sympy import Expr, S
from torch import Tensor

from tableau2net.analysis.space.equations import stencils_used
from tableau2net.errors import InputError
from tableau2net.exact.text import shown, symbol
from tableau2net.nn.space.derivatives import Derivative, derivatives_of, identity
from tableau2net.nn.space.grid_coefficients import LEARNABLE, GridCoefficients, settled
from tableau2net.nn.space.identifiable import unidentified
from tableau2net.nn.space.right_side import Split, WrittenFunction, split_of, sum_of
from tableau2net.nn.space.space_field import SpaceField
from tableau2net.nn.space.stencil_weights import Learn, StencilWeights
from tableau2net.scheme import CoefficientTable, Parameter, load
from tableau2net.scheme.derivative_letters import AXES, sum_of_orders, total_order
from tableau2net.scheme.equation import Equation, UsedStencil, boundaries, names_in

Part = Literal["all", "linear", "rest"]


def field(
    derivatives: Any,
    equation: str | Sequence[str] | Callable[[Tensor], Tensor] | None = None,
    *,
    h: float | Sequence[float] = 1.0,
    states: Sequence[str] = ("u",),
    dimension: int | None = None,
    boundary: str | Sequence[str] | None = None,
    coefficients: Mapping[str, Any] | None = None,
    order: int = 4,
    learn: Learn = "frozen",
    keep_order: int | None = None,
    keep_symmetry: bool = False,
    keep_dissipative: bool = False,
    size: int | None = None,
    shape: Sequence[int] | None = None,
    part: Part = "all",
) -> SpaceField:
    """The right-hand side of a partial differential equation on a uniform grid, as a module ``field(u)``.

    derivatives: an equation (an `Equation`, its name or file), which says all of it; or stencils: a list of them
        (``["central-1-4", "central-2-4"]``; one of a single axis stands along every axis), or by the letters of what
        they are of (``{"x": "upwind-3", "xx": "central-2-4", "xy": "central-1-4"}``).
    equation: of these derivatives: text (``"-u*u_x + nu*u_xx"``, one for each of `states`), or any function of the
        stack of states and derivatives, (N, channels, *grid) in the order of the field's `names`, that returns
        (N, S, *grid). By default u_t is the sum of the derivatives, each times its coefficient.
    h: the step of the grid, one for all axes or one each.  boundary: see `Equation`.
    coefficients: by name what stands for parameters: a number, "learnable", a tensor, a parameter (one number, or a
        field over the grid), or a module that is called without arguments. A name in a text that is not given is
        learnt, from 1; without an equation names are the letters of derivatives.
    order: of the central stencils that are taken for derivatives that are read and not given.
    learn: "frozen"; "constrained", where every stencil moves on the set where it keeps `keep_order` (its own order by
        default; PDE-Net); "free".  keep_symmetry: (anti)symmetric stencils stay so.  keep_dissipative: the real part of
        each symbol keeps its sign at every angle, along one axis each.
    size: of the box of points that learnt stencils may use, 5 for 5×5; by default that of their own.
    shape: the points of the grid along each axis, wanted where coefficients depend on x; x = 0 is the first.
    part: "linear" are the terms with one derivative and a number, "rest" the others: two fields for an IMEX scheme.

    The weights are correlations, as torch's convolutions are, with offsets in order; exact numbers are rounded once.
    Warns where learnt stencils leave learnt coefficients no meaning. Raises InputError for what does not fit.
    """
    for key, value, words in (("learn", learn, get_args(Learn)), ("part", part, get_args(Part))):
        if value not in words:
            raise InputError(f"{key}={value!r}: write one of {', '.join(map(repr, words))}")
    given = dict(coefficients or {})
    declared = _declared(derivatives) if equation is None else None
    if declared is not None:
        if tuple(states) != ("u",) or dimension is not None or boundary is not None:
            raise InputError("field: an equation says its own states, dimension and boundary; leave them out")
        asked: Equation | Callable[[Tensor], Tensor] = declared
        found = used_by(declared, order)
    else:
        found = derivatives_of(derivatives, dimension)
        d = len(next(iter(found.values())).orders)
        ends = boundaries(boundary or "periodic", d)
        if callable(equation):
            asked = equation
        else:
            asked, given = _texted(equation, found, tuple(states), ends, given)
    learning = StencilLearning(learn, keep_order, keep_symmetry, keep_dissipative, size)
    if isinstance(asked, Equation):
        return _warned(_of_equation(asked, found, given, learning, h=h, order=order, shape=shape, part=part))
    if given or part != "all":
        raise InputError("field: coefficients and part are of an equation in text, not of a function")
    weights = learning.weights([identity(len(ends)), *found.values()])
    return _warned(SpaceField(_names(states), weights, _steps(h, len(ends)), ends, GridCoefficients({}), asked))


def _warned(made: SpaceField) -> SpaceField:
    if told := unidentified(made):
        warnings.warn(told, RuntimeWarning, stacklevel=3)
    return made


@dataclass(frozen=True)
class StencilLearning:
    """How stencils are learnt, see `field`."""

    learn: Learn = "frozen"
    keep_order: int | None = None
    symmetric: bool = False
    dissipative: bool = False
    size: int | None = None

    def __post_init__(self) -> None:
        kept = {
            "keep_order": self.keep_order is not None,
            "keep_symmetry": self.symmetric,
            "keep_dissipative": self.dissipative,
        }
        if self.learn != "constrained" and (keys := [key for key, given in kept.items() if given]):
            raise InputError(f'{keys[0]}: it is kept by learn="constrained"; {self.learn!r} stencils keep nothing')
        if self.symmetric and self.dissipative:
            raise InputError("keep_symmetry and keep_dissipative: write one of the two")
        if self.size is not None and self.learn == "frozen":
            raise InputError('size: of learnt stencils; write learn="constrained" or "free"')
        if self.keep_order is not None and (isinstance(self.keep_order, bool) or self.keep_order < 1):
            raise InputError(f"keep_order={self.keep_order!r}: an order, at least 1")

    def weights(self, derivatives: Sequence[Derivative]) -> StencilWeights:
        """The weights of these derivatives. Raises InputError where one has not the order that is to be kept."""
        orders = [each.order if self.learn == "constrained" and each.parts else 0 for each in derivatives]
        for each, own in zip(derivatives, orders, strict=True):
            if self.keep_order is not None and each.parts and own < self.keep_order:
                raise InputError(f"keep_order={self.keep_order}: the stencil of {each.name} has order {own}")
        if self.learn != "frozen" and (compact := [each.name for each in derivatives if each.compact]):
            raise InputError(f'compact stencils are fixed, that of {compact[0]} is one; write learn="frozen"')
        kept = orders if self.keep_order is None else [self.keep_order] * len(orders)
        found = StencilWeights(
            derivatives, self.learn, kept, symmetric=self.symmetric, signed=self.dissipative, size=self.size
        )
        if self.learn != "frozen" and not found.moving:
            raise InputError("keep_order: nothing of the stencils is free there; write a lower one, or a larger size")
        return found


def _declared(given: object) -> Equation | None:
    """An equation, where it is one that is given."""
    if isinstance(given, str | Path):
        given = load(given, CoefficientTable)
    return given if isinstance(given, Equation) else None


def used_by(equation: Equation, order: int) -> dict[str, Derivative]:
    """The stencils of an equation, by the letters of the derivatives."""
    placed = stencils_used(equation, order)
    d = equation.dimension
    return {letters: Derivative(sum_of_orders(letters, d)[0], parts) for letters, parts in placed.items()}


def _texted(
    texts: str | Sequence[str] | None,
    found: Mapping[str, Derivative],
    states: tuple[str, ...],
    ends: tuple[str, ...],
    given: Mapping[str, Any],
) -> tuple[Equation, dict[str, Any]]:
    """The equation of a text, whose undeclared names are parameters; without one the sum of the derivatives."""
    if texts is None:
        if len(states) > 1:
            raise InputError("equation: with several states write it, a text for each")
        if unknown := [name for name in given if name not in found]:
            raise InputError(f"coefficients: no derivative {unknown[0]!r} is given (there are: {', '.join(found)})")
        texts = " + ".join(f"c_{name}*{states[0]}_{name}" for name in found)
        given = {f"c_{name}": given.get(name, 1) for name in found}
    listed = [texts] if isinstance(texts, str) else list(texts)
    names = [name for name in names_in(listed, states) if name not in given]
    parameters = [Parameter(name, 1) for name in (*given, *names)]
    sums = [_used(letters, each) for letters, each in found.items() if len(each.terms) > 1]
    made = Equation(listed, states, len(ends), ends, sums, parameters=parameters)
    return made, {**given, **dict.fromkeys(names, LEARNABLE)}


def _used(letters: str, derivative: Derivative) -> UsedStencil:
    """The one stencil that derivatives are added by, as an equation has it."""
    ((_, stencil),) = derivative.parts
    return UsedStencil(letters, weights=stencil.weights, centre=stencil.centre)


def _of_equation(
    asked: Equation,
    found: Mapping[str, Derivative],
    given: Mapping[str, Any],
    learning: StencilLearning,
    *,
    h: float | Sequence[float],
    order: int,
    shape: Sequence[int] | None,
    part: Part,
) -> SpaceField:
    equation, more = settled(asked, given)
    coefficients = GridCoefficients(more)
    split = split_of(equation, coefficients.scalars)
    empty: tuple[dict[Expr, Expr], ...] = tuple({} for _ in split.rest)
    split = {"all": split, "linear": Split(split.linear, empty), "rest": Split({}, split.rest)}[part]
    if not split.linear and not any(split.rest):
        raise InputError(f"part={part!r}: {asked.name or 'the equation'} has no such terms")
    steps = _steps(h, equation.dimension)
    split = on_grid(split, equation, coefficients, steps, shape)
    read = {letters for name, (_, letters) in equation.derivatives.items() if name in split.reads}
    read |= {letters for _, _, letters in split.linear}
    known = {**used_by(equation, order), **found}
    itself = identity(equation.dimension)
    used = [known[o] if o else itself for o in sorted(read, key=lambda o: (total_order(o), o))]
    used = [each for each in used if each.parts or any(not letters for _, _, letters in split.linear)]
    weights = learning.weights(used or [itself])
    return SpaceField(equation.states, weights, steps, equation.boundary, coefficients, split, equation)


def on_grid(
    split: Split, equation: Equation, coefficients: GridCoefficients, h: Sequence[float], shape: Sequence[int] | None
) -> Split:
    """The same with fields over the grid in the place of what depends on x. Raises InputError without a shape."""
    axes = {symbol(letter) for letter in equation.coordinates}
    if not axes or not any(
        axes & (c.free_symbols | what.free_symbols) for rest in split.rest for what, c in rest.items()
    ):
        return split
    if shape is None or len(shape) != equation.dimension or not all(isinstance(n, int) and n > 0 for n in shape):
        raise InputError(
            f"shape: coefficients depend on {', '.join(equation.coordinates)}; write the points of the grid along each "
            f"axis, shape={tuple([64] * equation.dimension)} say"
        )
    nodes = np.meshgrid(*(np.arange(n) * step for n, step in zip(shape, h, strict=True)), indexing="ij")
    grid = dict(zip(AXES, map(torch.from_numpy, nodes), strict=False))
    made: dict[Any, Any] = {}

    def field_of(value: Any) -> Any:
        """A coefficient of x alone, under a name."""
        if not (value.free_symbols and value.free_symbols <= axes):
            return value
        if value not in made:
            name = next(
                n for k in range(len(made) + 1000) if (n := f"c{k}") not in {*coefficients.names, *equation.states}
            )
            written = WrittenFunction("coefficient", list(grid), [sum_of({value: S.One})])
            coefficients.add(name, written(*grid.values()).numpy())
            made[value] = symbol(name)
        return made[value]

    rest = tuple({what: field_of(c) for what, c in terms.items()} for terms in split.rest)
    for letter in equation.coordinates:  # those that stand beside something else
        if any(symbol(letter) in part.free_symbols for terms in rest for pair in terms.items() for part in pair):
            coefficients.add(letter, grid[letter].numpy())
    return Split(split.linear, rest)


def _steps(h: float | Sequence[float], dimension: int) -> tuple[float, ...]:
    listed = list(h) if isinstance(h, Sequence | np.ndarray) else [h] * dimension
    if len(listed) != dimension:
        raise InputError(f"h: {len(listed)} steps for {dimension} axes; write one for all, or one each")
    for step in listed:
        if isinstance(step, bool | str) or not (isinstance(step, int | float | np.floating) and 0 < step < math.inf):
            raise InputError(f"h = {shown(step)}: the step of the grid is a positive number")
    return tuple(map(float, listed))


def _names(states: Sequence[str]) -> tuple[str, ...]:
    return Equation(["0"] * len(states), tuple(states)).states
