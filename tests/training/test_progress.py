"""What a person sees: a bar in a terminal, plain lines in a file, no flood, and next to no time spent on it."""

import io
import re
import sys
import time
from typing import Any

import pytest

from tableau2net.training import progress
from tableau2net.training.progress import BURST, ProgressDisplay


class Screen(io.StringIO):
    """Where stderr goes to: a terminal or a file."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class Clock:
    """Time that goes on when it is told to."""

    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(progress, "time", own)
    return own


def stderr(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> Screen:
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    for name in ("TERM", "COLUMNS"):
        monkeypatch.setenv(name, {"TERM": "xterm", "COLUMNS": "120"}[name])
    return screen


def row(epoch: int, **changes: Any) -> dict[str, Any]:
    return {
        "epoch": epoch, "lr": 0.1, "train_loss": 2.3, "train_error": 90.0, "validation_error": None,
        "test_error": 91.0, "images_per_second": 312.0,
    } | changes  # fmt: skip


def test_a_log_file_has_aligned_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as CI sets it
    screen = stderr(monkeypatch, terminal=False)
    with ProgressDisplay(160, 1000, 0, quiet=False) as display:
        for epoch, changes in (
            (1, {}),
            (20, {"lr": 0.000123456, "train_loss": 12.34567, "train_error": 100.0, "images_per_second": 1234567.8}),
            (160, {"lr": 1.23456e-05, "train_loss": 0.00123, "test_error": 5.25, "images_per_second": 98765.4}),
        ):
            display.advance(1000)
            display.epoch(row(epoch, **changes))
    text = screen.getvalue()
    lines = text.splitlines()
    assert len(lines) == 3
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    for word in ("/160", "lr", "loss", "errors:", "train ", "test ", "images/s", "left"):
        assert len({line.index(word) for line in lines}) == 1, word
    assert lines[0].startswith("epoch   1/160  lr 0.1       loss  2.3000  errors: train  90.00 %  test  91.00 %")
    assert "validation" not in text
    assert "1,234,568 images/s" in lines[1]


@pytest.mark.parametrize(("epochs", "seconds"), [(400, 0.5), (160, 0.01), (10, 0.01), (30, 40.0)])
def test_many_short_epochs_are_no_flood(
    epochs: int, seconds: float, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    screen = stderr(monkeypatch, terminal=False)
    with ProgressDisplay(epochs, 50, 0, quiet=False) as display:
        for epoch in range(1, epochs + 1):
            clock.now += seconds
            display.advance(50)
            display.epoch(row(epoch))
    shown = [int(line.split()[1].split("/")[0]) for line in screen.getvalue().splitlines()]
    assert len(shown) <= min(epochs, BURST + epochs * seconds + 2)
    assert len(shown) >= min(epochs, BURST)
    assert shown == sorted(set(shown))
    assert shown[-1] == epochs
    if seconds >= 1 or epochs <= BURST:
        assert shown == list(range(1, epochs + 1))


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    screen = stderr(monkeypatch, terminal=True)
    with ProgressDisplay(160, 1000, 2500, quiet=False) as display:  # from the middle of the third epoch
        clock.now += 1
        display.advance(100)
        assert "epoch   3/160" in screen.getvalue()
        assert "100 images/s" in screen.getvalue()
        assert "26:14 left" in screen.getvalue()  # 157,400 images at 100 a second
        for _ in range(4):
            clock.now += 1
            display.advance(100)
        display.epoch(row(3))
        clock.now += 0.1
        display.advance(100)
        shown = screen.getvalue()
        clock.now += 0.1
        display.advance(100)
        assert screen.getvalue() == shown  # four drawings a second
        clock.now += 0.2
        display.advance(100)
        assert "epoch   4/160  loss 2.3000" in screen.getvalue()
    assert "epoch   3/160  lr 0.1       loss  2.3000" in screen.getvalue()


def test_a_refinement_starts_the_pace_anew(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    screen = stderr(monkeypatch, terminal=False)
    with ProgressDisplay(4, 100, 0, quiet=False) as display:
        for epoch in (1, 2):
            clock.now += 1
            display.advance(100)
            display.epoch(row(epoch))
        display.refinement({"epoch": 3}, "4 → 8 steps")
        assert display.time_left() == "-:--"
        clock.now += 10
        display.advance(100)
        display.epoch(row(3))
    lines = screen.getvalue().splitlines()
    assert lines[2] == "refined before epoch 3: 4 → 8 steps"
    assert "0:02 left" in lines[1]
    assert "0:10 left" in lines[3]


def test_the_first_epoch_is_soon_forgotten(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """In it kernels are chosen and graphs are made: the time that is left is not told by it for long."""
    screen = stderr(monkeypatch, terminal=False)
    with ProgressDisplay(20, 100, 0, quiet=False) as display:
        for epoch in range(1, 11):
            clock.now += 1000 if epoch == 1 else 1
            display.advance(100)
            display.epoch(row(epoch))
    assert "0:10 left" in screen.getvalue().splitlines()[-1]


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_says_nothing(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = stderr(monkeypatch, terminal=terminal)
    with ProgressDisplay(2, 100, 0, quiet=True) as display:
        display.advance(100)
        display.note("nothing")
        display.epoch(row(2))
    assert screen.getvalue() == ""


@pytest.mark.parametrize("terminal", [False, True])
def test_a_step_costs_next_to_nothing(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr(monkeypatch, terminal=terminal)
    best = 1.0
    with ProgressDisplay(160, 50_000, 0, quiet=False) as display:
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(500):
                display.advance(128)
            best = min(best, (time.perf_counter() - start) / 500)
    assert best < 20e-6
