"""HTML and LaTeX of an expression, read back by small readers of their own, are the expression."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Add, Integer, Mul, Pow, Rational, Symbol, sqrt

from tableau2net.analysis import effective_step
from tableau2net.exact.typeset_numbers import html_number, latex_number
from tableau2net.scheme import load

K, H = Symbol("k"), Symbol("h")
VALUES = {"k": 0.37, "h": 1.71}


def value_of_html(text):
    text = text.replace("<i>", "").replace("</i>", "").replace("−", "-").replace("·", "*")
    text = text.replace("<sup>", "**(").replace("</sup>", ")")
    text = re.sub(r"√(\w+)", r"√(\1)", text).replace("√", "root")
    return eval(text, {"root": lambda x: x**0.5}, dict(VALUES))


def value_of_latex(text):
    """Left to right: \\frac, \\sqrt, powers; what stands side by side is multiplied."""
    text = text.replace("\\left", "").replace("\\right", "").replace("\\cdot", "")
    tokens = re.findall(r"\\frac|\\sqrt|\d+|[a-z]|[()+\-^{}\[\]]", text)
    at = 0

    def total():
        nonlocal at
        sign, found = 1, 0
        if tokens[at] == "-":
            sign, at = -1, at + 1
        found = sign * product()
        while at < len(tokens) and tokens[at] in "+-":
            sign = 1 if tokens[at] == "+" else -1
            at += 1
            found += sign * product()
        return found

    def product():
        found = power()
        while at < len(tokens) and tokens[at] not in ")}]+-":
            found *= power()
        return found

    def power():
        nonlocal at
        base = atom()
        if at < len(tokens) and tokens[at] == "^":
            at += 1
            return base ** atom()
        return base

    def atom():
        nonlocal at
        token, at = tokens[at], at + 1
        if token == "\\frac":
            above = atom()
            return above / atom()
        if token == "\\sqrt":
            degree = atom() if tokens[at] == "[" else 2
            return atom() ** (1 / degree)
        if token in "({[":
            found = total()
            at += 1
            return found
        return VALUES[token] if token in VALUES else int(token)

    return total()


numbers = st.builds(Rational, st.integers(-9, 9), st.integers(1, 9)) | st.sampled_from(
    [sqrt(2), sqrt(3) / 6, 2 ** Rational(1, 3)]
)
leaves = numbers | st.sampled_from([K, H])


def grown(inner):
    positive = inner.map(lambda e: 1 + e**2)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Add(*parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Mul(*parts)),
        st.builds(Pow, inner, st.integers(2, 3).map(Integer)),
        positive.map(lambda e: 1 / e),
        positive.map(sqrt),
        positive.map(lambda e: 1 / sqrt(e)),
        st.builds(lambda a, b: a / b, inner, positive),
    )


@settings(max_examples=150)
@given(st.recursive(leaves, grown, max_leaves=6))
def test_what_is_printed_is_the_expression(expression):
    exact = complex(expression.subs(VALUES)).real
    for read, text in ((value_of_html, html_number(expression)), (value_of_latex, latex_number(expression))):
        assert abs(read(text) - exact) <= 1e-9 * max(1, abs(exact)), text


def test_the_effective_step_of_lm():
    assert html_number(effective_step(load("lm"))) == "1/(1 + <i>k</i>)"
    assert html_number(K / (1 + K) ** 2) == "<i>k</i>/(1 + <i>k</i>)<sup>2</sup>"
