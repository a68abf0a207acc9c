import pytest

from tableau2net.testing import assert_consistent, schemes_in


@pytest.mark.parametrize("path", schemes_in(__file__), ids=lambda path: path.stem)
def test_scheme(path):
    assert_consistent(path)
