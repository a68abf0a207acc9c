"""Repairs: what errata found by hand is found again, and a table that is damaged on purpose is mended."""

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sympy import Rational

import tableau2net as t2n
from tableau2net.analysis.search.repairs import repairs
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme.file import read

FOLDER = Path(__file__).parents[2] / "known_bad"

# file: what docs/errata.md says should stand there
QUICK = {
    "desolve-irk3r": {"c2": "1"},
    "desolver-radau-iia-3": {"a22": "1/4"},
    "nodepy-sharp-smart-32": {"b1": "-1/90"},
    "odetojava-three-eighths": {"a31": "-1/3", "a32": "1"},
    "openmodelica-fehlberg-12": {"b1": "1/512", "b2": "255/256", "b3": "1/512"},
    "rungekutta-jl-rk42": {"a43": "2"},
    "space/active-model-second-6": {"weights2": "-3/20"},
    "space/phoebus-central-4": {"weights1": "1/12"},
}
SLOW = {
    "desolve-rk23": {"c3": "1"},
    "odetojava-rk4": {"c2": "1/2", "c3": "1/2", "c4": "1"},
    "torchdyn-rk4": {"c2": "1/2", "c3": "1/2", "c4": "1"},
    "ponio-l-sdirk-22-qz": {"b1": "-sqrt(2)/2", "b2": "1 + sqrt(2)/2"},
    "horesnet-improved-euler": {"a21": "1"},
    "diffrax-kencarp5-implicit": {"a76": "-4269925059573/7827059040749"},
    "horesnet-huta-6": {"b4": "27/840"},
    "horesnet-kutta-nystrom-5": {"b2": "0", "b3": "125/192"},
    "horesnet-rk2": {"a21": "2/3"},
    "irksome-pep-4-2-5": {"c3": "37/63", "c4": "19/20"},
    "kokkos-verner-56": {"b1": "3/40", "a86": "0", "a87": "3850/26703"},
    "magic-mars-343": {"a21_p1": "0.43586652150846"},
    "mrkiss-bogacki-shampine-45": {"b1": "587/8064"},
    "nodepy-lambert-5": {"a31": "3/16", "a32": "1/16"},
    "odetojava-ars-343-explicit": {"a31": "0.321278886"},
    "ordinarydiffeq-ckllsrk95-4c": {"a87": "1183947748311/9144450320350"},
    "ordinarydiffeq-esdirk547l2sa2": {"c4": "49/353"},
    "petsc-bpr3-explicit": {"a53": "3/4"},
    "ponio-ralston-4": {"c3": "0.45573725"},
    "ponio-rk65-8m": {"b8": "1/10"},
    "res4lyf-radau-ia-3s": {"a32": "11/45 + 43*sqrt(6)/360", "a33": "11/45 - 7*sqrt(6)/360"},
    "torchdiffeq-tsit5": {"b2": "1/100", "b7": "0"},
    "space/gr-athena-central-6": {"weights7": "1/60"},
    "space/pencil-4th-mixed": {},
    "space/pencil-4th-mixed-xz": {},
}
NONE = ("odetojava-ssp-32", "space/pencil-8th-one-sided-z")  # orders that no
# change of one entry reaches, weights with no place in the table


def found_again(name, wanted):
    table = read(FOLDER / f"{name}.toml")
    found = repairs(table, seconds=3).found
    close = Rational(1, 10**9) if table.digits else 0
    for repair in found:
        assert t2n.check(repair.table).ok
        mended = repair.table.coefficients
        assert set(repair.changes) == {n for n, c in table.coefficients.items() if c != mended[n]}
    hits = [all(abs((r.table.coefficients[n] - parse(v)).expand()) <= close for n, v in wanted.items()) for r in found]
    assert any(hits), [str(r) for r in found]
    return hits.index(True)


@pytest.mark.parametrize("name", QUICK)
def test_an_erratum_is_found_again(name):
    found_again(name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_longer_erratum_is_found_again(name):
    found_again(name, SLOW[name])


@pytest.mark.parametrize("name", NONE)
def test_where_there_is_no_repair_none_is_told(name):
    found = repairs(str(FOLDER / f"{name}.toml"))
    assert (found.found, found.complete) == ((), True)


SCHEMES = ("rk4", "rk3", "ssprk-33", "radau-iia-2", "bdf-3", "adams-moulton-2", "symplectic-euler-p", "ars-222")


def same(table, other):
    """Whether two tables have the same numbers, however a root is written."""
    return all((c - other.coefficients[n]).expand() == 0 for n, c in table.coefficients.items())


@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(st.sampled_from(SCHEMES), st.integers(0, 99), st.fractions(-3, 3, max_denominator=9))
def test_a_damaged_entry_is_mended(name, which, value):
    scheme = t2n.load(name)
    names = [n for n, c in scheme.coefficients.items() if n in scheme.free_names() and not c.is_zero]
    entry = names[which % len(names)]
    damaged = scheme.with_coefficients({**scheme.coefficients, entry: Rational(value)})
    order = t2n.order(scheme)
    if t2n.order(damaged) == order:
        return
    found = repairs(damaged, order=order).found
    assert any(same(r.table, scheme) for r in found), [str(r) for r in found]
    assert all(t2n.order(r.table) == order for r in found)


def test_methods_with_no_tableau():
    """A general linear method, whose B is a matrix; two-derivative, Nyström and Rosenbrock tables have rows of their
    own."""
    for name, entry in (("nordsieck-adams-3", "u12"), ("ros2", "gamma21"), ("gauss-rkn-2", "b_bar1")):
        scheme = t2n.load(name).at_defaults()
        old = scheme.coefficients[entry]
        damaged = scheme.with_coefficients({**scheme.coefficients, entry: old + 1})
        found = repairs(damaged, order=t2n.order(scheme)).found
        assert any((r.table.coefficients[entry] - old).expand() == 0 for r in found), name


def test_parameters_stay_open():
    family = t2n.load("rk3")
    w = family.parameters[0]
    named = t2n.Parameter("unknown", w.value)  # whatever a parameter is called
    family = family.with_coefficients(
        {n: c.subs(w.symbol, named.symbol) for n, c in family.coefficients.items()}, parameters=(named,)
    )
    wrong = family.with_coefficients({**family.coefficients, "b3": Rational(1, 7)})
    found = repairs(wrong, order=t2n.order(family)).found
    assert any((r.table.coefficients["b3"] - family.coefficients["b3"]).simplify() == 0 for r in found)


def test_bad_input():
    with pytest.raises(InputError, match="no order is claimed"):
        repairs(t2n.RungeKutta(A=[[]], b=["1/2"]))
    with pytest.raises(InputError, match="no order is claimed"):
        repairs("rk4", order=None)
    with pytest.raises(InputError, match="repair is of order"):
        repairs("rk4", stage_order=2)


def test_the_embedded_order_counts_too():
    pair = t2n.load("bogacki-shampine-32")
    swapped = t2n.RungeKutta(A=pair.A, b=pair.b_hat, b_hat=pair.b, claims={"order": 3, "embedded_order": 2})
    (first, *_) = repairs(swapped).found
    assert (str(first), first.table.b, first.table.b_hat) == ("b and b_hat exchanged", pair.b, pair.b_hat)
