"""`save` is the inverse of `load`: an equal table comes back, and nothing is lost that was there before."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings

import tableau2net as t2n
from tableau2net.errors import InputError
from tableau2net.exact.text import file_text, parse, symbol
from tableau2net.scheme import CoefficientTable, list_tables, multirate
from tableau2net.scheme.registered import families
from tableau2net.testing import degenerate

# one of each family, with surds, parameters, decimals, claims, tables within and functions of z among them
EXAMPLES = (
    "gauss-2", "lm", "dormand-prince-54", "imex-bdf-2", "ars-222", "mclachlan-atela-4", "avf", "irks-3",
    "rosenbrock-23", "rodas4", "hochbruck-ostermann-4", "exponential-adams-3", "sriw1", "mri-gark-erk33a",
    "central-1-4", "ssprk-33",
)  # fmt: skip


def kept(table, path):
    table.save(path)
    return t2n.load(path, CoefficientTable)


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_saved_is_loaded(name, tmp_path):
    for table in (t2n.load(name, CoefficientTable), t2n.load(name, CoefficientTable).at_defaults()):
        back = kept(table, tmp_path / f"{len(table.claims)}.toml" if table.claims else tmp_path / "at-defaults.toml")
        assert back == table
        assert (type(back), back.claims) == (type(table), table.claims)


@pytest.mark.slow
def test_every_table_of_the_library_is_saved(tmp_path):
    seen = set()
    for name in list_tables():
        table = t2n.load(name, CoefficientTable)
        found = kept(table, tmp_path / f"{name}.toml")
        assert (found, found.claims) == (table, table.claims), name
        seen.add(table.family)
        if type(table) is t2n.RungeKutta and len(table.coefficients) <= 12:
            assert kept(table.freed(), tmp_path / f"{name}-freed.toml") == table.freed(), name
    assert seen == {name for name, family in families().items() if family.__module__.startswith("tableau2net.")}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scheme=degenerate())
def test_whatever_can_be_declared_can_be_saved(scheme, tmp_path):
    scheme.save(tmp_path / "any.toml", overwrite=True)
    assert t2n.load(tmp_path / "any.toml") == scheme


def test_nothing_is_overwritten_unless_that_is_asked_for(tmp_path):
    euler, path = t2n.load("euler"), tmp_path / "folder" / "mine.toml"
    euler.save(path)
    with pytest.raises(InputError, match=r"mine\.toml: is there already; write overwrite=True"):
        t2n.load("rk4").save(path)
    assert t2n.load(path) == euler
    t2n.load("rk4").save(str(path), overwrite=True)
    assert t2n.load(path) == t2n.load("rk4")
    assert [file.name for file in path.parent.iterdir()] == ["mine.toml"]


@dataclass(frozen=True)
class Own(t2n.RungeKutta):
    """Not registered, and a file would come back as another class."""


@pytest.mark.parametrize(
    ("table", "path", "says"),
    [
        (lambda: t2n.load("euler"), "mine", r"mine: name a \.toml file"),
        (lambda: t2n.load("euler"), ".", r"name a \.toml file"),
        (lambda: Own(A=[[]], b=[1]), "own.toml", "Own is no family that files name"),
        (lambda: multirate("mri-gark-erk33a", "rk4"), "own.toml", "Multirate is no family that files name"),
        (lambda: t2n.load("gauss-8").freed(), "own.toml", r"\d+ parameters, at most 64 are read"),
    ],
)
def test_what_cannot_be_saved(table, path, says, tmp_path):
    with pytest.raises(InputError, match=says):
        table().save(tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_schemes_to_compose_are_named(tmp_path):
    euler, back = t2n.load("euler"), t2n.load("backward-euler")
    euler.save(tmp_path / "mine.toml")
    expected = t2n.compose([euler, back], ["1/3", "2/3"])
    assert t2n.compose([tmp_path / "mine.toml", "backward-euler"], ["1/3", "2/3"]) == expected
    assert t2n.compose(schemes=["euler", back], weights=["1/3", "2/3"]) == expected
    for strange in (3.5, "rk4", ["no-such"], ["central-1-2"], [3], []):
        with pytest.raises(InputError) as caught:
            t2n.compose(strange)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["1/(2 + x)/2", "(x + 2)/x*3", "-x*(2 + x)/(1 + x)**2*3/2", "x - (2 + x)*x/3"])
def test_a_number_before_a_sum_stays_there(text):
    x = symbol("x")
    assert parse(file_text(parse(text, {"x": x})), {"x": x}) == parse(text, {"x": x})
