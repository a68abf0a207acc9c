"""`tableau2net check --repair`."""

import json
from pathlib import Path

import tableau2net as t2n

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
