"""The README is true: its example runs, its results are those of the files, its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

from tableau2net.codegen import write_source

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_example_runs_and_says_what_it_says():
    example, _ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    promised = re.findall(r"# → (.*)", example)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines() == promised
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_the_listing_is_what_the_compiler_writes():
    _, listing = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    written = [line.strip() for line in write_source("rk4").splitlines()]
    shown = [line.strip() for line in listing.splitlines() if line.strip() and line.strip() != "..."]
    places = [written.index(line) for line in shown]
    assert len(shown) > 8
    assert places == sorted(places)


def test_the_results_are_those_of_the_files():
    command = [sys.executable, "-m", "tableau2net", "table", "results", "--markdown"]
    table = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert table.strip() in README


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_examples_run():
    done = subprocess.run(
        [sys.executable, "examples/own_scheme.py"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "order 1 for every b; every claim true: True" in done.stdout


def test_the_picture_is_drawn(tmp_path):
    target = tmp_path / "convergence.png"
    subprocess.run([sys.executable, "examples/convergence.py", target], check=True, cwd=ROOT)
    assert target.read_bytes().startswith(b"\x89PNG")
