"""The library: what ships, what is constructed, what a user brings."""

import pytest

from tableau2net.errors import InputError
from tableau2net.scheme import list_schemes, load
from tableau2net.scheme.library import catalogue, folder, sources


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


def test_patterns_and_the_catalogue_agree():
    assert list_schemes("bdf-*") == [f"bdf-{k}" for k in range(1, 7)]
    entries = catalogue()
    assert [e.name for e in entries] == list_schemes()
    for entry in entries:
        scheme = load(entry.name)
        assert (entry.family, entry.title) == (scheme.family, scheme.title)
        assert entry.claimed_order == scheme.claims["order"]
        assert entry.parameters == tuple(scheme.symbols)


def test_a_folder_of_ones_own(tmp_path):
    (tmp_path / "sub").mkdir()
    shipped = next(folder().rglob("rk4.toml"))
    (tmp_path / "sub" / "mine.toml").write_text(shipped.read_text())
    assert [load(s).name for s in sources(tmp_path)] == ["rk4"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.toml"):
        list(sources(tmp_path / "empty"))
