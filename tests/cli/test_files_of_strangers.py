"""Files of strangers: one line, at once, whatever they are and say; nothing is written where they ask for it."""

import json
import os
import warnings

import pytest

import tableau2net as t2n
from tableau2net import InputError
from tableau2net.codegen import write_source
from tableau2net.exact.text import parse
from tableau2net.files import PARTIAL, write_atomically
from tableau2net.runs.finished import read_result
from tableau2net.runs.logged import read_logged
from tableau2net.runs.result import RESULT
from tableau2net.runs.stored import read_network
from tableau2net.scheme import load
from tableau2net.scheme.file import loads
from tableau2net.tables.grid import Grid
from tableau2net.tables.standing import beside, lock


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


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a\nb", "\x1b[2J", "__import__('os')", "-rf", "x" * 1000])
def test_a_table_names_no_network_that_is_none(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for text in (f"[[networks]]\nname = 'a'\nmodel = {json.dumps(name)}", f"grid.model = [{json.dumps(name)}]"):
        (tmp_path / "t.toml").write_text(f"format = 1\n{text}\n")
        code, out, err = run("table", "t.toml", "--dry-run")
        assert (code, out, err.rstrip("\n").isprintable()) == (2, "", True), err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["t.toml"]


@pytest.mark.parametrize("number", [f"0x{'f' * 5000}", f"[[{{ a = 0b{'1' * 20000} }}]]"])
@pytest.mark.parametrize(
    "key", ["format", "family", "digits", "name", "A", "claims", "grid", "out", "common", "nobody"]
)
def test_whole_numbers_that_python_does_not_write(tmp_path, key, number):
    known = {"format": "1", "family": '"runge-kutta"'} | {key: number}
    (tmp_path / "x.toml").write_text("".join(f"{k} = {v}\n" for k, v in known.items()))
    refused(load, tmp_path / "x.toml")
    refused(Grid.read, tmp_path / "x.toml")


@pytest.mark.parametrize("text", ["1if 1else 2", "0x1for x in y", "1is 1", "'\\d'", "()()"])
def test_a_number_that_is_none_is_one_line_and_no_warning(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(parse, text)


@pytest.mark.parametrize("value", ["1e400", "-1e400", "1e309*sqrt(2)"])
@pytest.mark.parametrize("options", [{}, {"coefficients": "learnable"}, {"coefficients": "free"}])
def test_a_coefficient_beyond_floating_point_is_refused(value, options):
    scheme = loads(
        f'format = 1\nfamily = "multistep"\nalpha = ["k", "-1-k", "1"]\nbeta = ["0", "1", "0"]\n'
        f'[parameters.k]\nvalue = "{value}"'
    )
    refused(lambda: t2n.compile(scheme, **options))
    refused(lambda: write_source(scheme, **options))


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


def test_nothing_is_written_in_the_place_of_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "stream").symlink_to("/proc/self/fd/1")
    before = sorted(path.lstat().st_ino for path in tmp_path.iterdir())
    for name in ("pipe", "device", "stream"):
        refused(write_atomically, tmp_path / name, "x")
    assert sorted(path.lstat().st_ino for path in tmp_path.iterdir()) == before


def test_nothing_is_written_through_a_link_or_a_pipe(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name, trap in (("a", os.symlink), ("b", None)):
        partial = tmp_path / f".{name}{PARTIAL}"
        trap(precious, partial) if trap else os.mkfifo(partial)
        refused(write_atomically, tmp_path / name, "x")
    beside(tmp_path / "run", ".lock").parent.mkdir()
    beside(tmp_path / "run", ".lock").symlink_to(tmp_path / "made")
    refused(lock(tmp_path / "run").__enter__)
    assert not (tmp_path / "made").exists()
    (tmp_path / "c").symlink_to(precious)
    write_atomically(tmp_path / "c", "x")
    assert precious.read_text() == "mine"
