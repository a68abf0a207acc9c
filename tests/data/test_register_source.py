"""A source of somebody else's, in memory or on disk, in one file: it is named, split and trained on as ours."""

from __future__ import annotations

import csv
import json
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import tableau2net as t2n
from tableau2net import extensions
from tableau2net.cli import app
from tableau2net.data import sources
from tableau2net.data.disk import DiskData
from tableau2net.errors import InputError
from tableau2net.training import Arrays, ImageData, SourceRequest, load_data

PLATES = """
from pathlib import Path

import tableau2net as t2n
from tableau2net.training import DiskData


class Plates(DiskData):
    def fetch(self, item):
        return Path(item[0]), item[1]


@t2n.register_source("plates:FOLDER")
def plates(request):
    folder = Path(request.source.partition(":")[2])
    parts = {part: [(str(path), "ab".index(path.name[0])) for path in sorted((folder / part).glob("*.png"))]
             for part in ("train", "test")}
    return Plates.of(request, "ab", **parts)
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, none of them yet, whose sources are forgotten at the end."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{Path(t2n.__file__).parents[1]}")
    monkeypatch.setattr(extensions, "loaded", {})
    monkeypatch.setattr(sources, "REGISTERED", dict(sources.REGISTERED))
    yield folder
    sys.modules.pop("plates_of_mine", None)


@pytest.fixture
def plates(site: Path, tmp_path: Path) -> str:
    """An installed package with one file, and what it is to read: 24 images to train and 8 to test on."""
    (site / "plates_of_mine.py").write_text(PLATES)
    info = site / "plates-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plates\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tableau2net.sources]\nmine = plates_of_mine\n")
    random = np.random.default_rng(0)
    for part, count in (("train", 24), ("test", 8)):
        (tmp_path / part).mkdir()
        for i in range(count):
            x = random.integers(0, 80, (20 + i % 3, 18, 3), dtype=np.uint8) + np.uint8(160 * (i % 2))
            Image.fromarray(x).save(tmp_path / part / f"{'ab'[i % 2]}{i}.png")
    return f"plates:{tmp_path}"


def trained(source: str, out: Path, *more: str) -> Any:
    """What the command leaves of an epoch, by its exit status."""
    command = "train --scheme rk2 --depth 8 --epochs 1 --batch-size 8 --size 16 --workers 2 --cutout 4 --device cpu"
    told = [*command.split(), "--data", source, "--out", str(out), "--json", "--quiet", *more]
    return CliRunner().invoke(app, told)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tableau2net.training.run.draw_curves", lambda *_: b"")


def test_images_on_disk_are_trained_on_and_gone_on_with(plates: str, tmp_path: Path, undrawn: None) -> None:
    first = trained(plates, tmp_path / "run", "--validation", "4")
    assert first.exit_code == 0, first.output
    about = json.loads((tmp_path / "run" / "result.json").read_text())["data"]
    assert {key: about[key] for key in ("source", "train", "validation", "test")} == {
        "source": plates, "train": 20, "validation": 4, "test": 8,
    }  # fmt: skip
    assert trained(plates, tmp_path / "run", "--validation", "4", "--resume").exit_code == 0
    (tmp_path / "train" / "a0.png").rename(tmp_path / "train" / "a99.png")
    refused = trained(plates, tmp_path / "run", "--validation", "4", "--resume")
    assert refused.exit_code != 0
    assert "digest" in str(refused.exception)


def test_what_comes_with_fetch(plates: str) -> None:
    data = load_data(plates, size=16, workers=0, validation=4, limit_train=10)
    assert isinstance(data, DiskData)
    assert (data.classes, data.shape) == (2, (3, 16, 16))
    assert data.counts() == {"train": 10, "validation": 4, "test": 8}
    ((x, y),) = data.batches("test", torch.device("cpu"))
    assert x.shape == (8, 3, 16, 16)
    assert y.tolist() == [0] * 4 + [1] * 4
    assert x[:4].mean() < 0 < x[4:].mean()  # a is dark, b is bright
    again = pickle.loads(pickle.dumps(data))  # as a process gets it that is not forked off this one
    assert (again.digest(), len(list(again.batches("test", torch.device("cpu"))))) == (data.digest(), 1)
    for options, says in (({"validation": 24}, "--validation 24"), ({"limit_train": 25}, "--limit-train 25")):
        with pytest.raises(InputError, match=says):
            load_data(plates, size=16, workers=0, **options)  # type: ignore[arg-type]


def test_an_image_that_cannot_be_fetched_is_named_in_a_line(plates: str, tmp_path: Path) -> None:
    (tmp_path / "test" / "a0.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a0\.png: cannot be read as an image \(cannot identify") as caught:
        load_data(plates, size=16, workers=0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((np.zeros((9, 9, 3), np.uint8), 2), "its label is 2; with 2 classes"),
        ((np.zeros((9, 9, 5), np.uint8), 0), "some: 'item': cannot be read as an image"),
        ((None, 0), "cannot be read as an image"),
        (3, "cannot be read as an image"),
    ],
)
def test_what_a_fetch_gives_is_looked_at(given: Any, says: str) -> None:
    class Odd(DiskData):
        def fetch(self, item: Any) -> Any:
            return given

    @t2n.register_source("some")
    def odd(request: SourceRequest) -> Odd:
        return Odd.of(request, "ab", train=["item"], test=["item"])

    with pytest.raises(InputError, match=says):
        load_data("some", size=16, workers=0)


def in_memory(**changes: Any) -> Callable[[SourceRequest], Any]:
    random = np.random.default_rng(0)
    given: dict[str, Any] = {
        "x_train": random.integers(0, 256, (30, 12, 10, 3), np.uint8), "y_train": np.arange(30) % 3,
        "x_test": torch.zeros(9, 12, 10, 3, dtype=torch.uint8), "y_test": torch.arange(9) % 3,
    }  # fmt: skip
    return lambda request: Arrays(**given | changes)


def test_arrays_are_split_and_normalised_as_ours() -> None:
    mapped = np.random.default_rng(0).integers(0, 256, (30, 12, 10, 3), np.uint8)
    mapped.flags.writeable = False  # as a file that is mapped
    t2n.register_source("mine")(in_memory(x_train=mapped))
    with warnings.catch_warnings(action="error"):
        data = load_data("mine", validation=6, limit_train=20)
    assert isinstance(data, ImageData)
    assert data.counts() == {"train": 20, "validation": 6, "test": 9}
    assert (data.name, data.classes, data.flip) == ("mine", 3, False)
    x = data.x_train.double()
    np.testing.assert_allclose(data.mean, x.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(data.std, x.std((0, 2, 3), unbiased=False), rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_train": np.zeros((30, 12, 10, 3))}, "mine: x_train is float64; it must be uint8"),
        ({"y_test": np.full(9, 3)}, "mine: y_test has the label 3"),
        ({"y_train": np.full(30, -1)}, "labels must count from 0"),
        ({"classes": 2}, "mine: y_train has the label 2, but there are 2 classes"),
        ({"x_test": np.zeros((9, 12, 12, 3), np.uint8)}, "make them the same size"),
    ],
)
def test_arrays_of_another_kind_are_refused(changes: dict[str, Any], says: str) -> None:
    t2n.register_source("mine")(in_memory(**changes))
    with pytest.raises(InputError, match=says):
        load_data("mine")


def test_what_is_neither_is_refused() -> None:
    t2n.register_source("mine")(lambda request: [request])  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match="a list has no name"):
        load_data("mine")


def test_names_are_told_and_nobody_stands_in_the_place_of_another(plates: str) -> None:
    with pytest.raises(InputError, match=r"expected cifar10, .*, or plates:FOLDER"):
        load_data("plate")

    def other(request: SourceRequest) -> Arrays:
        raise AssertionError

    with pytest.raises(InputError, match=r"'plates:FOLDER' is plates_of_mine\.plates's already"):
        t2n.register_source("plates:FOLDER")(other)
    t2n.register_source("mine", matches=lambda text: True)(other)
    assert load_data("glyphs:20:10").name == "glyphs:20:10"  # ours come first
    for written in ("", " ", "two\nlines", 3):
        with pytest.raises(InputError, match="write how the source is named"):
            t2n.register_source(written)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_table_of_runs_takes_it(plates: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        f'format = 1\nout = "{tmp_path / "runs"}"\n[common]\ndata = "{plates}"\ndepth = 8\nrecipe.epochs = 1\n'
        'size = 16\nworkers = 0\n[grid]\nseed = [0]\nscheme = ["euler", "rk2"]\n'
    )
    ended = CliRunner().invoke(app, ["table", str(tmp_path / "own.toml")])
    assert ended.exit_code == 0, ended.output
    assert "rk2" in ended.output
    assert "24 to train, 8 to test" in ended.output


def test_the_example_reads_a_list(tmp_path: Path, plates: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(t2n.__file__).parents[1] / "examples" / "package"))
    from t2n_example import listed, stripes

    with (tmp_path / "own.csv").open("w", newline="") as file:
        rows = ((part, path.relative_to(tmp_path), path.name[0]) for part in ("train", "test")
                for path in (tmp_path / part).iterdir())  # fmt: skip
        csv.writer(file).writerows(rows)
    t2n.register_source("listed:FILE.csv")(listed.listed)
    data = load_data(f"listed:{tmp_path / 'own.csv'}", size=16, workers=0)
    assert data.counts() == {"train": 24, "validation": 0, "test": 8}
    (tmp_path / "own.csv").write_text("train,only two\n")
    for source, says in (("own.csv", "write part,path,class"), ("no.csv", "cannot be read")):
        with pytest.raises(InputError, match=says):
            load_data(f"listed:{tmp_path / source}")
    t2n.register_source("stripes")(stripes.stripes)
    assert load_data("stripes", validation=100).counts() == {"train": 500, "validation": 100, "test": 150}
