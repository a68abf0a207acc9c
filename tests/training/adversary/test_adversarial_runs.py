"""Whole runs with an adversary: stopped and gone on with, measured, compared, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tableau2net.comparison import Table, read_finished
from tableau2net.comparison.formats import FORMATS
from tableau2net.comparison.sheet import sheet
from tableau2net.data.data import Data
from tableau2net.errors import InputError
from tableau2net.recipes.adversary import AdversarySpec, Attack
from tableau2net.training import ImageData, Recipe, Result, Stopped, load_data, load_network, train
from tableau2net.training.adversary import Attacked
from tableau2net.training.evaluation import Evaluation
from tableau2net.training.progress import ProgressDisplay
from tests.training.adversary.cut import cut

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=2, batch_size=40)
Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def few() -> Data:
    return load_data("glyphs:140:20", validation=10)


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def rows(folder: Path) -> list[dict[str, Any]]:
    """The log, without what a clock says in it."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key not in ("seconds", "images_per_second")} for row in found]


@pytest.mark.parametrize("name", ["free-2", pytest.param("yopo-2-3", marks=pytest.mark.slow)])
def test_stopped_again_and_again_it_ends_the_same(name: str, tmp_path: Path, few: Data) -> None:
    """To the bit, in the middle of an epoch too; what Free carries from batch to batch is kept."""
    settings: dict[str, Any] = {"evaluate": ("pgd-2-2", "margin-2"), "evaluate_every": 1}

    def run(folder: str, resume: bool) -> Result:
        return train(model=cut(dropout=0.2), out=tmp_path / folder, data=few, recipe=RECIPE, quiet=True, resume=resume,
                     seed=3, adversary=name, **settings)  # fmt: skip

    straight, stops = run("straight", False), 0
    folder = tmp_path / "stopped"
    while not (folder / "result.json").exists():
        with pytest.MonkeyPatch.context() as patch:
            batches: list[int] = []

            def advance(_: object, size: int, batches: list[int] = batches) -> None:
                batches.append(size)
                if len(batches) == 3:
                    os.kill(os.getpid(), signal.SIGTERM)

            patch.setattr(ProgressDisplay, "advance", advance)
            try:
                resumed = run("stopped", True)
            except Stopped:
                stops += 1
    assert stops == 2
    assert same(weights(tmp_path / "straight"), weights(folder))
    assert rows(tmp_path / "straight") == rows(folder)
    assert straight.robust == resumed.robust
    assert [sorted(row["robust"]) for row in rows(folder)] == [["margin-2 8/255", "pgd-2-2 8/255"]] * 2


def test_another_adversary_is_another_run(tmp_path: Path, few: Data) -> None:
    train(model=cut(), out=tmp_path / "a", data=few, recipe=RECIPE, quiet=True, adversary="pgd-1")
    with pytest.raises(InputError, match=r"belongs to another run \(adversary: pgd-1 there, pgd-2 here\)"):
        train(model=cut(), out=tmp_path / "a", data=few, recipe=RECIPE, quiet=True, adversary="pgd-2", resume=True)


def test_a_finished_run_is_measured_when_that_is_asked_for(tmp_path: Path, few: Data) -> None:
    """By --resume: nothing is trained again."""
    asked: dict[str, Any] = {"model_name": "resnet8", "widths": (2, 2, 2), "data": few, "recipe": RECIPE, "quiet": True}
    first = train(**asked, out=tmp_path / "a")
    assert first.robust == {}
    before = weights(tmp_path / "a")
    second = train(**asked, out=tmp_path / "a", resume=True, evaluate=("fgsm",))
    assert list(second.robust) == ["fgsm 8/255"]
    assert same(before, weights(tmp_path / "a"))
    assert replace(second, robust={}, run=first.run, date=first.date) == first
    given = load_file(tmp_path / "a" / "predictions.safetensors")
    wrong = given["test under fgsm 8/255"] != given["truth"]
    assert 100 * float(wrong.double().mean()) == pytest.approx(second.robust["fgsm 8/255"])


def test_without_room_the_error_under_attack_is_the_clean_one(
    data: ImageData, network: Callable[[], nn.Module]
) -> None:
    model = network()
    clean = Evaluation(model, data, CPU).each("test")["test"]
    for name in ("pgd-3-2", "margin-2", "fgsm"):
        assert torch.equal(Attacked(model, data, CPU).predictions(Attack.of(name, 0.0, None))[0], clean)


def test_how_many_images_go_at_once_changes_nothing(data: ImageData) -> None:
    attack = Attack.of("pgd-3-2", 8 / 255, None)
    model = cut()
    found = [Attacked(model, data, CPU, at_once=n).predictions(attack)[0] for n in (7, 60)]
    assert torch.equal(*found)
    assert model.training  # as it was


def test_a_network_that_met_no_adversary_does_not_stand_one(data: ImageData) -> None:
    """It knows most images, and nearly none that are changed by what nobody sees."""
    model, shown = cut(), replace(data, x_test=data.x_train[:60], y_test=data.y_train[:60])
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    ((x, y),) = shown.batches("test", CPU)
    for _ in range(60):
        optimiser.zero_grad()
        cross_entropy(model(x), y).backward()
        optimiser.step()
    measured = Attacked(model, shown, CPU)
    attacks = ("fgsm", "pgd-20", "pgd-20-3", "margin-20")
    errors = [measured.error(Attack.of(name, 8 / 255, None)) for name in attacks]
    assert Evaluation(model, shown, CPU).main("test") < 30
    assert min(errors) > 90
    assert errors[1] <= errors[2]


def test_errors_under_attack_stand_in_tables_with_paired_tests(tmp_path: Path, few: Data) -> None:
    for name, more in (("natural", {}), ("pgd", {"adversary": "pgd-1"})):
        train(model_name="resnet8", widths=(2, 2, 2), out=tmp_path / name, data=few, recipe=RECIPE, quiet=True,
              evaluate=("pgd-2",), **more)  # fmt: skip
    table = Table.of(read_finished([tmp_path]), baseline="resnet8 natural")
    shown = sheet(table)
    assert {"adversary", "pgd-2 8/255 error, %"} <= set(shown.headings)
    (attacked,) = table.differences[1:]
    kept = {name: load_file(tmp_path / name / "predictions.safetensors") for name in ("natural", "pgd")}
    right = {name: (own["test under pgd-2 8/255"] == own["truth"]).numpy() for name, own in kept.items()}
    index = next(i for i, row in enumerate(table.rows) if row.adversary)
    only = (int(np.sum(right["pgd"] & ~right["natural"])), int(np.sum(right["natural"] & ~right["pgd"])))
    assert attacked[index].discordant == only
    assert attacked[1 - index].why == "the baseline itself"
    told = json.loads(FORMATS[".json"](table, False))["rows"][index]
    assert told["adversary"] == "pgd-1 8/255"
    assert told["robust"]["pgd-2 8/255"]["against"]["discordant"] == list(only)
    lines = FORMATS[".csv"](table, False).splitlines()
    assert "robust_pgd-2 8/255_mean" in lines[0]


FLAT = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": FLAT, "adversary": "yopo"}, "--adversary yopo: a Sequential has no split"),
    ({"model_name": "resnet8", "adversary": "yopo", "split": 9}, "--split 9: the network takes 1 step in its blocks;"),
    ({"model_name": "revnet20", "adversary": "yopo"}, "--split 1: the network takes 0 steps in its blocks; write 0"),
    ({"model_name": "dynamic_rk1_parabolic", "adversary": "yopo"}, "--adversary yopo: a DynamicNetwork has no split"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "words"), REFUSED)
def test_networks_that_cannot_be_split_are_refused(
    asked: dict[str, Any], words: str, tmp_path: Path, few: Data
) -> None:
    with pytest.raises(InputError) as caught:
        train(**asked, data=few, out=tmp_path / "run", recipe=RECIPE, quiet=True)
    assert str(caught.value).startswith(words)
    assert not (tmp_path / "run").exists()


def test_data_that_do_not_say_what_a_pixel_is_are_refused(tmp_path: Path, few: Data) -> None:
    class Given:
        def __init__(self) -> None:
            self.name, self.classes, self.flip, self.shape = "given", 10, False, (3, 32, 32)

        def __getattr__(self, name: str) -> Any:
            if name in ("mean", "std"):
                raise AttributeError(name)
            return getattr(few, name)

    with pytest.raises(InputError, match="data: a Given does not say what its images are normalised by"):
        train(model=cut(), data=Given(), out=tmp_path / "run", recipe=RECIPE, quiet=True, adversary="fgsm")


def test_the_command(tmp_path: Path, run: Run) -> None:
    given = ["train", "--model", "resnet8", "--option", "widths=[2,2,2]", "--data", "glyphs:40:20", "--epochs", "1",
             "--batch-size", "20", "--adversary", "yopo-2-2", "--epsilon", "4/255",
             "--attack-step", "1/255", "--ramp", "1", "--evaluate", "pgd-2", "--evaluate", "fgsm",
             "--out", str(tmp_path / "run")]  # fmt: skip
    code, out, err = run(*given, "--quiet")
    assert (code, err) == (0, "")
    assert "under pgd-2 4/255" in out
    result = Result.read(tmp_path / "run" / "result.json")
    assert result.run is not None
    assert result.run.adversary == AdversarySpec(
        "yopo-2-2", epsilon=4 / 255, attack_step=1 / 255, ramp=1.0, evaluate=("pgd-2", "fgsm")
    )
    measured = Attacked(load_network(tmp_path / "run"), load_data("glyphs:40:20"), CPU)
    assert measured.error(Attack.of("pgd-2", 4 / 255, None)) == result.robust["pgd-2 4/255"]


def test_a_huge_beta_is_named_where_the_loss_is_no_number(tmp_path: Path, few: Data) -> None:
    asked: dict[str, Any] = {"model": cut(), "data": few, "recipe": RECIPE, "quiet": True, "adversary": "trades-1"}
    with pytest.raises(InputError, match=r"became .*a lower --lr than \S+, or a lower --beta than 1e\+300$"):
        train(**asked, out=tmp_path / "run", beta=1e300)


def test_a_preset_without_its_adversary(tmp_path: Path, run: Run) -> None:
    given = ["train", "--model", "resnet8", "--option", "widths=[2,2,2]", "--data", "glyphs:40:20", "--epochs", "1",
             "--batch-size", "20", "--preset", "yopo-2019", "--quiet", "--out", tmp_path / "run"]  # fmt: skip
    code, _, err = run(*given, "--adversary", "none")
    assert (code, err) == (0, "")
    result = Result.read(tmp_path / "run" / "result.json")
    assert result.run is not None
    assert result.run.adversary == AdversarySpec()
    assert result.run.preset == "yopo-2019"


def test_a_finished_run_is_measured_by_a_command(tmp_path: Path, run: Run) -> None:
    """It says, and writes down, what the run itself would have."""
    folder, digits = tmp_path / "run", "glyphs:40:20"
    asked: dict[str, Any] = {"model_name": "resnet8", "widths": (2, 2, 2), "data": digits, "quiet": True, "recipe":
                             Recipe(epochs=1, batch_size=20)}  # fmt: skip
    train(**asked, out=folder)
    wanted = train(**asked, out=tmp_path / "same", evaluate=("pgd-2", "margin-2"), epsilon="4/255")
    code, out, err = run("evaluate", folder, "--attack", "pgd-2", "--attack", "margin-2", "--epsilon", "4/255")
    assert (code, err) == (0, "")
    lines = [f"{name}: error {error:.2f} %" for name, error in {"clean": wanted.test_error, **wanted.robust}.items()]
    assert out.splitlines() == lines
    assert Result.read(folder / "result.json").robust == wanted.robust
    kept = [load_file(each / "predictions.safetensors") for each in (folder, tmp_path / "same")]
    assert same(*kept)
    code, out, _ = run("evaluate", folder, "--attack", "fgsm", "--epsilon", "0", "--json")
    assert json.loads(out) == {"clean": wanted.test_error, "fgsm 0": wanted.test_error}
    assert len(Result.read(folder / "result.json").robust) == 3
    code, out, _ = run("evaluate", tmp_path / "same", "--attack", "fgsm", "--json")  # by the run's own epsilon
    assert list(json.loads(out)) == ["clean", "fgsm 4/255"]
    for words, said in {
        ("--attack", "x"): "--attack 'x': write pgd-STEPS",
        ("--attack-step", "-1"): "--attack-step -1: it must be from",
        ("--attack", "fgsm", "--attack", "fgsm"): "--attack fgsm, fgsm: an attack is named twice",
        ("--attack", "fgsm") * 17: "--attack: 17 attacks; at most 16 are made",
        ("--epsilon", "8"): "--epsilon 8: it must be from 0 to 1",
        ("--epsilon", "x"): "--epsilon 'x': write a number or a fraction", ("--data", "glyphs:40:21"): "other images",
    }.items():  # fmt: skip
        code, out, err = run("evaluate", folder, *words)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        assert said in err
        assert "--evaluate" not in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yopo-2-2", "pgd-2"])
def test_two_processes_train_as_one(name: str, tmp_path: Path) -> None:
    """Up to rounding: each image has its own start, whoever has it."""
    asked = ["-m", "tableau2net", "train", "--model", "resnet8", "--option", "widths=[4,4,4]", "--data", "glyphs:60:20",
             "--epochs", "1", "--batch-size", "25", "--lr", "0.01", "--adversary", name, "--quiet",
             "--device", "cpu", "--epsilon", "1/255"]  # fmt: skip
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for folder, start in (("one", []), ("two", torchrun)):
        command = [sys.executable, *start, *asked, "--out", str(tmp_path / folder)]
        subprocess.run(command, check=True, capture_output=True, timeout=150)
    one, two = (Result.read(tmp_path / folder / "result.json") for folder in ("one", "two"))
    assert two.processes == 2
    assert two.train_loss == pytest.approx(one.train_loss, rel=1e-3)
    for key, value in weights(tmp_path / "one").items():
        torch.testing.assert_close(weights(tmp_path / "two")[key], value, rtol=0.02, atol=2e-3, msg=key)
