"""Names that users choose: no parameter, scheme or title changes what generated code is, or reaches it unquoted."""

import ast
import builtins
import keyword
import re
import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn

import tableau2net as t2n
from tableau2net.codegen import Options, write_source
from tableau2net.codegen.learnable.placeholders import renamed
from tableau2net.codegen.names import LOCAL, OF_MODULES, OWN, RESERVED, VALUE, class_name, needed
from tableau2net.codegen.source import source_of
from tableau2net.exact.text import parse
from tableau2net.scheme.file import loads
from tests.fields import Mixed

PARAMETERS = """
[parameters.q0]
value = "1/3"
range = ["-1", "1"]
init = {{ uniform = ["1/4", "3/8"] }}
[parameters.q1]
value = "1/5"
[parameters.q2]
value = "{}"
"""
FAMILIES = {
    "runge-kutta": 'A = [[], ["q0"], ["q1", "q2*q0"]]\nb = ["1 - q0 - q1*q2", "q0", "q1*q2"]'
    + PARAMETERS.format("1/7"),
    "multistep": 'alpha = ["-q0", "q0 - 1", "1"]\nbeta = ["q1", "q2*q1 + 1", "0"]' + PARAMETERS.format("1/7"),
    "additive-runge-kutta": '[[parts]]\nA = [[], ["q0"]]\nb = ["q1", "1 - q1"]\n[[parts]]\nA = [[], ["q2"]]\n'
    'b = ["1 - q1*q2", "q1*q2"]' + PARAMETERS.format("1/7"),
    "partitioned-runge-kutta": 'reads = [[2], [1]]\n[[parts]]\nA = [[], ["q0"]]\nb = ["q1", "1 - q1"]\n[[parts]]\n'
    'A = [["q2"], ["q2", "q0*q1"]]\nb = ["1/2", "1/2"]' + PARAMETERS.format("1/7"),
    "additive-multistep": 'alpha = ["-q0", "q0 - 1", "1"]\nbetas = [["q1", "q2*q1 + 1", "0"], ["q2", "q1", "0"]]'
    + PARAMETERS.format("1/7"),
    "general-linear": 'A = [[], ["q0"]]\nU = [["1", "q1"], ["1", "0"]]\nB = [["q2", "1 - q2"], ["0", "1"]]\n'
    'V = [["1", "0"], ["0", "0"]]\nexternal = ["y", "f-1"]' + PARAMETERS.format("1/7"),
}
OPTIONS = [
    {"coefficients": "learnable"},
    {"coefficients": "learnable", "time_dependent": True, "sharing": "shared"},
    {"coefficients": "learnable", "stage_weights": "independent"},
    {"coefficients": "learnable", "step_weights": "shared"},
    {"coefficients": "learnable", "backward": "checkpoint"},
    {"coefficients": "learnable", "backward": "reversible", "coupling": "999/1000"},
    {"coefficients": "learnable", "backward": "reversible", "growth_limit": 1e300},
    {"coefficients": "learnable", "keep_order": 1},
    {"coefficients": "learnable", "keep_stable": True},
    {"coefficients": "learnable", "sharing": "channel"},
    {"coefficients": "fixed"},
]
# what people, mathematics, Python, torch and the code itself call things
WORDS = """
k1 k2 k3 k1_1 k2_2 y2 y3 y_new y_hat y_prev f_n f_new f_prev f2 f2_1 f_1 s1 s2 new1 x0 x1 x c1 c2 h_k d_k h_q0
d_y back_k1 theta_0000 theta_0001 theta__0000 k_raw q0_raw q0_ k_ a21 b1 alpha beta gamma lam z zeta tau
I E S N Q O pi oo re im exp log sin tanh sqrt2 Tensor nn torch math sympy os sys math_ Solver Replay
self cls args kwargs data grad shape dtype device weight bias name label known target field_ each_
"""
NASTY = sorted(
    name
    for name in {*needed(), *OWN, *LOCAL, *OF_MODULES, *dir(builtins), *keyword.softkwlist, *WORDS.split()}
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
    and not keyword.iskeyword(name)
    and not re.fullmatch(r"h|t|y|f|sqrt|zeta|z\d*", name)
)


def scheme(family, names=("q0", "q1", "q2")):
    plain = loads(f'format = 1\nname = "plain"\nfamily = "{family}"\n{FAMILIES[family]}')
    return renamed(plain, dict(zip(("q0", "q1", "q2"), names, strict=True)))


def compiled(one, options):
    """A class, or why there is none."""
    try:
        return t2n.compile(one, **options)
    except t2n.InputError as error:
        return str(error)


def taken(cls, options):
    """What a step of a class gives, with its gradient in what is learnt."""
    fields = [Mixed(3, timed=options.get("time_dependent", False), seed=0) for _ in cls.field_names]
    one = fields[0] if len(fields) == 1 else fields
    steps = {"channels": 2} if options.get("sharing") == "channel" else {}
    torch.manual_seed(0)
    block = cls(one, steps=3, **steps) if options.get("step_weights") == "shared" else cls([one] * 3, **steps)
    block = block.double()
    names = getattr(cls, "raw", cls.coefficients)
    y = [torch.linspace(0.1, 0.5 + i, 24, dtype=torch.float64).reshape(1, 2, 4, 3) for i in range(len(cls.states))]
    result = block(*y)
    total = sum(value.square().sum() for value in (result if isinstance(result, tuple) else (result,)))
    slopes = torch.autograd.grad(total, [getattr(block, name) for name in names], allow_unused=True) if names else ()
    return total, slopes, {name: block.state_dict()[name] for name in names}


def compare(family, options, names):
    """The class of a scheme with harmless names and that with others do the same, to the bit."""
    harmless, nasty = (compiled(scheme(family, own), options) for own in (("qa", "qb", "qc"), names))
    if isinstance(harmless, str) or isinstance(nasty, str):
        assert isinstance(harmless, str), nasty
        assert isinstance(nasty, str), harmless
        return
    try:
        expected = taken(harmless, options)
    except (t2n.InputError, ValueError) as error:  # rounding errors may grow too fast
        with pytest.raises(type(error)):
            taken(nasty, options)
        return
    found = taken(nasty, options)
    assert torch.equal(found[0], expected[0])
    assert all(a is b if a is None else torch.equal(a, b) for a, b in zip(found[1], expected[1], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(found[2].values(), expected[2].values(), strict=True))
    if options["coefficients"] == "learnable":
        assert set(nasty.coefficients) <= set(names)
        assert len(set(found[2])) == len(nasty.coefficients)


TRIPLES = list(zip(NASTY[::3], NASTY[1::3], NASTY[2::3], strict=False))
TELLING = [
    ("k", "k_raw", "k_raw_"),
    ("k_raw", "k", "k_raw_raw"),
    ("h_k", "k", "d_k"),
    ("theta_0001", "theta_0000", "theta__0000"),
    ("coefficients", "coefficients_", "raw"),
    ("self", "evaluations", "field_names"),
    ("zz", "a", "b1"),
    ("x0", "c1", "lookback"),
    ("torch", "nn", "Tensor"),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_does_the_same_whatever_its_parameters_are_called(family):
    for i, names in enumerate(TELLING):
        compare(family, OPTIONS[(i + len(family)) % len(OPTIONS)], names)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_does_the_same_under_every_nasty_name(family):
    which = list(FAMILIES).index(family)
    for i, names in enumerate(TRIPLES):
        if i % len(FAMILIES) == which:
            compare(family, OPTIONS[i % len(OPTIONS)], names)


def test_a_parameter_keeps_its_name_where_it_is_free_and_the_keys_stay():
    for names, keys in [
        (("k", "alpha", "gamma"), ["k", "alpha", "gamma"]),
        (("coefficients", "lookback", "type"), ["coefficients_", "lookback_", "type_"]),
        (("raw", "raw_", "k1"), ["raw__", "raw_", "k1_"]),
    ]:
        for options in OPTIONS[:7]:
            block = compiled(scheme("runge-kutta", names), options)
            if not isinstance(block, str):
                fields = 3 if options.get("step_weights") == "shared" else [nn.Identity()] * 3
                if "stage_weights" in options:
                    fields = [[nn.Identity()] * 3] * 3
                made = block(nn.Identity(), fields) if fields == 3 else block(fields)
                assert [n for n, _ in made.named_parameters()] == keys
                assert block.coefficients == names
                assert list(made.learnt()) == list(names)


def test_every_name_in_generated_code_is_known():
    """A name that is not would be one that a parameter could take."""
    derived = re.compile(r"q[0-9a-z_]*|[hd]_\w+|back_\w+|c\d+|_")
    for family in FAMILIES:
        for options in [*OPTIONS, {"coefficients": "free"}, {"coefficients": "free", "keep_order": 1}]:
            try:
                _, source = source_of(scheme(family), Options(**options))
            except t2n.InputError:
                continue
            (body,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
            own = set(scheme(family).freed().symbols)
            for node in ast.walk(body):
                name = getattr(node, "id", getattr(node, "arg", None)) if not isinstance(node, ast.keyword) else None
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                    name = node.attr
                if name is None or derived.fullmatch(name) or name.removesuffix("_raw") in own:
                    continue
                assert name in needed() or VALUE.fullmatch(name), (family, options, name)


def test_the_attributes_of_a_module_are_known():
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= RESERVED


# ---------------------------------------------------------------------------------------------- names of schemes

CALLED = """
none true false solver found layout exit-stack tensor nn torch cast iterable module list tuple float
retraction replay type-checking any-order callable sequence exception value-error base-exception
not-implemented ellipsis generator autograd function context 3-8 1 a.b.c x_y-z Tensor Solver None
fraction parameter identity module-list
"""
SCHEMES = sorted(
    {
        *CALLED.split(),
        *(name.lower() for name in dir(builtins) if name[0].isalpha()),
        *(name.replace("Error", "-error") for name in dir(builtins) if name.endswith("Error")),
    }
)


def implicit(name):
    return t2n.RungeKutta(A=[["1/2"]], b=["1"], name=name)


def run(source, name):
    """The class in a standalone file."""
    module = sys.modules["standalone"] = types.ModuleType("standalone")
    exec(compile(source, name, "exec"), vars(module))
    (found,) = (
        c for n, c in vars(module).items() if isinstance(c, type) and issubclass(c, nn.Module) and n == class_name(name)
    )
    return found


def test_a_block_does_the_same_whatever_its_scheme_is_called():
    y = torch.linspace(0, 1, 3, dtype=torch.float64)
    field = Mixed(3, seed=0)
    expected = t2n.compile(implicit("harmless"))([field])(y)
    for name in SCHEMES[::4]:
        assert torch.equal(t2n.compile(implicit(name))([field])(y), expected), name


@pytest.mark.slow
def test_a_standalone_file_does_the_same_whatever_its_scheme_is_called():
    y = torch.linspace(0, 1, 3, dtype=torch.float64)
    field = Mixed(3, seed=0)
    expected = t2n.compile(implicit("harmless"))([field])(y)
    for name in SCHEMES:
        assert torch.equal(run(write_source(implicit(name)), name)([field])(y), expected), name


def test_a_standalone_file_of_a_scheme_called_as_what_it_needs():
    y = torch.linspace(0, 1, 3, dtype=torch.float64)
    field = Mixed(3, seed=0)
    for name in ("solver", "none", "exit-stack", "tensor"):
        block = run(write_source(implicit(name)), name)([field])
        assert torch.equal(block(y), t2n.compile(implicit("harmless"))([field])(y)), name


# ---------------------------------------------------------------------------------------------- texts

HOSTILE = [
    'x."""; import os; os.abort(); """',
    "x'''; import os; '''",
    '"""',
    "\\",
    "\\N{BULLET}",
    "{0} {name} %s %(x)s",
    "coding: utf-7",
    "-*- coding: latin-1 -*-",
    "vim: set fileencoding=ascii:",
    "type: ignore",
    "# noqa",
    "fmt: off",
    "+ACIAIgAi-",
    "[/] [bold] [link=http://x]",
    "$\\frac$",
    "<script>alert(1)</script>",
    "\\input{/etc/passwd} % & # _",
    "=cmd|' /C calc'!A0",
    "| a | b |",
    "日本語 émile 😀",
    "é" * 400,
]
REFUSED = [
    "a\nb",
    "a\rb",
    "a\x0cb",
    "a\u2028b",
    "a\x85b",
    "a\x00b",
    "\x1b[2J",
    "\u202egnp.exe",
    "\ud800",
    "\u200b",
    "x" * 501,
]


def tree(source):
    """The syntax tree without the string constants."""
    found = ast.parse(source)
    for node in ast.walk(found):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(found)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_texts_are_no_part_of_the_code(family):
    plain = replace(scheme(family), title="harmless", reference="harmless")
    start = t2n.load("euler")
    which = list(FAMILIES).index(family)
    for options in (OPTIONS[which], {"coefficients": "fixed"}):
        try:
            harmless = [
                source_of(plain, Options(**options, start=start))[1],
                write_source(plain, **options, start=start),
            ]
        except t2n.InputError:
            continue
        for text in HOSTILE[which % 2 :: 2]:
            other = replace(plain, title=text, reference=text)
            begun = replace(start, title=text, reference=text)
            found = [source_of(other, Options(**options, start=begun))[1], write_source(other, **options, start=begun)]
            assert [tree(source) for source in found] == [tree(source) for source in harmless], text
            for source in found:
                assert ast.parse(source.encode()), text  # as a file: a declaration of an encoding would count
                compile(source.encode(), "file", "exec")
                assert not any(re.match(r"#\s*(type|fmt|noqa|mypy|ruff|flake8)\b", line) for line in source.split("\n"))


def test_texts_that_are_no_line_are_refused():
    for text in REFUSED:
        for key in ("title", "reference", "name"):
            with pytest.raises(t2n.InputError, match=key) as caught:
                replace(t2n.load("rk4"), **{key: text})
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 300


NO_NAMES = [
    *HOSTILE,
    *REFUSED,
    "../../x",
    "a/b",
    "a\\b",
    "a..b",
    ".hidden",
    "-rf",
    "--help",
    "~",
    "a b",
    "ä",
    "_",
    "x" * 81,
]


def test_a_name_is_an_identifier_of_ours():
    for name in NO_NAMES:
        with pytest.raises(t2n.InputError, match="name"):
            replace(t2n.load("rk4"), name=name)
        with pytest.raises(t2n.InputError, match="name"):
            t2n.compose([t2n.load("rk4"), t2n.load("rk4")], name=name)
    for name in ("", "rk4", "my-scheme_2.1", "X", "3-8", "x" * 80):
        assert replace(t2n.load("rk4"), name=name).name == name
    assert t2n.adjoint(replace(t2n.load("rk4"), name="x" * 80)).name.endswith("-adjoint")


def test_no_name_of_a_parameter_can_be_code():
    for name in [
        *HOSTILE,
        *REFUSED[:-1],
        "a b",
        "1a",
        "a-b",
        "a.b",
        "é",
        "",
        "_a",
        "__class__",
        "sqrt",
        "z",
        "z1",
        "zeta",
        "lambda",
        "None",
        3,
        None,
    ]:
        with pytest.raises(t2n.InputError, match="parameter name"):
            t2n.Parameter(name, parse("1"))
    long = t2n.Parameter("x" * 41, parse("1"))
    with pytest.raises(t2n.InputError, match="parameter name"):
        t2n.RungeKutta(A=[[]], b=["1"], parameters=(long,))
