"""What a source says of its scheme, proved or refuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log10
from typing import Any

from sympy import Expr
from sympy.polys.rootoftools import ComplexRootOf

from tableau2net.analysis.budget import TooMuch, ask, left_out
from tableau2net.analysis.order.by_assumptions import order_by_simplifying
from tableau2net.analysis.order.conditions import DEFAULT_LIMIT, order_conditions
from tableau2net.analysis.order.evidence import Order
from tableau2net.analysis.order.pairs import useless_estimate
from tableau2net.analysis.region import region_text, zero_stable_region
from tableau2net.analysis.ssp.coefficient import ssp_coefficient
from tableau2net.analysis.stability.verdicts import stability, zero_stable
from tableau2net.analysis.structure import (
    algebraically_stable,
    fsal,
    stage_order,
    stiffly_accurate,
    symmetric,
    symplectic,
)
from tableau2net.errors import InputError
from tableau2net.exact.domain import domain_of
from tableau2net.scheme import Multistep, Scheme
from tableau2net.scheme.base import MAX_DIGITS
from tableau2net.step import lower

ROUNDING = 1e-7  # conditions that are missed by more are not missed by rounding
MAX_CLAIMED = 16  # the order to which trees are tried for a claim: 376,464 of them


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
    order = order_conditions(scheme, _limit(scheme, scheme.claims.get("order", 0)))
    useless = ask("use of the embedded method", lambda: useless_estimate(scheme))
    rounded = ask("decimals of the order", lambda: _decimals(scheme, claims))
    return Verdict(scheme.name, order, claims, useless, rounded)


def _claim(scheme: Scheme, key: str, declared: Any) -> Claim:
    name = f"claim {key}"
    decided = ask(name, lambda: (_find(scheme, key, declared), _kind(scheme, key, declared)))
    if decided is not None:
        return Claim(key, declared, *decided)
    return Claim(key, declared, None, undecided=next((x.why for x in left_out() if x.part == name), "more work"))


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
    return order_conditions(scheme, _limit(scheme, claim.declared), embedded=claim.claim == "embedded_order")


def _find(scheme: Scheme, key: str, declared: Any) -> Any:
    if key == "embedded_order" and lower(scheme).estimate is None:
        raise InputError("claims.embedded_order: the scheme has no b_hat; add the weights or drop the claim")
    found = FACTS[key](scheme, declared)
    if found is None and any(not x.part.startswith("claim") for x in left_out()):
        raise TooMuch(f"{next(x for x in reversed(left_out()) if not x.part.startswith('claim'))}")
    if found is None:
        raise InputError(f"claims.{key} does not apply to a {scheme.family} scheme; drop the claim")
    return found


def _kind(scheme: Scheme, key: str, declared: Any) -> str:
    if key in ("order", "embedded_order"):
        return order_conditions(scheme, _limit(scheme, declared), embedded=key == "embedded_order").kind
    if not scheme.parameters or key == "explicit":
        return "exact" if scheme.digits is None else "decimal"
    region = zero_stable_region(scheme) if key == "zero_stable" else None
    return "declared values" if region is None else region_text(region)


def _limit(scheme: Scheme, declared: int) -> int | None:
    """Far enough to see that a claimed order is not exceeded; for a file from a stranger, no further than trees go."""
    if declared < DEFAULT_LIMIT:
        return None
    without_trees = isinstance(scheme, Multistep) or order_by_simplifying(scheme) is not None
    return declared + 1 if without_trees else min(declared + 1, MAX_CLAIMED)


# claim → what is found, given the scheme and the declared value (which only bounds a search)
FACTS: dict[str, Callable[[Scheme, Any], Any]] = {
    "order": lambda s, declared: order_conditions(s, _limit(s, declared)).order,
    "embedded_order": lambda s, declared: order_conditions(s, _limit(s, declared), embedded=True).order,
    "stage_order": lambda s, _: stage_order(s),
    "explicit": lambda s, _: getattr(s, "explicit", None),
    "zero_stable": lambda s, _: zero_stable(s),
    "stiffly_accurate": lambda s, _: stiffly_accurate(s),
    "fsal": lambda s, _: fsal(s),
    "a_stable": lambda s, _: stability(s).a_stable,
    "l_stable": lambda s, _: stability(s).l_stable,
    "i_stable": lambda s, _: stability(s).i_stable,
    "real_interval": lambda s, _: stability(s).real_interval,
    "imaginary_interval": lambda s, _: stability(s).imaginary_interval,
    "algebraically_stable": lambda s, _: algebraically_stable(s),
    "symplectic": lambda s, _: symplectic(s),
    "symmetric": lambda s, _: symmetric(s),
    "ssp": lambda s, _: ssp_coefficient(s),
}
