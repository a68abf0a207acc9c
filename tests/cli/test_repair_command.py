"""`tableau2net check --repair`."""

import json
from pathlib import Path

import pytest

import tableau2net as t2n
from tableau2net.scheme import load

BAD = Path(__file__).parents[1] / "known_bad"


def test_what_mends_it_is_told_and_written(run, tmp_path):
    out_file = tmp_path / "new" / "mended.toml"
    code, out, err = run("check", BAD / "rungekutta-jl-rk42.toml", "--repair", "--write", out_file)
    assert code == 1
    assert out == "REFUTED rungekutta-jl-rk42: claims order = 4\n        a43 = 2, not 1 (one digit)\n"
    assert err == f"{out_file}: a43 = 2, not 1 (one digit)\n"
    assert t2n.check(t2n.load(out_file)).ok
    assert [p.name for p in out_file.parent.iterdir()] == ["mended.toml"]
    assert run("check", out_file, "--repair") == (0, "ok      rungekutta-jl-rk42: ok\n", "")


def test_as_json(run):
    code, out, err = run("check", BAD / "odetojava-three-eighths.toml", "rk4", "--repair", "--json")
    assert (code, err) == (1, "")
    bad, good = json.loads(out)
    assert (good["ok"], good["repairs"]) == (True, [])
    assert bad["repairs"][0]["changes"]["a31"] == {
        "from": {"exact": "1", "value": 1.0},
        "to": {"exact": "-1/3", "value": -1 / 3},
    }
    assert bad["complete"]


def test_bad_input(run, tmp_path):
    for arguments in (["rk4", "rk3", "--repair", "--write", tmp_path / "x.toml"], [tmp_path, "--repair"]):
        code, out, err = run("check", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("tableau2net: ")
        assert err.count("\n") == 1
    kept = tmp_path / "kept.toml"
    code, out, err = run("check", BAD / "odetojava-ssp-32.toml", "--repair", "--write", kept)
    assert (code, kept.exists()) == (1, False)
    assert "nothing is written" in err


WRONG = 'format = 1\nname = "x"\nfamily = "runge-kutta"\nA = [[], ["1/2"]]\nb = ["0", "1"]\n[claims]\n'


def test_what_else_is_refuted_is_told(run, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(WRONG + "order = 3\na_stable = true\n", encoding="utf-8")
    code, out, _ = run("check", path, "--repair")
    assert code == 1
    assert "also refuted, and not sought to mend: a_stable" in out
    assert "none found among single coefficients" in out


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_told(run, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(WRONG + "order = 3\n", encoding="utf-8")
    for place in (tmp_path, path / "y.toml", "/proc/x/y.toml"):
        code, out, err = run("check", path, "--repair", "--write", place)
        assert (code, out) == (2, "")
        assert len(err.strip().splitlines()) == 1
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ("stiff_order = 1", "a statement about A-stable"),
        ("index_1_order = 1", "a statement about implicit methods"),
        ("energy_preserving = false", "a claim of continuous-runge-kutta schemes, not of a runge-kutta scheme"),
        ("w_order = 1", "a claim of rosenbrock and"),
    ],
)
def test_a_claim_of_other_methods_says_of_which(run, claim, says, tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(WRONG + claim + "\n", encoding="utf-8")
    code, _, err = run("check", path)
    assert code == 2
    assert says in err


def test_roots_stand_as_letters_in_the_table(run):
    """Each entry with the letter's decimals in its place is the coefficient."""
    _, out, _ = run("show", "alexander-3")
    assert out.count("rootof(") == 1
    assert "γ₁ = rootof(6*x**3 - 18*x**2 + 9*x - 1, 1) ≈ 0.43587" in out
    row = next(line for line in out.splitlines() if line.strip().startswith("b │"))
    entries = row.replace("γ₁", "0.4358665215084590").split("│")[1].split("  ")
    found = [eval(x) for x in entries if x.strip()]
    assert found == pytest.approx([float(x) for x in load("alexander-3").b])


def test_the_values_at_which_waves_are_decided_are_told(run):
    _, out, _ = run("show", "lm")
    assert "dispersion of order 2, at k = 0" in out
    assert "of order 1, at k = 0" in out
