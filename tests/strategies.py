"""Random members of each family, small enough to read when one fails."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from tableau2net.scheme import Multistep, RungeKutta

rationals = st.builds(Fraction, st.integers(-6, 6), st.integers(1, 6))


@st.composite
def explicit_runge_kutta(draw: st.DrawFn, max_stages: int = 5, consistent: bool = False) -> RungeKutta:
    """A lower triangular tableau with random rational entries; `consistent` makes Σb = 1."""
    s = draw(st.integers(1, max_stages))
    A = [[draw(rationals) for _ in range(i)] for i in range(s)]
    b = [draw(rationals) for _ in range(s)]
    if consistent:
        b[-1] = 1 - sum(b[:-1])
    return RungeKutta(A=A, b=b, name="random")


@st.composite
def second_order_runge_kutta(draw: st.DrawFn) -> RungeKutta:
    """A random explicit tableau whose last two weights are solved for Σb = 1 and Σbc = 1/2."""
    s = draw(st.integers(2, 4))
    A = [[draw(rationals) for _ in range(i)] for i in range(s)]
    c = [sum(row, Fraction(0)) for row in A]
    if c[-1] == c[-2]:
        A[-1][0] += 1
        c[-1] += 1
    b = [draw(rationals) for _ in range(s - 2)]
    zero, one = 1 - sum(b), Fraction(1, 2) - sum(x * y for x, y in zip(b, c, strict=False))
    last = (one - zero * c[-2]) / (c[-1] - c[-2])
    return RungeKutta(A=A, b=[*b, zero - last, last], name="random")


@st.composite
def multistep(draw: st.DrawFn, max_steps: int = 4, explicit: bool = True) -> Multistep:
    """Random α with ρ(1) = 0; β with as many moment conditions solved as drawn, from none to all."""
    k = draw(st.integers(1, max_steps))
    alpha = [draw(rationals) for _ in range(k)] + [Fraction(1)]
    alpha[0] -= sum(alpha)
    width = k if explicit else k + 1
    solved = draw(st.integers(0, width))
    free = [draw(rationals) for _ in range(width - solved)]
    # conditions q = 1..solved: Σ α_j j^q = q Σ β_j j^(q−1), with the free β on the right
    nodes = range(solved)
    rows = [[q * Fraction(j) ** (q - 1) for j in nodes] for q in range(1, solved + 1)]
    right = [
        sum(a * Fraction(j) ** q for j, a in enumerate(alpha))
        - sum(b * q * Fraction(j) ** (q - 1) for j, b in enumerate(free, solved))
        for q in range(1, solved + 1)
    ]
    beta = solve(rows, right) + free
    return Multistep(alpha=alpha, beta=beta + [Fraction(0)] * (k + 1 - width), name="random")


def solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Gauss–Jordan over ℚ; the matrix is regular."""
    n = len(rows)
    table = [[*row, r] for row, r in zip(rows, right, strict=True)]
    for i in range(n):
        pivot = next(r for r in range(i, n) if table[r][i])
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [x / table[i][i] for x in table[i]]
        for r in range(n):
            if r != i:
                table[r] = [x - table[r][i] * y for x, y in zip(table[r], table[i], strict=True)]
    return [row[-1] for row in table]
