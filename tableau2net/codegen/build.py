"""From source text to a class that a debugger can show, pickle can carry, and everyone shares."""

from __future__ import annotations

import builtins
import hashlib
import linecache
import sys
from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Unpack

from tableau2net.codegen.compile_options import CompileOptions, Options, check_names
from tableau2net.codegen.compiled_block import CompiledBlock, Made
from tableau2net.codegen.inline import standalone
from tableau2net.codegen.source import source_of
from tableau2net.codegen.stencil_source import write_stencil_source
from tableau2net.codegen.stochastic_source import StochasticOptions, stochastic_source
from tableau2net.errors import InputError
from tableau2net.scheme import CoefficientTable, Scheme, Stencil, StochasticRungeKutta, as_scheme, as_table

if TYPE_CHECKING:
    from torch import nn

READINGS = {
    **dict.fromkeys(("part", "split", "trajectory", "costates"), "tableau2net.codegen.unrolled"),
    "parallel": "tableau2net.codegen.layer_parallel",
}


def compile(scheme: Scheme | str | Path, **options: Unpack[CompileOptions]) -> type[CompiledBlock]:
    """The ``nn.Module`` class of an explicit scheme: ``Block(fields, h=1.0)(y)`` takes a step with each field.

    scheme: a scheme, a name, or the path of a scheme file.
    options: see `Options` (coefficients, sharing, stage_weights, start, time_dependent).

    Fields are modules ``f(y)`` (``f(t, y)`` with time_dependent=True), one a step, or a list of one a stage with
    stage_weights="independent". A block of a multistep scheme takes its history as further arguments
    (``block(y, y_prev)``), for as many past steps as ``given`` announced; without them it starts itself.
    The same scheme and options give the same class. Raises InputError when the scheme cannot be compiled.
    """
    return _class(as_scheme(scheme), _options(options))


def write_source(scheme: Scheme | str | Path, **options: Unpack[CompileOptions]) -> str:
    """The standalone Python file for a scheme: what `compile` would run, needing torch alone. Of a stencil, which takes
    none of the options, the module that takes the derivative."""
    table = as_table(scheme, CoefficientTable)
    if isinstance(table, Stencil):
        if _options(options) != Options():
            raise InputError(f"{table.name or 'this'} is a stencil: its module takes none of the options of schemes")
        return write_stencil_source(table)
    if isinstance(table, StochasticRungeKutta):
        given, plain = vars(_options(options)), vars(Options())
        own = {n: float(x) if n == "coupling" else x for n, x in given.items() if x != plain[n]}
        return standalone(stochastic_source(table, StochasticOptions(**_own_options(own)))[1])
    return standalone(source_of(as_scheme(scheme), _options(options))[1])


def compile_stochastic(scheme: StochasticRungeKutta | str | Path, **options: Any) -> type[nn.Module]:
    """The ``nn.Module`` class of a stochastic scheme: ``Block(fields, h)(y)`` takes a step of dX = f dt + Σ g^k dW_k
    with each list [f, g] of fields (with noises=m [f, g1, …, gm]); step_weights="shared": ``Block([f, g], steps, h)``.

    options: see `StochasticOptions`. ``block(y, key=mixed(seed, batch))`` draws its noise from that key, which torch's
    generator gives by itself. Raises InputError."""
    return _stochastic_class(as_table(scheme, StochasticRungeKutta), StochasticOptions(**_own_options(options)))


def _own_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a stochastic scheme. Raises InputError for others."""
    known = StochasticOptions.__dataclass_fields__
    for name in options:
        if name not in known:
            raise InputError(f"{name[:60]}: no option of a stochastic scheme, which has {', '.join(known)}")
    return options


@cache
def _stochastic_class(scheme: StochasticRungeKutta, options: StochasticOptions) -> type[nn.Module]:
    cls: type[nn.Module] = _defined(*stochastic_source(scheme, options))
    cls.__reduce_ex__ = lambda block, protocol: (_empty, (scheme, options), vars(block))  # type: ignore[method-assign]
    return cls


def _empty(scheme: StochasticRungeKutta, options: StochasticOptions) -> nn.Module:
    """An empty instance for pickle and deepcopy to fill."""
    cls = _stochastic_class(scheme, options)
    return cls.__new__(cls)


def _options(options: CompileOptions) -> Options:
    check_names(options)
    return Options(**options)


@cache
def _class(scheme: Scheme, options: Options) -> type[CompiledBlock]:
    cls: type[CompiledBlock] = _defined(*source_of(scheme, options))
    if "made_of" not in vars(cls):
        Made(_class, scheme, options).write_on(cls)
        for name in READINGS:
            setattr(cls, name, _reading(name))
    return cls


def _defined(name: str, source: str) -> Any:
    """The class that source defines; the same source is the same class."""
    module_name = f"tableau2net.generated.{name}_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    module = sys.modules.get(module_name)
    return getattr(module or _execute(module_name, source), name)


def _reading(name: str) -> Callable[..., Any]:
    """A method of blocks that is imported when it is first called: whoever compiles a scheme need not wait for it."""

    @wraps(getattr(CompiledBlock, name))
    def method(block: CompiledBlock, *arguments: Any, **named: Any) -> Any:
        return getattr(import_module(READINGS[name]), name)(block, *arguments, **named)

    return method


def _execute(module_name: str, source: str) -> ModuleType:
    """Run generated source as a module whose lines tracebacks and `inspect` can find."""
    module = ModuleType(module_name, "Generated by tableau2net.")
    module.__file__ = f"<{module_name}>"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    exec(builtins.compile(source, module.__file__, "exec"), vars(module))
    sys.modules[module_name] = module
    return module
