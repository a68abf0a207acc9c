"""Pairs of Lobatto methods for partitioned systems, for any number of stages (Hairer, Lubich, Wanner, II.2 and VI.4).

A pair with b_i â_ij + b_j a_ji = b_i b_j is symplectic: IIIA with IIIB, and IIIC with III (IIIC*).
Two stages of the first are the Störmer–Verlet method.
"""

from __future__ import annotations

from functools import partial

from tableau2net.scheme.constructed.collocation import Rule, collocation, first_column, last_column, table, transposed
from tableau2net.scheme.constructed.pattern import SchemePattern, count, register_scheme_patterns
from tableau2net.scheme.parts import PartitionedRungeKutta

LARGEST = 5


def pair(first: Rule, second: Rule, s: int) -> PartitionedRungeKutta:
    """Two rules on the same Lobatto nodes, one for each of two states."""
    return PartitionedRungeKutta(parts=(table("lobatto", first, s), table("lobatto", second, s)))


def _family(name: str, title: str, reference: str, first: Rule, second: Rule) -> SchemePattern:
    return SchemePattern(
        pattern=name + "-{}",
        members=range(2, LARGEST + 1),
        build=partial(pair, first, second),
        title=lambda s: f"{title}, {count(s, 'stage')}",
        reference=reference,
        claims=lambda s: {"order": 2 * s - 2, "symplectic": True},
        listed=3,
        kind="partitioned-runge-kutta",
    )


register_scheme_patterns(
    _family(
        "lobatto-iiia-iiib",
        "Lobatto IIIA–IIIB pair",
        "Sun 1993; Jay 1996, SIAM J. Numer. Anal. 33, pp. 368-387; HLW IV.2",
        collocation,
        transposed,
    ),
    _family(
        "lobatto-iiic-iii",
        "Lobatto IIIC–III pair",
        "Sun 1995; Jay 2015, Lobatto methods; HLW VI.4",
        first_column,
        last_column,
    ),
)
