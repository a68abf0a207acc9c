"""The library: what ships, what is constructed, what a user brings."""

from time import perf_counter

import pytest

from tableau2net.errors import InputError
from tableau2net.scheme import list_schemes, list_tables, load
from tableau2net.scheme.library import catalogue, folder


def test_at_least_fifty_methods_of_every_kind():
    kinds = {}
    for path in folder().rglob("*.toml"):
        kinds.setdefault(path.parent.name, []).append(path.stem)
    assert {"explicit", "implicit", "pairs", "ssp", "multistep", "networks"} <= set(kinds)
    assert sum(map(len, kinds.values())) >= 50
    assert {"lm", "adamnet-2", "adamnet-3"} <= set(kinds["networks"])


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [  # Hairer, Nørsett, Wanner I, III.1: Tables 1.1, 1.2 and eqs. (1.22'), (1.13)
        ("adams-bashforth-4", "0 0 0 -1 1", "-9/24 37/24 -59/24 55/24 0"),
        ("adams-moulton-3", "0 0 -1 1", "1/24 -5/24 19/24 9/24"),
        ("bdf-3", "-2/11 9/11 -18/11 1", "0 0 0 6/11"),
        ("nystrom-3", "0 -1 0 1", "1/3 -2/3 7/3 0"),
        ("nystrom-2", "-1 0 1", "0 2 0"),
    ],
)
def test_constructed_families_against_the_printed_tables(name, alpha, beta):
    from sympy import Rational

    scheme = load(name)
    assert list(scheme.alpha) == [Rational(a) for a in alpha.split()]
    assert list(scheme.beta) == [Rational(b) for b in beta.split()]


@pytest.mark.parametrize(
    "name", ["bdf-0", "bdf-41", "nystrom-1", "adams-bashforth-999999", "rk", "lmm", "../x", "a" * 999]
)
def test_names_that_are_not(name):
    with pytest.raises(InputError) as caught:
        load(name)
    assert len(str(caught.value)) < 300


def test_near_names_are_offered():
    with pytest.raises(InputError, match="rk4"):
        load("rk44")
    with pytest.raises(InputError, match="lobatto-iiic-"):
        load("lobato-iiic-3")


@pytest.mark.parametrize(
    ("name", "bounds"),
    [("gauss-99", "from 1 to 24"), ("ssprk-113", "4, 9, 16"), ("lobatto-iiia-1", "from 2"), ("gbs-8", "from 1 to 7")],
)
def test_a_number_out_of_bounds_is_told_the_bounds(name, bounds):
    with pytest.raises(InputError, match=bounds):
        load(name)


def test_the_library_is_large_and_listed_at_once():
    names = list_schemes()
    assert len(names) >= 250
    assert {"gauss-3", "radau-iia-3", "ssprk-104", "ssprk-163", "rkc2-4", "gbs-3", "stormer-3", "imex-bdf-2"} <= set(
        names
    )
    assert "gauss-20" not in names
    assert load("gauss-20").stages == 20
    start = perf_counter()
    catalogue()
    assert perf_counter() - start < 2  # no table is made for it: a tenth of a second on an idle machine


def test_patterns_and_the_catalogue_agree():
    assert list_schemes("bdf-*") == [f"bdf-{k}" for k in range(1, 7)]
    entries = catalogue()
    assert [e.name for e in entries] == list_tables()
    for entry in entries:
        scheme = load(entry.name)  # or a stencil
        assert (entry.family, entry.title) == (scheme.family, scheme.title)
        assert entry.claimed_order == scheme.claims.get("order")
        for claim in ("strong_order", "weak_order"):
            assert getattr(entry, claim) == (str(scheme.claims[claim]) if claim in scheme.claims else None)
        assert entry.parameters == tuple(scheme.symbols)
