"""What a source says of its scheme, proved or refuted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log10
from typing import Any

from sympy import Expr
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.analysis.budget import TooMuch, ask, left_out
from tableau2net.analysis.order.claimed import claimed_order
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.analysis.report.catalogue import claimed
from tableau2net.analysis.report.finding import Finding
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import Scheme
from tableau2net.scheme.coefficient_table import MAX_DIGITS

ROUNDING = 1e-7  # conditions that are missed by more are not missed by rounding


@dataclass(frozen=True)
class Claim:
    """One line of a file's [claims]: what it declares, and what is found. `ok` when they are equal.

    kind: how far the verdict reaches: "exact", "all parameters", "decimal" (to the decimals printed), "linear",
    "declared values" of the parameters, or the region of them, such as "zero-stable exactly where -1 < k <= 1".
    undecided: why nothing was found, where that is more work than a report may be; then it is not ok."""

    claim: str
    declared: Any
    found: Any
    kind: str = "exact"
    undecided: str = ""

    @property
    def ok(self) -> bool:
        if self.undecided:
            return False
        if isinstance(self.declared, Expr):
            return isinstance(self.found, Expr) and _equal(self.declared, self.found)
        return bool(self.declared == self.found)


def _equal(a: Expr, b: Expr) -> bool:
    """Whether two exact numbers are the same. One outside the radicals that a file can write is not."""
    if not (a.is_finite and b.is_finite) or b.has(ComplexRootOf):
        return bool(a == b)
    domain = domain_of([a, b])
    return not (domain.convert(a) - domain.convert(b))


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking a scheme: its order with the failing conditions, and each claim.

    useless_estimate: why no steps can be controlled by its embedded method, where that is so.
    decimals: to how many decimals the claimed orders hold, where they are refuted by no more than rounding."""

    name: str
    order: Order
    claims: tuple[Claim, ...]
    useless_estimate: str | None = None
    decimals: int | None = None

    @property
    def ok(self) -> bool:
        return all(claim.ok for claim in self.claims)


def check(scheme: Scheme) -> Verdict:
    """Prove or refute each claim of a scheme, exactly. A claim of order p means: p, and not p + 1.

    Raises InputError when a claim does not apply to the scheme (an embedded order without b_hat)."""
    claims = tuple(_claim(scheme, key, declared) for key, declared in scheme.claims.items())
    order = claimed_order(scheme, scheme.claims.get("order", 0))
    useless = ask("use of the embedded method", lambda: useless_estimate(scheme))
    rounded = ask("decimals of the order", lambda: _decimals(scheme, claims))
    return Verdict(scheme.name, order, claims, useless, rounded)


def _claim(scheme: Scheme, key: str, declared: Any) -> Claim:
    name, row = f"claim {key}", claimed(key)
    why: list[str] = []

    def decide() -> tuple[Any, str]:
        try:
            return _found(row, scheme, declared), _reach(row, scheme, declared)
        except TooMuch as counted:
            why.append(str(counted))
            raise

    decided = ask(name, decide)
    if decided is not None:
        return Claim(key, declared, *decided)
    return Claim(key, declared, None, undecided=[*why, *(x.why for x in left_out() if x.part == name)][0])


def _decimals(scheme: Scheme, claims: tuple[Claim, ...]) -> int | None:
    """To how many decimals all claimed orders hold of coefficients that miss them by rounding, as fractions that a
    source rounded do; None where that is not what they are."""
    orders = {c.claim: c for c in claims if c.claim in ("order", "embedded_order") and not c.undecided}
    wrong = [c for c in orders.values() if not c.ok and c.found < c.declared]
    if not wrong or scheme.digits is not None or scheme.parameters:
        return None
    residuals = [r.value for c in wrong for r in _evidence(scheme, c).failing]
    largest = max((abs(float(value.evalf(20))) for value in residuals), default=0.0)
    if not 0 < largest < ROUNDING:
        return None
    most = min(int(-log10(largest)) + 1, MAX_DIGITS)
    for digits in range(most, max(most - 5, 1), -1):
        printed = replace(scheme, digits=digits)
        if all(_evidence(printed, c).order == c.declared for c in orders.values()):
            return digits
    return None


def _evidence(scheme: Scheme, claim: Claim) -> Order:
    return claimed_order(scheme, claim.declared, embedded=claim.claim == "embedded_order")


def _found(row: Finding, scheme: Scheme, declared: Any) -> Any:
    found = row.claimed(scheme, declared) if row.claimed else row.value(scheme)
    if found is None and any(not x.part.startswith("claim") for x in left_out()):
        raise TooMuch(f"{next(x for x in reversed(left_out()) if not x.part.startswith('claim'))}")
    if found is None:
        raise InputError(f"claims.{row.claim or row.short} does not apply to a {scheme.family} scheme; drop the claim")
    return found


def _reach(row: Finding, scheme: Scheme, declared: Any) -> str:
    if row.reach and (told := row.reach(scheme, declared)):
        return told
    return "declared values" if scheme.parameters else "exact" if scheme.digits is None else "decimal"
