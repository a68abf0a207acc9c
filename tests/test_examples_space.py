"""The examples about tables in space run, and say what floats say."""

import re

import numpy as np
import pytest

from tests.example_scripts import beside_each_other, example  # noqa: F401

pytestmark = pytest.mark.usefixtures("beside_each_other")


def test_a_family_of_stencils_and_what_its_free_weight_buys(capsys):
    module = example("stencil_family")
    module.main()
    text = capsys.readouterr().out
    assert "w1 = 2/3 + 5*w3, w2 = -4*w3 - 1/12" in text
    assert "claims hold for all values" in text
    told = re.findall(r"order (\d)\s+([\d.]+) points a wave\s+rk4 to ([\d.]+)", text)
    assert [order for order, _, _ in told] == ["4", "6", "4", "4", "4"]
    theta = np.linspace(1e-4, np.pi, 400_001)
    for value, (_, points, limit) in zip(module.MEMBERS.values(), told, strict=True):
        a = [float(x) for x in (2 / 3 + 5 * _number(value), -1 / 12 - 4 * _number(value), _number(value))]
        waves = 2 * sum(w * np.sin(j * theta) for j, w in enumerate(a, 1))
        wrong = theta[np.abs(waves / theta - 1) > 0.01][0]
        assert float(points) == pytest.approx(2 * np.pi / wrong, abs=0.006)
        assert float(limit) == pytest.approx(
            np.sqrt(8) / waves.max(), abs=1e-4
        )  # rk4 is stable to 2√2 on the imaginary axis


def _number(text):
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom or 1)
