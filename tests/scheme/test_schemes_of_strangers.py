"""Another's package adds a family of schemes, a pattern and scheme files: everything works with them as with ours."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from sympy import Expr

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.scheme import SchemePattern, register_scheme_folder, register_scheme_patterns
from tableau2net.scheme.registered import families

MODULE = '''
from dataclasses import dataclass
from pathlib import Path

from sympy import Expr, S

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.scheme import SchemePattern, StepWriter, register_scheme_folder, register_scheme_patterns


@t2n.register_scheme_family
@dataclass(frozen=True)
class LowStorage(t2n.Scheme):
    """s_i = A_i s_{i-1} + h f(y_{i-1}), y_i = y_{i-1} + B_i s_i (Williamson 1980)."""

    family = "low-storage"

    A: tuple[Expr, ...]
    B: tuple[Expr, ...]
    registers: int = 2
    note: str | tuple[Expr, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.A) != len(self.B):
            raise InputError(f"A has {len(self.A)} entries but B has {len(self.B)}")

    def lower(self, step: StepWriter) -> None:
        y = at = step.state("y")
        time, slope, sums = S.Zero, S.Zero, []
        for i, (a, b) in enumerate(zip(self.A, self.B), 1):
            k = step.evaluate(f"k{i}", at, time, i - 1)
            sums.append(step.combine(f"s{i}", [(S.One, k), *((a, s) for s in sums[-1:])]))
            slope = a * slope + 1
            time = time + b * slope
            at = step.combine(f"y{i + 1}", [(S.One, at), (b, sums[-1])])
        step.hand_on(y, at)


register_scheme_patterns(
    SchemePattern(
        "euler-twice-{}",
        range(1, 9),
        lambda n: t2n.compose([t2n.load("euler")] * n),
        lambda n: f"{n} steps of Euler",
        "",
        lambda n: {"order": 1},
        listed=2,
    )
)
register_scheme_folder(Path(__file__).parent / "more")
'''
WILLIAMSON = """format = 1
name = "two-register-3"
family = "low-storage"
title = 'Williamson, two registers'
A = ["0", "-5/9", "-153/128"]
B = ["1/3", "15/16", "8/15"]
note = "ours"
[claims]
order = 3
explicit = true
"""
OPEN = """format = 1
family = "low-storage"
title = "Second order in two registers"
A = ["0", "2*c*(1 - c) - 1"]
B = ["c", "1/(2*c)"]
[claims]
order = 2
[parameters.c]
value = "1"
"""
LOUD = """
from tableau2net.scheme import RungeKutta, register_scheme_family

register_scheme_family(RungeKutta)  # the same again is nothing new


class Mine(RungeKutta):
    pass


register_scheme_family(Mine)
"""
RUN = r"""
import contextlib, inspect, io, json, sys
import tableau2net as t2n
from tableau2net.cli import main
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps

def run(*arguments):
    sys.argv, out, err, code = ["tableau2net", *arguments], io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return code, out.getvalue(), err.getvalue()

w = t2n.load("two-register-3")
found = {"dumps": dumps(w), "back": loads(dumps(w)) == w, "order": t2n.order(w)}
found |= {"html": w._repr_html_(), "latex": w._repr_latex_(), "far": t2n.order(t2n.load("euler-twice-7"))}
found |= {"names": t2n.list_schemes("*-[2-3]"), "shown": t2n.list_schemes("euler-twice-*")}
found["coefficients"] = {n: str(c) for n, c in w.with_coefficients(w.coefficients).coefficients.items()}
found["freed"] = [p.name for p in w.freed().parameters]
found["report"] = t2n.report(w).to_dict()
second = t2n.load("open")
found["open"] = [t2n.order(second), t2n.order(second.with_values(c="2/3")), str(second.at_defaults().A[1])]
for what, given in {"adjoint": w, "compose": [w, w], "load": "two-regster-3"}.items():
    try:
        getattr(t2n, what)(given)
    except t2n.InputError as error:
        found[what] = str(error)
import torch
y = torch.linspace(-1, 1, 4, dtype=torch.float64)
class Field(torch.nn.Module):
    def forward(self, y):
        return torch.sin(y)
s, at = 0 * y, y
for a, b in ((0, 1 / 3), (-5 / 9, 15 / 16), (-153 / 128, 8 / 15)):
    s = a * s + 0.5 * torch.sin(at)
    at = at + b * s
Block = t2n.compile("two-register-3")
found["block"] = float((Block([Field()], h=0.5)(y) - at).abs().max())
Learnt = t2n.compile("open", coefficients="learnable")
block = Learnt([Field()], h=0.5).double()
block(y).sum().backward()
found["gradient"] = float(block.c.grad)
found["integrate"] = float(t2n.integrate("two-register-3", lambda t, y: -y, [1.0], 0, 1, steps=50)[0])
from tableau2net.testing import assert_consistent
found["consistent"] = [[*assert_consistent(s).checked] for s in (w, second)]
found["commands"] = {
    "list": run("list", "two-register-*"),
    "show": run("show", "two-register-3"),
    "json": run("show", "two-register-3", "--json"),
    "check": run("check", "two-register-3", "open"),
    "compile": run("compile", "two-register-3", "--explain"),
    "plot": run("plot", "stability", "two-register-3", "rk4", "-o", "regions.svg"),
    "unknown": run("check", "unknown.toml"),
    "unsound": run("check", "unsound.toml"),
}
print(json.dumps(found))
"""


def installed(site, name, group, module, text):
    """A package as an installer leaves it."""
    info = site / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[tableau2net.{group}]\n{name} = {name}.{module}\n")
    (site / name).mkdir()
    (site / name / f"{module}.py").write_text(text)


def told(site, here, code):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)]), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    site, here = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("here")
    installed(site, "theirs", "schemes", "schemes", MODULE)
    (site / "theirs" / "more").mkdir()
    (site / "theirs" / "two-register-3.toml").write_text(WILLIAMSON)
    (site / "theirs" / "more" / "open.toml").write_text(OPEN)
    (here / "unknown.toml").write_text(WILLIAMSON.replace('"low-storage"', '"high-storage"'))
    (here / "unsound.toml").write_text(WILLIAMSON.replace('"15/16", ', ""))
    done = told(site, here, RUN)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout) | {"figure": (here / "regions.svg").read_text()}


@pytest.mark.slow
def test_its_schemes_are_listed_and_loaded(said):
    assert "two-register-3" in said["names"]
    assert said["shown"] == ["euler-twice-1", "euler-twice-2"]
    assert said["far"] == 1
    assert "did you mean two-register-3" in said["load"]


@pytest.mark.slow
def test_its_files_are_read_and_written(said):
    assert said["back"]
    assert 'A = ["0", "-5/9", "-153/128"]\nB = ["1/3", "15/16", "8/15"]\nnote = "ours"\n' in said["dumps"]
    code, _, err = said["commands"]["unknown"]
    assert (code, "high-storage" in err, "low-storage" in err) == (2, True, True)
    assert said["commands"]["unsound"] == [2, "", "tableau2net: unsound.toml: A has 3 entries but B has 2\n"]


def test_it_is_analysed(said):
    record = said["report"]
    assert (said["order"], record["order"], record["explicit"]) == (3, 3, True)
    assert record["stability"]["function"]["exact"] == "1 + z**3/6 + z**2/2 + z"
    assert said["open"] == [2, 2, "-1"]
    assert said["coefficients"] == {"a1": "0", "a2": "-5/9", "a3": "-153/128", "b1": "1/3", "b2": "15/16", "b3": "8/15"}
    assert said["freed"] == ["a2", "a3", "b1", "b2", "b3"]
    assert "low-storage" in said["adjoint"]
    assert "low-storage" in said["compose"]


def test_it_is_consistent(said):
    first, second = said["consistent"]
    assert first == [
        *("order: 3, measured 3.00", "module: as the formula says", "gradient: as the formula says"),
        *("claim order = 3", "claim explicit = True"),
    ]
    assert second[0] == "order: 2, measured 2.00"


def test_it_is_typeset(said):
    assert "-153/128" in said["html"].replace("−", "-")
    assert r"\frac{153}{128}" in said["latex"]


def test_it_is_compiled_and_integrated(said):
    assert said["block"] < 1e-15
    assert said["gradient"] != 0
    assert said["integrate"] == pytest.approx(0.36787944117, abs=1e-6)


def test_the_command_line_knows_it(said):
    commands = said["commands"]
    assert all((code, err) == (0, "") for name, (code, _, err) in commands.items() if not name.startswith("un"))
    assert "Williamson, two registers" in commands["list"][1]
    assert "-153/128" in commands["show"][1]
    assert json.loads(commands["json"][1])["order"] == 3
    assert "ok      two-register-3: order 3" in commands["check"][1]
    assert "k3" in commands["compile"][1]
    assert "two-register-3" in said["figure"]


def test_names_that_are_taken_and_files_that_are_none_are_named_and_left_out(tmp_path):
    installed(tmp_path, "taken", "schemes", "schemes", "")
    (tmp_path / "taken" / "rk4.toml").write_text(WILLIAMSON)
    installed(tmp_path, "loud", "schemes", "schemes", LOUD)
    code = "import tableau2net as t2n; print(len(t2n.list_schemes()), t2n.order(t2n.load('rk4')))"
    done = told(tmp_path, tmp_path, code)
    assert (done.returncode, done.stdout.split()[1]) == (0, "4")
    assert "rk4.toml: a scheme of the library is called 'rk4' already; rename the file" in done.stderr
    assert "'runge-kutta' is tableau2net.scheme.runge_kutta.RungeKutta's already" in done.stderr


def test_ours_are_registered_by_the_same_calls():
    assert list(families())[:2] == ["runge-kutta", "multistep"]
    with pytest.raises(InputError, match=r"'gauss-\{\}' is tableau2net.*'s already"):
        register_scheme_patterns(SchemePattern("gauss-{}", range(1, 2), t2n.load, str, "", lambda n: {}))
    with pytest.raises(InputError, match=r"write \{\} once"):
        register_scheme_patterns(SchemePattern("mine", range(1, 2), t2n.load, str, "", lambda n: {}))


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no \.toml file"):
        register_scheme_folder(tmp_path)
    (tmp_path / "gauss-3.toml").write_text(WILLIAMSON)
    with pytest.raises(InputError, match="'gauss-3' already"):
        register_scheme_folder(tmp_path)


@dataclass(frozen=True)
class Unlowered(t2n.Scheme):
    family = "unlowered"
    theta: Expr


@dataclass(frozen=True)
class Unreadable(Unlowered):
    family = "unreadable"
    theta: dict[str, Expr]  # type: ignore[assignment]

    def lower(self, step):
        step.hand_on(step.state("y"), "y")


@pytest.mark.parametrize(
    ("family", "says"),
    [(Unlowered, "a method lower"), (Unreadable, "theta: .* is no type of a scheme's key"), (dict, "frozen dataclass")],
)
def test_classes_that_are_no_families(family, says):
    with pytest.raises(TypeError, match=says):
        t2n.register_scheme_family(family)
