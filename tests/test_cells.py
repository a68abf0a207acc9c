"""What a cell of a notebook registers is replaced when that runs again; its faults are told in a line."""

import subprocess
import sys

CELLS = '''
from dataclasses import dataclass

import sympy
import tableau2net as t2n
from tableau2net.scheme import SchemePattern, register_scheme_patterns

CELL = """
@t2n.register_scheme_family
@dataclass(frozen=True)
class Scaled(t2n.Scheme):
    family = "scaled"
    theta: sympy.Expr

    def __post_init__(self):
        super().__post_init__()
        {made}

    def lower(self, step):
        y = step.state("y")
        {told}
        k = step.evaluate("k", y, sympy.S.Zero)
        step.hand_on(y, step.combine("y_new", [(1, y), (self.theta, k)]))

register_scheme_patterns(
    SchemePattern(
        "scaled-{{}}", range(1, 9), lambda n: Scaled(theta=f"{top}/{{n}}"), str, "", lambda n: {{}}, kind="scaled"
    )
)

@t2n.register_finding("mine.large", "large", claim={claim})
def large(scheme):
    return {top} > 2
"""
OPEN = """format = 1
family = "scaled"
theta = "1"
[claims]
large = true
"""

def ran(module="__main__", made="pass", told="pass", top=1, claim="bool"):
    names = {**globals(), "__name__": module}
    exec(compile(CELL.format(made=made, told=told, top=top, claim=claim), "cell.py", "exec"), names)
    return names

def said(question, *of):
    try:
        return question(*of)
    except t2n.InputError as error:
        return f"{error} <- {error.__cause__!r}"

with open("mine.toml", "w") as file:
    file.write(OPEN)
for options in ({"top": 1}, {"top": 3}, {"top": 3, "claim": None}, {"top": 3}):
    ran(**options)
    claim = str(said(lambda: t2n.check("mine.toml").ok))[:33]
    print(t2n.load("scaled-3").theta, t2n.report("euler").to_dict()["mine"], claim)
print(said(ran, "other"))
print(said(t2n.order, ran(told="{}['x']")["Scaled"](theta="1")))
ran(made="{}[0]")
print(said(t2n.load, "mine.toml"))
print(said(t2n.load, "scaled-4"))
'''


def test_cells_that_run_again(tmp_path):
    done = subprocess.run([sys.executable, "-c", CELLS], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1/3 {'large': False} False",
        "1 {'large': True} True",
        "1 {'large': True} mine.toml: unknown key claims.lar",
        "1 {'large': True} True",
        "register_scheme_family: Scaled.family: 'scaled' is __main__.Scaled's already; choose another name <- None",
        "Scaled.lower (cell.py, line 14) raises KeyError: 'x' <- KeyError('x')",
        "mine.toml: Scaled (cell.py, line 10) raises KeyError: 0 <- KeyError(0)",
        "scaled-4 (cell.py, line 10) raises KeyError: 0 <- KeyError(0)",
    ]
