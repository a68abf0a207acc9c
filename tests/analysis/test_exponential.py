"""Exponential integrators: φ-functions as exact symbols, classical and stiff order, growth on y' = (λ + μ)y.

The other routes: φ by mpmath's confluent hypergeometric function, the conditions of Hochbruck & Ostermann (2005,
Table 1) with matrices that do not commute, in floating point, and steps taken by hand."""

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational

import tableau2net as t2n
from tableau2net.analysis.order.conditions import conditions, search_order
from tableau2net.analysis.order.exponential_order import exponential_stiff_order, stiff_trees
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.stability.exponential_growth import Z1, Z2, ZETA, damps, exponential_function
from tableau2net.errors import InputError
from tableau2net.exact.exponentials import FUNCTIONS, Exponentials, PhiFunction, Z, phi
from tableau2net.exact.text import parse, text_of
from tableau2net.scheme.file import loads
from tableau2net.scheme.library import folder
from tableau2net.scheme.saved import dumps

FILES = sorted(path.stem for path in (folder() / "exponential").glob("*.toml"))


def number(k, z):
    """φ_k(z) = ₁F₁(1; k + 1; z)/k!."""
    return mpmath.exp(z) if k == 0 else mpmath.hyp1f1(1, k + 1, z) / mpmath.factorial(k)


def value(expression, z):
    """An expression in z, exp and φ at a number, walking through it."""
    if expression == Z:
        return z
    if isinstance(expression, PhiFunction):
        return number(int(expression.args[0]), value(expression.args[1], z))
    if isinstance(expression, sympy.exp):
        return mpmath.exp(value(expression.args[0], z))
    if expression.is_Add:
        return mpmath.fsum(value(x, z) for x in expression.args)
    if expression.is_Mul:
        return mpmath.fprod(value(x, z) for x in expression.args)
    if expression.is_Pow and Z in expression.free_symbols:
        return value(expression.base, z) ** int(expression.exp)
    return mpmath.mpmathify(expression.evalf(30))


# ------------------------------------------------------------------ φ-functions

small = st.builds(Rational, st.integers(-3, 3), st.integers(1, 3))
atoms = st.one_of(
    small,
    st.builds(lambda k, c: phi(sympy.Integer(k), c * Z), st.integers(0, 4), small.filter(bool)),
    st.builds(lambda c: sympy.exp(c * Z), small),
)
entries = st.recursive(atoms, lambda x: st.one_of(st.builds(sympy.Add, x, x), st.builds(sympy.Mul, x, x)), max_leaves=5)


@settings(max_examples=40, deadline=None)
@given(entries)
def test_a_function_and_its_sum_of_phi_functions_have_one_value(entry):
    ring = Exponentials([entry])
    terms = ring.as_phi(ring.read(entry))
    with mpmath.workdps(30):
        for z in (mpmath.mpf("0.7"), mpmath.mpc("-2.3", "1.1")):
            total = mpmath.fsum(
                mpmath.mpmathify(w.evalf(30)) * number(k, mpmath.mpmathify(c.evalf(30)) * z) for w, k, c in terms
            )
            assert abs(total - value(entry, z)) < 1e-20 * (1 + abs(total))
        taylor = [ring.domain.expression(ring.laurent(ring.read(entry), k)) for k in range(3)]
        series = mpmath.taylor(lambda z: value(entry, z), 0, 2)
        assert all(
            abs(mpmath.mpmathify(a.evalf(30)) - b) < 1e-8 * (1 + abs(b)) for a, b in zip(taylor, series, strict=True)
        )


@pytest.mark.parametrize(
    ("printed", "meant"),
    [  # Cox & Matthews 2002, eqs. (26) to (29), (22), as printed
        ("(-4 - z + exp(z)*(4 - 3*z + z**2))/z**3", "phi1(z) - 3*phi2(z) + 4*phi3(z)"),
        ("2*(2 + z + exp(z)*(-2 + z))/z**3", "2*phi2(z) - 4*phi3(z)"),
        ("(-4 - 3*z - z**2 + exp(z)*(4 - z))/z**3", "4*phi3(z) - phi2(z)"),
        ("(exp(z/2) - 1)/z*(exp(z/2) - 1)", "phi1(z) - phi1(z/2)"),
        ("(exp(z) - 1 - z)/z**2", "phi2(z)"),
    ],
)
def test_functions_as_papers_print_them(printed, meant):
    a, b = (parse(text, {"z": Z}, FUNCTIONS) for text in (printed, meant))
    ring = Exponentials([a, b])
    assert ring.read(a) == ring.read(b)
    assert ring.read(parse(text_of(a), {"z": Z}, FUNCTIONS)) == ring.read(b)


@pytest.mark.parametrize(
    ("b", "told"),
    [
        ("1/z", "pole"),
        ("z*exp(z)", "grows"),
        ("phi1(z**2)", "a number times z"),
        ("1/phi1(z)", "divided by powers of z"),
        ("phi1(1)", "with a name in it"),
        ("phi99(z)", "phi99"),
        ("phi1(k*z)", "undeclared symbol 'k'"),
        ("phi1(phi1(z))", "without another function"),
        ("(exp(z) + phi3(z/2) + 1)**64", "terms"),
    ],
)
def test_what_is_no_function_of_every_matrix_is_refused_in_a_line(b, told):
    with pytest.raises(InputError) as caught:
        t2n.ExponentialRungeKutta([[]], [b])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (([[]], []), "at least one stage"),
        (([["phi1(z)"]], ["phi1(z)"]), "diagonal"),
        (([[], []], ["phi1(z)"]), "one row a stage"),
        (([[]], ["phi1(z)"], ["0", "1"]), "2 entries"),
    ],
)
def test_wrong_shapes(arguments, told):
    with pytest.raises(InputError, match=told):
        t2n.ExponentialRungeKutta(*arguments)
    with pytest.raises(InputError, match="one less"):
        t2n.ExponentialMultistep(["-1", "1"], ["phi1(z)", "0"])


@pytest.mark.parametrize("name", [*FILES, "exponential-adams-3", "lawson-rk4", "lawson-dormand-prince-54"])
def test_files_are_written_as_they_are_read(name):
    scheme = t2n.load(name)
    assert loads(dumps(scheme)) == scheme


# ------------------------------------------------------------------ order

PUBLISHED = {  # classical and stiff order as their authors and Hochbruck & Ostermann (2005, sect. 5) have them
    "etd-1": (1, 1),
    "etd-2rk": (2, 2),
    "etd-4rk": (4, 2),
    "krogstad-4": (4, 3),
    "strehmel-weiner-4": (4, 3),
    "hochbruck-ostermann-4": (4, 4),
    "luan-ostermann-5": (5, 5),
    "lawson-rk4": (4, 1),
    "lawson-euler": (1, 1),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_orders_are_those_that_are_published(name):
    scheme = t2n.load(name)
    assert (t2n.order(scheme), t2n.report(scheme)["stiff_order"]) == PUBLISHED[name]


def phi_of(k, matrix):
    """φ_k of a diagonal matrix."""
    return np.diag([complex(number(k, x)) for x in np.diag(matrix)])


def by_matrices(scheme, order):
    """The conditions of an order with matrices J, K that do not commute with L; the largest residual."""
    random = np.random.default_rng(5)
    L, J, K = np.diag(random.normal(size=3)), random.normal(size=(3, 3)), random.normal(size=(3, 3))
    s, c = scheme.stages, [float(x) for x in scheme.c]

    def of(entry):
        return np.diag([complex(value(entry, x)) for x in np.diag(L)])

    b, A = [of(x) for x in scheme.b], [[of(x) for x in row] for row in scheme.A]
    factorial = [1, 1, 2, 6, 24]

    def quadrature(row, end, q):
        total = sum((x ** (q - 1) / factorial[q - 1] * a for x, a in zip(c, row, strict=True)), 0 * L)
        return total - end**q * phi_of(q, end * L)

    psi = {q: [quadrature(row, end, q) for row, end in zip(A, c, strict=True)] for q in (1, 2, 3)}
    inner = [J @ psi[2][j] for j in range(s)]
    found = [quadrature(b, 1.0, order)]
    if order == 2:
        found += psi[1]
    if order == 3:
        found.append(sum(b[i] @ J @ psi[2][i] for i in range(s)))
    if order == 4:
        found += [
            sum(b[i] @ J @ psi[3][i] for i in range(s)),
            sum(b[i] @ J @ A[i][j] @ inner[j] for i in range(s) for j in range(s)),
            sum(c[i] * b[i] @ K @ psi[2][i] for i in range(s)),
        ]
    return max(float(abs(x).max()) for x in found)


WITHOUT_PARAMETERS = [n for n in FILES if isinstance(s := t2n.load(n), t2n.ExponentialRungeKutta) and not s.parameters]


@pytest.mark.parametrize("name", [*WITHOUT_PARAMETERS, "lawson-rk4"])
def test_the_strong_stiff_order_is_seen_with_matrices(name):
    scheme = t2n.load(name)
    strong = exponential_stiff_order(scheme).strong
    for order in range(1, 5):
        residual = by_matrices(scheme, order)
        if order <= strong:
            assert residual < 1e-12
        elif order == strong + 1:
            assert residual > 1e-6


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (([[]], ["phi1(-z)"]), "b_1(z)"),
        (([[]], ["exp(z)/2 + exp(-z)/2"]), "b_1(z)"),
        (([[]], ["phi1(z)"], ["-1"]), "e^(c_1 z)"),
        (([[], ["phi1(-z/2)/2"]], ["phi1(z)", 0]), "a_21(z)"),
    ],
)
def test_functions_that_grow_to_the_left_have_no_stiff_order(table, told):
    grown = t2n.ExponentialRungeKutta(*table)
    found = exponential_stiff_order(grown)
    assert (found.order, found.failing[0].split(" bounded")[0]) == (0, told)
    assert t2n.report(grown)["stiff_order"] == 0
    kept = t2n.ExponentialRungeKutta([[]], ["exp(z) + phi1(z) - exp(z)"])
    assert exponential_stiff_order(kept).order == 1


def test_lawson_with_nodes_that_go_back_and_steps_that_grow_have_none():
    """Fehlberg's last node is 1/2, behind 1."""
    assert exponential_stiff_order(t2n.load("lawson-fehlberg-45")).failing[0].startswith("a_64(z)")
    assert exponential_stiff_order(t2n.ExponentialMultistep(["-1", "1"], ["phi1(-z)"])).order == 0
    family = t2n.load("hochbruck-ostermann-2")
    assert exponential_stiff_order(family.with_values(c2="1/2")).order == 2
    assert exponential_stiff_order(family.with_values(c2="-1/2")).order == 0


def test_there_are_as_many_conditions_as_in_the_tables():
    """1, 1, 2, 4, 9 (Luan & Ostermann 2014, Table 1), ψ_{1,i} = 0 left out."""
    assert [len(stiff_trees(order - 1)) + 1 for order in range(1, 6)] == [1, 1, 2, 4, 9]


def test_parameters_stay_open():
    family = t2n.load("hochbruck-ostermann-3-c2-c3")
    assert (exponential_stiff_order(family).order, exponential_stiff_order(family).strong) == (3, 2)
    member = family.with_values(c2="1/3", c3="2/3")
    ring = Exponentials([*member.b, *t2n.load("hochbruck-ostermann-3").b])
    assert t2n.order(member) == 3
    assert [ring.read(x) for x in member.b] == [ring.read(x) for x in t2n.load("hochbruck-ostermann-3").b]


@pytest.mark.parametrize("name", ["exponential-adams-1", "exponential-adams-3", "lawson-adams-bashforth-3"])
def test_the_order_of_steps_by_quadrature_and_by_trees(name):
    scheme = t2n.load(name)
    short, long = conditions(scheme, None, False), search_order(scheme, False, None)
    known = {(r.tree, r.colours): r.value for r in long.failing}
    assert short.order == long.order
    assert [known[r.tree, r.colours] for r in short.failing] == [r.value for r in short.failing] != []


def test_exponential_adams_of_any_number_of_steps():
    assert t2n.check(t2n.load("exponential-adams-7")).ok
    two = t2n.load("exponential-adams-2")  # Cox & Matthews, eq. (6)
    ring = Exponentials(two.beta)
    printed = ["(-exp(z) + 1 + z)/z**2", "((1 + z)*exp(z) - 1 - 2*z)/z**2"]
    assert [ring.read(b) for b in two.beta] == [ring.read(parse(x, {"z": Z}, FUNCTIONS)) for x in printed]


# ------------------------------------------------------------------ growth


@pytest.mark.parametrize("name", ["etd-3rk", "krogstad-4", "hochbruck-ostermann-4", "rkmk-4t", "lawson-rk4"])
def test_growth_is_that_of_a_step_by_hand(name):
    scheme, z1, z2 = t2n.load(name), mpmath.mpc("-1.7", "0.4"), mpmath.mpc("0.6", "-0.9")
    stages = []
    for c, row in zip(scheme.c, scheme.A, strict=True):
        total = mpmath.exp(mpmath.mpmathify(c) * z1)
        stages.append(total + z2 * mpmath.fsum(value(a, z1) * y for a, y in zip(row, stages, strict=False)))
    expected = mpmath.exp(z1) + z2 * mpmath.fsum(value(b, z1) * y for b, y in zip(scheme.b, stages, strict=True))
    told = exponential_function(scheme).subs(Z2, sympy.sympify(str(z2).strip("()").replace("j", "*I")))
    assert abs(value(told.subs(Z1, Z), z1) - expected) < 1e-12


def test_growth_of_lawson_is_that_of_the_scheme_times_the_flow():
    function = exponential_function(t2n.load("lawson-rk4"))
    assert sympy.expand(function - sympy.exp(Z1) * (1 + Z2 + Z2**2 / 2 + Z2**3 / 6 + Z2**4 / 24)) == 0


def test_growth_of_steps():
    function = exponential_function(t2n.load("exponential-adams-2"))
    expected = ZETA**2 - sympy.exp(Z1) * ZETA - Z2 * ((phi(1, Z1) + phi(2, Z1)) * ZETA - phi(2, Z1))
    assert sympy.expand(function - expected) == 0


def test_stiff_modes_are_damped_or_not():
    assert damps(t2n.load("etd-4rk"))
    assert damps(t2n.load("lawson-rk4"))
    kept = t2n.ExponentialRungeKutta([[]], ["phi1(z) - exp(z) + 1"])
    assert damps(kept) is False
    assert damps(t2n.load("hochbruck-ostermann-2")) is None


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("hochbruck-ostermann-2", "stiff modes damped", "give values"),
        ("etd-2rk", "stability function", "R(z₁, z₂) = z2"),
        pytest.param("luan-ostermann-5", "stability function", "a page long", marks=pytest.mark.slow),
    ],
)
def test_what_nobody_reads_is_shortened_and_what_is_not_asked_is_told(name, line, told):
    lines = {fact.name: fact.text for fact in facts(t2n.report(t2n.load(name)))}
    assert told in lines[line]


def test_lawson_refuses_what_it_cannot_do():
    for name in ("gauss-2", "bdf-2", "stormer-2", "ars-222"):
        with pytest.raises(InputError, match="lawson: "):
            t2n.lawson(t2n.load(name))
