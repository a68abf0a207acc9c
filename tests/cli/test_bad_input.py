"""Bad input of any kind is one line and exit status 2, whichever layer finds it."""

import subprocess
import sys

import pytest

import tableau2net as t2n
from tableau2net.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show"], "Missing argument"),
        (["show", "rk4", "--nothing"], "--nothing"),
        (["train", "--epochs", "many"], "--epochs"),
        (["nothing"], "nothing"),
        (["compile", "rk4", "--keep-order", "0"], "--keep-order"),
    ],
)
def test_a_call_that_does_not_parse_is_one_line_that_names_the_help(run, arguments, said):
    code, out, err = run(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("tableau2net: ")
    assert said in err
    assert "--help`" in err


@pytest.mark.parametrize("command", [["compile", "rk4"], ["generate", "runge-kutta", "--stages", "2", "--order", "2"]])
def test_a_folder_is_no_file_to_write(run, command):
    code, out, err = run(*command, "-o", ".")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "is a folder" in err


@pytest.mark.parametrize(
    "option",
    [
        "widths=abc",
        "widths=4",
        "widths=[]",
        "widths=[0]",
        "widths=[4,8,99999999]",
        "widths=[4,true]",
        "h=NaN",
        "h=0",
        "h=abc",
        "dropout=abc",
        "survival=[]",
        "keep_order=abc",
        "iterations=abc",
        "tolerance=abc",
        "opening=-1",
    ],
)
def test_a_value_that_no_network_takes(run, option):
    code, out, err = run("summary", "resnet14", "--option", option)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"tableau2net: {option.partition('=')[0]}=")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("neural_ode_rk4_2", {"horizon": "long"}),
        ("neural_ode_adaptive", {"rtol": "small"}),
        ("neural_ode_rk4_2", {"width": 2.5}),
        ("fractalnet20", {"drop": "abc"}),
        ("hamiltonian14", {"activation": "relu"}),
        ("dynamic_rk4_parabolic", {"in_channels": 0}),
        ("resnet14", {"num_classes": True}),
    ],
)
def test_the_same_of_every_family(name, option):
    with pytest.raises(InputError, match=next(iter(option))):
        t2n.create_model(name, **option)


def test_what_may_be_left_out_may_be_none():
    t2n.create_model("resnet14", widths=(4, 4, 4), opening=None, survival=None, keep_order=None)


def test_a_seed_that_torch_does_not_take(run, tmp_path):
    code, _, err = run(
        "train", "--model", "resnet14", "--data", "glyphs:20:20", "--seed", 2**70, "--out", tmp_path / "run"
    )
    assert (code, len(err.splitlines())) == (2, 1)
    assert "--seed" in err


def test_nothing_found_is_no_empty_table(run):
    assert run("list", "no-such-*") == (0, "0 schemes\n", "")


def test_a_reader_that_has_gone_is_no_refutation():
    with subprocess.Popen([sys.executable, "-m", "tableau2net", "list"], stdout=subprocess.PIPE) as going:
        assert going.stdout is not None
        going.stdout.close()
        assert going.wait(60) == 0
