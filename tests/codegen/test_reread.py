"""The text that is emitted, read back by its syntax tree, is the scheme as it was declared: exactly, in normal form."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from sympy import S

from tableau2net import testing
from tableau2net.analysis.order.equality import changed, difference
from tableau2net.codegen import Options
from tableau2net.codegen import emitted as program
from tableau2net.codegen.learnable import learning
from tableau2net.codegen.pull import reversible_form
from tableau2net.codegen.source import source_of
from tableau2net.errors import InputError
from tableau2net.scheme import RungeKutta, Scheme, load
from tableau2net.step import Combine, Step, lower, optimise, prune
from tableau2net.step.passes.common import each
from tests.codegen.drawn import cases
from tests.codegen.reread import AmbiguousError, Reader, doubles_of, hoisted, methods
from tests.schemes import listed_with_code

WAYS = (
    {},
    {"time_dependent": True, "step_weights": "shared"},
    {"coefficients": "free", "time_dependent": True},
    {"coefficients": "free", "stage_weights": "independent"},
    {"stage_weights": "independent", "time_dependent": True},
)


def step_of_the_text(scheme: Scheme, options: dict) -> tuple[Step, Step]:
    """The program that was lowered, and the one that the text of `step` is."""
    chosen = Options(**options)
    ready = program.program(scheme, chosen)
    found = methods(source_of(scheme, chosen)[1])
    doubles = doubles_of(ready.step)
    factors = hoisted(found["hoisted"], doubles) if "hoisted" in found else []
    known = {"h", "t", *ready.field_names, *(i.name for i in ready.step.inputs)}
    names = [a.arg for a in found["step"].args.args if a.arg not in known]
    learnt = dict(zip(names, factors, strict=True))
    text = Reader(ready.step, learnt, chosen.time_dependent, doubles).read(found["step"])
    lowered = lower(learning(scheme, coefficients=chosen.coefficients).scheme)
    if chosen.backward == "reversible":
        lowered = reversible_form(prune(lowered), "", chosen.coupling, chosen.step_weights == "shared")
    if not chosen.time_dependent:  # the text does not say when
        lowered = text_without_time(lowered)
    return lowered, text


def text_without_time(step: Step) -> Step:
    def one(op):
        return op if isinstance(op, Combine) else replace(op, time=S.Zero)

    return replace(step, operations=each(step.operations, one))


def agrees(scheme: Scheme, options: dict) -> None:
    lowered, text = step_of_the_text(scheme, options)
    if options.get("step_weights") == "shared" and not options.get("time_dependent"):
        return  # a field value that is handed on is one at the new time
    assert changed(lowered, text) is None
    if options.get("stage_weights") == "independent":
        assert changed(prune(lowered), text, by_slot=True) is None


@pytest.mark.parametrize("options", WAYS, ids=str)
@pytest.mark.parametrize(
    "name",
    [
        "rk4",
        "lm",
        "ssprk-104",
        "gauss-2",
        "kvaerno-43",
        "revnet",
        "stormer-verlet-velocity",
        "bdf-3",
        "ars-343",
        "rkc2-5",
    ],
)
def test_schemes_of_the_library(name, options):
    agrees(load(name), options)


@pytest.mark.slow
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_every_scheme_of_the_library(options):
    ambiguous = 0
    for name in listed_with_code():
        scheme = load(name)
        step = lower(scheme)
        if not step.plain or (step.derivative == 2 and any(i.nordsieck for i in step.inputs)):
            continue  # the reader knows sums and evaluations; the others have tests by formulas
        if options.get("coefficients") != "free" or sum(not c.is_zero for c in scheme.coefficients.values()) < 40:
            try:
                agrees(scheme, options)
            except AmbiguousError:
                ambiguous += 1
    assert ambiguous < 100


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(cases())
def test_degenerate_schemes_under_any_options(case):
    with suppress(InputError):
        agrees(case.scheme, {n: v for n, v in case.options.items() if n not in ("keep_order", "keep_stable")})


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(testing.degenerate())
def test_passes_over_degenerate_schemes(scheme):
    lowered = lower(scheme)
    keep = (lowered.estimate,) if lowered.estimate else ()
    for one_field in (False, True):
        assert (
            difference(lowered, optimise(lowered, one_field=one_field, keep=keep)[-1].step, order=3, keep=keep) is None
        )


def test_a_pass_that_loses_a_term_is_caught_when_the_class_is_made(monkeypatch):
    """What `unify` once did: of two equal terms it kept one."""
    scheme = RungeKutta(A=[[], ["0"]], b=["1/4", "3/4"], name="twice")

    def losing(step, **options):
        *others, last = optimise(step, **options)
        *operations, total = last.step.operations
        short = replace(last, step=replace(last.step, operations=(*operations, Combine(total.target, total.terms[:1]))))
        return (*others, short)

    monkeypatch.setattr(program, "optimise", losing)
    with pytest.raises(AssertionError, match="twice: a pass over the step has changed the scheme"):
        program.program(scheme, Options())
