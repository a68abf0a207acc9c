"""The torch reading of a step program: the source of the module that a careful person would have written."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import sympy

from tableau2net.codegen.backward import driver
from tableau2net.codegen.compile_options import Options
from tableau2net.codegen.emit import wrapped_call
from tableau2net.codegen.emitted import Program, program
from tableau2net.codegen.expressions import Combination, literal, scalar, wrapped
from tableau2net.codegen.header import header
from tableau2net.codegen.learnable import Learning
from tableau2net.codegen.loop_text import Loop, unpacked
from tableau2net.codegen.names import class_name, named
from tableau2net.codegen.startup import evaluated_parts, slope_weight, start_method
from tableau2net.errors import InputError
from tableau2net.scheme import Parameter, Scheme
from tableau2net.sinks import string, within
from tableau2net.step import Combine, Input, Step
from tableau2net.step.inverse import ITSELF


def source_of(scheme: Scheme, options: Options) -> tuple[str, str]:
    """The class name and the Python source for a scheme under the given options.

    The text imports torch and our support modules alone. Raises InputError when the scheme cannot be compiled.
    """
    ready = program(scheme, options)
    name = class_name(scheme.name)
    try:
        lines = list(_Class(ready).lines())
    except InputError as error:
        raise InputError(ready.numbers.named(str(error))) from None
    body = named("\n".join(lines), ready.numbers, ready.attributes)
    parts = [
        header(ready),
        "from __future__ import annotations",
        "",
        "from collections.abc import Iterable",
        *(["from typing import cast"] if "cast(" in body else []),
        "",
        *(["import torch"] if "torch." in body else []),
        "from torch import Tensor, nn",
        "",
        *_support(body),
        "",
        f"class {name}(nn.Module):",
        textwrap.indent(body, "    ", lambda line: bool(line.strip())),
    ]
    return name, "\n".join(parts) + "\n"


SUPPORT = {
    "stage_solve": ("Solver", "solve"),
    "slope_along": ("slope_along", "slope_and_derivative"),
    "linearised": ("linearised",),
    "resolved": ("own_solver", "resolved"),
    "phi_sums": ("phi_sum",),
    "construction": ("listed_fields", "nested_fields", "per_channel", "single_field", "step_size", "whole_number"),
    "evaluations": ("evaluation", "in_order", "in_turn", "own_statistics"),
    "untouched": ("untouched",),
    "checkpointed": ("checkpointed",),
    "replay": ("Replay",),
    "reversible": ("factor_cotangent", "reversible"),
    "rounding": ("check_growth", "rounding_growth"),
    "adjoint": ("adjoint",),
    "retraction": ("Retraction",),
}


def _support(body: str) -> Iterator[str]:
    """Imports of what the body uses of the support modules."""
    lines = []
    for module, names in SUPPORT.items():
        used = [name for name in names if re.search(rf"(?<![\w.]){name}\b[^'\"]", body)]
        if used:
            lines.append(f"from tableau2net.runtime.{module} import {', '.join(used)}")
    yield from [*lines, ""] if lines else []


class _Class:
    """The text of the class, a method at a time."""

    def __init__(self, ready: Program) -> None:
        self.ready, self.step, self.options = ready, ready.step, ready.options
        self.loop = Loop(ready)
        self.history, self.states = self.loop.history, self.loop.states
        self.one_field, self.several, self.per_step = self.loop.one_field, self.loop.several, self.loop.per_step
        self.raw = ready.learning.raw
        self.channel = bool(self.raw) and self.options.sharing == "channel"
        self.driver = driver(ready)

    def lines(self) -> Iterator[str]:
        yield from self._docstring()
        yield ""
        yield f"scheme = {string(self.ready.declared.name)}"
        yield f"order = {self.ready.order}"
        yield f"evaluations = {self.step.evaluations}"
        yield f"field_names = {_names(list(self.ready.field_names))}"
        yield f"states = {_names(self.states)}"
        yield f"history = {_names(self.history)}"
        yield f"lookback = {self.ready.depth}"
        yield f"coefficients = {_names([p.name for p in self.ready.scheme.parameters])}"
        called = [self.ready.attributes[p.name] for p in self.raw]
        if not self.ready.learning.identity:
            yield f"raw = {_names(called)}  # what is trained, from which the coefficients are made"
        elif called != [p.name for p in self.ready.scheme.parameters]:
            yield f"raw = {_names(called)}  # what they are called here"
        if self.ready.learning.retraction:
            order = self.options.keep_order
            yield f"conditions = (  # of order {order}, each zero"
            yield from (f'    "{condition}",' for condition in self.ready.learning.retraction.conditions)
            yield ")"
        yield ""
        yield from self._constructor()
        if self.raw:
            yield from self._learning()
        yield ""
        yield from self._step()
        if self.ready.start:
            yield ""
            yield from self._start(self.ready.start)
        yield from self.driver.methods
        yield ""
        yield from self._forward()

    def _docstring(self) -> Iterator[str]:
        what = "a field for all of them" if self.one_field else "a field for each step"
        if self.several:
            parts, stages = self.step.parts > 1, self.ready.by_stage
            names = ", ".join(self.ready.field_names)
            what = f"for {'all of them' if self.one_field else 'each step'} a list of fields: {names}"
            what += " (by stage and part)" if parts and stages else " (by part)" if parts else " (by stage)"
        about = [f"N steps of size h, {what}."]
        if self.ready.depth:
            about.append(
                f"given: how many past steps the call hands in, of the {self.ready.depth} that the scheme looks back."
            )
        if self.channel:
            about.append("channels: how many channels (dimension 1) a state has.")
        about += self.driver.about
        yield from ('"""' + "\n\n".join(about) + ('\n"""' if len(about) > 1 else '"""')).splitlines()

    def _constructor(self) -> Iterator[str]:
        entry = "Iterable[nn.Module]" if self.several else "nn.Module"
        arguments = [f"field: {entry}", "steps: int"] if self.one_field else [f"fields: Iterable[{entry}]"]
        arguments += ["h: float = 1.0"] + ["t0: float = 0.0"] * self.options.time_dependent
        arguments += ["*"] * bool(self.channel or self.ready.depth)
        arguments += ["channels: int"] * self.channel + ["given: int = 0"] * bool(self.ready.depth)
        yield f"def __init__(self, {', '.join(arguments)}) -> None:"
        yield "    super().__init__()"
        count, names = len(self.ready.field_names), ", ".join(self.ready.field_names)
        if self.one_field:
            what = f"field: a list of {count} modules, {names}" if self.several else "field: a module"
            called, more = ("listed_fields", (f"{count}",)) if self.several else ("single_field", ())
            lines = wrapped_call(f"self.field = {called}(", ("field", f'"{what}"', *more), ")")
            yield from (f"    {line}" for line in lines)
            yield '    self.steps = whole_number(steps, "steps")'
        elif self.several:
            what = f'"fields: for each step a list of {count} modules, {names}"'
            yield from (
                f"    {line}"
                for line in wrapped_call("self.fields = nested_fields(", ("fields", what, f"{count}"), ")")
            )
        else:
            yield '    self.fields = listed_fields(fields, "fields: a list of modules, one a step")'
        yield "    self.h = step_size(h)"
        if self.options.time_dependent:
            yield "    self.t0 = t0"
        if self.ready.depth:
            yield f'    self.given = whole_number(given, "given", {self.ready.depth})'
            yield f"    self.startup = {self.ready.depth} - self.given  # steps taken before the history is there"
        if self.raw:
            steps = "steps" if self.one_field else "len(self.fields)"
            steps = f"max(0, {steps} - self.startup)" if self.ready.depth else steps
            shape = {"shared": "()", "step": f"{steps}", "channel": f"{steps}, channels, 1, 1"}[self.options.sharing]
            yield from (f"    self.{p.name} = nn.Parameter(torch.empty({shape}))" for p in self.raw)
            if self.ready.learning.retraction:
                yield "    self.retraction = Retraction(self.coefficients, self.conditions)"
            yield "    self.reset_coefficients()"
        yield from (f"    {line}" for line in self._statistics())
        yield from (f"    {line}" for line in self.driver.constructor)

    def _statistics(self) -> Iterator[str]:
        """Running statistics for each evaluation, where there is more than one with the same weights."""
        counts, opening = self.ready.evaluated, self.ready.opening
        if counts:
            fields = ("[self.field]", repr(counts), "self.steps") if self.one_field else ("self.fields", repr(counts))
            yield f"own_statistics({', '.join(fields)}{f', opening={opening}' if opening else ''})"

    def _learning(self) -> Iterator[str]:
        learning = self.ready.learning
        yield ""
        yield "def reset_coefficients(self) -> None:"
        yield '    """Put the learnable coefficients where learning starts."""'
        yield from (f"    {line}" for line in _reset(learning))
        yield ""
        yield "def learnt(self) -> dict[str, Tensor]:"
        yield '    """The learnt coefficients, as a step uses them."""'
        if learning.retraction:
            yield from wrapped_call("    kept = self.retraction(", (f"self.{p.name}" for p in self.raw), ")")
            yield "    return dict(zip(self.coefficients, kept))"
        else:
            own = {p.symbol: sympy.Symbol(f"self.{p.name}") for p in self.raw}
            shared, values = sympy.cse(
                [v.xreplace(own) for v in learning.values.values()], sympy.numbered_symbols("x"), order="none"
            )
            yield from (f"    {symbol} = {scalar(expr)}" for symbol, expr in shared)
            public = (p.name for p in self.ready.scheme.parameters)
            entries = (f'"{name}": {scalar(v)}' for name, v in zip(public, values, strict=True))
            yield from wrapped_call("    return {", entries, "}")
        names = list(self.ready.factors.values())
        yield ""
        yield "def hoisted(self) -> tuple[Tensor, ...]:"
        yield '    """The factors of a step, computed for all steps at once."""'
        yield f"    {unpacked(list(learning.values))} = self.learnt().values()"
        shared, values = sympy.cse(self.ready.factor_values, sympy.numbered_symbols("x"), order="none")
        if any(expr.has(sympy.Symbol("h")) for _, expr in shared) or any(v.has(sympy.Symbol("h")) for v in values):
            yield "    h = self.h"
        yield from (f"    {symbol} = {scalar(expr)}" for symbol, expr in shared)
        yield from wrapped_call("    return (", (scalar(v) for v in values), ",)" if len(names) == 1 else ")")

    def _signature(self, name: str, fields: list[str], factors: list[str], step: Step, outputs: int) -> Iterator[str]:
        arguments = [f"{f}: nn.Module" for f in fields] + ["h: float"] + ["t: float"] * self.options.time_dependent
        arguments += [f"{name}: Tensor" for name in (*factors, *(i.name for i in step.inputs))]
        given = "Tensor" if outputs == 1 else f"tuple[{', '.join(['Tensor'] * outputs)}]"
        yield "@staticmethod"
        yield from wrapped_call(f"def {name}(", arguments, f") -> {given}:")

    def _step(self) -> Iterator[str]:
        step, reveal = self.step, self.options.reveal
        returned = [*step.outputs, *reveal]
        fields, factors = list(self.ready.field_names), list(self.ready.factors.values())
        yield from self._signature("step", fields, factors, step, len(returned))
        handed = f", then {', '.join(reveal)}" if reveal else ""
        yield f'    """One step: {", ".join(i.name for i in step.inputs)}, a step later{handed}."""'
        yield from self._in_order(fields)
        yield from (f"    {line}" if line else "" for line in self.ready.emission(step).lines(step, reveal))
        yield f"    return {', '.join(returned)}"

    def _start(self, start: Step) -> Iterator[str]:
        method = start_method(self.step, self.options).name or "unnamed"
        name = "from rest" if self.step.derivative == 2 else within(method)
        fields = [self.ready.first_field(part) for part in evaluated_parts(start)]
        yield from self._signature("start", fields, [], start, len(start.outputs))
        yield f'    """A step until the history is there: {name}."""'
        yield from self._in_order(fields)
        yield from (f"    {line}" if line else "" for line in self.ready.emission(start, first=True).lines(start))
        yield f"    return {', '.join(start.outputs)}"

    def _in_order(self, fields: list[str]) -> Iterator[str]:
        """In a step its fields, whose evaluations are told apart."""
        if self.ready.evaluated and fields:
            yield f"    {unpacked(fields)} = in_order({', '.join(fields)})"

    def _forward(self) -> Iterator[str]:
        result = "Tensor" if len(self.states) == 1 else f"tuple[{', '.join(['Tensor'] * len(self.states))}]"
        arguments = ["self", *(f"{name}: Tensor" for name in self.states)]
        if self.history:
            yield "def forward("
            yield from (f"    {argument}," for argument in arguments)
            yield from (f"    {name}: Tensor = None,  # type: ignore[assignment]" for name in self.history)
            yield f") -> {result}:"
            promised = [f"({i.age}, {i.name})" for i in self.step.history if i.age]
            if promised:
                yield f"    for age, past in ({', '.join(promised)}{',' * (len(promised) == 1)}):"
                yield "        if (age <= self.given) == (past is None):"
                what = "the call must hand in that many past steps, no more"
                yield f'            raise ValueError(f"given={{self.given}}: {what}")'
        else:
            yield f"def forward({', '.join(arguments)}) -> {result}:"
        yield "    h = self.h"
        yield from (f"    {line}" for line in self._opening())
        yield from (f"    {line}" for line in self._factors())
        yield from (f"    {line}" for line in self.driver.loop(self.loop))
        yield f"    return {', '.join(self.states)}"

    def _opening(self) -> Iterator[str]:
        """What is remembered of the state and of its slope, at the first state has to be computed."""
        for given, state in zip(self.step.history, self.states, strict=False):
            if given.nordsieck == ITSELF:
                yield f"{given.name} = {state} if {given.name} is None else {given.name}"
        there = "" if self.one_field else " and len(self.fields)"
        for given in self.step.history:
            if given.kind == "f" and given.age == 0:
                yield f"if {given.name} is None{there}:"
                yield f"    {given.name} = {self._first_slope(given.part)}"
        vectors = [i for i in self.step.history if i.nordsieck not in (None, ITSELF)]
        if vectors:
            missing = " or ".join(f"{given.name} is None" for given in vectors)
            yield f"if ({missing}){there}:" if len(vectors) > 1 else f"if {missing}{there}:"
            if any(slope_weight(given, self.step.derivative) for given in vectors):
                yield f"    slope = {self._first_slope(0)}"
            yield from (f"    {line}" for given in vectors for line in wrapped(self._vector(given)))

    def _vector(self, given: Input) -> str:
        """A Nordsieck vector that was not handed in, from the state and its slope; derivatives beyond count as 0."""
        assert given.nordsieck is not None
        known = Combine(
            given.name, ((given.nordsieck[0], self.states[0]), (slope_weight(given, self.step.derivative), "slope"))
        )
        text = Combination(frozenset({"slope"}), {}).text(known.terms, start=self.states[0])
        return f"{given.name} = {given.name} if {given.name} is not None else {text}"

    def _first_slope(self, part: int) -> str:
        """The call of a part's first field at the very first state."""
        first = self.ready.first_field(part)
        of_step = "self.field" if self.one_field else "self.fields[0]"
        where = f"{of_step}[{list(self.ready.field_names).index(first)}]" if self.several else of_step
        reads = next((o.reads for o in self.step.calls if o.part == part), (0,))
        arguments = ["self.t0"] * self.options.time_dependent + [self.states[state] for state in reads]
        mark = "  # type: ignore[index]" if self.several else ""
        if self.ready.evaluated:
            where = f"evaluation({where}, {self.ready.evaluated[self.ready.field_names.index(first)]})"
        return f"{where}({', '.join(arguments)}){mark}"

    def _factors(self) -> Iterator[str]:
        names = list(self.ready.factors.values())
        if not names:
            return
        # float32 coefficients must not widen a state of half precision: by promotion with a factor a channel, and by
        # autocast with any, which on a GPU computes addcmul in the widest type given
        cast = f".to({self.states[0]}.dtype)"
        factor = f"per_channel(factor{cast}, {self.states[0]})" if self.channel else f"factor{cast}"
        unbind = ".unbind()" * self.per_step
        yield f"{unpacked(names)} = ({factor}{unbind} for factor in self.hoisted())"


def _names(names: list[str]) -> str:
    """``("k",)``, broken into lines where it is long."""
    text = ", ".join(f'"{name}"' for name in names) + "," * (len(names) == 1)
    return "\n    ".join(["(", *textwrap.wrap(text, 90)]) + "\n)" if len(text) > 80 else f"({text})"


def _reset(learning: Learning) -> Iterator[str]:
    """Lines that put each raw parameter where its coefficients start: a declared distribution is that of the
    coefficient, and what is trained is found from it by the inverse of the map."""
    declared = {p.name: p for p in learning.scheme.parameters}
    for raw in learning.raw:
        inverse = learning.inverse.get(raw.name)
        drawn = [] if inverse is None else [declared[str(s)] for s in sorted(inverse.free_symbols, key=str)]
        if not any(p.init for p in drawn):
            yield f"nn.init.{_init(raw)}"
            continue
        yield "with torch.no_grad():"
        for p in drawn:
            tensor = f"torch.empty_like(self.{raw.name})"
            yield f"    {p.name} = nn.init.{_init(p, tensor)}"
        yield f"    self.{raw.name}.copy_({scalar(inverse)})"


def _init(p: Parameter, tensor: str = "") -> str:
    tensor = tensor or f"self.{p.name}"
    if p.init is None:
        return f"constant_({tensor}, {literal(p.value)})"
    return f"{p.init.kind}_({tensor}, {literal(p.init.first)}, {literal(p.init.second)})"
