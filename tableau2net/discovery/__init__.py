"""Equations from data: PDE-Net and PDE-Net 2.0 by any scheme, and data whose equations are known."""
