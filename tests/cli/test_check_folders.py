"""`check` of whatever its help offers: names, files, training runs, folders of these, and mixtures."""

import json
import shutil
from pathlib import Path

import pytest

from tableau2net.scheme.library import folder as library_folder
from tableau2net.training import Recipe, train

KEPT = "lm-8"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of LM-ResNet, after one epoch."""
    out = tmp_path_factory.mktemp("trained") / KEPT
    train("lm", depth=14, out=out, data="glyphs:40:20", recipe=Recipe(epochs=1, batch_size=20), quiet=True)
    return out


@pytest.fixture
def runs(trained, tmp_path):
    """A folder as `table` leaves it: runs in folders of their own, one of them unfinished."""
    for name in ("a/seed0", "a/seed1", "b"):
        shutil.copytree(trained, tmp_path / "runs" / name)
    (tmp_path / "runs" / "going").mkdir()
    shutil.copy(trained / "checkpoint.safetensors", tmp_path / "runs" / "going")
    (tmp_path / "runs" / "table.md").write_text("| a table |")
    return tmp_path / "runs"


@pytest.fixture
def schemes(tmp_path):
    for path in sorted(library_folder().rglob("rk[24].toml")):
        (tmp_path / "schemes" / "deep").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "schemes" / "deep")
    return tmp_path / "schemes"


def test_a_run_and_its_result(run, trained):
    for given in (trained, trained / "result.json"):
        code, out, err = run("check", given)
        assert (code, err) == (0, "")
        assert out.startswith(f"ok      {trained}: lm_resnet14, lm, coefficients learnable")


def test_a_folder_of_runs(run, runs):
    code, out, err = run("check", runs)
    assert (code, err) == (0, "")
    assert [line.split(":")[0].split()[1] for line in out.splitlines() if line.startswith("ok")] == [
        str(runs / name) for name in ("a/seed0", "a/seed1", "b")
    ]
    assert out.endswith("3 checked, 3 true, 0 refuted\n")
    code, out, _ = run("check", runs / "a", "--json")
    assert code == 0
    assert [entry["source"] for entry in json.loads(out)] == [str(runs / "a" / name) for name in ("seed0", "seed1")]


def test_runs_schemes_and_names_in_one_call(run, runs, schemes):
    mixed = runs.parent
    code, out, err = run("check", mixed, "bdf-2", schemes / "deep" / "rk4.toml")
    assert (code, err) == (0, "")
    assert out.endswith("7 checked, 7 true, 0 refuted\n")


def test_what_is_wrong_is_said_and_the_rest_still_checked(run, runs, schemes, tmp_path):
    (runs / "b" / "result.json").write_text("{")
    (runs / "a" / "seed1" / "model.safetensors").write_bytes(b"cut")
    (schemes / "notes.toml").write_text("no toml")
    (schemes / "settings.toml").write_text("[tool]\nname = 3\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.toml").write_bytes(b"\xff\xfe\x00")
    given = [runs, schemes, tmp_path / "empty", tmp_path / "gone", tmp_path / "gone.toml", runs / "going", "rk-4"]
    code, out, err = run("check", *given, tmp_path / "words.toml")
    assert code == 2
    assert out.endswith("3 checked, 3 true, 0 refuted\n")
    lines = err.splitlines()
    places = [
        runs / "a" / "seed1", runs / "b" / "result.json", schemes / "notes.toml", schemes / "settings.toml",
        tmp_path / "empty", tmp_path / "gone", tmp_path / "gone.toml", runs / "going", "rk-4", tmp_path / "words.toml",
    ]  # fmt: skip
    assert len(lines) == len(places)
    for line, place in zip(lines, places, strict=True):
        assert line.startswith(f"tableau2net: {place}")
        assert len(line) < 350


def test_only_one_run_at_a_time_is_written(run, runs, trained, tmp_path):
    code, out, err = run("check", runs, "--write", tmp_path / "learnt")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "--write" in err
    assert not (tmp_path / "learnt").exists()
    code, out, err = run("check", trained, "--write", tmp_path / "learnt")
    assert (code, err) == (0, "")
    written = sorted(Path(tmp_path / "learnt").glob("*.toml"))
    assert written
    assert run("check", tmp_path / "learnt")[0] == 0
