"""What a title, a label or a path says is shown as it is: no sink takes it for markup, a formula or a command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tableau2net.cli.options import labelled
from tableau2net.plot.schemes.stability_region import draw_stability
from tableau2net.scheme import load
from tableau2net.scheme.file import read

ROOT = str(Path(__file__).resolve().parents[2])
TITLE = r"[/] [bold]x[/bold] [link=http://a] :smile: $\frac$ $x <script>a('1')</script> \input{a} % & # _ | =cmd {0}"
SCHEME = """
format = 1
name = "type"
family = "multistep"
title = {title}
reference = {title}
alpha = ["-coefficients", "coefficients - 1", "1"]
beta = ["0", "1 + coefficients*gamma_", "0"]
[parameters.coefficients]
value = "1/3"
[parameters.gamma_]
value = "1/5"
"""
FOLDERS = ["[bold] [link=x] [x]", "$\\frac$ $", "-rf", "a\nb", "\x1b[31mred\x1b[2J", "日本 é", ":smile:"]


def run(folder, *arguments, status=0):
    environment = {**os.environ, "COLUMNS": "100", "PYTHONUTF8": "1", "PYTHONPATH": ROOT}
    done = subprocess.run(
        [sys.executable, "-m", "tableau2net", *arguments], cwd=folder, env=environment, capture_output=True, timeout=300
    )
    out, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == status, errors[-2000:]
    assert "\x1b" not in out + errors
    assert "Traceback" not in errors
    return out


@pytest.fixture(params=FOLDERS[:1])
def place(request, tmp_path):
    folder = tmp_path / request.param
    folder.mkdir()
    (folder / "[x] $y$.toml").write_text(SCHEME.format(title=json.dumps(TITLE)))
    return folder


def test_a_command_shows_what_a_title_says(place):
    shown = run(place, "show", "./[x] $y$.toml")
    assert " ".join(TITLE.split()) in " ".join(shown.split())
    assert "refuted" not in run(place, "check", str(place / "[x] $y$.toml"))


@pytest.mark.slow
@pytest.mark.parametrize("place", FOLDERS, indirect=True)
def test_every_command_shows_what_a_title_and_a_path_say(place):
    file = str(place / "[x] $y$.toml")
    assert json.loads(run(place, "show", file, "--json"))["title"] == TITLE
    which = FOLDERS.index(place.name)
    commands = (
        ["show", file, "--latex"], ["compare", file, "rk4"], ["compare", file, "rk4", "--markdown"],
        ["check", file, str(place)], ["check", str(place), "--json"], ["compile", file], ["compile", file, "--explain"],
        ["compile", "adams-bashforth-2", "--coefficients", "free"],
        ["plot", "stability", file, "rk4", "-o", str(place / "a.png")],
        ["generate", "multistep", "--steps", "2", "--order", "2", "-o", str(place / "b.toml")],
        ["compile", file, "--coefficients", "learnable", "-o", str(place / "c.py")],
    )  # fmt: skip
    for number, arguments in enumerate(commands):
        if number % len(FOLDERS) == which or number == len(FOLDERS) + which:  # each in one, all of them in some
            run(place, *arguments)
    if which == 0:
        run(place, "show", str(place / "[none].toml"), status=2)


@pytest.mark.parametrize("text", ["$\\frac$", "$$", "a $ b", "\\$x$"])
def test_no_figure_takes_a_label_for_a_formula(text):
    assert draw_stability({text: load("rk4"), "b": load("euler")}, format="svg", title=text)


def test_a_label_of_a_figure_is_what_it_says(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(SCHEME.format(title=json.dumps(TITLE)))
    assert draw_stability(labelled([read(path), read(path)]), format="png")
