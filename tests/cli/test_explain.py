"""What `compile --explain` shows: the program before and after each pass, and the counts."""

import sys

import pytest
from rich.console import Console

from tableau2net.cli import explain as module
from tableau2net.cli import main
from tableau2net.cli.explain import explain
from tableau2net.codegen import Options
from tableau2net.scheme import load
from tableau2net.step import Combine


def shown(name, **options):
    found = explain(load(name), Options(**options))
    console = Console(width=110, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115
    console.print(found.shown)
    return console.export_text(), found.equal


def test_rk4():
    text, equal = shown("rk4")
    assert equal
    assert "prune    drop zeros and what nothing reads: nothing to do" in text
    assert "  +   y_new_2 = y_new_1 + 1/3 h k2   in its place" in text
    assert "equal to the step as lowered, over B-series to order 6 and in normal form, exactly" in text
    assert text.count("given y") == 2  # as lowered, and after the one pass that changes something
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.endswith("MiB")}
    assert rows["lower"] == ["4", "7", "21", "6", "4", "32", "MiB"]
    assert rows["arrange"] == ["4", "7", "21", "4", "4", "32", "MiB"]


@pytest.mark.parametrize("name", ["ssprk-104", "gauss-2", "bdf-3", "ars-343", "revnet", "lm", "hairer-10", "polynet-2"])
def test_every_kind_of_scheme_fits_the_page(name):
    text, equal = shown(name)
    assert equal
    assert all(len(line.rstrip()) <= 110 for line in text.splitlines())


def test_options_count():
    assert "fsal" in shown("bogacki-shampine-32", step_weights="shared", reveal=("error",))[0]
    text, equal = shown("rk4", coefficients="free")
    assert equal
    assert "y2 = y + a21 h k1" in text
    assert "64 MiB" in text  # four states and four slopes


def test_a_pass_that_changes_the_scheme_is_called_out(monkeypatch, capsys):
    from dataclasses import replace

    real = module.program

    def wrong(scheme, options):
        found = real(scheme, options)
        last = found.passes[-1]
        *others, end = last.step.operations
        end = Combine(end.target, tuple((2 * c if v == "k4" else c, v) for c, v in end.terms))
        broken = replace(last, step=replace(last.step, operations=(*others, end)))
        return replace(found, passes=(*found.passes[:-1], broken))

    monkeypatch.setattr(module, "program", wrong)
    monkeypatch.setattr(sys, "argv", ["tableau2net", "compile", "rk4", "--explain"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "NOT THE SAME SCHEME: y_new differs: at the tree τ" in capsys.readouterr().out


def test_the_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tableau2net", "compile", "ssprk-43", "--explain"])
    main()
    out = capsys.readouterr().out
    assert "after" in out
    assert "class " not in out
