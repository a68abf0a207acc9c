"""What is learnt of a scheme: the raw parameters that an optimiser moves, and the coefficients they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

from sympy import Expr, Function

from tableau2net.analysis import order
from tableau2net.codegen.learnable.order_kept import eliminated
from tableau2net.codegen.learnable.placeholders import NumberedNames, fresh, renamed, symbols
from tableau2net.codegen.learnable.residuals import RetractionConditions, retraction
from tableau2net.codegen.learnable.stable_maps import stable_maps
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of
from tableau2net.scheme import Parameter, Scheme
from tableau2net.step import lower, prune

START_MOVES = 1e-9  # how much a coefficient may move at the start: roots that were found in floating point
RAW = "_raw"  # what a mapped parameter is called that the optimiser moves: k_raw for k


@dataclass(frozen=True)
class Learning:
    """What of a scheme is learnt, and how.

    scheme: the family to be lowered; its parameters are the learnt coefficients, everything else follows from them.
    raw: the parameters that an optimiser moves, with where they start (`Parameter.value`, or drawn from `init`).
    values: each of the scheme's parameters as an expression in the raw ones: the symbol itself, a smooth map with
        tanh and square roots onto the region where the scheme is zero-stable, or the symbol cut off at its range.
    inverse: each mapped raw parameter in terms of the scheme's, by which a start that is drawn is mapped back.
    retraction: conditions that the scheme's parameters are projected on, where no solved family keeps them.
    """

    scheme: Scheme
    raw: tuple[Parameter, ...]
    values: Mapping[str, Expr]
    inverse: Mapping[str, Expr]
    retraction: RetractionConditions | None = None

    @property
    def coefficients(self) -> tuple[str, ...]:
        """The names of what is learnt."""
        return tuple(p.name for p in self.scheme.parameters)

    @property
    def raw_names(self) -> tuple[str, ...]:
        """The names of what an optimiser moves."""
        return tuple(p.name for p in self.raw)

    @property
    def identity(self) -> bool:
        """Whether an optimiser moves the coefficients themselves."""
        return self.raw_names == self.coefficients

    def numbered(self, *texts: str) -> tuple[Learning, NumberedNames]:
        """The same with coefficients and raw parameters under numbers, which stand in none of the texts."""
        numbers = NumberedNames.of(dict.fromkeys((*self.coefficients, *self.raw_names)), *texts)
        return self._renamed(numbers.numbered), numbers

    def _renamed(self, names: Mapping[str, str]) -> Learning:
        others = symbols(names)
        return Learning(
            renamed(self.scheme, names),
            tuple(replace(p, name=names.get(p.name, p.name)) for p in self.raw),
            {names.get(n, n): v.xreplace(others) for n, v in self.values.items()},
            {names.get(n, n): v.xreplace(others) for n, v in self.inverse.items()},
            self.retraction,  # its names are in texts, and stay
        )


@cache
def learning(
    scheme: Scheme,
    *,
    coefficients: str,
    keep_order: int | None = None,
    keep_stable: bool = False,
    keep_range: bool = False,
) -> Learning:
    """What is learnt of a scheme under the options of a compilation.

    coefficients: "fixed" (nothing), "learnable" (the scheme's own parameters), "free" (each nonzero coefficient).
    keep_order: the order p whose conditions hold at every step of learning. Solved exactly where they are linear or
        have a rational solution that holds the scheme, else kept by projection.
    keep_stable: multistep: what is learnt stays where the scheme is zero-stable.
    keep_range: the scheme's own parameters stay within the ranges that they declare.
    Raises InputError when there is nothing to learn, or what is to be kept is not there or cannot be kept.
    """
    name = scheme.name or scheme.family
    if coefficients == "fixed":
        if keep_order is not None or keep_stable or keep_range:
            raise InputError(f"{name}: keep_order, keep_stable, keep_range are for coefficients='learnable' or 'free'")
        return Learning(scheme.at_defaults(), (), {}, {})
    if coefficients not in ("learnable", "free"):
        raise InputError(f"coefficients={coefficients!r}: write one of 'fixed', 'learnable', 'free'")
    if coefficients == "learnable" and not scheme.parameters:
        raise InputError(
            f"{name} declares no parameters to learn: use coefficients='free' to learn each coefficient, or 'fixed'"
        )
    if keep_range:
        return _cut_off(scheme, coefficients, keep_order, keep_stable)
    opened = scheme.freed() if coefficients == "free" else scheme
    goal = _goal(scheme, keep_order, keep_stable)
    if goal is None:
        return _plain(opened)
    numbers = NumberedNames.of(opened.symbols, name)
    try:
        found = _kept(renamed(opened, numbers.numbered), scheme, goal, keep_order, keep_stable)
    except InputError as error:
        raise InputError(numbers.named(str(error))) from None
    if found is None:
        what = f"keep_order={goal}" + (", keep_stable=True" if keep_stable else "")
        raise InputError(f"{name}, coefficients={coefficients!r}: {what} leaves nothing to learn")
    public = found._renamed(dict(_called(found, numbers)))
    if public.retraction is None:
        return public
    conditions = tuple(map(numbers.named, public.retraction.conditions))
    return replace(public, retraction=RetractionConditions(public.coefficients, conditions))


def _kept(opened: Scheme, scheme: Scheme, goal: int, keep_order: int | None, keep_stable: bool) -> Learning | None:
    """What is learnt of a scheme, opened, where an order is kept; None where that is nothing."""
    family = eliminated(opened, goal)
    if family is None:
        return _projected(opened, goal)
    _check_start(family, scheme, keep_order, keep_stable)
    if not family.parameters:
        return None
    return _mapped(family) if keep_stable else _plain(family)


def _called(found: Learning, numbers: NumberedNames) -> Iterator[tuple[str, str]]:
    """What coefficients and raw parameters are called: by the names that the numbers stand for, each name once."""
    taken = set(numbers.names)
    own = set(numbers.numbered.values())
    yield from ((number, name) for name, number in numbers.numbered.items())
    for name in dict.fromkeys((*found.coefficients, *found.raw_names)):
        if name not in own:  # a node that became a parameter, or what a map is of
            called = fresh(numbers.named(name), taken)
            taken.add(called)
            yield name, called


def _goal(scheme: Scheme, keep_order: int | None, keep_stable: bool) -> int | None:
    """The order to be kept; stability includes that constants are kept, order 0. Raises InputError."""
    name = scheme.name or scheme.family
    if keep_stable and scheme.formula() is None:
        raise InputError(f"{name}: keep_stable is for multistep schemes, a {scheme.family} scheme has no such region")
    if keep_order is not None:
        if isinstance(keep_order, bool) or not isinstance(keep_order, int) or keep_order < 0:
            raise InputError(f"keep_order={keep_order!r}: an order is a whole number, 0 at least")
        own = order(scheme.at_defaults())
        if own < keep_order:
            raise InputError(f"keep_order={keep_order}: {name} itself has order {own}, write {max(own, 0)} or less")
    if keep_stable and order(scheme.at_defaults()) < 0:
        alpha = (f"{n} = {c}" for n, c in scheme.at_defaults().coefficients.items() if n.startswith("alpha"))
        start = ", ".join([*alpha][:-1])  # the last is 1
        raise InputError(
            f"keep_stable: {name} starts at {start}, where constants are not kept; the zero-stable region is where "
            f"rho(1) = 0{' and its derivative' if lower(scheme).derivative == 2 else ''}: start in it"
        )
    return keep_order if keep_order is not None else 0 if keep_stable else None


def _check_start(family: Scheme, scheme: Scheme, keep_order: int | None, keep_stable: bool) -> None:
    """InputError where what is to be kept does not hold at the start, so that keeping it would move a coefficient."""
    start, kept = scheme.at_defaults().coefficients, family.at_defaults().coefficients
    allowed = START_MOVES if scheme.digits is None else max(START_MOVES, 10.0 ** (1 - scheme.digits))
    for name, value in start.items():
        if abs(float_of(kept[name] - value)) > allowed * (1 + abs(float_of(value))):
            what = "keep_stable" if keep_order is None else f"keep_order={keep_order}"
            where = "zero-stable schemes have sum(alpha) = 0" if keep_stable else f"schemes of order {keep_order}"
            raise InputError(
                f"{what}: {scheme.name or scheme.family} starts outside of what is kept ({where}): {name} = {value} "
                f"would have to be {kept[name]}; start there"
            )


def _plain(scheme: Scheme) -> Learning:
    """Every parameter that a step reads moves by itself. Those of stages that only an embedded method needs stay where
    they are: nothing would ever move them, and data parallel training would wait for their gradients."""
    read = {p.name for p in prune(lower(scheme)).parameters}
    kept = scheme.with_values(**{p.name: p.value for p in scheme.parameters if p.name not in read})
    return Learning(kept, kept.parameters, {p.name: p.symbol for p in kept.parameters}, {})


clamp = Function("clamp")  # torch's, of a value between a lower and an upper end


def _cut_off(scheme: Scheme, coefficients: str, keep_order: int | None, keep_stable: bool) -> Learning:
    """Parameters that declare a range are raw ones cut off at its ends, as a ReLU does; the others move freely.

    Beyond an end nothing moves a parameter any more (weight decay spares it), as in networks that write relu(k)."""
    name = scheme.name or scheme.family
    others = (("coefficients='free'", coefficients == "free"), ("keep_order", keep_order is not None))
    for option, given in (*others, ("keep_stable", keep_stable)):
        if given:
            raise InputError(f"keep_range: it keeps what a scheme declares of its parameters; leave {option} out")
    if not any(p.range for p in scheme.parameters):
        raise InputError(f"keep_range: {name} declares no range of its parameters, so there is none to keep")
    learnt = _plain(scheme)
    raw = tuple(replace(p, name=p.name + RAW) if p.range else p for p in learnt.raw)
    pairs = list(zip(learnt.raw, raw, strict=True))
    values = {p.name: clamp(r.symbol, *p.range) if p.range else p.symbol for p, r in pairs}
    return Learning(learnt.scheme, raw, values, {r.name: p.symbol for p, r in pairs if p.range})


def _projected(scheme: Scheme, goal: int) -> Learning:
    """Every parameter moves by itself, and is projected on the conditions before it is used."""
    kept = retraction(scheme, goal)
    raw = tuple(replace(p, name=p.name + RAW) for p in scheme.parameters)
    values = {p.name: r.symbol for p, r in zip(scheme.parameters, raw, strict=True)}
    inverse = {r.name: p.symbol for p, r in zip(scheme.parameters, raw, strict=True)}
    return Learning(scheme, raw, values, inverse, kept)


def _mapped(scheme: Scheme) -> Learning:
    """Parameters of α are maps of raw ones onto the zero-stable region, the others move by themselves."""
    maps = stable_maps(scheme)
    raw = []
    values: dict[str, Expr] = {}
    inverse: dict[str, Expr] = {}
    for p in scheme.parameters:
        found = maps.get(p.name)
        raw.append(p if found is None else Parameter(p.name + RAW, found.start))
        values[p.name] = p.symbol if found is None else found.value
        if found is not None:
            inverse[p.name + RAW] = found.inverse
    return Learning(scheme, tuple(raw), values, inverse)
