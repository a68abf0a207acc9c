"""Any residual network on any scheme: its runs of residual blocks become compiled blocks, with the same weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal, Unpack, get_args

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tableau2net.codegen import CompiledBlock, CompileOptions, Options, compile
from tableau2net.codegen.compile_options import check_names
from tableau2net.errors import InputError
from tableau2net.nn.around.steps import After
from tableau2net.nn.around.surrounded import Around, surrounded
from tableau2net.nn.blocks import growth_told
from tableau2net.nn.conversion.arguments import Absorbed, Context, known_as
from tableau2net.nn.conversion.chains import Block, Left, find_runs, has_forward
from tableau2net.nn.conversion.checks import check_model, checked_step, copied
from tableau2net.nn.conversion.conversion_report import Conversion, ConvertedRun
from tableau2net.nn.conversion.fields import BranchField, field_of
from tableau2net.nn.conversion.same_outputs import not_compared
from tableau2net.nn.conversion.trace import name_of
from tableau2net.nn.conversion.trial import try_step
from tableau2net.runtime.statistics import EVALUATIONS
from tableau2net.scheme import Scheme, as_scheme, load

Activation = Literal["keep", "move"]
Reading = tuple[Block, ...] | Left

_EQUAL = "are the original's, to the bit"
_OTHER = "differ from the original's: another step on the same weights, to be trained or tuned"


def convert(
    model: nn.Module,
    scheme: Scheme | str | Path,
    *,
    h: float = 1.0,
    after: Activation = "keep",
    **options: Unpack[CompileOptions],
) -> nn.Module:
    """A copy of a residual network whose runs of residual blocks are blocks of a scheme, with the weights it has.

    model: any module. Blocks y ← a(y + f(y)) that follow each other are found by tracing; a block with several sums
        in a row (attention, MLP) is as many steps. What changes the shape, and everything else, stays as it is.
    scheme: of one state. A scheme of several fields takes one from each sum of a block, a block a step.
    h: the step size; the residual network is forward Euler with h = 1.
    after: what becomes of a, the ReLU after the addition of a ResNet. "keep": each step of the scheme ends with it.
        "move": it is part of the field g(y) = a(y + f(y)) − y, and the state is free.
    options: of the compilation, see `tableau2net.codegen.Options`. With coefficients="learnable" the scheme's own
        parameters are trained too; stage_weights="independent" gives each stage a copy of the weights.

    The result has `conversion`, a `Conversion`: which runs, what stays, and whether outputs are the same; print it.
    Raises InputError where no run is found, or a scheme or option does not fit.
    """
    check_model(model)
    h = checked_step(h)
    if not isinstance(scheme, Scheme | str | Path):
        raise InputError(f"scheme is no scheme ({type(scheme).__name__}): give its name, its file or a Scheme")
    loaded = as_scheme(scheme)
    chosen = _options(loaded, options)
    if after not in get_args(Activation):
        raise InputError(f"after={after!r}: write 'keep' or 'move'")
    _check_shape(loaded, compile(loaded, **vars(chosen)))
    readings = list(find_runs(copied(model)))  # what a forward writes as it is traced is thrown away
    network, runs, left = _turned(model, readings, loaded, chosen, h, after)
    if not runs:
        raise InputError(_nothing_found(model, left))
    shown = tuple(each for each in dict.fromkeys(left) if not each.opaque or each.holds)
    moved = after == "move" and any(run.after for run in runs)
    equal = _equality(loaded, chosen, h, moved)
    bits = equal == _EQUAL
    plain = network if bits else _turned(model, readings, load("euler"), Options(), 1.0, "keep")[0]
    if (why := not_compared(model, plain)) and equal != _OTHER:
        equal += f", as its calls say; it was not run, for {why}"
    if any("TransformerEncoderLayer" in run.kind.split(" and ") for run in runs):
        equal += "; in eval mode of torch's own layers, but for its fast path"
    setattr(network, "conversion", Conversion(loaded.name or loaded.family, equal, tuple(runs), shown))  # noqa: B010
    return network


def _turned(
    model: nn.Module, readings: Sequence[Reading], scheme: Scheme, options: Options, h: float, after: Activation
) -> tuple[nn.Module, list[ConvertedRun], list[Left]]:
    """A copy of a network with its runs as blocks of a scheme; what was turned, and what is left."""
    compiled, network = compile(scheme, **vars(options)), copied(model)
    runs: list[ConvertedRun] = []
    left: list[Left] = []
    for found in [_placed(reading, network) for reading in readings]:
        why = _misfit(found, compiled) if not isinstance(found, Left) else None
        if isinstance(found, Left):
            left.append(found)
        elif why is not None:
            left.append(Left(found[0].where, type(found[0].module).__name__, why))
        else:
            block = _block(found, scheme, options, h, after)
            if not runs:
                try_step(block, found[0].where)
            runs.append(_about(found, block, h))
            network = _put(network, found, block)
    return network, runs, left


def _placed(found: Reading, network: nn.Module) -> Reading:
    """A reading with the modules of another copy of the network."""
    if isinstance(found, Left):
        return found
    return tuple(replace(block, module=network.get_submodule(block.where)) for block in found)


def _options(scheme: Scheme, options: CompileOptions) -> Options:
    for name, value, why in (
        ("step_weights", "shared", "the blocks of a network have weights of their own"),
        ("time_dependent", True, "the branches of a network take a state alone"),
        ("sharing", "channel", "the widths are not known before an input is; write 'step'"),
    ):
        if options.get(name) == value:
            raise InputError(f"{name}={value!r}: {why}")
    options.setdefault("coefficients", "learnable" if scheme.parameters else "fixed")
    check_names(options, ("h", "after"))
    return Options(**options)


def _check_shape(scheme: Scheme, block: type[CompiledBlock]) -> None:
    if block.states != ("y",):
        raise InputError(
            f"{scheme.name or scheme.family} steps on the states {', '.join(block.states)}, a network to convert "
            "has one; take a scheme of one state, or build a block with t2n.compile"
        )


def _parts(block: type[CompiledBlock]) -> int:
    """How many different fields a step has: those of an additive scheme, not those of its stages."""
    return len({name.partition("_")[2] for name in block.field_names})


def _misfit(run: Sequence[Block], block: type[CompiledBlock]) -> str | None:
    """Why a run cannot be one of the scheme's."""
    parts, sums = _parts(block), [len(b.sums) for b in run]
    if parts > 1 and set(sums) != {parts}:
        return f"blocks of {max(sums)} residual sums, and {parts} fields in a step of the scheme"
    if parts > 1 and any(s.after for b in run for s in b.sums[:-1]):
        return "something follows an addition inside the block, where an additive step has no place for it"
    steps = len(run) if parts > 1 else sum(sums)
    if steps <= block.lookback:
        return f"a run of {steps}, too short for a scheme that looks back {block.lookback}"
    return None


def _block(run: Sequence[Block], scheme: Scheme, options: Options, h: float, after: Activation) -> CompiledBlock:
    """The compiled block of a run."""
    fields = [[field_of(b.module, b.graph, s, after == "move") for s in b.sums] for b in run]
    around: list[Around] = []
    if after == "keep" and any(field.after is not None for field in chain(*fields)):
        around.append(After("after='keep'", "after='move'"))
    if run[0].arguments:
        around.append(Context())
    compiled = surrounded(scheme, options, *around)
    steps: list[BranchField | list[BranchField]] = [*fields] if _parts(compiled) > 1 else [*chain(*fields)]
    if options.stage_weights == "independent" and compiled.evaluations > 1:
        steps = [_copies(step, compiled) for step in steps]
    with growth_told():
        block = compiled(steps, h)
    if run[0].arguments:  # see `Takes`
        constants = dict(run[0].constants)
        vars(block).update(arguments=run[0].arguments, context=tuple(run[0].context), constants=constants)
    inside = {module for field in block.modules() if isinstance(field, BranchField) for module in field.modules()}
    for module in set(block.modules()) - inside:  # the fields have the modes that the blocks had
        module.training = run[0].module.training
    place = next(run[0].module.parameters(), None)
    if place is not None:  # coefficients are where the weights are
        for name in compiled.raw:
            value = block.get_parameter(name)
            block.register_parameter(name, nn.Parameter(value.detach().to(place), value.requires_grad))
    return block


def _copies(step: BranchField | list[BranchField], compiled: type[CompiledBlock]) -> list[BranchField]:
    """A field for each stage: the first is the network's own, the others start from a copy."""
    if isinstance(step, list):
        raise InputError("stage_weights='independent': with a scheme of several fields it is not done; drop it")
    return [step, *(copied(step) for _ in compiled.field_names[1:])]


def _put(network: nn.Module, run: Sequence[Block], block: nn.Module) -> nn.Module:
    """The network with a block in the place of the first of a run and nothing in that of the others."""
    if not run[0].where:
        return block
    for each in run[1:]:
        owner, _, name = each.where.rpartition(".")
        passed = (
            Absorbed() if each.arguments else nn.Identity()
        )  # as many modules as there were: a forward may count them
        network.get_submodule(owner).add_module(name, known_as(passed, each.module))
    known_as(block, run[0].module)
    network.set_submodule(run[0].where, block)
    return network


def _about(run: Sequence[Block], block: CompiledBlock, h: float) -> ConvertedRun:
    steps = len(block.fields)
    kinds = Counter(type(b.module).__name__ for b in run)
    afters = [field.after for field in block.modules() if isinstance(field, BranchField) and field.after is not None]
    after = ", ".join(sorted({_what(a) for a in afters}))
    notes = tuple(_notes(block, block.evaluations))
    evaluations = block.startup + (steps - block.startup) * block.evaluations
    where, last = run[0].where or "the network", run[-1].where or "the network"
    return ConvertedRun(where, last, " and ".join(kinds), len(run), steps, block.startup, evaluations, after, notes)


def _what(after: nn.Module) -> str:
    """What follows an addition, by the names of its calls."""
    assert isinstance(after, fx.GraphModule)
    names = []
    for node in after.graph.nodes:
        if node.op == "call_module":
            names.append(type(after.get_submodule(node.target)).__name__)
        elif node.op in ("call_function", "call_method"):
            names.append(name_of(node))
    return " then ".join(names)


def _notes(block: nn.Module, evaluations: int) -> list[str]:
    """What in the fields is more than a function of the state."""
    modules = list(block.modules())
    drops = any(type(m).__name__ in ("StochasticDepth", "DropPath") and _rate(m) > 0 for m in modules)
    scales = any("layer_scale" in n or n.endswith((".gamma", ".gamma_1")) for n, _ in block.named_parameters())
    norms = any(isinstance(m, _BatchNorm) for m in modules)
    several = evaluations > 1
    own = any(EVALUATIONS in m._modules for m in modules)
    apart = "has running statistics of each evaluation" if own else "counts a batch at each evaluation"
    return [
        *(["stochastic depth, drawn anew at each evaluation" if several else "stochastic depth"] if drops else ()),
        *(["layer scale is part of the field"] if scales else ()),
        *([f"BatchNorm {apart}"] if norms and several else ()),
    ]


def _rate(module: nn.Module) -> float:
    rate = getattr(module, "p", getattr(module, "drop_prob", 0.0))
    return float(rate or 0.0)


def _equality(scheme: Scheme, options: Options, h: float, moved: bool) -> str:
    """Whether the outputs are the original's. moved: what follows an addition is part of a field."""
    euler = replace(load("euler"), name="", title="", reference="", claims={})
    if replace(scheme, name="", title="", reference="", claims={}) != euler or h != 1:
        return _OTHER
    if options.coefficients != "fixed":
        return "are the original's up to rounding until a coefficient is trained"
    if moved:
        return "are the original's up to rounding: the field is a(y + f(y)) − y, and y is added to it again"
    return _EQUAL


def _nothing_found(model: nn.Module, left: Sequence[Left]) -> str:
    if not has_forward(model):
        return f"model is a {type(model).__name__}, which has no forward: convert the network that calls its modules"
    if (made := next((name for name, m in model.named_modules() if hasattr(type(m), "field_names")), None)) is not None:
        return (
            f"{made or 'the network'} of {type(model).__name__} is a block of a scheme already, and no other is found"
        )
    left = sorted(dict.fromkeys(left), key=lambda each: (each.opaque, not each.holds))
    if left:
        kinds = Counter((each.kind, each.why) for each in left)
        named = {(each.kind, each.why): each.where or "the network" for each in reversed(left)}
        seen = "; ".join(
            f"{named[key]} ({key[0]}){f' and {kinds[key] - 1} more' if kinds[key] > 1 else ''}: {key[1]}"
            for key in list(dict.fromkeys((each.kind, each.why) for each in left))[:3]
        )
        return f"no run of residual blocks to convert in {type(model).__name__}; {seen}"
    kinds_seen = Counter(type(m).__name__ for m in model.modules())
    seen = ", ".join(f"{count} × {kind}" for kind, count in kinds_seen.most_common(6))
    return f"no module of {type(model).__name__} returns branch(x) + x; seen: {seen}"
