"""Finished runs side by side: read, put into rows, tested against a baseline, and written as a table.

finished   a run as its folder has it
rows       runs alike in all but their seed, taken together
significance, baseline   paired tests, and which run is paired with which
protocol   what was trained on what: the caption
sheet      rows as cells; formats writes them as Markdown, LaTeX, CSV and JSON
"""

from tableau2net.comparison.assembled import Table
from tableau2net.comparison.baseline import Against, against
from tableau2net.comparison.protocol import Published
from tableau2net.comparison.rows import Row, Spread, compare
from tableau2net.runs.finished import Finished, read_finished, read_result

__all__ = [
    "Against",
    "Finished",
    "Published",
    "Row",
    "Spread",
    "Table",
    "against",
    "compare",
    "read_finished",
    "read_result",
]
