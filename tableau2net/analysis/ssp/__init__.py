"""Strong stability preservation: the step-size coefficient and the linear threshold factor, exactly."""

from tableau2net.analysis.ssp.coefficient import SSP, ssp

__all__ = ["SSP", "ssp"]
