"""Standalone text: generated source with the text of the support modules it uses in the place of their imports."""

from __future__ import annotations

import ast
import re
from importlib.resources import files

SUPPORT = "tableau2net.runtime"


def standalone(source: str) -> str:
    """The source as a file that imports torch and the standard library alone.

    Support modules go in front of the class, each after those that it imports itself; imports are gathered at the top.
    """
    if SUPPORT not in source:
        return source
    order: list[str] = []
    for name in _used(source):
        _collect(name, order)
    header = "".join(line + "\n" for line in source.splitlines() if line.startswith("# "))
    texts = [*(_text(name) for name in order), source]
    imports = _imports(texts)
    bodies = [_body(text, name) for text, name in zip(texts, [*order, ""], strict=True)]
    return (
        header
        + "\n".join(["from __future__ import annotations", "", *imports])
        + "\n\n\n"
        + "\n\n\n".join(bodies)
        + "\n"
    )


def _used(source: str) -> list[str]:
    return re.findall(rf"^from {re.escape(SUPPORT)}\.(\w+) import", source, re.MULTILINE)


def _text(name: str) -> str:
    return files(SUPPORT).joinpath(f"{name}.py").read_text(encoding="utf-8")


def _collect(name: str, order: list[str]) -> None:
    """A support module after all that it needs itself."""
    if name in order:
        return
    for needed in _used(_text(name)):
        _collect(needed, order)
    order.append(name)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _imports(texts: list[str]) -> list[str]:
    """The imports of all texts once, those of the standard library first."""
    whole: set[str] = set()
    names: dict[str, set[str]] = {}
    for text in texts:
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import):
                whole |= {ast.unparse(node)}
            elif (
                isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith(("__future__", SUPPORT))
            ):
                names.setdefault(node.module, set()).update(ast.unparse(alias) for alias in node.names)
    lines = [*whole, *(f"from {module} import {', '.join(sorted(found))}" for module, found in names.items())]
    standard = sorted((line for line in lines if not _is_torch(line)), key=_rank)
    return [*standard, *([""] if standard else []), *sorted((line for line in lines if _is_torch(line)), key=_rank)]


def _rank(line: str) -> tuple[bool, str]:
    """``import a`` before ``from b import c``, each in order of the alphabet."""
    return not line.startswith("import"), line


def _is_torch(line: str) -> bool:
    return line.split()[1].split(".")[0] == "torch"


def _body(text: str, name: str) -> str:
    """What follows the imports, comments in it included."""
    lines = text.splitlines()
    nodes = ast.parse(text).body
    first = next(n for n in nodes if not _is_import(n) and not (name and n is nodes[0]))
    decorators = getattr(first, "decorator_list", [])
    start = min([first.lineno, *(d.lineno for d in decorators)]) - 1
    while start and lines[start - 1].startswith("#"):
        start -= 1
    return "\n".join(lines[start:]).rstrip()
