"""What a source says of its scheme, or its stencil, proved or refuted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import log10
from typing import Any

from sympy import Expr, Rational
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.analysis.budget import TooMuch, ask, left_out
from tableau2net.analysis.order.claimed import claimed_order
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.analysis.report.catalogue import claimed, in_time_or_space
from tableau2net.analysis.report.finding import Finding
from tableau2net.analysis.space.equations import equation_order
from tableau2net.analysis.space.moments import SpaceOrder, space_order
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.analysis.stochastic.stochastic_order import StochasticOrders, stochastic_orders
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import CoefficientTable, Equation, Scheme, Stencil, StochasticRungeKutta, by_name
from tableau2net.scheme.claimable import Printed
from tableau2net.scheme.coefficient_table import MAX_DIGITS
from tableau2net.words import one

DIGITS, FAR = 30, 1e-15  # computed to so many digits, numbers that are so far apart are different
AnyOrder = Order | SpaceOrder | StochasticOrders
MORE = 3  # digits that are told beyond those of a claim in decimals
ROUNDING = 1e-7  # conditions that are missed by more are not missed by rounding


@dataclass(frozen=True)
class Claim:
    """One line of a file's [claims]: what it declares, and what is found. `ok` when they are equal.

    kind: how far the verdict reaches: "exact", "all parameters", "decimal" (to the decimals printed), "to 1e-4" (what
    is found is within the last of the decimals declared), "linear", "declared values" of the parameters, or the region
    of them, such as "zero-stable exactly where -1 < k <= 1".
    undecided: why nothing was found, where that is more work than a report may be; then it is not ok.
    why: what shows that it is refuted, where its number alone does not."""

    claim: str
    declared: Any
    found: Any
    kind: str = "exact"
    undecided: str = ""
    why: str = ""

    @property
    def ok(self) -> bool:
        if self.undecided:
            return False
        if isinstance(self.declared, Expr | Printed):
            return bool(agrees(self.declared, self.found))
        return bool(self.declared == self.found)

    @property
    def nearly(self) -> str | None:
        """What is found, to more decimals than are declared; None where it is that very number, or not one."""
        if not isinstance(self.declared, Printed) or self.found == self.declared.value or self.undecided:
            return None
        if not isinstance(self.found, Expr) or not self.found.is_finite:
            return None if isinstance(self.found, Expr) else str(self.found)
        return f"≈ {self.found.evalf(len(self.declared.text) + MORE)}"


def agrees(declared: Expr | Printed, found: Any) -> bool | None:
    """Whether a number is what is claimed; of decimals, within the last. None where it is not known closely enough."""
    if isinstance(found, Isolated):
        value = declared.value if isinstance(declared, Printed) else declared
        within = Rational(1, 10**declared.digits) if isinstance(declared, Printed) else 0
        apart = (value - found.high > within) or (found.low - value > within)
        surely = found.high - value < within and value - found.low < within
        return None if not apart and not surely else bool(surely)
    if not isinstance(found, Expr):
        return False
    if not isinstance(declared, Printed):
        return _equal(declared, found)
    if not found.is_finite:
        return False
    near = found if isinstance(found, Rational) else Rational(str(found.evalf(DIGITS + len(declared.text))))
    return bool(abs(near - declared.value) < Rational(1, 10**declared.digits))


def _equal(a: Expr, b: Expr) -> bool:
    """Whether two exact numbers are the same. One outside the radicals that a file can write is not."""
    if not (a.is_finite and b.is_finite) or b.has(ComplexRootOf):
        return bool(a == b)
    if abs((a - b).evalf(DIGITS)) > FAR:
        return False
    try:
        domain = domain_of([a, b])
    except InputError:  # the field of two square roots may be larger than can be computed in, that of their squares not
        a, b = a**2, b**2  # near each other, so of one sign
        domain = domain_of([a, b])
    return not (domain.convert(a) - domain.convert(b))


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking a scheme or a stencil: its order with the failing conditions, and each claim.

    useless_estimate: why no steps can be controlled by its embedded method, where that is so.
    decimals: to how many decimals the claimed orders hold, where they are refuted by no more than rounding."""

    name: str
    order: AnyOrder
    claims: tuple[Claim, ...]
    useless_estimate: str | None = None
    decimals: int | None = None

    @property
    def ok(self) -> bool:
        return all(claim.ok for claim in self.claims)


@by_name(CoefficientTable)
def check(table: CoefficientTable) -> Verdict:
    """Prove or refute each claim of a scheme or a stencil, exactly. A claim of order p means: p, and not p + 1.

    Raises InputError when a claim does not apply to it (an embedded order without b_hat)."""
    in_time_or_space(table)
    claims = tuple(_claim(table, key, declared) for key, declared in _each(table.claims))
    order = _order(table, table.claims.get("order", 0))
    useless = ask("use of the embedded method", lambda: useless_estimate(table)) if isinstance(table, Scheme) else None
    rounded = ask("decimals of the order", lambda: _decimals(table, claims))
    return Verdict(table.name, order, claims, useless, rounded)


def _each(claims: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Claims one by one: of a table of them (a number for each of several schemes) each is one, under ``cfl.rk4``."""
    for key, declared in claims.items():
        if isinstance(declared, Mapping):
            yield from ((f"{key}.{name}", value) for name, value in declared.items())
        else:
            yield key, declared


def _order(table: CoefficientTable, declared: int, *, embedded: bool = False) -> AnyOrder:
    if isinstance(table, StochasticRungeKutta):
        return stochastic_orders(table)
    if isinstance(table, Stencil):
        return space_order(table)
    if isinstance(table, Equation):
        return equation_order(table)
    assert isinstance(table, Scheme)
    return claimed_order(table, declared, embedded=embedded)


def _claim(table: CoefficientTable, key: str, declared: Any) -> Claim:
    key_of_row, _, about = key.partition(".")
    name, row = f"claim {key}", claimed(key_of_row, type(table))
    why: list[str] = []

    def decide() -> tuple[Any, str]:
        try:
            return _found(row, table, about or declared), _reach(row, table, about or declared)
        except TooMuch as counted:
            why.append(str(counted))
            raise

    decided = ask(name, decide)
    if decided is not None:
        found = Claim(key, declared, *decided)
        if isinstance(declared, Printed) and found.ok and found.found != declared.value:
            exactly = found.kind in ("exact", "isolated")
            found = replace(found, kind=f"{'' if exactly else f'{found.kind}, '}to 1e-{declared.digits}")
        if isinstance(declared, Expr | Printed) and agrees(declared, found.found) is None:
            return replace(found, undecided=f"it is known as {found.found}; claim the decimals that are sure")
        return replace(found, why=row.why(table)) if row.why and not found.ok else found
    return Claim(key, declared, None, undecided=[*why, *(x.why for x in left_out() if x.part == name)][0])


def _decimals(table: CoefficientTable, claims: tuple[Claim, ...]) -> int | None:
    """To how many decimals all claimed orders hold of coefficients that miss them by rounding, as fractions that a
    source rounded do; None where that is not what they are."""
    orders = {c.claim: c for c in claims if c.claim in ("order", "embedded_order") and not c.undecided}
    wrong = [c for c in orders.values() if not c.ok and c.found < c.declared]
    if not wrong or table.digits is not None or table.parameters:
        return None
    residuals = [r.value for c in wrong for r in _evidence(table, c).failing]
    largest = max((abs(float(value.evalf(20))) for value in residuals), default=0.0)
    if not 0 < largest < ROUNDING:
        return None
    most = min(int(-log10(largest)) + 1, MAX_DIGITS)
    for digits in range(most, max(most - 5, 1), -1):
        printed = replace(table, digits=digits)
        if all(_evidence(printed, c).order == c.declared for c in orders.values()):
            return digits
    return None


def _evidence(table: CoefficientTable, claim: Claim) -> AnyOrder:
    return _order(table, claim.declared, embedded=claim.claim == "embedded_order")


def _found(row: Finding, table: CoefficientTable, declared: Any) -> Any:
    found = row.claimed(table, declared) if row.claimed else row.value(table)
    if found is None and any(not x.part.startswith("claim") for x in left_out()):
        raise TooMuch(f"{next(x for x in reversed(left_out()) if not x.part.startswith('claim'))}")
    if found is None:
        of = f"is {row.of_what}, and this is none" if row.of_what else f"does not apply to {one(table.called())}"
        raise InputError(f"claims.{row.claim or row.short} {of}; drop the claim")
    return found


def _reach(row: Finding, table: CoefficientTable, declared: Any) -> str:
    if row.reach and (told := row.reach(table, declared)):
        return told
    return "declared values" if table.parameters else "exact" if table.digits is None else "decimal"
