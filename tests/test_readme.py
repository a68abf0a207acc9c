"""The README and the pages of figures are true: examples run, results are those of the files, links lead somewhere."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tableau2net as t2n
from tableau2net.analysis import order
from tableau2net.scheme import load
from tests import shipped
from tests.pages import CODE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MEASURED = (ROOT / "docs" / "measured.md").read_text()
SYSTEMS = (ROOT / "docs" / "systems.md").read_text()


def test_it_is_short():
    assert len(README.splitlines()) <= 120
    assert len([line for line in CODE["README.md"].splitlines() if line.strip()]) <= 10


def test_numbers_of_schemes_and_networks_are_those_of_the_program():
    (told,) = re.findall(r"There are (\d+) listed schemes and (\d+) networks", README)
    ours = [name for entry in shipped.networks() for name in entry.published]
    assert told == (str(len(t2n.list_schemes())), str(len(ours)))


SHORTENED = "--data cifar10.npz --validation 1000 --limit-train 4000 --epochs 2 --device cpu --precision bfloat16"


@pytest.mark.parametrize(
    "arguments",
    [
        "results/cifar10-short results/glyphs",
        pytest.param(
            f"examples/adamnet_table1.toml {SHORTENED} --out results/adamnet_table1-short --pivot depth",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_results_are_those_of_the_files(arguments):
    command = [sys.executable, "-m", "tableau2net", "table", *arguments.split(), "--markdown"]
    table = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert table.strip() in MEASURED


def test_the_run_of_the_modern_preset_is_as_told():
    (path,) = (ROOT / "results" / "modern").glob("*/result.json")
    result = json.loads(path.read_text())
    assert (result["preset"], result["epochs"], result["data"]["train"]) == ("modern", 24, 45_000)
    told = re.search(r"(\d+\.\d\d) % on the 5,000 held out, (\d+\.\d\d) % on 1,000 test", MEASURED)
    assert told is not None
    assert [f"{result[part]:.2f}" for part in ("validation_error", "test_error")] == list(told.groups())


def systems():
    """The rows of the table of systems: its cells."""
    rows = [line for line in SYSTEMS.splitlines() if "|" in line][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows]


def test_each_system_is_trained_and_its_error_is_that_of_its_run():
    told = [found for *_, cell in systems() for found in re.findall(r"`([^`]+)` (\d+\.\d)", cell)]
    runs = {path.parent.name: path for path in (ROOT / "results" / "cifar10-systems").glob("*/result.json")}
    assert sorted(name for name, _ in told) == sorted(runs)
    for name, error in told:
        assert f"{json.loads(runs[name].read_text())['test_error']:.1f}" == error, name


def test_each_system_has_the_order_that_is_proved():
    told = [(name[1], said) for _, _, scheme, said, _ in systems() if (name := re.match(r"`([^`]+)`", scheme))]
    assert len(told) > 15
    for name, said in told:
        proved = order(load(name))
        assert said == "as proved" or said.startswith(str(proved)), name


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "results" / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.slow
def test_examples_run():
    done = subprocess.run(
        [sys.executable, "examples/own_scheme.py"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "order 1 for every b; every claim true: True" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convergence", "tableau_to_code"])
def test_the_figures_are_drawn(tmp_path, name):
    target = tmp_path / "figure.png"
    subprocess.run([sys.executable, f"examples/{name}.py", target], check=True, cwd=ROOT)
    assert target.read_bytes().startswith(b"\x89PNG")
