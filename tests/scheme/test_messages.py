"""What is wrong with a file of a stencil or an equation, said with key and fix; and what is read all the same."""

import codecs

import pytest

import tableau2net as t2n
from tableau2net.analysis.report.facts import facts
from tableau2net.errors import InputError
from tableau2net.exact.text import parse
from tableau2net.scheme import Equation, Stencil
from tableau2net.scheme.file import loads
from tableau2net.scheme.saved import dumps


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(" * 900 + "1" + ")" * 900, "nested deeper than 60"),
        ("1 +", "not an arithmetic expression"),
        ("nan", "nan is not a finite number"),
        ("-inf", "inf is not a finite number"),
        ("k", r"add \[parameters.k\]"),
        ("f.g(1)", r"Call is not allowed: numbers, parameters, \+ - \* / \*\*, sqrt"),
    ],
)
def test_text_that_is_no_coefficient(text, says):
    with pytest.raises(InputError, match=says):
        parse(text)


def test_functions_of_an_equation_are_named_where_another_is_called():
    with pytest.raises(InputError, match="sqrt, sin, cos, exp"):
        Equation(["(u).log(u)"])


def test_whole_numbers_beyond_all_use_are_said_in_our_words():
    with pytest.raises(InputError, match="a whole number of more than 8192 bits") as caught:
        loads(f"format = 1\nfamily = 'stencil'\nderivative = {'9' * 10_000}")
    assert "set_int" not in str(caught.value)


def test_a_file_that_begins_with_a_mark_of_its_editor(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(codecs.BOM_UTF8 + dumps(t2n.load("central-1-2", Stencil)).encode())
    assert t2n.load(path, Stencil) == t2n.load("central-1-2", Stencil)


def test_inner_tables_are_given_as_a_file_has_them():
    pade = t2n.load("compact-1-4", Stencil)
    left = {"offsets": pade.left.offsets, "weights": pade.left.weights}
    assert Stencil(1, pade.weights, pade.offsets, left=left).left_points == pade.left_points
    sbp = t2n.load("sbp-2-1", Stencil)
    rows = [{"weights": row.weights} for row in sbp.boundary]
    assert Stencil(1, sbp.weights, sbp.offsets, norm=sbp.norm, boundary=rows).boundary == sbp.boundary
    for key, wrong in (("left", {"weights": [1]}), ("left", 3), ("boundary", [{"nodes": [1]}]), ("boundary", [3])):
        with pytest.raises(InputError, match=f"{key}.*: write a table of"):
            Stencil(1, pade.weights, pade.offsets, **{key: wrong})
    with pytest.raises(InputError, match="left: offsets has 1 entries"):
        Stencil(1, pade.weights, pade.offsets, left={"offsets": [0], "weights": [1, 2]})


def test_decimals_stand_without_two_signs():
    digits = Stencil(1, ["0.08333", "-0.66667", 0, "0.66667", "-0.08333"], [-2, -1, 0, 1, 2], digits=5)
    told = " ".join(f"{fact.name} {fact.text}" for fact in facts(t2n.report(digits)))
    assert "= ≈" not in told
    assert "−≈" not in told
    told = {fact.name: fact.text for fact in facts(t2n.report(t2n.load("central-1-2", Stencil)))}
    assert told["symbol"].startswith("ŝ = i sin θ,")
