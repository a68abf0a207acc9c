"""A stochastic scheme as torch: the text of a module of steps of dX = f dt + Σ_k g^k dW_k.

Fields and sums are written as those of other schemes are. What stands before a g is a tensor, √h times a polynomial in
the increments of the step; these come from a key and the number of the step (see `runtime.increments`), so that whoever
takes a step again draws them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sympy import Expr, Symbol

from tableau2net.analysis.order.equality import changed
from tableau2net.analysis.stochastic.elementary_weights import stochastic_step
from tableau2net.codegen.emit import Emission, wrapped_call
from tableau2net.codegen.expressions import Combination, literal, scalar
from tableau2net.codegen.loop_text import unpacked
from tableau2net.codegen.names import class_name
from tableau2net.errors import InputError
from tableau2net.scheme import StochasticRungeKutta
from tableau2net.sinks import comment, string, within
from tableau2net.step.combine import Combine
from tableau2net.step.operation import Call
from tableau2net.step.optimise import optimise

MAX_NOISES = 8
DRAWN = "Callable[[int, Tensor], Sequence[Tensor]]"
BACKWARD = ("store", "checkpoint", "reversible")
SUPPORT = {
    "checkpointed": ("checkpointed",),
    "construction": ("forward_step", "listed_fields", "nested_fields", "whole_number"),
    "coupled_noise": ("coupled",),
    "increments": ("fresh_key", "increments", "whole_key"),
    "stage_solve": ("Solver", "solve"),
}


@dataclass(frozen=True)
class StochasticOptions:
    """How a stochastic scheme becomes a module.

    noises: how many g^k there are. One g is multiplied by an increment for each entry of the state (diagonal noise) or,
        with sample=True, for each sample; several by one each for each sample.
    step_weights, time_dependent: as of `t2n.compile`.
    backward: "store"; "checkpoint", steps are taken again; "reversible", they are undone, coupled with steps backwards
        by λ = `coupling`. In both their increments are drawn again.
    tolerance: of implicit stages."""

    noises: int = 1
    sample: bool | None = None
    step_weights: Literal["independent", "shared"] = "independent"
    time_dependent: bool = False
    backward: Literal["store", "checkpoint", "reversible"] = "store"
    coupling: float = 0.999
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        rules = (
            ("noises", isinstance(self.noises, int) and 1 <= self.noises <= MAX_NOISES, f"1 to {MAX_NOISES}"),
            ("sample", self.sample in (None, True, False), "True or False"),
            ("step_weights", self.step_weights in ("independent", "shared"), "'independent' or 'shared'"),
            ("time_dependent", isinstance(self.time_dependent, bool), "True or False"),
            ("backward", self.backward in BACKWARD, f"one of {', '.join(BACKWARD)}"),
            ("coupling", isinstance(self.coupling, float) and 0 < self.coupling <= 1, "a number above 0, to 1"),
            ("tolerance", isinstance(self.tolerance, float) and 0 <= self.tolerance < 1, "a number from 0 to 1"),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InputError(f"{name}={getattr(self, name)!r}: it is {wanted}")
        if self.noises > 1 and self.sample is False:
            raise InputError("sample=False: several noises have an increment for each sample; drop it, or noises")


@dataclass(frozen=True)
class _WithNoise(Combination):
    """Sums in which what stands before the value of a g is √h times a number, or a tensor of the step."""

    noises: Mapping[str, int] = field(default_factory=dict)

    def _product(self, coefficient: Expr, value: str) -> str:
        if value not in self.noises:
            return super()._product(coefficient, value)
        return f"{self._before(coefficient)} * {value}"

    def _link(self, coefficient: Expr, value: str, mark: str) -> str:
        if value not in self.noises:
            return super()._link(coefficient, value, mark)
        before = self._before(coefficient)
        if coefficient.is_number:
            return f".add{mark}({value}, alpha={before})"
        return f".addcmul{mark}({value}, {before})"

    def _before(self, coefficient: Expr) -> str:
        if not coefficient.is_number:
            return self.learnt[coefficient, True]
        number = literal(coefficient)
        return {"1": "root", "-1": "-root"}.get(number, f"{number} * root")


def stochastic_source(scheme: StochasticRungeKutta, options: StochasticOptions) -> tuple[str, str]:
    """The name of the class and its source. Raises InputError where its increments cannot be drawn."""
    if scheme.noise == "scalar" and options.noises > 1:
        raise InputError(f"noises={options.noises}: {scheme.name or 'the scheme'} is for one noise")
    if scheme.noise == "diagonal" and options.noises > 1:
        own = f"{scheme.name or 'the scheme'} is for diagonal noise, one g with an increment for each entry"
        raise InputError(f"noises={options.noises}: {own}; take a scheme for general noise, ri1 say")
    text = _Text(scheme.at_defaults(), options)
    body = "\n".join(text.lines())
    name = class_name(scheme.name)
    used = {module: [n for n in names if f" {n}(" in body] for module, names in SUPPORT.items()}
    head = [
        comment(f"scheme {scheme.name or 'unnamed'}{f': {scheme.title}' if scheme.title else ''}"),
        *([comment(f"from {scheme.reference}")] if scheme.reference else []),
        comment(f"{scheme.family}, {scheme.calculus}, for {scheme.noise} noise"),
        *(comment(f"with {p.name} = {p.value}") for p in scheme.parameters),
        "from __future__ import annotations",
        "",
        "from collections.abc import Callable, Iterable, Sequence",
        "from typing import cast",
        "",
        "from torch import Tensor, nn",
        "",
        *(f"from tableau2net.runtime.{module} import {', '.join(names)}" for module, names in used.items() if names),
        "",
        "",
        f"class {name}(nn.Module):",
    ]
    return name, "\n".join([*head, body]) + "\n"


class _Text:
    """The text of the class."""

    def __init__(self, scheme: StochasticRungeKutta, options: StochasticOptions) -> None:
        self.scheme, self.options = scheme, options
        self.sample = options.noises > 1 or scheme.noise == "scalar" if options.sample is None else options.sample
        lowered = stochastic_step(scheme, options.noises)
        self.step = optimise(lowered)[-1].step
        if (wrong := changed(lowered, self.step)) is not None:
            raise AssertionError(f"{scheme.name}: a pass over the step has changed the scheme ({wrong})")
        self.values = {op.target: op.part for op in self.step.flat() if isinstance(op, Call) and op.part}
        self.before: dict[tuple[Expr, bool], str] = {}
        self.symbols: set[Symbol] = set()
        for op in self.step.flat():
            for coefficient, value in op.terms if isinstance(op, Combine) else ():
                if not coefficient.is_number:
                    if value not in self.values:
                        raise InputError(f"{scheme.name or 'the scheme'}: a random number stands before a state")
                    self.before.setdefault((coefficient, True), f"w{len(self.before) + 1}")
                    self.symbols |= coefficient.free_symbols
        self.renamed, self.drawn = self._variables()
        self.fields = ["f", *([f"g{k}" for k in range(1, options.noises + 1)] if options.noises > 1 else ["g"])]

    def _mark(self, noise: object) -> str:
        return str(noise) if self.options.noises > 1 else ""

    def _variables(self) -> tuple[dict[Symbol, Expr], list[str]]:
        """The symbols of the step by what they are called in the code, and what is drawn."""
        scheme, noises = self.scheme, range(1, self.options.noises + 1)
        names = {s: s.name.split("_") for s in self.symbols}
        renamed: dict[Symbol, Expr] = {s: Symbol(f"{n[0]}{self._mark(n[1])}") for s, n in names.items() if n[0] in "WH"}
        areas = {(s, n[0], int(n[1]), int(n[2])) for s, n in names.items() if n[0] in "JA"}
        if areas and scheme.law == "gaussian":
            told = f"{scheme.name or 'the scheme'}: it takes Lévy areas, which are not drawn"
            raise InputError(f"{told}; with noises=1 it takes none")
        called = {*map(str, renamed.values()), *([f"W{k}" for k in noises] if areas else [])}
        drawn = [name for v in "WH" for k in noises if (name := f"{v}{self._mark(k)}") in called]
        by_pair = scheme.law == "three-point"
        pairs = sorted({(min(a, b), max(a, b)) for _, _, a, b in areas})
        drawn += list(dict.fromkeys(f"V{a}_{b}" if by_pair else f"V{a}" for a, b in pairs))
        return renamed | {s: self._pair(letter, a, b) for s, letter, a, b in areas}, drawn

    def _pair(self, letter: str, inside: int, outside: int) -> Expr:
        """J and A of two noises, in increments and signs."""
        first, last = sorted((inside, outside))
        sign = Symbol(f"V{first}_{last}" if self.scheme.law == "three-point" else f"V{first}")
        area = (1 if inside == first else -1) * sign / 2
        if self.scheme.law == "three-point-products":
            area = area * Symbol(f"W{last}")
        return area + Symbol(f"W{inside}") * Symbol(f"W{outside}") / 2 if letter == "J" else area

    def lines(self) -> Iterator[str]:
        yield from (f"    {line}" if line else "" for line in self._class())

    def _class(self) -> Iterator[str]:
        o, s = self.options, self.scheme
        shared = o.step_weights == "shared"
        sense = "Itô" if s.calculus == "ito" else "Stratonovich"
        sums = " + ".join(f"{g} dW" for g in self.fields[1:])
        each, of = "for all of them" if shared else "for each step", "sample" if self.sample else "entry of the state"
        yield f'"""N steps of size h of dX = f dt + {sums} ({sense}), fields {each}.'
        yield ""
        yield f"The noise has one number for each {of} and step. key: what it is drawn from; by itself one"
        yield "that torch's generator gives. noise: in its place, what gives the variables of a step, see"
        yield '`variables`."""'
        yield ""
        yield f"scheme = {string(s.name)}"
        yield f"calculus = {string(s.calculus)}"
        yield f"law = {string(s.law)}"
        yield f"evaluations = {self.step.evaluations}"
        yield f"variables = ({' '.join(f'{string(name)},' for name in self.drawn)})"
        yield ""
        entry = "field: Iterable[nn.Module], steps: int" if shared else "fields: Iterable[Iterable[nn.Module]]"
        yield f"def __init__(self, {entry}, h: float = 1.0, t0: float = 0.0) -> None:"
        yield "    super().__init__()"
        names = ", ".join(self.fields)
        if shared:
            what = f'"field: a list of {len(self.fields)} modules, {names}"'
            yield f"    self.field = listed_fields(field, {what}, {len(self.fields)})"
            yield '    self.steps = whole_number(steps, "steps", least=1)'
        else:
            what = f'"fields: for each step a list of {len(self.fields)} modules, {names}"'
            yield f"    self.fields = nested_fields(fields, {what}, {len(self.fields)})"
        yield "    self.h = forward_step(h)"
        yield "    self.t0 = t0"
        yield ""
        yield from self._step()
        yield ""
        yield from self._forward()

    def _step(self) -> Iterator[str]:
        arguments = [*(f"{f}: nn.Module" for f in self.fields), "h: float", "t: float", "y: Tensor"]
        arguments += [f"{name}: Tensor" for name in self.drawn]
        yield "@staticmethod"
        yield from wrapped_call("def step(", arguments, ") -> Tensor:")
        yield f'    """One step from y at t{": " + within(self.scheme.title) if self.scheme.title else ""}."""'
        if self.values:
            yield "    root = abs(h) ** 0.5"
        for (coefficient, _), name in self.before.items():
            yield f"    {name} = root * ({scalar(coefficient.xreplace(self.renamed))})"
        yield from (f"    {line}" if line else "" for line in self._emission().lines(self.step))
        yield f"    return {self.step.result}"

    def _emission(self) -> Emission:
        slopes = frozenset(name for name, kind in self.step.kinds.items() if kind == "f")
        sums = _WithNoise(slopes, self.before, "h", False, self.values)
        solver = f'Solver("newton-krylov", {self.options.tolerance!r}, 50, "implicit")'
        return Emission(lambda op: self.fields[op.part], sums, self.options.time_dependent, solver)

    def _forward(self) -> Iterator[str]:
        shared = self.options.step_weights == "shared"
        names = ", ".join(self.fields)
        noise = f"noise: {DRAWN} | None"
        yield from wrapped_call(
            "def drawn(", ["self", "n: int", "y: Tensor", "key: int", noise], ") -> Sequence[Tensor]:"
        )
        yield '    """The random variables of step n."""'
        yield "    if noise is not None:"
        yield "        return noise(n, y)"
        yield f"    return increments(key, n, y, self.variables, self.law{', True' if self.sample else ''})"
        yield ""
        fields = [f"{f}: nn.Module" for f in self.fields]
        yield from wrapped_call(
            "def taken(", ["self", *fields, "n: int", "y: Tensor", "key: int", noise], ") -> Tensor:"
        )
        yield '    """Step n, its random variables drawn."""'
        yield f"    return self.step({names}, self.h, self.t0 + n * self.h, y, *self.drawn(n, y, key, noise))"
        yield ""
        forward = ["self", "y: Tensor", "key: int | None = None", f"{noise} = None"]
        yield from wrapped_call("def forward(", forward, ") -> Tensor:")
        yield "    key = fresh_key() if key is None else whole_key(key)"
        if self.options.backward == "reversible":
            yield from (f"    {line}" for line in self._reversible(names, "self.field" if shared else "self.fields[n]"))
            return
        yield "    for n in range(self.steps):" if shared else "    for n, each in enumerate(self.fields):"
        yield f'        {unpacked(self.fields)} = cast("Iterable[nn.Module]", {"self.field" if shared else "each"})'
        kept = self.options.backward == "checkpoint"
        call = f"{names}, n, y, key, noise"
        yield f"        y = checkpointed(self.taken, {call})" if kept else f"        y = self.taken({call})"
        yield "    return y"

    def _reversible(self, names: str, where: str) -> Iterator[str]:
        """Steps that are undone: one step back has the increments with the other sign."""
        yield ""
        yield "def at(n: int, y: Tensor, back: bool) -> Tensor:"
        yield f'    {unpacked(self.fields)} = cast("Iterable[nn.Module]", {where})'
        yield "    drawn = self.drawn(n, y, key, noise)"
        yield "    if not back:"
        yield f"        return self.step({names}, self.h, self.t0 + n * self.h, y, *drawn)"
        signed = '[-x if name[0] == "W" else x for name, x in zip(self.variables, drawn)]'
        yield f"    return self.step({names}, -self.h, self.t0 + (n + 1) * self.h, y, *{signed})"
        yield ""
        shared = self.options.step_weights == "shared"
        count, modules = ("self.steps", "self.field") if shared else ("len(self.fields)", "self.fields")
        yield f"return coupled(at, {count}, {self.options.coupling!r}, y, [{modules}])"
