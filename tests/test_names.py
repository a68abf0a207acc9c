"""A name stands for one thing: no two files of the package have the same one, and no two classes."""

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tableau2net"
FILES = sorted(PACKAGE.rglob("*.py"))


def repeated(names):
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_every_file_has_a_name_of_its_own():
    assert repeated(path.stem for path in FILES if path.stem != "__init__") == []


def test_every_class_has_a_name_of_its_own():
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in FILES)
    classes = (node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert repeated(name for name in classes if not name.startswith("_")) == []
