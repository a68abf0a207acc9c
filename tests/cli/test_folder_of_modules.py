"""Nothing is imported from the folder where a command is run, by the command or by a process that it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
THEIRS = "sympy numpy torch torchvision matplotlib rich typer safetensors mpmath scipy PIL yaml"
TABLE = """
format = 1
out = "runs"
common = { data = "glyphs:60:30", depth = 8, recipe.epochs = 1, device = "cpu" }
grid.scheme = ["euler"]
"""


@pytest.fixture
def hostile(tmp_path):
    """A folder with a module of every name that might be imported, each of which leaves a mark. Those that Python
    itself imports before it comes to us it would take from here whatever we do."""
    code = "import runpy, sys; print(*sys.modules)"
    early = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    for name in {*sys.stdlib_module_names, *THEIRS.split()} - {*early, "__main__"}:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'MARK')!r}, 'a').write({name!r} + ' ')\n")
    for name in (
        "words",
        "files",
        "errors",
        "scheme",
        "step",
        "nn",
        "training",
        "analysis",
    ):  # ours, as if by themselves
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'MARK')!r}, 'a').write({name!r} + ' ')\n")
    (tmp_path / "table.toml").write_text(TABLE)
    return tmp_path


def run(folder, *arguments, start=("-m", "tableau2net")):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"} | {"PYTHONPATH": ROOT, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, *start, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    mark = folder / "MARK"
    assert not mark.exists(), (arguments, mark.read_text(), done.stderr[-2000:])
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_command_imports_nothing_from_its_folder(hostile):
    run(hostile, "generate", "runge-kutta", "--stages", "2", "--order", "2", "--name", "mine", "-o", "mine.toml")
    run(hostile, "check", "mine.toml", "rk4")


@pytest.mark.slow
def test_no_command_imports_anything_from_its_folder(hostile):
    run(hostile, "list", "rk*")
    run(hostile, "show", "lm", "--terms", "2")
    run(hostile, "compare", "rk4", "euler")
    run(hostile, "compile", "rk4", "-o", "rk4.txt")
    run(hostile, "compile", "rk4", "--explain")
    run(hostile, "plot", "stability", "rk4", "-o", "a.png")
    run(hostile, "models", "*lm*")
    run(hostile, "summary", "resnet8")
    run(hostile, "table", "table.toml", "--jobs", "2", "-o", "table.md")
    (result,) = hostile.glob("runs/*/result.json")
    run(hostile, "check", str(result.parent))
    run(hostile, "refine", str(result.parent), "-o", "finer")
    run(hostile, "plot", "training", str(result.parent), "-o", "b.png")
