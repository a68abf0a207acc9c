"""The tower: rooms in one order; a file imports from its own room or from those below it, and never in a circle.
A name stands for one thing: no two files have the same one, and no two classes.

The floors are those of docs/architecture.md. Every import counts, those inside functions and those for type checkers
too: an arrow that is hidden is still one.
"""

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1] / "tableau2net"
PAGE = ROOT.parent / "docs" / "architecture.md"
TOWER = [re.findall(r"`(\w+)`", rooms) for rooms in re.findall(r"^\| \d+ \| (.+?) \|", PAGE.read_text("utf-8"), re.M)]
FLOOR = {room: floor for floor, rooms in enumerate(TOWER) for room in rooms}


def module_of(path):
    """The dotted name below the package: "" is the face."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in ROOT.rglob("*.py")}


def imported(path):
    """The modules of this package that a file imports; ``from package import module`` names the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "tableau2net":
                inside = [".".join(parts[1:k]) for k in range(len(parts), 0, -1)]
                yield next(module for module in inside if module in FILES)


def room(module):
    return module.split(".")[0] or "__init__"


GRAPH = {module: set(imported(path)) - {module} for module, path in FILES.items()}


def test_every_room_has_its_floor():
    assert {room(module) for module in FILES} == set(FLOOR)


def test_nothing_runs_up():
    up = [
        f"{module} → {other}"
        for module, others in GRAPH.items()
        for other in others
        if room(module) != room(other) and FLOOR[room(other)] >= FLOOR[room(module)]
    ]
    assert up == []


def test_nothing_goes_in_a_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        raise AssertionError(" → ".join(error.args[1])) from None


def repeated(names):
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_every_file_has_a_name_of_its_own():
    assert repeated(path.stem for path in FILES.values() if path.stem != "__init__") == []


def test_every_class_has_a_name_of_its_own():
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in FILES.values())
    classes = (node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert repeated(name for name in classes if not name.startswith("_")) == []


def test_every_folder_is_a_package():
    folders = {path.parent for path in ROOT.rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
