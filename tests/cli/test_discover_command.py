"""`tableau2net discover`: what it prints, writes and refuses."""

import json

import pytest

BURGERS = ("discover", "burgers-1d", "--trajectories", "3", "--times", "5", "--rollout", "4", "--grid", "64")


def test_json_is_all_that_is_printed(run):
    status, out, err = run(*BURGERS, "--scheme", "euler", "--scheme", "rk4", "--json")
    assert status == 0
    found = json.loads(out)
    assert [each["scheme"] for each in found["found"]] == ["euler", "rk4"]
    assert {c["term"] for c in found["found"][1]["coefficients"]} == {"u_xx", "u*u_x"}
    assert "rk4, block 1" in err


@pytest.mark.slow
def test_a_folder_holds_what_is_printed(run, tmp_path):
    status, out, _ = run(*BURGERS, "--json", "--out", tmp_path / "found")
    assert status == 0
    assert json.loads(out) == json.loads((tmp_path / "found" / "result.json").read_text())
    assert run(*BURGERS, "--out", tmp_path / "found")[0] == 2


def test_a_table_and_the_equation_are_printed(run):
    status, out, err = run(*BURGERS, "--quiet")
    assert (status, err) == (0, "")
    assert "exactly the true terms" in out
    assert "u_t = 0.1" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nothing",), "nothing: no such data; a .npz file, or one of advection"),
        (("no.npz",), "no.npz: no such file"),
        (("no.npz", "--noise", "0.1"), "--noise: is of data that is drawn by name"),
        (("heat", "--noise", "-1"), "--noise -1"),
        (("heat", "--blocks", "2,1"), "--blocks '2,1'"),
        (("heat", "--scheme", "central-1-4"), "central-1-4"),
        (("heat", "--scheme", "nothing"), "nothing"),
        (("heat", "--equation", "net"), "equation 'net'"),
        (("heat", "--upwind", "-1"), "upwind -1"),
        (("heat", "--pairs", "0"), "pairs 0"),
        (("heat", "--out", "/proc/no/folder"), "/proc/no/folder: cannot be written"),
        (("burgers-2d", "--equation", "linear"), "burgers-2d: 2 states"),
        (("convection-diffusion", "--equation", "library"), "coefficients depend on the place"),
    ],
)
def test_what_cannot_be_is_one_line(run, arguments, line):
    status, out, err = run("discover", *arguments)
    assert (status, out) == (2, "")
    assert line in err
    assert len(err.splitlines()) == 1
