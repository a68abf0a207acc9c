"""A row of modules in an owner whose calls cannot be traced: whether what it writes takes the row as one."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Iterator

from torch import nn


def called_whole(owner: nn.Module, name: str) -> bool:
    """Whether a forward, and the methods that it calls, do no more with a row than to call it, or to hand it to a
    function that does (`checkpoint_seq`): neither index it nor go through it. False where the text is not there."""
    uses, fine = set(), set()
    for tree in _methods(type(owner)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == name:
                uses.add(node)
            elif isinstance(node, ast.Call):
                fine.add(node.func)
                if not (isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id)):
                    fine.update(node.args)
    return bool(uses) and uses <= fine


def _methods(kind: type) -> Iterator[ast.AST]:
    """The trees of a class's forward and of the methods that are named there, and so on."""
    names = ["forward"]
    for name in names:  # grows
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(kind, name))))
        except (OSError, TypeError, SyntaxError):
            continue
        yield tree
        asked = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        names += [each for each in dict.fromkeys(asked) if each in vars(kind) and each not in names]
