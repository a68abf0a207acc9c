"""B-series as objects: printed examples of BSeries.jl, the laws of their algebra, and steps taken as power series."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, cos, expand, factorial, simplify, sin, symbols

from tableau2net.analysis.backward.modified import is_drawn
from tableau2net.analysis.order.conditions import order_conditions
from tableau2net.analysis.reading.rooted_tree import RootedTree
from tableau2net.analysis.reading.trees import forest, trees
from tableau2net.analysis.series.b_series import BSeries, exact_series
from tableau2net.analysis.series.of_scheme import bseries
from tableau2net.errors import InputError
from tableau2net.exact.text import symbol
from tableau2net.scheme import AdditiveRungeKutta, Multistep, PartitionedRungeKutta, RungeKutta, list_schemes, load
from tableau2net.scheme.operations import adjoint, compose
from tests.analysis.polynomial_flow import ONE, TWO, R, cut, one_step, partitioned_step
from tests.strategies import explicit_runge_kutta, implicit_runge_kutta

# Butcher 1969, of effective order 5, with its starting and finishing methods, as BSeries.jl's tests have them
MAIN = RungeKutta(
    A=[[], ["1/5"], [0, "2/5"], ["3/16", 0, "5/16"], ["1/4", 0, "-5/4", 2]], b=["1/6", 0, 0, "2/3", "1/6"]
)
START = RungeKutta(
    A=[[], ["1/5"], [0, "2/5"], ["75/64", "-9/4", "117/64"], ["-37/36", "7/3", "-3/4", "4/9"]],
    b=["19/144", 0, "25/48", "2/9", "1/8"],
)
FINISH = RungeKutta(
    A=[[], ["1/5"], [0, "2/5"], ["161/192", "-19/12", "287/192"], ["-27/28", "19/7", "-291/196", "36/49"]],
    b=["7/48", 0, "475/1008", "2/7", "7/72"],
)
MIDPOINT = RungeKutta(A=[[], ["1/2"]], b=[0, 1])


def random_map(draw, order=5):
    values = st.integers(-2, 2)
    return BSeries.of({t: draw(values) for n in range(1, order + 1) for t in trees(n)}, order, rest=1)


@pytest.mark.parametrize("n", range(1, 8))
def test_a_tree_knows_what_the_forest_knows(n):
    grown = forest()
    for number in grown.of_order(n):
        tree = RootedTree(grown.levels(number))
        assert (tree.order, tree.density, tree.symmetry) == (n, grown.gamma[number], grown.sigma[number])
        assert RootedTree(str(tree)) == tree
        assert {t.order for t, _ in tree.rerooted()} == {n}
    assert sum(RootedTree(t).alpha for t in trees(n)) == factorial(n - 1)  # increasing labellings


def test_a_tree_is_one_however_it_is_written():
    assert RootedTree([0, 1, 1, 2]) == RootedTree([1, 2, 3, 2]) == RootedTree("[τ,[τ]]")
    assert RootedTree("[τ²]").differential == "f''(f, f)"
    assert RootedTree("[τ₁,[τ₂]₂]₁").colours == (1, 2, 2, 1)
    assert RootedTree("[[τ]²]").latex == r"[[\tau ]^{2}]"


@pytest.mark.parametrize("tree", ["", "[τ", "τ]", "ττ", "f", "[,]", [], [1, 3], [1, 1], [2, 3, 1], [1, 2.5], "[" * 999])
def test_what_is_no_tree(tree):
    with pytest.raises(InputError, match="tree"):
        RootedTree(tree)


def test_substitution_and_composition_as_printed():
    """Chartier, Hairer, Vilmart 2007, eqs. 5 and 6."""
    a1, a2, a31, a32, b0, b1, b2, b31, b32 = symbols("a1 a2 a31 a32 b0 b1 b2 b31 b32")
    a = BSeries.of({"τ": a1, "[τ]": a2, "[τ²]": a31, "[[τ]]": a32}, 3, rest=1)
    b = BSeries.of({"τ": b1, "[τ]": b2, "[τ²]": b31, "[[τ]]": b32}, 3)
    over = a.over(b)
    assert over["[τ]"].equals(a1 * b2 + a2 * b1**2)
    assert over["[τ²]"].equals(a1 * b31 + 2 * a2 * b1 * b2 + a31 * b1**3)
    assert over["[[τ]]"].equals(a1 * b32 + 2 * a2 * b1 * b2 + a32 * b1**3)
    then = a.then(BSeries.of({"τ": b1, "[τ]": b2, "[τ²]": b31, "[[τ]]": b32}, 3, rest=b0))
    assert then[()] == b0
    assert then["τ"].equals(b0 * a1 + b1)
    assert then["[τ]"].equals(b0 * a2 + a1 * b1 + b2)
    assert then["[τ²]"].equals(b0 * a31 + a1**2 * b1 + 2 * a1 * b2 + b31)
    assert then["[[τ]]"].equals(b0 * a32 + a2 * b1 + a1 * b2 + b32)


def test_modified_field_and_modifying_integrator_as_printed():
    """BSeries.jl's tests, of the explicit midpoint rule."""
    modified = {
        "[τ²]": (-1, 12),
        "[[τ]]": (-1, 6),
        "[[τ²]]": (1, 8),
        "[τ,[τ],τ]": (1, 40),
        "[[τ]²]": (1, 30),
        "[[[[τ]]]]": (-1, 20),
    }
    modifying = {"[τ²]": (1, 12), "[[τ³]]": (9, 80), "[τ,[[τ]]]": (1, 80), "[[τ,[τ]]]": (13, 120), "[[[[τ]]]]": (2, 15)}
    a = bseries(MIDPOINT, 5)
    assert {t: a.log()[t] for t in modified} == {t: Rational(*q) for t, q in modified.items()}
    assert {t: a.modifying()[t] for t in modifying} == {t: Rational(*q) for t, q in modifying.items()}


def test_effective_order_and_extrapolation_as_printed():
    start, main, finish = (bseries(s, 5) for s in (START, MAIN, FINISH))
    assert main.agrees(exact_series(5)) < 5
    assert start.then(main).then(finish).scaled("1/3") == exact_series(5)
    rk4 = bseries("rk4", 6)
    twice = (rk4**2).scaled("1/2")
    assert twice == bseries(compose([load("rk4")] * 2), 6)
    assert [s.agrees(exact_series(6)) for s in (rk4, twice, twice + (twice - rk4) / 15)] == [4, 4, 5]


def test_all_operations_as_kauri_has_them():
    """Of the map with a(t) = 1, 2, 3, … in the order of the trees, from kauri 2.3.0."""
    then = "2 7/2 17/3 19/3 221/24 131/12 89/8 47/4 953/60 274/15 393/20 213/10 293/15 647/30 223/10 113/5 116/5"
    inverse = "-1 -1 0 -1 0 -1 -1 -1 -1 0 -1 0 -2 -1 -4 -2 -2"
    log = [
        1,
        1.5,
        4 / 3,
        13 / 6,
        1.75,
        2.5,
        2.75,
        3,
        3.2,
        179 / 60,
        3.6,
        53 / 15,
        283 / 60,
        4.35,
        181 / 30,
        5.15,
        149 / 30,
    ]
    modifying = [1, -1.5, 19 / 6, 7 / 3, -8.625, -8.25, -5.875, -3.75, 3091 / 120, 28.85, 3073 / 120, 25.05, 16.7]
    known = [RootedTree(t) for n in range(1, 6) for t in trees(n)]
    a = BSeries.of({t: i for i, t in enumerate(known, 1)}, 5, rest=1)
    assert [a.then(exact_series(5))[t] for t in known] == [Rational(x) for x in then.split()]
    assert [a.inverse()[t] for t in known] == [Rational(x) for x in inverse.split()]
    assert [float(a.log()[t]) for t in known] == pytest.approx(log)
    assert [float(a.modifying()[t]) for t in known][:13] == pytest.approx(modifying)


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_maps_are_a_group_and_fields_act_on_it(data):
    a, b, c = (random_map(data.draw, 4) for _ in range(3))
    one = a**0
    assert a.then(b).then(c) == a.then(b.then(c))
    assert a.then(a.inverse()) == a.inverse().then(a) == one
    assert a.conjugated(b).conjugated(b.inverse()) == a
    assert a**-2 == a.inverse().then(a.inverse())
    f, g = b.log(), c.log()
    assert f.exp() == b
    assert a.over(f).over(g) == a.over(f.over(g))
    assert a.then(b).over(g) == a.over(g).then(b.over(g))  # the second law respects the first
    assert f.flow(2) == b.then(b)
    assert f.flow("1/2") ** 2 == b
    assert a.adjoint().adjoint() == a
    with pytest.raises(InputError, match="no map"):
        f.then(a)
    with pytest.raises(InputError, match="no field"):
        a.over(b)


@settings(max_examples=8, deadline=None)
@given(implicit_runge_kutta(2), explicit_runge_kutta(3))
def test_schemes_go_together_as_their_series(first, second):
    a, b = bseries(first, 5), bseries(second, 5)
    assert bseries(compose([first, second], (1, 1)), 5) == a.then(b)
    assert bseries(adjoint(first), 5) == a.adjoint()
    assert a.log().exp() == a
    if first.b != (0, 0) and sum(first.b) != 0:
        assert a.over(a.modifying()) == exact_series(5)


def expressions(field):
    return [polynomial.as_expr() for polynomial in field]


def as_power_series(found, degree):
    return [cut(R.from_expr(expand(x)), degree) for x in found]


@settings(max_examples=2, deadline=None)
@given(implicit_runge_kutta(2))
def test_on_a_field_it_is_the_step(scheme):
    found = bseries(scheme, 3).evaluate(expressions(ONE), symbols("u v"), simplify=expand)
    assert as_power_series(found, 3) == one_step(scheme, [ONE], 3)


@pytest.mark.parametrize("degree", [2, pytest.param(3, marks=pytest.mark.slow)])
@settings(max_examples=2, deadline=None)
@given(st.data())
def test_on_several_fields_and_states_too(degree, data):
    first, second = (data.draw(implicit_runge_kutta(1)), data.draw(implicit_runge_kutta(1)))
    u, v = symbols("u v")
    additive = AdditiveRungeKutta(parts=[first, second])
    found = bseries(additive, degree).evaluate([expressions(ONE), expressions(TWO)], (u, v), simplify=expand)
    assert as_power_series(found, degree) == one_step(additive, [ONE, TWO], degree)
    f, g = expressions(ONE)
    partitioned = bseries(PartitionedRungeKutta(parts=[first, second]), degree)
    found = partitioned.evaluate([[f], [g]], [[u], [v]], simplify=expand)
    assert as_power_series(found, degree) == partitioned_step(first, second, degree)
    assert partitioned.log().exp() == partitioned


def test_a_multistep_method_takes_its_smooth_solution_on():
    """y' = λy: the step is the root of the characteristic polynomial that is near 1."""
    lam, y, h = symbols("lam y h")
    (found,) = bseries("adams-bashforth-2", 4).evaluate([lam * y], [y], h)
    root = expand(found.subs(lam, 1) / y)
    left = expand(root**2 - root - h * (Rational(3, 2) * root - Rational(1, 2)))
    assert min(left.as_poly(h).monoms())[0] > 4


def _cut(exact, h, order):
    return [x.series(h, 0, order + 1).removeO() for x in exact]


def test_a_pendulum_by_symplectic_euler():
    q, p, h = symbols("q p h")
    found = bseries("symplectic-euler-p", 3).evaluate([[p], [-sin(q)]], [[q], [p]], h)
    drifted = q + h * p
    assert [simplify(a - b) for a, b in zip(found, _cut([drifted, p - h * sin(drifted)], h, 3), strict=True)] == [0, 0]
    field = bseries("symplectic-euler-p", 2).log().evaluate([[p], [-sin(q)]], [[q], [p]], h)
    assert [
        simplify(a - b)
        for a, b in zip(field, (h * p + h**2 * sin(q) / 2, -h * sin(q) - h**2 * p * cos(q) / 2), strict=True)
    ] == [0, 0]


def test_parameters_are_kept_and_surds_go_with_them():
    k = symbol("k")
    a = bseries("lm", 3)
    assert a["τ"].equals(1 / (1 + k))
    gauss = bseries("gauss-2", 4)
    assert gauss.agrees(exact_series(4)) == 4
    both = gauss.then(bseries("gauss-3", 4))
    assert both == exact_series(4).scaled(2)
    assert (a + gauss)["τ"].equals(1 + 1 / (1 + k))


def test_it_prints_and_what_is_wrong_is_said():
    a = bseries("rk4", 3)
    assert str(a) == "y + h τ + h² (1/2 [τ]) + h³ (1/6 [[τ]] + 1/6 [τ²]) + …"
    assert str(a - exact_series(3)) == "0 + …"
    assert a.drawn().split("\n")[-1].split() == ["1", "1/2", "1/6", "1/3"]
    assert (a - exact_series(3)).drawn() == "0"
    assert len(a) == 4
    assert [str(t) for t in a][-1] == "[τ²]"
    with pytest.raises(InputError, match="known to order 3"):
        a["[[[τ]]]"]
    with pytest.raises(InputError, match="no B-series of f"):
        bseries(Multistep(alpha=[1, -2, 1], beta=[0, 1, 0], derivative=2), 3)
    for wrong in (lambda: a * 0.5, lambda: a + bseries("symplectic-euler-p", 3), lambda: a["[τ₁]₁"], lambda: a / 0):
        with pytest.raises(InputError):
            wrong()
    with pytest.raises(InputError, match="more than"):
        exact_series(11)


@pytest.mark.slow
def test_the_library_has_the_orders_that_it_is_known_to_have():
    """Where a step is a B-series it agrees with the exact one as far as the order, which is searched for elsewhere."""
    looked_at = 0
    for name in list_schemes("*")[::4]:
        scheme = load(name)
        try:
            series = bseries(scheme, 3)
        except InputError:
            continue
        exact = exact_series(3, series.colours, series.states)
        reads = scheme.reads if isinstance(scheme, PartitionedRungeKutta) else None
        seen = [t for i, t in enumerate(series) if reads is None or is_drawn(series.forest, i, reads)]
        found = min((t.order for t in seen if series[t] != exact[t]), default=4) - 1
        assert found == min(order_conditions(scheme, 3).autonomous, 3), name
        looked_at += 1
    assert looked_at > 100
    with pytest.raises(InputError, match="no B-series of f"):
        bseries("krogstad-4", 3)  # φ-functions know of a linear field alone
