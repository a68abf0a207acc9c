"""Plans that fit so many steps, drawn."""

from hypothesis import strategies as st

from tableau2net.errors import InputError
from tableau2net.multigrid import Hierarchy, Plan


@st.composite
def plans(draw):
    """Steps, and a plan that fits them."""
    m, relaxation = draw(st.integers(2, 5)), draw(st.sampled_from(["F", "FCF"]))
    steps = draw(st.integers(m + 1, 60))
    most = 2
    while True:
        try:
            Hierarchy.of(steps, Plan(m, most + 1))
        except InputError:
            break
        most += 1
    plan = Plan(m, draw(st.integers(2, most)), relaxation, draw(st.tuples(st.integers(1, 3), st.integers(1, 3))))
    return steps, plan
