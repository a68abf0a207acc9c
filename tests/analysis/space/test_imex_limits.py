"""Von Neumann limits of additive schemes, beside the matrix of the step on a periodic grid, from its tables in
floats."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from sympy import Rational, oo, sqrt

import tableau2net as t2n
from tableau2net.analysis import limit_of_terms
from tableau2net.errors import InputError
from tableau2net.scheme import AdditiveMultistep, AdditiveRungeKutta
from tests.waves import full, grid_for, operator, symbol


def stepped(scheme, first, second):
    """The matrix of a step on u' = (L + M)u, Δt in both: stage by stage, or the newest of a history."""
    n = first.shape[-1]
    one = np.broadcast_to(np.eye(n), first.shape)
    if isinstance(scheme, AdditiveMultistep):
        k, alpha = scheme.steps, [float(a) for a in scheme.alpha]
        terms = [float(b) * first + float(c) * second - a * one for a, b, c in zip(alpha, *scheme.betas, strict=True)]
        found = np.zeros((*first.shape[:-2], k * n, k * n), dtype=first.dtype)
        found[..., : (k - 1) * n, n:] = np.eye((k - 1) * n)
        found[..., (k - 1) * n :, :] = np.linalg.solve(-terms[-1], np.concatenate(terms[:-1], axis=-1))
        return found
    (A, b), (B, c) = ((np.array(full(p)), np.array(p.b, dtype=float)) for p in scheme.parts)
    s = len(b)
    shape = (*first.shape[:-2], s * n, s * n)
    whole = (
        A[:, None, :, None] * first[..., None, :, None, :] + B[:, None, :, None] * second[..., None, :, None, :]
    ).reshape(shape)
    stages = np.linalg.solve(np.eye(s * n) - whole, np.concatenate([one] * s, axis=-2))
    weights = np.concatenate([x * first + y * second for x, y in zip(b, c, strict=True)], axis=-1)
    return one + weights @ stages


def growth(scheme, first, second):
    return np.abs(np.linalg.eigvals(stepped(scheme, first, second))).max(axis=-1)


def at_angles(scheme, terms, dt, theta):
    """max |ζ| at each angle; terms: (coefficient, stencil) of each field."""
    first, second = (dt * float(c) * symbol(s, theta)[:, None, None] for c, s in terms)
    return growth(scheme, first, second)


PAIRS = [
    *((name, (-1, "upwind-3"), ("1/10", "central-2-2")) for name in ("ars-222",)),
]
MORE = [
    *(
        (name, (-1, "upwind-3"), ("1/10", "central-2-2"))
        for name in ("cnab-2", "imex-bdf-2", "ars-232", "ars-443", "petsc-2c")
    ),
    *((name, (-1, "central-1-4"), ("1/3", "central-2-4")) for name in ("imex-adams-2", "ars-233", "petsc-ars-443")),
    *((name, ("1/10", "central-2-2"), (-1, "upwind-3")) for name in ("ars-222", "ars-233")),
    ("sbdf-2", (-1, "central-1-4"), ("1/4", "central-2-4")),
    ("ars-222", (-1, "compact-1-4"), ("1/3", "compact-2-4")),
]


def check_matrix(name, *terms):
    found = limit_of_terms(name, [(*term, 1, 0, part) for part, term in enumerate(terms)])
    assert found.kind in ("exact", "isolated", "declared values")
    assert 0 < found.limit < oo
    scheme = t2n.load(name).at_defaults()
    tables = [(Rational(c), t2n.load(stencil)) for c, stencil in terms]
    dt, theta = float(found), np.linspace(0, np.pi, 2**11 + 1)
    angle = theta[np.argmax(at_angles(scheme, tables, dt * (1 + 1e-6), theta))]
    assert angle > 0.05
    n = grid_for(angle)
    first, second = (operator(stencil, n, float(c)) for c, stencil in tables)
    below, above = (growth(scheme, dt * side * first, dt * side * second) for side in (1 - 1e-6, 1 + 1e-6))
    assert below <= 1 + 1e-11
    assert above > 1 + 1e-9
    assert (at_angles(scheme, tables, dt * (1 - 1e-6), theta) <= 1 + 1e-11).all()


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_matrix_of_a_periodic_grid_grows_right_beyond(pair):
    check_matrix(*pair)


@pytest.mark.slow
@pytest.mark.parametrize("pair", MORE, ids=str)
def test_the_matrix_of_a_periodic_grid_grows_right_beyond_more(pair):
    check_matrix(*pair)


def both(scheme, a, d, first="central-1-2", second="central-2-2", **options):
    return t2n.cfl(scheme, [first, second], convection=a, diffusion=d, **options)


@pytest.mark.slow
def test_a_field_alone_is_a_scheme_of_its_own():
    assert both("ars-222", 0, 1).limit == oo
    assert both("ars-222", 1, 0, "upwind-3").limit == t2n.cfl("rk2", "upwind-3").limit  # of order 2 in 2 stages
    assert t2n.cfl("cnab-2", "upwind-1").limit == t2n.cfl("adams-bashforth-2", "upwind-1").limit


def test_limits_known_from_paper():
    """Forward and backward Euler: |1 − ia sin θ Δt|² ≤ (1 + 2d(1 − cos θ)Δt)² for all θ where a²Δt ≤ 2d, for all Δt."""
    assert both("ars-111", 1, "1/3").limit == Rational(2, 3)
    assert both("ars-111", "1/2", "1/3", step="1/4").limit == Rational(8, 3)
    assert both("ars-111", 0, "1/3").limit == oo
    assert t2n.cfl("ars-111", "central-2-2").limit == Rational(1, 2)
    assert t2n.cfl("ars-111", "central-2-2", part=1).limit == oo
    gone = [(c, "central-2-2", 1, 0, 0) for c in (1, -1)]
    assert limit_of_terms("ars-111", gone).limit == oo
    assert limit_of_terms("ars-111", [*gone, (1, "central-2-2", 1, 0, 1)]).limit == oo


def test_no_limit_is_proved_where_the_implicit_field_damps_all():
    """Half the diffusion explicit, half implicit: |1 − x| ≤ 1 + x for all x ≥ 0."""
    half = [("1/2", "central-2-2", 1, 0, 0), ("1/2", "central-2-2", 1, 0, 1)]
    assert limit_of_terms("ars-111", half).limit == oo
    apart = [("1/2", "central-2-2", 1, 0, 0), ("1/2", "central-2-4", 1, 0, 1)]  # −4 and −16/3: larger at every angle
    found = limit_of_terms("ars-111", apart)
    assert (found.limit, found.kind) == (oo, "exact")
    assert limit_of_terms("ars-111", [apart[0], (0, "central-2-4", 1, 0, 1)]).limit == 1


def test_both_fields_the_same_are_one_symbol_on_any_number_of_axes():
    """(1 − 2x)/(1 + x) ≥ −1 up to x = 2, x = 4d Δt an axis."""
    for axes in (1, 2):
        terms = [(c, "central-2-2", 1, axis, part) for axis in range(axes) for part, c in enumerate((2, 1))]
        found = limit_of_terms("ars-111", terms)
        assert (found.limit, found.kind) == (Rational(1, 2) / axes, "exact")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("pareschi-russo-ssp3-332", [("1/10", "central-2-2"), (-1, "upwind-3")]),
        ("ars-222", [("1/20", "central-2-2"), ("1/3", "compact-2-4")]),
    ],
)
def test_no_limit_beside_floats(name, terms):
    assert limit_of_terms(name, [(*t, 1, 0, part) for part, t in enumerate(terms)]).limit == oo
    tables = [(Rational(c), t2n.load(s)) for c, s in terms]
    for dt in np.geomspace(1e-2, 1e4, 40):
        assert at_angles(t2n.load(name), tables, dt, np.linspace(0, np.pi, 257)).max() <= 1 + 1e-9


@pytest.mark.slow
def test_several_axes_with_a_symbol_for_each_field_are_looked_at_in_floats():
    terms = [
        (c, s, 1, axis, part)
        for axis in (0, 1)
        for part, (c, s) in enumerate(((-1, "upwind-1"), ("1/5", "central-2-2")))
    ]
    found = limit_of_terms("ars-222", terms)
    assert found.kind == "sampled"
    theta = np.linspace(-np.pi, np.pi, 25)
    first, second = (
        c * np.add.outer(*[symbol(t2n.load(s), theta)] * 2).ravel()[:, None, None]
        for c, s in ((-1, "upwind-1"), (0.2, "central-2-2"))
    )
    scheme = t2n.load("ars-222")
    assert growth(scheme, 0.999 * float(found) * first, 0.999 * float(found) * second).max() <= 1 + 1e-9
    assert growth(scheme, 1.01 * float(found) * first, 1.01 * float(found) * second).max() > 1 + 1e-6


def test_the_equation_says_which_field_each_stencil_is_in():
    assert "central-1-2 in f1 (explicit) and central-2-2 in f2 (implicit)" in both("ars-222", 0, 1).equation
    turned = t2n.cfl("ars-222", ["central-2-2", "central-1-2"], diffusion="1/2")
    assert "central-1-2 in f2 (implicit) and central-2-2 in f1 (explicit)" in turned.equation
    assert t2n.cfl("ars-111", "central-2-2").equation.endswith("all of it in f1 (explicit)")
    assert " in f" not in t2n.cfl("rk4", "central-2-2").equation


def test_the_equation_really_solved_is_of_one_field():
    """Forward Euler on −u_x: u_tt/2 is missed; backward Euler: with the other sign."""
    forward, backward = (t2n.analysis.modified_symbol("ars-111", "central-1-2", 1, part=part)[1] for part in (0, 1))
    assert [t.coefficient.as_expr().subs("nu", 1) for t in (forward, backward)] == [-Rational(1, 2), Rational(1, 2)]


WRONG = [
    (lambda: t2n.cfl("ars-222", "upwind-3", part=2), "one of its 2 fields"),
    (lambda: t2n.cfl("rk4", "upwind-3", part=0), "no additive scheme"),
    (lambda: both("ars-222", 1, 1, part=1), "the first stencil is in the first field"),
    (lambda: t2n.cfl("ars-222", ["upwind-3"]), "two of which"),
    (lambda: limit_of_terms("rk4", [(1, "central-2-2", 1, 0, 1)]), "a term for each of its fields, 1"),
    (lambda: limit_of_terms("rk4", [(1, "central-2-2", 1, 0, -1)]), "part: a whole number from 0"),
]


@pytest.mark.parametrize(("call", "told"), WRONG)
def test_bad_input_is_one_line(call, told):
    with pytest.raises(InputError, match=told) as caught:
        call()
    assert "\n" not in str(caught.value)


@st.composite
def additive(draw):
    """An explicit tableau and a diagonally implicit one of the same stages; some multistep pairs."""
    number = st.fractions(-1, 2, max_denominator=4)
    if draw(st.booleans()):
        k = draw(st.integers(1, 2))
        alpha = [0] * (k - 1) + [-1, 1]
        rows = [[draw(number) for _ in range(k)] for _ in range(2)]
        return AdditiveMultistep(alpha=alpha, betas=[[*rows[0], 0], [*rows[1], draw(number)]])
    s = draw(st.integers(1, 3))
    parts = []
    for implicit in (False, True):
        A = [[draw(number) if j < i or (implicit and j == i) else 0 for j in range(s)] for i in range(s)]
        b = [draw(number) for _ in range(s)]
        parts.append(t2n.RungeKutta(A=A, b=[*b[:-1], 1 - sum(b[:-1])]))
    return AdditiveRungeKutta(parts)


NAMES = ("upwind-1", "upwind-3", "central-1-2", "central-2-2", "central-2-4", "compact-1-4")


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    additive(),
    st.tuples(*[st.sampled_from(NAMES)] * 2),
    st.tuples(*[st.sampled_from([-1, -2, Rational(1, 4), sqrt(2)])] * 2),
)
def test_random_pairs_are_as_floats_see_them(scheme, names, coefficients):
    try:
        found = limit_of_terms(
            scheme, [(c, n, 1, 0, p) for p, (c, n) in enumerate(zip(coefficients, names, strict=True))]
        )
    except InputError as error:
        event(str(error)[-40:])
        return
    event(found.kind if 0 < found.limit < oo else str(found.limit))
    terms = [(float(c), t2n.load(n)) for c, n in zip(coefficients, names, strict=True)]
    theta = np.linspace(0, np.pi, 1025)
    for part in (1e-3, 0.1, 0.5, 0.999):
        dt = part * min(float(found), 50)
        if dt:
            assert at_angles(scheme, terms, dt, theta).max() <= 1 + 1e-7
    if 0 < found.limit < oo:
        angle = np.append(theta, found.angle)
        assert at_angles(scheme, terms, float(found) * 1.001, angle).max() > 1
