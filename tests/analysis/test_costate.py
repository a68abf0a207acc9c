"""A scheme with its symplectic partner, and its order as a method for optimal control.

By a second route: Hager's conditions in fractions, autograd's gradients of a step, control problems that are solved.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root
from sympy import Matrix, Rational, S

import tableau2net as t2n
from tableau2net.analysis import check
from tableau2net.analysis.order.optimal_control import control_order
from tableau2net.analysis.report.facts import facts
from tableau2net.analysis.structure.symplectic import symplectic
from tableau2net.errors import InputError
from tableau2net.scheme import RungeKutta
from tableau2net.testing import degenerate
from tests.fields import smooth
from tests.strategies import implicit_runge_kutta

RUNGE_KUTTA = [s for s in map(t2n.load, t2n.list_schemes()) if isinstance(s, RungeKutta)]


def fractions(table):
    return [[Fraction(int(a.p), int(a.q)) for a in row] for row in table.A], [
        Fraction(int(x.p), int(x.q)) for x in table.b
    ]


def by_hagers_conditions(scheme):
    """The order as optimal control, 4 at most, of a table of fractions with c the row sums and no weight 0 (Hager 2000,
    Table 1): p where all conditions to p hold."""
    A, b = fractions(scheme)
    s = range(len(b))
    c = [sum(row) for row in A]
    d = [sum(b[i] * A[i][j] for i in s) for j in s]
    conditions = (
        [sum(b) - 1],
        [sum(d) - Fraction(1, 2)],
        [
            sum(c[i] * d[i] for i in s) - Fraction(1, 6),
            sum(b[i] * c[i] ** 2 for i in s) - Fraction(1, 3),
            sum(d[i] ** 2 / b[i] for i in s) - Fraction(1, 3),
        ],
        [
            sum(b[i] * c[i] ** 3 for i in s) - Fraction(1, 4),
            sum(b[i] * c[i] * A[i][j] * c[j] for i in s for j in s) - Fraction(1, 8),
            sum(d[i] * c[i] ** 2 for i in s) - Fraction(1, 12),
            sum(d[i] * A[i][j] * c[j] for i in s for j in s) - Fraction(1, 24),
            sum(c[i] * d[i] ** 2 / b[i] for i in s) - Fraction(1, 12),
            sum(d[i] ** 3 / b[i] ** 2 for i in s) - Fraction(1, 4),
            sum(b[i] * c[i] * A[i][j] * d[j] / b[j] for i in s for j in s) - Fraction(5, 24),
            sum(d[i] * A[i][j] * d[j] / b[j] for i in s for j in s) - Fraction(1, 8),
        ],
    )
    return next((p for p, wrong in enumerate(conditions) if any(wrong)), 4)


def rational(scheme):
    entries = [*(a for row in scheme.A for a in row), *scheme.b, *scheme.c]
    return all(x.is_Rational for x in entries) and scheme.digits is None


EXACT = [s for s in RUNGE_KUTTA if rational(s) and all(s.b) and list(s.c) == [sum(row) for row in s.A]]


@pytest.mark.slow
def test_the_library_by_hagers_conditions():
    orders = {scheme.name: control_order(scheme).order.order for scheme in EXACT}
    assert {name: min(order, 4) for name, order in orders.items()} == {s.name: by_hagers_conditions(s) for s in EXACT}
    assert set(orders.values()) >= {1, 2, 3, 4}
    assert len(orders) > 60


weights = st.fractions(min_value=Fraction(-3), max_value=Fraction(3), max_denominator=6).filter(bool)


@given(implicit_runge_kutta(), st.lists(weights, min_size=3, max_size=3), st.booleans())
@settings(max_examples=25, deadline=None)
def test_random_tables_by_hagers_conditions(table, b, consistent):
    b = b[: table.stages]
    if consistent and sum(b):
        b = [x / sum(b) for x in b]
    table = RungeKutta(A=table.A, b=b)
    assert min(t2n.order(t2n.costate(table), limit=4), 4) == by_hagers_conditions(table)


@pytest.mark.parametrize("at", [("1/3", "2/3"), ("1/4", "3/4"), ("2/3", "1/3"), ("2/5", "3/5")])
def test_explicit_methods_of_four_stages_and_order_4_keep_it(at):
    """HNW I, Table II.1.2 with c_4 = 1: all nodes, weights of either sign."""
    c = [S.Zero, *map(Rational, at), S.One]
    b = list(Matrix(4, 4, lambda p, i: c[i] ** p).solve(Matrix([Rational(1, n) for n in (1, 2, 3, 4)])))
    a43 = b[2] * (1 - c[2]) / b[3]
    a32 = 1 / (24 * b[3] * a43 * c[1])
    a42 = (b[1] * (1 - c[1]) - b[2] * a32) / b[3]
    table = RungeKutta(A=[[], [c[1]], [c[2] - a32, a32], [c[3] - a42 - a43, a42, a43]], b=b)
    assert t2n.order(table) == 4
    assert t2n.order(t2n.costate(table)) == 4
    assert control_order(table).order.complete


def test_orders_that_are_kept_and_orders_that_are_not():
    found = {
        name: control_order(t2n.load(name)) for name in ("kutta-3", "ssprk-33", "gauss-8", "lobatto-iiic-3", "euler")
    }
    kept = {name: (known.order.order, known.fixed) for name, known in found.items()}
    assert kept == {
        "kutta-3": (3, 3),
        "ssprk-33": (2, 3),
        "gauss-8": (16, 16),
        "lobatto-iiic-3": (4, 4),
        "euler": (1, 1),
    }
    assert control_order(t2n.load("lm")) is None


@given(implicit_runge_kutta(), st.lists(weights, min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_partners_partner_is_the_scheme_and_the_pair_is_symplectic(table, b):
    table = RungeKutta(A=table.A, b=b[: table.stages])
    pair = t2n.costate(table)
    assert pair.reads == ((1, 2), (1, 2))
    assert pair.parts[1].b == table.b
    assert pair.parts[0].c == pair.parts[1].c == table.c
    (A, weight), (B, _) = map(fractions, pair.parts)
    stages = range(len(weight))
    assert all(weight[i] * B[i][j] + weight[j] * A[j][i] == weight[i] * weight[j] for i in stages for j in stages)
    assert symplectic(pair)
    again = t2n.costate(pair.parts[1])
    assert again.parts[1].A == table.A


@given(degenerate(["runge-kutta"], with_parameter=False))
@settings(max_examples=40, deadline=None)
def test_degenerate_tables_have_a_partner_or_a_line_that_names_the_weight(table):
    zero = [name for name, b in zip("12345678", table.b, strict=False) if not b]
    try:
        pair = t2n.costate(table)
    except InputError as error:
        line = str(error)
        named = [digit for digit in "12345678" if f"b_{digit}" in line]
        refused = set(named) <= set(zero) and (named or len(zero) == table.stages)
        assert refused, line
        return
    assert pair.stages == table.stages - len(zero)
    known = control_order(table)
    assert known.order.order <= known.fixed
    assert symplectic(pair)


def test_a_parameter_in_a_weight_stays_open():
    family = t2n.load("rk2")
    pair = t2n.costate(family)
    assert t2n.order(pair) == 2
    for alpha in (Rational(2, 3), S.One):
        here = pair.with_values(alpha=alpha)
        assert here.parts[1].A == t2n.costate(family.with_values(alpha=alpha)).parts[1].A
    lines = {fact.name: fact.text for fact in facts(t2n.report(family))}
    words = "2, for all values of the parameters at which no weight is 0, with the control eliminated"
    assert lines["order as optimal control"] == words


def test_a_zero_weight_is_named_and_idle_stages_are_left_out():
    with pytest.raises(
        InputError, match=r"^costate: b_2 = 0, and the partner table is divided by the weight of each stage"
    ):
        t2n.costate(t2n.load("dormand-prince-54"))  # b_7 is 0 too, and nothing depends on that stage
    with pytest.raises(InputError, match=r"^costate: every weight is 0"):
        t2n.costate(RungeKutta(A=[["1"]], b=["0"]))
    for other in ("leapfrog-2", "symplectic-euler", "ars-111"):
        with pytest.raises(InputError, match=f"has a partner table, and {other} is of family "):
            t2n.costate(t2n.load(other))
    heun = RungeKutta(A=[[], ["1"]], b=["1/2", "1/2"])
    idle = RungeKutta(A=[["3", "1", "1"], [], ["0", "1"]], b=["0", "1/2", "1/2"])
    assert [p.A for p in t2n.costate(idle).parts] == [p.A for p in t2n.costate(heun).parts]


def test_equal_stages_stay_since_their_costates_are_two():
    """Y_1 = Y_2, and only Y_1 is read by the third stage: with the control eliminated that is another method than the
    one in which the two are made one."""
    twice = RungeKutta(A=[[], [], ["1/2", "0"]], b=["1/4", "1/4", "1/2"])
    first, second, _ = t2n.costate(twice).parts[1].A
    assert first != second


def test_printed_decimals_lose_some_where_weights_are_small():
    printed = RungeKutta(A=[[], ["0.5"]], b=["0.001", "0.999"], digits=12)
    assert 5 < t2n.costate(printed).digits < 10


def test_the_report_says_it_and_files_claim_it():
    lines = {fact.name: fact.text for fact in facts(t2n.report(t2n.load("ssprk-33")))}
    assert lines["order as optimal control"] == "2, exact, with the control eliminated; 3 with it fixed"
    assert lines["control order 3 misses by"].startswith("-1/2 at [[τ₂]₁]₁")
    lines = {fact.name: fact.text for fact in facts(t2n.report(t2n.load("bogacki-shampine-32")))}
    assert lines["order as optimal control"] == "2, exact, with the control eliminated; 3 with it fixed"
    said = t2n.report(t2n.load("dormand-prince-54"))
    why = "b_2 = 0, and the partner table is divided by the weight of each stage"
    assert {fact.name: fact.text for fact in facts(said)}["order as optimal control"] == f"none: {why}"
    found = said.to_dict()
    assert (found["control_order"], found["no_control_order"], found["control_failing"]) == (None, why, None)
    claiming = RungeKutta(A=[["0"], ["1"]], b=["1/2", "1/2"], claims={"control_order": 2})
    assert check(claiming).ok
    wrong = check(RungeKutta(A=t2n.load("ssprk-33").A, b=t2n.load("ssprk-33").b, claims={"control_order": 3}))
    assert [(c.declared, c.found, c.ok) for c in wrong.claims] == [(3, 2, False)]
    for scheme in (t2n.load("dormand-prince-54"), t2n.load("lm")):
        with pytest.raises(InputError, match=r"^claims.control_order: "):
            check(replace(scheme, claims={"control_order": 1}))


# ------------------------------------------------------------------------------------- steps, and problems solved


def jacobians(field, stages):
    return [torch.autograd.functional.jacobian(field, y) for y in stages]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("radau-iia-2", "lobatto-iiic-3", "kutta-3", "rk4")]


@pytest.mark.parametrize("name", ["ssprk-33", "gauss-2", *SLOW])
def test_autograds_gradients_are_the_partners_steps(name):
    """λ_n from λ_{n+1} by autograd through a block; λ_{n+1} from λ_n by the partner's table, on the same stages."""
    scheme, h = t2n.load(name), 0.3
    A, B = (np.array([[float(a) for a in row] for row in part.A]) for part in t2n.costate(scheme).parts)
    b, s, d = np.array([float(x) for x in scheme.b]), scheme.stages, 3
    fields = [smooth(d, seed=n) for n in range(4)]
    block = t2n.compile(scheme, tolerance=1e-14)(fields, h).double()
    torch.manual_seed(5)
    y, cotangent = torch.randn(2, d, dtype=torch.float64)
    states, costates = block.trajectory(y), block.costates(y, cotangent)
    for n, field in enumerate(fields):
        stages = torch.stack([states[n]] * s)
        for _ in range(200):  # a contraction at this h
            stages = states[n] + h * torch.as_tensor(A) @ field(stages)
        J = [j.numpy() for j in jacobians(field, stages.detach())]
        # Λ_i = λ_n − h Σ_j â_ij J_jᵀ Λ_j
        system = np.eye(s * d) + h * np.block([[B[i, j] * J[j].T for j in range(s)] for i in range(s)])
        inner = np.linalg.solve(system, np.tile(costates[n].numpy(), s)).reshape(s, d)
        after = costates[n].numpy() - h * sum(b[i] * J[i].T @ inner[i] for i in range(s))
        np.testing.assert_allclose(after, costates[n + 1].numpy(), rtol=0, atol=2e-13)


def test_where_a_weight_is_zero_costates_are_those_of_the_form_without_division():
    """δ_i = h J_iᵀ (b_i λ_{n+1} + Σ_j a_ji δ_j), λ_n = λ_{n+1} + Σ δ_i, which needs no weight to be other than 0."""
    scheme, h, d = t2n.load("dormand-prince-54"), 0.3, 3
    A, b = np.array([[float(a) for a in row] for row in scheme.A]), np.array([float(x) for x in scheme.b])
    field = smooth(d, seed=1)
    block = t2n.compile(scheme)([field], h).double()
    y, cotangent = torch.randn(2, d, dtype=torch.float64)
    stages, slopes = [], []
    for row in A:
        stages.append(y + h * sum((a * k for a, k in zip(row, slopes, strict=False)), torch.zeros_like(y)))
        slopes.append(field(stages[-1]).detach())
    deltas = [np.zeros(d)] * len(b)
    for i in reversed(range(len(b))):
        J = jacobians(field, [stages[i].detach()])[0].numpy()
        deltas[i] = h * J.T @ (b[i] * cotangent.numpy() + sum(A[j, i] * deltas[j] for j in range(i + 1, len(b))))
    np.testing.assert_allclose(block.costates(y, cotangent)[0].numpy(), cotangent.numpy() + sum(deltas), atol=1e-14)


@pytest.mark.parametrize("name", ["dormand-prince-54", pytest.param("gauss-2", marks=pytest.mark.slow)])
def test_the_product_of_costate_and_tangent_is_kept(name):
    block = t2n.compile(name, tolerance=1e-14)([smooth(3, seed=n) for n in range(5)], 0.4).double()
    torch.manual_seed(0)
    y, v, cotangent = torch.randn(3, 3, dtype=torch.float64)
    costates = block.costates(y, cotangent)
    for n, costate in enumerate(costates):
        ahead = torch.autograd.functional.jacobian(lambda y, n=n: block.part(0, n)(y), y) @ v
        assert abs(costate @ ahead - cotangent @ (torch.autograd.functional.jacobian(block, y) @ v)) < 1e-13


def hagers_problem(scheme, steps):
    """min ½∫(5/4 x² + x u + u²), x' = x/2 + u, x(0) = 1 (Hager 2000), discretised by the scheme with a control at each
    stage, and solved: a quadratic in the controls. Returns the largest error of the states at the nodes, where
    x = cosh(1 − t)/cosh 1."""
    A, b = np.array([[float(a) for a in row] for row in scheme.A]), np.array([float(x) for x in scheme.b])
    s, h = len(b), 1 / steps
    n = s * steps
    # stage values and states as affine maps of all controls, and of 1 in the last place
    x, nodes, stages = np.eye(1, n + 1, n)[0], [], []
    solve = np.linalg.inv(np.eye(s) - h / 2 * A)
    for step in range(steps):
        nodes.append(x)
        u = np.eye(n + 1)[step * s : (step + 1) * s]
        inner = solve @ (np.outer(np.ones(s), x) + h * A @ u)
        stages.append((inner, u))
        x = x + h * b @ (inner / 2 + u)
    nodes.append(x)
    Q = sum(
        h * w * (5 / 4 * np.outer(X, X) + (np.outer(X, U) + np.outer(U, X)) / 2 + np.outer(U, U))
        for inner, u in stages
        for w, X, U in zip(b, inner, u, strict=True)
    )
    controls = np.append(np.linalg.solve(Q[:n, :n], -Q[:n, n]), 1.0)
    t = np.linspace(0, 1, steps + 1)
    return np.abs(np.array(nodes) @ controls - np.cosh(1 - t) / np.cosh(1)).max()


@pytest.mark.parametrize(
    "name",
    [
        "euler",
        "ssprk-22",
        "ssprk-33",
        "bogacki-shampine-32",
        "kutta-3",
        "rk4",
        "rk4-38",
        "gauss-2",
        "radau-iia-2",
    ],
)
def test_a_control_problem_converges_with_the_order_as_optimal_control(name):
    scheme = t2n.costate(t2n.load(name)).parts[0]  # a control at an idle stage would be anything
    errors = [hagers_problem(scheme, n) for n in (8, 16, 32)]
    slope = np.log2(errors[1] / errors[2])
    assert abs(slope - control_order(scheme).order.order) < 0.15, errors


class Controlled(torch.nn.Module):
    """(y, z)' = (sin y + y u, u² + y²) with a control u of its own: z is what has been paid."""

    def __init__(self):
        super().__init__()
        self.u = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, state):
        y = state[0]
        return torch.stack((torch.sin(y) + y * self.u, self.u**2 + y**2))


def solved(scheme, steps):
    """The least z(1) + y(1)² from y(0) = 1, over a control at each stage of each step: where the gradient that costates
    give is 0. Returns y at the quarters."""
    fields = [[Controlled() for _ in range(scheme.stages)] for _ in range(steps)]
    block = t2n.compile(scheme, stage_weights="independent")(fields, 1 / steps)
    parameters, start = list(block.parameters()), torch.tensor([1.0, 0.0], dtype=torch.float64)
    scale = torch.tensor([float(b) ** 0.5 for b in scheme.b] * steps, dtype=torch.float64) / steps**0.5

    def gradient(u):
        with torch.no_grad():
            for p, value in zip(parameters, torch.as_tensor(u) / scale, strict=True):
                p.copy_(value)
        states = block.trajectory(start)
        y = states[-1][0].detach()
        costates = block.costates(start, torch.stack((2 * y, torch.ones_like(y))))
        slopes = []
        for n, own in enumerate(fields):
            of_step = (costates[n + 1] * block.part(n, n + 1)(states[n].detach())).sum()
            slopes += torch.autograd.grad(of_step, [field.u for field in own])
        return (torch.stack(slopes) / scale).numpy()

    found = root(gradient, np.zeros(len(parameters)), method="krylov", options={"fatol": 1e-10, "maxiter": 40})
    assert found.success, found.message
    return torch.stack(block.trajectory(start)).detach()[:: steps // 4, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssprk-33", "kutta-3", "rk4"])
def test_a_nonlinear_control_problem_converges_with_the_order_as_optimal_control(name):
    scheme, exact = t2n.load(name), solved(t2n.load("rk4"), 32)
    errors = [(solved(scheme, n) - exact).abs().max().item() for n in (8, 16)]
    assert abs(np.log2(errors[0] / errors[1]) - control_order(scheme).order.order) < 0.35, errors
