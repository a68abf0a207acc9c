"""Whatever is handed to a constructor: the right scheme, or one clear line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, S

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.scheme import Distribution

HALVES: list[Any] = ["1/2", "0.5", "2/4", Fraction(1, 2), Decimal("0.5"), Decimal("5e-1"), Rational(1, 2), S.Half]
ONES: list[Any] = [1, "1", "1.0", S.One, Fraction(1), Decimal(1), np.int64(1), np.uint8(1)]
ROUNDED: list[Any] = [0.5, np.float64(0.5), np.float32(0.5), sympy.Float(0.5), torch.tensor(0.5), complex(0.5)]
NUMBERS = [float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("1e-999999")]
NUMBERS += [sympy.nan, sympy.oo, -sympy.oo, sympy.zoo, sympy.I, 1 + sympy.sqrt(-2), 1j, True, np.True_, 10**4000]
OTHERS: list[Any] = [None, b"1", [], [1], {}, {1: 2}, {"1"}, object(), len, "", "k", "1/0", "two\nlines", "é", range(3)]
OTHERS += [np.array(1.5), np.array([[0.5]]), torch.tensor([0.5]), sympy.Matrix([0.5]), sympy.true, sympy.Symbol("q")]
BAD = [*ROUNDED, *NUMBERS, *OTHERS]


def euler(**changes: Any) -> t2n.RungeKutta:
    return t2n.RungeKutta(**{"A": [[0]], "b": [1], **changes})


def refused(make: Callable[[], object], *words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 260
    assert all(word in line for word in words), line


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("one", ONES[:3] + ONES[4:7])
def test_a_parameter_of_any_exact_number(half: Any, one: Any) -> None:
    for init in (Distribution("uniform", half, one), {"uniform": [half, one]}):
        found = t2n.Parameter("k", half, range=[half, one], init=init)  # type: ignore[arg-type]
        wanted = t2n.Parameter("k", S.Half, (S.Half, S.One), Distribution("uniform", S.Half, S.One))
        assert found == wanted
        assert hash(found) == hash(wanted)
    assert t2n.load("lm").with_values(k=half) == t2n.load("lm").with_values(k="1/2")


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__)
def test_a_parameter_of_anything_else(bad: Any) -> None:
    parameter: Any = t2n.Parameter
    refused(lambda: parameter("k", bad), "k")
    refused(lambda: parameter("k", 1, range=[0, bad]), "k: range")
    if bad is not None:
        refused(lambda: parameter("k", 1, range=bad), "k: range")
        refused(lambda: parameter("k", 1, init=bad), "k: init")
    refused(lambda: parameter("k", 1, init={"uniform": [0, bad]}), "init")
    refused(lambda: Distribution("normal", bad, S.One), "init")
    refused(lambda: t2n.load("lm").with_values(k=bad))
    if bad != "k":
        refused(lambda: parameter(bad, 1), "parameter name")


def test_parameters_that_contradict_themselves() -> None:
    parameter: Any = t2n.Parameter
    refused(lambda: parameter("k", 2, range=["-1", 1]), "value 2 is outside its range [-1, 1]")
    refused(lambda: parameter("k", 1, range=[1, 0]), "low <= high")
    refused(lambda: parameter("k", 1, range=[0, 1, 2]), "low <= high")
    refused(lambda: parameter("k", 1, init={"uniform": [1, 0]}), "low <= high")
    refused(lambda: parameter("k", 1, init={"normal": [0, -1]}), "deviation")
    refused(lambda: parameter("k", 1, init={"cauchy": [0, 1]}), "'cauchy' is unknown")
    refused(lambda: parameter("k", 1, init={"uniform": [0, 1], "normal": [0, 1]}), "init")
    refused(lambda: parameter("9" * 1999, 1), "parameter name")
    refused(lambda: parameter("k", "9" * 1999, range=[0, 1]), "outside")
    huge = 10**5000  # which Python does not write
    refused(lambda: parameter("k", huge), "more than 8192 bits")
    refused(lambda: parameter(huge, 1), "parameter name")
    refused(lambda: euler(digits=huge), "digits")


MIDPOINT = t2n.load("midpoint") if "midpoint" in t2n.list_schemes() else t2n.RungeKutta(A=[[], ["1/2"]], b=["0", "1"])


@pytest.mark.parametrize(
    "A",
    [
        [[], ["1/2"]],
        ((0, 0), (Fraction(1, 2), 0)),
        [[], [Decimal("0.5")]],
        np.array([["0", "0"], ["1/2", "0"]]),
        np.array([[0, 0], [Fraction(1, 2), 0]], dtype=object),
        [np.array([0, 0]), ["1/2"]],
        [torch.tensor([0, 0]), ("0.5",)],
        sympy.Matrix([[0, 0], [S.Half, 0]]).tolist(),
    ],
)
@pytest.mark.parametrize("b", [[0, 1], ("0", "1"), np.array([0, 1]), torch.tensor([0, 1]), range(2)])
def test_a_table_in_lists_tuples_and_arrays(A: Any, b: Any) -> None:
    found = t2n.RungeKutta(A=A, b=b)
    assert (found.A, found.b, found.c) == (((0, 0), (S.Half, 0)), (0, 1), (0, S.Half))
    assert t2n.order(found) == 2
    whole = t2n.GeneralLinear(A=A, U=np.ones((2, 1), int), B=[b], V=torch.ones(1, 1, dtype=torch.int64))
    assert whole.A == found.A
    assert t2n.order(whole) == 2


def test_multistep_methods_of_arrays() -> None:
    found = t2n.Multistep(alpha=np.array([-1, 1]), beta=torch.tensor([1, 0]), derivative=np.int64(1))  # type: ignore[arg-type]
    assert (found.alpha, found.beta, found.derivative) == ((-1, 1), (1, 0), 1)
    added = t2n.AdditiveMultistep(alpha=np.array([-1, 1]), betas=np.array([[1, 0], [0, 1]]))  # type: ignore[arg-type]
    assert added.betas == ((1, 0), (0, 1))
    reads: Any = np.array([[2], [1]])
    assert t2n.PartitionedRungeKutta(parts=[euler(), euler()], reads=reads).reads == ((2,), (1,))  # type: ignore[arg-type]


def makers() -> dict[str, Callable[[Any], object]]:
    """Every place of every constructor that takes what is not text, as a function of what is put there."""
    one: dict[str, Any] = {"A": [[0]], "U": [[1]], "B": [[1]], "V": [[1]]}
    loose: Any = t2n.Multistep
    added: Any = t2n.AdditiveMultistep
    linear: Any = t2n.GeneralLinear
    parts: dict[str, Any] = {"additive": t2n.AdditiveRungeKutta, "partitioned": t2n.PartitionedRungeKutta}
    compose: Any = t2n.compose
    found: dict[str, Callable[[Any], object]] = {
        "A": lambda x: euler(A=x),
        "A[0]": lambda x: euler(A=[x]),
        "A[0][0]": lambda x: euler(A=[[x]]),
        "b": lambda x: euler(b=x),
        "b[0]": lambda x: euler(b=[x]),
        "c[0]": lambda x: euler(c=[x]),
        "b_hat[0]": lambda x: euler(b_hat=[x]),
        "parameters": lambda x: euler(parameters=x),
        "parameters[0]": lambda x: euler(parameters=[x]),
        "claims": lambda x: euler(claims=x),
        "digits": lambda x: euler(digits=x),
        "alpha": lambda x: loose(alpha=x, beta=[1, 0]),
        "alpha[0]": lambda x: loose(alpha=[x, 1], beta=[1, 0]),
        "beta": lambda x: loose(alpha=[-1, 1], beta=x),
        "beta[1]": lambda x: loose(alpha=[-1, 1], beta=[1, x]),
        "derivative": lambda x: loose(alpha=[-1, 1], beta=[1, 0], derivative=x),
        "betas": lambda x: added(alpha=[-1, 1], betas=x),
        "betas[0]": lambda x: added(alpha=[-1, 1], betas=[x]),
        "external": lambda x: linear(**one, external=x),
        "external[0]": lambda x: linear(**one, external=[x]),
        "external[1]": lambda x: linear(A=[[0]], U=[[1, 0]], B=[[1], [0]], V=[[1, 0], [0, 0]], external=["y", x]),
        "compose": compose,
        "compose[0]": lambda x: compose([x]),
        "weights": lambda x: compose([euler()], weights=x),
        "weights[0]": lambda x: compose([euler()], weights=[x]),
        "adjoint": t2n.adjoint,
        "load": t2n.load,
        "list": t2n.list_schemes,
    }
    found |= {f"linear {key}": lambda x, key=key: linear(**one | {key: x}) for key in one}
    found |= {f"{name} parts": lambda x, make=make: make(parts=x) for name, make in parts.items()}
    found |= {f"{name} parts[0]": lambda x, make=make: make(parts=[x]) for name, make in parts.items()}
    found |= {"reads": lambda x: parts["partitioned"](parts=[euler()], reads=x)}
    return found | {"reads[0]": lambda x: parts["partitioned"](parts=[euler()], reads=[x])}


anything = st.recursive(
    st.sampled_from([*HALVES, *ONES, *BAD]) | st.integers() | st.floats() | st.fractions() | st.decimals() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("place", makers())
@settings(max_examples=25, deadline=None)
@given(value=anything)
def test_anything_anywhere_is_a_scheme_or_a_line(place: str, value: Any) -> None:
    said, made = "", None
    try:
        made = makers()[place](value)
    except InputError as error:
        said = str(error)
    assert isinstance(made, t2n.Scheme | list) or (said and "\n" not in said and len(said) < 400)


@pytest.mark.parametrize("place", ["A[0][0]", "b[0]", "c[0]", "b_hat[0]", "alpha[0]", "beta[1]", "weights[0]"])
@pytest.mark.parametrize("rounded", [*ROUNDED, *NUMBERS[:-1]], ids=lambda value: type(value).__name__)
def test_what_is_not_exact_is_never_taken(place: str, rounded: Any) -> None:
    refused(lambda: makers()[place](rounded), place)


def test_the_hash_is_counted_once_and_stays_in_its_process():
    scheme = t2n.load("rk4")
    assert hash(scheme) == hash(replace(scheme))
    for copy in (pickle.loads(pickle.dumps(scheme)), deepcopy(scheme)):
        assert copy == scheme
        assert "_hash" not in vars(copy)  # another process has other hashes of text
        assert {scheme: 1}[copy] == 1
