"""What importing costs: nothing before a scheme is loaded, no torch before a class is made; and names stay what they
are, whatever was imported first."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tableau2net

ROOT = Path(__file__).parents[1]
PACKAGES = set(dir(tableau2net)) - set(tableau2net.__all__)
HEAVY = ("torch._dynamo", "matplotlib", "mpmath", "numpy", "rich", "sympy", "torch", "torchvision", "typer")


def loaded_after(code):
    """Which heavy packages a fresh interpreter has imported when it has run `code`."""
    seen = f"{code}\nimport sys, json\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_import_waits_for_nothing():
    assert loaded_after("import tableau2net; tableau2net.__version__; dir(tableau2net)") == []
    assert loaded_after("from tableau2net import InputError") == []


def test_exact_work_never_waits_for_torch():
    code = (
        "import tableau2net as t2n\n"
        "rk4 = t2n.load('rk4')\n"
        "assert t2n.order(rk4) == 4 and t2n.check(rk4).ok and t2n.zero_stable(t2n.load('bdf-3'))\n"
        "t2n.report(rk4).to_dict(), rk4._repr_html_(), t2n.list_schemes(), t2n.adjoint(rk4)\n"
        "import tableau2net.step, tableau2net.scheme.typeset"
    )
    loaded = loaded_after(code)
    assert "sympy" in loaded
    assert {"torch", "torchvision", "matplotlib", "typer", "rich"}.isdisjoint(loaded)


@pytest.mark.slow
def test_a_class_is_made_without_waiting_for_the_compiler_of_torch():
    """Which takes longer to import than all else; a block's readings may wait for it when they are asked for."""
    made = "import tableau2net as t2n, torch\nblock = t2n.compile('rk4')([torch.nn.Identity()])\ny = torch.ones(1)\n"
    assert "torch._dynamo" not in loaded_after(f"{made}block(y)")
    assert "torch" in loaded_after(f"{made}first, rest = block.split(1)\nassert torch.equal(rest(first(y)), block(y))")


def test_the_import_is_quick():
    """The least of three over a bare interpreter: under 0.15 s, where 10 to 20 ms are measured."""

    def seconds(code):
        def once():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
            return time.perf_counter() - start

        return min(once() for _ in range(3))

    assert seconds("import tableau2net") - seconds("pass") < 0.15


BEGINNINGS = [
    "import tableau2net",
    "from tableau2net import compile",
    "from tableau2net import codegen",
    "import tableau2net.codegen, tableau2net.training",
    "import tableau2net.analysis.order.conditions, tableau2net.analysis.report.report, tableau2net.plot",
    "from tableau2net.cli import main",
]
FORKED = """
import os, sys, traceback, types
from importlib import import_module
import matplotlib, rich, sympy, torch, torchvision, typer  # not what is asked here, and slow

for beginning in sys.argv[1:]:
    if os.fork():
        assert os.wait()[1] == 0, beginning
        continue
    try:
        exec(beginning)
        import tableau2net
        for name, home in tableau2net._HOME.items():
            value = getattr(tableau2net, name)
            assert value is getattr(import_module("tableau2net." + home), name), name
            assert callable(value) and not isinstance(value, types.ModuleType), name
        for name in tableau2net._PACKAGES:
            assert getattr(tableau2net, name) is sys.modules["tableau2net." + name], name
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
"""


@pytest.mark.slow
def test_names_are_what_they_are_whatever_comes_first():
    """Every name exported is the object of its home and no module, after each beginning, in a process of its own."""
    command = [sys.executable, "-c", FORKED, *BEGINNINGS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_no_module_stands_under_an_exported_name():
    """Importing it would put the module in the place of the function."""
    modules = {module.name for module in pkgutil.iter_modules(tableau2net.__path__)}
    assert modules.isdisjoint(tableau2net.__all__)
    assert modules.issuperset(PACKAGES)


def test_type_checkers_and_the_interpreter_are_told_the_same():
    tree = ast.parse(Path(tableau2net.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    told = {alias.asname: node.module for node in block.body for alias in node.names}
    assert all(alias.asname == alias.name for node in block.body for alias in node.names)  # exported, says mypy
    assert set(told) == set(dir(tableau2net)) - {"__version__"}
    assert {name for name, home in told.items() if home == "tableau2net"} == PACKAGES
    for name, home in told.items():
        there = f"{home}.{name}" if name in PACKAGES else home
        found = importlib.import_module(there)
        assert getattr(tableau2net, name) is (found if name in PACKAGES else getattr(found, name))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = tableau2net.lod
    with pytest.raises(ImportError, match="lod"):
        from tableau2net import lod  # noqa: F401


@pytest.mark.slow
def test_mypy_sees_every_name_and_no_other(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        "import tableau2net as t2n\n"
        "from tableau2net import load\n"
        "p: int = t2n.order(load('rk4'))\n"
        "reveal_type(t2n.compile(t2n.scheme.load('rk4')))\n"
        "t2n.lod('rk4')\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", user]
    out = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    errors = [line for line in out.splitlines() if ": error:" in line]
    assert len(errors) == 1, out
    assert ":5: error: Module has no attribute" in errors[0]
    assert ':4: note: Revealed type is "type[tableau2net.codegen.compiled_block.CompiledBlock]"' in out
