"""The example of a package of somebody else's: installed, each thing that it adds works wherever ours do."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "examples" / "package"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package where an installer would put it: its files, and what its metadata says of its entry points."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    shutil.copytree(PACKAGE / "t2n_example", folder / "t2n_example", ignore=shutil.ignore_patterns("__pycache__"))
    info = folder / f"t2n_example-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def run(site, *command, cwd=ROOT):
    path = os.pathsep.join([str(site), str(ROOT)])
    return subprocess.run(
        [sys.executable, *command], env=os.environ | {"PYTHONPATH": path}, cwd=cwd, capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip


def tableau2net(site, *command, cwd=ROOT):
    done = run(site, "-m", "tableau2net", *command, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_it_adds_is_found_by_name_and_not_before(site):
    code = """
import sys
import tableau2net as t2n
assert not any(name.startswith("t2n_example") for name in sys.modules)
own, ours = t2n.load("ssprk33-shu-osher"), t2n.load("ssprk-33")
assert t2n.order(own) == t2n.order(ours) == 3 and t2n.check(own).ok
assert "ssprk33-shu-osher" in t2n.list_schemes("ssprk*")
found, wanted = (t2n.report(scheme).to_dict() for scheme in (own, ours))
assert found["stability"].pop("algebraically_stable") is None  # a theorem about tableaus
wanted["stability"].pop("algebraically_stable")
wanted["ssp"]["circle_contractivity"] = None
for part in ("stability", "ssp", "principal_error_norm", "explicit"):
    assert found[part] == wanted[part], part
assert found["exact_in_float32"] is wanted["exact_in_float32"] is False
assert t2n.report(t2n.load("explicit-midpoint")).to_dict()["exact_in_float32"] is True
import torch
torch.manual_seed(0)
y, field = torch.randn(3, 4, dtype=torch.float64), torch.nn.Linear(4, 4).double()
a, b = (t2n.compile(scheme)([field] * 3, h=0.1)(y) for scheme in (own, ours))
torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-14)
assert "ssp_resnet20" in t2n.list_models()
assert "exact in float32" in t2n.report(own)._repr_html_()
net = t2n.create_model("ssp_resnet20")
assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in t2n.create_model("resnet20").parameters())
assert net(torch.randn(2, 3, 32, 32)).shape == (2, 10)
assert t2n.training.load_data("stripes", validation=100).counts() == {"train": 500, "validation": 100, "test": 150}
"""
    done = run(site, "-c", code)
    assert done.returncode == 0, done.stderr


def test_a_file_claims_its_finding(site, tmp_path):
    text = (PACKAGE / "t2n_example" / "schemes" / "ssprk33-shu-osher.toml").read_text()
    (tmp_path / "own.toml").write_text(text.replace('"ssprk33-shu-osher"', '"own"') + "exact_in_float32 = true\n")
    done = run(site, "-m", "tableau2net", "check", str(tmp_path / "own.toml"), "--json")
    assert done.returncode == 1, done.stderr
    (claim,) = [c for c in json.loads(done.stdout)[0]["claims"] if c["claim"] == "exact_in_float32"]
    assert claim == {"claim": "exact_in_float32", "declared": True, "found": False, "ok": False, "kind": "exact"}


@pytest.mark.parametrize("safe", ["", "1"])
def test_where_the_package_lies_in_the_current_folder(site, monkeypatch, safe):
    """The folder is on PYTHONPATH by name: no looking about in the current one, whatever PYTHONSAFEPATH says."""
    monkeypatch.setenv("PYTHONSAFEPATH", safe)
    assert "ssprk33-shu-osher" in tableau2net(site, "list", "ssprk33*", cwd=site)


def test_without_the_package_its_names_are_none(tmp_path):
    done = run(tmp_path, "-m", "tableau2net", "show", "ssprk33-shu-osher")
    assert done.returncode == 2
    assert "no scheme or stencil is called 'ssprk33-shu-osher'" in done.stderr


@pytest.mark.slow
def test_its_network_trains_on_its_data(site, tmp_path):
    common = ("train", "--model", "ssp_resnet8", "--epochs", "1", "--seed", "1")
    tableau2net(site, *common, "--data", "stripes", "--out", "memory", cwd=tmp_path)
    result = json.loads((tmp_path / "memory" / "result.json").read_text())
    assert (result["data"]["source"], result["data"]["train"]) == ("stripes", 600)
    rows = []
    for i in range(24):
        grey = np.full((20, 20, 3), 10 * (i % 12), np.uint8)
        Image.fromarray(grey).save(tmp_path / f"{i}.png")
        rows.append(("test" if i >= 16 else "train", f"{i}.png", f"class {i % 2}"))
    with (tmp_path / "images.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    source = "listed:images.csv"
    tableau2net(site, *common, "--data", source, "--size", "16", "--workers", "1", "--out", "disk", cwd=tmp_path)
    result = json.loads((tmp_path / "disk" / "result.json").read_text())
    assert (result["data"]["source"], result["data"]["train"]) == (source, 16)
    assert "no scheme" not in tableau2net(site, "check", str(tmp_path / "disk"), cwd=tmp_path)


@pytest.mark.slow
def test_an_installer_installs_it(site, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path), str(PACKAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("the build backend cannot be fetched here")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path, "-m", "tableau2net", "list", "ssprk33*", cwd=tmp_path)
    assert "ssprk33-shu-osher" in done.stdout, (done.stderr, sorted(map(str, tmp_path.rglob("*"))))
