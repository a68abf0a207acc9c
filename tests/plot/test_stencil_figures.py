"""Figures of stencils: written in each format, what they draw is the symbol, and bad input is one line."""

import numpy as np
import pytest

from tableau2net.plot.stencils.waves import damping_curves, draw_dispersion, principal
from tableau2net.scheme import Stencil, load

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
ANGLES = np.linspace(0.1, 3, 5)


@pytest.mark.parametrize(("figure", "format"), [("dispersion", "png"), ("dissipation", "svg")])
def test_every_figure(run, tmp_path, figure, format):
    target = tmp_path / f"a.{format}"
    assert run("plot", figure, "upwind-1", "upwind-3", "-o", target) == (0, "", "")
    assert target.read_bytes().startswith(MAGIC[format])


def test_even_derivatives_and_compact_ones_too():
    stencils = {name: load(name, Stencil) for name in ("central-2-2", "compact-2-4")}
    assert draw_dispersion(stencils, format="pdf").startswith(MAGIC["pdf"])


def test_what_is_drawn_is_the_symbol():
    assert np.allclose(principal(load("central-1-2", Stencil), ANGLES), np.sin(ANGLES))
    assert np.allclose(principal(load("central-2-2", Stencil), ANGLES), 2 - 2 * np.cos(ANGLES))
    found = damping_curves({"a": load("upwind-1", Stencil), "b": load("forward-1-1", Stencil)}, ANGLES)
    assert list(found) == ["a, u_t = −Du", "b, u_t = Du"]
    assert all(np.allclose(curve, np.cos(ANGLES) - 1) for curve in found.values())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dispersion", "rk4"), "rk4 is a runge-kutta scheme, where a stencil is needed"),
        (("stability", "central-1-4"), "central-1-4 is a stencil, where a scheme is needed"),
        (("dispersion", "central-1-2", "central-2-2"), "draw them apart"),
        (("dissipation", "central-1-2"), "damps no wave"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, arguments, says):
    code, out, err = run("plot", *arguments, "-o", tmp_path / "a.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
