"""A report on a network before training: `summary`."""

from tableau2net.nn.overview.forward_cost import ForwardCost, cost
from tableau2net.nn.overview.network_report import BlockSummary, Summary
from tableau2net.nn.overview.summarise import summary

__all__ = ["BlockSummary", "ForwardCost", "Summary", "cost", "summary"]
