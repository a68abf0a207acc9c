"""The script about series that are observed irregularly runs, on a tiny file, and its baselines are what they say."""

import math
import re

import pytest
import torch

from tableau2net.nn import Observed
from tests.example_scripts import beside_each_other, example  # noqa: F401

pytestmark = pytest.mark.usefixtures("beside_each_other")


@pytest.fixture
def folder(tmp_path):
    """Slow and fast waves, ten numbers each, two features."""
    (tmp_path / "Waves").mkdir()
    for part, count in (("TRAIN", 6), ("TEST", 4)):
        lines = ["@problemName Waves", "@classLabel true slow fast", "@data"]
        for i in range(count):
            waves = [[math.sin((1 + 2 * (i % 2)) * t / 3 + i + d) for t in range(10)] for d in range(2)]
            told = ":".join(",".join(f"{x:.4f}" for x in wave) for wave in waves)
            lines.append(f"{told}:{('slow', 'fast')[i % 2]}")
        (tmp_path / "Waves" / f"Waves_{part}.ts").write_text("\n".join(lines))
    return str(tmp_path)


def test_irregular_series(folder, capsys):
    example("irregular_series").main(folder, ("Waves",), seeds=2, updates=1, parameters=300, filled="Waves", fillings=1)
    text = capsys.readouterr().out
    rows = re.findall(r"^  (.*): (\d+) parameters, test error \d+\.\d ± \d+\.\d %", text, re.MULTILINE)
    assert len(rows) == 7
    assert all(200 < int(count) <= 300 for _, count in rows)
    assert len(re.findall(r"^  .*: \d+\.\d ± \d+\.\d % of the variance", text, re.MULTILINE)) == 3


def test_what_is_not_there_is_said_in_a_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        example("irregular_series").asked([str(tmp_path)])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.splitlines()[-1].count("JapaneseVowels_TRAIN.ts") == 1


def test_what_is_lost_is_not_seen():
    module = example("irregular_series")
    seen = Observed(torch.arange(6.0).expand(2, 6), torch.randn(2, 6, 1))
    kept, lost = module.thinned(seen, 0.5, 3)
    assert torch.equal(kept.mask ^ lost.mask, seen.mask)
    net = module.TorchRNN(torch.nn.GRU, 1, 3)
    other = Observed(seen.times, torch.where(kept.mask, seen.values, 9.0)).where(kept.present)
    assert torch.equal(net(kept), net(other))


def test_straight_lines_are_exact_on_lines():
    seen = Observed(torch.tensor([[0.0, 1.0, 4.0]]), torch.tensor([[[0.0], [2.0], [8.0]]]))
    at = torch.tensor([0.0, 0.5, 3.0, 5.0])
    assert example("irregular_series").straight(seen, at)[0, :, 0].tolist() == [0, 1, 6, 8]
