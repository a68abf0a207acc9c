"""The names that methods have in torchdiffeq and scipy, and the schemes that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tableau2net.errors import InputError
from tableau2net.scheme import VARIABLE_ORDER, RungeKutta, Scheme, VariableOrder, as_scheme, load
from tableau2net.step import lower

ADAPTIVE = {
    "dopri5": "dormand-prince-54",
    "dopri8": "dormand-prince-87",
    "tsit5": "tsitouras-54",
    "bosh3": "bogacki-shampine-32",
    "fehlberg2": "fehlberg-12",
    "adaptive_heun": "heun-euler-21",
}
FIXED = {
    "euler": "euler",
    "midpoint": "explicit-midpoint",
    "heun2": "ssprk-22",
    "heun3": "heun-3",
    "rk4": "rk4-38",
    "implicit_euler": "backward-euler",
    "implicit_midpoint": "implicit-midpoint",
    "trapezoid": "trapezoid",
    "radauIIA3": "radau-iia-2",
    "radauIIA5": "radau-iia-3",
    "gl4": "gauss-2",
    "gl6": "gauss-3",
    "sdirk2": "alexander-2",
    "trbdf2": "tr-bdf2",
    "explicit_adams": "adams-bashforth-{order}",
    "implicit_adams": "adams-moulton-{less}",
    "fixed_adams": "adams-moulton-{less}",
}
SCIPY = {
    "RK45": "dormand-prince-54",
    "RK23": "bogacki-shampine-32",
    "DOP853": "hairer-853-5",
    "Radau": "radau-iia-3",
    "BDF": "ndf",
    "LSODA": "bdf",
}
ADAMS_ORDER = 4


@dataclass(frozen=True)
class NamedMethod:
    """A scheme, and whether a tolerance chooses its steps. name: as it was asked for. start: of a scheme with a
    history, where it is not what `integrate` takes."""

    name: str
    scheme: Scheme | VariableOrder | str | Path
    controlled: bool
    start: str | None = None


def method_of(method: Any, options: Mapping[str, Any]) -> NamedMethod:
    """The method of a name (dopri5 where there is none), or of a scheme. Raises InputError where there is none such."""
    if method is None:
        method = "dopri5"
    given = options.keys() & {"step_size", "grid_constructor"}
    if not isinstance(method, str):
        return _own(str(getattr(method, "name", method)), method, bool(given))
    if method == "scipy_solver":
        solver = options.get("solver", "LSODA")
        if solver not in SCIPY:
            raise InputError(f"options: solver = {solver!r}: one of {', '.join(SCIPY)}")
        return NamedMethod(method, SCIPY[solver], True)
    if method in FIXED:
        order = _adams_order(options.get("max_order"))
        start = "rk4-38" if "adams" in method and order <= ADAMS_ORDER else None
        return NamedMethod(method, FIXED[method].format(order=order, less=order - 1), False, start)
    if method == "fehlberg2":  # which steps by the formula of the higher order
        pair = load(ADAPTIVE[method])
        assert isinstance(pair, RungeKutta)
        assert pair.b_hat is not None
        return NamedMethod(method, replace(pair, b=pair.b_hat, b_hat=pair.b, name="fehlberg-21"), not given)
    if method in ADAPTIVE or method in SCIPY:
        return NamedMethod(method, {**ADAPTIVE, **SCIPY}[method], not given)
    return _own(method, method, bool(given))


def _adams_order(highest: Any) -> int:
    """torchdiffeq's max_order is one more than the order of its explicit formula."""
    if highest is None:
        return ADAMS_ORDER
    if not isinstance(highest, int) or isinstance(highest, bool) or not 3 <= highest <= 12:
        raise InputError(f"options: max_order = {highest!r}: a whole number from 3 to 12")
    return highest - 1


def own_scheme(given: Any) -> Scheme:
    """A scheme, or the one of a name. Raises InputError where there is none such, which says what the one is called
    here that other packages call so."""
    try:
        return as_scheme(given)
    except InputError as error:
        known = {**FIXED, **ADAPTIVE, **SCIPY}.get(given) if isinstance(given, str) else None
        if known is None:
            raise
        ours = known.format(order=ADAMS_ORDER - 1, less=ADAMS_ORDER - 1)
        raise InputError(f"no scheme {given!r}: it is {ours!r} here (odeint takes either name)") from error


def _own(name: str, method: Any, given: bool) -> NamedMethod:
    """A scheme of the library, of a file or one's own: a tolerance chooses its steps where that can be."""
    if isinstance(method, VariableOrder) or (isinstance(method, str) and method in VARIABLE_ORDER):
        return NamedMethod(name, method, True)
    try:
        scheme = as_scheme(method)
    except InputError as error:
        near = get_close_matches(name, (*ADAPTIVE, *FIXED, *SCIPY, "scipy_solver"), 1)
        raise InputError(f"{error}; of torchdiffeq's names {near[0]} is near" if near else str(error)) from None
    step = lower(scheme.at_defaults() if scheme.parameters else scheme)
    if step.derivative != 1 or len(step.states) > 1 or max(step.parts, step.fields) > 1:
        raise InputError(f"method = {name}: y' = f(t, y) is not what it is for; t2n.integrate takes it")
    return NamedMethod(name, scheme, not given and not step.history)
