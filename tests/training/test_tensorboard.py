"""What TensorBoard shows of a run, read back from its event files."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tableau2net.errors import InputError
from tableau2net.training.tensorboard import Board


def row(epoch: int, shift: float = 0.0, **changes: Any) -> dict[str, Any]:
    return {
        "epoch": epoch, "lr": 0.1 / epoch, "train_loss": 2.0 / epoch + shift, "train_error": 90.0 / epoch,
        "validation_error": None, "test_error": 91.0 / epoch, "images_per_second": 300.0, "seconds": 2.0,
        "coefficients": {"blocks.0.k": [0.25 + shift, -0.5], "blocks.1.k": [[1.0, 2.0]]},
    } | changes  # fmt: skip


def keep(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def accumulator(folder: Path) -> Any:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "tensorboard"))


def series(reader: Any, tag: str) -> list[tuple[int, float]]:
    reader.Reload()
    return [(event.step, event.value) for event in reader.Scalars(tag)]


def test_the_scalars_of_a_row(tmp_path: Path) -> None:
    reader = accumulator(tmp_path)
    board = Board.of(tmp_path)
    board.row(row(1))
    board.row(row(2, validation_error=44.0, smoothness=0.5))
    board.close()
    assert series(reader, "loss/train") == [(1, 2.0), (2, 1.0)]
    assert series(reader, "error/test") == [(1, 91.0), (2, 45.5)]
    assert series(reader, "error/validation") == [(2, 44.0)]
    assert series(reader, "training/smoothness") == [(2, 0.5)]
    assert series(reader, "training/rate") == [(1, pytest.approx(0.1)), (2, pytest.approx(0.05))]
    assert series(reader, "coefficients/blocks.0.k[1]") == [(1, -0.5), (2, -0.5)]
    assert set(reader.Tags()["scalars"]) == {
        "loss/train", "error/train", "error/validation", "error/test", "training/rate",
        "training/images per second", "training/smoothness", "coefficients/blocks.0.k[0]",
        "coefficients/blocks.0.k[1]", "coefficients/blocks.1.k[0][0]", "coefficients/blocks.1.k[0][1]",
    }  # fmt: skip


def test_a_resumed_run_shows_each_epoch_once(tmp_path: Path) -> None:
    """Killed after three epochs, of which the checkpoint that it goes on from has two, and the log may have more."""
    watching = accumulator(tmp_path)
    board = Board.of(tmp_path)
    for epoch in (1, 2, 3):
        board.row(row(epoch))
    board.writer.flush()  # and no close
    assert [step for step, _ in series(watching, "loss/train")] == [1, 2, 3]
    keep(tmp_path, [row(1), row(2), row(3)])
    again = Board.of(tmp_path)
    for epoch in (3, 4):
        again.row(row(epoch, shift=8.0))
    again.close()
    expected = [(1, 2.0), (2, 1.0), (3, pytest.approx(8 + 2 / 3)), (4, 8.5)]
    for reader in (accumulator(tmp_path), watching):  # opened now, and open all the while
        assert series(reader, "loss/train") == expected
        assert [step for step, _ in series(reader, "coefficients/blocks.0.k[0]")] == [1, 2, 3, 4]
    events = accumulator(tmp_path)
    events.Reload()
    times = [event.wall_time for event in events.Scalars("loss/train")]
    assert times[1] - times[0] == pytest.approx(2, abs=0.01)  # as long as the epoch took


def test_a_board_that_comes_later_has_all_the_log(tmp_path: Path) -> None:
    """Asked for when the run goes on, and not before."""
    reader = accumulator(tmp_path)
    keep(tmp_path, [row(1), row(2)])
    board = Board.of(tmp_path)
    assert not (tmp_path / "tensorboard").exists()  # a folder without a checkpoint cannot be gone on with
    board.row(row(3))
    board.close()
    assert [step for step, _ in series(reader, "error/train")] == [1, 2, 3]


def test_without_tensorboard_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError) as caught:
        Board.of(tmp_path)
    assert "pip install 'tableau2net[tensorboard]'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_damaged_log_and_a_folder_that_is_a_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "log.jsonl").write_text(json.dumps(row(1)) + "\n{\n")
    with pytest.raises(InputError, match="line 2"):
        Board.of(tmp_path).row(row(2))
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "tensorboard").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Board.of(tmp_path).row(row(1))
