"""The strategies of `tableau2net.testing` under the short names that tests use: explicit members, small ones."""

from hypothesis import strategies as st

from tableau2net import testing
from tableau2net.scheme import Multistep, RungeKutta

rationals = testing.rationals()
nonzero = rationals.filter(bool)


def explicit_runge_kutta(max_stages: int = 5, consistent: bool = False) -> st.SearchStrategy[RungeKutta]:
    """Explicit tableaus with random entries; `consistent` makes Σb = 1."""
    return testing.runge_kutta(range(1, max_stages + 1), order=1 if consistent else None, explicit=True)


def multistep(max_steps: int = 4, explicit: bool = True) -> st.SearchStrategy[Multistep]:
    """Multistep methods of any order from 0 to the most that their β can have."""
    return testing.multistep(range(1, max_steps + 1), explicit=explicit)


@st.composite
def implicit_runge_kutta(draw, max_stages=3):
    s = draw(st.integers(1, max_stages))
    A = [[draw(rationals) for _ in range(s)] for _ in range(s)]
    return RungeKutta(A=A, b=[draw(rationals) for _ in range(s)], name="random")
