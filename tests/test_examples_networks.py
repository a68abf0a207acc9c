"""The scripts about networks run, on tiny data, and say what their reader came for."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch

import tableau2net as t2n

FOLDER = Path(__file__).parents[1] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(name, capsys, **sizes):
    """What an example prints, run in this process on less data."""
    example(name).main(**sizes)
    return capsys.readouterr().out


def test_vit_additive(capsys):
    text = said("vit_additive", capsys, pictures=10, passes=2)
    assert re.findall(r"^(.*): order (\d), (\d) evaluations", text, re.MULTILINE) == [
        ("parallel", "1", "2"),
        ("one after the other", "1", "2"),
        ("second order", "2", "4"),
    ]


def test_the_second_transformer_is_the_usual_one():
    """z = y + attention(y), y⁺ = z + mlp(z), layer by layer."""
    module = example("vit_additive")
    net = module.ViT(t2n.AdditiveRungeKutta(module.TRANSFORMERS["one after the other"])).double()
    y = tokens = torch.randn(2, 16, 32, dtype=torch.float64)
    for attention, mlp in net.block.fields:
        y = y + attention(y)
        y = y + mlp(y)
    torch.testing.assert_close(net.block(tokens), y, rtol=1e-12, atol=1e-12)


def test_time_series(capsys):
    lines = said("time_series", capsys, count=16, passes=2, width=4).splitlines()
    assert [line.split(":")[0] for line in lines] == ["lm", "adams-bashforth-2", "adams-bashforth-3"]
    assert "k = [" in lines[0]


def test_neural_ode(capsys):
    text = said("neural_ode", capsys, pictures=8, width=4, passes=2)
    evaluations = [int(n) for n in re.findall(r"(\d+) evaluations", text)]
    assert len(evaluations) == 3
    assert evaluations == sorted(evaluations)
    kept = {way: (float(a), float(b)) for way, a, b in re.findall(r"'(\w+)' keeps ([\d.]+) .* ([\d.]+) MiB", text)}
    assert set(kept) == {"store", "checkpoint", "reversible"}


def test_multilevel(capsys):
    text = said("multilevel", capsys, pictures=8, passes=1)
    assert re.findall(r"(\d+) steps with h = ([\d.]+)", text) == [("4", "1"), ("8", "0.5"), ("16", "0.25")]
    assert len(re.findall("refined: loss", text)) == 2


def test_implicit_skips(capsys):
    text = said("implicit_skips", capsys, width=4, steps=20)
    explicit, implicit = re.search(r"h·rate = 3.0: .* explicit (\S+), implicit (\S+)", text).groups()
    assert abs(float(explicit.rstrip(","))) > 1e5
    assert abs(float(implicit)) < 1e-4
    assert float(re.search(r"cosine of (\S+)", text)[1]) > 0.99


@pytest.mark.parametrize("name", ["vit_additive", "time_series", "neural_ode", "multilevel", "implicit_skips"])
def test_examples_are_short(name):
    assert len([line for line in (FOLDER / f"{name}.py").read_text().splitlines() if line.strip()]) < 60
