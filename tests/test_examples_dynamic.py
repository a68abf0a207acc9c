"""The example and the page about dynamic blocks are true."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def example():
    spec = importlib.util.spec_from_file_location("example_dynamic", ROOT / "examples" / "dynamic_blocks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_refines_and_says_what_came_of_it(capsys):
    example().main(data="glyphs:140:20", epochs=2, widths=(4, 4))
    text = capsys.readouterr().out
    assert "before epoch 2 2 steps became 4" in text
    assert "states at (0.0, 0.5, 1.0, 2.0, 3.0), weights at (0.0, 0.75, 1.5, 2.25, 3.0)" in text
    found = re.findall(
        r"^(.*): (\d+) → (\d+) steps, .* error (\S+) % → (\S+) %; Σ h ‖Δθ‖₁ = (\S+)$", text, re.MULTILINE
    )
    assert [(name, int(a), int(b)) for name, a, b, *_ in found] == [
        ("weights twice as fine", 4, 4),
        ("steps twice as fine", 4, 8),
        ("steps twice as coarse", 4, 2),
        ("both twice as coarse", 4, 2),
    ]
    assert found[0][3] == found[0][4]  # the same θ(t)
    assert abs(2 * float(found[0][5]) - float(found[1][5])) <= 0.2  # intervals of half the length
