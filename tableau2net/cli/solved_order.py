"""`tableau2net show --solve-order`: which values of a family's parameters reach an order."""

from __future__ import annotations

from tableau2net.analysis.search.solve_order import solve_order
from tableau2net.cli.streams import print_json
from tableau2net.scheme import CoefficientTable
from tableau2net.sinks import printable


def print_solved(table: CoefficientTable, order: int, json: bool) -> None:
    """All values of the parameters that reach an order, or that there are none."""
    found = solve_order(table, order)
    if json:
        print_json({"name": table.name, "order": order, "solutions": [s.to_dict() for s in found]})
        return
    head = f"{table.name or 'table'}, order {order}"
    print(printable(f"{head}: no values of {', '.join(table.symbols)}" if not found else f"{head}:"))
    for solution in found:
        print(printable(f"  {solution}"))
