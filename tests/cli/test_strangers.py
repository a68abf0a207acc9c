"""Whatever a scheme file holds, a command ends in time, in bounds and in a line; and so does every scheme of ours."""

import re
import sys

import pytest

from tableau2net.scheme.constructed.patterns import PATTERNS
from tableau2net.scheme.library import list_schemes
from tests.cli.bounded import bounded
from tests.cli.strangers import stranger_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")

COMMANDS = (
    ("show", "FILE"), ("show", "FILE", "--json"), ("check", "FILE"), ("compare", "FILE", "rk4"), ("compile", "FILE"),
    ("plot", "stability", "FILE", "-o", "OUT"), ("compile", "FILE", "--explain"), ("check", "FILE", "--json"),
)  # fmt: skip
# what took minutes or gigabytes, at its largest
WORST = ("gauss-9", "gauss-10", "gauss-24", "radau-iia-11", "rkc1-64", "rkc2-30", "feagin-108", "verner-89", "bdf-40")


@pytest.fixture(scope="module", autouse=True)
def ready():
    """What the commands import, once."""
    import tableau2net.cli.explain
    import tableau2net.cli.scheme_display
    import tableau2net.codegen
    import tableau2net.plot.schemes.stability_region  # noqa: F401


def try_file(seed, folder):
    """One command on the file of a seed; which one, the seed says."""
    text = stranger_file(seed)
    path, figure = folder / "own.toml", folder / "out.png"
    path.write_text(text)
    command = [{"FILE": str(path), "OUT": str(figure)}.get(word, word) for word in COMMANDS[seed % len(COMMANDS)]]
    done = bounded(command, seconds=20, mebibytes=1024)
    assert done.status in (0, 1, 2), (seed, command, done)
    assert done.status != 2 or len(done.said.splitlines()) == 1, (seed, command, done)
    assert {p.name for p in folder.iterdir()} <= {"own.toml"} | ({"out.png"} if done.status == 0 else set()), seed
    figure.unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(0, 121, 11))
def test_a_file_of_a_stranger(tmp_path, seed):
    try_file(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1600, 200))
def test_many_files_of_strangers(tmp_path, start):
    for seed in range(start, start + 100):
        try_file(seed, tmp_path)


LARGEST = [name for made in PATTERNS.values() if (name := made.name(made.members[-1])) not in WORST]


def try_scheme(name):
    for command in (["show", name], ["show", name, "--json"], ["check", name]):
        done = bounded(command, seconds=10, mebibytes=1024)
        assert done.status in (0, 1) or (done.status == 2 and re.search("more|not decided", done.said)), (command, done)
        assert done.mebibytes < 500, (command, done)


@pytest.mark.parametrize("name", WORST[1:2])
def test_a_scheme_that_is_large(name):
    try_scheme(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*WORST, *LARGEST[::2]])
def test_the_largest_of_every_family(name):
    """Of every other one."""
    try_scheme(name)


@pytest.mark.slow
def test_schemes_of_the_list():
    """One in six, each in a process of its own."""
    for name in list_schemes()[::6]:
        done = bounded(["show", name], seconds=10, mebibytes=1024)
        assert done.status == 0, (name, done)
        assert done.mebibytes < 500, (name, done)
