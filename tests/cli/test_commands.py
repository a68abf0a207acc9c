"""The command line: what it prints, what it returns, what it does not import."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tableau2net as t2n
from tableau2net.scheme import list_tables
from tableau2net.scheme.library import folder

KNOWN_BAD = Path(__file__).parents[1] / "known_bad"


def test_check_proves(run):
    code, out, err = run("check", "rk4", "bdf-5")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["ok      rk4: order 4", "ok      bdf-5: order 5", "2 checked, 2 true, 0 refuted"]


def test_check_refutes_with_the_tree_and_the_residual(run):
    code, out, _ = run("check", KNOWN_BAD)
    assert code == 1
    assert "REFUTED horesnet-huta-6: order 0" in out
    assert "claims order = 6, found 0" in out
    assert "order 1 fails at the tree τ: -1/280" in out
    n = len(list(KNOWN_BAD.rglob("*.toml")))
    assert f"{n} checked, 0 true, {n} refuted" in out


def test_check_says_how_far_a_verdict_reaches(run):
    _, out, _ = run("check", "lm", "rk4", "tsitouras-54", "ssprk-104", "adamnet-2", "--json")
    kinds = {(v["name"], c["claim"]): c["kind"] for v in json.loads(out) for c in v["claims"]}
    assert kinds["lm", "order"] == "all parameters"
    assert kinds["lm", "zero_stable"] == "zero-stable exactly where -1 < k <= 1"
    assert kinds["rk4", "order"] == "exact"
    assert kinds["tsitouras-54", "embedded_order"] == "decimal"


def test_an_exact_claim_is_json(run, tmp_path):
    scheme = tmp_path / "mine.toml"
    table = 'format = 1\nfamily = "runge-kutta"\nA = [[], ["1"]]\nb = ["1/2", "1/2"]\n[claims]\n'
    scheme.write_text(table + 'ssp = "1"\nreal_interval = "2"\nimaginary_interval = "0"\n')
    code, out, _ = run("check", scheme, "--json")
    assert code == 0
    assert json.loads(out)[0]["claims"][0]["found"] == {"exact": "1", "value": 1.0}
    scheme.write_text(table + 'ssp = "sqrt(2)"\n')
    assert run("check", scheme)[0] == 1


def test_check_as_json(run):
    code, out, _ = run("check", KNOWN_BAD / "torchdyn-rk4.toml", "rk4", "--json")
    assert code == 1
    bad, good = json.loads(out)
    assert bad["claims"] == [{"claim": "order", "declared": 4, "found": 1, "ok": False, "kind": "exact"}]
    assert bad["failing"] == [{"tree": [1, -2], "residual": {"exact": "-1/4", "value": -0.25}}]
    assert good["ok"]
    assert {"source", "name", "ok", "claims", "failing"} <= set(good)


@pytest.mark.slow
def test_the_whole_library_checks(run):
    code, out, _ = run("check", folder())
    assert code == 0, out
    assert "0 refuted" in out


def test_bad_sources_are_said_and_the_others_still_checked(run, tmp_path):
    (tmp_path / "broken.toml").write_text("format = [")
    code, out, err = run("check", "rk4", tmp_path, "nothing", tmp_path / "none.toml")
    assert code == 2
    assert "rk4: order 4" in out
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("tableau2net: ") for line in lines)
    assert str(tmp_path / "broken.toml") in lines[0]


@pytest.mark.parametrize(
    "name", ["rk4", "lm", "gauss-2", "dormand-prince-54", "adamnet-3", "bdf-2", "rk2", "cooper-verner-8"]
)
def test_show(run, name):
    code, out, err = run("show", name)
    assert (code, err) == (0, "")
    assert out.startswith(name)
    assert "refuted" not in out
    assert max(map(len, out.splitlines())) <= 100
    code, out, _ = run("show", name, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["name"] == name
    assert {"family", "stages", "steps", "order", "parameters", "claims", "stability", "structure"} <= set(found)


def test_show_states_a_family_and_its_open_condition(run):
    _, out, _ = run("show", "lm")
    assert "-k = 0 at τ" in out
    assert "k = 0 in [-1, 1], learnt from uniform(-1/10, 0)" in out
    assert "1/(1 + k) h" in out


def test_show_a_refuted_claim(run):
    _, out, _ = run("show", KNOWN_BAD / "horesnet-verner-8.toml")
    assert "refuted: 0" in out


def test_list(run):
    code, out, _ = run("list", "ssp*")
    assert code == 0
    assert "ssprk-104" in out
    assert "bdf" not in out
    _, out, _ = run("list", "s[ir]*1")
    assert "3/2, weak 3/2" in out
    _, out, _ = run("list", "--json")
    assert [entry["name"] for entry in json.loads(out)] == list_tables()


def test_compile_to_a_file(run, tmp_path):
    target = tmp_path / "deep" / "rk4.py"
    code, out, err = run("compile", "rk4", "-o", target)
    assert (code, out, err) == (0, "", "")
    assert "class Rk4(nn.Module):" in target.read_text()
    code, out, _ = run("compile", "lm", "--coefficients", "learnable")
    assert code == 0
    assert "self.k = nn.Parameter" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "rk44"], "did you mean rk4"),
        (["show", "/nonexistent/x.toml"], "/nonexistent/x.toml: No such file"),
        (["show", "/dev/null.toml"], "No such file"),
        (["check", "/dev/zero"], "not a file"),
        (["compile", "rk4", "--coefficients", "wild"], "'fixed', 'learnable', 'free'"),
        (["compile", "rk4", "-o", "/proc/nothing/x.py"], "/proc/nothing/x.py"),
        (["compile", "rk4", "-o", "/dev/full/x.py"], "/dev/full"),
        (["train", "--scheme", "revnet", "--out", "OUT"], "one state and one field"),
        (["train", "--scheme", "rk4", "--depth", "21", "--out", "OUT"], "6n"),
        (["train", "--scheme", "rk4", "--data", "no.npz", "--out", "OUT"], "no.npz"),
        (["table", "/nonexistent"], "/nonexistent"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, tmp_path, arguments, says):
    target = tmp_path / "out"
    code, _, err = run(*[str(target) if a == "OUT" else a for a in arguments])
    assert code == 2
    (line,) = err.splitlines()
    assert line.startswith("tableau2net: ")
    assert says in line
    assert not target.exists()


def test_models(run):
    code, out, _ = run("models", "*lm*")
    assert code == 0
    assert "lm_resnet20" in out
    assert "revnet" not in out
    _, out, _ = run("models", "--json")
    found = json.loads(out)
    assert [entry["name"] for entry in found] == t2n.list_models()
    assert {e["name"]: e["order"] for e in found}["leapfrog26"] == 2


@pytest.mark.slow
def test_check_list_and_show_do_not_wait_for_torch():
    code = (
        "import sys\nfrom tableau2net.cli import main\n"
        "sys.argv = ['tableau2net', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    for arguments in (["check", "rk4"], ["list"], ["show", "lm", "--json"], ["show", "gauss-2"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


@pytest.mark.slow
def test_the_installed_command_and_the_module():
    command = shutil.which("tableau2net", path=str(Path(sys.executable).parent)) or shutil.which("tableau2net")
    assert command
    for start in ([command], [sys.executable, "-m", "tableau2net"]):
        result = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert result.stdout.strip() == "0.1.0"
    bad = subprocess.run([command, "show", "rk44"], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert len(bad.stderr.splitlines()) == 1
