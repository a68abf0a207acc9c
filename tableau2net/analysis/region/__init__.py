"""Where in the space of its parameters a scheme is zero-stable, or A-stable."""

from tableau2net.analysis.region.regions import Region, a_stable_region, region_text, zero_stable_region

__all__ = ["Region", "a_stable_region", "region_text", "zero_stable_region"]
