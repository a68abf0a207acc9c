"""What the findings of a stencil share: a row that reads stencils, and what stands before a number."""

from __future__ import annotations

from typing import Any

from sympy import Expr

from tableau2net.analysis.report.finding import Finding
from tableau2net.analysis.report.pieces import number
from tableau2net.scheme import Stencil


def of_stencil(key: str, name: str, find: Any, **row: Any) -> Finding:
    """A finding of stencils."""
    return Finding(key, name, find, reads=Stencil, **row)


def is_equal(value: Expr) -> str:
    """What stands before a number, which may be written as ≈ and decimals."""
    return "" if number(value).startswith("≈") else "= "
