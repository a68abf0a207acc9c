"""What is said of a method does not depend on how it is written: stages twice, in another order, that nothing reads."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tableau2net import testing
from tableau2net.analysis import order_conditions, ssp, stability
from tableau2net.analysis.structure import algebraically_stable, symmetric, symplectic, symplectic_separable
from tableau2net.scheme import AdditiveRungeKutta, PartitionedRungeKutta, RungeKutta, load
from tableau2net.testing.draw import rationals

SEPARABLE = ((2,), (1,))

# ------------------------------------------------------------------ the same method, written otherwise


@st.composite
def rewriting(draw, stages):
    """Which stage each stage of the new table is a copy of (−1: nothing reads it), and its share in the weight."""
    copies = [*range(stages), *draw(st.lists(st.integers(-1, stages - 1), max_size=2))]
    copies = draw(st.permutations(copies))
    shares = [draw(rationals(2, 2)) for _ in copies]
    for i in range(stages):
        mine = [k for k, copy in enumerate(copies) if copy == i]
        shares[mine[0]] = 1 - sum(shares[k] for k in mine[1:])
    return copies, shares


def written(part, copies, shares, idle):
    """A table with its stages copied; idle: what a stage is made of that nothing reads."""

    def spread(row):
        return [share * row[i] if i >= 0 else 0 for i, share in zip(copies, shares, strict=True)]

    A = [spread(part.A[i]) if i >= 0 else idle[: len(copies)] for i in copies]
    c = [part.c[i] if i >= 0 else idle[0] for i in copies]
    b_hat = None if part.b_hat is None else spread(part.b_hat)
    return RungeKutta(A=A, b=spread(part.b), c=c, b_hat=b_hat)


IDLE = [Fraction(k % 5 - 2, 1 + k % 3) for k in range(12)]


def again(draw, scheme):
    """Another table of the same method."""
    copies, shares = draw(rewriting(scheme.stages))
    if isinstance(scheme, RungeKutta):
        return written(scheme, copies, shares, IDLE)
    parts = [written(part, copies, shares, IDLE) for part in scheme.parts]
    if isinstance(scheme, AdditiveRungeKutta):
        return AdditiveRungeKutta(parts=parts)
    return PartitionedRungeKutta(parts=parts, reads=scheme.reads)


def verdicts(scheme):
    """What must be the same."""
    found = order_conditions(scheme)
    failing = sorted((r.tree, r.colours, str(r.value)) for r in found.failing)
    result = [
        found.order,
        found.autonomous,
        failing,
        symplectic(scheme),
        symplectic_separable(scheme),
        symmetric(scheme),
    ]
    linear = stability(scheme)
    for part in (linear, *linear.parts):
        result += [part.function, part.e_polynomial, part.a_stable, part.l_stable, part.i_stable, part.zero_stable]
        result += [part.real_interval, part.imaginary_interval, part.alpha_degrees]
    step_size = ssp(scheme)
    return [*result, algebraically_stable(scheme), str(step_size.coefficient), str(step_size.linear)]


FAMILIES = {
    "runge-kutta": testing.runge_kutta(range(1, 4)),
    "additive": testing.additive_runge_kutta(stages=range(1, 4)),
    "partitioned": testing.partitioned_runge_kutta(stages=range(1, 4)),
    "separable": testing.partitioned_runge_kutta(stages=range(1, 4), separable=True),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_random_methods_written_otherwise(family):
    @settings(max_examples=4)
    @given(st.data())
    def tried(data):
        scheme = data.draw(FAMILIES[family])
        assert verdicts(again(data.draw, scheme)) == verdicts(scheme)

    tried()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_many_random_methods_written_otherwise(family):
    @settings(max_examples=40)
    @given(st.data())
    def tried(data):
        scheme = data.draw(FAMILIES[family])
        assert verdicts(again(data.draw, scheme)) == verdicts(scheme)

    tried()


@pytest.mark.parametrize("name", ["gauss-2", "ssprk-22", "radau-iia-2"])
def test_known_methods_written_otherwise(name):
    @settings(max_examples=2)
    @given(st.data())
    def tried(data):
        assert verdicts(again(data.draw, load(name))) == verdicts(load(name))

    tried()


# ------------------------------------------------------------------ symplectic, by trees


def coloured(n):
    """Trees with n nodes of two colours, as (colour, branches)."""
    if n == 1:
        return [(0, ()), (1, ())]

    def of_size(m, largest):
        if m == 0:
            return [()]
        found = []
        for size in range(min(m, largest), 0, -1):
            for first in coloured(size):
                for rest in of_size(m - size, size):
                    found.append(tuple(sorted((first, *rest))))
        return found

    return [(colour, branches) for colour in (0, 1) for branches in sorted(set(of_size(n - 1, n - 1)))]


TREES = [tree for n in (1, 2, 3) for tree in coloured(n)]


def follows(tree, reads):
    """Whether each node has only branches that its field reads."""
    return all(branch[0] in reads[tree[0]] and follows(branch, reads) for branch in tree[1])


def stages(parts, tree):
    """Π over the branches of (Σ_j a_ij …), at each stage: the field's value."""
    found = np.ones(parts[0].stages)
    for branch in tree[1]:
        A = np.array(parts[branch[0]].A, dtype=float)
        found = found * (A @ stages(parts, branch))
    return found


def weight(parts, tree):
    return np.array(parts[tree[0]].b, dtype=float) @ stages(parts, tree)


def grafted(u, v):
    return (u[0], tuple(sorted((*u[1], v))))


def symplectic_by_trees(parts, separable):
    """φ(u∘v) + φ(v∘u) = φ(u)φ(v) for all u with a root of the first colour and v of the second, and, for general
    Hamiltonians, the same φ whatever the colour of the root (HLW VI.7.2, Theorem 7.4)."""
    reads = ((1,), (0,)) if separable else ((0, 1), (0, 1))
    trees = [tree for tree in TREES if follows(tree, reads)]
    for u in trees:
        if not separable and abs(weight(parts, u) - weight(parts, (1 - u[0], u[1]))) > 1e-9:
            return False
        for v in trees:
            if (u[0], v[0]) == (0, 1):
                both = weight(parts, grafted(u, v)) + weight(parts, grafted(v, u))
                if abs(both - weight(parts, u) * weight(parts, v)) > 1e-9:
                    return False
    return True


def test_symplectic_euler_with_its_stage_written_twice():
    """b = (1/2, 1/2): HLW VI.4.6 in the two stages as they stand fails, in the one they are it holds."""
    twice = [["1/2", "1/2"], ["1/2", "1/2"]]
    parts = [RungeKutta(A=twice, b=["1/2", "1/2"]), RungeKutta(A=[["0", "0"], ["0", "0"]], b=["1/3", "2/3"])]
    for reads in (None, SEPARABLE):
        scheme = PartitionedRungeKutta(parts=parts, reads=reads)
        assert symplectic(scheme)
        assert symplectic_separable(scheme)
        assert symplectic_by_trees(parts, reads is not None)


@st.composite
def pairs(draw):
    """Pairs of tables, two in three symplectic, rewritten; in a separable one each field's stages on their own."""
    s = draw(st.integers(1, 3))
    numbers = rationals(3, 2)
    b = [draw(numbers.filter(bool)) for _ in range(s)]
    b_hat = b if draw(st.booleans()) else [draw(numbers.filter(bool)) for _ in range(s)]
    A = [[draw(numbers) for _ in range(s)] for _ in range(s)]
    A_hat = [[b_hat[j] - b_hat[j] * A[j][i] / b[i] for j in range(s)] for i in range(s)]
    if draw(st.integers(0, 3)) == 0:
        A_hat[draw(st.integers(0, s - 1))][draw(st.integers(0, s - 1))] += draw(
            st.sampled_from([1, -1, Fraction(1, 2)])
        )
    zero = [0] * s  # no field depends on time
    parts = [RungeKutta(A=A, b=b, c=zero), RungeKutta(A=A_hat, b=b_hat, c=zero)]
    separable = draw(st.booleans())
    copies, shares = draw(rewriting(s))
    if not separable:
        return [written(p, copies, shares, [Fraction(0), *IDLE]) for p in parts], False
    assume(all(i >= 0 for i in copies))
    n = len(copies)
    turn = draw(st.permutations(range(n)))
    other, other_shares = [copies[k] for k in turn], [shares[k] for k in turn]
    # evaluations of the first field: `copies`; of the second: `other`. The first reads the second state: rows of Â.
    first = RungeKutta(
        A=[[share * A[i][j] for j, share in zip(copies, shares, strict=True)] for i in other],
        b=[share * b[j] for j, share in zip(copies, shares, strict=True)],
        c=[0] * n,
    )
    second = RungeKutta(
        A=[[share * A_hat[i][j] for j, share in zip(other, other_shares, strict=True)] for i in copies],
        b=[share * b_hat[j] for j, share in zip(other, other_shares, strict=True)],
        c=[0] * n,
    )
    return [first, second], True


def check_symplectic(parts, separable):
    scheme = PartitionedRungeKutta(parts=parts, reads=SEPARABLE if separable else None)
    assert symplectic(scheme) == symplectic_by_trees(parts, separable)
    assert symplectic_separable(scheme) == symplectic_by_trees(parts, True)


@settings(max_examples=25)
@given(pairs())
def test_symplectic_pairs_by_coloured_trees(case):
    check_symplectic(*case)


@pytest.mark.slow
@settings(max_examples=300)
@given(pairs())
def test_many_symplectic_pairs_by_coloured_trees(case):
    check_symplectic(*case)
