"""Emitted text read back, by its syntax tree, into a step program: what runs, not what was meant to be written.

A tensor is a box that holds a linear combination with exact coefficients; what works in place changes the box under all
its names, as memory does. Nothing of the compiler is used but the form of the program that is compared.
"""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy
from sympy import Expr, Rational, S

from tableau2net.exact.text import float_of
from tableau2net.step import Combine, Evaluate, Step
from tableau2net.step.schedule import scheduled

OPERATIONS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
H, T = sympy.Symbol("h"), sympy.Symbol("t")


class AmbiguousError(ValueError):
    """Decimals were printed beyond what a double holds."""


@dataclass
class Box:
    """The memory of a tensor: Σ coefficient · atom, atoms being inputs, unknown states and field values."""

    form: dict[str, Expr]


@dataclass
class Reader:
    """Reads one method. learnt: the factors that it is given, in terms of the parameters."""

    step: Step  # gives kinds and stages of inputs: what the method's arguments are called
    learnt: dict[str, Expr]
    timed: bool
    doubles: dict[float, Expr] = field(default_factory=dict)  # which exact number a double stands for
    names: dict[str, Any] = field(default_factory=dict)
    operations: list[Combine | Evaluate] = field(default_factory=list)
    count: int = 0

    def read(self, method: ast.FunctionDef) -> Step:
        inputs = {i.name for i in self.step.inputs}
        for argument in (a.arg for a in method.args.args):
            self.names[argument] = (
                Box({argument: S.One}) if argument in inputs else self.learnt.get(argument, sympy.Symbol(argument))
            )
        returned = self.block(method.body)
        outputs = []
        for i, box in enumerate(returned):
            ((atom, c),) = box.form.items() if len(box.form) == 1 else ((None, None),)
            direct = atom is not None and c == 1
            outputs.append(atom if direct else self.state(box, f"out{i}"))
        kept = outputs[: len(self.step.inputs)]
        return Step(self.step.inputs, scheduled(self.operations), tuple(kept), derivative=self.step.derivative)

    def block(self, body: list[ast.stmt]) -> list[Box]:
        for statement in body:
            if isinstance(statement, ast.Return):
                value = statement.value
                listed = value.elts if isinstance(value, ast.Tuple) else [value]
                return [self.value(v) for v in listed]
            if isinstance(statement, ast.Delete):
                for name in statement.targets:
                    del self.names[name.id]
            elif isinstance(statement, ast.Assign):
                (target,) = statement.targets
                if isinstance(target, ast.Tuple) and getattr(statement.value.func, "id", "") == "in_order":
                    assert [a.id for a in statement.value.args] == [name.id for name in target.elts]  # fields as before
                elif isinstance(target, ast.Tuple):
                    self.solved(target, statement.value)
                else:
                    self.names[target.id] = self.value(statement.value, target.id)
            elif isinstance(statement, ast.FunctionDef):
                self.names[statement.name] = statement
            elif isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant):
                self.value(statement.value)
        return []

    def solved(self, target: ast.Tuple, call: ast.Call) -> None:
        """``(y1,), (k1,) = solve(stages, …)``: the states are what `stages` gives for them."""
        states, slopes = ([name.id for name in group.elts] for group in target.elts)
        stages = self.names[call.args[0].id]
        outside = dict(self.names)
        unknown = dict(zip((a.arg for a in stages.args.args), states, strict=True))
        self.names |= {name: Box({state: S.One}) for name, state in unknown.items()}
        *body, last = stages.body
        self.block(body)
        new, values = ([self.value(v) for v in group.elts] for group in last.value.elts)
        for state, box in zip(states, new, strict=True):
            self.operations.append(Combine(state, self.terms(box)))
        self.names = outside | {s: Box({s: S.One}) for s in states} | dict(zip(slopes, values, strict=True))

    def value(self, node: ast.expr, hint: str = "k") -> Any:
        if isinstance(node, ast.Name):
            return self.names[node.id]
        if isinstance(node, ast.Constant):
            return number(node.value, self.doubles)
        if isinstance(node, ast.UnaryOp):
            return -self.value(node.operand)
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node)
        assert isinstance(node, ast.Call), ast.dump(node)
        if isinstance(node.func, ast.Name):
            return self.evaluated(node, hint)
        return self.method(self.value(node.func.value), node)

    def arithmetic(self, node: ast.BinOp) -> Any:
        a, b = self.value(node.left), self.value(node.right)
        boxes = [x for x in (a, b) if isinstance(x, Box)]
        if not boxes:
            return OPERATIONS[type(node.op)](a, b)
        assert isinstance(node.op, ast.Mult | ast.Div)
        (box,) = boxes
        factor = (b if box is a else a) if isinstance(node.op, ast.Mult) else 1 / b
        return Box({atom: c * factor for atom, c in box.form.items()})

    def method(self, box: Box, node: ast.Call) -> Box:
        name = node.func.attr
        other, *rest = [self.value(a) for a in node.args]
        alpha = next((self.value(k.value) for k in node.keywords if k.arg == "alpha"), S.One)
        kind = name.rstrip("_")
        if kind == "to":
            return box
        if kind == "lerp":
            (weight,) = rest
            form = added(added({}, box.form, 1 - weight), other.form, weight)
        elif kind == "addcmul":
            form = added(box.form, other.form, rest[0])
        elif kind == "div":
            form = added({}, box.form, 1 / other)
        else:
            form = added(box.form, other.form, {"add": alpha, "sub": -alpha}[kind])
        if name.endswith("_"):
            assert not any(box is x and n in {i.name for i in self.step.inputs} for n, x in self.names.items())
            box.form = form
            return box
        return Box(form)

    def evaluated(self, node: ast.Call, hint: str) -> Box:
        """A call of a field: a new atom."""
        name = node.func.id
        assert name[0] == "f", name
        arguments = [self.value(a) for a in node.args]
        time = sympy.expand((arguments.pop(0) - T) / H) if self.timed else S.Zero
        slot, _, part = name[1:].partition("_")
        self.count += 1
        target = f"{hint}'{self.count}"
        values = tuple(self.state(box, f"{target} at {i}") for i, box in enumerate(arguments))
        number = int(part or 1) - 1
        reads = next(op.reads for op in self.step.flat() if isinstance(op, Evaluate) and op.part == number)
        self.operations.append(Evaluate(target, values, time, int(slot or 1) - 1, number, reads))
        return Box({target: S.One})

    def state(self, box: Box, name: str) -> str:
        """A name for what a box holds now: an input or unknown as it is."""
        if len(box.form) == 1:
            ((atom, c),) = box.form.items()
            if c == 1 and not self.is_slope(atom):
                return atom
        self.operations.append(Combine(name, self.terms(box)))
        return name

    def is_slope(self, atom: str) -> bool:
        known = {i.name: i.kind for i in self.step.inputs}
        made = {op.target for op in self.operations if isinstance(op, Evaluate)}
        return known.get(atom) == "f" or atom in made or "'" in atom

    def terms(self, box: Box) -> tuple[tuple[Expr, str], ...]:
        """Coefficients as a program has them: field values count with h, which has to be there."""
        found = []
        for atom, c in box.form.items():
            own = sympy.expand(c / H**self.step.derivative) if self.is_slope(atom) else sympy.expand(c)
            assert H not in own.free_symbols, f"{atom}: {c}"
            found.append((own, atom))
        return tuple(found)


def added(form: dict[str, Expr], other: dict[str, Expr], factor: Expr) -> dict[str, Expr]:
    return {atom: form.get(atom, S.Zero) + factor * other.get(atom, S.Zero) for atom in {**form, **other}}


def methods(source: str) -> dict[str, ast.FunctionDef]:
    """The methods of the class in a source."""
    (cls,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef)}


def number(written: float, doubles: dict[float, Expr]) -> Expr:
    """A literal as the exact number that it is, or is the double nearest to."""
    return doubles[written] if isinstance(written, float) and written in doubles else Rational(Fraction(written))


def doubles_of(step: Step) -> dict[float, Expr]:
    """The doubles nearest to the magnitudes of a program's coefficients, each with what it stands for."""
    parts = {n for c in step.coefficients() for n in {c, *c.atoms(sympy.Number, sympy.Pow)} if n.is_number}
    numbers = {abs(n) for n in parts}
    found = {float_of(n): n for n in numbers}
    if len(found) < len(numbers):
        raise AmbiguousError("two coefficients are the same double: the text does not tell which is which")
    return found


def hoisted(method: ast.FunctionDef, doubles: dict[float, Expr]) -> list[Expr]:
    """What the factors of a step are, in the learnt coefficients: the text of the method as algebra."""
    names: dict[str, Expr] = {}

    def value(node: ast.expr) -> Expr:
        if isinstance(node, ast.Constant):
            return number(node.value, doubles)
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.BinOp), ast.dump(node)
        return OPERATIONS[type(node.op)](value(node.left), value(node.right))

    for statement in method.body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            if isinstance(target, ast.Tuple):  # of the learnt coefficients
                names |= {name.id: sympy.Symbol(name.id, real=True) for name in target.elts}
            else:
                names[target.id] = H if target.id == "h" else value(statement.value)
        elif isinstance(statement, ast.Return):
            return [value(v) for v in statement.value.elts]
    return []
