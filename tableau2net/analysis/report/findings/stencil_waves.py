"""What a stencil does to waves: its symbol, the largest values and bounds of it, how fast waves and packets go."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Poly

from tableau2net.analysis.report.finding import Json, Words, json_of, piece
from tableau2net.analysis.report.findings.stencil_rows import is_equal, of_stencil
from tableau2net.analysis.report.pieces import Fact, Piece, polynomial
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
from tableau2net.analysis.space.resolution import points_per_wavelength
from tableau2net.analysis.space.symbol import StencilSymbol, symbol
from tableau2net.analysis.ssp.supremum import Isolated

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
    return f"cos θ {is_equal(cosine)}"


def _velocity(found: tuple[Poly, Poly]) -> Words:
    above, below = found
    return (above,) if below == 1 else (*_in_brackets(above), " / ", *_in_brackets(below))


def _nonzero(value: Expr | Isolated | None, name: str) -> Iterator[Fact]:
    if value is not None and value != 0:
        yield Fact(name, (piece(value),))


WAVES = (
    of_stencil("symbol", "symbol", symbol, words=_symbol, detail=True, json=_symbol_json),
    of_stencil(
        "waves.largest_real",
        "max |Re ŝ|",
        largest_real,
        tell=lambda value, _: _nonzero(value, "max |Re ŝ|"),
    ),
    of_stencil(
        "waves.largest_imaginary",
        "max |Im ŝ|",
        largest_imaginary,
        tell=lambda value, _: _nonzero(value, "max |Im ŝ|"),
    ),
    of_stencil(
        "waves.poles",
        "no bound at",
        lambda stencil: poles(stencil) or None,
        words=_poles,
        json=lambda modes: modes and [json_of(mode.cosine) for mode in modes],
    ),
    of_stencil("waves.points_per_wavelength", "points a wave for 1 %", points_per_wavelength, words=_resolved),
    of_stencil(
        "waves.group_velocity",
        "group velocity",
        group_velocity,
        words=_velocity,
        detail=True,
        json=lambda found: found and [json_of(p) for p in found],
    ),
    of_stencil(
        "waves.sawtooth_velocity", "sawtooth velocity", sawtooth_velocity, words=lambda v: (v, ", where 1 is right")
    ),
    of_stencil(
        "waves.standing",
        "standing packets",
        lambda stencil: turning_cosines(stencil) or None,
        words=_turning,
        json=lambda cosines: cosines and [json_of(x) for x in cosines],
    ),
    of_stencil(
        "waves.unseen",
        "unseen waves",
        stray_modes,
        words=_modes,
        json=lambda modes: None if modes is None else [json_of(mode.cosine) for mode in modes],
    ),
)
