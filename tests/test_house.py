"""The tests' own house: a file of one idea is short; what is private stays so in tests too, and what is worth a test
has a name for everybody."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def trees(folder):
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / folder).rglob("*.py"))}


TESTS = trees("tests")


def private(name):
    return name.startswith("_") and not name.endswith("_")


def declared(tree):
    """The names that a file of the package gives to something."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def used(tree):
    """The names that a test takes out of something else: imports, attributes, those it replaces by text."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(names=names, module=str(module)):
                yield from module.split(".")
                yield from (alias.name for alias in names)
            case ast.Attribute(value=ast.Name(id="self")):
                pass
            case ast.Attribute(attr=name):
                yield name
            case ast.Call(func=ast.Attribute(attr="setattr"), args=arguments):
                texts = [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                yield from (text.rpartition(".")[2] for text in texts)


OURS = {name for tree in trees("tableau2net").values() for name in declared(tree) if private(name)}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_nothing_private_is_used(path):
    assert OURS.intersection(used(TESTS[path])) == set()


def test_no_test_module_is_imported():
    """What two of them share has a module of its own."""
    nodes = (node for tree in TESTS.values() for node in ast.walk(tree))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    assert {module for module in modules if module.rpartition(".")[2].startswith("test_")} == set()


def test_no_file_is_long():
    assert {path.name for path in TESTS if len(path.read_text(encoding="utf-8").splitlines()) > 400} == set()


def test_every_file_has_a_name_of_its_own():
    names = [path.stem for path in TESTS if path.stem != "__init__"]
    assert sorted(names) == sorted(set(names))
