"""Maps that keep an order or stability: against textbook conditions, roots by numpy, and real descents."""

import copy
import pickle
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net.codegen.learnable import learning
from tableau2net.codegen.learnable.pivots import pivots
from tableau2net.codegen.learnable.stable_maps import reflected, reflections
from tableau2net.errors import InputError
from tableau2net.exact.text import float_of, symbol
from tableau2net.runtime.retraction import Retraction
from tableau2net.scheme import Multistep, Parameter, RungeKutta, load
from tableau2net.scheme.base import Distribution
from tableau2net.testing import multistep, runge_kutta


def member(scheme, draw):
    """A random member of a family, away from its poles."""
    for _ in range(50):
        values = {p.name: sympy.Rational(draw.randint(-40, 40), draw.randint(1, 12)) for p in scheme.parameters}
        try:
            return scheme.with_values(**values)
        except InputError:
            continue
    raise AssertionError("poles everywhere")


def fractions(values):
    return [Fraction(int(v.p), int(v.q)) for v in values]


def learnt_or_nothing(scheme, order):
    """What is learnt with an order kept; None where that leaves nothing."""
    try:
        return learning(scheme, coefficients="free", keep_order=order)
    except InputError as error:
        if "nothing to learn" in str(error):
            return None
        raise


def multistep_residuals(scheme, order):
    """Σ α_j, and Σ α_j j^q − q Σ β_j j^(q−1) (HNW I, III.2, (2.8))."""
    alpha, beta = fractions(scheme.alpha), fractions(scheme.beta)
    return [sum(alpha)] + [
        sum(a * j**q for j, a in enumerate(alpha)) - q * sum(b * j ** (q - 1) for j, b in enumerate(beta))
        for q in range(1, order + 1)
    ]


def runge_kutta_residuals(A, b, order):
    """The eight conditions to order 4 (HNW I, Table II.2.2), on anything that numpy multiplies."""
    c = A.sum(-1)

    def through(x):
        return (A * x[..., None, :]).sum(-1)

    ac, ac2 = through(c), through(c * c)
    sides = [
        [(b, 1)],
        [(b * c, 2)],
        [(b * c * c, 3), (b * ac, 6)],
        [(b * c * c * c, 4), (b * c * ac, 8), (b * ac2, 12), (b * through(ac), 24)],
    ]
    return [left.sum(-1) - Fraction(1, g) if left.dtype == object else left.sum(-1) - 1 / g
            for side in sides[:order] for left, g in side]  # fmt: skip


def table(scheme):
    """A and b as arrays of fractions."""
    return np.array([fractions(row) for row in scheme.A], dtype=object), np.array(fractions(scheme.b), dtype=object)


# ------------------------------------------------------------------------------------------------- solved families


@pytest.mark.parametrize(
    ("name", "known", "names"),
    [
        ("adams-bashforth-2", "adamnet-2", {"beta1": "beta_1"}),
        ("adams-bashforth-3", "adamnet-3", {"beta2": "beta_1", "beta1": "beta_2"}),
    ],
)
def test_adamnet_is_adams_bashforth_that_keeps_order_1(name, known, names):
    family = learning(load(name), coefficients="free", keep_order=1).scheme
    renamed = {symbol(a): symbol(b) for a, b in names.items()}
    assert {n: sympy.expand(c.subs(renamed)) for n, c in family.coefficients.items()} == load(known).coefficients
    assert {names[p.name]: p.value for p in family.parameters} == {p.name: p.value for p in load(known).parameters}


@settings(max_examples=40)
@given(multistep(range(1, 5)), st.integers(0, 4), st.integers(0, 2**16))
def test_multistep_families_keep_their_order_and_their_start(scheme, order, seed):
    own = t2n.order(scheme)
    if own < order:
        with pytest.raises(InputError, match="itself has order"):
            learning(scheme, coefficients="free", keep_order=order)
        return
    found = learnt_or_nothing(scheme, order)
    if found is None:
        return
    assert found.identity
    assert found.scheme.at_defaults().coefficients == scheme.coefficients
    assert not any(multistep_residuals(member(found.scheme, random.Random(seed)), order))
    free, nonzero = len(found.scheme.parameters), scheme.freed().parameters
    columns = [multistep_residuals(unit(scheme, p.name), order) for p in nonzero]
    base = multistep_residuals(unit(scheme, None), order)
    rank = np.linalg.matrix_rank(np.array([[float(x - y) for x, y in zip(c, base, strict=True)] for c in columns]))
    assert free == len(nonzero) - rank  # nothing was given up that could move


def unit(scheme, name):
    """α_k alone, and one more coefficient 1."""
    one = {f"alpha{scheme.steps}": sympy.S.One} | ({name: sympy.S.One} if name else {})
    return scheme.with_coefficients({n: one.get(n, sympy.S.Zero) for n in scheme.coefficients}, claims={})


@settings(max_examples=50)
@given(st.lists(st.lists(st.integers(-9, 9), min_size=6, max_size=6), min_size=1, max_size=3), st.integers(1, 5))
def test_what_is_solved_for_moves_no_more_than_what_it_depends_on(rows, first):
    chosen = pivots(rows, [first, 6 - first])
    matrix = np.array(rows, dtype=float)
    assert len(chosen) == np.linalg.matrix_rank(matrix)
    if chosen:
        rest = [j for j in range(6) if j not in chosen]
        factors = np.linalg.lstsq(matrix[:, chosen], matrix[:, rest], rcond=None)[0]
        same = np.array([[(i < first) == (j < first) for j in rest] for i in chosen], dtype=bool)
        if len({i < first for i in chosen}) == 1:
            assert np.all(abs(factors[same]) <= 1 + 1e-6)
    assert sum(j < first for j in chosen) == np.linalg.matrix_rank(
        matrix[:, :first]
    )  # the first group where it will do


@pytest.mark.parametrize(
    ("name", "order", "free"),
    [("rk2", 2, 1), ("improved-euler", 2, 1), ("rk4", 2, 5), ("ssprk-33", 2, 4), ("ssprk-33", 3, 2)],
)  # fmt: skip
def test_rational_families_of_runge_kutta_methods(name, order, free):
    scheme = load(name)
    found = learning(scheme, coefficients="free", keep_order=order)
    assert found.identity
    assert found.retraction is None
    assert len(found.scheme.parameters) == free
    assert found.scheme.at_defaults().coefficients == scheme.at_defaults().coefficients
    draw = random.Random(0)
    for _ in range(5):
        A, b = table(member(found.scheme, draw))
        assert not any(runge_kutta_residuals(A, b, order))


@settings(max_examples=25)
@given(runge_kutta(range(1, 5), order=1), st.integers(0, 2**16))
def test_consistency_of_any_tableau_is_kept_by_its_weights(scheme, seed):
    found = learnt_or_nothing(scheme, 1)
    if found is None:
        return
    A, b = table(member(found.scheme, random.Random(seed)))
    assert b.sum() == 1
    assert A.shape == (scheme.stages, scheme.stages)


def test_a_scheme_printed_in_decimals_keeps_its_order():
    scheme = next(s for s in map(load, t2n.list_schemes("*")[:200]) if s.digits and isinstance(s, RungeKutta))
    found = learning(scheme, coefficients="free", keep_order=1).scheme
    assert found.digits is None
    assert t2n.order(found) == 1
    start = found.at_defaults().coefficients
    assert all(abs(float_of(start[n] - c)) < 1e-12 for n, c in scheme.coefficients.items() if n[0] in "ab")


# ------------------------------------------------------------------------------------------------------ projection


def torch_table(scheme, values):
    """A and b as tensors, the learnt coefficients in the last dimension of `values`."""
    place = {p.name: values[..., i] for i, p in enumerate(scheme.parameters)}

    def entry(x):
        return place[str(x)] if x.is_Symbol else torch.full_like(values[..., 0], float_of(x))

    A = torch.stack([torch.stack([entry(x) for x in row], -1) for row in scheme.A], -2)
    return A, torch.stack([entry(x) for x in scheme.b], -1)


@pytest.mark.parametrize(("name", "order"), [("rk4-38", 4), ("rk4", 3), ("dormand-prince-54", 4), ("kutta-5", 4)])
def test_conditions_and_their_slopes_are_those_of_the_textbook(name, order):
    found = learning(load(name), coefficients="free", keep_order=order)
    conditions = found.retraction
    assert conditions.names == found.coefficients
    kept = Retraction(conditions.names, conditions.conditions)
    torch.manual_seed(0)
    c = torch.randn(3, 2, len(conditions.names), dtype=torch.float64, requires_grad=True)
    r, J = kept.evaluate(c)
    expected = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c), order), -1)
    assert r.shape == expected.shape
    ratios = (r.unsqueeze(-1) / expected.unsqueeze(-2)).detach().flatten(0, 1)  # constant where they are the same
    same = (ratios - ratios[0]).abs().amax(0) < 1e-9 * ratios[0].abs()
    assert (same.sum(0) == 1).all()
    assert (same.sum(1) == 1).all()
    for i in range(r.shape[-1]):
        (slope,) = torch.autograd.grad(r[..., i].sum(), c, retain_graph=True)
        torch.testing.assert_close(J[..., i, :].detach(), slope)


@pytest.mark.parametrize(
    ("name", "order", "away"),
    [("rk4-38", 4, 0.03), ("rk4", 3, 0.3), ("dormand-prince-54", 4, 0.1), ("kutta-5", 4, 0.1)],
)
def test_the_projection_keeps_the_conditions_and_its_gradient_their_tangent_plane(name, order, away):
    found = learning(load(name), coefficients="free", keep_order=order)
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    start = torch.tensor([float_of(p.value) for p in found.raw], dtype=torch.float64)
    torch.testing.assert_close(torch.stack(kept(*start)), start, rtol=0, atol=1e-11)
    torch.manual_seed(0)
    raw = (start + away * torch.randn(5, 2, len(start), dtype=torch.float64)).requires_grad_()
    c = torch.stack(kept(*raw.unbind(-1)), -1)
    residuals = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c), order), -1)
    assert residuals.abs().max() < 1e-10
    assert (c - raw).norm(dim=-1).max() < 8 * away * len(start) ** 0.5  # nearby
    weight = torch.randn_like(c)
    (slope,) = torch.autograd.grad((c * weight).sum(), raw)
    again = c.detach().requires_grad_()
    rows = runge_kutta_residuals(*torch_table(found.scheme, again), order)
    J = torch.stack([torch.autograd.grad(row.sum(), again, retain_graph=True)[0] for row in rows], -2)
    tangent = weight - (torch.linalg.pinv(J, rtol=1e-9) @ (J @ weight[..., None]))[..., 0]
    torch.testing.assert_close(slope, tangent, rtol=1e-5, atol=1e-6)


def test_coefficients_are_rounded_to_float32_together():
    """Entries of 11.6 are known to 1e-6 only; the small ones make that good."""
    found = learning(load("dormand-prince-54"), coefficients="free", keep_order=4)
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    torch.manual_seed(0)
    raw = torch.tensor([float_of(p.value) for p in found.raw]) + 0.1 * torch.randn(200, len(found.raw))
    c = torch.stack(kept(*raw.unbind(-1)), -1)
    assert c.dtype == torch.float32
    residuals = torch.stack(runge_kutta_residuals(*torch_table(found.scheme, c.double()), 4), -1)
    assert residuals.abs().max() < 3e-7  # each rounded for itself: 1.3e-6


def test_conditions_that_depend_on_each_other():
    found = learning(load("kutta-5"), coefficients="free", keep_order=5)  # 17 conditions of rank 16
    kept = Retraction(found.retraction.names, found.retraction.conditions).eval()
    start = torch.tensor([float_of(p.value) for p in found.raw], dtype=torch.float64)
    torch.manual_seed(0)
    c = torch.stack(kept(*(start + 0.01 * torch.randn(20, len(start), dtype=torch.float64)).unbind(-1)), -1)
    assert kept.evaluate(c)[0].abs().max() < 1e-10


def test_a_step_beyond_the_way_back_is_not_silent():
    found = learning(load("rk4-38"), coefficients="free", keep_order=4)
    kept = Retraction(found.retraction.names, found.retraction.conditions)
    far = [torch.full((2,), 40.0 * (-1) ** i) for i in range(len(found.raw))]
    assert all(c.isnan().all() for c in kept(*far))


@pytest.mark.parametrize(
    ("name", "order", "sharing"),
    [("rk4-38", 4, "step"), pytest.param("dormand-prince-54", 3, "shared", marks=pytest.mark.slow)],
)
def test_500_steps_of_descent_keep_the_conditions(name, order, sharing):
    torch.manual_seed(0)
    fields = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2)]
    for p in nn.ModuleList(fields).parameters():
        p.data *= 3
    block = t2n.compile(name, coefficients="free", keep_order=order, sharing=sharing)(fields)
    family = learning(load(name), coefficients="free", keep_order=order).scheme
    optimiser = torch.optim.SGD([p for n, p in block.named_parameters() if n.endswith("_raw")], lr=0.1, momentum=0.5)
    x = torch.randn(64, 4)
    goal, before, worst, losses = torch.sin(3 * x), torch.stack([*block.learnt().values()], -1).detach(), 0.0, []
    for _ in range(500):
        loss = (block(x) - goal).square().mean()
        values = torch.stack([getattr(block, n) for n in block.raw], -1).detach()  # by now they are what was used
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        assert values.dtype == torch.float32
        residuals = runge_kutta_residuals(*torch_table(family, values.double()), order)
        worst = max(worst, *(float(r.abs().max()) for r in residuals))
    assert worst < 1e-6
    last = torch.stack([*block.eval().learnt().values()], -1).detach()
    assert max(float(r.abs().max()) for r in runge_kutta_residuals(*torch_table(family, last.double()), order)) < 1e-6
    assert losses[-1] < losses[0]
    assert (values - before).abs().max() > 0.3  # it went far, and along the conditions


def test_a_projected_block_is_copied_pickled_converted_and_compiled():
    block = t2n.compile("rk4", coefficients="free", keep_order=3)([nn.Linear(2, 2)])
    assert not any("retraction" in name for name in block.state_dict())
    y = torch.ones(1, 2)
    same = [copy.deepcopy(block), pickle.loads(pickle.dumps(block)), copy.deepcopy(block).half().float()]
    for other in same[:2]:
        assert torch.equal(other(y), block(y))
    assert all(
        abs(sum(float(b.detach()) for n, b in other.learnt().items() if n[0] == "b") - 1) < 1e-6 for other in same
    )
    fast = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(fast(y), block(y))
    fast(y).sum().backward()
    assert block.a21_raw.grad is not None


# ------------------------------------------------------------------------------------------------------- stability


def lm_roots(k):
    return np.roots([1, -(1 - k), -k])


def test_lm_stays_zero_stable_however_far_its_raw_parameter_goes():
    found = learning(load("lm"), coefficients="learnable", keep_stable=True)
    assert found.raw_names == ("k_raw",)
    assert found.coefficients == ("k",)
    block = t2n.compile("lm", coefficients="learnable", keep_stable=True)([nn.Identity() for _ in range(10001)])
    assert ((block.learnt()["k"] >= -0.1) & (block.learnt()["k"] <= 0)).all()  # drawn as the file declares
    assert block.learnt()["k"].std() > 0.02
    with torch.no_grad():
        block.k_raw.copy_(torch.linspace(-1e4, 1e4, 10000))
    k = block.learnt()["k"]
    assert k.dtype == torch.float32
    assert k.min() > -1
    assert k.max() <= 1
    assert k[-1] == 1  # the end that belongs to the region is reached
    assert (k.diff() >= 0).all()


def test_the_start_is_mapped_back_exactly():
    for name, coefficients in (("lm", "learnable"), ("sspms-32", "free"), ("bdf-3", "free"), ("bdf-5", "free")):
        found = learning(load(name), coefficients=coefficients, keep_stable=True)
        at = {p.symbol: p.value for p in found.raw}
        for p in found.scheme.parameters:
            assert sympy.simplify(found.values[p.name].subs(at) - p.value) == 0
    slope = sympy.diff(learning(load("lm"), coefficients="learnable", keep_stable=True).values["k"])
    assert slope.is_positive is not False


@settings(max_examples=60)
@given(st.lists(st.floats(-0.999, 0.999), min_size=1, max_size=6))
def test_reflection_coefficients_are_all_polynomials_with_roots_inside(kappa):
    q = np.array([float(c) for c in reflected([sympy.Float(k, 30) for k in kappa])])
    assert max(abs(np.roots(q)), default=0) < 1


@settings(max_examples=60)
@given(st.lists(st.fractions(-3, 3, max_denominator=9), min_size=1, max_size=4))
def test_every_polynomial_with_roots_inside_has_reflection_coefficients(tail):
    q = [sympy.S.One, *(sympy.Rational(x.numerator, x.denominator) for x in tail)]
    size = max(abs(np.roots([float(c) for c in q])), default=0)
    assume(abs(size - 1) > 1e-6)
    found = reflections(q)
    assert (found is not None) == (size < 1)
    if found is not None:
        assert reflected(found) == q


@settings(max_examples=40)
@given(
    st.sampled_from([("bdf-3", None), ("bdf-4", 1), ("bdf-5", None), ("imex-bdf-4", None), ("imex-bdf-2", 1)]),
    st.lists(st.floats(-4, 4), min_size=8, max_size=8),
)
def test_several_alpha_stay_zero_stable(case, numbers):
    name, order = case
    found = learning(load(name), coefficients="free", keep_order=order, keep_stable=True)
    raw = dict(zip([p.symbol for p in found.raw], numbers, strict=False))
    values = {symbol(n): float(v.subs(raw)) for n, v in found.values.items()}
    alpha = [float(a.subs(values)) for a in found.scheme.alpha]
    assert abs(sum(alpha)) < 1e-12
    q = np.polydiv(alpha[::-1], [1, -1])[0]
    assert max(abs(np.roots(q))) < 1


def test_the_exact_order_is_kept_beside_stability():
    found = learning(load("bdf-4"), coefficients="free", keep_order=1, keep_stable=True)
    draw = random.Random(0)
    for _ in range(5):
        assert not any(multistep_residuals(member(found.scheme, draw), 1))


def test_half_a_line():
    """ρ has the roots 1 and −1/m: zero-stable for m < −1 and for m ≥ 1."""
    for value, end in ((2, 1), (-5, -1)):
        scheme = Multistep(
            alpha=("-1/m", "1/m - 1", "1"), beta=("0", "1", "0"), parameters=(Parameter("m", sympy.Integer(value)),)
        )
        found = learning(scheme, coefficients="learnable", keep_stable=True)
        made = sympy.lambdify(symbol("m_raw"), found.values["m"])
        assert abs(made(float_of(found.raw[0].value)) - value) < 1e-12
        for u in (-1e6, -3.0, 0.0, 3.0, 1e6):
            m = made(np.float32(u))
            assert m >= 1 if end == 1 else m < -1


def test_a_negative_or_free_beta_needs_no_map():
    found = learning(load("adamnet-2"), coefficients="learnable", keep_stable=True)
    assert found.identity


# ---------------------------------------------------------------------------------------------------------- errors

NORMAL = Parameter("k", sympy.S.Zero, init=Distribution("normal", sympy.S.Zero, sympy.S.One))
WIDE = Parameter("k", sympy.S.Zero, init=Distribution("uniform", -sympy.S(2), sympy.S.Zero))
EDGE = Parameter("k", sympy.S.One)


def lm(parameter):
    return Multistep(alpha=("-k", "k - 1", "1"), beta=("0", "1", "0"), name="mine", parameters=(parameter,))


@pytest.mark.parametrize(
    ("scheme", "options", "message"),
    [
        ("rk4", {"keep_order": 5}, "rk4 itself has order 4, write 4 or less"),
        ("rk4", {"keep_order": 4}, "leaves nothing to learn"),
        ("rk4", {"keep_order": True}, "whole number"),
        ("rk4", {"keep_stable": True}, "is for multistep schemes"),
        ("rk4", {"coefficients": "learnable"}, "declares no parameters"),
        ("rk4", {"coefficients": "fixed", "keep_order": 1}, "are for coefficients="),
        ("rk4", {"coefficients": "all"}, "write one of"),
        ("lm", {"coefficients": "learnable", "keep_order": 1}, "leaves nothing to learn"),
        ("quade-4", {"keep_stable": True}, "no smooth map"),
        ("dimsim-2", {"keep_order": 1}, "out of reach"),
        (lm(NORMAL), {"coefficients": "learnable", "keep_stable": True}, "which has no ends"),
        (lm(WIDE), {"coefficients": "learnable", "keep_stable": True}, "strictly inside"),
        (lm(EDGE), {"coefficients": "learnable", "keep_stable": True}, "strictly inside"),
    ],
)
def test_what_cannot_be_kept_is_said_in_one_line(scheme, options, message):
    given = load(scheme) if isinstance(scheme, str) else scheme
    with pytest.raises(InputError, match=message) as raised:
        learning(given, **({"coefficients": "free"} | options))
    assert "\n" not in str(raised.value)


def test_conditions_without_end_are_refused(monkeypatch):
    monkeypatch.setattr("tableau2net.codegen.learnable.residuals.MAX_TERMS", 200)
    with pytest.raises(InputError, match="more than the 200 terms"):
        learning(replace(load("dormand-prince-54"), name="mine"), coefficients="free", keep_order=5)


def test_a_block_without_steps():
    assert t2n.compile("rk4", coefficients="free", keep_order=3)([])(torch.ones(2)).tolist() == [1, 1]
