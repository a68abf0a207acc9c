"""The start-up step: what a scheme with a history does until it has one.

It is a program with the inputs and outputs of the scheme's own step: the state goes on by a one-step method, and all
else that will be remembered is made ready, each thing by what it stands for.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Rational, S

from tableau2net.codegen.options import Options
from tableau2net.errors import InputError
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta
from tableau2net.step import Combine, Evaluate, Input, Operation, Solve, Step, lower, prune, rename
from tableau2net.step.passes.common import each
from tableau2net.step.passes.unify import unify


def depth(step: Step) -> int:
    """How many steps back the oldest thing remembered is."""
    return max((i.age for i in step.history), default=0)


def startup(step: Step, options: Options) -> Step:
    """The start-up step of a scheme's step. For y'' = f it is a step from rest, y + h²/2 f(y)."""
    if any(i.nordsieck is not None for i in step.history):
        raise InputError("a Nordsieck vector cannot be started by a step: hand it in, for as long as it is")
    if step.derivative == 2:
        start = Step(step.states, (Evaluate("k1", ("y",), S.Zero, 0), _sum("y_new", "y", Rational(1, 2))), ("y_new",))
    else:
        start = prune(lower(_for_parts(options.start_scheme, step.parts)))
    return _Start(step, start).program()


def _sum(target: str, state: str, factor: Expr) -> Combine:
    return Combine(target, ((S.One, state), (factor, "k1")))


def _for_parts(scheme: RungeKutta | AdditiveRungeKutta, parts: int) -> RungeKutta | AdditiveRungeKutta:
    """The start-up method for a sum of several fields: the same tableau for each of them."""
    if isinstance(scheme, RungeKutta):
        return scheme if parts == 1 else AdditiveRungeKutta(parts=(scheme,) * parts, name=scheme.name)
    if len(scheme.parts) != parts:
        raise InputError(f"start={scheme.name!r} is for {len(scheme.parts)} fields, the scheme has {parts}")
    return scheme


class _Start:
    """Builds the program, a remembered thing at a time."""

    def __init__(self, step: Step, start: Step) -> None:
        self.step = step
        self.operations: list[Operation] = list(rename(start, {start.result: step.result}).operations)
        self.start = start
        known = [i for i in step.inputs if i.kind == "f" and i.age == 0]
        self._reuse(known)

    def _reuse(self, known: list[Input]) -> None:
        """A field value at y that is remembered already is not computed again."""
        for given in known:
            for op in [op for op in self.operations if isinstance(op, Evaluate)]:
                if op.part == given.part and op.values == ("y",) and op.time.is_zero:
                    self.operations.remove(op)
                    moved = rename(replace(self.step, operations=tuple(self.operations)), {op.target: given.name})
                    self.operations = list(moved.operations)

    def program(self) -> Step:
        outputs = tuple(self._made(i, o) for i, o in zip(self.step.inputs, self.step.outputs, strict=True))
        slots = each(tuple(self.operations), lambda op: replace(op, slot=0) if isinstance(op, Evaluate) else op)
        return unify(Step(self.step.inputs, slots, outputs, derivative=self.step.derivative))  # equal, as one field is

    def _made(self, given: Input, name: str) -> str:
        """The value that will stand in the place of an input, one step on."""
        if given in self.step.states:
            return self.step.result
        if given.stage:
            return self._at_stage(given, name)
        if given.age == 0:
            return self._evaluated(name, self.step.result, S.One, given.part)
        younger = [
            i
            for i in self.step.inputs
            if i.kind == given.kind and i.age == given.age - 1 and i.part == given.part and not i.stage
        ]
        if younger:
            return younger[0].name
        return self._evaluated(name, "y", S.Zero, given.part)

    def _evaluated(self, name: str, at: str, time: Expr, part: int) -> str:
        for op in self.operations:
            if isinstance(op, Evaluate) and (op.values, op.time, op.part) == ((at,), time, part):
                return op.target
        taken = {op.target for op in self.operations if not isinstance(op, Solve)}
        fresh = f"{name}_new" if name in taken else name
        self.operations.append(Evaluate(fresh, (at,), time, 0, part))
        return fresh

    def _at_stage(self, given: Input, name: str) -> str:
        """The field where a stage of this step would be: at the end of a start-up step of that length."""
        (stage,) = (op for op in self.step.flat() if isinstance(op, Evaluate) and op.target == given.stage)
        here = {p.symbol: p.value for p in self.step.parameters}  # a node that is learnt starts where it is declared
        stage = replace(stage, time=stage.time.subs(here))
        if stage.time.is_zero:
            return self._evaluated(name, "y", S.Zero, given.part)
        if stage.time == 1:
            return self._evaluated(name, self.step.result, S.One, given.part)
        inner = {op.target: f"{op.target}_{name}" for op in self.start.flat()}

        def shortened(op: Combine | Evaluate) -> Combine | Evaluate:
            if isinstance(op, Evaluate):
                return replace(op, time=op.time * stage.time)
            return Combine(op.target, tuple((c if self._state(v) else c * stage.time, v) for c, v in op.terms))

        self.operations += each(rename(self.start, inner).operations, shortened)
        return self._evaluated(name, inner[self.start.result], stage.time, given.part)

    def _state(self, name: str) -> bool:
        return name in {i.name for i in self.start.inputs} or name.startswith("y")
