"""The file of a stencil needs torch alone and takes the derivative that a field takes."""

import numpy as np
import pytest
import torch

import tableau2net as t2n
from tableau2net.analysis.space.summation import bounded_matrix
from tableau2net.codegen import write_source
from tableau2net.scheme import Stencil


def module_of(table, **arguments):
    source = write_source(table)
    assert max(map(len, source.splitlines())) <= 120
    assert "import tableau2net" not in source
    assert "from tableau2net" not in source
    space = {}
    exec(compile(source, "stencil", "exec"), space)
    (made,) = [v for v in space.values() if isinstance(v, type) and v.__module__ == "builtins" and v is not space["nn"]]
    return made(**arguments)


@pytest.mark.parametrize("name", ["central-1-4", "upwind-3", "central-4-2", "compact-1-6", "compact-2-4"])
def test_a_derivative_on_a_line(name):
    y = torch.randn(2, 3, 16, dtype=torch.float64)
    table = t2n.load(name, Stencil)
    wanted = t2n.field([name], h=0.5).double()(y)
    made = module_of(table, h=0.5)
    torch.testing.assert_close(made(y), wanted)
    torch.testing.assert_close(made.float()(y.float()), wanted.float(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.export.export(made, (y.float(),)).module()(y.float()), made(y.float()))


def test_a_derivative_with_ends():
    table = t2n.load("sbp-4-2", Stencil)
    n = 14
    wanted = np.zeros((n, n))
    for at, w in bounded_matrix(table, n).items():
        wanted[at] = float(w) / 0.5
    found = module_of(table, h=0.5)(torch.eye(n, dtype=torch.float64))
    np.testing.assert_allclose(found.numpy().T, wanted, atol=1e-13)


def test_a_derivative_in_the_plane():
    table = Stencil(((2, 0), (0, 2)), [[0, 1, 0], [1, -4, 1], [0, 1, 0]], centre=(1, 1), name="laplace-5")
    y = torch.randn(2, 8, 9, dtype=torch.float64)
    wanted = t2n.field(["central-2-2"], dimension=2, h=0.5, boundary="zero").double()(y)
    torch.testing.assert_close(module_of(table, h=0.5, mode="constant")(y), wanted)


def test_options_of_schemes_are_refused():
    with pytest.raises(t2n.InputError, match="central-1-4 is a stencil"):
        write_source("central-1-4", coefficients="free")
