"""Property testing of schemes: random members of every family, and one assertion that everything about one agrees.

    from tableau2net.testing import assert_consistent, schemes_in

    @pytest.mark.parametrize("path", schemes_in(__file__))
    def test_scheme(path):
        assert_consistent(path)

Needs the extra: ``pip install 'tableau2net[testing]'``.
"""

try:
    from tableau2net.testing.draw import rationals
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise ModuleNotFoundError(
        "tableau2net.testing draws schemes with hypothesis: pip install 'tableau2net[testing]'", name="hypothesis"
    ) from None
from tableau2net.testing.consistent import Consistency, assert_consistent, schemes_in
from tableau2net.testing.degenerate import FAMILIES, degenerate
from tableau2net.testing.measured_order import measured_order
from tableau2net.testing.random_general_linear import as_general_linear, general_linear
from tableau2net.testing.random_multistep import additive_multistep, multistep
from tableau2net.testing.random_parts import additive_runge_kutta, partitioned_runge_kutta
from tableau2net.testing.random_runge_kutta import runge_kutta

__all__ = [
    "FAMILIES",
    "Consistency",
    "additive_multistep",
    "additive_runge_kutta",
    "as_general_linear",
    "assert_consistent",
    "degenerate",
    "general_linear",
    "measured_order",
    "multistep",
    "partitioned_runge_kutta",
    "rationals",
    "runge_kutta",
    "schemes_in",
]
