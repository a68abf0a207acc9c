"""The file of a table: what it stands for, and every kind of mistake in it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tableau2net.declared import plain as plain_of
from tableau2net.errors import InputError
from tableau2net.recipes.presets import PRESETS
from tableau2net.runs.run_spec import RunSpec
from tableau2net.tables import Grid
from tableau2net.tables.preflight import check_data, check_runs
from tableau2net.tables.table_file import MAX_BYTES
from tableau2net.training import Recipe

Writer = Callable[[str], Path]

FULL = """
format = 1
title = "Table 1"
out = "somewhere"
baseline = "ResNet"

[common]
data = "cifar10"
validation = 5000
recipe = { epochs = 3, milestones = [0.25, 0.5] }

[grid]
depth = [20, 32]
seed = [0, 1, 2]

[[networks]]
name = "ResNet"
scheme = "euler"
published = { 20 = 8.75, 32 = 7 }

[[networks]]
name = "AdamNet k=2 (A)"
scheme = "adamnet-2"
coefficients = "learnable"
recipe.lr = 0.05
options = { shortcut = "conv" }
published = 8.0

[[networks]]
name = "RevNet"
model = "revnet{depth}"
grid = { depth = [38], "options.survival" = [1.0, 0.9] }

[[networks]]
name = "wide"
model = "wide_resnet16_8"

[published]
source = "Yan 2019, Table 1"
epochs = 160
train = 50000
test = 10000
"""


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def to(text: str) -> Path:
        path = tmp_path / "small.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to


def test_a_whole_file(write: Writer) -> None:
    grid = Grid.read(write(FULL))
    assert (grid.title, grid.out, grid.baseline) == ("Table 1", Path("somewhere"), "ResNet")
    assert grid.published is not None
    assert grid.published.epochs == 160
    assert grid.labels == (
        "ResNet", "AdamNet k=2 (A)", "RevNet (survival=1.0)", "RevNet (survival=0.9)", "wide",
    )  # fmt: skip
    # Three seeds of: two depths, two depths, one depth twice, and one that its name says.
    assert len(grid.runs) == 3 * (2 + 2 + 2 + 1)
    assert [run.seed for run in grid.runs] == sorted(run.seed for run in grid.runs)
    by = {run.key: run for run in grid.runs}
    assert len(by) == len(grid.runs) == len({run.folder for run in grid.runs})

    plain = by["ResNet, depth 32, seed 1"]
    assert plain.folder == Path("somewhere/ResNet-32-seed1")
    assert (plain.label, plain.depth, plain.seed, plain.published) == ("ResNet", 32, 1, 7.0)
    recipe = Recipe(epochs=3, milestones=(0.25, 0.5))
    asked = {"data": "cifar10", "validation": 5000, "depth": 32, "seed": 1, "scheme": "euler", "recipe": recipe}
    assert plain.asked == RunSpec.of(asked)

    learnt = by["AdamNet k=2 (A), depth 20, seed 0"]
    assert learnt.folder.name == "AdamNet-k-2-A-20-seed0"
    assert learnt.published == 8.0
    assert learnt.asked.recipe == Recipe(epochs=3, milestones=(0.25, 0.5), lr=0.05)
    assert learnt.asked.network.options["coefficients"] == "learnable"
    assert learnt.asked.network.options["shortcut"] == "conv"

    rev = by["RevNet (survival=0.9), depth 38, seed 2"]
    assert (rev.asked.network.model, rev.asked.network.options) == ("revnet38", {"survival": 0.9})
    assert rev.asked.network.depth is None
    wide = by["wide, seed 0"]
    assert wide.depth is None
    assert wide.folder.name == "wide-seed0"
    for run in grid.runs:  # a worker gets them as JSON
        assert RunSpec.read(json.loads(json.dumps(plain_of(run.asked))), "a worker") == run.asked


def test_the_file_of_the_documentation(write: Writer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "table.md").read_text(encoding="utf-8")
    whole, match = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    grid = Grid.read(write(whole))
    assert len(grid.runs) == 3 * (2 + 2 + 2)
    check_runs(grid.runs)
    plain = whole.partition('[[networks]]\nname = "RevNet"')[0]
    assert any(run.matched for run in Grid.read(write(plain + match)).runs)


def test_schemes_of_the_grid_are_networks_where_there_are_none(write: Writer) -> None:
    grid = Grid.read(write('format = 1\n[grid]\nscheme = ["euler", "lm"]\ncoefficients = ["fixed", "free"]'))
    assert grid.labels == (
        "euler (coefficients=fixed)", "euler (coefficients=free)", "lm (coefficients=fixed)", "lm (coefficients=free)",
    )  # fmt: skip
    assert (grid.title, grid.out) == ("small", Path("runs/small"))
    assert {run.depth for run in grid.runs} == {20}
    assert Grid.read(write('format = 1\n[common]\nscheme = "rk4"')).labels == ("rk4",)
    assert Grid.read(write('format = 1\n[grid]\nmodel = ["revnet{depth}"]\ndepth = [38]')).labels == ("revnet",)


def test_a_scheme_in_a_file_is_looked_for_beside_the_table(write: Writer, tmp_path: Path) -> None:
    scheme = 'format = 1\nfamily = "multistep"\nalpha = ["-1", "1"]\nbeta = ["1", "0"]\n'
    (tmp_path / "mine.toml").write_text(scheme)
    path = write('format = 1\n[grid]\nscheme = ["mine.toml"]\n[common]\ndepth = 8\ndata = "glyphs:20:10"')
    (run,) = Grid.read(path).runs
    assert (run.label, run.asked.network.scheme) == ("mine", str(tmp_path / "mine.toml"))
    assert check_runs([run]).parameters == {run.key: 77_946}  # as of euler, which it is


def test_a_preset_gives_its_recipe_and_its_options(write: Writer) -> None:
    path = write('format = 1\n[common]\nscheme = "euler"\npreset = "stochastic-depth"\nrecipe.epochs = 7')
    (run,) = Grid.read(path).runs
    preset = PRESETS["stochastic-depth"]
    assert run.asked.recipe == preset.recipe.changed({"epochs": 7})
    assert run.asked.network.options["survival"] == preset.options["survival"]
    assert run.asked.preset == "stochastic-depth"


def test_overrides_come_before_all_that_the_file_says(write: Writer) -> None:
    grid = Grid.read(write(FULL)).with_overrides(
        data="glyphs:60:20", epochs=9, limit_train=50, validation=10, seeds=(4, 5), preset="modern", device="cpu",
        precision="float32", data_dir=Path("d"), out="elsewhere",
    )  # fmt: skip
    assert len(grid.runs) == 2 * 7
    assert grid.labels == Grid.read(write(FULL)).labels
    for run in grid.runs:
        assert run.folder.parent == Path("elsewhere")
        assert run.seed in (4, 5)
        expected = {
            "data": "glyphs:60:20", "limit_train": 50, "validation": 10, "preset": "modern", "device": "cpu",
            "precision": "float32", "data_dir": "d",
        }  # fmt: skip
        asked = vars(run.asked) | vars(run.asked.data) | vars(run.asked.execution) | {"data": run.asked.data.source}
        assert {key: asked[key] for key in expected} == expected
        assert run.asked.recipe.epochs == 9
    same = Grid.read(write(FULL)).with_overrides(data=None, seeds=None)
    assert same.runs == Grid.read(write(FULL)).runs
    for wrong in ({"epochs": 0}, {"limit_train": 0}, {"preset": "none"}, {"seeds": (-1,)}):
        with pytest.raises(InputError):
            Grid.read(write(FULL)).with_overrides(**wrong)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "format = None: this version reads format = 1"),
        ("format = 2", "format = 2"),
        ("format = true", "format = True"),
        ("format = 1\n[[", "not valid TOML"),
        ("format = 1\nx = " + "[" * 5000, "not valid TOML"),
        ("format = 1", "names no network"),
        ("format = 1\nnetwork = 3", "unknown key network; known here: format, title"),
        ("format = 1\nnetworks = 3", r"write a \[\[networks\]\] block"),
        ("format = 1\ncommon = 3", r"common: write a table, \[common\]"),
        ("format = 1\ntitle = 3", "title: one line of text"),
        ('format = 1\nout = "a\\nb"', "out: one line of text"),
        ("format = 1\n[[networks]]\nscheme = 'lm'", r"networks\[0\]: name is missing"),
        ("format = 1\n[[networks]]\nname = '--'", r"networks\[0\].name: write at most"),
        ("format = 1\n[[networks]]\nname = 'a'\n[[networks]]\nname = 'a'", "'a' is there twice"),
        ("format = 1\ncommon.scheme = 'lm'\n[[networks]]\nname = 'a b'\n[[networks]]\nname = 'a-B'", "hold two runs"),
        ("format = 1\n[[networks]]\nname = 'a'", "a: says neither its scheme nor its model"),
        ("format = 1\n[[networks]]\nname = 'a'\ndepht = 3", r"unknown key networks\[0\].depht; known here: scheme"),
        ("format = 1\n[[networks]]\nname = 'a'\ndepth = 'x'", r"networks\[0\].depth = 'x': a whole number"),
        ("format = 1\n[[networks]]\nname = 'a'\ndepth = true", "a whole number from 1 to 2048"),
        ("format = 1\n[[networks]]\nname = 'a'\ndepth = 100000", "a whole number from 1 to 2048"),
        ("format = 1\n[[networks]]\nname = 'a'\nseed = 1\ngrid.seed = [2]", "seed is said twice"),
        ("format = 1\n[[networks]]\nname = 'a'\npublished = 'x'", "published = x: an error in per cent"),
        ("format = 1\n[[networks]]\nname = 'a'\npublished = { twenty = 1 }", "write a number for each depth"),
        ("format = 1\n[[networks]]\nname = 'a'\npublished = { 20 = nan }", "published.20 = nan: an error"),
        ("format = 1\n[grid]\nseed = 3", "grid.seed: write a list"),
        ("format = 1\n[grid]\nseed = []", "grid.seed: write a list of one value at least"),
        ("format = 1\n[grid]\nseed = [1, 1]", "grid.seed: has a value twice"),
        ("format = 1\n[grid]\nseed = [1, -1]", "grid.seed = '-1'"),
        ("format = 1\n[grid]\nrecipe.lr = [1, 'x']\nscheme = ['lm']", "lr is 'x'; write a number"),
        ("format = 1\n[common]\nscheme = 'lm'\nrecipe.lr = -1.0", "lm: recipe: lr is -1.0; it must be positive"),
        ("format = 1\n[common]\nscheme = 'lm'\nrecipe.speed = 1", "unknown key common.recipe.speed; a recipe has"),
        ("format = 1\n[common]\nscheme = 'lm'\npreset = 'x'", "lm: .*preset .*adamnet-2019"),
        ("format = 1\n[common]\ncoefficients = 'loose'", "write fixed, learnable or free"),
        ("format = 1\n[common]\noptions.out = 'x'", "common.options.out: is no option of a network"),
        ("format = 1\n[common]\noptions.h = inf", "common.options.h = 'inf': numbers"),
        ("format = 1\n[common]\noptions.day = 2020-01-01", "common.options.day"),
        ("format = 1\nbaseline = 'b'\n[common]\nscheme = 'lm'", "baseline = 'b': no network is called so; there"),
        ("format = 1\n[match]\nby = 'flops'\nto = 'lm'", "match.by = 'flops': write parameters or evaluations"),
        ("format = 1\n[match]\nby = 'parameters'", "match.to is missing"),
        ("format = 1\n[match]\nby = 'parameters'\nto = 'b'\n[common]\nscheme = 'lm'", "match.to = 'b': no network"),
        ("format = 1\n[published]\nepochs = '160'", "published.epochs = 160: a whole number"),
        ("format = 1\n[published]\nyear = 2019", "unknown key published.year"),
        (
            f"format = 1\n[common]\nscheme = 'lm'\n[grid]\nseed = {list(range(200))}\ndepth = {list(range(1, 99))}",
            "asks for 19,600 runs, the most is 10,000",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(text: str, words: str, write: Writer) -> None:
    path = write(text)
    with pytest.raises(InputError, match=words) as caught:
        Grid.read(path).runs  # noqa: B018
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or "two runs" in words


def test_what_is_no_text_file(tmp_path: Path) -> None:
    (tmp_path / "large.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name, words in (
        ("large.toml", "larger than 256 KiB"), ("bytes.toml", "not UTF-8"), ("missing.toml", "No such file"),
        (".", "not a file"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            Grid.read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scheme = 'no-such'", "no-such, depth 20, seed 0: .*no-such"),
        ("scheme = 'missing.toml'", "missing.toml"),
        ("model = 'nonet'", "no network is called 'nonet'"),
        ("model = 'resnet9998'", "the deepest network of a table has 2048 layers"),
        ("model = 'wide_resnet16_999'", "parameters; the most is"),
        ("scheme = 'lm'\ndepth = 21", "the depth is 6n"),
        ("scheme = 'lm'\noptions.colour = 'red'", "colour"),
        ("scheme = 'lm'\nrecipe.clip = [1, 1]", r"lm, depth 20, seed 0: recipe: clip .* has no clip_\(\)"),
        ("scheme = 'lm'\ndevice = 'abacus'", "device 'abacus'"),
    ],
)
def test_networks_are_made_before_the_first_run(text: str, words: str, write: Writer) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_runs(Grid.read(write(f"format = 1\n[common]\n{text}")).runs)
    assert "\n" not in str(caught.value)


def test_data_are_read_before_the_first_run(write: Writer, tmp_path: Path) -> None:
    check_data(Grid.read(write("format = 1\n[common]\nscheme = 'lm'\ndata = 'glyphs:20:10'")).runs)
    missing = Grid.read(write(f"format = 1\n[common]\nscheme = 'lm'\ndata = '{tmp_path / 'missing.npz'}'")).runs
    with pytest.raises(InputError, match=r"missing\.npz"):
        check_data(missing)
    with pytest.raises(InputError, match="validation"):
        check_data(Grid.read(write("format = 1\n[common]\nscheme = 'lm'\ndata = 'glyphs:20:10'\nvalidation = 20")).runs)
