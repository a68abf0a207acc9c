"""Any residual network on any scheme: `convert`, and what it did."""

from tableau2net.nn.conversion.chains import Left
from tableau2net.nn.conversion.conversion_report import Conversion, ConvertedRun
from tableau2net.nn.conversion.turn import convert

__all__ = ["Conversion", "ConvertedRun", "Left", "convert"]
