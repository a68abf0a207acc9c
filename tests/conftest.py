"""Settings for all tests: no deadlines on a shared machine, and in CI the same examples every time. What they share.

What a fixture needs is imported by it: tests about schemes wait for no torch.
"""

import os
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: threads of torch would only be in each other's way
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

settings.register_profile("tableau2net", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tableau2net")


@pytest.fixture(autouse=True)
def environment():
    """As it was, after each test: the command line sets what its children shall find, in this process too."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process: (exit status, stdout, stderr)."""
    from tableau2net.cli import main

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tableau2net", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def doubles():
    """Double precision by itself."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def data():
    """330 digits to train on, 30 held out, 60 to test on."""
    from tableau2net.training import load_data

    return load_data("glyphs:360:60", validation=30)


@pytest.fixture(scope="session")
def network():
    """Makes the same small untrained network each time, with all that a resumed run could get wrong: momentum, BN,
    dropout."""
    import torch
    from torch import nn

    def make():
        torch.manual_seed(5)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def undrawn():
    """Curves take longer to draw than small runs to train."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tableau2net.training.run.draw_curves", lambda *_: b"")
        yield
