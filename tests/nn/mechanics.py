"""Mechanical systems by hand, in float64: what fields with structure are compared with."""

import numpy as np
import torch
from torch import nn

G = 9.8


def double_pendulum_mass(q):
    """The mass matrix of two unit masses on two rods of length 1, (…, 2, 2)."""
    c = np.cos(q[..., 0] - q[..., 1])
    one = np.ones_like(c)
    return np.stack([np.stack([2 * one, c], -1), np.stack([c, one], -1)], -2)


def double_pendulum_acceleration(q, v):
    """Newton's equations of it, solved by Cramer's rule."""
    s, c = np.sin(q[..., 0] - q[..., 1]), np.cos(q[..., 0] - q[..., 1])
    f = -s * v[..., 1] ** 2 - 2 * G * np.sin(q[..., 0])
    g = s * v[..., 0] ** 2 - G * np.sin(q[..., 1])
    determinant = 2 - c**2
    return np.stack([(f - c * g) / determinant, (2 * g - c * f) / determinant], -1)


def double_pendulum_potential(q):
    return -2 * G * q[..., 0].cos() - G * q[..., 1].cos()


def double_pendulum_lagrangian(q, v):
    kinetic = v[..., 0] ** 2 + v[..., 1] ** 2 / 2 + v[..., 0] * v[..., 1] * (q[..., 0] - q[..., 1]).cos()
    return kinetic - double_pendulum_potential(q)


def double_pendulum_hamiltonian(q, p):
    """pᵀM⁻¹p/2 + V, the inverse written out."""
    c = (q[..., 0] - q[..., 1]).cos()
    kinetic = (p[..., 0] ** 2 - 2 * c * p[..., 0] * p[..., 1] + 2 * p[..., 1] ** 2) / (2 * (2 - c**2))
    return kinetic + double_pendulum_potential(q)


def pendulum_hamiltonian(q, p):
    return (p.square() / 2 - q.cos()).sum(-1)


def smooth_net(inputs, outputs=1, width=8, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, outputs)).double()


def numbers(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
