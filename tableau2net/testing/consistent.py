"""One scheme, asked in every way that should give the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tableau2net.analysis import check, order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.errors import InputError
from tableau2net.scheme import Scheme, as_scheme
from tableau2net.step import lower
from tableau2net.testing.measured_order import DECIMAL_TOLERANCE, TOLERANCE, measured_order


@dataclass(frozen=True)
class Consistency:
    """What `assert_consistent` found in agreement, and what it could not look at.

    checked: a line each.  skipped: what was left out, and why.
    order: the exact order.  measured: the slope that was seen, None where it was not measured."""

    name: str
    order: int
    measured: float | None
    checked: tuple[str, ...]
    skipped: dict[str, str]


def assert_consistent(
    scheme: Scheme | str | Path,
    *,
    order: bool = True,
    module: bool = True,
    gradient: bool = True,
    claims: bool = True,
) -> Consistency:
    """Assert that everything known of a scheme agrees; returns what was checked, and what was skipped and why.

    scheme: a scheme, a name, or the path of a scheme file.
    order: the exact order against the measured slope of one step on a test problem, in as many digits as it takes;
        of the embedded method too. With parameters: at their declared values, and at the ends of their ranges.
    module: what the generated ``nn.Module`` computes against the formula of the family, to 1e-12 in float64.
    gradient: the gradient of that module, in the states, the weights, and the parameters as learnt coefficients.
    claims: every claim of the source is true.
    Raises AssertionError naming the scheme and, for each disagreement, what was expected and what was found;
    InputError where the scheme cannot be read.
    """
    scheme = as_scheme(scheme)
    name = scheme.name or scheme.family
    wrong: list[str] = []
    checked: list[str] = []
    skipped: dict[str, str] = {}
    exact = order_conditions(scheme)
    measured = None
    if order:
        measured = _compare_orders(scheme, wrong, checked, skipped)
    if module or gradient:
        _compare_module(scheme, module, gradient, wrong, checked, skipped)
    if claims:
        _compare_claims(scheme, wrong, checked, skipped)
    if wrong:
        raise AssertionError("\n".join(f"{name}: {line}" for line in wrong))
    return Consistency(name, exact.order, measured, tuple(checked), skipped)


def schemes_in(folder: str | Path) -> list[Path]:
    """The scheme files below a folder, or beside a file (``schemes_in(__file__)``), sorted.

    Raises InputError where there is none: a test of nothing would pass."""
    place = Path(folder)
    place = place.parent if place.is_file() else place
    found = sorted(place.rglob("*.toml"))
    if not found:
        raise InputError(f"{place}: no .toml file in this folder")
    return found


def _compare_orders(scheme: Scheme, wrong: list[str], checked: list[str], skipped: dict[str, str]) -> float | None:
    """The slopes of the members of a family against the order of each, and that against the order of all."""
    family = order_conditions(scheme)
    first: float | None = None
    for n, (where, member) in enumerate(_members(scheme)):
        exact = order_conditions(member)
        if exact.order < family.order:
            wrong.append(f"order {family.order} for all parameters, but {exact.order}{where}")
        measured = _compare_order(member, exact, where, False, wrong, checked, skipped)
        first = measured if n == 0 else first
        if lower(member).estimate is not None:
            embedded = order_conditions(member, embedded=True)
            _compare_order(member, embedded, where, True, wrong, checked, skipped)
    return first


def _compare_order(
    scheme: Scheme,
    exact: Order,
    where: str,
    embedded: bool,
    wrong: list[str],
    checked: list[str],
    skipped: dict[str, str],
) -> float | None:
    what = f"{'embedded ' * embedded}order{where}"
    if exact.kind == "linear":
        skipped[what] = "a stage does not start from y: the order is that for linear fields"
        return None
    measured = measured_order(scheme, exact.order, embedded=embedded, at_least=not exact.complete)
    if measured is None:
        skipped[what] = f"the {scheme.digits} printed decimals hide the slope"
        return None
    tolerance = TOLERANCE if scheme.digits is None else DECIMAL_TOLERANCE
    agrees = measured > exact.order - tolerance if not exact.complete else abs(measured - exact.order) < tolerance
    if agrees:
        checked.append(f"{what}: {exact.order}, measured {measured:.2f}")
    else:
        bound = "" if exact.complete else " at least"
        failing = f"; next condition to fail is {exact.failing[0]}" if exact.failing else ""
        wrong.append(f"{what} is {exact.order}{bound} exactly, but {measured:.2f} measured{failing}")
    return measured


def _members(scheme: Scheme) -> Iterator[tuple[str, Scheme]]:
    """The scheme at its declared parameter values, and with each parameter at the ends of its range."""
    yield "", scheme.at_defaults()
    for p in scheme.parameters:
        for value in p.range or ():
            try:
                yield f" at {p.name} = {value}", scheme.with_values(**{p.name: value}).at_defaults()
            except InputError:
                continue  # a pole at the end of a range


def _compare_module(
    scheme: Scheme, module: bool, gradient: bool, wrong: list[str], checked: list[str], skipped: dict[str, str]
) -> None:
    from tableau2net.testing.module import differences

    asked = [what for what, wanted in (("module", module), ("gradient", gradient)) if wanted]
    try:
        found = differences(scheme)
    except InputError as error:
        skipped.update(dict.fromkeys(asked, str(error)))
        return
    for what in asked:
        lines = [line for line in found if ("gradient" in line) == (what == "gradient")]
        wrong.extend(lines)
        if not lines:
            checked.append(f"{what}: as the formula says")


def _compare_claims(scheme: Scheme, wrong: list[str], checked: list[str], skipped: dict[str, str]) -> None:
    if not scheme.claims:
        skipped["claims"] = "the scheme makes none"
        return
    verdict = check(scheme)
    for claim in verdict.claims:
        if claim.ok:
            checked.append(f"claim {claim.claim} = {claim.declared}")
            continue
        failing = verdict.order.failing
        reason = f"; {failing[0]} is not 0" if claim.claim == "order" and failing else ""
        wrong.append(f"claims {claim.claim} = {claim.declared}, but it is {claim.found}{reason}")
