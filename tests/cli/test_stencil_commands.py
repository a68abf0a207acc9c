"""The commands that take stencils: beside schemes where that makes sense, refused in one line where it does not."""

import json
import re

import pytest

import tableau2net as t2n
from tableau2net.scheme.saved import dumps


def test_show_of_a_stencil(run):
    code, out, err = run("show", "sbp-4-2")
    assert (code, err) == (0, "")
    for line in (
        "w │ 1/12  -2/3  0  2/3  -1/12",
        "-24/17",
        "left end",
        "(Du)[i] = (u[i-2] - 8 u[i-1]",
        "sbp = true  proved",
    ):
        assert line in out
    code, out, _ = run("show", "central-1-2", "--json", "--terms", "4")
    assert code == 0
    assert [term["derivative"] for term in json.loads(out)["operator"]] == [[1], [3], [5]]
    assert run("show", "central-1-2", "--latex")[1].count("\\[") == 2


def test_check_takes_stencils_and_schemes_together(run, tmp_path):
    (tmp_path / "mine.toml").write_text(dumps(t2n.load("upwind-3")))
    (tmp_path / "ours.toml").write_text(dumps(t2n.load("rk4")))
    code, out, err = run("check", tmp_path, "central-1-4", "bdf-2")
    assert (code, err, out.splitlines()[-1]) == (0, "", "4 checked, 4 true, 0 refuted")
    (tmp_path / "mine.toml").write_text(dumps(t2n.load("upwind-3")).replace("order = 3", "order = 4"))
    code, out, _ = run("check", tmp_path / "mine.toml")
    assert code == 1
    assert "order 4 fails at M_4 = 1/12, should be 0" in out
    record = json.loads(run("check", tmp_path / "mine.toml", "--json")[1])
    assert record[0]["failing"][0]["moment"] == [4]


def test_list_counts_each_kind(run):
    code, out, _ = run("list", "central-1-*")
    assert (code, out.splitlines()[-1].endswith("stencils")) == (0, True)
    assert {entry["family"] for entry in json.loads(run("list", "*-1-2", "--json")[1])} == {"stencil"}
    last = run("list", "*-2*")[1].splitlines()[-1]
    assert re.fullmatch(r"\d+ schemes, \d+ stencils, 1 equation and \d+ stochastic schemes", last)
    assert run("list", "burgers*")[1].splitlines()[-1] == "2 equations"


def test_an_equation_is_typeset(run):
    out = run("show", "burgers", "--latex")[1]
    assert r"\partial_t u &= \nu u_{xx} - u u_{x}" in out
    two = run("show", "gray-scott", "--latex")[1].splitlines()
    assert two[-3].startswith(r"\partial_t u &= \mathit{du} \left(u_{xx} + u_{yy}\right)")
    assert two[-2].startswith(r"\partial_t v &=")
    assert r"- 2 \Delta u - \Delta^{2} u" in run("show", "swift-hohenberg", "--latex")[1]


def test_compare_of_stencils(run):
    code, out, err = run("compare", "central-1-2", "upwind-1", "compact-1-4", "--markdown")
    assert (code, err) == (0, "")
    table = {
        cells[0]: cells[1:] for line in out.splitlines() for cells in [[c.strip() for c in line.strip("|").split("|")]]
    }
    assert [cell[0] for cell in table["order"]] == ["2", "1", "4"]
    assert table["symmetry"] == ["antisymmetric", "none", "antisymmetric"]
    assert table["unseen waves"] == ["the sawtooth", "none", "the sawtooth"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("compare", "central-1-2", "rk4"), "central-1-2 is a stencil and rk4 a scheme: compare like with like"),
        (("compare", "rk4", "heat"), "rk4 is a scheme and heat an equation: compare like with like"),
        (("show", "central-1-2", "--json", "--latex"), "choose one"),
    ],
)
def test_what_does_not_go_together(run, arguments, says):
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
