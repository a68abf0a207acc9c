"""`tableau2net cfl`."""

import json

import pytest

from tests.example_scripts import example

WRONG = {
    ("rk4", "euler"): "euler is a runge-kutta scheme, where a stencil is needed",
    ("rk4", "upwind-3", "--speed", "x"): "--speed x",
    ("rk4", "upwind-3", "--speed", "0"): "speed = 0",
    ("rk4", "central-2-2", "--speed", "-1"): "speed = -1: a positive number",
    ("rk4", "upwind-3", "--dimension", "9"): "dimension = 9",
    ("rk4", "upwind-3", "--dimension", "0"): "dimension = 0",
    ("rk4", "upwind-3", "central-2-2"): "a second stencil",
    ("rk4", "upwind-3", "--step", "1/2"): "step",
    ("rk4", "upwind-3", "--convection", "1", "--diffusion", "-1"): "diffusion = -1",
    ("rk4", "central-3-2", "--diffusion", "1"): "one stencil of u_x and one of u_xx",
    ("rk4", "upwind-3", "--diffusion", "1", "--terms", "2"): "--terms",
    ("rk4", "upwind-3", "--part", "1"): "no additive scheme",
    ("ars-222", "upwind-3", "--part", "0"): "one of its 2 fields",
    (
        "ars-222",
        "upwind-3",
        "central-2-2",
        "--diffusion",
        "1",
        "--part",
        "2",
    ): "the first stencil is in the first field",
    ("rk4", "upwind-3", "--terms", "99"): "terms = 99",
    ("rk4", "upwind-3", "--diffusion", "1", "--step", "0"): "step",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_bad_input_is_one_line(run, arguments):
    code, out, err = run("cfl", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert WRONG[arguments] in err


def test_it_tells_the_number_and_what_is_proved(run):
    code, out, _ = run("cfl", "rk4", "central-1-2", "--terms", "1")
    assert code == 0
    assert "2*sqrt(2) ≈ 2.8284" in out
    assert "proved" in out
    assert "dispersion" in out
    assert "what it does not say" in out


def test_it_says_which_field_of_an_imex_scheme_a_stencil_is_in(run):
    _, out, _ = run(
        "cfl", "ars-111", "central-1-2", "central-2-2", "--convection", "1", "--diffusion", "1/10", "--json"
    )
    found = json.loads(out)
    assert found["limit"]["exact"] == "1/5"
    assert "central-1-2 in f1 (explicit) and central-2-2 in f2 (implicit)" in found["equation"]
    _, out, _ = run("cfl", "ars-111", "central-2-2", "--part", "2")
    assert "all of it in f2 (implicit)" in out
    assert "∞" in out


def test_it_says_that_waves_the_other_way_are_unstable(run):
    _, out, _ = run("cfl", "euler", "upwind-1")
    assert "every small step is unstable" in out
    _, out, _ = run("cfl", "backward-euler", "upwind-1", "--speed", "-1")
    assert "stable again" in out  # from ν = 1 on: every |1 + ν(1 − e^{iθ})| is at least 1 from there


def test_json_has_the_exact_number(run):
    _, out, _ = run("cfl", "rk3", "upwind-3", "--json", "--terms", "2")
    found = json.loads(out)
    assert found["limit"]["exact"].startswith("rootof(")
    assert found["kind"] == "exact"
    assert [term["derivative"] for term in found["modified_equation"]] == [1, 4, 5]


@pytest.mark.slow
def test_figures_of_pairs(run, tmp_path):
    for name, sources in (("plane", ("euler", "rk4", "central-1-2", "central-2-2")), ("symbol", ("rk4", "upwind-3"))):
        code, _, err = run("plot", "cfl-region", *sources, "-o", tmp_path / f"{name}.png")
        assert (code, err) == (0, "")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    for sources in (("rk4",), ("central-1-2",), ("rk4", "central-1-2", "central-1-4")):
        code, _, err = run("plot", "cfl-region", *sources, "-o", tmp_path / "none.png")
        assert code == 2
        assert "cfl-region" in err


def test_the_example_grows_above_and_decays_below():
    told = example("cfl_limits").main()
    assert told["below"] < 1e-20
    assert told["above"] > 1e20
