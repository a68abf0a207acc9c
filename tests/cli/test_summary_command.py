"""`tableau2net summary`: the same report as the function's, and one line where it cannot be."""

import json
import subprocess
import sys

import pytest
import torch

import tableau2net as t2n
from tableau2net.nn.overview import summary


def test_it_is_the_report_of_the_function(run):
    code, out, _ = run("summary", "lm_resnet20", "--num-classes", "7", "--input-size", "3,16,16", "--json")
    torch.manual_seed(0)
    expected = summary(t2n.create_model("lm_resnet20", num_classes=7), (3, 16, 16)).to_dict()
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(expected))


def test_a_scheme_and_options_of_the_network(run):
    code, out, _ = run("summary", "resnet20", "--scheme", "rk4", "--option", "stage_weights=independent", "--json")
    first = json.loads(out)["blocks"][0]
    assert code == 0
    assert (first["scheme"], first["order"], first["nominal"], first["independent_order"]) == ("rk4", 4, True, 1)


def test_the_table_says_all_in_a_hundred_columns(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run("summary", "resnet20", "--scheme", "rk4", "--option", "stage_weights=independent")
    assert code == 0
    for said in ("blocks.2", "rk4", "4 nominal", "1 real", "3 × 1", "or checkpoint", "h·L"):
        assert said in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_net"], "no_such_net"),
        (["resnet20", "--scheme", "no-such-scheme"], "no-such-scheme"),
        (["resnet20", "--input-size", "3,32,wide"], "--input-size '3,32,wide': write channels,rows,columns"),
        (["resnet20", "--input-size", "0,32,32"], "write channels,rows,columns"),
        (["resnet20", "--input-size", "5,32,32"], "does not take such images"),
        (["resnet20", "--option", "colour"], "write KEY=VALUE"),
        (["resnet20", "--option", "num_classes=3"], "write KEY=VALUE"),
        (["resnet20", "--option", "colour=red"], "colour"),
    ],
)
def test_bad_input_is_one_line(run, arguments, said):
    code, out, err = run("summary", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_torch_is_imported_by_the_command_alone():
    text = "import sys, tableau2net.cli.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


def test_a_narrow_terminal_has_all_of_it_too(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = run("summary", "lm_resnet20")
    assert code == 0
    for said in ("blocks.0", "blocks.2", "lm, order 0", "evals", "or reversible", "1 start-up", "h·L", "warning"):
        assert said in " ".join(out.split())
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 60
