"""What is done with finished runs works with the figures of their tasks."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.stats import ttest_rel

from tableau2net.comparison import Table, read_finished
from tableau2net.comparison.formats import FORMATS
from tableau2net.errors import InputError
from tableau2net.plot.runs.overlay import draw_runs
from tableau2net.runs.logged import read_log, read_logged
from tableau2net.tables import Grid
from tableau2net.training import train
from tableau2net.training.tensorboard import scalars
from tests.training.restored import asked

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks, one of two seeds and one of one; the second is hardly trained."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tableau2net.training.run.draw_curves", lambda *_: b"")
        for name, seeds in (("smoother", (0, 1)), ("restoring2", (0, 1))):
            for seed in seeds:
                own = asked(folder / "data", model_name=name, seed=seed, validation=1)
                train(out=folder / "runs" / f"{name}-{seed}", **own)
    return folder


def lines(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_a_table_ranks_by_what_is_better(runs: Path) -> None:
    found = read_finished([runs / "runs"])
    table = Table.of(found, baseline="smoother")
    text = FORMATS[".md"](table, False)
    headings, _, *rows = lines(text)
    assert [h for h in headings if h.startswith(("validation", "test"))] == [
        "validation PSNR, dB", "validation SSIM", "validation MSE", "test PSNR, dB", "test SSIM", "test MSE"
    ]  # fmt: skip
    column = headings.index("test PSNR, dB")
    values = [float(row[column].strip("*").split(" ")[0]) for row in rows]
    assert [row[column].startswith("**") for row in rows] == [value == max(values) for value in values]
    assert "test PSNR minus that of smoother" in text
    assert "in dB" in text
    each = {run.folder.name: run.tested() for run in found}
    differences = [each[f"restoring2-{seed}"] - each[f"smoother-{seed}"] for seed in (0, 1)]
    (against,) = [own for own in table.against if own.p is not None]
    assert (against.test, against.n) == ("paired t", 2)
    assert against.difference == pytest.approx(np.mean(differences))
    record, *_ = csv.DictReader(FORMATS[".csv"](table, False).splitlines())
    assert float(record["test_psnr_mean"]) == pytest.approx(np.mean([each[f"{record['model']}-{s}"] for s in (0, 1)]))
    assert "test_error_mean" not in record
    assert "Test PSNR, dB" in FORMATS[".md"](table, True)
    assert json.loads(FORMATS[".json"](table, False))["rows"][0]["test_ssim"]["mean"] < 1


def test_one_seed_is_paired_by_its_images(runs: Path, tmp_path: Path) -> None:
    for name in ("smoother-0", "restoring2-0"):
        shutil.copytree(runs / "runs" / name, tmp_path / name)
    table = Table.of(read_finished([tmp_path]), baseline="smoother")
    (against,) = [own for own in table.against if own.p is not None]
    first, second = (
        load_file(tmp_path / name / "predictions.safetensors")["psnr"] for name in ("restoring2-0", "smoother-0")
    )
    assert (against.test, against.n) == ("paired t, images", len(first))
    assert against.p == pytest.approx(ttest_rel(first, second).pvalue)
    assert against.std == pytest.approx(np.std(first - second, ddof=1))
    save_file({"psnr": first + 1}, tmp_path / "restoring2-0" / "predictions.safetensors")
    with pytest.raises(InputError, match=r"PSNR is .* dB in the mean, .* dB by result\.json; train again"):
        Table.of(read_finished([tmp_path]), baseline="smoother")


def test_two_tasks_are_two_tables(runs: Path, tmp_path: Path) -> None:
    found = json.loads((runs / "runs" / "smoother-0" / "result.json").read_text())
    found["run"]["task"] = {"task": "classify"}
    (tmp_path / "result.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match="has no 'train_error'"):
        read_finished([tmp_path])
    found |= dict.fromkeys(("train_error", "validation_error", "test_error"), 5.0)
    (tmp_path / "result.json").write_text(json.dumps(found))
    with pytest.raises(InputError, match="their figures cannot be compared"):
        Table.of(read_finished([tmp_path, runs / "runs"]))
    rows = read_log(runs / "runs" / "smoother-0" / "log.jsonl")
    with pytest.raises(InputError, match="runs of denoise and of classify"):
        draw_runs({"a": [rows], "b": [[{"epoch": 1, "train_loss": 1, "train_error": 2, "test_error": 3}]]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_psnr": None}, "'test_psnr' is not float"),
        ({"test_psnr": "high"}, "'test_psnr' is not float"),
        ({"validation_ssim": [1]}, "'validation_ssim' is not float | None"),
        ({"test_mse": 1e999}, "'test_mse' is inf"),
    ],
)
def test_results_that_are_none(change: dict[str, Any], said: str, runs: Path, tmp_path: Path) -> None:
    found = json.loads((runs / "runs" / "smoother-0" / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps(found | change))
    with pytest.raises(InputError, match=said):
        read_finished([tmp_path])


def test_a_run_and_several_are_drawn(runs: Path, run: Run, tmp_path: Path) -> None:
    folders = sorted((runs / "runs").iterdir())
    for few in (folders[:1], folders):
        status, _, err = run("plot", "training", *few, "-o", tmp_path / "curves.svg")
        assert (status, err) == (0, "")
        assert "PSNR, dB" in (tmp_path / "curves.svg").read_text()
    logged = read_logged(folders[0])
    assert scalars(logged.rows[-1])["psnr/test"] == logged.rows[-1]["test_psnr"]
    log = (folders[0] / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(log.replace('"test_ssim"', '"x"'))
    with pytest.raises(InputError, match=r"line 1 is damaged .test_ssim is missing"):
        read_log(tmp_path / "log.jsonl")


def test_evaluate_measures_again(runs: Path, run: Run) -> None:
    folder = runs / "runs" / "smoother-0"
    status, out, err = run("evaluate", folder, "--json")
    assert (status, err) == (0, "")
    told = json.loads((folder / "result.json").read_text())
    assert json.loads(out)["25"] == pytest.approx({name: told[f"test_{name}"] for name in ("psnr", "ssim", "mse")})
    status, out, _ = run(
        "evaluate", folder, "--test-sigma", 5, "--test-sigma", 70, "--test-data", runs / "data" / "train"
    )
    assert [line.split(":")[0] for line in out.splitlines()] == ["sigma 5", "sigma 70"]
    psnr = [float(line.split("PSNR ")[1].split(" dB")[0]) for line in out.splitlines()]
    assert psnr[0] > psnr[1] + 5
    for options, said in (
        (["--attack", "fgsm"], "--attack: .* is of --task denoise, which no attack is of"),
        (["--test-sigma", "-3"], "--test-sigma -3: must be from 0 to 1000"),
        (["--data", runs / "data" / "test", "--test-data", runs / "data" / "test"], None),
    ):
        status, out, err = run("evaluate", folder, *options)
        assert status == (2 if said else 0)
        assert said is None or re.search(said, err)


def test_steps_are_halved(runs: Path, run: Run, tmp_path: Path) -> None:
    folder = runs / "runs" / "restoring2-0"
    status, out, err = run("refine", folder, "-o", tmp_path / "fine", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found.keys() == {"measured_on", "steps_before", "steps", "parameters_before", "parameters", "psnr_before",
                            "psnr_after"}  # fmt: skip
    last = read_log(folder / "log.jsonl")[-1]
    assert found["psnr_before"] == pytest.approx(last[f"{found['measured_on']}_psnr"], abs=1e-4)
    status, again, err = run("refine", tmp_path / "fine", "-o", tmp_path / "finer", "--json")
    assert (status, err) == (0, "")
    assert json.loads(again)["psnr_before"] == pytest.approx(found["psnr_after"], abs=1e-4)
    status, out, _ = run("check", folder)
    assert status == 0
    assert "order 2" in out


def test_a_grid_of_noise(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "noise.toml"
    path.write_text(
        f'format = 1\n[common]\ntask = "denoise"\npatch = 16\ndata = "{runs}/data"\nmodel = "smoother"\n'
        "[grid]\nsigma = [15, 50]\n"
    )
    found = Grid.read(path).runs
    assert [(run.label, run.asked.task.sigma, run.asked.preset) for run in found] == [
        ("smoother (sigma=15)", 15.0, "denoise"), ("smoother (sigma=50)", 50.0, "denoise")
    ]  # fmt: skip
