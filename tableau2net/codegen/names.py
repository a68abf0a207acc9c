"""Names in generated code: none that a user chose is one that the code needs.

The code has names of its own (`RESERVED`, and values of a step by `VALUE`); a parameter that is called so gets an
underscore behind it, whatever the options, so that the keys of a state_dict stay. Names that are made of a
parameter's, as h_k of k, come last and give way to all others.
"""

from __future__ import annotations

import ast
import builtins
import re
from functools import cache
from importlib.resources import files
from keyword import kwlist

from tableau2net.codegen.learnable.placeholders import NumberedNames, fresh


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCAL = _words("""
    n h t y f fields field each steps startup t0 torch nn self stages solve given arguments factor age past kept
    channels
""")
GLOBAL = _words("torch nn Tensor Iterable cast annotations")
# attributes of blocks: of some or of all
OWN = _words("""
    step start pull growth forward hoisted learnt history states scheme order evaluations field_names lookback
    coefficients raw conditions retraction reset_coefficients made_of part split
    trajectory costates parallel
""")
# names in nn.Module; as text, so that source is written without waiting for torch
OF_MODULES = _words("""
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
""")
RESERVED = LOCAL | GLOBAL | OWN | OF_MODULES | frozenset(kwlist) | frozenset(dir(builtins))
# values of a step, sums in common, fields, and what the printing of expressions sets apart; none ends in an underscore,
# so that a parameter with one behind its name is none of them
VALUE = re.compile(r"(?:[kyfzsx]\d+(?:_\w+)?|z|[yfz]_\w+|new\d+|error)(?<!_)")


def attributes(numbers: NumberedNames) -> dict[str, str]:
    """What each numbered parameter is called in generated code: its own name, or where the code needs that itself, the
    name with an underscore behind it."""
    found: dict[str, str] = {}
    own = set(numbers.names)
    for name, number in numbers.numbered.items():
        called = name
        while called in needed() or VALUE.fullmatch(called) or (called != name and called in own | {*found.values()}):
            called += "_"
        found[number] = called
    return found


def named(body: str, numbers: NumberedNames, called: dict[str, str]) -> str:
    """The text of a class with names in the place of numbers."""
    if not numbers.names:
        return body
    taken = {*_identifiers(body), *called.values()}
    chosen = dict(called)
    tokens = re.compile(rf"\w*?{numbers.pattern.pattern}\w*")
    for token in dict.fromkeys(found[0] for found in tokens.finditer(body)):
        if token not in chosen:
            wanted = numbers.pattern.sub(lambda found: called[found[0]], token)
            chosen[token] = fresh(wanted, taken)
            taken.add(chosen[token])
    return tokens.sub(lambda found: chosen[found[0]], body)


def class_name(name: str) -> str:
    """``adams-bashforth-2`` → ``AdamsBashforth2``, with an underscore behind it where the code needs that itself."""
    camel = "".join(part[0].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)
    return fresh(camel if camel and camel[0].isalpha() else f"Scheme{camel}", _of_files())


@cache
def needed() -> frozenset[str]:
    """The names that a class needs: its own, and those that support modules define."""
    found = set(RESERVED)
    for text in _support():
        defined = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
        found.update(node.name for node in defined)
    return frozenset(found)


@cache
def _of_files() -> frozenset[str]:
    """Every name that a file of generated code may hold, beside those of its class."""
    return RESERVED.union(*map(_identifiers, _support()))


def _support() -> list[str]:
    """The texts of the support modules."""
    folder = files("tableau2net.runtime")
    return [item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".py")]


def _identifiers(text: str) -> set[str]:
    """The names in source: variables, arguments, functions, classes, imports, and attributes of ``self``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
    return found
