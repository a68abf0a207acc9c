"""Running a command in this process."""

import sys

import pytest

from tableau2net.cli import main


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command: (exit status, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tableau2net", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return (code, *capsys.readouterr())

    return call
