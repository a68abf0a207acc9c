"""Cycles of two levels beside PyMGRIT's, where it and an MPI are installed (pip install pymgrit mpi4py mpich)."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

pytest.importorskip("mpi4py.MPI", reason="PyMGRIT needs MPI", exc_type=Exception)
pytest.importorskip("pymgrit")

from pymgrit.core.application import Application
from pymgrit.core.mgrit import Mgrit
from pymgrit.core.vector import Vector

import tableau2net as t2n
from tests.fields import Mixed

STEPS = 24


class State(Vector):
    """A state of the block, as PyMGRIT wants it."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def __add__(self, other):
        return State(self.value + other.value)

    def __sub__(self, other):
        return State(self.value - other.value)

    def __mul__(self, factor):
        return State(self.value * factor)

    def norm(self):
        return float(self.value.norm())

    def clone(self):
        return State(self.value.clone())

    def clone_zero(self):
        return State(torch.zeros_like(self.value))

    def clone_rand(self):
        return State(torch.rand_like(self.value))

    def set_values(self, values):
        self.value = values

    def get_values(self):
        return self.value

    def pack(self):
        return self.value

    def unpack(self, values):
        self.value = values


class Steps(Application):
    """The block's steps, of the length that its points are apart; the field is that of the step's beginning."""

    def __init__(self, block, y, points):
        super().__init__(t_interval=np.asarray(points, dtype=float))
        self.block = block
        self.vector_template, self.vector_t_start = State(torch.zeros_like(y)), State(y)

    def step(self, u_start, t_start, t_stop):
        field = self.block.fields[round(t_start)]
        return State(self.block.step(field, (t_stop - t_start) * self.block.h, u_start.value))


@pytest.mark.parametrize(("relaxation", "m"), [("FCF", 4), ("F", 4), ("FCF", 3)])
@torch.no_grad()
def test_the_same_cycles(relaxation, m, monkeypatch):
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)  # gone since numpy 2.4
    torch.manual_seed(0)
    block = t2n.compile("rk2")([Mixed(5) for _ in range(STEPS)], 0.2).double().eval()
    y = torch.randn(3, 5, dtype=torch.float64)
    last = block(y)
    for cycles in (1, 2):
        levels = [Steps(block, y, range(0, STEPS + 1, each)) for each in (1, m)]
        peer = Mgrit(
            problem=levels, max_iter=cycles, tol=0.0, cf_iter=int(relaxation == "FCF"), logging_lvl=logging.ERROR
        )
        peer.solve()
        ours = block.parallel(2, m, relaxation).trajectory(y, cycles=cycles)
        for n in range(STEPS + 1):
            torch.testing.assert_close(ours[n], peer.u[0][n].value, rtol=1e-13, atol=1e-14)
        assert not torch.allclose(ours[STEPS], last, rtol=1e-13, atol=1e-14)  # not there yet
