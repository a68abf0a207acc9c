"""`tableau2net generate`: files that load, check and say their region."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from tableau2net.analysis import check
from tableau2net.cli.generate import generate
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import Stencil, load
from tableau2net.scheme.file import loads, read

app = typer.Typer()
app.command()(generate)


def run(*arguments):
    """(exit status, stdout, stderr); bad input is raised, as the main program sees it."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_multistep_family_on_the_terminal():
    code, out, err = run("multistep", "--steps", 3, "--order", 2)
    assert (code, err) == (0, "")
    assert out.startswith("# Order 2 for all parameter values\n# Zero-stable where alpha0 > -1 and alpha1 > -1")
    scheme = loads(out)
    assert (scheme.steps, list(scheme.symbols)) == (3, ["alpha0", "alpha1", "beta2"])
    assert check(scheme).ok


def test_lm_comes_out_with_its_own_name_and_region(tmp_path):
    path = tmp_path / "new" / "lm.toml"
    options = ["--fix", "alpha0=-k", "--fix", "beta0=0", "--fix", "beta1=1", "--name", "lm", "-o", path]
    code, out, err = run("multistep", "--steps", 2, "--order", 0, *options)
    assert (code, out) == (0, "")
    assert "order 0 for all parameter values; zero-stable exactly where -1 < k <= 1" in err
    scheme, lm = read(path), load("lm")
    assert (scheme.name, scheme.coefficients.keys()) == ("lm", lm.coefficients.keys())
    assert all((scheme.coefficients[n] - c).expand() == 0 for n, c in lm.coefficients.items())
    assert [p.name for p in path.parent.iterdir()] == ["lm.toml"]  # nothing half-written is left


def test_a_closed_interval_becomes_the_range():
    _, out, _ = run("runge-kutta", "--stages", 1, "--order", 1, "--diagonally-implicit", "--a-stable")
    assert "# A-stable exactly where c1 >= 1/2\n" in out
    options = ["--fix", "alpha0=-1", "--fix", "alpha1=-alpha2"]
    _, out, _ = run("multistep", "--steps", 3, "--order", 4, "--implicit", *options)
    assert "range" not in out  # −1 < α1 < 3 is open
    _, out, _ = run("multistep", "--steps", 2, "--order", 2, "--fix", "alpha0=2*u*u - 1", "--value", "u=0")
    assert loads(out).parameters[0].range is None  # u = ±1 is the double root
    _, out, _ = run("multistep", "--steps", 2, "--order", 2, "--fix", "alpha0=-2*u*u + u + 1/2", "--value", "u=1/2")
    scheme = loads(out)
    assert check(scheme).ok


def test_an_imex_family():
    code, out, _ = run("imex-multistep", "--steps", 2, "--order", 2)
    assert code == 0
    assert "# Zero-stable exactly where -1 <= alpha0 < 1\n" in out
    assert check(loads(out)).ok


def test_a_runge_kutta_family_as_json():
    code, out, _ = run("runge-kutta", "--stages", 3, "--order", 3, "--nodes", "0,1/2,c3", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["order"], found["order_kind"]) == (3, "all parameters")
    assert found["parameters"] == {"c3": {"value": {"exact": "1", "value": 1.0}, "range": None}}
    assert found["coefficients"]["a21"] == {"exact": "1/2", "value": 0.5}
    assert found["coefficients"]["c3"] == {"exact": "c3", "value": None}
    assert check(loads(found["file"])).ok


def test_collocation_at_given_nodes_is_lobatto():
    _, out, _ = run("runge-kutta", "--stages", 3, "--order", 4, "--collocation", "--nodes", "0,1/2,1", "--a-stable")
    assert out.splitlines()[1] == "# A-stable for all parameter values"
    assert loads(out).coefficients == load("lobatto-iiia-3").coefficients


def test_stencils_that_keep_waves_are_a_family(tmp_path):
    arguments = ["stencil", "--derivative", 1, "--offsets", "-3:3", "--order", 4, "--symmetric", "--value", "w3=1/50"]
    _, out, _ = run(*arguments, "--name", "mine")
    assert out.splitlines()[0] == "# Order 4 for all parameter values"
    family = loads(out)
    assert family.parameters[0].value == parse("1/50")
    assert family.with_values(w3="1/60").points == load("central-1-6", Stencil).points
    _, out, _ = run(
        "stencil", "--derivative", "2,0+0,2", "--offsets", "-1:1,-1:1", "--order", 2, "--symmetric", "--json"
    )
    found = json.loads(out)
    assert (found["order"], list(found["parameters"])) == (2, ["w1_1"])
    assert loads(found["file"]).terms == ((2, 0), (0, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runge-kutta", "--stages", 4, "--order", 5], "impossible: order 5 takes 6 stages"),
        (["multistep", "--order", 2], "--steps is missing"),
        (["runge-kutta", "--order", 2, "--steps", 3, "--stages", 2], "--steps: not an option of runge-kutta"),
        (["multistep", "--order", 2, "--steps", 3, "--nodes", "0,1"], "--nodes: not an option of multistep"),
        (["multistep", "--order", 2, "--steps", 3, "--collocation"], "--collocation: not an option of multistep"),
        (["multistep", "--order", 2, "--steps", 3, "--a-stable"], "--a-stable: is asked of Runge–Kutta"),
        (["euler", "--order", 2], "family 'euler': write one of multistep, imex-multistep, runge-kutta"),
        (["multistep", "--order", 2, "--steps", 3, "--fix", "alpha0"], "--fix 'alpha0': write NAME=VALUE"),
        (["multistep", "--order", 2, "--steps", 3, "--fix", "alpha0=1", "--fix", "alpha0=2"], "given twice"),
        (["multistep", "--order", 2, "--steps", 3, "--fix", "alpha9=1"], "fix alpha9: unknown coefficient"),
        (["multistep", "--order", 2, "--steps", 3, "--value", "alpha0=1/0"], "division by zero"),
        (["runge-kutta", "--stages", 3, "--order", 3, "--nodes", "0,1"], "3 values are expected"),
        (["runge-kutta", "--stages", 2, "--order", 2, "--collocation", "--diagonally-implicit"], "choose one"),
        (["multistep", "--order", 4, "--steps", 3, "--zero-stable", "--fix", "alpha2=9"], "none was found that is"),
        (["multistep", "--order", 2, "--steps", 3, "--offsets", "-1:1"], "--offsets: not an option of multistep"),
        (["stencil", "--order", 2, "--offsets", "-1:1"], "--derivative is missing: say which"),
        (["stencil", "--order", 2, "--derivative", 1], "--offsets is missing: say which"),
        (["stencil", "--order", 2, "--derivative", "x", "--offsets", "-1:1"], "'x': whole numbers are expected"),
        (["stencil", "--order", 2, "--derivative", 1, "--offsets", "2:1"], "--offsets 2:1: the first offset"),
        (["stencil", "--order", 2, "--derivative", 1, "--offsets", "0:99999"], "from -64 to 64"),
        (
            ["stencil", "--order", 2, "--derivative", 1, "--offsets", "-1:1", "--implicit"],
            "--implicit: not an option of",
        ),
        (["stencil", "--order", 2, "--derivative", 1, "--offsets", "-1:2", "--symmetric"], "which symmetry asks for"),
        (["stencil", "--order", 4, "--derivative", 2, "--offsets", "-1:1"], "the highest is 2, of one stencil alone"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    with pytest.raises(InputError, match=message) as raised:
        run(*arguments)
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        run("multistep", "--steps", 1, "--order", 1, "-o", tmp_path / "file" / "x.toml")
