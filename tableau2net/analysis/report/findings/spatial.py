"""What is found of a stencil."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sympy import Expr, Float, Poly, Rational

from tableau2net.analysis.budget import TooMuch, ask
from tableau2net.analysis.order.evidence import KINDS
from tableau2net.analysis.report.finding import ABSENT, Finding, Findings, Json, Words, json_of, piece, silent
from tableau2net.analysis.report.pieces import SUPERSCRIPTS, Fact, Piece, decimal, number, polynomial, yes
from tableau2net.analysis.space.cfl import cfl
from tableau2net.analysis.space.damping import (
    barrier,
    damped,
    damps_nothing,
    dissipative,
    equation_signs,
    euler_limit,
    monotone,
)
from tableau2net.analysis.space.dispersion import (
    Mode,
    group_velocity,
    largest_imaginary,
    largest_real,
    poles,
    sawtooth_velocity,
    stray_modes,
    turning_cosines,
)
from tableau2net.analysis.space.moments import (
    Index,
    MomentResidual,
    SpaceOrder,
    boundary_orders,
    derivative_text,
    leading_error,
    operator,
    space_order,
)
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.analysis.space.summation import Summation, summation_by_parts
from tableau2net.analysis.space.symbol import StencilSymbol, symbol
from tableau2net.analysis.ssp.supremum import Isolated
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.scheme import Stencil
from tableau2net.scheme.typeset.difference import difference_text

SHOWN_RESIDUALS = 3
FEW = 9  # points of a stencil that is written out as a formula


def _of(key: str, name: str, find: Any, **row: Any) -> Finding:
    return Finding(key, name, find, reads=Stencil, **row)


# ------------------------------------------------------------------------------------------------------------- order


def _order_facts(value: int, found: Findings) -> Iterator[Fact]:
    """The order, and the moments that keep it from being one more."""
    order: SpaceOrder = found.evidence[space_order]
    yield Fact("order", (_order(order),))
    yield from _misses(order)


def _order(order: SpaceOrder) -> str:
    held = f"{order.order}" if order.complete else f"at least {order.order}"
    why = {True: "", False: ": not consistent, the error does not fall with h"}[order.order > 0]
    why = why if order.order >= 0 else ": the error grows as h falls"
    return f"{held}, {KINDS[order.kind].alone}{why}"


def _misses(order: SpaceOrder) -> Iterator[Fact]:
    """M_5 = −1/30, should be 0; with parameters, what has to be 0."""
    pieces: list[Piece] = []
    for residual in order.failing[:SHOWN_RESIDUALS]:
        of = f" of {residual.of}" if residual.of else ""
        pieces += [
            ", " * bool(pieces),
            f"{residual.name}{of} {_is_equal(residual.found)}",
            residual.found,
            ", should be ",
            residual.should,
        ]
    if (more := len(order.failing) - SHOWN_RESIDUALS) > 0:
        pieces.append(f", {more} more")
    if pieces:
        needs = any(r.value.free_symbols for r in order.failing)
        yield Fact(f"order {order.order + 1} {'needs' if needs else 'misses by'}", tuple(pieces), detail=True)


def moments_json(residuals: tuple[MomentResidual, ...]) -> list[Json]:
    """Moments that fail as ``[{"moment": [5], "residual": …, "found": …, "should": …}]``, exact; ``of`` which row at a
    boundary."""
    return [
        {"moment": list(r.index)}
        | {name: exact_json(getattr(r, attribute)) for name, attribute in _PARTS.items()}
        | ({"of": r.of} if r.of else {})
        for r in residuals
    ]


_PARTS = {"residual": "value", "found": "found", "should": "should"}


def _series(terms: dict[Index, Expr], orders: Index) -> Iterator[Piece]:
    """−1/30 h⁴ ∂⁵u + …"""
    for i, (k, factor) in enumerate(terms.items()):
        minus = not factor.is_Add and factor.could_extract_minus_sign()
        size = -factor if minus else factor
        yield (" − " if minus else " + ") if i else ("−" if minus else "")
        if number(size).startswith("≈"):
            yield f"{decimal(size)}… "
        else:
            yield from () if size == 1 else ("(", size, ") ") if size.is_Add else (size, " ")
        yield f"{_power(sum(k) - sum(orders))}{derivative_text(k).removeprefix('1')}u"


def _power(n: int) -> str:
    return "" if n == 0 else "h " if n == 1 else f"h{str(n).replace('-', '⁻').translate(SUPERSCRIPTS)} "


def _leading(terms: dict[Index, Expr], found: Findings) -> Iterator[Fact]:
    if terms and isinstance(found.table, Stencil):
        yield Fact("leading error", tuple(_series(terms, found.table.orders)))


def series_json(terms: dict[Index, Expr] | None) -> list[Json] | None:
    """A series in derivatives as ``[{"derivative": [5], "coefficient": …}]``."""
    return None if terms is None else [{"derivative": list(k), "coefficient": exact_json(c)} for k, c in terms.items()]


def operators(terms: int) -> tuple[Finding, ...]:
    """Du = ∂u − 1/30 h⁴ ∂⁵u + …, up to a power of h; nothing for 0."""

    def asked(stencil: Stencil) -> dict[Index, Expr] | None:
        return operator(stencil, terms) if terms else None

    def told(found: dict[Index, Expr] | None, every: Findings) -> Iterator[Fact]:
        if found is not None and isinstance(every.table, Stencil):
            yield Fact("operator", ("Du = ", *_series(found, every.table.orders), " + …"), detail=True)

    return (_of("operator", "operator", asked, tell=told, json=series_json),)


def _boundary_facts(value: int | None, found: Findings) -> Iterator[Fact]:
    rows: tuple[SpaceOrder, ...] = found.evidence[boundary_orders]
    if value is None:
        return
    orders = ", ".join(str(row.order) for row in rows)
    yield Fact("boundary order", (f"{value}, {KINDS[rows[0].kind].alone}; row by row {orders}",))
    yield from (Fact(f"boundary {f.name}", f.value, detail=True) for f in _misses(min(rows, key=lambda r: r.order)))


def _first_at_boundary(stencil: Stencil) -> str:
    least = min(boundary_orders(stencil), key=lambda row: row.order)
    return f"boundary order {least.order + 1} fails at {least.failing[0]}" if least.failing else ""


def _kind(stencil: Stencil, declared: int) -> str:
    return space_order(stencil).kind


def _formula(stencil: Stencil) -> str | None:
    return difference_text(stencil) if len(stencil.points) <= FEW else None


FORMULA = (_of("formula", "formula", _formula, detail=True),)
ACCURACY = (
    _of("order", "order", lambda order: order.order, of=space_order, tell=_order_facts, reach=_kind),
    _of("order_kind", "", lambda order: order.kind, of=space_order),
    _of("order_complete", "", lambda order: order.complete, of=space_order),
    _of("failing", "", lambda order: order.failing, of=space_order, json=moments_json),
    _of("leading_error", "leading error", leading_error, tell=_leading, json=series_json),
    _of(
        "boundary_order",
        "boundary order",
        lambda rows: min((row.order for row in rows), default=None),
        of=boundary_orders,
        tell=_boundary_facts,
        reach=_kind,
        why=_first_at_boundary,
    ),
    _of(
        "boundary_orders",
        "",
        lambda rows: [row.order for row in rows] or None,
        of=boundary_orders,
    ),
)

# ------------------------------------------------------------------------------------------------------------- waves

SINES = {0: "", 1: "i ", 2: "−", 3: "−i "}


def _symbol(found: StencilSymbol) -> Words:
    """(1 − x) + i sin θ · (4/3 − x/3), x = cos θ."""
    names = ["θ"] if found.dimension == 1 else ["θ₀", "θ₁", "θ₂"][: found.dimension]
    alone = len(found.parts) == 1 and found.denominator == 1
    pieces: list[Piece] = []
    for axes, p in sorted(found.parts.items(), key=lambda part: (len(part[0]), part[0])):
        sines = " ".join(f"sin {names[k]}" for k in axes)
        plain = bool(axes) and p == 1
        pieces += [" + " * bool(pieces), f"{SINES[len(axes) % 4]}{sines}{' · ' * bool(axes and not plain)}"]
        pieces += [] if plain else [_flat(p)] if alone and not axes else _in_brackets(p)
    if found.denominator != 1:
        pieces = ["[", *pieces, "] / ", *_in_brackets(found.denominator)]
    cosines = ", ".join(f"{x} = cos {name}" for x, name in zip("xyz", names, strict=False))
    return ("ŝ = ", *(pieces or ["0"]), f", {cosines}")


def _flat(p: Poly) -> Piece:
    return p if len(p.gens) == 1 else p.as_expr()


def _in_brackets(p: Poly) -> tuple[Piece, ...]:
    several = len(p.terms()) > 1 or (p.is_ground and p.LC().is_Add) or polynomial(p).startswith("−")
    return ("(", _flat(p), ")") if several else (_flat(p),)


def _symbol_json(found: StencilSymbol) -> Json:
    parts = [{"sines": list(axes), "polynomial": json_of(p)} for axes, p in found.parts.items()]
    return {"parts": parts, "denominator": json_of(found.denominator)}


def _modes(modes: tuple[Mode, ...]) -> Words:
    if not modes:
        return "none"
    pieces: list[Piece] = []
    for mode in modes:
        pieces.append(", " * bool(pieces))
        pieces += ["the sawtooth"] if mode.cosine == -1 else [_equals(mode.cosine), mode.cosine]
    return tuple(pieces)


def _poles(modes: tuple[Mode, ...]) -> Words:
    return (*_modes(modes), ": the left side vanishes there")


def _resolved(found: Isolated) -> Words:
    return f"≈ {float(found):.6g} (isolated to {float(found.high - found.low):.0g})"


def _turning(cosines: tuple[Expr, ...]) -> Words:
    pieces: list[Piece] = []
    for x in cosines:
        pieces += [", " * bool(pieces), _equals(x), x]
    return tuple(pieces)


def _equals(cosine: Expr) -> str:
    return f"cos θ {_is_equal(cosine)}"


def _is_equal(value: Expr) -> str:
    """What stands before a number, which may be written as ≈ and decimals."""
    return "" if number(value).startswith("≈") else "= "


def _velocity(found: tuple[Poly, Poly]) -> Words:
    above, below = found
    return (above,) if below == 1 else (*_in_brackets(above), " / ", *_in_brackets(below))


def _nonzero(value: Expr | Isolated | None, name: str) -> Iterator[Fact]:
    if value is not None and value != 0:
        yield Fact(name, (piece(value),))


WAVES = (
    _of("symbol", "symbol", symbol, words=_symbol, detail=True, json=_symbol_json),
    _of(
        "waves.largest_real",
        "max |Re ŝ|",
        largest_real,
        tell=lambda value, _: _nonzero(value, "max |Re ŝ|"),
    ),
    _of(
        "waves.largest_imaginary",
        "max |Im ŝ|",
        largest_imaginary,
        tell=lambda value, _: _nonzero(value, "max |Im ŝ|"),
    ),
    _of(
        "waves.poles",
        "no bound at",
        lambda stencil: poles(stencil) or None,
        words=_poles,
        json=lambda modes: modes and [json_of(mode.cosine) for mode in modes],
    ),
    _of("waves.points_per_wavelength", "points a wave for 1 %", points_per_wavelength, words=_resolved),
    _of(
        "waves.group_velocity",
        "group velocity",
        group_velocity,
        words=_velocity,
        detail=True,
        json=lambda found: found and [json_of(p) for p in found],
    ),
    _of("waves.sawtooth_velocity", "sawtooth velocity", sawtooth_velocity, words=lambda v: (v, ", where 1 is right")),
    _of(
        "waves.standing",
        "standing packets",
        lambda stencil: turning_cosines(stencil) or None,
        words=_turning,
        json=lambda cosines: cosines and [json_of(x) for x in cosines],
    ),
    _of(
        "waves.unseen",
        "unseen waves",
        stray_modes,
        words=_modes,
        json=lambda modes: None if modes is None else [json_of(mode.cosine) for mode in modes],
    ),
)

# --------------------------------------------------------------------------------------------- symmetry, signs, sums


def _is(what: str) -> Any:
    return lambda stencil: getattr(symbol(stencil.at_defaults()), what)


def _symmetry(symmetric: bool, found: Findings) -> Iterator[Fact]:
    anti = found["structure.antisymmetric"]
    yield Fact("symmetry", ("symmetric" if symmetric else "antisymmetric" if anti else "none",))


def _dissipative(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if holds is None or not isinstance(found.table, Stencil):
        return
    if holds and damps_nothing(found.table):
        yield Fact("dissipative", ("no wave is damped, none grows",))
    else:
        yield Fact("dissipative", (yes(holds), _directions(found.table, found["structure.damped_signs"])))


def _directions(stencil: Stencil, signs: tuple[int, ...] | None) -> str:
    """Of which equation, where there are two."""
    several = signs and len(equation_signs(stencil)) > 1
    return f", of u_t = {'−' if signs[0] < 0 else ''}Du" if several and signs else ""


def _monotone(holds: bool | None, found: Findings) -> Iterator[Fact]:
    if holds is None or not isinstance(found.table, Stencil):
        return
    highest = barrier(found.table)
    known = f": of order {highest} at most (Godunov)" if highest == 1 else f": of order {highest} at most"
    yield Fact("monotone", (yes(holds), known if not holds and found["order"] > highest > 0 else ""))


def _euler(limit: Expr, _: Findings) -> Iterator[Fact]:
    if limit is not None:
        yield Fact("positive by Euler to", ("ν = ", limit))


SIGNS = (
    _of("structure.symmetric", "symmetric", _is("is_real"), tell=_symmetry),
    _of("structure.antisymmetric", "antisymmetric", _is("is_imaginary"), tell=silent),
    _of("structure.dissipative", "dissipative", dissipative, tell=_dissipative),
    _of(
        "structure.damped_signs",
        "",
        lambda stencil: damped(stencil) if equation_signs(stencil) else None,
        json=lambda signs: None if signs is None else list(signs),
    ),
    _of("structure.monotone", "monotone", monotone, tell=_monotone),
    _of("structure.euler_limit", "positive by Euler to", euler_limit, tell=_euler),
)


def summation(stencil: Stencil) -> Summation | None:
    """Summation by parts, or None where it is left out."""
    return ask("summation by parts", lambda: summation_by_parts(stencil))


def _sbp(holds: bool | None, found: Findings) -> Iterator[Fact]:
    known: Summation | None = found.evidence[summation]
    if known is None:
        return
    if known.holds:
        yield Fact("sums by parts", (f"yes, with H a quadrature of order {known.quadrature}",))
    elif not known.positive:
        yield Fact("sums by parts", ("no: the norm H is not positive",))
    else:
        first, more = known.defects[0], len(known.defects) - 1
        where = f" at ({first.row}, {first.column})" + (f", {more} more" if more else "")
        yield Fact("sums by parts", ("no: Q + Qᵀ is off by ", first.value, where))


def _why_not(stencil: Stencil) -> str:
    known = summation_by_parts(stencil)
    return (
        ""
        if known is None or known.holds
        else "the norm H is not positive"
        if not known.positive
        else str(known.defects[0])
    )


def _defects_json(known: Summation | None) -> Any:
    if known is None:
        return None
    return [{"row": d.row, "column": d.column, "value": exact_json(d.value)} for d in known.defects]


def _part(key: str, attribute: str) -> Finding:
    return _of(key, "", lambda known: known and getattr(known, attribute), of=summation)


def _cfl(stencil: Stencil, scheme: str) -> Expr | Isolated:
    try:
        known = cfl(scheme, stencil)
    except InputError as error:
        raise InputError(f"claims.cfl.{scheme}: {error}") from None
    if known.kind == "isolated":
        return Isolated(*map(Rational, known.enclosure))
    if known.limit.atoms(Float):
        low, high = (float(end) for end in known.enclosure)
        raise TooMuch(f"it is known to lie between {low:.12g} and {high:.12g}, not as a number that a file can write")
    return known.limit


BOUNDARY = (
    _of("structure.sbp", "sums by parts", lambda known: known and known.holds, of=summation, tell=_sbp, why=_why_not),
    _part("structure.norm_positive", "positive"),
    _part("structure.quadrature_order", "quadrature"),
    _of("structure.sbp_defects", "", lambda known: known, of=summation, tell=silent, json=_defects_json),
)
CLAIMED = (
    _of(
        "cfl",
        "",
        lambda stencil: None,  # for one scheme at a time: a claim, or the command cfl
        json=lambda _: ABSENT,
        claimed=_cfl,
        reach=lambda stencil, scheme: cfl(scheme, stencil).kind,
    ),
)
