"""A whole run: what it leaves behind, how it goes on, and what stops it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tableau2net.errors import InputError
from tableau2net.nn import create_model
from tableau2net.training import ImageData, Recipe, Result, train
from tableau2net.training.evaluation import Evaluation
from tableau2net.training.progress import ProgressDisplay

Maker = Callable[[], nn.Module]
THREE = Recipe(epochs=3, batch_size=100)

KEYS = {
    "model", "scheme", "order", "depth", "parameters", "options", "seed", "recipe", "data", "epochs", "train_loss",
    "train_error", "validation_error", "test_error", "images_per_second", "seconds", "coefficients", "versions",
    "device", "commit", "date", "refinements", "preset", "flops", "evaluations", "precision", "engine", "processes",
    "run", "residual", "robust",
}  # fmt: skip


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class StopAt:
    """Interrupts a run, as ctrl-C does, after so many batches."""

    def __init__(self, batches: int, patch: pytest.MonkeyPatch) -> None:
        self.left = batches
        patch.setattr(ProgressDisplay, "advance", lambda *_: self.count())

    def count(self) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1


def test_the_folder_of_a_run_on_a_scheme(tmp_path: Path, data: ImageData) -> None:
    folder = tmp_path / "a" / "b"
    result = train("adamnet-2", depth=14, out=folder, data=data, recipe=Recipe(epochs=1), seed=3, quiet=True)
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.safetensors", "checkpoint.before.safetensors", "curves.png", "log.jsonl", "model.safetensors",
        "predictions.safetensors", "result.json",
    }  # fmt: skip
    found = json.loads((folder / "result.json").read_text())
    assert found.keys() == KEYS
    assert Result.read(folder / "result.json") == result
    assert (found["scheme"], found["order"], found["depth"], found["seed"]) == ("adamnet-2", 1, 14, 3)
    assert found["data"] == {"source": "glyphs:360:60", "classes": 10, "train": 330, "validation": 30, "test": 60} | {
        "digest": data.digest()
    }
    model = create_model("resnet14", scheme="adamnet-2")
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    before, after = found["coefficients"]["before"], found["coefficients"]["after"]
    assert before.keys() == after.keys() == {f"blocks.{i}.beta_1" for i in range(3)}
    assert before != after  # they were learnt
    assert all(1 <= value <= 1.1 for block in before.values() for value in block)
    assert rows(folder)[-1]["coefficients"] == after
    # The weights on disk are those that the errors were measured with.
    model.load_state_dict(weights(folder))
    errors = Evaluation(model, data, torch.device("cpu")).figures()
    assert errors == {
        "validation_error": result.validation_error,
        "test_error": result.test_error,
    }


def test_fixed_coefficients_are_told_exactly(tmp_path: Path, data: ImageData) -> None:
    result = train(
        "adamnet-2", depth=8, coefficients="fixed", out=tmp_path, data=data, recipe=Recipe(epochs=1), quiet=True
    )
    assert result.order == 2  # β₁ = 3/2 is Adams–Bashforth
    assert result.coefficients["after"] == result.coefficients["before"]
    assert result.coefficients["before"]["beta1"] == {"exact": "3/2", "value": 1.5}


def test_a_line_an_epoch(tmp_path: Path, data: ImageData, network: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(model=network(), out=tmp_path, data=data, recipe=Recipe(epochs=4, batch_size=100))
    log = rows(tmp_path)
    assert [row["epoch"] for row in log] == [1, 2, 3, 4]
    assert [row["lr"] for row in log] == pytest.approx([0.1, 0.1, 0.01, 0.001])
    for key in ("train_loss", "train_error", "validation_error", "test_error"):
        assert getattr(result, key) == log[-1][key]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 4
    assert f"test {result.test_error:6.2f} %" in shown.err
    train(model=network(), out=tmp_path / "2", data=data, recipe=THREE, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_the_training_loss_is_the_mean_over_images(tmp_path: Path, data: ImageData) -> None:
    """The last batch is smaller (330 = 3 × 100 + 30): it is kept, and counts for what it holds."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    frozen = Recipe(epochs=1, batch_size=100, lr=1e-30, weight_decay=0, augment=False)
    result = train(model=model, out=tmp_path, data=data, recipe=frozen, quiet=True)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    with torch.no_grad():
        scores = model((data.x_train - mean) / std)
    assert result.train_loss == pytest.approx(float(nn.functional.cross_entropy(scores, data.y_train)), rel=1e-5)
    assert result.train_error == pytest.approx(100 * float((scores.argmax(1) != data.y_train).double().mean()))


@pytest.mark.slow
def test_a_seed_decides_everything(tmp_path: Path, data: ImageData) -> None:
    def run(name: str, seed: int) -> dict[str, torch.Tensor]:
        torch.rand(1)  # what the caller does with torch's own generator must not matter
        train("euler", depth=8, out=tmp_path / name, data=data, recipe=Recipe(epochs=1), seed=seed, quiet=True)
        return weights(tmp_path / name)

    state = torch.get_rng_state()
    first = run("a", 0)
    assert same(first, run("b", 0))
    assert not same(first, run("c", 1))
    torch.set_rng_state(state)
    torch.rand(3)
    expected = torch.rand(1)
    torch.set_rng_state(state)
    for name in ("d", "e", "f"):
        run(name, 0)
    assert torch.equal(torch.rand(1), expected)  # nor does a run disturb the caller's


@pytest.mark.parametrize("batches", [0, 3, 4, 9])
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    batches: int, tmp_path: Path, data: ImageData, network: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    straight = train(model=network(), out=tmp_path / "straight", data=data, recipe=THREE, quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        StopAt(batches, patch)
        with pytest.raises(KeyboardInterrupt):
            train(model=network(), out=tmp_path / "stopped", data=data, recipe=THREE)
    assert f"--resume --out {tmp_path / 'stopped'}" in capsys.readouterr().err
    assert len(rows(tmp_path / "stopped")) == batches // 4
    resumed = train(model=network(), out=tmp_path / "stopped", data=data, recipe=THREE, resume=True, quiet=True)
    assert same(weights(tmp_path / "straight"), weights(tmp_path / "stopped"))
    for key in ("train_loss", "train_error", "validation_error", "test_error", "epochs", "coefficients"):
        assert getattr(resumed, key) == getattr(straight, key)
    assert [row["train_loss"] for row in rows(tmp_path / "stopped")] == [
        row["train_loss"] for row in rows(tmp_path / "straight")
    ]


def test_a_log_ahead_of_the_checkpoint_is_cut_back(tmp_path: Path, data: ImageData, network: Maker) -> None:
    with pytest.MonkeyPatch.context() as patch:
        StopAt(5, patch)
        with pytest.raises(KeyboardInterrupt):
            train(model=network(), out=tmp_path, data=data, recipe=THREE, quiet=True)
    log = tmp_path / "log.jsonl"
    log.write_text(log.read_text() + '{"epoch": 2}\n{"epo')
    with pytest.MonkeyPatch.context() as patch:
        StopAt(0, patch)
        with pytest.raises(KeyboardInterrupt):
            train(model=network(), out=tmp_path, data=data, recipe=THREE, quiet=True, resume=True)
    assert [row["epoch"] for row in rows(tmp_path)] == [1]


def test_resuming_a_finished_run_reports_it(tmp_path: Path, data: ImageData, network: Maker) -> None:
    result = train(model=network(), out=tmp_path, data=data, recipe=THREE, quiet=True)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert train(model=network(), out=tmp_path, data=data, recipe=THREE, quiet=True, resume=True) == result
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps
    with pytest.raises(InputError, match="--resume"):
        train(model=network(), out=tmp_path, data=data, recipe=THREE, quiet=True)


def test_another_configuration_is_not_resumed(tmp_path: Path, data: ImageData) -> None:
    def run(**changes: Any) -> None:
        options = {"scheme": "lm", "depth": 8, "recipe": Recipe(epochs=1), "data": data, "seed": 0} | changes
        train(out=tmp_path, resume=True, quiet=True, **options)

    run()
    for changes, words in (
        ({"recipe": Recipe(epochs=2)}, "recipe.epochs: 1 there, 2 here"),
        ({"recipe": Recipe(epochs=1, lr=0.2)}, "recipe.lr: 0.1 there, 0.2 here"),
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"scheme": "euler"}, "scheme: lm there, euler here"),
        ({"coefficients": "fixed"}, "options.coefficients: learnable there, fixed here"),
        ({"history": "restart"}, "options.history: carry there, restart here"),
        ({"depth": 14}, "depth: 8 there, 14 here"),
        ({"data": "glyphs:360:60"}, "data.train: 330 there, 360 here"),
    ):
        with pytest.raises(InputError, match="belongs to another run") as caught:
            run(**changes)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, data: ImageData, network: Maker) -> None:
    with pytest.raises(InputError, match=r"loss became (nan|inf) in epoch 1") as caught:
        train(model=network(), out=tmp_path, data=data, recipe=Recipe(epochs=2, lr=1e30), quiet=True)
    assert "--lr" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert rows(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors", "log.jsonl"}


def test_bad_data_and_options_leave_no_folder(tmp_path: Path) -> None:
    for options in (
        {"data": tmp_path / "missing.npz"}, {"scheme": "no-such-scheme"}, {"depth": 21}, {"device": "abacus"},
        {"seed": -1}, {"shortcut": "none"},
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            train(out=tmp_path / "run", quiet=True, **({"data": "glyphs:20:10"} | options))  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()
