"""Tables in space: made, written, read again, refused; families against sympy's weights."""

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import BoundaryRow, Side, Stencil, file
from tableau2net.scheme.saved import dumps

WEIGHTS = st.sampled_from(["0", "1/2", "-3", "sqrt(2)", "k"])
K = t2n.Parameter("k", "1/3")


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_central_weights_are_those_of_sympy(derivative, order):
    stencil = t2n.load(f"central-{derivative}-{order}", Stencil)
    wanted = sympy.finite_diff_weights(derivative, list(stencil.offsets), 0)[derivative][-1]
    assert list(stencil.weights) == wanted


@given(
    st.lists(st.tuples(st.integers(-5, 5), WEIGHTS), min_size=1, max_size=6, unique_by=lambda pair: pair[0]),
    st.integers(0, 4),
    st.sampled_from([None, Side([0, -1], ["2", "1/4"]), Side([0], ["3"])]),
)
def test_any_stencil_on_one_axis_survives_its_file(pairs, derivative, left):
    offsets, weights = zip(*pairs, strict=True)
    if set(weights) == {"0"}:
        return
    made = Stencil(derivative, weights, offsets=offsets, left=left, parameters=[K], name="mine")
    assert file.loads(dumps(made)) == made
    fixed = made.with_values(k="1/2")
    assert fixed.points == {o: w.subs(K.symbol, sympy.Rational(1, 2)) for o, w in made.points.items()}


@given(st.lists(st.lists(WEIGHTS, min_size=3, max_size=3), min_size=1, max_size=4), st.data())
def test_any_stencil_on_two_axes_survives_its_file(rows, data):
    if {w for row in rows for w in row} == {"0"}:
        return
    centre = [data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 2))]
    made = Stencil([1, 1], rows, centre=centre, parameters=[K])
    assert file.loads(dumps(made)) == made
    for (i, j), weight in made.points.items():
        assert weight == parse(rows[i + centre[0]][j + centre[1]], {"k": K.symbol})


def test_rows_of_the_boundary_survive_their_file():
    rows = [BoundaryRow(["-1", "1"]), BoundaryRow(["-1/2", "0", "1/2"])]
    made = Stencil(1, ["-1/2", "0", "1/2"], offsets=[-1, 0, 1], norm=["1/2", "1"], boundary=rows)
    assert file.loads(dumps(made)) == made


HEAD = 'format = 1\nfamily = "stencil"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('derivative = 1\nweights = ["1", "2"]', "offsets: a list of whole numbers"),
        ('derivative = 1\nweights = ["1", "2"]\noffsets = [0]', "offsets has 1 entries but weights has 2"),
        ('derivative = 1\nweights = ["1", "2"]\noffsets = [0, 0]', "offsets: one stands there twice"),
        ('derivative = 1\nweights = ["0", "0"]\noffsets = [0, 1]', "weights: all of them are 0"),
        ('derivative = -1\nweights = ["1", "2"]\noffsets = [0, 1]', "orders from 0 to 16"),
        ('derivative = [1, 0]\nweights = ["1", "2"]', "numbers in 1 lists, but derivative = [1, 0] is of 2 axes"),
        ('derivative = [1, 0]\nweights = [["1", "2"], ["3"]]\ncentre = [0, 0]', "rows of one length"),
        ('derivative = [1, 0]\nweights = [["1", "2"]]\ncentre = [0, 2]', "centre: the index of the point itself"),
        ('derivative = 1\nweights = ["1", "2"]\noffsets = [0, 1]\nleft = 3', "left: write a table, [left]"),
        ('derivative = 1\nweights = ["1", "2"]\noffsets = [0, 1]\nnorm = ["1"]', "norm: it belongs to boundary rows"),
        ('derivative = 1\nweights = ["1", "2"]\noffsets = [0, 99999999]', "offsets: from -64 to 64 are read"),
    ],
)
def test_what_is_no_stencil_is_one_line(text, said):
    with pytest.raises(InputError, match=r"^[^\n]+$") as error:
        file.loads(HEAD + text)
    assert said in str(error.value)


def test_one_kind_of_table_in_the_place_of_the_other_is_said():
    with pytest.raises(InputError, match="central-1-4 is a stencil, where a scheme is needed"):
        t2n.compile("central-1-4")
    with pytest.raises(InputError, match="rk4 is a runge-kutta scheme, where a stencil is needed"):
        t2n.load("rk4", Stencil)
    assert not set(t2n.list_stencils()) & set(t2n.list_schemes())


def test_derivatives_may_be_added():
    """A Laplacian is one operator; each of the derivatives is of the whole order."""
    five = Stencil([[2, 0], [0, 2]], [["0", "1", "0"], ["1", "-4", "1"], ["0", "1", "0"]], centre=[1, 1], name="five")
    assert (five.terms, five.orders, five.dimension) == (((2, 0), (0, 2)), (2, 0), 2)
    assert file.loads(dumps(five)) == five
    assert Stencil([[1, 0]], [["1", "2"]], centre=[0, 0]).derivative == (1, 0)
    for wrong in ([[2, 0], [0, 1]], [[2, 0], [2]], [[2, 0], 2], [[1, 0]] * 33):
        with pytest.raises(InputError, match=r"^derivative: [^\n]+$"):
            Stencil(wrong, [["1", "2"]], centre=[0, 0])
