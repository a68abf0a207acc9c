"""What is printed reaches what it is printed to, whatever that is."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tableau2net.cli import main

COMMANDS = ("show lm", "show gauss-2 --json", "list rk*", "compare rk4 lm", "check rk4", "compile rk4 --explain")


def printed(monkeypatch, encoding, command):
    """What a command writes to a stdout of that encoding, in bytes."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["tableau2net", *command.split()])
    with contextlib.suppress(SystemExit):
        main()
    stream.flush()
    return stream.buffer.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_in_every_encoding(monkeypatch, encoding, command):
    assert printed(monkeypatch, encoding, command).decode(encoding)


def test_what_an_encoding_has_not_is_said_plainly(monkeypatch):
    text = printed(monkeypatch, "ascii", "show lm").decode("ascii")
    assert "order 1 needs" in text
    assert "-k = 0 at tau" in text
    assert "+---" in text
    assert "Phi(zeta, z) = zeta^2 + (k - 1 - z)*zeta - k" in text
    assert "\\u" not in text


def test_json_says_the_same_in_ascii(monkeypatch):
    plain, unicode = (json.loads(printed(monkeypatch, e, "show rk4 --json").decode(e)) for e in ("ascii", "utf-8"))
    assert plain == unicode
    assert "–" in plain["title"]


@pytest.mark.parametrize("columns", ["1", "0", "-5", "abc", "²", "9" * 5000, "", "99999"])
@pytest.mark.parametrize("command", ["list rk*", "compare rk4 lm", "compile rk4 --explain", "show euler"])
def test_a_terminal_of_any_width(monkeypatch, columns, command):
    monkeypatch.setenv("COLUMNS", columns)
    text = printed(monkeypatch, "utf-8", command).decode()
    assert text
    assert max(map(len, text.splitlines())) < 1000


def test_a_name_that_is_no_text(run, tmp_path):
    """A byte that is no UTF-8 reaches us as a lone surrogate, which no encoding has."""
    code, out, err = run("check", tmp_path / "\udcff.toml")
    assert (code, out, len(err.splitlines())) == (2, "", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "tableau2net", "list"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr.decode() == "tableau2net: No space left on device\n"


def test_closed_streams():
    code = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    run = subprocess.run([sys.executable, "-c", code, "-m", "tableau2net", "list", "rk*"])
    assert run.returncode == 0


def test_an_environment_that_matplotlib_refuses_and_a_folder_that_has_been_removed(tmp_path):
    code = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "
        "os.execv(sys.executable, [sys.executable, '-m', 'tableau2net', *sys.argv[1:]])"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, "plot", "stability", "euler", "-o", str(tmp_path / "a.png")],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "nonsense", "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.png").exists()
