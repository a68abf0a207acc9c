"""Every number that a command takes, where it is none, or one out of all bounds."""

from typing import get_args, get_type_hints

import pytest

from tableau2net.cli import app

COMMANDS = {info.name or info.callback.__name__: info.callback for info in app.registered_commands}
GIVEN = {
    "list": [], "show": ["rk4"], "check": ["rk4"], "compare": ["rk4"], "plot": ["stability", "rk4", "-o", "x.png"],
    "generate": ["multistep", "--order", "1", "--steps", "1"], "compile": ["rk4"], "models": [],
    "summary": ["resnet14"],
    "train": ["--data", "glyphs:20:20", "--epochs", "1", "--depth", "8"], "refine": ["run", "-o", "x"],
    "table": ["run"], "evaluate": ["run"], "cfl": ["rk4", "central-1-4"], "discover": ["heat"], "trees": ["4"],
}  # fmt: skip
NONE = ("", "nan", "-inf", "1e999", "9" * 30, "-" + "9" * 30, "9" * 5000)
NUMBERS = [
    (name, f"--{option.replace('_', '-')}", kind)
    for name, command in COMMANDS.items()
    for option, hint in get_type_hints(command).items()
    for kind in {int, float} & {hint, *get_args(hint)}
]


def test_there_are_many():
    assert len(NUMBERS) > 25
    assert set(COMMANDS) == set(GIVEN)


@pytest.mark.parametrize(("name", "option", "kind"), NUMBERS)
def test_what_is_no_number_is_one_line(run, tmp_path, monkeypatch, name, option, kind):
    monkeypatch.chdir(tmp_path)
    for value in NONE:
        if kind is float and value.strip("-").isdigit() and len(value) < 300:
            continue  # a float may be large
        code, out, err = run(name, *GIVEN[name], f"{option}={value}")
        assert (code, out, len(err.splitlines())) == (2, "", 1), (value, code, out, err)
        assert len(err) < 300
        assert option in err
    assert not list(tmp_path.iterdir())


EXTREME = ("99999999999", "-99999999999", "9223372036854775807", "-1", "0")
REFUSED = {
    ("train", "--num-threads"), ("train", "--size"), ("train", "--workers"), ("table", "--jobs"),
    ("summary", "--num-classes"), ("show", "--terms"), ("generate", "--order"),
    ("generate", "--steps"), ("generate", "--stages"), ("generate", "--embedded"), ("compile", "--keep-order"),
    ("cfl", "--terms"), ("cfl", "--dimension"), ("discover", "--points"), ("discover", "--keep-order"),
    ("discover", "--mesh"),
    ("discover", "--derivatives"), ("discover", "--degree"), ("discover", "--upwind"), ("discover", "--trajectories"),
    ("discover", "--grid"), ("discover", "--times"), ("discover", "--rollout"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "option"), sorted(REFUSED))
def test_a_number_that_nothing_has_so_many_of_is_one_line(run, tmp_path, monkeypatch, name, option):
    monkeypatch.chdir(tmp_path)
    for value in EXTREME[:3]:
        code, out, err = run(name, *GIVEN[name], f"{option}={value}")
        assert (code, len(err.splitlines())) == (2, 1), (value, code, out, err)
        assert len(err) < 300
    assert not list(tmp_path.iterdir())
