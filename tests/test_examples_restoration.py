"""examples/denoise.py on squares of a photograph: what is trained restores, and each policy says its part."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.example_scripts import example
from tests.pictures import pictures


@pytest.fixture
def folders(tmp_path):
    """Twenty squares to train on, two to test on."""
    for name, count, size in (("train", 20, 40), ("test", 2, 56)):
        (tmp_path / name).mkdir()
        squares = np.concatenate([pictures(size + 2 * k)[:, 0, :size, :size] for k in range(5)])[:count]
        for i, square in enumerate(squares):
            Image.fromarray((255 * square).astype(np.uint8)).save(tmp_path / name / f"{i}.png")
    return [str(tmp_path / "train"), str(tmp_path / "test")]


@pytest.mark.slow
def test_one_level(folders, capsys):
    found = example("denoise").main([*folders, "--model", "tnrd2_3x3", "--sigma", "40", "--minutes", "0.05"])
    gained, alike = np.mean(found[40.0], 0)
    assert gained > 20 * np.log10(255 / 40) + 2  # of the noise
    assert 0.2 < alike < 1
    assert "tnrd2_3x3: 1,138 parameters" in capsys.readouterr().out


@pytest.mark.slow
def test_all_levels_and_policies(folders, tmp_path):
    out = tmp_path / "durr"
    options = ["--model", "durr-diffusion", "--sigma", "15", "50", "--levels", "15", "50", "--most", "8"]
    rows = example("denoise").main([*folders, *options, "--minutes", "0.05", "--out", str(out)])
    for sigma, own in rows.items():
        assert set(own) == {"noisy", "fixed", "table", "morozov", "learnt", "oracle"}
        for name, values in own.items():
            assert (values[:, 0] <= own["oracle"][:, 0] + 0.05).all(), (sigma, name)  # of images put back into 0 to 1
    assert rows[15.0]["table"][:, 2].max() < rows[50.0]["table"][:, 2].min()
    assert set(json.loads((tmp_path / "durr.json").read_text())) == {"15", "50"}
    assert all((tmp_path / f"durr{end}").exists() for end in (".pt", "-steps.png", "-stops.png", "-images.png"))


@pytest.mark.parametrize(
    ("options", "says"), [(["--sigma", "50", "15"], "two that rise"), (["--sigma", "-1"], "none below 0")]
)
def test_refused(folders, options, says, capsys):
    with pytest.raises(SystemExit):
        example("denoise").main([*folders, *options])
    assert says in capsys.readouterr().err
