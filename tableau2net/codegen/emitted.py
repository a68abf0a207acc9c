"""What is emitted: the step program of a scheme under given options, made ready for text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter

import sympy
from sympy import Expr

from tableau2net.analysis import order_conditions
from tableau2net.analysis.order.equality import changed
from tableau2net.codegen.compile_options import Options
from tableau2net.codegen.emit import FIELD, Emission, linear_field
from tableau2net.codegen.expressions import Combination, mixture_in
from tableau2net.codegen.learnable import Learning, NumberedNames, learning
from tableau2net.codegen.names import attributes
from tableau2net.codegen.startup import depth, slope_weight, startup
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme
from tableau2net.step import Along, Assignment, Call, Combine, Solve, Step, Transform, lower, prune
from tableau2net.step.inverse import ITSELF, Inverse, inverted
from tableau2net.step.optimise import Passed, optimise
from tableau2net.step.passes import timeless
from tableau2net.step.passes.common import each

H = sympy.Symbol("h")


@dataclass(frozen=True)
class Program:
    """A scheme as declared, how it is to be compiled, what of it is learnt, its step after each pass, and the
    inverse of that for a backward pass that needs it.

    scheme: the one whose open parameters are what is learnt, under their own names. In `learning`, the steps and all
    that is made of them they have `numbers`."""

    declared: Scheme
    options: Options
    scheme: Scheme
    numbers: NumberedNames
    learning: Learning
    passes: tuple[Passed, ...]
    back: Inverse | None = None

    @cached_property
    def attributes(self) -> dict[str, str]:
        """What the numbered parameters are called in the code."""
        return attributes(self.numbers)

    @property
    def order(self) -> int:
        """The order that holds whatever is learnt."""
        own = order_conditions(self.scheme).order
        return own if self.learning.retraction is None else max(own, self.options.keep_order or 0)

    @property
    def step(self) -> Step:
        """The step that is emitted."""
        return self.passes[-1].step

    @cached_property
    def start(self) -> Step | None:
        """The start-up step, where the scheme looks back further than one step."""
        return startup(self.step, self.options) if self.depth else None

    @property
    def depth(self) -> int:
        """How many steps back the oldest thing remembered is."""
        return depth(self.step)

    @property
    def field_names(self) -> tuple[str, ...]:
        """The fields of one step: one, or one a part, a stage, or both."""
        called = [(op.part, self.field(op)) for op in self.step.calls]
        applied = [(part, linear_field(part)) for part in self.step.operators("linear")]
        names = (name for _, name in sorted([*called, *applied], key=itemgetter(0)))
        return tuple(dict.fromkeys(names)) or ("f",)  # a scheme may evaluate nothing

    @property
    def by_stage(self) -> bool:
        """Whether stages have fields of their own, where there are several to tell apart."""
        return self.options.stage_weights == "independent" and len({op.slot for op in self.step.calls}) > 1

    def field(self, op: Call) -> str:
        """The name of the field that an evaluation calls: ``f``, ``f2`` by stage, ``f_1`` by part, ``f2_1`` by both."""
        stage = str(op.slot + 1) if self.by_stage else ""
        return f"f{stage}" + (f"_{op.part + 1}" if self.step.parts > 1 else "")

    def first_field(self, part: int) -> str:
        """The field of a part at its first stage: start-up steps use it throughout."""
        if part in self.step.operators("linear"):
            return linear_field(part)
        own = (op for op in self.step.calls if op.part == part)
        first = min(own, key=lambda op: op.slot, default=None)
        return self.field_names[0] if first is None else self.field(first)

    @cached_property
    def evaluated(self) -> tuple[int, ...]:
        """How often a step evaluates each field, as far as statistics are kept for each evaluation; where that is no
        more than once, with weights that no other step has, none."""
        if self.options.statistics == "shared" or self.options.solver == FIELD:
            return ()
        counts = self._counted(self.step)
        if self.start is not None:
            counts = [max(pair) for pair in zip(counts, self._counted(self.start, first=True), strict=True)]
        alone = sum(counts) <= 1 and self.options.step_weights == "independent" and not self.opening
        return () if alone else tuple(counts)

    @property
    def opening(self) -> tuple[int, ...]:
        """How often the fields of the first step are evaluated before it; none where they are not."""
        parts = [i.part for i in self.step.history if i.kind == "f" and i.age == 0]
        if any(slope_weight(i, self.step.derivative) for i in self.step.history if i.nordsieck not in (None, ITSELF)):
            parts.append(0)
        found = [self.first_field(part) for part in parts]
        return tuple(found.count(name) for name in self.field_names) if found else ()

    def _counted(self, step: Step, first: bool = False) -> list[int]:
        """How often a step evaluates each field: once for each call, and for each iteration where those are counted."""
        found = dict.fromkeys(self.field_names, 0)
        for op in step.operations:
            apart = (
                isinstance(op, Solve)
                and not self.options.tolerance
                and self.options.solver in ("fixed-point", "anderson")
            )
            times = self.options.iterations if apart else 1
            for o in op.members:
                if isinstance(o, Call) and not isinstance(o, Along):  # which is that of an evaluation
                    found[self.first_field(o.part) if first else self.field(o)] += times
        return list(found.values())

    def emission(self, step: Step, first: bool = False) -> Emission:
        """How a step is written; first: every evaluation calls its part's first field."""
        fields = frozenset(name for name, kind in step.kinds.items() if kind == "f")
        h = " * ".join(["h"] * step.derivative)
        o = self.options
        solver = f'Solver("{o.solver}", {o.tolerance!r}, {o.iterations}, "{o.gradient}")'
        if o.solver == "gradient":
            solver = f"{solver[:-1]}, {o.descent!r})"
        solver = {"resolvent": "", FIELD: FIELD}.get(o.solver, solver)  # the field's own
        combination = Combination(fields, self.factors, h, self.mixed)
        asked = o.solver == "gradient" and o.gradient == "start"
        choose = (lambda op: self.first_field(op.part)) if first else self.field
        return Emission(choose, combination, o.time_dependent, solver, asked, step.derivative, o.tolerance)

    @cached_property
    def factors(self) -> dict[tuple[Expr, bool], str]:
        """The learnt factors of a step and the names they go by; whether h is folded in (for field values) or not."""
        found: dict[tuple[Expr, bool], str] = {}
        kinds = self.step.kinds
        fields = {name for name, kind in kinds.items() if kind == "f"}
        taken = {*self.numbers.numbered, *self.attributes.values(), *kinds, *self.field_names}
        for op in self.step.flat():
            for coefficient, slope in self._wanted(op, fields):
                if not coefficient.is_number and (coefficient, slope) not in found:
                    found[coefficient, slope] = _factor_name(coefficient, slope, taken)
                    taken.add(found[coefficient, slope])
        return found

    def _wanted(self, op: Assignment, fields: set[str]) -> Iterator[tuple[Expr, bool]]:
        """The coefficients that an operation multiplies by, those that a mixture of states does not need left out;
        times and whatever else is not in a sum count with h."""
        if not isinstance(op, Combine):
            yield from ((c, not isinstance(op, Transform)) for c in op.coefficients)
            return
        mixture = mixture_in(op.terms, fields) if self.mixed else None
        yield from ((c, v in fields) for c, v in op.terms if not mixture or (c, v) != mixture[0])

    @property
    def mixed(self) -> bool:
        """Whether states are mixed by `lerp`; a step that is taken back names every factor."""
        return self.options.backward != "reversible"

    @property
    def factor_values(self) -> list[Expr]:
        """What they are, in terms of the learnt coefficients and h."""
        d = self.step.derivative
        return [coefficient * (H**d if slope else 1) for coefficient, slope in self.factors]


def program(scheme: Scheme, options: Options) -> Program:
    """The program of a scheme. Raises InputError when it cannot be compiled under these options."""
    public = learning(
        scheme,
        coefficients=options.coefficients,
        keep_order=options.keep_order,
        keep_stable=options.keep_stable,
        keep_range=options.keep_range,
    )
    assert isinstance(options.start, Scheme)  # a name was loaded when the options were made
    learnt, numbers = public.numbered(scheme.name, options.start.name)
    step = _with_error(lower(learnt.scheme)) if "error" in options.reveal else lower(learnt.scheme)
    step = step if options.time_dependent else timeless(step)
    one_field = options.step_weights == "shared"
    back = None
    if options.backward == "reversible":
        from tableau2net.codegen.pull import reversible_form

        step = reversible_form(prune(step), scheme.name or scheme.family, options.coupling, one_field)
        back = inverted(step, one_field=one_field)
    known = step.kinds
    for name in options.reveal:
        if name not in known:
            why = "the scheme has no embedded method" if name == "error" else f"a step has {', '.join(sorted(known))}"
            raise InputError(f"reveal={name!r}: {why}")
    passes = optimise(
        step,
        shared_stages=options.stage_weights == "shared",
        one_field=one_field and back is None,
        keep=options.reveal,
    )
    _prove(passes, scheme.name or scheme.family, options)
    return Program(scheme, options, public.scheme, numbers, learnt, passes, back)


def _prove(passes: tuple[Passed, ...], name: str, options: Options) -> None:
    """The program that is emitted is the one that was lowered: what is proved of the scheme holds of the code.

    AssertionError where a pass has changed it, which is a fault of ours, not of the scheme."""
    lowered, pruned, emitted = passes[0].step, passes[1].step, passes[-1].step
    wrong = changed(lowered, emitted, keep=options.reveal)
    if wrong is None and options.stage_weights == "independent":
        wrong = changed(pruned, emitted, by_slot=True, keep=options.reveal)
    if wrong is not None:
        raise AssertionError(f"{name}: a pass over the step has changed the scheme ({wrong}); please report this")


def _with_error(step: Step) -> Step:
    """The embedded estimate replaced by its distance from the result, "error", in which the state cancels; that of h·y'
    by "velocity_error"."""
    sums = {op.target: op.terms for op in step.flat() if isinstance(op, Combine)}
    errors: dict[str, Assignment] = {}
    for estimate, (_, result), name in zip(step.estimates, step.arguments, ("error", "velocity_error"), strict=False):
        errors[estimate] = Combine(name, (*sums[result], *((-c, v) for c, v in sums[estimate])))
    operations = each(step.operations, lambda op: errors.get(op.target, op))
    return replace(step, operations=operations).without_estimates()


def _factor_name(coefficient: Expr, slope: bool, taken: set[str]) -> str:
    if coefficient.is_Symbol and not slope:
        return str(coefficient)
    if coefficient.is_Symbol and f"h_{coefficient}" not in taken:
        return f"h_{coefficient}"
    return next(name for i in range(1, 10_000) if (name := f"c{i}") not in taken)
