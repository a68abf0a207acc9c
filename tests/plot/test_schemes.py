"""Figures: what they draw is true, they are written in each format, and bad input is one line."""

import cmath
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tableau2net.analysis.order.conditions import order
from tableau2net.exact.text import float_of
from tableau2net.plot.schemes.accuracy import evaluations_a_step
from tableau2net.plot.schemes.convergence import draw_convergence
from tableau2net.plot.schemes.stability_region import draw_stability, stability_figure
from tableau2net.plot.schemes.window import window
from tableau2net.scheme import load
from tableau2net.step.amplification import amplification
from tableau2net.step.measured import global_error
from tests.schemes import CNAB, IMEX, STORMER, TWO_STEP, VERLET
from tests.strategies import explicit_runge_kutta, multistep

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("figure", "format"),
    [
        ("stability", "png"),
        ("stability", "svg"),
        ("order-star", "pdf"),
        ("convergence", "svg"),
        ("error-constants", "png"),
        ("stage-graph", "png"),
    ],
)
def test_every_figure_and_every_format(run, tmp_path, figure, format):
    target = tmp_path / "deep" / f"a.{format}"
    assert run("plot", figure, "heun-3", "backward-euler", "-o", target) == (0, "", "")
    assert target.read_bytes().startswith(MAGIC[format])


def test_schemes_that_share_a_name_are_told_apart(run, tmp_path):
    target = tmp_path / "a.svg"
    assert run("plot", "stability", "euler", "euler", "-o", target)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["stabilty", "rk4", "-o", "x.png"], "one of stability, order-star"),
        (["stability", "rk44", "-o", "x.png"], "did you mean rk4"),
        (["stability", "rk4", "-o", "x.jpg"], ".png, .svg or .pdf"),
        (["stability", "rk4", "-o", "x"], ".png, .svg or .pdf"),
        (["stability", *["rk4"] * 33, "-o", "x.png"], "at most 32"),
        (["stability", "rk4", "-o", "/proc/nothing/x.png"], "/proc/nothing/x.png"),
        (["order-star", "bdf-2", "-o", "x.png"], "one-step"),
        (["order-star", *["rk4"] * 10, "-o", "x.png"], "at most 9"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("plot", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert says in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scheme", [VERLET, IMEX, CNAB], ids=lambda s: s.name)
def test_several_fields_have_no_region(scheme):
    with pytest.raises(ValueError, match="no region"):
        draw_stability({"it": scheme})


def test_the_command_line_does_not_wait_for_matplotlib():
    code = "import sys, tableau2net.cli; assert not {'matplotlib', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------ amplification

points = st.complex_numbers(max_magnitude=20, allow_nan=False)


@given(explicit_runge_kutta(), points)
@settings(max_examples=40)
def test_growth_of_an_explicit_method_is_its_polynomial(scheme, z):
    """R(z) = 1 + Σ z^(k+1) bᵀA^k 1."""
    A = np.array([[float_of(a) for a in row] for row in scheme.A])
    b = np.array([float_of(x) for x in scheme.b])
    vector, expected = np.ones(len(b)), 1 + 0j
    for k in range(len(b)):
        expected += z ** (k + 1) * (b @ vector)
        vector = A @ vector
    assert amplification(scheme, np.array([z]))[0] == pytest.approx(abs(expected), rel=1e-6, abs=1e-6)


@given(multistep(explicit=False), points)
@settings(max_examples=40)
def test_growth_of_a_multistep_method_is_its_largest_root(scheme, z):
    """ρ(ζ) = z σ(ζ)."""
    polynomial = [float_of(a) - z * float_of(b) for a, b in zip(scheme.alpha, scheme.beta, strict=True)]
    if abs(polynomial[-1]) < 1e-3:
        return  # near a pole
    roots = np.roots(list(reversed(polynomial)))
    expected = max(np.abs(roots), default=0.0)
    assert amplification(scheme, np.array([z]))[0] == pytest.approx(expected, rel=1e-3, abs=2e-2)


@pytest.mark.parametrize(
    ("name", "known"),
    [("backward-euler", lambda z: 1 / (1 - z)), ("trapezoid", lambda z: (2 + z) / (2 - z)), ("gauss-2", None)],
)
def test_growth_of_implicit_methods(name, known):
    known = known or (lambda z: (1 + z / 2 + z * z / 12) / (1 - z / 2 + z * z / 12))
    z = np.array([[0.3 + 1j, -4 - 2j], [-1e3, 1e6j]])
    assert amplification(load(name), z) == pytest.approx(np.abs(known(z)))
    assert amplification(load("backward-euler"), np.array([1.0]))[0] > 1e9  # the pole itself


def test_growth_for_second_derivatives_and_two_step_runge_kutta():
    z = np.array([-3.0, -5.0])
    assert amplification(STORMER, z) == pytest.approx([1, (3 + math.sqrt(5)) / 2])
    (grown,) = amplification(TWO_STEP, np.array([0.01]))
    assert grown == pytest.approx(math.exp(0.01), abs=1e-4)


# ------------------------------------------------------------------ what is drawn


def test_the_window_holds_the_known_intervals():
    left, right, top = window([load("rk4")])
    assert -3.5 < left < -2.785
    assert 0 < right < 1
    assert 2.94 < top < 3.5
    left, right, top = window([load("bdf-2")])
    assert 4 < right < 5
    assert left < 0
    left, right, top = window([load("euler"), load("adams-bashforth-6")])
    assert -2.5 < left < -2
    left, right, top = window([load("gauss-2")])
    assert left < -1 < 1 < right
    left, right, top = window([load("leapfrog-2")])
    assert 1 < top < 1.5
    assert right - left >= 0.3


@pytest.mark.parametrize(
    "name", ["euler", "rk4", "backward-euler", "trapezoid", "gauss-2", "bdf-3", "adams-bashforth-3", "radau-iia-2"]
)
def test_what_is_shaded_is_stable(name):
    """Points of the figure, away from boundary and grid lines: coloured if and only if |R| < 1."""
    scheme = load(name)
    figure = stability_figure({name: scheme})
    (axes,) = figure.axes
    axes.grid(False)
    axes.get_legend().remove()
    for line in axes.lines:
        line.set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[::-1, :, :3].astype(int)
    rng = np.random.default_rng(1)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x, y = rng.uniform(left, right, 400), rng.uniform(bottom, top, 400)
    growth = np.log(amplification(scheme, x + 1j * y))
    columns, rows = axes.transData.transform(np.column_stack([x, y])).astype(int).T
    white = pixels[np.minimum(rows, len(pixels) - 1), np.minimum(columns, pixels.shape[1] - 1)].min(axis=1) > 250
    clear = np.abs(growth) > 0.05
    assert clear.sum() > 200
    assert (white == (growth > 0))[clear].all()
    assert white[clear].any()
    assert not white[clear].all()


def test_first_and_second_derivatives_are_drawn_apart():
    with pytest.raises(ValueError, match="apart"):
        draw_stability({"a": STORMER, "b": load("euler")})
    assert draw_stability({"a": STORMER})


# ------------------------------------------------------------------ convergence


@pytest.mark.parametrize("scheme", [IMEX, VERLET, CNAB, STORMER, TWO_STEP], ids=lambda s: s.name)
def test_the_measured_slope_is_the_order_in_every_family(scheme):
    errors = [global_error(scheme, n) for n in (32, 64)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order(scheme), abs=0.15)


@pytest.mark.parametrize("name", ["euler", "rk4", "gauss-2", "bdf-3", "adams-bashforth-3", "cooper-verner-8"])
def test_the_measured_slope_is_the_order(name):
    errors = [global_error(load(name), n) for n in (32, 64)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order(load(name)), abs=0.2)


def test_the_error_of_euler_by_hand():
    """Two steps of 1/16 on the test problem, from its formulas in doubles."""

    def field(t, y):
        w = [math.sin(2 * t) + t / 3, math.exp(-t) + t * t / 2]
        e = [y[0] - w[0], y[1] - w[1]]
        return [
            2 * math.cos(2 * t) + 1 / 3 - 0.9 * e[0] + 0.7 * e[1] + 0.5 * e[0] * e[1] + 0.8 * e[0] ** 2,
            -math.exp(-t) + t - 0.6 * e[0] - 0.4 * e[1] - 0.7 * e[0] * e[1] + 0.3 * e[1] ** 2,
        ]

    y = [0.0, 1.0]
    for n in range(2):
        k = field(n / 16, y)
        y = [a + b / 16 for a, b in zip(y, k, strict=True)]
    expected = max(abs(y[0] - math.sin(1 / 4) - 1 / 24), abs(y[1] - math.exp(-1 / 8) - 1 / 128))
    assert global_error(load("euler"), 2) == pytest.approx(expected, rel=1e-12)


def test_what_blows_up_is_left_out_of_the_figure():
    unstable = load("adams-bashforth-2")
    figure = draw_convergence({"blown up": unstable}, error=lambda scheme, n: float("inf"))
    assert figure.startswith(MAGIC["png"])
    assert cmath.isfinite(global_error(load("dahlquist-2"), 256))


@pytest.mark.parametrize(
    ("name", "evaluations"), [("dormand-prince-54", 6), ("bogacki-shampine-32", 3), ("rk4", 4), ("trapezoid", 1)]
)
def test_work_counts_what_a_step_among_many_evaluates(name, evaluations):  # first same as last: HNW I, II.5
    assert evaluations_a_step(load(name)) == evaluations
