"""The report as a flat list of facts, each a name and a value that text, HTML and LaTeX can write."""

from tableau2net.analysis.report.facts.catalogue import LEFT_OUT, SECTIONS, facts
from tableau2net.analysis.report.facts.pieces import Fact, Piece

__all__ = ["LEFT_OUT", "SECTIONS", "Fact", "Piece", "facts"]
