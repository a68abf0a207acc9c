"""The order conditions of families, as formulas and as code that runs, and trees drawn."""

import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from sympy import Rational, S

from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import trees
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.analysis.series.order_code import order_conditions_of
from tableau2net.analysis.series.tree_pictures import laid_out, side_by_side, svg, tikz
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import AdditiveMultistep, load

MANY = [RootedTree(t) for n in range(1, 7) for t in trees(n)]


def conditions_in_python(found):
    names = {}
    exec(found.python(), names)
    return names["order_conditions"]


def fractions(entries):
    return np.array([Fraction(int(c.p), int(c.q)) for c in entries], dtype=object)


def arrays(tableau):
    return np.array([fractions(row) for row in tableau.A]), fractions(tableau.b)


@pytest.mark.parametrize("name", ["rk4", "radau-iia-2", "merson-45"])
def test_python_code_gives_the_residuals_of_a_scheme(name):
    scheme = load(name)
    found = order_conditions_of("runge-kutta", 6)
    residuals = conditions_in_python(found)(*arrays(scheme), one=Fraction(1))
    series = bseries(scheme, 6)
    assert [S(r) for r in residuals] == [series[t] - Rational(1, t.density) for t in found]
    floats = [np.array(x, dtype=float) for x in arrays(scheme)]
    np.testing.assert_allclose(conditions_in_python(found)(*floats), np.array(residuals, dtype=float), atol=1e-15)


def test_python_code_of_partitioned_schemes_and_multistep_methods():
    scheme = load("ruth-3")
    found = order_conditions_of("partitioned-runge-kutta", 4, reads=scheme.reads)
    residuals = conditions_in_python(found)(*zip(*map(arrays, scheme.parts), strict=True), one=Fraction(1))
    missed = {t: S(r) for t, r in zip(found, residuals, strict=True) if r}
    told = order_conditions(scheme)
    assert {RootedTree(r.tree, r.colours): r.value for r in told.failing} == {
        t: r for t, r in missed.items() if t.order == told.order + 1
    }
    assert min(t.order for t in missed) == told.order + 1
    bdf = load("bdf-4")
    code = conditions_in_python(order_conditions_of("multistep", 5))
    assert [bool(x) for x in code(fractions(bdf.alpha), fractions(bdf.beta))] == [False] * 5 + [True]
    imex = AdditiveMultistep(alpha=["1/3", "-4/3", 1], betas=[[0, 0, "2/3"], ["-2/3", "4/3", 0]])
    code = conditions_in_python(order_conditions_of("additive-multistep", 3))
    missed = code(fractions(imex.alpha), [fractions(b) for b in imex.betas])
    assert [bool(x) for x in missed] == [False] * 5 + [True] * 2


def test_equations_hold_of_a_tableau_and_of_a_multistep_method():
    for explicit, scheme in ((True, load("rk4")), (False, load("gauss-2"))):
        equations = order_conditions_of("runge-kutta", 4).equations(scheme.stages, explicit=explicit)
        values = {symbol(n): c for n, c in scheme.coefficients.items()}
        assert all((row.lhs - row.rhs).subs(values).expand() == 0 for row in equations)
    assert len(order_conditions_of("runge-kutta", 3).equations(2)) == 4
    values = {symbol(n): c for n, c in load("adams-bashforth-3").coefficients.items()}
    rows = order_conditions_of("multistep", 4).equations(3)
    assert [(row.lhs - row.rhs).subs(values) == 0 for row in rows] == [True] * 4 + [False]


def test_formulas_with_indices_are_what_the_code_sums():
    """Each formula read back: a sum over all its indices of the product of its factors."""
    scheme = load("rk4")
    series = bseries(scheme, 5)
    table = {"a": scheme.A, "b": scheme.b, "c": scheme.c}
    raised = str.maketrans("²³⁴⁵", "2345")
    for tree in order_conditions_of("runge-kutta", 5):
        left, right = order_conditions_of("runge-kutta", 5).formula(tree).split(" = ")
        indices, *factors = left.removeprefix("Σ_").split()
        total = S.Zero
        for at in product(range(scheme.stages), repeat=len(indices)):
            place, term = dict(zip(indices, at, strict=True)), S.One
            for letter, below, power in re.findall(r"(\w)_(\w+?)([²³⁴⁵]?)(?= |$)", " ".join(factors)):
                entry = table[letter]
                for index in below.rstrip("²³⁴⁵"):
                    entry = entry[place[index]]
                term *= entry ** int(power.translate(raised) or 1)
            total += term
        assert total == series[tree]
        assert Rational(right) == Rational(1, tree.density)


@pytest.mark.parametrize("tree", MANY, ids=str)
def test_pictures_have_every_node_and_edge(tree):
    lines = tree.art.split("\n")
    assert len({len(line) for line in lines}) == 1
    assert sum(line.count("●") for line in lines) == tree.order
    assert lines[-1].count("●") == 1
    for above, here in pairwise(lines):  # every end of a line has something to end at
        for x, sign in enumerate(here):
            if sign in "│└┘┴┼├":
                assert above[x] == "●"
            if sign == "●" and set("│└┬┘├┼") & set(above):
                assert above[x] in "│┬┼├ "
    laid = laid_out(tree)
    assert len({point for point, _ in laid.nodes}) == tree.order == len(laid.edges) + 1
    assert all(end[1] == start[1] + 1 for start, end in laid.edges)


def test_figures_hold_all_trees():
    drawn = ET.fromstring(svg(MANY))
    counts = {name: sum(1 for e in drawn if e.tag.endswith(name)) for name in ("circle", "line", "text")}
    nodes = sum(t.order for t in MANY)
    assert counts == {"circle": nodes, "line": nodes - len(MANY), "text": len(MANY)}
    places = [(e.get("cx"), e.get("cy")) for e in drawn if e.tag.endswith("circle")]
    assert len(set(places)) == nodes  # none on another
    written = tikz(MANY)
    assert written.count(r"\begin{tikzpicture}") == written.count(r"\end{tikzpicture}") == len(MANY)
    assert written.count("circle") == nodes
    assert written.count(r"\draw") == nodes - len(MANY)
    assert max(map(len, side_by_side(MANY, 60).split("\n"))) <= 60
    assert side_by_side([RootedTree("[τ₁,τ₂]₂")]) == "  ● ○\n  └┬┘\n   ○\n[τ₁,τ₂]₂"


@pytest.mark.parametrize(
    ("family", "order", "options"),
    [("rk", 3, {}), ("runge-kutta", 0, {}), ("runge-kutta", 3, {"fields": 2}), ("multistep", 99, {}),
     ("additive-runge-kutta", 2, {"fields": 9}), ("additive-runge-kutta", 2, {"reads": ((2,), (1,))})],
)  # fmt: skip
def test_families_that_there_are_not(family, order, options):
    with pytest.raises(InputError):
        order_conditions_of(family, order, **options)
