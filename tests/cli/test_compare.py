"""Schemes side by side."""

import json

import pytest

from tableau2net.analysis.report.pieces import Fact
from tableau2net.cli.compare import fitting_groups, merged_names


@pytest.mark.parametrize("width", ["60", "80", "200"])
def test_it_fits_the_terminal(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    names = ("rk4", "gauss-2", "lm", "bdf-3", "dormand-prince-54", "backward-euler", "ssprk-33")
    code, out, err = run("compare", *names)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= int(width)
    assert all(name in out for name in names)


def test_each_cell_is_the_fact_of_its_scheme(run):
    code, out, _ = run("compare", "rk4", "bdf-3", "backward-euler", "--markdown")
    assert code == 0
    head, rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines()]
    assert head == ["", "rk4", "bdf-3", "backward-euler"]
    assert set(rule) == {"---"}
    table = {row[0]: row[1:] for row in rows}
    assert len(table) == len(rows)
    assert [cell[:1] for cell in table["order"]] == ["4", "3", "1"]
    assert table["A-stable"] == ["no", "no", "yes"]
    assert table["zero-stable"] == ["–", "yes", "–"]
    assert table["principal error norm"][0] == "0.014505"
    assert table["real interval"] == ["[−2.7853, 0]", "(−∞, 0]", "(−∞, 0]"]
    assert all(len(row) == 4 for row in rows)


def test_as_json_it_is_what_show_prints(run):
    code, out, _ = run("compare", "rk4", "lm", "--json")
    assert code == 0
    both = json.loads(out)
    for name, found in zip(("rk4", "lm"), both, strict=True):
        assert found == json.loads(run("show", name, "--json")[1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rk4", "rk44"], "did you mean rk4"),
        (["rk4", "--json", "--markdown"], "choose one"),
        (["rk4"] * 41, "at most 40"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, arguments, says):
    code, out, err = run("compare", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert says in line


def test_columns_go_below_one_another_where_they_do_not_fit():
    assert list(fitting_groups([20, 20, 20, 50], 44)) == [range(2), range(2, 3), range(3, 4)]
    assert list(fitting_groups([20], 5)) == [range(1)]


def test_facts_keep_their_order():
    def column(*names):
        return [Fact(name, ("",), section="order") for name in names]

    assert merged_names([column("a", "c"), column("a", "b", "c", "d"), column("e")]) == ["e", "a", "b", "c", "d"]
