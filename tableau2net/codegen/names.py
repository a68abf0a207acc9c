"""Names in generated code: the class's, and those that a scheme's parameters must not take."""

from __future__ import annotations

import re

from tableau2net.codegen.program import Program
from tableau2net.errors import InputError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCAL = _words("n h t fields field steps startup t0 torch nn self stages solve given arguments")
METHODS = _words("step start pull growth forward hoisted learnt history states scheme order made_of")
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


def class_name(name: str) -> str:
    """``adams-bashforth-2`` → ``AdamsBashforth2``."""
    camel = "".join(part[0].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name) if part)
    return camel if camel and camel[0].isalpha() else f"Scheme{camel}"


def check_names(ready: Program) -> None:
    """A parameter becomes an attribute and a local variable: InputError where it would hide one that the code needs."""
    step = ready.step
    taken = {i.name for i in step.inputs} | {op.target for op in step.flat()} | LOCAL | METHODS | OF_MODULES
    for p in (*ready.scheme.parameters, *ready.learning.raw):
        if p.name in taken or re.fullmatch(r"f\d*(_\d+)?|x\d+", p.name):
            raise InputError(f"parameter {p.name!r}: the name is taken in the generated code, choose another")
