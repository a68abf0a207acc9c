"""What a family of anybody's tells is a step, or is refused in a line that says what is wrong, by whatever reads it."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from sympy import Rational, S

import tableau2net as t2n

ONE = S.One
WRONG = {
    "nothing": (lambda step: None, "tells no state"),
    "a state that is lost": (lambda step: step.state("y"), "hands nothing on in the place of y"),
    "a value of no line": (
        lambda step: step.hand_on(step.state("y"), step.combine("y_new", [(ONE, "nope")])),
        "reads nope for y_new, which it tells nowhere",
    ),
    "handed on from no line": (lambda step: step.hand_on(step.state("y"), "nope"), "hands on nope"),
    "a name twice": (
        lambda step: [step.state("y"), *(step.combine("a", [(c, "y")]) for c in (1, 2)), step.hand_on("y", "a")],
        "tells a twice",
    ),
    "a loop": (lambda step: step.hand_on(step.state("y"), step.combine("a", [(ONE, "a")])), "a is defined by itself"),
    "a loop of two": (
        lambda step: [step.combine("a", [(ONE, "b")]), step.hand_on(step.state("y"), step.combine("b", [(ONE, "a")]))],
        "is defined by itself",
    ),
    "a float": (
        lambda step: step.hand_on(step.state("y"), step.combine("a", [(0.5, "y")])), "a: 0.5 is not an exact number",
    ),
    "a float of sympy's": (
        lambda step: step.hand_on(step.state("y"), step.combine("a", [(S(0.5), "y")])), "is not an exact",
    ),
    "no name": (lambda step: step.hand_on(step.state("y"), step.combine("import os;y", [(ONE, "y")])), "calls a value"),
    "a slope as a state": (
        lambda step: step.hand_on(step.state("y"), step.evaluate("k1", "y", S.Zero)), "hands on k1 in the place of y",
    ),
    "a slope of a slope": (
        lambda step: [
            step.evaluate("k1", step.state("y"), S.Zero), step.evaluate("k2", "k1", S.Zero), step.hand_on("y", "y"),
        ],
        "evaluates k2 at a field value",
    ),
}  # fmt: skip
READ = {
    "order": t2n.order,
    "report": t2n.report,
    "check": t2n.check,
    "compile": t2n.compile,
    "integrate": lambda scheme: t2n.integrate(scheme, lambda t, y: -y, [1.0], 0, 1, steps=2),
}


def told(lines):
    @dataclass(frozen=True)
    class Told(t2n.Scheme):
        family: ClassVar[str] = "told"

        def lower(self, step):
            lines(step)

    return Told()


@pytest.mark.parametrize("read", READ.values(), ids=READ)
@pytest.mark.parametrize(("lines", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_step_is_refused(lines, said, read):
    with pytest.raises(t2n.InputError, match=said) as caught:
        read(told(lines))
    assert "\n" not in str(caught.value)


def test_numbers_may_be_written_as_anywhere():
    def lines(step):
        k1 = step.evaluate("k1", step.state("y"), 0)
        y2 = step.combine("y2", [(1, "y"), ("1/2", k1)])
        step.hand_on("y", step.combine("y_new", [(1, "y"), (1, step.evaluate("k2", y2, Rational(1, 2), 1))]))

    assert t2n.order(told(lines)) == 2
