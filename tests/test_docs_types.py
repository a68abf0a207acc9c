"""What the README and the pages show passes ``mypy --strict``, and what it should refuse is refused."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import CODE

ROOT = Path(__file__).parents[1]
# of other packages without types, and of modules that a page says one writes
FLAGS = ["--strict", "--config-file=", "--follow-imports=silent", "--disable-error-code=import-untyped"]


def told(*files):
    command = [sys.executable, "-m", "mypy", *FLAGS, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_the_pages_show_is_typed(tmp_path):
    written = []
    for name, code in CODE.items():
        written.append(tmp_path / f"{re.sub('[^a-z]', '_', name.lower())}_page.py")
        written[-1].write_text(code)
    assert told(*written) == f"Success: no issues found in {len(written)} source files\n"


REFUSED = {  # a line, and what mypy says of it
    't2n.compile("lm", coeficients="fixed")': 'Unexpected keyword argument "coeficients" for "compile"',
    't2n.compile("lm", coefficients="fix")': 'Argument "coefficients" to "compile" has incompatible type',
    't2n.create_model("resnet20", witdhs=(1, 2, 3))': 'Unexpected keyword argument "witdhs" for "create_model"',
    't2n.create_model("resnet20", shortcut="paf")': 'Argument "shortcut" to "create_model" has incompatible type',
    't2n.convert(nn.Identity(), "lm", solvr="anderson")': 'Unexpected keyword argument "solvr" for "convert"',
    't2n.nn.DynamicBlock("rk4", lambda field: nn.Identity(), (0, 1), sharing="step")': 'keyword argument "sharing"',
    't2n.compile("rk4").stepp': '"type[CompiledBlock]" has no attribute "stepp"',
    't2n.compile("rk4")([1])': "List item 0 has incompatible type",
}
KNOWN = {  # and what it knows of the others
    't2n.compile("rk4")': "type[tableau2net.codegen.compiled_block.CompiledBlock]",
    't2n.compile("rk4").field_names': "tuple[str, ...]",
    't2n.compile("rk4")([nn.Identity()], h=0.5).h': "float",
    't2n.compile("lm")([nn.Identity()], given=1).learnt()': "dict[str, torch._tensor.Tensor]",
    't2n.RungeKutta(A=[[], ["1/2"]], b=["0", 1]).stages': "int",
    't2n.refine(t2n.nn.ResidualNetwork(t2n.load("lm"), 2))': "ResidualNetwork",
}


@pytest.mark.slow
def test_options_are_known_and_what_is_misspelt_is_refused(tmp_path):
    head = "from torch import nn\nimport tableau2net as t2n\n"
    file = tmp_path / "user.py"
    file.write_text(head + "\n".join([*REFUSED, *(f"reveal_type({code})" for code in KNOWN)]) + "\n")
    lines = told(file).splitlines()
    for number, says in enumerate(REFUSED.values(), 3):
        assert any(f":{number}: error: " in line and says in line for line in lines), (says, lines)
    for number, says in enumerate(KNOWN.values(), 3 + len(REFUSED)):
        assert any(f":{number}: note: Revealed type is " in line and says in line for line in lines), (says, lines)
    assert sum(": error: " in line for line in lines) == len(REFUSED), [line for line in lines if ": error: " in line]


@pytest.mark.slow
def test_a_network_of_another_package_is_typed(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from typing import Unpack\n"
        "from torch import nn\n"
        "import tableau2net as t2n\n"
        "from tableau2net.codegen import CompileOptions\n"
        '@t2n.register_model(r"mine(?P<depth>\\d+)", published=("mine3",), about="mine")\n'
        "def mine(depth: int, *, num_classes: int = 10, **options: Unpack[CompileOptions]) -> nn.Sequential:\n"
        '    return nn.Sequential(t2n.compile("euler", **options)([nn.Identity() for _ in range(depth)]))\n'
        "reveal_type(mine(3, backward='checkpoint'))\n"
        "mine(3, backwards='checkpoint')\n"
    )
    lines = told(file).splitlines()
    assert "torch.nn.modules.container.Sequential" in lines[0]
    assert 'Unexpected keyword argument "backwards" for "mine"' in lines[1]
    assert lines[2].startswith("Found 1 error")
