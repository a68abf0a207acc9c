"""Symmetric compositions of a symmetric method of order two that raise its order by two at a time (HLW II.4).

A step h becomes steps γ_1 h, γ_0 h, γ_1 h (the triple jump: Creutz and Gocksch 1989, Forest and Ruth 1989, Suzuki 1990,
Yoshida 1990) or twice two of γ_1 h about one of γ_0 h (Suzuki's fractal). From order p, n outer steps:
n γ_1 + γ_0 = 1 and n γ_1^(p+1) + γ_0^(p+1) = 0. The roots of order four are cube roots and exact; those of six and more
generate a field of degree fifteen, and are decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import mpmath
from sympy import Expr, Integer, Rational, expand

from tableau2net.scheme.base import Scheme
from tableau2net.scheme.constructed.pattern import SchemePattern, register_scheme_patterns
from tableau2net.scheme.constructed.quadrature import DIGITS, STORED, WORKING
from tableau2net.scheme.operations import compose
from tableau2net.scheme.parts import PartitionedRungeKutta
from tableau2net.scheme.runge_kutta import RungeKutta

HALF = Rational(1, 2)
VERLET = PartitionedRungeKutta(  # p + h/2 g(q), then q, then p again; f(p) and g(q) read one state each
    parts=(
        RungeKutta(A=((), (0, 1)), b=(0, 1), c=(0, HALF)),
        RungeKutta(A=((), (HALF,)), b=(HALF, HALF), c=(0, 1)),
    ),
    reads=((2,), (1,)),
)
MIDPOINT = RungeKutta(A=((HALF,),), b=(1,))


def weights(outer: int, order: int) -> list[Expr]:
    """The steps of the composition, in order; their sum is 1 exactly."""
    if order <= 4:
        root = Integer(outer) ** Rational(1, 3)  # with r³ = n, 1/(n − r) = (n² + n r + r²)/(n³ − n)
        gamma = expand((outer**2 + outer * root + root**2) / (outer**3 - outer))
        return [expand(w) for w in _nested(outer, [gamma][: order // 2 - 1])]
    with mpmath.workdps(WORKING):
        exact = _nested(outer, [1 / (outer - mpmath.root(outer, p + 1)) for p in range(2, order, 2)])
        rounded = [Rational(int(mpmath.nint(w * mpmath.mpf(10) ** STORED)), 10**STORED) for w in exact]
    rounded[len(rounded) // 2] += 1 - sum(rounded)
    return rounded


def _nested(outer: int, gammas: Sequence[Any]) -> list[Any]:
    steps: list[Any] = [1]
    for gamma in gammas:
        sides, middle = [gamma * w for w in steps], [(1 - outer * gamma) * w for w in steps]
        steps = sides * (outer // 2) + middle + sides * (outer // 2)
    return steps


def composed(base: Scheme, outer: int, order: int) -> Scheme:
    """A method of this even order from one of order two."""
    steps = weights(outer, order)
    return replace(compose([base] * len(steps), steps), digits=None if order <= 4 else DIGITS)


def _family(name: str, base: Scheme, outer: int, title: str, reference: str, members: tuple[int, ...]) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=members,
        build=partial(composed, base, outer),
        title=lambda p: f"{title}, order {p}" + ("" if p <= 4 else f", to {DIGITS} decimals"),
        reference=reference,
        claims=lambda p: {"order": p, "symmetric": True} if p <= 4 else {"order": p},
        listed=1,
        kind=base.family,
    )


JUMP = "Forest and Ruth 1990; Suzuki 1990; Yoshida 1990, Phys. Lett. A 150, pp. 262-268; HLW II.4"
FRACTAL = "Suzuki 1990, Phys. Lett. A 146, pp. 319-323; HLW II.4"

register_scheme_patterns(
    _family("yoshida", VERLET, 2, "Triple jump of Störmer–Verlet", JUMP, (4, 6, 8)),
    _family("suzuki", VERLET, 4, "Suzuki's fractal of Störmer–Verlet", FRACTAL, (4, 6)),
    _family("yoshida-midpoint", MIDPOINT, 2, "Triple jump of the implicit midpoint rule", JUMP, (4, 6, 8)),
    _family("suzuki-midpoint", MIDPOINT, 4, "Suzuki's fractal of the implicit midpoint rule", FRACTAL, (4, 6)),
)
