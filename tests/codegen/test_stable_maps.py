"""Maps that keep a scheme zero-stable: against roots by numpy."""

import numpy as np
import sympy
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import tableau2net as t2n
from tableau2net.codegen.learnable import learning
from tableau2net.codegen.learnable.stable_maps import reflected, reflections
from tableau2net.exact.text import float_of, symbol
from tableau2net.scheme import Multistep, Parameter, load

# ------------------------------------------------------------------------------------------------------- stability


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
