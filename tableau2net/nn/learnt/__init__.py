"""Learnable coefficients of a network, and the schemes that they have become."""

from tableau2net.nn.learnt.schemes import LearntScheme, learnt_schemes

__all__ = ["LearntScheme", "learnt_schemes"]
