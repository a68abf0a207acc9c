"""The scripts in examples/, run in this process."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.fixture
def beside_each_other(monkeypatch):
    """As `python examples/NAME.py` has it."""
    monkeypatch.syspath_prepend(FOLDER)


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
