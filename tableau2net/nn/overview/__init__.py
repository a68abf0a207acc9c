"""A report on a network before training: `summary`."""

from tableau2net.nn.overview.cost import Cost, cost
from tableau2net.nn.overview.report import BlockSummary, Summary
from tableau2net.nn.overview.summarise import summary

__all__ = ["BlockSummary", "Cost", "Summary", "cost", "summary"]
