"""Fields with rows of their own at the ends of a grid, and with compact stencils, against matrices."""

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net import InputError
from tableau2net.analysis.space.summation import bounded_matrix
from tableau2net.scheme import BoundaryRow, Stencil

BOUNDED = ["sbp-2-1", "sbp-4-2", "sbp-6-3", "sbp-8-4"]


def matrix(stencil, n):
    found = np.zeros((n, n))
    for (i, j), w in bounded_matrix(stencil.at_defaults(), n).items():
        found[i, j] = float(w)
    return found


pytestmark = pytest.mark.usefixtures("doubles")


@pytest.mark.parametrize("name", BOUNDED)
def test_rows_at_the_ends_are_those_of_the_matrix(name):
    n, h = 24, 0.5
    wanted = matrix(t2n.load(name, Stencil), n) / h
    field = t2n.field([name], boundary="sbp", h=h)
    np.testing.assert_allclose(field(torch.eye(n)).numpy().T, wanted, atol=1e-12)
    solved = field.resolvent(torch.eye(n), 0.3).numpy().T
    np.testing.assert_allclose(solved, np.linalg.inv(np.eye(n) - 0.3 * wanted), atol=1e-11)


def test_ends_of_a_second_derivative_and_of_one_that_leans():
    """The right end is mirrored with (−1)^m, and its rows stand where the interior ones would."""
    rows = [BoundaryRow(["1", "-2", "1"]), BoundaryRow(["1", "-2", "1/3", "2/3"])]
    leaning = Stencil(2, ["1", "-3", "1", "1"], [-2, -1, 0, 1], boundary=rows)
    field = t2n.field({"xx": leaning}, boundary="sbp")
    np.testing.assert_allclose(field(torch.eye(11)).numpy().T, matrix(leaning, 11), atol=1e-14)


def test_axes_and_states_have_their_own_ends():
    n, m = 12, 9
    d = t2n.load("sbp-4-2", Stencil)
    field = t2n.field(
        {"x": "sbp-4-2", "y": "central-1-2"},
        ["2*v_x - u_y", "u*u_x + v"],
        states=("u", "v"),
        boundary=("sbp", "periodic"),
        h=(0.5, 2.0),
    )
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2, 2, n, m))
    u, v = y[:, 0], y[:, 1]
    first = matrix(d, n) / 0.5
    u_y = (np.roll(u, -1, 2) - np.roll(u, 1, 2)) / 4
    wanted = np.stack([2 * (first @ v) - u_y, u * (first @ u) + v], 1)
    np.testing.assert_allclose(field(torch.from_numpy(y)).numpy(), wanted, atol=1e-12)


def test_energy_leaves_through_the_ends_alone():
    """d/dt ‖u‖²_H = u_0² − u_n² for u_t = −u_x, by any summation by parts."""
    stencil = t2n.load("sbp-4-2", Stencil)
    n = 20
    norm = np.ones(n)
    norm[: len(stencil.norm)] = [float(x) for x in stencil.norm]
    norm[-len(stencil.norm) :] = norm[: len(stencil.norm)][::-1]
    u = torch.randn(n)
    rate = t2n.field(["sbp-4-2"], "-u_x", boundary="sbp")(u)
    assert 2 * float((torch.from_numpy(norm) * u * rate).sum()) == pytest.approx(float(u[0] ** 2 - u[-1] ** 2))


@pytest.mark.parametrize("name", ["compact-1-4", "compact-1-10", "compact-2-6"])
def test_compact_stencils_are_the_solve_that_they_say(name):
    n, h = 16, 0.25
    stencil = t2n.load(name, Stencil)

    def circulant(points):
        return sum(float(w) * np.roll(np.eye(n), j, 1) for (j,), w in points.items())

    wanted = np.linalg.solve(circulant(stencil.left_points), circulant(stencil.points)) / h ** stencil.orders[0]
    field = t2n.field([name], h=h)
    np.testing.assert_allclose(field(torch.eye(n)).numpy().T, wanted, atol=1e-11)
    solved = field.resolvent(torch.eye(n), 0.01).numpy().T
    np.testing.assert_allclose(solved, np.linalg.inv(np.eye(n) - 0.01 * wanted), atol=1e-11)


def test_compact_stencils_in_the_plane():
    n, m = 10, 12
    y = torch.randn(2, 1, n, m)
    both = t2n.field(["compact-1-4", "compact-2-4"], "u*u_x + u_yy - u_xx", dimension=2, h=(0.5, 1.0))
    line = t2n.field(["compact-1-4"], h=0.5)
    second = t2n.field(["compact-2-4"])

    def along(field, axis):
        return field(y.movedim(axis, -1)).movedim(-1, axis)

    wanted = y * along(line, 2) + along(second, 3) - along(second, 2) * 4
    torch.testing.assert_close(both(y), wanted)


WRONG = [
    (lambda: t2n.field({"xy": "sbp-4-2"}, boundary="sbp"), "xy is along several axes"),
    (lambda: t2n.field(["sbp-4-2"], boundary="sbp")(torch.randn(6)), "6 points along x"),
    (lambda: t2n.field(["compact-1-4"], boundary="zero"), "compact stencils are solved on a periodic grid"),
    (lambda: t2n.field(["sbp-2-1"], boundary="sbp", learn="free"), 'write learn="frozen"'),
]


@pytest.mark.parametrize(("wrong", "told"), WRONG)
def test_what_does_not_fit_is_said(wrong, told):
    with pytest.raises(InputError, match=told):
        wrong()
