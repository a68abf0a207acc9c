"""`tableau2net generate`: a family of schemes, or of stencils, from its order conditions, as a file."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tableau2net.cli.streams import print_json
from tableau2net.errors import InputError
from tableau2net.exact.text import exact_json
from tableau2net.files import write_atomically
from tableau2net.scheme.saved import dumps
from tableau2net.sinks import printable

if TYPE_CHECKING:
    from tableau2net.analysis.region.regions import Region
    from tableau2net.scheme import Scheme
    from tableau2net.scheme.coefficient_table import CoefficientTable

Given = TypeVar("Given")
FAMILIES = ("multistep", "imex-multistep", "runge-kutta", "stencil")


def generate(
    family: Annotated[str, typer.Argument(help="multistep, imex-multistep, runge-kutta or stencil.")],
    order: Annotated[int, typer.Option(help="The order that every member shall have.")],
    steps: Annotated[int | None, typer.Option(help="Steps of a multistep method.")] = None,
    stages: Annotated[int | None, typer.Option(help="Stages of a Runge–Kutta method.")] = None,
    explicit: Annotated[bool, typer.Option("--explicit/--implicit", help="Whether no equation is solved.")] = True,
    adams: Annotated[bool, typer.Option("--adams", help="Multistep: alpha of Adams' methods, free beta.")] = False,
    diagonally_implicit: Annotated[bool, typer.Option("--diagonally-implicit", help="One stage at a time.")] = False,
    singly_diagonally_implicit: Annotated[
        bool, typer.Option("--singly-diagonally-implicit", help="With one gamma on the diagonal.")
    ] = False,
    collocation: Annotated[bool, typer.Option("--collocation", help="The implicit methods of their nodes.")] = False,
    nodes: Annotated[str | None, typer.Option(help="The nodes c, as in 0,1/2,1.")] = None,
    embedded: Annotated[int | None, typer.Option(help="Runge–Kutta: the order of a second formula b_hat.")] = None,
    derivative: Annotated[
        str | None, typer.Option(help="Stencil: 2, or one for each axis, 1,0; 2,0+0,2 for a sum.")
    ] = None,
    offsets: Annotated[
        str | None, typer.Option(help="Stencil: where weights stand, -2:2; on two axes -1:1,-1:1.")
    ] = None,
    left: Annotated[str | None, typer.Option(help="Stencil: of the left side of a compact formula, -1:1.")] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Stencil: with every symmetry of the derivative.")
    ] = False,
    fix: Annotated[
        list[str] | None, typer.Option(help="COEFFICIENT=VALUE, as in a21=1/2; alpha0=-k names a parameter k.")
    ] = None,
    value: Annotated[list[str] | None, typer.Option(help="PARAMETER=NUMBER: where it starts.")] = None,
    zero_stable: Annotated[bool, typer.Option("--zero-stable", help="Insist on zero-stable members.")] = False,
    a_stable: Annotated[bool, typer.Option("--a-stable", help="Runge–Kutta: insist on A-stable members.")] = False,
    minimise: Annotated[
        str | None, typer.Option(help="Runge–Kutta: the member with the least principal-error-norm.")
    ] = None,
    maximise: Annotated[
        str | None, typer.Option(help="Runge–Kutta: that with the largest ssp, real-interval or imaginary-interval.")
    ] = None,
    bounds: Annotated[
        list[str] | None, typer.Option(help="PARAMETER=LOW:HIGH: where the best is sought, as in c2=0:1.")
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the scheme.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write. [default: the terminal]")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As one JSON object, numbers exact.")] = False,
) -> None:
    """Solve order conditions: all members of what is written have the order, whatever its parameters."""
    from tableau2net.analysis.generate import generate_imex_multistep, generate_multistep, generate_runge_kutta

    shapes = {
        "diagonally-implicit": diagonally_implicit,
        "singly-diagonally-implicit": singly_diagonally_implicit,
        "collocation": collocation,
    }
    shape = _one_shape([s for s, chosen in shapes.items() if chosen], explicit)
    goal, box = _goal(minimise, maximise, bounds), _bounds(bounds or [])
    if goal is not None and family != "runge-kutta":
        raise InputError(f"--{'minimise' if minimise else 'maximise'}: is of runge-kutta, not of {family}")
    fixed, values = _pairs(fix or [], "--fix"), _pairs(value or [], "--value")
    space = {"derivative": derivative, "offsets": offsets, "left": left, "symmetric": symmetric or None}
    if family == "stencil":
        time = {"steps": steps, "stages": stages, "adams": adams or None, "nodes": nodes, "embedded": embedded}
        time |= {
            "implicit": None if explicit else True,
            "zero-stable": zero_stable or None,
            "a-stable": a_stable or None,
        }
        _not_with(family, **time, **{s: v or None for s, v in shapes.items()})
        _write(_stencil(space, order, fixed, values, name), [], output, json)
        return
    _not_with(family, **space)
    if family in ("multistep", "imex-multistep"):
        _not_with(family, stages=stages, nodes=nodes, embedded=embedded, **{s: v or None for s, v in shapes.items()})
        if a_stable:
            raise InputError("--a-stable: is asked of Runge–Kutta methods only; leave it out")
        make = generate_imex_multistep if family != "multistep" else partial(generate_multistep, explicit=explicit)
        found: Scheme = make(
            _needed(steps, "--steps"),
            order,
            adams=adams,
            fix=fixed,
            values=values,
            stable="zero-stable" if zero_stable else None,
            name=name,
        )
    elif family == "runge-kutta":
        _not_with(family, steps=steps, adams=adams or None)
        count = _needed(stages, "--stages")
        found = generate_runge_kutta(
            count,
            order,
            shape=shape,
            embedded=embedded,
            fix={**_nodes(nodes, count), **fixed},
            values=values,
            stable="A-stable" if a_stable else None,
            name=name,
        )
    else:
        raise InputError(f"family {family!r}: write one of {', '.join(FAMILIES)}")
    if goal is not None:
        _optimum(found, goal, box, output, json)
        return
    _write(found, _regions(found, a_stable), output, json)


def _goal(minimise: str | None, maximise: str | None, bounds: list[str] | None) -> str | None:
    from tableau2net.analysis.search.best_member import MAXIMISED, MINIMISED

    if minimise is not None and maximise is not None:
        raise InputError("--minimise and --maximise: choose one")
    for option, asked, known in (("--minimise", minimise, MINIMISED), ("--maximise", maximise, MAXIMISED)):
        if asked is not None and asked not in known:
            raise InputError(f"{option} {asked}: one of {', '.join(known)}")
    if bounds and minimise is None and maximise is None:
        raise InputError("--bounds: is of --minimise or --maximise; leave it out")
    return minimise or maximise


def _bounds(bounds: list[str]) -> dict[str, tuple[object, object]]:
    box: dict[str, tuple[object, object]] = {}
    for name, given in _pairs(bounds, "--bounds").items():
        low, colon, high = given.partition(":")
        if not colon:
            raise InputError(f"--bounds {name}={given}: write the lower and the upper, as in {name}=0:1")
        box[name] = (low, high)
    return box


def _optimum(
    family: Scheme, goal: str, bounds: dict[str, tuple[object, object]], output: Path | None, json: bool
) -> None:
    """The best member of the family: what it is worth goes to stderr, where the file is not said as JSON."""
    from tableau2net.analysis.search.best_member import optimise

    best = optimise(family, goal, bounds=bounds)
    chosen = _chosen(family)
    file = "".join(f"# {line}\n" for line in (str(best), *chosen)) + dumps(best.table)
    if output is not None:
        write_atomically(output, file)
        print(f"{printable(output)}: {'; '.join([str(best), *chosen])}", file=sys.stderr)
    if json:
        print_json(best.to_dict() | {"family": family.title, "file": file})
    elif output is None:
        print(file, end="")


def _chosen(family: CoefficientTable) -> list[str]:
    """A line on the coefficients that are free too, and were set so that the family can be written."""
    _, given, told = family.title.partition(", family in")[0].partition(", with ")
    return [f"of all such methods only those with {told}; --fix opens or sets these"] if given else []


def _stencil(
    space: dict[str, Any], order: int, fixed: dict[str, str], values: dict[str, str], name: str
) -> CoefficientTable:
    from tableau2net.analysis.generate import generate_stencil

    summands = _needed(space["derivative"], "--derivative").split("+")
    terms = [_numbers(part, "--derivative 2, 1,0 or 2,0+0,2") for part in summands]
    return generate_stencil(
        terms if len(terms) > 1 else terms[0],
        [_range(axis, "--offsets") for axis in _needed(space["offsets"], "--offsets").split(",")],
        order,
        left=None if space["left"] is None else _range(space["left"], "--left"),
        symmetric=bool(space["symmetric"]),
        fix=fixed,
        values=values,
        name=name,
    )


def _numbers(text: str, example: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{text!r}: whole numbers are expected, as in {example}") from None


def _range(text: str, option: str) -> range:
    first, colon, last = text.partition(":")
    low, high = (_numbers(end, f"{option} -2:2")[0] for end in (first, last if colon else first))
    if not -64 <= low <= high <= 64:
        raise InputError(f"{option} {text}: the first offset and the last, from -64 to 64, as in {option} -2:2")
    return range(low, high + 1)


def _one_shape(chosen: list[str], explicit: bool) -> str:
    if len(chosen) > 1:
        raise InputError(f"--{chosen[0]} and --{chosen[1]}: choose one")
    return chosen[0] if chosen else "explicit" if explicit else "implicit"


def _needed(given: Given | None, option: str) -> Given:
    if given is None:
        how = "how many" if option in ("--steps", "--stages") else "which"
        raise InputError(f"{option} is missing: say {how}")
    return given


def _not_with(family: str, **options: object) -> None:
    for option, given in options.items():
        if given is not None:
            raise InputError(f"--{option}: not an option of {family}; leave it out")


def _pairs(items: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items:
        key, equals, right = item.partition("=")
        if not equals or not key.strip() or not right.strip():
            raise InputError(f"{option} {item!r}: write NAME=VALUE, as in {option} c2=1/2")
        if key.strip() in pairs:
            raise InputError(f"{option} {key.strip()}: given twice")
        pairs[key.strip()] = right.strip()
    return pairs


def _nodes(nodes: str | None, stages: int) -> dict[str, str]:
    if nodes is None:
        return {}
    values = [part.strip() for part in nodes.split(",")]
    if len(values) != stages or not all(values):
        raise InputError(f"--nodes {nodes}: {stages} values are expected, with commas between")
    return {f"c{i}": v for i, v in enumerate(values, 1)}


def _regions(scheme: Scheme, a_stable: bool) -> list[Region]:
    from tableau2net.analysis.region.regions import a_stable_region, zero_stable_region

    found = [None if scheme.family == "runge-kutta" else zero_stable_region(scheme)]
    found += [a_stable_region(scheme) if a_stable else None]
    return [region for region in found if region is not None]


def _write(scheme: CoefficientTable, regions: list[Region], output: Path | None, json: bool) -> None:
    from tableau2net.analysis.region.regions import region_text

    facts = [f"order {scheme.claims['order']} for all parameter values" if scheme.parameters else scheme.title]
    facts += [*(_chosen(scheme) if scheme.parameters else ()), *(region_text(region) for region in regions)]
    file = "".join(f"# {fact[0].upper()}{fact[1:]}\n" for fact in facts) + dumps(scheme)
    if output is not None:
        write_atomically(output, file)
        print(f"{printable(output)}: {scheme.title}; {'; '.join(facts[scheme.parameters == () :])}", file=sys.stderr)
    if json:
        print_json(_json(scheme, regions, file))
    elif output is None:
        print(file, end="")


def _json(scheme: CoefficientTable, regions: list[Region], file: str) -> dict[str, Any]:
    from tableau2net.analysis.order.evidence import kind_of

    return {
        "name": scheme.name,
        "title": scheme.title,
        "family": scheme.family,
        "order": scheme.claims["order"],
        "order_kind": kind_of(scheme),
        "parameters": {
            p.name: {
                "value": exact_json(p.value),
                "range": None if p.range is None else [exact_json(end) for end in p.range],
            }
            for p in scheme.parameters
        },
        "regions": {region.fact: str(region) for region in regions},
        "coefficients": {key: exact_json(c) for key, c in scheme.coefficients.items()},
        "file": file,
    }
