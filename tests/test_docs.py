"""The python of every page runs, from top to bottom as a reader would run it, and prints what stands behind its arrows.

A new page is run without being listed anywhere.
"""

import re
import shutil
import subprocess
import sys

import pytest

from tests.pages import BLOCK, CODE, PAGES, ROOT

SLOW = tuple(
    f"docs/{name}.md" for name in ("control", "convert", "extending", "flows", "multirate", "table", "testing")
)
# what adds to the schemes or settings of other tests has a process of its own; what is to stand before it
APART = {
    "docs/extending.md": "",
    "docs/testing.md": "import hypothesis\nhypothesis.settings.register_profile('unhurried', deadline=None)\n"
    "hypothesis.settings.load_profile('unhurried')\n",  # on a machine that others use too
}
TABLE = 'format = 1\n[grid]\nscheme = ["euler"]\ndepth = [8]\ndata = ["glyphs:60:10"]\n'


def pages(names):
    return [pytest.param(name, id=name, marks=[pytest.mark.slow] if name in SLOW else []) for name in names]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What a reader of a page has: the tables of his own that it is about."""
    for file in (ROOT / "examples" / "own_schemes").glob("*.toml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", pages(sorted(CODE.keys() - APART.keys())))
def test_a_page_is_true(name, folder, capsys):
    (folder / "FILE.toml").write_text(TABLE)
    exec(compile(CODE[name], ROOT / name, "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out.splitlines()
    assert printed == promised(name) or not promised(name)


@pytest.mark.parametrize("name", pages(APART))
def test_a_page_that_adds_to_what_there_is_is_true(name, folder):
    done = subprocess.run([sys.executable, "-c", APART[name] + CODE[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == promised(name)


def promised(name):
    return re.findall(r"# → (.*)", CODE[name])


def test_no_block_is_missed():
    """None stands in a list, or is opened in another way."""
    assert len(CODE) > 20
    assert CODE.keys() >= {*SLOW, *APART}
    for name, text in PAGES.items():
        opened = re.findall(r"^\W*(?:`{3,}|~{3,}) *py", text, re.MULTILINE | re.IGNORECASE)
        assert len(BLOCK.findall(text)) == len(opened), name
