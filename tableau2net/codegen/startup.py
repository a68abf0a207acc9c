"""The start-up step: what a scheme with a history does until it has one.

It is a program with the inputs and outputs of the scheme's own step: the state goes on by a one-step method, and all
else that will be remembered is made ready, each thing by what it stands for.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Rational, S

from tableau2net.codegen.compile_options import Options
from tableau2net.errors import InputError
from tableau2net.scheme import AdditiveRungeKutta, RungeKutta, Scheme, lawson, load
from tableau2net.step import Assignment, Call, Combine, Evaluate, Input, Operation, Step, lower, prune, rename
from tableau2net.step.passes.common import each, fresh
from tableau2net.step.passes.unify import unify


def depth(step: Step) -> int:
    """How many steps back the oldest thing remembered is."""
    return max((i.age for i in step.history), default=0)


def evaluated_parts(step: Step) -> list[int]:
    """Which of the system's fields a step evaluates, or takes functions of: a part whose weights are all 0 has none."""
    return sorted({op.part for op in step.calls} | step.operators("linear"))


def startup(step: Step, options: Options) -> Step:
    """The start-up step of a scheme's step: fields that its step does not evaluate, the start-up does not either. For
    y'' = f it is a step from rest, y + h²/2 f(y)."""
    if step.derivative == 2:
        start = Step(step.states, (Evaluate("k1", ("y",), S.Zero, 0), _sum("y_new", "y", Rational(1, 2))), ("y_new",))
    elif step.operators("linear") or step.operators("jacobian"):
        start = prune(lower(start_method(step, options)))
    else:
        start = prune(_for_parts(options.start_scheme, step.fields, evaluated_parts(step) or [0]))
    return _Start(step, start).program()


def start_method(step: Step, options: Options) -> Scheme:
    """What starts it: the options' method, or what stands for that where a step applies functions of an operator."""
    if step.operators("linear"):
        return _exponential(options.start_scheme)
    return _propagated(options.start_scheme) if step.operators("jacobian") else options.start_scheme


def slope_weight(given: Input, derivative: int) -> Expr:
    """q_1 of an input that stands for Σ q_k h^k y^(k): what is known of it beside y when there is but a state. Of
    y'' = f it is y', which is 0: a network begins at rest."""
    assert given.nordsieck is not None
    if derivative == 2:
        return S.Zero
    return given.nordsieck[1] if len(given.nordsieck) > 1 else S.Zero


def _sum(target: str, state: str, factor: Expr) -> Combine:
    return Combine(target, ((S.One, state), (factor, "k1")))


def _exponential(scheme: RungeKutta | AdditiveRungeKutta) -> Scheme:
    """The start-up method with L done exactly: Lawson's form, and of Euler's method the exponential one, which keeps
    equilibria."""
    if isinstance(scheme, RungeKutta) and scheme.explicit:
        return load("etd-1") if scheme.stages == 1 else lawson(scheme)
    raise InputError(f"start={scheme.name!r}: an explicit Runge–Kutta method is needed, L is done exactly")


def _propagated(scheme: RungeKutta | AdditiveRungeKutta) -> Scheme:
    """Of schemes that take functions of the Jacobian, the same in the place of Euler's method: no less stable."""
    if isinstance(scheme, RungeKutta) and scheme.explicit and scheme.stages == 1:
        return load("exponential-rosenbrock-euler")
    raise InputError(f"start={scheme.name!r}: steps by functions of the Jacobian start by those alone; leave it out")


def _for_parts(scheme: RungeKutta | AdditiveRungeKutta, parts: int, used: list[int]) -> Step:
    """The step of the start-up method for some of several fields: the same tableau for each, or each its own."""
    if isinstance(scheme, AdditiveRungeKutta) and len(scheme.parts) != parts:
        raise InputError(f"start={scheme.name!r} is for {len(scheme.parts)} fields, the scheme has {parts}")
    tables = [scheme.parts[part] if isinstance(scheme, AdditiveRungeKutta) else scheme for part in used]
    step = lower(AdditiveRungeKutta(parts=tuple(tables)))

    def of_its_part(op: Assignment) -> Assignment:
        return replace(op, part=used[op.part]) if isinstance(op, Call) else op

    return replace(step, operations=each(step.operations, of_its_part))


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
        slots = each(tuple(self.operations), lambda op: replace(op, slot=0) if isinstance(op, Call) else op)
        return unify(Step(self.step.inputs, slots, outputs, derivative=self.step.derivative))  # equal, as one field is

    def _made(self, given: Input, name: str) -> str:
        """The value that will stand in the place of an input, one step on."""
        if given in self.step.states:
            return self.step.result
        if given.stage:
            return self._at_stage(given, name)
        if given.nordsieck is not None:
            return self._nordsieck(given, name)
        if given.age == 0:
            return self._evaluated(name, self.step.result, S.One, given.part)
        same = (
            i
            for i in self.step.inputs
            if (i.kind, i.part, i.stage, i.nordsieck) == (given.kind, given.part, None, None)
        )
        younger = next((i.name for i in same if i.age == given.age - 1), None)
        if younger is None and given.age > 1:
            older, missing = (f"{given.kind}-{age}" for age in (given.age, given.age - 1))
            raise InputError(f"{older} is remembered and {missing} is not, which it would come from; remember that too")
        return younger or self._evaluated(name, "y", S.Zero, given.part)

    def _nordsieck(self, given: Input, name: str) -> str:
        """Σ q_k h^k y^(k) at the new state as far as the state and its slope tell it: derivatives beyond count as 0."""
        terms = [(given.nordsieck[0], self.step.result)]  # type: ignore[index]
        if slope := slope_weight(given, self.step.derivative):
            terms.append((slope, self._evaluated(f"f_{name}", self.step.result, S.One, given.part)))
        target = self._fresh(name)
        self.operations.append(Combine(target, tuple(terms)))
        return target

    def _evaluated(self, name: str, at: str, time: Expr, part: int) -> str:
        for op in self.operations:
            if isinstance(op, Evaluate) and (op.values, op.time, op.part) == ((at,), time, part):
                return op.target
        target = self._fresh(name)
        self.operations.append(Evaluate(target, (at,), time, 0, part))
        return target

    def _fresh(self, name: str) -> str:
        """The name, or with a number where a value has it already."""
        inputs = {i.name for i in self.step.inputs}
        return fresh(name, inputs | {o.target for op in self.operations for o in op.members})

    def _at_stage(self, given: Input, name: str) -> str:
        """The field where a stage of this step would be: at the end of a start-up step of that length."""
        (stage,) = (op for op in self.step.calls if op.target == given.stage)
        here = {p.symbol: p.value for p in self.step.parameters}  # a node that is learnt starts where it is declared
        stage = replace(stage, time=stage.time.subs(here))
        if stage.time.is_zero:
            return self._evaluated(name, "y", S.Zero, given.part)
        if stage.time == 1:
            return self._evaluated(name, self.step.result, S.One, given.part)
        inner = {op.target: self._fresh(f"{op.target}_{name}") for op in self.start.flat()}

        def shortened(op: Assignment) -> Assignment:
            if isinstance(op, Evaluate):
                return replace(op, time=op.time * stage.time)
            assert isinstance(op, Combine)  # a start-up step is that of a Runge–Kutta method
            return Combine(op.target, tuple((c if self._state(v) else c * stage.time, v) for c, v in op.terms))

        self.operations += each(rename(self.start, inner).operations, shortened)
        return self._evaluated(name, inner[self.start.result], stage.time, given.part)

    def _state(self, name: str) -> bool:
        return name in {i.name for i in self.start.inputs} or name.startswith("y")
