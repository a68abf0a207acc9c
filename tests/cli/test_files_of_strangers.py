"""Files of strangers: one line, at once, whatever they are and say; nothing is written where they ask for it."""

import json
import os
import subprocess
import sys

import pytest

from tableau2net import InputError
from tableau2net.scheme import load
from tableau2net.training.comparison.finished import read_result
from tableau2net.training.logged import read_logged
from tableau2net.training.results import RESULT
from tableau2net.training.stored import read_network
from tableau2net.training.table.grid import Grid


def never_ending(folder):
    """Things that are no files by every name of a run's."""
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "folder").mkdir()
    return [folder / name for name in ("pipe", "device", "folder")]


def refused(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_what_is_no_file_is_not_read(tmp_path):
    for thing in never_ending(tmp_path):
        refused(load, thing.rename(thing.with_suffix(".toml")))
        thing = thing.with_suffix(".toml")
        refused(Grid.read, thing)
        for name in (RESULT, "network.json", "model.safetensors", "log.jsonl", "checkpoint.safetensors"):
            run = tmp_path / f"run-{thing.stem}-{name}"
            run.mkdir()
            (run / RESULT).write_text("{}")
            (run / name).unlink(missing_ok=True)
            (run / name).symlink_to(thing)
            refused(read_result, run / RESULT)
            refused(read_network, run)
            refused(read_logged, run)


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "null", "[1]", "{}", '{"model": 3}', "[" * 100_000, '{"a": ' * 50_000, "1e999", "NaN", "\x00",
        "\ud800",
        '{"model": "\\u001b[2J", "scheme": "../../x"}',
    ],
)  # fmt: skip
def test_a_result_that_is_none(tmp_path, text):
    (tmp_path / RESULT).write_text(text, encoding="utf-8", errors="surrogatepass")
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 8 + b"{}")
    (tmp_path / "log.jsonl").write_text(text or "{", encoding="utf-8", errors="surrogatepass")
    for function in (lambda folder: read_result(folder / RESULT), read_network, read_logged):
        refused(function, tmp_path)


@pytest.mark.parametrize("out", ["../../x", "..", "a/../../b", "a\nb", "\u202e", "", " ", "link/x", "link"])
def test_a_table_names_no_folder_outside(tmp_path, monkeypatch, out):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "link").symlink_to(tmp_path)
    (here / "t.toml").write_text(f'format = 1\nout = {json.dumps(out)}\ngrid.scheme = ["euler"]\n')
    refused(Grid.read, "t.toml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a\nb", "\x1b[2J", "__import__('os')", "-rf", "x" * 1000])
def test_a_table_names_no_network_that_is_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for text in (f"[[networks]]\nname = 'a'\nmodel = {json.dumps(name)}", f"grid.model = [{json.dumps(name)}]"):
        (tmp_path / "t.toml").write_text(f"format = 1\n{text}\n")
        done = subprocess.run(
            [sys.executable, "-m", "tableau2net", "table", "t.toml", "--list"], capture_output=True, timeout=100
        )
        assert done.returncode == 2, done
        assert done.stderr.decode().rstrip("\n").isprintable()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["t.toml"]


def test_labels_of_a_table_are_folders_in_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    labels = ["../../x", "/a", "a b", "$x$", "[b]", "x.", ".h", "-r", "a/b"]
    networks = "".join(f'[[networks]]\nname = "{label}"\nscheme = "euler"\n' for label in labels)
    (tmp_path / "t.toml").write_text("format = 1\n" + networks)
    try:
        runs = Grid.read("t.toml").runs
    except InputError:  # two of one folder
        return
    assert {run.folder.parent for run in runs} == {runs[0].folder.parent}
    assert all(run.folder.name not in ("", ".", "..") for run in runs)
