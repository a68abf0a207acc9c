"""Files that are written import torch alone, run by themselves and pass a type checker."""

import ast
import contextlib
import subprocess
import sys

import pytest

from tableau2net.cli import main
from tableau2net.codegen import write_source
from tests.codegen.kinds import KINDS

# the file


FILES = [  # as the command writes them
    ("euler",),
    ("rk4", "--coefficients", "free"),
    ("lm", "--coefficients", "learnable"),
    ("adamnet-3", "--coefficients", "learnable", "--sharing", "channel"),
    ("adams-bashforth-3", "--start", "rk4"),
    ("dormand-prince-54", "--stage-weights", "independent"),
    ("ssprk-104",),
    ("stormer-verlet-velocity",),
    ("stormer-2",),
    ("imex-bdf-2",),
    ("abm-2",),
    ("gauss-2",),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder of files: those of the command, and each of `KINDS`."""
    folder = tmp_path_factory.mktemp("standalone")
    with pytest.MonkeyPatch.context() as patch:
        for i, (name, *options) in enumerate(FILES):
            patch.setattr(sys, "argv", ["tableau2net", "compile", name, "-o", str(folder / f"file{i}.py"), *options])
            with contextlib.suppress(SystemExit):
                main()
            assert (folder / f"file{i}.py").exists(), name
    for i, (name, options) in enumerate(KINDS):
        (folder / f"kind{i}.py").write_text(write_source(name, **options))
    return folder


@pytest.mark.slow
def test_files_import_torch_alone(written):
    for path in written.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or "."]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert name.split(".")[0] in {"torch", *sys.stdlib_module_names}, f"{path.name}: {name}"


def test_files_run_where_there_is_no_tableau2net(written):
    code = (
        "import importlib, inspect, pathlib, sys, torch\nfrom torch import nn\n"
        "sys.modules['tableau2net'] = None\n"
        "class Field(nn.Module):\n    def forward(self, *a):\n        return -a[-1]\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.py')):\n"
        "    module = importlib.import_module(path.stem)\n"
        "    (cls,) = [c for c in vars(module).values() if isinstance(c, type) and hasattr(c, 'field_names')]\n"
        "    n = len(cls.field_names)\n"
        "    asked = inspect.signature(cls).parameters\n"
        "    given = {'channels': 3} if 'channels' in asked else {}\n"
        "    fields = [[Field() for _ in range(n)] if n > 1 else Field() for _ in range(5)]\n"
        "    block = cls(*((fields[0], 5) if 'steps' in asked else (fields,)), h=0.01, **given)\n"
        "    result = block(*[torch.ones(1, 3, 1, 1)] * len(cls.states))\n"
        "    for y in result if isinstance(result, tuple) else (result,):\n"
        "        assert y.shape == (1, 3, 1, 1) and y.isfinite().all(), path\n"
    )
    done = subprocess.run([sys.executable, "-c", code, written], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_files_pass_mypy_strict(written):
    command = [sys.executable, "-m", "mypy", "--strict", *sorted(written.glob("*.py"))]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=written)
    assert checked.returncode == 0, checked.stdout
