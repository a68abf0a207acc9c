"""Stencils as public code has them: each is refuted, and what it makes of a polynomial is no derivative of it."""

from fractions import Fraction
from math import factorial, prod
from pathlib import Path

import pytest

from tableau2net.analysis.space.moments import space_order
from tableau2net.scheme import Stencil, load

FOLDER = Path(__file__).parents[2] / "known_bad" / "space"
FOUND = {  # the order, and the first moment that fails: what it is
    "active-model-second-6": (2, (4,), "1/12"),
    "gr-athena-central-6": (-1, (0,), "-1/60"),
    "pencil-10th-mixed": (0, (1, 1), "19321/7056"),
    "pencil-10th-der2-pencil": (6, (8,), "1/560"),
    "pencil-4th-mixed-xz": (0, (1, 1), "1/25"),
    "pencil-4th-mixed": (0, (1, 1), "5/3"),
    "pencil-8th-der-pencil-z": (0, (1,), "141/140"),
    "pencil-8th-der5i1j": (0, (5, 1), "219/140"),
    "pencil-8th-mixed": (0, (1, 1), "47961/19600"),
    "pencil-8th-one-sided-z": (0, (1,), "25/12"),
    "pencil-tuned1": (0, (2,), "0"),
    "phoebus-central-4": (-1, (0,), "-1/6"),
}


def test_all_of_them_are_here():
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_published_stencil_is_refuted_by_a_moment(name):
    stencil = load(FOLDER / f"{name}.toml", Stencil)
    order, index, moment = FOUND[name]
    found = space_order(stencil)
    assert (found.order, found.failing[0].index, str(found.failing[0].found)) == (order, index, moment)
    assert stencil.claims["order"] > found.order
    points = {at: Fraction(str(w)) for at, w in stencil.points.items()}
    made = sum(w * prod(j**n for j, n in zip(at, index, strict=True)) for at, w in points.items())
    assert made == Fraction(moment) * prod(map(factorial, index))  # of the monomial, at 0
