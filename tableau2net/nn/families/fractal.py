"""FractalNet: a general linear step whose stages are convolutions, with joins that drop paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypedDict, Unpack

import torch
from sympy import Expr, Rational, S
from torch import Tensor, nn

from tableau2net.codegen import compile
from tableau2net.errors import InputError
from tableau2net.nn.blocks import Specification
from tableau2net.nn.entry import register_model
from tableau2net.nn.fields.normalisation import Norm, normalised
from tableau2net.nn.skeleton.stack import Head
from tableau2net.nn.typed_modules import rows
from tableau2net.scheme import GeneralLinear

MAX_COLUMNS = 6  # 63 stages
WIDTHS = (64, 128, 256, 512, 512)


@dataclass(frozen=True)
class Fractal:
    """The graph of f_C: stages, and the joins that they end in.

    inputs: for each stage the join that it reads; None for what enters.
    joins: the stages whose mean each is, in the order in which they are reached; the last one is what leaves.
    columns: the column of each stage; in column c are the 2^c stages of depth 2^c from end to end.
    """

    inputs: tuple[int | None, ...]
    joins: tuple[tuple[int, ...], ...]
    columns: tuple[int, ...]

    def ordered(self) -> Fractal:
        """The same graph with its stages in an order in which they can be evaluated."""
        order = sorted(range(len(self.inputs)), key=lambda s: (_first(self.inputs[s]), self.columns[s]))
        place = {stage: i for i, stage in enumerate(order)}
        return Fractal(
            tuple(self.inputs[s] for s in order),
            tuple(tuple(sorted(place[s] for s in join)) for join in self.joins),
            tuple(self.columns[s] for s in order),
        )


def fractal(columns: int) -> Fractal:
    """f_1 is a stage, f_{C+1} = (f_C ∘ f_C) ⊕ f_1, where ⊕ joins all that ends in one place by one mean (Larsson,
    Maire & Shakhnarovich 2017, "FractalNet: ultra-deep neural networks without residuals", ICLR, §2)."""
    if not 1 <= columns <= MAX_COLUMNS:
        raise InputError(f"columns={columns}: a fractal has 1 to {MAX_COLUMNS} of them")
    graph = Fractal((None,), ((0,),), (0,))
    for _ in range(columns - 1):
        n, j = len(graph.inputs), len(graph.joins)
        again = (j - 1 if i is None else i + j for i in graph.inputs)  # reads the first half's last join
        joins = [*graph.joins, *(tuple(s + n for s in join) for join in graph.joins)]
        joins[-1] = (*joins[-1], 2 * n)
        deeper = [c + 1 for c in graph.columns]
        graph = Fractal((*graph.inputs, *again, None), tuple(joins), (*deeper, *deeper, 0))
    return graph.ordered()


@cache
def fractal_scheme(columns: int) -> GeneralLinear:
    """f_C as a general linear scheme: stages start from y or from a join, and nothing is added to y, V = 0."""
    graph = fractal(columns)
    count = len(graph.inputs)

    def mean(join: tuple[int, ...]) -> tuple[Expr, ...]:
        return tuple(Rational(1, len(join)) if s in join else S.Zero for s in range(count))

    return GeneralLinear(
        A=tuple((S.Zero,) * count if i is None else mean(graph.joins[i]) for i in graph.inputs),
        U=tuple((S.One if i is None else S.Zero,) for i in graph.inputs),
        B=(mean(graph.joins[-1]),),
        V=((S.Zero,),),
        name=f"fractal-{columns}",
        title=f"FractalNet's block of {columns} columns",
        reference="Larsson, Maire & Shakhnarovich 2017, ICLR, §2",
    )


class DropPath(nn.Module):
    """Factors for the stages of a fractal by which joins become means of what is left of them.

    drop: the probability with which a join loses an input, of which it always keeps one: there is no stage that a zero
        is handed to.
    """

    def __init__(self, columns: int, drop: float) -> None:
        super().__init__()
        graph = fractal(columns)
        ends = [[float(s in join) for s in range(len(graph.inputs))] for join in graph.joins]
        self.ends: Tensor
        self.register_buffer("ends", torch.tensor(ends), persistent=False)
        self.drop = drop

    def forward(self) -> Tensor:
        ends = self.ends.float()
        luck = torch.rand(ends.shape[1], device=ends.device)
        luckiest = ends.T @ (ends * luck).amax(1)
        kept = ((luck >= self.drop) | (luck >= luckiest)).to(ends.dtype)
        return kept * (ends.T @ (ends.sum(1) / (ends @ kept)))


class Stage(nn.Module):
    """3×3 convolution, dropout, BN without scales, ReLU, and in front of the last join the maximum over 2×2 pixels.

    norm: of the joined network.  alone: of the column by itself, in which other values arrive.
    """

    def __init__(self, inputs: int, outputs: int, dropout: float, pooled: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.norm, self.alone = (nn.BatchNorm2d(outputs, affine=False) for _ in range(2))
        self.end = nn.Sequential(nn.ReLU(), *([nn.MaxPool2d(2)] if pooled else []))

    def forward(self, y: Tensor, alone: bool = False) -> Tensor:
        norm = self.alone if alone else self.norm
        new: Tensor = self.end(norm(self.dropout(self.convolution(y))))
        return new

    def by_itself(self) -> nn.Sequential:
        """What the column by itself has, as modules in a row."""
        return nn.Sequential(self.convolution, self.dropout, self.alone, self.end)


class FractalBlock(nn.Module):
    """One step of `fractal_scheme`, with a field for each stage."""

    def __init__(self, columns: int, inputs: int, outputs: int, drop: float, dropout: float) -> None:
        super().__init__()
        self.rule = compile(fractal_scheme(columns), stage_weights="independent")([])  # for its step
        self.graph = fractal(columns)
        self.fields = rows(
            Stage(inputs if join is None else outputs, outputs, dropout, stage in self.graph.joins[-1])
            for stage, join in enumerate(self.graph.inputs)
        )
        self.paths = DropPath(columns, drop)

    def forward(self, y: Tensor) -> Tensor:
        stages = map(_scaled, self.fields, self.paths().unbind()) if self.training else self.fields
        new: Tensor = self.rule.step(*stages, 1.0, y)
        return new

    def column(self, number: int) -> list[Stage]:
        """The stages of a column, in order."""
        return [field for field, own in zip(self.fields, self.graph.columns, strict=True) if own == number]

    def specification(self) -> Specification:
        """What its step is."""
        rule = self.rule
        return Specification(None, rule.made_of.scheme, rule.made_of.options, 1.0, 1, 0, rule.evaluations, rule.order)

    def step_modules(self) -> list[nn.Module]:
        """The fields of its stages."""
        return list(self.fields)


class FractalNetwork(nn.Module):
    """Blocks of fractals, each of which halves the image; then a linear layer of the mean.

    columns: C; the longest path has 2^(C−1) convolutions a block.
    widths: the channels of each block.
    drop: of `DropPath`.  dropout: of the last block, from 0 in the first along a line; theirs is 0.4, which comes with
    the recipe of that name: running statistics are those of what is dropped, and are right late in a long run alone.
    norm: of every layer, see `normalised`.

    It is trained as in the authors' code (github.com/gustavla/fractalnet): in each step the joined network with local
    drop-path, its loss counted once, and on the same weights each column by itself, with BatchNorm statistics and
    dropout of its own, its loss counted 1/C (`auxiliary_scores`). Their paper has half of the batches go through one
    column instead; statistics that columns and the joined network share are right for neither.

    As there, layers have biases, BatchNorm has none and no scales, weights are Xavier's, and each column takes the
    maximum over 2×2 pixels before the block's last join; their paper's definition has it after the join. At depth 20
    it is 33.7 M weights there too; they print 38.6 M, which a 1×1 convolution to each new width in front of the blocks
    would make it.
    """

    def __init__(
        self,
        columns: int,
        *,
        num_classes: int = 10,
        widths: Sequence[int] = WIDTHS,
        drop: float = 0.15,
        dropout: float = 0.0,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        for name, share in (("drop", drop), ("dropout", dropout)):
            if isinstance(share, str) or not 0 <= share <= 1:
                raise InputError(f"{name}={share}: it is a probability, from 0 to 1")
        if not widths or min(widths) < 1 or num_classes < 1:
            raise InputError(f"widths={tuple(widths)}, num_classes={num_classes}: channels of a block or more, above 0")
        self.columns = columns
        last = max(1, len(widths) - 1)
        self.blocks = rows(
            FractalBlock(columns, a, b, drop, dropout * i / last) for i, (a, b) in enumerate(pairwise((3, *widths)))
        )
        self.head = Head(widths[-1], num_classes, norm=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, nonlinearity="linear")  # Caffe's "xavier": inputs alone count
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        normalised(self, norm)

    def forward(self, x: Tensor) -> Tensor:
        least = 2 ** len(self.blocks)
        if min(x.shape[2:]) < least:
            raise InputError(
                f"images of {tuple(x.shape[2:])}: {len(self.blocks)} blocks halve them, so ({least}, {least}) is "
                "least; give fewer widths="
            )
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits

    def auxiliary_scores(self, x: Tensor) -> tuple[tuple[float, Tensor], ...]:
        """What is trained beside the joined network: each column's scores, and how much their loss counts."""
        return tuple((1 / self.columns, self._along(x, number)) for number in range(self.columns))

    def column(self, number: int) -> nn.Sequential:
        """A column by itself, 2^number stages a block in a chain, on the same weights and with the statistics that it
        was trained with: an answer sooner than all columns have one."""
        if not 0 <= number < self.columns:
            raise InputError(f"column {number}: the network has those from 0 to {self.columns - 1}")
        chains = (nn.Sequential(*(stage.by_itself() for stage in block.column(number))) for block in self.blocks)
        return nn.Sequential(*chains, self.head)

    def _along(self, x: Tensor, number: int) -> Tensor:
        for block in self.blocks:
            for stage in block.column(number):
                x = stage(x, alone=True)
        logits: Tensor = self.head(x)
        return logits


class FractalOptions(TypedDict, total=False):
    """Those of `FractalNetwork`."""

    num_classes: int
    widths: Sequence[int]
    drop: float
    dropout: float
    norm: Norm


@register_model(
    r"fractalnet(?P<depth>\d{1,4})",
    published=("fractalnet20", "fractalnet40"),
    about="FractalNet: fractal of convolutions, mean joins, drop-path; Larsson, Maire & Shakhnarovich 2017",
)
def fractalnet(depth: int, **options: Unpack[FractalOptions]) -> FractalNetwork:
    """FractalNet whose longest path has `depth` convolutions, 5·2^(C−1) in five blocks of C columns.

    options: of `FractalNetwork`.
    """
    if "columns" in options:
        raise InputError(f"columns: fractalnet{depth} says it already, its depth is 5·2^(C−1); leave the option out")
    blocks = len(options.get("widths", WIDTHS))
    for columns in range(1, MAX_COLUMNS + 1):
        if blocks * 2 ** (columns - 1) == depth:
            return FractalNetwork(columns, **options)
    raise InputError(f"fractalnet{depth}: the depth is {blocks}·2^(C−1) for C columns, such as fractalnet{4 * blocks}")


def _first(join: int | None) -> int:
    return -1 if join is None else join


def _scaled(field: nn.Module, factor: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda y: factor * field(y)
