"""What is known of a network before it is trained, for the user to read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tableau2net.nn.overview.layer_model import LayerModel, layer_table


@dataclass(frozen=True)
class BlockSummary:
    """A compiled block.

    order: of its scheme, proved; start-up steps have one of their own.  nominal: whether the network gives the stages
    weights of their own, so that the order is that of the tableau and not of what the block does.
    independent_order: what is left of it then.
    h, steps, startup (the first of the steps), evaluations of fields in all.
    parameters, coefficients (of them, learnable ones of the scheme).  flops: an image.
    norm: of its fields: "batch", with one evaluation for the running statistics; "batch per evaluation", where there
        are several and each has its own; "batch shared", where all of them have the same; "group"; "layer".
    saved_bytes: an image, under each `backward=` that the scheme allows.
    receptive_field: rows and columns of the image that the middle pixel of its result depends on, at these weights.
    lipschitz: estimate of the largest singular value of its fields' Jacobians, at random images; None where not known.
    residual: of its implicit stages as they are handed on, the largest, in lengths of the step; None where none are
    searched for.
    noise: σ of each step that may be left out in training: dX = f dt + σ f dB, in the sense that `sense` says, see
    `tableau2net.nn.around.stochastic`; empty without stochastic depth.
    real_interval, imaginary_interval: x with [−x, 0], [−ix, ix] stable for hλ.
    layer_parallel: what such steps would come to, where that was asked.
    """

    where: str
    scheme: str
    order: int
    nominal: bool
    independent_order: int | None
    h: float
    steps: int
    startup: int
    evaluations: int
    parameters: int
    coefficients: int
    flops: int
    norm: str
    backward: str
    saved_bytes: dict[str, int]
    receptive_field: tuple[int, int] | None
    lipschitz: float | None
    real_interval: float | None
    imaginary_interval: float | None
    residual: float | None
    noise: tuple[float, ...]
    sense: str
    warnings: tuple[str, ...]
    layer_parallel: LayerModel | None = None


@dataclass(frozen=True)
class Summary:
    """What `summary` says. Printing it shows a table; `to_dict` is plain data for JSON.

    parameters and flops (an image) are the whole network's, what is outside blocks too. In the table, evals are
    evaluations of fields; norm, what fields normalise by; left of a step, the residual of implicit stages; kept an
    image, what the backward pass keeps, under its `backward=` and under others; sees, the receptive field; h·L, the
    step times the estimate of the fields' steepness.

    expected_flops: of a network with gates, whose flops are those of all steps, what an image costs on average where
    each gate opens as often as in the last of its training.  gates: how often that is, 1 of one that has seen none."""

    input_size: tuple[int, ...]
    parameters: int
    flops: int
    blocks: tuple[BlockSummary, ...]
    expected_flops: int | None = None
    gates: tuple[float, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """All of them, each once, with the blocks that it is of."""
        places: dict[str, list[str]] = {}
        for block in self.blocks:
            for text in block.warnings:
                places.setdefault(text, []).append(block.where or "the network")
        return tuple(f"{self._places(where)}: {text}" for text, where in places.items())

    def _places(self, where: list[str]) -> str:
        if len(where) == len(self.blocks) > 1:
            return "every block"
        return ", ".join(where[:SHOWN]) + (f" and {len(where) - SHOWN} more" if len(where) > SHOWN else "")

    def to_dict(self) -> dict[str, object]:
        """Plain data: dictionaries, lists, strings, numbers."""
        plain = asdict(self)
        plain["input_size"] = list(self.input_size)
        plain["gates"] = list(self.gates)
        plain["blocks"] = [_plain(block) for block in plain["blocks"]]
        return plain

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be said: the equation of a block's stochastic depth, and what gates spare."""
        noisy = tuple(f"{b.where or 'the network'}: {_stochastic(b)}" for b in self.blocks if b.noise)
        return (*noisy, *([_gated(self.gates, self.expected_flops)] if self.expected_flops is not None else []))

    @property
    def _title(self) -> str:
        return f"{_count(self.parameters)} parameters, {_count(self.flops)} FLOPs an image of {_times(self.input_size)}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A table where there is room for one, else some lines a block."""
        table = self._table()
        if Measurement.get(console, options.update(max_width=1000), table).maximum <= options.max_width:
            yield table
        else:
            yield Text(self._title)
            for b in self.blocks:
                yield Text(_in_words(b))
        modelled = [(b.where or "the network", b.steps, b.layer_parallel) for b in self.blocks if b.layer_parallel]
        if modelled:
            yield layer_table(modelled)
        yield from map(Text, self.notes)
        for text in self.warnings:
            yield Text(f"warning: {text}", style="yellow")

    def _table(self) -> Table:
        table = Table("block", *_HEADINGS, title=self._title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for column in table.columns:
            column.no_wrap = True
        for b in self.blocks:
            table.add_row(b.where or "the network", *_cells(b))
        return table

    def __str__(self) -> str:
        text = StringIO()
        Console(file=text, width=120, markup=False, emoji=False).print(self)
        return text.getvalue().rstrip()


SHOWN = 4  # names of blocks in a warning
_HEADINGS = ("scheme", "order", "steps × h", "evals", "params", "FLOPs", "norm", "kept an image", "sees", "h·L")


def _cells(b: BlockSummary) -> tuple[str, ...]:
    start = f"\n{b.startup} start-up" if b.startup else ""
    saved = [f"{way} {_bytes(n)}" for way, n in sorted(b.saved_bytes.items(), key=lambda kept: kept[0] != b.backward)]
    sees = "" if b.receptive_field is None else _times(b.receptive_field)
    steep = "" if b.lipschitz is None else f"{abs(b.h) * b.lipschitz:.2g}"
    numbers = (str(b.evaluations), _count(b.parameters), _count(b.flops))
    scheme = b.scheme if b.residual is None else f"{b.scheme}\nleft of a step {b.residual:.2g}"
    steps, norm = f"{b.steps} × {b.h:g}{start}", b.norm.replace(" ", "\n", 1)
    return (scheme, _order(b), steps, *numbers, norm, "\nor ".join(saved), sees, steep)


def _in_words(b: BlockSummary) -> str:
    """The cells of a block where a table is too wide."""
    scheme, order, steps, evaluations, parameters, flops, _, kept, sees, steep = (
        cell.replace("\n", ", ") for cell in _cells(b)
    )
    lines = [
        f"{b.where or 'the network'}: {scheme}, order {order}, steps {steps}",
        f"  {evaluations} evals, {parameters} params, {flops} FLOPs",
        f"  kept an image: {kept}",
        "  " + ", ".join(f"{name} {cell}" for name, cell in (("norm", b.norm), ("sees", sees), ("h·L", steep)) if cell),
    ]
    return "\n".join(line for line in ["", *lines] if line.strip() or not line)


def _stochastic(b: BlockSummary) -> str:
    low, high = (f"{end(b.noise):.2g}" for end in (min, max))
    sigma = low if low == high else f"{low} to {high}"
    sense = f", {b.sense}" * bool(b.sense)
    return f"in training dX = f dt + σ f dB{sense}, in mean and variance: σ² = h(1 − p)/p, σ = {sigma}"


def _gated(shares: tuple[float, ...], expected: int) -> str:
    if min(shares) == 1:
        return f"gates: {len(shares)}, all open in that count; no training has said how often they are"
    opened = f"as its {len(shares)} gates opened in training, {min(shares):.2g} to {max(shares):.2g} of the time each"
    return f"gates: an image costs {_count(expected)} FLOPs on average {opened}"


def _order(b: BlockSummary) -> str:
    if b.order < 0:
        return "none"
    if not b.nominal:
        return str(b.order)
    return f"{b.order} nominal" + ("" if b.independent_order is None else f"\n{b.independent_order} real")


def _plain(block: dict[str, object]) -> dict[str, object]:
    """Without tuples and infinities, which JSON has not."""
    for name in ("real_interval", "imaginary_interval"):
        if block[name] == float("inf"):
            block[name] = "inf"
    return {name: list(value) if isinstance(value, tuple) else value for name, value in block.items()}


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _count(number: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return str(number)


def _bytes(number: int) -> str:
    return f"{number / 2**20:.3g} MiB" if number >= 2**20 else f"{number / 2**10:.3g} KiB"
